#!/usr/bin/python3
"""Goodbyes: registration -> all addresses answered, counted from the machine's last frame (must: <= 1 s each time); a lease's
goodbye and renewal -> the guard's result, which comes when the monitor has it (must: p99 <= 50 ms)."""

import json
import subprocess
import sys
import time

from common import Report, parser, percentile

import frames
import lease
from guard import program
from lan import Lan


def leases(count):
    """Milliseconds of {renewal, goodbye} of a machine that stays."""
    took = {"lease": [], "goodbye": []}
    with Lan() as lan:
        nas = lan.machine("nas", boot=None)
        guard = lan.guard([])
        shown = subprocess.Popen([program("rouse"), "--socket", guard.socket, "pair", "--json"], stdout=subprocess.PIPE, text=True)
        code = json.loads(shown.stdout.readline())["pair"]["code"]
        about = {"name": "nas", "mac": nas.mac, "addresses": nas.addresses, "rules": ["tcp/22"]}
        with nas.ns.entered():
            ident, key = lease.pair(guard.host.v4, 13717, code, nas.mac, "nas")
            shown.communicate(timeout=5)
            connection = lease.Lease(guard.host.v4, 13717, ident, key)
        connection.lease(about, "boot")
        for _ in range(count):
            for say, why in (("goodbye", "suspend"), ("lease", "resume")):
                began = time.perf_counter()
                told = connection.say(say, why=why, **about)
                took[say].append((time.perf_counter() - began) * 1000)
                assert told["result"] == "ok", told
            time.sleep(0.08)                        # a sleeper has at most 32 lines a second
        connection.close()
    return took


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
    for name, values in leases(10 * args.count).items():
        report.add(f"{name} -> result", values, ok=percentile(values, 99) <= 50, must="p99 <= 50")
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
