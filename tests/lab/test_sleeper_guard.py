"""rouse-sleeper and roused, both real, on the virtual LAN."""

import os
import time

import netns
import pytest

from sleeper import Sleeper, paired


@pytest.fixture
def pair(lan):
    """A machine that is awake, its guard, its sleeper, which holds the lease."""
    nas = lan.machine("nas", boot=1.0, suspend=True)
    nas.start()
    guard = lan.guard([])
    sleeper = paired(guard, nas)
    sleeper.start()
    sleeper.wait_log("stands in when this machine sleeps")
    yield nas, guard, sleeper
    sleeper.close()


def test_the_guard_knows_the_machine(pair):
    nas, guard, _ = pair
    item = guard.status("nas")
    assert item["mac"] == nas.mac and item["state"] == "awake"
    assert set(item["addresses"]) >= {nas.v4, nas.v6}
    assert "tcp/22" in str(item) and "udp/9987" in str(item), item


def test_sleep_knock_wake(lan, pair):
    nas, guard, sleeper = pair
    out = sleeper.errand("--goodbye", "suspend")
    assert out.returncode == 0, out.stderr + sleeper.log() + guard.log()
    assert guard.state("nas") == "drowsy"
    nas.sleep()
    guard.wait_state("nas", "asleep")
    attempt = lan.client.connect(nas.v4).wait(30)
    assert attempt.ok and attempt.talk() == b"hello"
    assert sleeper.errand("--hello").returncode == 0
    guard.wait_state("nas", "awake")
    netns.wait_until(lambda: sleeper.ask({"command": "status"})[0]["sleeper"]["lease"] == "held", 10, what="the lease is held again")
    assert [event["event"] for event in guard.events("nas")].count("goodbye") == 1


def test_a_new_address_is_guarded(lan, pair):
    nas, guard, sleeper = pair
    nas.ns.ip("addr add 192.0.2.99/24 dev eth0")
    netns.wait_until(lambda: "192.0.2.99" in guard.status("nas")["addresses"], 10, what="the new address at the guard")
    assert sleeper.errand("--goodbye", "suspend").returncode == 0
    nas.sleep()
    guard.wait_state("nas", "asleep")
    assert lan.client.connect("192.0.2.99").wait(30).ok


def test_guard_killed_and_back(pair):
    _, guard, sleeper = pair
    guard.kill()
    sleeper.wait_log("no guard at")
    guard.restart()
    sleeper.wait_log("(?s)no guard at.*stands in when this machine sleeps", timeout=20)
    assert guard.state("nas") == "awake"


def test_killed_sleeper_is_no_goodbye(pair):
    """Its silence is judged by the machine's, as ever."""
    _, guard, sleeper = pair
    sleeper.kill()
    time.sleep(2)
    assert guard.state("nas") == "awake"
    assert "goodbye" not in [event["event"] for event in guard.events("nas")]


def test_a_power_cut_says_no_goodbye(pair):
    nas, guard, _ = pair
    nas.sleep()
    guard.wait_state("nas", "asleep", timeout=20)


def test_stolen_pairing(lan, pair):
    """A copy of the machine's disk elsewhere: the guard says so, and the newer one does not get the machine's MAC."""
    _, guard, sleeper = pair
    with Sleeper(lan.other, paired=False) as thief:
        with open(sleeper.pairing_path, encoding="utf-8") as file, open(thief.pairing_path, "x", encoding="utf-8") as copy:
            copy.write(file.read().replace("192.0.2.50", "192.0.2.30"))
        os.chmod(thief.pairing_path, 0o600)
        thief.start()
        thief.wait_log("refuses|stands in|newer connection")
        sleeper.wait_log("newer connection with this pairing")
        time.sleep(3)
        for one in (sleeper, thief):
            assert one.log().count("stands in") <= 2, "they do not take it from each other again and again"
        assert "newer" in guard.log() or "replaced" in guard.log(), guard.log()


def test_two_guards(make_lan):
    """It talks with the one that it is paired with."""
    lan = make_lan(clients=2)
    nas = lan.machine("nas", boot=1.0)
    nas.start()
    first, second = lan.guard([]), lan.guard([], host=lan.client)
    with paired(first, nas) as sleeper:
        sleeper.start()
        sleeper.wait_log("stands in")
        assert second.status() == []
        first.stop()
        sleeper.wait_log("no guard at", timeout=20)
        time.sleep(4)
        assert second.status() == [] and "stands in" not in sleeper.log()[sleeper.log().index("no guard at"):]


def test_rouse_unpair(pair):
    _, guard, sleeper = pair
    guard.rouse("unpair", "nas")
    sleeper.wait_log("has ended the pairing|does not know this pairing")
    assert sleeper.ask({"command": "status"})[0]["sleeper"]["lease"] == "refused"


def test_the_guard_moves(lan, pair):
    """Another address of the same guard is found by mDNS, proves itself, and is remembered."""
    _, guard, sleeper = pair
    guard.clean_exit = False            # its host is not as it was
    guard.stop()
    lan.guard_host.ns.ip(f"addr del {lan.guard_host.v4}/24 dev eth0", f"addr del {lan.guard_host.v6}/64 dev eth0",
                         "addr add 192.0.2.21/24 dev eth0")
    guard.restart()
    sleeper.wait_log(r"the paired guard is at 192\.0\.2\.21:13717 now", timeout=30)
    netns.wait_until(lambda: sleeper.pairing()["guard"] == "192.0.2.21", 2, what="the new address in the file")
    netns.wait_until(lambda: sleeper.ask({"command": "status"})[0]["sleeper"]["lease"] == "held", 5, what="the lease is held again")
