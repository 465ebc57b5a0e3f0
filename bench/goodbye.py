#!/usr/bin/python3
"""Registration -> all addresses answered, counted from the machine's last frame. Must: <= 1 s each time."""

import sys
import time

from common import Report, parser

import frames
from lan import Lan


def main():
    args = parser(__doc__)
    args.add_argument("--count", type=int, default=20)
    args = args.parse_args()
    report = Report("machine's last frame -> all its addresses answered", "ms")
    values = []
    with Lan() as lan:
        nas = lan.machine("nas", boot=0.3, dad="off", announce=True)
        guard = lan.guard([])
        for _ in range(args.count):
            assert guard.register(nas) == "OK."
            gone, seen = nas.sleep(), {}
            group = frames.solicited_node(nas.v6)
            with lan.other.capture() as capture:
                while len(seen) < 2 and time.monotonic() < gone + 5:
                    lan.other.send(frames.eth(frames.BROADCAST, lan.other.mac, frames.ARP, frames.arp(
                        1, lan.other.mac, lan.other.v4, "00:00:00:00:00:00", nas.v4)))
                    lan.other.send(frames.eth(frames.multicast_mac(group), lan.other.mac, frames.IP6, frames.ns(
                        lan.other.v6, group, nas.v6, lan.other.mac)))
                    time.sleep(0.01)
                    for f in capture.frames(lambda f: not f.out and f.src != nas.mac):
                        if f.is_arp and f.op == 2 and f.spa == nas.v4:
                            seen.setdefault(4, f.time)
                        elif f.icmp == 136 and f.target == nas.v6 and f.dst == lan.other.mac:
                            seen.setdefault(6, f.time)
            values.append((max(seen.values()) - gone) * 1000 if len(seen) == 2 else 9999.0)
            guard.wait_state("nas", "asleep")
            nas.press_button()
            nas.wait_up()
            guard.wait_state("nas", "awake")
    report.add("both families answered", values, ok=max(values) <= 1000, must="max <= 1000")
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
