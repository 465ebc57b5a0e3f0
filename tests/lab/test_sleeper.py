"""rouse-sleeper without logind: the lease, its loss and its return, goodbyes by hand, guards that lie. (Suspend, shutdown and
reboot are proven in a real systemd.)"""

import concurrent.futures
import os
import time

import netns
import pytest

from false_guard import FalseGuard
from sleeper import Sleeper


@pytest.fixture
def box(lan):
    """A machine that is up, and what is closed behind it."""
    return lan.other


def running(box, guard_options=None, **options):
    sleeper = Sleeper(box, **options)
    guard = FalseGuard(box.lan.guard_host.ns, sleeper.key, **(guard_options or {}))
    sleeper.start()
    return sleeper, guard


def test_lease_and_end_without_goodbye(box):
    sleeper, guard = running(box)
    with sleeper, guard:
        said = guard.wait("lease start") if time.clock_gettime(time.CLOCK_BOOTTIME) > 300 else guard.wait("lease boot")
        assert said["mac"] == box.mac and said["name"] == box.name
        assert set(said["addresses"]) == {box.v4, box.v6, box.link_local}
        sleeper.wait_log("stands in when this machine sleeps")
        assert guard.openings[0]["lease"]["pairing"] == sleeper.id
        assert sleeper.stop() == 0
        assert not [word for word in guard.words() if word.startswith(("goodbye", "stay"))], "a service stop is no goodbye"


def test_addresses_change(box):
    sleeper, guard = running(box)
    with sleeper, guard:
        sleeper.wait_log("stands in")
        box.ns.ip("addr add 192.0.2.77/24 dev eth0", "addr add 2001:db8::77/64 dev eth0 nodad", f"addr del {box.v6}/64 dev eth0")
        said = guard.wait("lease change")
        assert set(said["addresses"]) == {box.v4, "192.0.2.77", "2001:db8::77", box.link_local}
        time.sleep(1.5)
        assert guard.words().count("lease change") == 1, "many changes are said once"


def test_guard_away_and_back(box):
    sleeper, guard = running(box)
    with sleeper:
        sleeper.wait_log("stands in")
        guard.close()
        sleeper.wait_log("no guard at 192.0.2.20:13717: it ended the connection")
        sleeper.wait_log("no guard at 192.0.2.20:13717: Connection refused")
        with FalseGuard(box.lan.guard_host.ns, sleeper.key) as again:
            again.wait("lease start", timeout=15) if time.clock_gettime(time.CLOCK_BOOTTIME) > 300 else again.wait("lease boot", 15)


@pytest.mark.parametrize("lie, word", [
    ("key", "cannot prove that it is the paired guard"),
    ("unknown-pairing", "does not know this pairing: run 'rouse setup'"),
    ("not-authentic", "this machine's key is not the pairing's"),
    ("unpaired", "has ended the pairing"),
    ("replaced", "a newer connection with this pairing"),
    ("garbage", "is no guard"),
    ("refuse", "the guard refuses: as the test wants it"),
])
def test_guard_that_lies(box, lie, word):
    sleeper, guard = running(box, {"lie": lie})
    with sleeper, guard:
        sleeper.wait_log(word)
        assert lie == "refuse" or not guard.said or lie == "key"
        assert "stands in" not in sleeper.log()
        time.sleep(1.2)
        assert len(guard.connections) <= 3, "it does not hammer"
        assert sleeper.process.poll() is None


def goodbye(sleeper):
    return sleeper.errand("--goodbye", "suspend")


def test_an_error_in_the_clear(box):
    """Anybody in between can say it: the first one ends a connection and no more, only another one makes the sleeper stay away."""
    sleeper, guard = running(box)
    with sleeper, guard:
        for opened in (1, 2):
            netns.wait_until(lambda n=opened: sleeper.log().count("stands in") == n, 20, what=f"lease number {opened}")
            guard.fail("replaced")
        netns.wait_until(lambda: sleeper.log().count("newer connection") == 2, 20, what="the second refusal")
        time.sleep(3)
        assert len(guard.openings) == 2, "it is not asked every second"


def test_goodbye_by_the_unit_and_hello(box):
    """What the unit Before=sleep.target says to the daemon; twice is once."""
    sleeper, guard = running(box)
    with sleeper, guard:
        sleeper.wait_log("stands in")
        for _ in range(2):
            out = goodbye(sleeper)
            assert out.returncode == 0, out.stderr
        assert guard.words()[-1:] == ["goodbye suspend"] and guard.words().count("goodbye suspend") == 1
        time.sleep(1.5)
        assert len(guard.connections) == 1, "it is gone, and does not come back by itself"
        assert sleeper.errand("--hello").returncode == 0
        guard.wait("lease resume")
        assert sleeper.ask({"command": "status"})[0]["sleeper"]["woken"]
        # And once more, now that it is awake.
        assert goodbye(sleeper).returncode == 0 and guard.words().count("goodbye suspend") == 2


def test_goodbye_by_the_daemon_never_takes_long(box):
    sleeper, guard = running(box)
    with sleeper, guard:
        sleeper.wait_log("stands in")
        guard.lie = "mute"
        began = time.monotonic()
        out = goodbye(sleeper)
        assert 1 < time.monotonic() - began < 2.5 and out.returncode != 0
        assert "did not reach the guard" in sleeper.log()


def test_nothing_follows_a_goodbye(box):
    """An address that changes right before would take it back: a lease says that the machine is awake."""
    sleeper, guard = running(box)
    with sleeper, guard:
        sleeper.wait_log("stands in")
        guard.lie = "mute"
        box.ns.ip("addr add 192.0.2.77/24 dev eth0")
        time.sleep(0.8)
        assert goodbye(sleeper).returncode != 0
        first = guard.words().index("goodbye suspend")
        assert not [word for word in guard.words()[first:] if word.startswith("lease")], guard.words()


def test_awake_while_the_goodbye_is_on_its_way(box):
    """It is given up: behind the hello it would be wrong."""
    sleeper, guard = running(box)
    with sleeper, guard:
        sleeper.wait_log("stands in")
        guard.lie = "mute"
        with concurrent.futures.ThreadPoolExecutor() as pool:
            out = pool.submit(goodbye, sleeper)
            guard.wait("goodbye suspend")
            guard.lie = None
            assert sleeper.errand("--hello").returncode == 0
            assert out.result().returncode != 0
        guard.wait("lease resume")
        time.sleep(2)
        assert guard.words()[-1] == "lease resume" and guard.words().count("goodbye suspend") == 1, guard.words()


def test_addresses_come_late(box):
    box.ns.ip("addr flush dev eth0")
    sleeper, guard = running(box)
    with sleeper, guard:
        sleeper.wait_log("no way to the guard|no guard")
        box.ns.ip(f"addr add {box.v4}/24 brd + dev eth0")
        sleeper.wait_log("stands in", timeout=5)
        assert guard.said[0][1]["addresses"] == [box.v4]


def test_no_lease_without_an_address(box):
    box.ns.ip("link add d0 type veth peer name d1", "link set d0 addrgenmode none up", "link set d1 up")
    sleeper, guard = running(box, config={"interface": "d0"})
    with sleeper, guard:
        netns.wait_until(lambda: guard.openings, 5, what="a connection")
        time.sleep(0.5)
        assert not guard.said
        box.ns.ip("addr add 198.51.100.7/24 dev d0")
        assert guard.wait("lease change")["addresses"] == ["198.51.100.7"]


def test_goodbye_over_a_connection_that_is_not_answered(box):
    """Over a new one then, while there is time."""
    sleeper, guard = running(box)
    with sleeper, guard:
        sleeper.wait_log("stands in")
        guard.session["mute"] = True
        out = goodbye(sleeper)
        assert out.returncode == 0, sleeper.log()
        assert len(guard.connections) == 2


def test_goodbye_over_a_connection_that_died(box):
    """The guard was started anew without a word: the goodbye comes over a new connection."""
    sleeper, guard = running(box)
    with sleeper:
        sleeper.wait_log("stands in")
        box.lan.guard_host.ns.ip("link set eth0 down")      # what would say that it is over is lost
        guard.close()
        box.lan.guard_host.ns.ip("link set eth0 up")
        with FalseGuard(box.lan.guard_host.ns, sleeper.key) as again:
            out = goodbye(sleeper)
            assert out.returncode == 0, sleeper.log()
            assert again.words() == ["goodbye suspend"]


def test_goodbye_without_a_daemon(box):
    with Sleeper(box) as sleeper, FalseGuard(box.lan.guard_host.ns, sleeper.key) as guard:
        out = goodbye(sleeper)
        assert out.returncode == 0, out.stderr
        assert guard.words() == ["goodbye suspend"] and set(guard.said[0][1]["addresses"]) >= {box.v4, box.v6}
        assert sleeper.errand("--hello").returncode == 0


@pytest.mark.parametrize("lie", ["silent", "mute", "key", "nobody"])
def test_goodbye_never_takes_long(box, lie):
    """Whatever the guard does, the machine's sleep waits 2 s at most."""
    with Sleeper(box) as sleeper:
        guard = FalseGuard(box.lan.guard_host.ns, sleeper.key, lie=lie) if lie != "nobody" else None
        try:
            began = time.monotonic()
            out = goodbye(sleeper)
            assert time.monotonic() - began < 2.5
            assert out.returncode != 0 and "did not reach the guard" in out.stderr
        finally:
            if guard:
                guard.close()


def test_wakupators_registration_where_nothing_is_paired(lan, box):
    guard = lan.guard([])
    with Sleeper(box, paired=False, config={"guard": lan.guard_host.v4, "name": "desk"}) as sleeper:
        out = goodbye(sleeper)
        assert out.returncode == 0, out.stderr + guard.log()
        assert guard.status("desk")["mac"] == box.mac


def test_wakupators_registration_with_a_token(lan, box):
    guard = lan.guard([], guard={"register": "token", "token": "sesame-open-1"})
    with Sleeper(box, paired=False, config={"guard": lan.guard_host.v4, "name": "desk"}) as sleeper:
        path = os.path.join(sleeper.folder, "token")
        out = goodbye(sleeper)
        assert out.returncode != 0 and "token" in out.stderr, out.stderr
        with open(sleeper.config_path, "a", encoding="utf-8") as file:
            file.write(f"token-file = {path}\n")
        out = goodbye(sleeper)
        assert out.returncode != 0 and f"token-file {path}: No such file" in out.stderr, out.stderr
        with open(path, "x", encoding="utf-8") as file:
            file.write("sesame-open-1\n")
        out = goodbye(sleeper)
        assert out.returncode == 0, out.stderr + guard.log()
        assert guard.status("desk")["mac"] == box.mac


def test_not_paired_it_is_quiet(box):
    with Sleeper(box, paired=False) as sleeper, FalseGuard(box.lan.guard_host.ns, sleeper.key) as guard:
        sleeper.start()
        sleeper.wait_log("not paired with a guard: run 'rouse setup' here")
        with box.capture() as capture:
            time.sleep(1)
            sent = [frame for frame in capture.frames() if frame.src == box.mac and "icmp 143" not in str(frame)]
            assert not sent, "it sends nothing (the kernel joins its groups)"
        # What rouse setup writes is noticed.
        sleeper.pair(box.lan.guard_host.v4)
        guard.wait("lease start")
        sleeper.wait_log("stands in")
        before = len(sleeper.log())
        os.unlink(sleeper.pairing_path)
        sleeper.wait_log("not paired with a guard", after=before)


def test_pairing_that_others_can_read(box):
    with Sleeper(box, mode=0o644) as sleeper, FalseGuard(box.lan.guard_host.ns, sleeper.key) as guard:
        sleeper.start()
        sleeper.wait_log("can be read by others")
        time.sleep(0.5)
        assert not guard.connections


def test_two_daemons(box):
    sleeper, guard = running(box)
    with sleeper, guard:
        sleeper.wait_log("stands in")
        out = sleeper.errand()
        assert out.returncode != 0 and f"a sleeper runs already (pid {sleeper.process.pid})" in out.stderr


def test_killed_and_started_again(box):
    sleeper, guard = running(box)
    with sleeper, guard:
        sleeper.wait_log("stands in")
        sleeper.kill()
        said = len(guard.said)
        sleeper.start()
        guard.wait("lease start", after=said)
        assert "goodbye suspend" not in guard.words()
