#!/usr/bin/python3
"""DAD, ACD and optimistic DAD boots with and without MLD snooping, clients asking all the time: 0 conflicts in 200."""

import sys
import threading
import time

from common import Report, parser

from lan import Lan


def run(snooping, dad, boots, machines):
    """`boots` boots spread over machines that boot at the same time; returns conflicts and boots done."""
    with Lan(snooping=snooping, clients=2) as lan:
        some = [lan.machine(f"m{i}", boot=0.5, dad=dad, acd=3, udp=()) for i in range(machines)]
        if snooping:
            time.sleep(2)
        for machine in some:
            machine.sleep()
        guard = lan.guard(some, guard={"scan-limit": "off", "wake-limit": "off"}, wake={"watch": "1s"})
        stop = threading.Event()

        def ask():
            while not stop.is_set():
                lan.clients[1].ns.run("ip", "neigh", "flush", "dev", "eth0", check=False)
                for machine in some:
                    for family in (4, 6):
                        lan.clients[1].udp(machine.address(family), 7, timeout=0.01)
        asker = threading.Thread(target=ask)
        asker.start()
        done = 0
        try:
            for _ in range(boots // machines):
                for machine in some:
                    guard.wait_state(machine.name, "asleep", timeout=30)
                attempts = [lan.client.connect(machine.address(4 if i % 2 else 6)) for i, machine in enumerate(some)]
                for machine, attempt in zip(some, attempts):
                    attempt.wait(30)
                    machine.wait_up(20)
                    attempt.close()
                    done += 1
                for machine in some:
                    guard.wait_state(machine.name, "awake", timeout=20)
                    machine.sleep()
        finally:
            stop.set()
            asker.join()
        return sum(machine.conflicts for machine in some), done


def main():
    args = parser(__doc__)
    args.add_argument("--boots", type=int, default=50, help="boots of each of the four combinations")
    args.add_argument("--machines", type=int, default=10)
    args = args.parse_args()
    report, total = Report("address conflicts seen by booting machines"), 0
    for snooping in (False, True):
        for dad in ("kernel", "optimistic"):
            conflicts, done = run(snooping, dad, args.boots, args.machines)
            total += done
            report.add(f"DAD {dad} + ACD probes, MLD snooping {'on' if snooping else 'off'}", boots=done, conflicts=conflicts,
                       ok=conflicts == 0 and done > 0, must="0")
    report.add("all", boots=total, ok=total >= 200 or args.boots < 50, must="200 boots")
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
