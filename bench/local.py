#!/usr/bin/python3
"""What local = yes costs: processor time at 100k transmitted packets/s of the guard's own host.

Total of the sending process (system time: taps run in its context) and of the guard, against no guard and local = no;
with a machine that sleeps, and while one connection from the host itself is held. Decides the default (ADR).
"""

import resource
import subprocess
import sys
import time

from common import Report, parser

from lan import Lan
from tools import built


def send(lan, rate, seconds):
    """Per cent of a core that 100k packets/s of this sender cost, and its packets/s."""
    host, before = lan.guard_host, resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(host.ns.command(built("bench/pump.c"), "eth0", "out", lan.other.v4, lan.other.mac, str(rate), str(seconds)),
                         capture_output=True, text=True, check=True).stdout.split()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used / int(out[0]) * 100000 * 100, int(out[0]) / float(out[1])


def main():
    args = parser(__doc__)
    args.add_argument("--rate", type=int, default=100000)
    args.add_argument("--seconds", type=float, default=4.0)
    args.add_argument("--count", type=int, default=7)
    args = args.parse_args()
    report = Report("cost of local = yes at 100k transmitted packets/s", "% of a core")
    median = {}
    with Lan() as lan:
        nas = lan.machine("nas", boot=None, dad="off")
        nas.sleep()
        send(lan, args.rate, args.seconds)          # warm
        for name, local, held in (("no guard", None, False), ("local = no", "no", False), ("local = yes, a machine sleeps", "yes", False),
                                  ("local = yes, a connection is held", "yes", True)):
            guard = attempt = None
            if local:
                guard = lan.guard([nas], rules={"nas": "tcp/22"}, guard={"local": local}, fast=False)
                guard.wait_state("nas", "asleep")
            if held:
                attempt = lan.guard_host.connect(nas.v4)
                nas.first_magic(attempt.start, timeout=3)
            began, start = guard.cpu() if guard else 0, time.monotonic()
            values = [send(lan, args.rate, args.seconds) for _ in range(args.count)]
            own = (guard.cpu() - began) / (time.monotonic() - start) * 100 if guard else 0.0
            median[name] = sorted(value for value, _ in values)[len(values) // 2]
            extra = median[name] - median.get("local = no", median["no guard"])
            report.add(name, [value for value, _ in values], packets_per_second=values[0][1], guard_cpu=own, more_than_local_no=extra,
                       ok=None, must="" if local != "yes" else "more_than_local_no + guard_cpu < 1 to be on by default")
            if attempt:
                attempt.close()
            if guard:
                guard.stop()
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
