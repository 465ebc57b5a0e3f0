"""What surrounds a goodbye of rouse-sleeper: what listens by then, who waits for it, what the neighbours hear after it."""

import contextlib
import json
import socket

import frames
import pytest

from false_guard import FalseGuard
from sleeper import Sleeper


@pytest.fixture
def box(lan):
    return lan.other


@pytest.fixture
def pair(box):
    """A sleeper that holds a lease, and its guard."""
    with Sleeper(box) as sleeper, FalseGuard(box.lan.guard_host.ns, sleeper.key) as guard:
        sleeper.start()
        sleeper.wait_log("stands in when this machine sleeps")
        yield sleeper, guard


def test_awake_it_asks_all_for_the_guard(box, pair):
    """So neighbours learn at once that its address is its own again: the kernel knows where the guard is, and would not ask."""
    sleeper, _ = pair
    assert box.neighbour(box.lan.guard_host.v4)[0] == box.lan.guard_host.mac
    capture = box.lan.client.capture()
    assert sleeper.errand("--hello").returncode == 0
    capture.wait(lambda f: f.is_arp and f.op == 1 and f.dst == frames.BROADCAST and f.sha == box.mac and f.spa == box.v4 and
                 f.tpa == box.lan.guard_host.v4, 10, "a request for the guard")


def test_what_began_to_listen_is_in_the_goodbye(box, pair):
    sleeper, guard = pair
    with contextlib.ExitStack() as stack:
        assert guard.said[0][1]["rules"] == []
        with box.ns.entered():
            for address, port in ((box.v4, 8081), ("127.0.0.1", 8082)):
                stack.enter_context(socket.create_server((address, port)))
        assert sleeper.errand("--goodbye", "suspend").returncode == 0
        assert guard.words()[-1] == "goodbye suspend" and guard.said[-1][1]["rules"] == ["tcp/8081"]


def test_who_went_away_is_not_answered_elsewhere(pair):
    """The daemon still waits for the guard when the next program connects: it hears nothing that it did not ask for."""
    sleeper, guard = pair
    guard.lie = "mute"
    with socket.socket(socket.AF_UNIX) as first:
        first.connect(sleeper.socket)
        first.sendall(b'{"command":"version"}\n{"command":"goodbye","why":"suspend"}\n')
        guard.wait("goodbye suspend")
        # Closed with an answer that was not read: that is noticed at once, here while somebody else is served.
    assert sleeper.ask({"command": "version"})[-1]["result"] == "ok"
    with socket.socket(socket.AF_UNIX) as second:
        second.connect(sleeper.socket)
        second.settimeout(10)
        second.sendall(b'{"command":"version"}\n')
        lines = second.makefile()
        assert json.loads(lines.readline())["version"]
        sleeper.wait_log("did not reach the guard")
        second.sendall(b'{"command":"status"}\n')
        assert "sleeper" in json.loads(lines.readline())
