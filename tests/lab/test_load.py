"""Floods: nothing breaks, a real knock is still heard, memory and log stay bounded."""

import subprocess
import time

import frames
import pytest
from scenes import asleep, check_connected, claim_mac, wait_quiet
from tools import built

pytestmark = [pytest.mark.needs_guard, pytest.mark.alone]


def pump(host, *argv):
    """bench/pump.c in a host's namespace; returns (frames sent, seconds)."""
    out = subprocess.run(host.ns.command(built("bench/pump.c"), "eth0", *map(str, argv)), capture_output=True, text=True,
                         timeout=60, check=True)
    sent, seconds = out.stdout.split()
    return int(sent), float(seconds)


def test_flood_of_arp_requests(lan):
    nas = lan.machine("nas", boot=1.5, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    before = guard.pss()
    flood = subprocess.Popen(lan.other.ns.command(built("bench/pump.c"), "eth0", "arp", nas.v4, "100000", "4"),
                             stdout=subprocess.PIPE, text=True)
    wait_quiet(0.5)
    attempt = lan.client.connect(nas.v4)
    nas.first_magic(attempt.start, timeout=10)
    check_connected(attempt.wait(20), nas, nas.v4, slack=1.5)
    out, _ = flood.communicate(timeout=30)
    sent, seconds = out.split()
    assert int(sent) > 20000, f"that was no flood: {out}"  # how fast it is depends on the box
    guard.wait_state("nas", "awake")
    assert guard.pss() < before + (2 << 20) and len(guard.log()) < 20000
    assert nas.conflicts == 0


def test_ten_thousand_sources_knock(lan):
    nas = lan.machine("nas", boot=1.5, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    vmac = claim_mac(lan.client, nas.v4)
    before = guard.pss()
    start = time.monotonic()
    sent, seconds = pump(lan.other, "syn", nas.v4, vmac, 22, 10000)
    assert sent == 10000 and seconds < 10
    nas.first_magic(start, timeout=10)
    attempt = lan.client.connect(nas.v4)
    check_connected(attempt.wait(20), nas, nas.v4, slack=1.5)
    assert len([e for e in guard.events("nas") if e["event"] == "knock"]) == 1
    assert guard.pss() < before + (4 << 20) and len(guard.log()) < 20000


def test_junk_to_the_virtual_mac(lan):
    """Random bytes in every layer, to the MAC that the guard listens at."""
    nas = lan.machine("nas", boot=1.0, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    vmac = claim_mac(lan.client, nas.v4)
    pids = guard.roles()
    sent, _ = pump(lan.other, "junk", vmac, 50000)
    assert sent == 50000
    wait_quiet(0.5)
    assert guard.roles() == pids, "a role died"
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)


def test_arp_for_many_addresses_and_replies(lan):
    """A hostile host that claims everything: nothing of it wakes or crashes."""
    nas = lan.machine("nas", boot=None, dad="off")
    guard = asleep(lan, nas)
    before = time.monotonic()
    for number in range(1, 200):
        lan.other.send(frames.eth(frames.BROADCAST, lan.other.mac, frames.ARP, frames.arp(
            1 + number % 2, f"02:00:00:00:00:{number:02x}", f"192.0.2.{number}", lan.other.mac, f"192.0.2.{number}")))
    wait_quiet(0.5)
    assert not nas.valid_magics(before) and guard.status("nas")
