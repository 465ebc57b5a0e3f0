"""`rouse setup` on a machine against a real guard, and `rouse doctor` on both boxes.

The safe test needs a machine that can sleep: tests/systemd has it.
"""

import contextlib
import json
import re
import shutil
import socket
import stat
import subprocess
import threading

import pytest
from guard import program
from netns import wait_until

pytestmark = pytest.mark.needs_guard

# Whatever init system this box has is not to be touched: /run is empty for the machine.
PRIVATE = ["sh", "-c", 'mount -t tmpfs -o mode=755 none /run && exec "$@"', "sh"]


def wrong(code):
    return f"{(int(code) + 1) % 1000000:06}"


class Setup:
    """A machine's box."""

    def __init__(self, host, folder):
        self.host, self.state = host, folder / f"state-{host.name}"

    def rouse(self, *argv, **more):
        return self.host.ns.run(*PRIVATE, program("rouse"), *argv, check=False, **more)

    def setup(self, *argv, **more):
        """(exit status, the result)"""
        out = self.rouse("setup", "--state", str(self.state), "--yes", "--json", "--no-test", *argv, **more)
        assert out.stdout, out.stderr
        return out.returncode, json.loads(out.stdout)

    @property
    def file(self):
        return self.state / "pairing.json"


@pytest.fixture
def box(lan, tmp_public):
    return Setup(lan.other, tmp_public)


def step(result, name):
    return next((item for item in result["steps"] if item["step"] == name), None)


def test_pairs_and_keeps(lan, box):
    guard = lan.guard([])
    with guard.pairing() as (code, process):
        status, result = box.setup("--guard", lan.guard_host.v4, "--code", code, "--name", "nas")
        assert process.wait(15) == 0
    assert status == 0 and result["result"] == "ok", result
    assert (result["guard"], result["guard_port"], result["name"]) == (lan.guard_host.v4, 13717, "nas")
    assert (result["interface"], result["mac"], result["wake_on_lan"]) == ("eth0", box.host.mac, "unsupported")
    assert result["paired"] is True and result["kept"] is False and result["test"] is None
    assert [item["step"] for item in result["steps"]] == ["guard", "port", "pairing", "sleeper", "services", "test"]
    assert step(result, "port")["result"] == "warning", "a virtual port cannot wake: that is said"
    stored = json.loads(box.file.read_text())
    assert stored["guard"] == lan.guard_host.v4 and stored["mac"] == box.host.mac and stored["name"] == "nas"
    assert stat.S_IMODE(box.file.stat().st_mode) == 0o600
    # Again: nothing is asked, nothing changes.
    before = box.file.read_bytes()
    status, result = box.setup()
    assert status == 0 and result["kept"] is True and step(result, "pairing")["result"] == "kept"
    assert box.file.read_bytes() == before
    # Anew, when it is wanted.
    with guard.pairing() as (code, _):
        status, result = box.setup("--again", "--code", code)
    assert status == 0 and result["kept"] is False
    assert box.file.read_bytes() != before


def test_wrong_code_then_right(lan, box):
    guard = lan.guard([])
    with guard.pairing() as (code, _):
        status, result = box.setup("--guard", lan.guard_host.v4, "--code", wrong(code))
        assert status == 1 and result["result"] == "failed" and not box.file.exists()
        assert "wrong" in step(result, "pairing")["text"]
        # A person types it: once wrong, once no code at all, then right.
        out = box.rouse("setup", "--state", str(box.state), "--no-test", "--guard", lan.guard_host.v4,
                        input=f"{wrong(code)}\n12\n{code[:3]} {code[3:]}\n\n\n")
        assert out.returncode == 0 and "Try again" in out.stdout and "paired with" in out.stdout, out
    assert box.file.exists()


def test_three_wrong_tries_end_the_code(lan, box):
    guard = lan.guard([])
    with guard.pairing() as (code, _):
        for _ in range(3):
            status, result = box.setup("--guard", lan.guard_host.v4, "--code", wrong(code))
            assert status == 1
        status, result = box.setup("--guard", lan.guard_host.v4, "--code", code)
    assert status == 1 and not box.file.exists(), "the right code is spent too"
    assert "rouse pair" in step(result, "pairing")["text"]


def test_no_code_is_open_and_none_is_given(lan, box):
    lan.guard([])
    status, result = box.setup("--guard", lan.guard_host.v4, "--code", "123456")
    assert status == 1 and "rouse pair" in step(result, "pairing")["text"]
    status, result = box.setup("--guard", lan.guard_host.v4)
    assert status == 1 and "--code" in step(result, "pairing")["text"]
    assert not box.file.exists()


def test_no_guard(lan, box):
    status, result = box.setup("--code", "123456")
    assert status == 1 and "none answers" in step(result, "guard")["text"] and len(result["steps"]) == 1
    status, result = box.setup("--code", "123456", "--guard", lan.guard_host.v4)
    assert status == 1 and "no guard answers at" in step(result, "guard")["text"]
    out = box.rouse("setup", "--state", str(box.state), input="")
    assert out.returncode == 1 and "rouse pair" in out.stderr


def test_finds_the_guard(lan, box):
    """By multicast DNS; the interface is the one towards it, not that of the default route."""
    guard = lan.guard([])
    box.host.ns.ip("link add eth1 type veth peer name eth2", "link set eth1 up", "link set eth2 up", "addr add 198.51.100.2/24 dev eth1",
                   "route add default via 198.51.100.1 dev eth1")
    with guard.pairing() as (code, _):
        status, result = box.setup("--code", code)
    assert status == 0, result
    assert result["interface"] == "eth0" and result["mac"] == box.host.mac
    assert result["guard"] == lan.guard_host.v4 and "mDNS" in step(result, "guard")["text"]


def test_two_guards_are_listed(lan, box):
    second = lan.host("second", 21)
    guards = [lan.guard([]), lan.guard([], host=second)]
    with guards[0].pairing(), guards[1].pairing() as (code, _):
        status, result = box.setup("--code", code)
        assert status == 1 and "2 guards" in step(result, "guard")["text"] and "--guard" in step(result, "guard")["text"]
        out = box.rouse("setup", "--state", str(box.state), "--no-test", "--code", code, input="9\n1\n")
        assert re.findall(r"^  \d  .* at (\S+)$", out.stdout, re.M)[:2] == [lan.guard_host.v4, second.v4], "in this order, always"
        assert out.returncode == 1 and "wrong" in out.stderr, out
        out = box.rouse("setup", "--state", str(box.state), "--no-test", "--code", code, input="2\n\n")
        assert out.returncode == 0, out
    assert json.loads(box.file.read_text())["guard"] == second.v4


SHARE = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.mark.parametrize("says", [
    b"", b"\n", b"OK.\0", b"{}\n", b"[" * 30000, b"x" * 70000, b'{"pair":{"id":"AQIDBAUGBwgJ"}}\n', b'{"paired":"AQIDBAUGBwgJ"}\n',
    b'{"error":"busy","text":"\x1b[2Jlater"}\n',
    # The identity as a share; and a tag that is nobody's.
    b'{"pair":{"id":"AQIDBAUGBwgJ","share":"%s","tag":"%s"}}\n' % (SHARE.encode(), SHARE.encode()),
    b'{"pair":{"id":"AQIDBAUGBwgJ","share":"4vKuCmqq8feYx_YGhC1uMpOkRsrB0kC-d7p5w0TTWHY","tag":"%s"}}\n' % SHARE.encode(),
], ids=range(11))
def test_what_answers_is_no_guard(lan, box, says):
    """Whatever the other side says, nothing is stored and the person is told."""
    with lan.guard_host.ns.entered():
        listener = socket.create_server((lan.guard_host.v4, 13717))

    def serve():
        with contextlib.suppress(OSError):
            for _ in range(2):                          # one connection to see that it is there, one to pair
                client, _ = listener.accept()
                with client:
                    client.settimeout(5)
                    if client.recv(65536):
                        client.sendall(says)
                        client.shutdown(socket.SHUT_WR)
                        client.recv(65536)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        status, result = box.setup("--guard", lan.guard_host.v4, "--code", "123456")
    finally:
        listener.close()
        thread.join(6)
    assert status == 1 and step(result, "pairing")["result"] == "failed" and not box.file.exists()
    assert "\x1b" not in json.dumps(result)


def checks_of(out):
    checks = json.loads(out.stdout)["checks"]
    for item in checks:
        assert set(item) == {"code", "title", "result", "evidence", "remedy"}
        assert item["result"] in ("ok", "problem", "cannot know") and item["evidence"] and "\n" not in item["evidence"]
        assert (item["remedy"] is None) == (item["result"] == "ok"), item
    assert out.returncode == int(any(item["result"] == "problem" for item in checks))
    return {item["code"]: item for item in checks}


def test_doctor_on_the_machine(lan, box, tmp_public):
    guard = lan.guard([])
    with guard.pairing() as (code, _):
        assert box.setup("--guard", lan.guard_host.v4, "--code", code, "--name", "nas")[0] == 0
    found = checks_of(box.rouse("doctor", "--json", "--state", str(box.state)))
    assert found["WOL-LINK"]["result"] == found["WOL-WIRED"]["result"] == "ok"
    assert found["WOL-SUPPORT"]["result"] == "problem" and "veth" in found["WOL-SUPPORT"]["evidence"], "a true answer"
    assert found["NET-SEGMENT"]["result"] == "ok" and lan.guard_host.v4 in found["NET-SEGMENT"]["evidence"]
    assert found["NET-LEASE"]["result"] == "ok" and "static" in found["NET-LEASE"]["evidence"]
    assert found["GUARD-REACHABLE"]["result"] == found["GUARD-PAIRED"]["result"] == "ok"
    assert found["SLEEPER-RUNNING"]["result"] == "problem" and found["GUARD-LEASE"]["result"] == "cannot know"
    assert "GUARD-CLAIMS" not in found, "this is no guard"
    # Somebody who may not look at everything.
    public = shutil.copy(program("rouse"), tmp_public)
    found = checks_of(box.host.ns.run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", public, "doctor", "--json",
                                      "--state", str(box.state), check=False))
    assert found["GUARD-PAIRED"]["result"] == "cannot know" and "root" in found["GUARD-PAIRED"]["evidence"]
    # A lease of an address, and a guard that went away.
    box.host.ns.ip(f"addr change {box.host.v4}/24 dev eth0 valid_lft 600 preferred_lft 600")
    guard.stop()
    found = checks_of(box.rouse("doctor", "--json", "--state", str(box.state)))
    assert found["NET-LEASE"]["result"] == "cannot know"
    assert found["GUARD-REACHABLE"]["result"] == "problem" and "refused" in found["GUARD-REACHABLE"]["evidence"]
    # Behind a router it is no guard for this machine.
    found = checks_of(box.rouse("doctor", "--json", "--guard", "198.51.100.1", "--state", str(box.state)))
    assert found["NET-SEGMENT"]["result"] == "problem"


def test_doctor_on_the_guard(lan):
    nas = lan.machine("nas", boot=0.5, dad="off")
    guard = lan.guard([nas])
    guard.wait_state("nas", "awake")

    def doctor(*argv):
        out = guard.ns.run(*PRIVATE, program("rouse"), "--socket", guard.socket, "doctor", "--json",
                           "--interface", "eth0", "--state", guard.folder, *argv, check=False)
        return checks_of(out)
    lan.guard_host.learn(nas.v4)
    found = doctor()
    assert "WOL-ARMED" not in found, "this is no machine"
    for code in ("GUARD-RUNNING", "LAN-INTERFACE", "LAN-VIRTUAL-MAC", "LAN-FORWARDING", "GUARD-CAPABILITY", "GUARD-PORT",
                 "LAN-NEIGHBOURS", "GUARD-OTHER", "RELAY-REACHABLE"):
        assert found[code]["result"] == "ok", found[code]
    assert found["GUARD-RUNNING"]["evidence"].endswith("guards 1 machine")
    assert found["GUARD-CLAIMS"]["result"] == found["LAN-SWITCH"]["result"] == "cannot know"
    nas.sleep()
    guard.wait_state("nas", "asleep")
    lan.client.connect(nas.v4)
    wait_until(lambda: nas.valid_magics(), 10, what="magic packet")
    nas.wait_up()
    guard.wait_state("nas", "awake")
    nas.sleep()
    guard.wait_state("nas", "asleep")
    found = doctor()
    assert found["GUARD-CLAIMS"]["result"] == "ok" and "nas" in found["GUARD-CLAIMS"]["evidence"]
    assert found["LAN-SWITCH"]["result"] == "ok" and "knock" in found["LAN-SWITCH"]["evidence"]
    guard.stop()
    found = doctor()
    assert found["GUARD-RUNNING"]["result"] == found["GUARD-PORT"]["result"] == "problem"


def test_doctor_explains(lan):
    out = subprocess.run([program("rouse"), "doctor", "wol-armed"], capture_output=True, text=True)
    assert out.returncode == 0 and out.stdout.startswith("WOL-ARMED: ")
    out = subprocess.run([program("rouse"), "doctor", "NO-SUCH"], capture_output=True, text=True)
    assert out.returncode == 2 and "--list" in out.stderr
    out = lan.other.ns.run(program("rouse"), "doctor", "--interface", "nosuch", check=False)
    assert out.returncode == 2 and "nosuch" in out.stderr
