"""Every row of "which hook still has a network when the machine goes down", with the real daemon, units, logind and guard."""

import itertools
import time

import pytest

from scene import WAYS

HELD = 4.5             # seconds: logind would wait five for a sleeper that does not let go
SLEEPS = [way for way, (_, resumes) in WAYS.items() if resumes]
NETWORKS = ("ifupdown", "networkmanager")


@pytest.mark.parametrize("network", NETWORKS)
def test_each_sleep_says_goodbye_once_and_each_resume_hello(make_scene, network):
    scene = make_scene(network=network)
    for number, way in enumerate(SLEEPS, 1):
        seconds, goodbyes = scene.go(way)
        assert goodbyes == 1, f"{way}: {goodbyes} goodbyes"
        assert seconds < HELD
        attempt = scene.wake()
        assert attempt.ok, attempt.error
        assert scene.box.boots[-1].reason == "magic"
        scene.wait_lease()
        assert scene.goodbyes() == number, f"{way}: a goodbye more after the resume"
        assert scene.lease() == "held"


@pytest.mark.parametrize("network, way", itertools.product(NETWORKS, ("poweroff", "halt")))
def test_each_way_off_says_goodbye_once(make_scene, network, way):
    scene = make_scene(network=network)
    _, goodbyes = scene.go(way)
    assert goodbyes == 1
    assert scene.box.exits[-1][1] == "off"
    scene.guard.wait_state("nas", "asleep")
    assert scene.wake().ok                  # a boot, not a resume
    scene.wait_lease()
    assert scene.goodbyes() == 1


@pytest.mark.parametrize("network, way", itertools.product(NETWORKS, ("poweroff", "suspend")))
def test_slow_network(make_scene, network, way):
    scene = make_scene(network=network, delay=0.3)
    seconds, goodbyes = scene.go(way)
    assert goodbyes == 1
    assert way == "poweroff" or seconds < HELD
    scene.guard.wait_state("nas", "asleep")


@pytest.mark.parametrize("network, paired", (("ifupdown", True), ("networkmanager", True), ("ifupdown", False)))
def test_reboot_is_no_sleep(make_scene, network, paired):
    scene = make_scene(network=network, paired=paired)
    scene.reboot()
    scene.wait_lease()
    assert scene.goodbyes() == 0
    assert not scene.events("asleep"), "claimed while it booted"


def test_restarts_and_upgrades_are_no_sleep(make_scene):
    """And after each of them the next sleep is still said."""
    scene = make_scene()
    said = 0
    for what in (scene.restart, scene.upgrade, scene.kill, scene.restart_logind, scene.restart_dbus):
        what()
        scene.wait_lease()
        assert scene.goodbyes() == said, f"{what.__name__} was taken for a sleep"
        _, goodbyes = scene.go("suspend")
        assert goodbyes == 1, f"after {what.__name__}: {goodbyes} goodbyes"
        said += 1
        scene.wake()
        scene.wait_lease()
        assert scene.goodbyes() == said


def test_a_guard_that_is_away_delays_no_sleep(make_scene):
    scene = make_scene()
    scene.guard.stop()
    begin = time.monotonic()
    scene.box.spawn("systemctl", "suspend")
    gone = scene.box.wait_off(10)
    assert gone - begin < HELD
    scene.guard.start()
    scene.box.press_button()
    scene.box.wait_up()
    scene.wait_lease()
    assert scene.lease() == "held"


def test_without_a_pairing_goodbyes_are_wakupators(make_scene):
    scene = make_scene(paired=False)
    for number, way in enumerate(("suspend", "suspend.target", "poweroff", "halt"), 1):
        _, goodbyes = scene.go(way)
        assert goodbyes == 1, way
        scene.wake()
        scene.wait_lease()
        assert scene.goodbyes() == number


def test_only_logind_says_that_it_sleeps(make_scene):
    """Any user may send a signal like logind's to the daemon alone."""
    scene = make_scene()
    names = [line.split()[0] for line in scene.box.run("busctl", "list", "--unique", "--no-legend").stdout.splitlines()
             if "rouse-sleeper" in line.split()[2]]
    assert names
    for name, (member, begins) in itertools.product(names, (("PrepareForSleep", "true"), ("PrepareForShutdown", "true"))):
        scene.box.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "busctl", "emit",
                      f"--destination={name}", "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
                      member, "b", begins)
    time.sleep(1)
    assert scene.events("goodbye") == [] and scene.lease() == "held"
    assert scene.go("suspend")[1] == 1


def test_units_are_hardened_where_they_run(make_scene):
    scene = make_scene()
    for unit in ("rouse-sleeper.service", "rouse-sleeper-goodbye.service"):
        text = scene.box.run("systemd-analyze", "security", "--no-pager", unit, check=False).stdout
        level = float(text.rsplit("Overall exposure level for", 1)[1].split(":")[1].split()[0])
        assert level <= 2.5, text
    status = scene.box.run("sh", "-c", "cat /proc/$(systemctl show -P MainPID rouse-sleeper)/status").stdout
    assert scene.box.run("stat", "-c", "%a %U:%G", "/run/rouse-sleeper/control.sock").stdout == "660 root:rouse\n"
    assert "CapBnd:\t0000000000001000" in status and "NoNewPrivs:\t1" in status, status


def test_a_change_behind_the_goodbye_does_not_take_it_back(make_scene):
    """An address came a moment before: what is said of it must not meet the goodbye on its way."""
    scene = make_scene(delay=0.3)
    scene.box.run("ip", "address", "add", "192.0.2.60/24", "dev", "eth0")
    time.sleep(0.7)                         # changes are said a second after the last
    _, goodbyes = scene.go("poweroff")
    assert goodbyes == 1
    scene.guard.wait_state("nas", "asleep")
    time.sleep(1)
    assert scene.goodbyes() == 1 and scene.guard.state("nas") == "asleep"


def test_the_fallback_unit_is_what_says_goodbye_where_logind_is_not_asked(make_scene):
    """The control of the tests above: without it nobody knows, and the guard has heard nothing."""
    scene = make_scene(mask=("rouse-sleeper-goodbye.service",))
    assert scene.go("suspend.target")[1] == 0
    scene.box.press_button()
    scene.box.wait_up()
    assert scene.go("suspend")[1] == 1      # the daemon itself is well
