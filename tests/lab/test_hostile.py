"""Somebody on the LAN, or in a role, who wants to do harm: what was tried once must not work again."""

import contextlib
import ctypes
import os
import re
import socket
import struct
import subprocess
import time

import frames
import guard as guard_module
import netns
import pytest
from scenes import asleep, claim_mac, wait_quiet
from tools import built

pytestmark = pytest.mark.needs_guard


def kind_of(name):
    """The number of a message between roles, from the header itself."""
    with open(f"{guard_module.ROOT}/src/proto/ipc.h", encoding="utf-8") as header:
        body = re.sub(r"/\*.*?\*/", "", header.read(), flags=re.S)
    names = re.search(r"enum ipc_kind \{(.*?)\}", body, re.S)[1].split(",")
    return [n.split("=")[0].strip() for n in names].index(name) + 1


@pytest.mark.alone
def test_flood_of_packets_to_be_forwarded(lan):
    """While a port is waited for, everything else is passed on: more than the monitor can send is lost, and no more."""
    nas = lan.machine("nas", boot=1.0, service=8.0, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    vmac = claim_mac(lan.client, nas.v4)
    pids, before = guard.roles(), guard.pss()
    attempt = lan.client.connect(nas.v4)
    guard.wait_state("nas", "awake")
    flood = subprocess.Popen(lan.other.ns.command(built("bench/pump.c"), "eth0", "udp", nas.v4, vmac, "1000000", "4"),
                             stdout=subprocess.PIPE, text=True)
    wait_quiet(3)
    assert guard.pss() < before + (6 << 20)
    sent, _ = flood.communicate(timeout=30)[0].split()
    assert int(sent) > 100000, f"that was no flood: {sent}"
    assert guard.roles() == pids, "a role died"
    assert attempt.wait(30).ok


def test_answers_to_probes_count_from_the_machine_alone(lan):
    """A router passes on what somebody far away wrote into a packet: it must not wake up, or open, anything."""
    nas = lan.machine("nas", boot=None, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    after = len(guard.log().splitlines())
    for port in range(32768, 61000):          # one of them is the gate's
        lan.other.send(frames.eth(lan.guard_host.mac, lan.other.mac, frames.IP, frames.ip(
            nas.v4, lan.guard_host.v4, 6, frames.tcp(nas.v4, lan.guard_host.v4, 22, port, flags=0x12))))
        if port % 64 == 0:
            time.sleep(0.001)
            assert guard.process.poll() is None
    wait_quiet(0.5)
    assert guard.state("nas") == "asleep" and len(guard.log().splitlines()) == after


def test_registering_again_and_again_erases_nothing(lan):
    nas = lan.machine("nas", boot=1.0)
    guard = lan.guard([])
    for n in range(120):
        reply = guard.register(nas)
        assert reply == "OK.", reply
    assert [e["event"] for e in guard.events("nas")].count("updated") == 0
    replies = [guard.register(nas, ports=[1000 + n]) for n in range(60)]
    assert replies[0] == "OK." and "too often" in replies[-1]
    kinds = [e["event"] for e in guard.events("nas")]
    assert "added" in kinds and kinds.count("updated") <= 12


@contextlib.contextmanager
def channel_of(pid, number=3):
    """The role's own end of its channel to the monitor (4: to its sister), for us to speak with."""
    pidfd = os.pidfd_open(pid)
    fd = ctypes.CDLL(None, use_errno=True).syscall(438, pidfd, number, 0)      # pidfd_getfd
    os.close(pidfd)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    try:
        yield fd
    finally:
        os.close(fd)


def test_engine_cannot_touch_the_configurations_machines(lan):
    nas = lan.machine("nas", boot=None)
    guard = asleep(lan, nas)
    with channel_of(guard.roles()["engine"]) as fd:
        os.write(fd, struct.pack("=III", kind_of("IPC_FORGET"), 0, 1))
    guard.wait_log("asked to forget a machine of the configuration")
    assert guard.status("nas")
    guard.stop()
    guard.start()
    guard.wait_state("nas", "asleep")


def test_role_that_cuts_itself_off_is_started_again(lan):
    nas = lan.machine("nas", boot=None)
    guard = asleep(lan, nas)
    for role in ("control", "engine"):
        old = guard.roles()[role]
        with channel_of(old) as fd:
            os.write(fd, b"x" * 100000)      # longer than any message
        end = time.monotonic() + 15
        while guard.roles().get(role) in (None, old):
            assert time.monotonic() < end, f"{role} lives on, deaf"
            time.sleep(0.05)
    guard.wait_state("nas", "asleep")


@pytest.mark.parametrize("what", ["too long", "empty", "no such kind", "not control's"])
def test_what_control_says_wrongly_costs_control_alone(lan, what):
    nas = lan.machine("nas", boot=None)
    guard = asleep(lan, nas)
    engine, control = guard.roles()["engine"], guard.roles()["control"]
    words = {"too long": b"x" * 100000, "empty": b"", "no such kind": struct.pack("=II", 9999, 0),
             "not control's": struct.pack("=II", kind_of("IPC_GO"), 0)}
    with channel_of(control, 4) as fd, socket.socket(fileno=os.dup(fd)) as sock:
        with contextlib.suppress(BlockingIOError):  # the channel takes a few at a time
            for _ in range(20):
                sock.send(words[what])
    guard.wait_log("control is ended for what it said")
    netns.wait_until(lambda: guard.roles().get("control") not in (None, control), 15, what="another control")
    guard.wait_ready()
    assert guard.roles()["engine"] == engine and guard.state("nas") == "asleep"
    assert guard.log().count("is ended for what it said") == 1


def test_only_an_empty_folder_is_given_to_the_daemon(lan, tmp_public):
    """Started by root: a mistyped state-dir must not make somebody else's folder the daemon's, nor must a link."""
    full, target, empty = (tmp_public / name for name in ("full", "target", "empty"))
    for folder in (full, target, empty):
        folder.mkdir()
    (full / "passwd").write_text("root's")
    (tmp_public / "link").symlink_to(target)
    for name, given in (("full", False), ("link", False), ("empty", True)):
        # Such a start fails or has no state: only who owns what counts.
        guard = lan.guard([], guard={"state-dir": str(tmp_public / name)}, start=False)
        guard.start()
        guard.close()
        lan.guards.remove(guard)
        assert [f.stat().st_uid != 0 for f in (full, target)] == [False, False], name
        assert (empty.stat().st_uid != 0) == given
