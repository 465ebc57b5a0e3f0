"""The command `rouse` and the configuration: behaviour, exit codes, and what comes out as data."""

import datetime
import json
import os
import re
import subprocess
import time

import netns
import pytest
from guard import program
from scenes import asleep, check_connected, wait_quiet

pytestmark = pytest.mark.needs_guard


def iso(text):
    moment = datetime.datetime.fromisoformat(text)
    assert moment.tzinfo is not None, f"{text} has no offset"
    return moment


def test_status_json_is_as_documented(lan):
    nas = lan.machine("nas", boot=0.5, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22 udp/9987 tcp/8000-8010"})
    item = guard.status("nas")
    assert {"name", "mac", "state", "since", "addresses", "rules", "last_wake"} <= set(item)
    assert (item["name"], item["mac"], item["state"]) == ("nas", nas.mac, "asleep")
    assert item["addresses"] == [nas.v4, nas.v6] and item["rules"] == ["tcp/22", "udp/9987", "tcp/8000-8010"]
    assert item["last_wake"] is None
    assert abs((iso(item["since"]) - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 10
    attempt = lan.client.connect(nas.v4).wait(10)
    guard.wait_state("nas", "awake")
    last = netns.wait_until(lambda: (wake := guard.status("nas")["last_wake"])["ready_seconds"] and wake, 10, what="ready")
    assert set(last) >= {"by", "from", "to", "at", "attempts", "awake_seconds", "ready_seconds", "replayed"}
    assert last["by"] == "knock" and last["from"] == f"{lan.client.v4}:{attempt.sock.getsockname()[1]}" and last["to"] == "tcp/22"
    iso(last["at"])
    assert abs(last["ready_seconds"] - attempt.seconds) < 1
    text = guard.rouse("status").stdout
    assert "nas" in text and "awake" in text and "\x1b" not in text
    one = guard.rouse("status", "nas").stdout
    assert nas.v6 in one


def test_wake_wait_exit_codes(lan):
    nas = lan.machine("nas", boot=0.7, dad="off")
    dead = lan.machine("dead", boot=None, dad="off")
    guard = asleep(lan, nas, dead, wake={"attempts": 1, "interval": "1s"})
    start = time.monotonic()
    out = guard.rouse("wake", "nas", "--wait")
    assert re.search(r"\d", out.stdout) and 0.6 < time.monotonic() - start < 10
    assert nas.valid_magics(start) and guard.state("nas") == "awake"
    assert guard.rouse("wake", "nas", "--wait", check=False).returncode == 0, "already awake"
    gone = guard.rouse("wake", "dead", "--wait", "--json", check=False)
    assert gone.returncode == 4 and json.loads(gone.stdout), gone
    assert guard.rouse("wake", "nobody", "--wait", check=False).returncode == 3
    assert guard.rouse("wake", "nobody", check=False).returncode == 3
    assert guard.rouse("status", "nobody", check=False).returncode == 3
    for wrong in ([], ["wake"], ["frobnicate"], ["wake", "nas", "--wait=soon"], ["add", "x"], ["status", "--bad"]):
        assert guard.rouse(*wrong, check=False).returncode == 2, wrong
    awake = [e for e in guard.events("nas") if e["event"] == "awake"][-1]
    assert awake["by"] == "request"


def test_no_guard_is_exit_1(tmp_path):
    out = subprocess.run([program("rouse"), "--socket", str(tmp_path / "none.sock"), "status"], capture_output=True, text=True)
    assert out.returncode == 1 and "none.sock" in out.stderr


def test_wake_wait_gives_up_in_time(lan):
    nas = lan.machine("nas", boot=None, dad="off")
    guard = asleep(lan, nas)
    start = time.monotonic()
    assert guard.rouse("wake", "nas", "--wait=2", check=False).returncode in (1, 4)
    assert 1.8 < time.monotonic() - start < 10


@pytest.mark.asan
def test_add_and_remove_act_at_once_and_survive(lan):
    nas = lan.machine("nas", boot=0.5, dad="off")
    disk = lan.machine("disk", boot=0.5, dad="off")
    guard = lan.guard([disk])
    guard.rouse("add", "nas", "--mac", nas.mac, "--address", nas.v4, "--address", nas.v6, "--on", "tcp/22", "--on", "echo")
    assert guard.status("nas")["rules"] == ["tcp/22", "echo"]
    for clash in (["add", "nas", "--mac", "52:54:00:00:77:01"], ["add", "x", "--mac", nas.mac],
                  ["add", "x", "--mac", "52:54:00:00:77:01", "--address", nas.v4]):
        out = guard.rouse(*clash, check=False)
        assert out.returncode == 1 and out.stderr.strip(), clash
    for wrong in (["add", "x", "--mac", "nonsense"], ["add", "x", "--mac", "52:54:00:00:77:01", "--address", "192.0.2.999"],
                  ["add", "x", "--mac", "52:54:00:00:77:01", "--on", "tcp/99999"]):
        assert guard.rouse(*wrong, check=False).returncode in (1, 2), wrong
    guard.kill()
    guard.restart()
    assert guard.status("nas")["addresses"] == [nas.v4, nas.v6]
    nas.sleep()
    guard.wait_state("nas", "asleep")
    check_connected(lan.client.connect(nas.v6).wait(10), nas, nas.v6)
    out = guard.rouse("remove", "disk", check=False)
    text = guard.config_text()
    line = text[:text.index('[machine "disk"]')].count("\n") + 1
    assert out.returncode == 1 and str(line) in out.stderr, out.stderr
    guard.rouse("remove", "nas")
    assert guard.status("nas") is None
    assert guard.rouse("remove", "nas", check=False).returncode == 3
    guard.kill()
    guard.restart()
    assert guard.status("nas") is None and guard.status("disk")


def test_removed_while_asleep_releases_the_claim(lan):
    nas = lan.machine("nas", boot=None, dad="off")
    guard = lan.guard([])
    guard.rouse("add", "nas", "--mac", nas.mac, "--address", nas.v4)
    nas.sleep()
    guard.wait_state("nas", "asleep")
    lan.client.learn(nas.v4)
    assert lan.client.neighbour(nas.v4)[0]
    guard.rouse("remove", "nas")
    lan.other.ping(nas.v4, timeout=0.3)
    assert lan.other.neighbour(nas.v4)[0] is None


def test_log_json_follow_and_names(lan):
    nas = lan.machine("nas", boot=0.5, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    follower = subprocess.Popen([program("rouse"), "--socket", guard.socket, "log", "-f", "--json"], stdout=subprocess.PIPE, text=True)
    try:
        lan.client.connect(nas.v4).wait(10)
        netns.wait_until(lambda: [e for e in guard.events("nas") if e["event"] == "ready"], 10, what="ready")
        time.sleep(0.5)
    finally:
        follower.terminate()
        out, _ = follower.communicate(timeout=5)
    kinds = [json.loads(line)["event"] for line in out.splitlines()]
    for kind in ("knock", "awake", "ready"):
        assert kind in kinds, kinds
    human = guard.rouse("log").stdout
    assert "knock from" in human and "tcp/22" in human
    assert guard.rouse("log", "nobody", check=False).returncode == 3
    log = guard.log()
    assert re.search(rf"nas: knock from {lan.client.v4}:\d+ to tcp/22", log)
    assert len(re.findall(r"magic packet sent \(1/3\)", log)) == 1
    assert re.search(r"awake after \d+\.\d+ s", log) and re.search(r"tcp/22 answered after \d+\.\d+ s", log)
    assert re.search(r"\d+ packets? replayed", log)


def test_help_has_an_example():
    for command in ("status", "wake", "add", "remove", "log", "register"):
        out = subprocess.run([program("rouse"), command, "--help"], capture_output=True, text=True)
        assert out.returncode == 0 and re.search(rf"rouse .*{command}", out.stdout), command
        assert "xample" in out.stdout, command


def test_register_command(lan):
    nas = lan.machine("nas", boot=0.5, dad="off")
    guard = lan.guard([])
    out = nas.ns.run(program("rouse"), "register", "--guard", lan.guard_host.v4, check=False)
    assert out.returncode == 0, out.stderr + out.stdout
    item = guard.status()[0]
    assert item["mac"] == nas.mac and nas.v4 in item["addresses"] and nas.v6 in item["addresses"]
    assert item["state"] == "drowsy"
    refused = lan.other.ns.run(program("rouse"), "register", "--guard", f"{lan.client.v4}:13717", check=False)
    assert refused.returncode == 1


def test_check_prints_what_it_understood_or_every_error(tmp_path):
    good = tmp_path / "good.conf"
    good.write_text('[guard]\ninterface = eth0\n[machine "nas"]\nmac = be:ef:fa:ce:c0:de\naddress = 192.0.2.50\nwake-on = tcp/22\n')
    out = subprocess.run([program("roused"), "--check", "-c", str(good)], capture_output=True, text=True)
    assert out.returncode == 0 and "be:ef:fa:ce:c0:de" in out.stdout and "tcp/22" in out.stdout
    bad = tmp_path / "bad.conf"
    bad.write_text('[guard]\nport = 99999\nnonsense = 1\n[machine "nas"]\nmac = 12\nwake-on = tcp/x\n')
    out = subprocess.run([program("roused"), "--check", "-c", str(bad)], capture_output=True, text=True)
    assert out.returncode == 2
    for line in (2, 3, 5, 6):
        assert re.search(rf"bad\.conf:{line}\b", out.stderr + out.stdout), (line, out.stderr)
    out = subprocess.run([program("roused"), "-c", str(bad)], capture_output=True, text=True, timeout=10)
    assert out.returncode == 2


def test_reload_loses_no_machine(lan):
    nas = lan.machine("nas", boot=0.5, dad="off")
    disk = lan.machine("disk", boot=0.5, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    guard.rouse("add", "box", "--mac", "52:54:00:00:77:01", "--address", "192.0.2.77")
    before = time.monotonic()
    guard.machines.append(disk)
    guard.rules["nas"] = "tcp/22 tcp/445"
    guard.reload()
    end = time.monotonic() + 15
    while not guard.status("disk"):
        assert time.monotonic() < end, guard.log()
        time.sleep(0.05)
    assert guard.status("nas")["rules"] == ["tcp/22", "tcp/445"] and guard.state("nas") == "asleep" and guard.status("box")
    with open(guard.config_path, "a", encoding="utf-8") as file:
        file.write("[guard]\nbroken = yes\n")
    mark = len(guard.log())
    guard.process.send_signal(1)
    guard.wait_log(r"roused\.conf:\d+", after=mark)
    assert len(guard.status()) == 3 and not nas.valid_magics(before)
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)


def test_control_socket_is_not_for_everybody(lan):
    guard = lan.guard([])
    assert os.stat(guard.socket).st_mode & 0o007 == 0


def test_colours_only_where_wanted(lan):
    guard = lan.guard([])
    out = subprocess.run(["script", "-qec", f"{program('rouse')} --socket {guard.socket} status", "/dev/null"],
                         capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert "\x1b[3" not in out.stdout
    wait_quiet(0)


def test_who_asked_is_in_the_events(lan):
    nas = lan.machine("nas", boot=0.5, dad="off")
    guard = lan.guard([])
    guard.rouse("add", "nas", "--mac", nas.mac, "--address", nas.v4)
    nas.sleep()
    guard.wait_state("nas", "asleep")
    guard.rouse("wake", "nas", "--wait")
    assert guard.status("nas")["last_wake"]["who"] == f"uid {os.getuid()}"
    guard.rouse("remove", "nas")
    who = {event["event"]: (event["by"], event["who"]) for event in guard.events()}
    assert {who[kind] for kind in ("added", "request", "removed")} == {("request", f"uid {os.getuid()}")}, who
    assert f"nas: wake requested by uid {os.getuid()}; magic packet sent (1/3)" in guard.log()


def test_reload_while_a_machine_wakes_loses_no_connection(lan):
    """SIGHUP with the same file, and with other rules, while packets are held for a machine that boots."""
    machines = [lan.machine(f"m{i}", boot=4.0, dad="off") for i in range(2)]
    same, changed = machines
    guard = asleep(lan, *machines, rules={machine.name: "tcp/22" for machine in machines})
    attempts = [lan.client.connect(machine.address(family)) for machine in machines for family in (4, 6)]
    for machine in machines:
        guard.wait_state(machine.name, "waking")
    guard.rules[changed.name] = "tcp/22 tcp/445"
    mark = len(guard.log())
    guard.reload()
    guard.wait_log("m1: its description changed", after=mark)
    assert "m0: its description changed" not in guard.log()
    assert {guard.state(machine.name) for machine in machines} == {"waking"}
    for attempt, machine, family in zip(attempts, [same, same, changed, changed], [4, 6, 4, 6]):
        check_connected(attempt.wait(15), machine, machine.address(family))
    assert len([e for e in guard.events() if e["event"] == "knock"]) == 2
