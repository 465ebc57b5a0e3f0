#!/usr/bin/python3
"""The machine's address and service are up -> the client's pending first connect() is done.

The matrix: boots of 3, 10, 16, 31 s x IPv4, IPv6 x linear and classic SYN back-off x ip_forward 0/1 x machine that
announces itself, that is silent, that talks early x checksum offload on/off; the same with a service that listens 2 s
and 8 s after the address; and connections of the guard's own host with local = yes. Machines run in parallel: each
cell is one machine, one LAN holds a batch of cells that share what belongs to hosts (back-off, forwarding, offload).

--quick: the corners of the matrix. --local, --late, --matrix choose parts (default: all).
"""

import sys
import threading
import time

from common import Report, parser

from lan import Lan
from scenes import harm

KINDS = ("silent", "announce", "noisy")


class Cell:
    def __init__(self, family, boot, late, kind, local=False):
        self.family, self.boot, self.late, self.kind, self.local = family, boot, late, kind, local
        self.lag = self.error = None

    def machine_options(self):
        return {"boot": self.boot, "service": self.late, "announce": self.kind == "announce", "noisy": self.kind == "noisy",
                "families": (self.family,) if self.kind == "silent" else (4, 6), "udp": (), "number": None,
                "dad": "off" if self.kind == "silent" else "kernel"}


def one(lan, guard, host, machine, cell, stagger):
    """Sleep, first connect, wake; fills in the cell. The connection stays: what of it still passes the guard is answered by a reset
    as soon as it is closed, which is no harm."""
    try:
        time.sleep(stagger)
        address = machine.address(cell.family)
        attempt = host.connect(address)
        attempt.wait(cell.boot + cell.late + 60)
        if attempt.error:
            cell.error = f"{attempt.error}"
            return
        boot = machine.wait_up(10)
        cell.lag = attempt.done - boot.ready(address)
        if attempt.talk() != b"hello":
            cell.error = "not the machine that answered"
    except Exception as error:
        cell.error = repr(error)


def batch(cells, linear, forward, offload, report_errors):
    """Run cells in one LAN at the same time."""
    with Lan() as lan:
        lan.client.linear(linear)
        lan.client.offload(offload)
        lan.guard_host.ns.sysctl(**{"net.ipv4.ip_forward": forward, "net.ipv6.conf.all.forwarding": forward})
        machines = []
        for i, cell in enumerate(cells):
            options = cell.machine_options()
            options.pop("number")
            late = options.pop("service")
            machine = lan.machine(f"m{i}", **options)
            machine.delays = dict.fromkeys(machine.delays, late)    # of the next boot: this one need not be waited for
            machines.append(machine)
        for machine in machines:
            machine.sleep()
        local = any(cell.local for cell in cells)
        guard = lan.guard(machines, rules={machine.name: "tcp/22" for machine in machines},
                          guard={"scan-limit": "off", "wake-limit": "off", **({"local": "yes"} if local else {})})
        guard.clean_exit = False                    # we changed forwarding ourselves, before
        for machine in machines:
            guard.wait_state(machine.name, "asleep", timeout=30)
        capture = lan.client.capture()
        threads = [threading.Thread(target=one, args=(lan, guard, lan.guard_host if cell.local else lan.client, machine, cell, i * 0.15))
                   for i, (machine, cell) in enumerate(zip(machines, cells))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        conflicts = sum(machine.conflicts for machine in machines)
        bad = harm(capture)
        if conflicts or bad:
            report_errors.append(f"{conflicts} conflicts, {len(bad)} resets or ICMP errors: {bad[:3]}")


def runs(cells, linear, forward, offload, size, errors):
    for at in range(0, len(cells), size):
        batch(cells[at:at + size], linear, forward, offload, errors)


def add_row(report, name, cells, median, most):
    lags = [cell.lag * 1000 for cell in cells if cell.lag is not None and not cell.error]
    failed = [cell for cell in cells if cell.error]
    for cell in failed[:5]:
        print(f"     {name}: {cell.error}", file=sys.stderr)
    good = not failed and bool(lags)
    if good:
        ordered = sorted(lags)
        good = ordered[len(ordered) // 2] <= median and ordered[-1] <= most
    report.add(name, lags, connected=f"{len(lags)}/{len(cells)}", ok=good, must=f"median <= {median}, max <= {most} ms, all")


def main():
    args = parser(__doc__)
    args.add_argument("--quick", action="store_true")
    args.add_argument("--count", type=int, default=20, help="runs of each row")
    args.add_argument("--parallel", type=int, default=40, help="machines that boot at the same time")
    for part in ("matrix", "late", "local"):
        args.add_argument(f"--{part}", action="store_true")
    args = args.parse_args()
    every = not (args.matrix or args.late or args.local)
    report, errors = Report("address and service up -> pending connect() done", "ms"), []
    boots = (3.0, 16.0) if args.quick else (3.0, 10.0, 16.0, 31.0)
    if every or args.matrix:
        settings = [(4, 0, True), (0, 1, True)] if args.quick else [
            (linear, forward, offload) for linear in (4, 0) for forward in (0, 1) for offload in (True, False)]
        for linear, forward, offload in settings:
            for boot in boots:
                cells = [Cell(4 if i % 2 else 6, boot, 0.0, KINDS[i // 2 % 3]) for i in range(args.count * 2)]
                runs(cells, linear, forward, offload, args.parallel, errors)
                for family in (4, 6):
                    add_row(report, f"boot {boot:.0f} s, IPv{family}, {'linear' if linear else 'classic'}, ip_forward {forward}, "
                            f"offload {'on' if offload else 'off'}", [c for c in cells if c.family == family], 100, 300)
    if every or args.late:
        for late in (2.0, 8.0):
            cells = [Cell(4 if i % 2 else 6, 3.0, late, KINDS[i // 2 % 3]) for i in range(args.count * 2)]
            runs(cells, 4, 0, True, args.parallel, errors)
            for family in (4, 6):
                add_row(report, f"service {late:.0f} s after the address, IPv{family}", [c for c in cells if c.family == family], 150, 150)
    if every or args.local:
        for boot in (3.0, 16.0):
            cells = [Cell(4 if i % 2 else 6, boot, 0.0, "announce", local=True) for i in range(args.count * 2)]
            runs(cells, 4, 0, True, args.parallel, errors)
            for family in (4, 6):
                add_row(report, f"from the guard's own host, boot {boot:.0f} s, IPv{family}", [c for c in cells if c.family == family], 300, 300)
    report.add("resets, ICMP errors, conflicts in all of it", ok=not errors, seen="; ".join(errors)[:300] or 0, must="none")
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
