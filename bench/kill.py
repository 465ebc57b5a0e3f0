#!/usr/bin/python3
"""kill -9 of the daemon or one role at random instants, in all states of a machine, 100 times.

Each time: nothing is left on the host, the claim is answered again <= 1 s after the restart (the monitor restarts a
role by itself), and no machine was woken by it.
"""

import random
import sys
import time

from common import Report, parser

import frames
from lan import Lan


def answered(lan, machine, since, timeout=5):
    with lan.other.capture() as capture:
        while time.monotonic() < since + timeout:
            lan.other.send(frames.eth(frames.BROADCAST, lan.other.mac, frames.ARP, frames.arp(
                1, lan.other.mac, lan.other.v4, "00:00:00:00:00:00", machine.v4)))
            time.sleep(0.02)
            seen = capture.frames(lambda f: f.is_arp and f.op == 2 and f.spa == machine.v4 and not f.out)
            if seen:
                return seen[0].time - since
    return 9.999


def main():
    args = parser(__doc__)
    args.add_argument("--count", type=int, default=100)
    args.add_argument("--seed", type=int, default=int(time.time()))
    args = args.parse_args()
    dice, report = random.Random(args.seed), Report("kill -9 at random instants", "ms until the claim is answered again")
    print(f"seed {args.seed}", file=sys.stderr)
    times = {"monitor": [], "engine": [], "control": []}
    left, woken, failed = [], 0, 0
    with Lan() as lan:
        fixed = lan.machine("fixed", boot=None, dad="off")          # sleeps all the time: must never be woken
        life = lan.machine("life", boot=0.8, dad="off")             # goes through all states
        guard = lan.guard([fixed], rules={"fixed": "tcp/22"})
        fixed.sleep()
        guard.wait_state("fixed", "asleep", timeout=15)
        for i in range(args.count):
            what = ("monitor", "engine", "control")[i % 3]
            if life.state == "up" and i % 2:
                guard.register(life)
                life.sleep()
            elif life.state == "asleep":
                lan.client.connect(life.v4)
            time.sleep(dice.random() * 2)
            before = time.monotonic()
            if what == "monitor":
                guard.kill()
                difference = guard.differences()
                if difference:
                    left.append(difference)
                guard.start(timeout=0)
                times[what].append(answered(lan, fixed, guard.started) * 1000)
                guard.wait_ready()
            else:
                roles = guard.roles()
                if what not in roles:
                    failed += 1
                    continue
                guard.kill(what)
                times[what].append(answered(lan, fixed, before) * 1000)
            woken += len(fixed.valid_magics(before))
            if i % 5 == 4:                          # five deaths of a role within a minute end the daemon: not meant here
                guard.stop()
                guard.start()
                guard.wait_state("fixed", "asleep")
    for what, values in times.items():
        report.add(f"{what} killed", values, ok=bool(values) and max(values) <= 1000, must="max <= 1000 ms")
    report.add("left on the host", seen=len(left), first=str(left[:1])[:300], ok=not left, must="nothing")
    report.add("machines woken by it", packets=woken, ok=woken == 0, must="0")
    report.add("roles not there when they should be", count=failed, ok=failed == 0, must="0")
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
