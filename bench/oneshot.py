#!/usr/bin/python3
"""A UDP datagram and an echo request sent once while the machine sleeps are answered by it (20 of 20 each family);
and what a TCP client gets on any port while it sleeps: no reset, no ICMP, no answer of the guard's host."""

import socket
import sys
import threading
import time

from common import Report, parser

from lan import Lan
from scenes import harm


def main():
    args = parser(__doc__)
    args.add_argument("--count", type=int, default=20)
    args.add_argument("--boot", type=float, default=5.0)
    args = args.parse_args()
    report = Report("sent once while asleep -> answered by the machine", "s after the address was up")
    with Lan() as lan:
        machines = [lan.machine(f"m{i}", boot=args.boot) for i in range(args.count)]
        for machine in machines:
            machine.sleep()
        guard = lan.guard(machines, rules={machine.name: "udp/9987 echo" for machine in machines},
                          guard={"scan-limit": "off", "wake-limit": "off"})
        for machine in machines:
            guard.wait_state(machine.name, "asleep", timeout=30)
        results = {}

        def one(kind, family, machine, stagger):
            time.sleep(stagger)
            start, address = time.monotonic(), machine.address(family)
            if kind == "udp":
                answer = lan.client.udp(address, 9987, b"once", timeout=args.boot + 10)
                took = answer and answer[0]
            else:
                took = lan.client.ping(address, timeout=args.boot + 10, ident=machine.number * 4 + family)
            ready = machine.boots[-1].addresses.get(address)
            results.setdefault((kind, family), []).append(None if took is None or ready is None else start + took - ready)
        threads = [threading.Thread(target=one, args=(kind, family, machine, i * 0.1))
                   for i, machine in enumerate(machines) for kind in ("udp", "echo") for family in (4, 6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for (kind, family), values in sorted(results.items()):
            good = [value for value in values if value is not None]
            report.add(f"{kind}, IPv{family}", good, answered=f"{len(good)}/{len(values)}", ok=len(good) == len(values), must="all")
    with Lan() as lan:
        nas = lan.machine("nas", boot=None)
        nas.sleep()
        with lan.guard_host.ns.entered():
            trap = socket.socket(socket.AF_INET6)
        trap.bind(("::", 8080))
        trap.listen(5)
        guard = lan.guard([nas], rules={"nas": "tcp/22"}, guard={"scan-limit": "off"})
        guard.wait_state("nas", "asleep")
        for forward in (0, 1):
            lan.guard_host.ns.sysctl(**{"net.ipv4.ip_forward": forward, "net.ipv6.conf.all.forwarding": forward})
            guard.clean_exit = False                # changed by us, not by it
            capture = lan.client.capture()
            attempts = [lan.client.connect(nas.address(family), port) for family in (4, 6)
                        for port in (1, 22, 53, 80, 443, 445, 8080, 13717, 31337, 65535)]
            time.sleep(5)
            answers = [f for f in capture.frames() if not f.out and f.ver and f.ip_src in (nas.v4, nas.v6) and f.icmp != 136]
            bad = harm(capture)
            report.add(f"TCP to 10 ports, both families, ip_forward {forward}", pending=sum(a.pending for a in attempts),
                       of=len(attempts), resets_or_icmp=len(bad), answers=len(answers),
                       ok=not bad and not answers and all(a.pending for a in attempts), must="nothing but silence")
            for attempt in attempts:
                attempt.close()
        trap.close()
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
