#!/usr/bin/python3
"""1000 machines, 2000 addresses: memory of all roles together, idle CPU; the cost of 300k unrelated packets/s.

Memory is PSS of all processes of the daemon. CPU is what the kernel accounts to them, in percent of one core. The
packets that the host still receives are its own counter (IpInDelivers), against the same flood with no guard.
"""

import subprocess
import sys
import time

from common import Report, parser, wait_all_asleep

from lan import Lan
from tools import built


def ip_in(host):
    words = host.ns.run("nstat", "-az", "IpInDelivers").stdout.split()
    return int(words[words.index("IpInDelivers") + 1])


def flood(lan, rate, seconds):
    """(packets sent, packets delivered to the guard host's IP)."""
    host, before = lan.guard_host, ip_in(lan.guard_host)
    out = subprocess.run(lan.other.ns.command(built("bench/pump.c"), "eth0", "udp", host.v4, host.mac, str(rate), str(seconds)),
                         capture_output=True, text=True, check=True).stdout.split()
    return int(out[0]) / float(out[1]), (ip_in(host) - before) / float(out[1])


def config(count):
    """Two addresses each; the guard's host has 10 more prefixes of documentation space, all of them on link."""
    text = ""
    for i in range(count):
        text += (f'\n[machine "d{i}"]\nmac = 52:54:01:00:{i >> 8:02x}:{i & 255:02x}\n'
                 f"address = 2001:db8::d:{i:x} 2001:db8::e:{i:x}\nwake-on = tcp/22\n")
    return text


def main():
    args = parser(__doc__)
    args.add_argument("--machines", type=int, default=1000)
    args.add_argument("--idle", type=float, default=60.0, help="seconds of idle CPU")
    args.add_argument("--flood", type=float, default=5.0, help="seconds of each flood")
    args.add_argument("--rate", type=int, default=300000)
    args = args.parse_args()
    report = Report(f"{args.machines} machines, {2 * args.machines} addresses")
    with Lan() as lan:
        base = [flood(lan, args.rate, args.flood) for _ in range(3)]
        guard = lan.guard([], extra=config(args.machines), fast=False)
        wait_all_asleep(guard, args.machines)
        time.sleep(10)
        pss = guard.pss()
        report.add("memory of all roles (PSS, MB)", pss_mb=pss / 1e6, roles=len(guard.pids()), ok=pss <= 12e6, must="<= 12 MB")
        began = guard.cpu()
        time.sleep(args.idle)
        used = (guard.cpu() - began) / args.idle * 100
        report.add("idle CPU (% of a core)", percent=used, ok=used < 0.05, must="0.0 %")
        began, start = guard.cpu(), time.monotonic()
        with_guard = [flood(lan, args.rate, args.flood) for _ in range(3)]
        used = (guard.cpu() - began) / (time.monotonic() - start) * 100
        sent = max(rate for rate, _ in with_guard)
        share = sorted(got for _, got in with_guard)[1] / sorted(got for _, got in base)[1] * 100
        report.add("CPU under unrelated packets (% of a core)", percent=used, packets_per_second=sent, ok=used < 1, must="< 1 %")
        report.add("packets the host still receives (% of no guard)", percent=share, without=sorted(got for _, got in base)[1],
                   ok=share >= 90, must=">= 90 %")
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
