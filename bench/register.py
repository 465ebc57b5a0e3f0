#!/usr/bin/python3
"""10,000 addresses registered through the port (register = anyone, limits raised), then knocks.

Must: >= 2000 registrations a second; the knock as quick as with one machine (bench/latency.py in the same run).
"""

import json
import socket
import sys
import threading
import time

from common import Report, parser, percentile

from lan import Lan
from latency import Probe, claim_mac, syn


def register_all(host, address, entries, lanes):
    """One connection each, as Wakupator's clients do; returns the replies that are not OK."""
    bad = []

    def lane(part):
        for entry in part:
            with host.ns.entered():
                sock = socket.socket()
            sock.settimeout(10)
            try:
                sock.connect((address, 13717))
                sock.sendall(entry)
                reply = sock.recv(512)
                if reply != b"OK.\0":
                    bad.append(reply)
            except OSError as error:
                bad.append(repr(error).encode())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")   # no 10,000 TIME-WAITs
            sock.close()
    threads = [threading.Thread(target=lane, args=(entries[i::lanes],)) for i in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return bad


def main():
    args = parser(__doc__)
    args.add_argument("--machines", type=int, default=5000, help="each with two addresses")
    args.add_argument("--lanes", type=int, default=4)
    args.add_argument("--knocks", type=int, default=100)
    args = args.parse_args()
    report = Report("registering through the port")
    with Lan() as lan:
        nas = lan.machine("nas", boot=None)
        guard = lan.guard([], guard={"register": "anyone", "scan-limit": "off", "wake-limit": "off", "machines-max": args.machines},
                          fast=False)
        entries = [json.dumps({"mac": f"52:54:01:00:{i >> 8:02x}:{i & 255:02x}", "name": f"d{i}", "monitor": [
            {"ip": f"2001:db8::d:{i:x}", "port": [22]}, {"ip": f"2001:db8::e:{i:x}", "port": [22]}]}).encode()
            for i in range(args.machines)]
        start = time.monotonic()
        bad = register_all(lan.client, lan.guard_host.v4, entries, args.lanes)
        rate = args.machines / (time.monotonic() - start)
        report.add(f"{args.machines} registrations, {2 * args.machines} addresses", per_second=rate, refused=len(bad),
                   first=str(bad[:1]), ok=rate >= 2000 and not bad, must=">= 2000/s, all OK")
        end = time.monotonic() + 60
        while sum(item["state"] == "asleep" for item in guard.status()) < args.machines and time.monotonic() < end:
            time.sleep(1)
        asleep = sum(item["state"] == "asleep" for item in guard.status())
        report.add("asleep", count=asleep, seconds=time.monotonic() - start, ok=asleep == args.machines, must="all")
        vmac = claim_mac(lan, "2001:db8::d:0")
        probe, values, lost = Probe(lan, nas), [], 0
        for i in range(args.knocks):
            time.sleep(0.05)
            number = i * (args.machines // args.knocks)
            value = probe.sample(syn(lan.client, vmac, f"2001:db8::e:{number:x}", 20000 + i),
                                 f"52:54:01:00:{number >> 8:02x}:{number & 255:02x}")
            if value is None:
                lost += 1
            else:
                values.append(value)
        probe.close()
        report.add("knock -> magic packet (us)", values, lost=lost, ok=not lost and bool(values) and percentile(values, 99) <= 1000,
                   must="as with one machine")
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
