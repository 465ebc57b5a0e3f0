#!/usr/bin/python3
"""Goodbyes of a whole Debian (tests/systemd): every way to sleep and off, many times each: all must arrive; and what is no
sleep (reboot, restart, upgrade): none may. Then what the daemon takes while nothing happens. Needs systemd-nspawn."""

import os
import re
import sys
import time

from common import Report, parser

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "systemd"))

import box  # noqa: E402
import netns  # noqa: E402
from lan import Lan  # noqa: E402
from scene import WAYS, Scene  # noqa: E402

NETWORKS = ("ifupdown", "networkmanager")
# dad="off" below: an address that comes later is a change, and the guard takes one in ten seconds of a machine that boots often.


SOON = 5            # seconds; without a goodbye the guard looks after ten and then asks for three


def said(scene):
    """Goodbyes that the guard confirmed, by the machine's journal: the guard's own events have a limit for each machine."""
    return scene.box.journal("-u", "rouse-sleeper").count("said goodbye to the guard")


def goes(report, count, network, way, delay=0.0):
    """It goes `count` times, and is switched on again each time. A goodbye has arrived when the guard takes the machine for
    asleep at once."""
    seconds, arrived = [], 0
    with Lan() as lan:
        scene = Scene(lan, network=network, delay=delay, dad="off")
        for _ in range(count):
            seconds.append(scene.go(way)[0])
            try:
                scene.guard.wait_state("nas", "asleep", timeout=SOON)
                arrived += 1
            except TimeoutError:
                scene.guard.wait_state("nas", "asleep", timeout=30)
            scene.box.press_button()
            scene.box.wait_up()
            scene.wait_lease(timeout=30)
        false = said(scene) - count
    slow = f", {delay * 1000:.0f} ms slow" if delay else ""
    report.add(f"{network}: {way}{slow}", seconds, ok=arrived == count and false <= 0, arrived=arrived, false=max(0, false),
               must=f"{count} of {count}, 0 false")


def stays(report, count, network, what):
    """It only looks like going."""
    with Lan() as lan:
        scene = Scene(lan, network=network, dad="off")
        for _ in range(count):
            if what == "reboot":
                scene.reboot()
            else:
                getattr(scene, what)()
            scene.wait_lease(timeout=30)
        false = said(scene) if what != "reboot" else scene.goodbyes()   # a reboot's may be taken back
        asleep = len(scene.events("asleep"))
    report.add(f"{network}: {what}", ok=false == 0 and asleep == 0, times=count, false=false, asleep=asleep, must="0 false")


def rests(report, seconds):
    """Memory, processor time, wake-ups of the daemon while nothing happens."""
    with Lan() as lan:
        scene = Scene(lan)
        pid = scene.box.main_pid("rouse-sleeper")

        def looked_at():
            with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
                busy = int(file.read().split()[0]) / 1e9
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                text = file.read()
            return (busy, int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1]),
                    int(re.search(r"^VmRSS:\s+(\d+)", text, re.M)[1]) / 1024)
        time.sleep(5)
        before = looked_at()
        time.sleep(seconds)
        after = looked_at()
    percent = (after[0] - before[0]) / seconds * 100
    often = (after[1] - before[1]) / seconds
    report.add("daemon: resident MB", ok=after[2] <= 4, megabytes=after[2], must="<= 4")
    report.add("daemon: processor while nothing happens", ok=percent < 0.05, percent=percent, must="0.0 %")
    report.add("daemon: wake-ups a second", ok=often <= 0.2, wakeups=often, must="<= 0.2")


def main():
    args = parser(__doc__)
    args.add_argument("--count", type=int, default=20)
    args.add_argument("--rest", type=int, default=60, help="seconds of watching the daemon do nothing")
    args.add_argument("--network", choices=NETWORKS, action="append", help="only this one (default: both)")
    args.add_argument("--only", choices=[*WAYS, "slow", "stays", "rests"], action="append", help="only these rows")
    args = args.parse_args()
    only = args.only or [*WAYS, "slow", "stays", "rests"]
    reason = box.unavailable()
    if reason:
        print(f"cannot be measured here: {reason}", file=sys.stderr)
        return 1
    report = Report("goodbyes of a whole Debian", "s")
    for network in args.network or NETWORKS:
        for way in WAYS:
            if way in only:
                goes(report, args.count, network, way)
        for way in ("poweroff", "suspend") if "slow" in only else ():
            goes(report, args.count, network, way, delay=0.3)
        for what in ("reboot", "restart", "upgrade") if "stays" in only else ():
            stays(report, args.count, network, what)
    if "rests" in only:
        rests(report, args.rest)
    netns.sweep()
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
