"""rouse-sleeper arms Wake-on-LAN: on a card that is played (card.c, and files in place of sysfs), below a bridge of the kernel's own."""

import shutil

import pytest

from false_guard import FalseGuard
from netns import wait_until
from sleeper import Sleeper
from tools import built

PHY, MAGIC = 1, 32


class Card:
    """eth0's, in a folder: what the driver is armed for, and power/wakeup."""

    def __init__(self, folder):
        self.folder = folder
        self.library = folder / "card.so"
        shutil.copy(built("tests/lab/card.c", "-shared", "-fPIC"), self.library)
        (folder / "cards").mkdir()
        self.bits = folder / "cards" / "eth0"
        self.sysfs = folder / "net"
        self.wakeup = self.sysfs / "eth0/device/power/wakeup"
        self.wakeup.parent.mkdir(parents=True)
        for name in ("br0/lower_eth0", "br0/lower_tap0", "tap0"):
            (self.sysfs / name).mkdir(parents=True)

    def disarm(self, bits=PHY):
        """As drivers and network managers do it."""
        self.bits.write_text(f"{bits}\n")
        self.wakeup.write_text("disabled\n")

    def armed(self):
        return int(self.bits.read_text() or 0), self.wakeup.read_text().startswith("enabled")


@pytest.fixture
def card(tmp_public):
    return Card(tmp_public)


def test_arms_the_card_below_a_bridge(lan, card):
    """At the start, when the card's link comes up, before sleep and after it. The bridge's other port keeps its link up."""
    box = lan.other
    box.ns.ip("link add br0 type bridge", f"link set br0 address {box.mac} up", "addr flush dev eth0", "link set eth0 master br0",
              "link add tap0 type veth peer name tap1", "link set tap0 master br0 up", "link set tap1 up",
              f"addr add {box.v4}/24 brd + dev br0")
    card.disarm()
    sleeper = Sleeper(box, config={"interface": "br0"}, mounts={"/sys/class/net": card.sysfs}, preload=card.library)
    with sleeper, FalseGuard(lan.guard_host.ns, sleeper.key):
        sleeper.start()
        sleeper.wait_log(r"eth0: Wake-on-LAN armed \(it was p, is pg; power/wakeup was disabled\)")
        sleeper.wait_log("stands in")
        assert card.armed() == (PHY | MAGIC, True)
        port = sleeper.ask({"command": "status"})[0]["sleeper"]["port"]
        assert port == {"interface": "br0", "physical": "eth0", "mac": box.mac, "wake_on_lan": "armed"}

        def armed_again(what):
            wait_until(lambda: card.armed() == (PHY | MAGIC, True), 10, what=f"armed {what}; log:\n{sleeper.log()}")
        card.disarm()
        lan.switch.ip(f"link set {box.port} down")
        wait_until(lambda: "LOWER_UP" not in box.ns.run("ip", "link", "show", "eth0").stdout, 10, what="no link")
        lan.switch.ip(f"link set {box.port} up")
        armed_again("at link-up")
        wait_until(lambda: sleeper.ask({"command": "status"})[0]["sleeper"]["lease"] == "held", 30, what="the lease")
        card.disarm()
        assert sleeper.errand("--goodbye", "suspend").returncode == 0
        assert card.armed() == (PHY | MAGIC, True), "before it sleeps"
        card.disarm()
        assert sleeper.errand("--hello").returncode == 0
        armed_again("after it woke")


def test_leaves_it_when_told_so(lan, card):
    card.disarm()
    sleeper = Sleeper(lan.other, paired=False, config={"interface": "eth0", "wake-on-lan": "leave"},
                      mounts={"/sys/class/net": card.sysfs}, preload=card.library)
    with sleeper.start():
        sleeper.wait_log("not paired")      # behind everything that it does at its start
        sleeper.wait_log("eth0: Wake-on-LAN is not armed, and wake-on-lan = leave")
        assert sleeper.ask({"command": "status"})[0]["sleeper"]["port"]["wake_on_lan"] == "left"
        assert card.armed() == (PHY, False)
        # Somebody else arms it.
        card.bits.write_text(f"{MAGIC}\n")
        card.wakeup.write_text("enabled\n")
        assert sleeper.errand("--hello").returncode == 0
        assert sleeper.ask({"command": "status"})[0]["sleeper"]["port"]["wake_on_lan"] == "armed"


def test_a_card_that_refuses_is_named(lan, card):
    card.disarm()
    card.bits.unlink()
    card.bits.symlink_to("/proc/self/cmdline")      # can be read, as 0 bits, and not be written
    sleeper = Sleeper(lan.other, paired=False, config={"interface": "eth0"}, mounts={"/sys/class/net": card.sysfs},
                      preload=card.library)
    with sleeper.start():
        sleeper.wait_log("not paired")
        sleeper.wait_log("eth0: Wake-on-LAN cannot be armed")
        assert sleeper.ask({"command": "status"})[0]["sleeper"]["port"]["wake_on_lan"] == "failed"
