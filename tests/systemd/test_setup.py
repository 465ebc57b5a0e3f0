"""`rouse setup` in a Debian with our units: from nothing to the proof, as a new user does it; and `rouse doctor` there."""

import json

import pytest


def run_setup(scene, *argv, check=True):
    out = scene.box.run("rouse", "setup", "--yes", "--json", *argv, check=False, timeout=120)
    assert out.stdout, out.stderr
    result = json.loads(out.stdout)
    assert out.returncode == 0 or not check, (result, scene.guard.log(), scene.box.output())
    return out.returncode, result


def test_from_nothing_to_the_proof(make_scene):
    scene = make_scene(paired=False)
    scene.box.run("systemctl", "disable", "--quiet", "--now", "rouse-sleeper", "rouse-sleeper-goodbye")
    with scene.guard.pairing() as (code, _):
        _, result = run_setup(scene, "--guard", scene.lan.guard_host.v4, "--code", code, "--no-alarm")
    assert [item["result"] for item in result["steps"]] == ["done", "warning", "done", "done", "done", "done"], result
    assert scene.box.run("systemctl", "is-enabled", "rouse-sleeper-goodbye").stdout.strip() == "enabled"
    assert scene.box.run("systemctl", "is-enabled", "rouse-sleeper").stdout.strip() == "enabled"
    # It truly slept, once, and a magic packet woke it.
    assert len(scene.box.sleeps) == 1 and scene.box.boots[-1].reason == "magic"
    test = result["test"]
    assert test["result"] == "ok" and 0 < test["asleep_seconds"] < 10 and 0 < test["awake_seconds"] < 5, test
    ssh = next(item for item in test["ready"] if item["port"] == "tcp/22")
    assert ssh["seconds"] >= test["awake_seconds"] - 0.1
    assert any(item["rule"] == "tcp/22" and item["on"] and "ssh" in item["unit"] for item in result["services"])
    # What a person sees says the same; the pairing is kept.
    out = scene.box.run("rouse", "setup", "--yes", "--no-alarm", timeout=120)
    assert "kept" not in out.stdout and "already" in out.stdout
    assert "asleep after" in out.stdout and "awake in" in out.stdout and "ssh answered in" in out.stdout, out.stdout
    assert scene.goodbyes() == 2 and scene.lease() == "held"


def test_nothing_sleeps_unless_it_was_agreed(make_scene):
    scene = make_scene(paired=True)
    status, result = run_setup(scene, check=False)
    assert status == 1 and "--no-alarm" in result["steps"][-1]["text"], "there is no clock with an alarm in a box"
    out = scene.box.run("rouse", "setup", input="\nn\n", check=False)
    assert out.returncode == 0 and "[y/N]" in out.stdout and "skipped" not in out.stderr
    run_setup(scene, "--no-test")
    assert scene.box.sleeps == []


def test_a_machine_that_nothing_wakes_fails_the_test(make_scene):
    """Its NIC hears no magic packet: the proof says so instead of hoping. Somebody presses the button."""
    scene = make_scene(paired=True)
    lan = scene.lan
    scene.guard.wake_keys = {"attempts": 1, "interval": "2s"}
    scene.guard.reload()
    lan.loop.unwatch(scene.box.nic)
    lan.loop.call(lan.loop.later, 15.0, lambda: scene.box.press_button(0.0))
    status, result = run_setup(scene, "--no-alarm", check=False)
    assert status == 4 and result["result"] == "failed", result
    assert result["steps"][-1]["step"] == "test" and "doctor" in result["steps"][-1]["text"]


def doctor(scene):
    out = scene.box.run("rouse", "doctor", "--json", check=False)
    found = {item["code"]: item for item in json.loads(out.stdout)["checks"]}
    assert out.returncode == 1, "a virtual port cannot wake"
    for code in ("WOL-SUPPORT", "SLEEP-RTC"):
        assert found[code]["result"] == "problem", found[code]
    return found


@pytest.mark.parametrize("network", ["ifupdown", "networkmanager"])
def test_doctor(make_scene, network):
    scene = make_scene(network=network)
    found = doctor(scene)
    for code in ("NET-SEGMENT", "NET-LEASE", "GUARD-REACHABLE", "GUARD-PAIRED", "SLEEPER-RUNNING", "GUARD-LEASE", "SLEEP-STATES",
                 "POWER-TOOLS", "POWER-NM", "WOL-LINK"):
        assert found[code]["result"] == "ok", found[code]
    assert ("does not run" in found["POWER-NM"]["evidence"]) == (network == "ifupdown")
    if network == "networkmanager":
        scene.box.run("sh", "-c", "printf '[ethernet]\\nwake-on-lan=0\\n' >>/etc/NetworkManager/system-connections/lan.nmconnection")
        assert doctor(scene)["POWER-NM"]["result"] == "problem"
