#!/usr/bin/python3
"""SYN leaves the client -> magic packet at the machine's wire, against a bare responder in the same run.

Each sample knocks on a machine that sleeps (one that was just added again, or the next of many). The bare responder
(bench/responder.c) runs on another host for another address and is sampled in turn with the guard, so both see the
same idle CPU. Must: median <= 1.6 x bare, the same at 1000; p99 <= 1 ms.
"""

import subprocess
import sys
import time

from common import Report, config_of, dead_machines, parser, percentile, summary, wait_all_asleep

import frames
from lan import Lan
from tools import built

BARE_V4, BARE_MAC = "192.0.2.99", "52:54:02:00:00:99"


class Probe:
    """The measuring process: one line in, one number out."""

    def __init__(self, lan, nas):
        self.process = subprocess.Popen([built("bench/latency.c"), lan.client.ns.name, "eth0", lan.switch.name, nas.w],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def sample(self, frame, mac):
        self.process.stdin.write(f"{frame.hex()} {mac}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        return None if answer == "lost" else float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


def syn(client, dst_mac, address, sport):
    six = ":" in address
    src = client.v6 if six else client.v4
    return frames.eth(dst_mac, client.mac, frames.IP6 if six else frames.IP, frames.ip(src, address, 6, frames.tcp(src, address, sport, 22)))


def claim_mac(lan, address):
    lan.client.learn(address)
    mac = lan.client.neighbour(address)[0]
    assert mac, f"nobody answers for {address}"
    return mac


def measure(lan, probe, guard, targets, rounds, gap, refresh):
    """targets: [(name, mac, v4, v6)]; refresh(target) puts it back to sleep. Returns (guard us, bare us, lost)."""
    vmac = claim_mac(lan, targets[0][3])
    with_guard, bare, lost = [], [], 0
    for i in range(rounds):
        name, mac, _, v6 = targets[i % len(targets)]
        if refresh and i:
            refresh(targets[i % len(targets)])
        knocks = [(syn(lan.client, vmac, v6, 20000 + i), mac, with_guard),
                  (syn(lan.client, lan.other.mac, BARE_V4, 20000 + i), BARE_MAC, bare)]
        # In turn the first after whatever else ran on this processor, which leaves its caches cold.
        for frame, woken, values in knocks if i % 2 else reversed(knocks):
            time.sleep(gap)
            value = probe.sample(frame, woken)
            if value is not None:
                values.append(value)
            elif values is with_guard:
                lost += 1
    return with_guard, bare, lost


def main():
    args = parser(__doc__)
    args.add_argument("--rounds", type=int, default=200, help="samples with many machines")
    args.add_argument("--single", type=int, default=30, help="samples with one machine")
    args.add_argument("--machines", type=int, nargs="*", default=[1000], help="further numbers of machines")
    args.add_argument("--gap", type=float, default=0.05, help="idle seconds before each sample")
    args = args.parse_args()
    report = Report("SYN leaves client -> magic packet at the machine", "us")
    limits = {"scan-limit": "off", "wake-limit": "off"}
    for count in [1, *args.machines]:
        with Lan() as lan:
            nas = lan.machine("nas", boot=None)
            responder = subprocess.Popen(lan.other.ns.command(built("bench/responder.c"), "eth0", BARE_V4, BARE_MAC),
                                         stdout=subprocess.PIPE)
            responder.stdout.readline()
            probe = Probe(lan, nas)
            targets = dead_machines(count)
            try:
                guard = lan.guard([], guard=limits, wake={"attempts": 1, "interval": "1s"}, fast=False,
                                  extra=config_of(targets) if count > 1 else "")

                def again(target):
                    name, mac, _, v6 = target
                    guard.rouse("remove", name, check=False)
                    guard.rouse("add", name, "--mac", mac, "--address", v6, "--on", "tcp/22")
                    guard.wait_state(name, "asleep")
                if count == 1:
                    again(targets[0])
                wait_all_asleep(guard, count)
                rounds = args.single if count == 1 else min(args.rounds, count)
                with_guard, bare, lost = measure(lan, probe, guard, targets, rounds, args.gap, again if count == 1 else None)
            finally:
                probe.close()
                responder.terminate()
                responder.wait(5)
                responder.stdout.close()
            base = summary(bare)["median"]
            ratio = summary(with_guard)["median"] / base
            report.add("bare responder", bare)
            report.add(f"guard, {count} machine{'s' if count > 1 else ''}", with_guard, lost=lost, ratio=ratio,
                       ok=ratio <= 1.6 and percentile(with_guard, 99) <= 1000 and not lost, must="median <= 1.6 x bare, p99 <= 1000")
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
