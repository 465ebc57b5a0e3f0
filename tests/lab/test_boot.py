"""The machine's own boot is never disturbed: no duplicate address, whatever it probes with and however the switch
treats multicast, while clients keep asking for its addresses."""

import threading
import time

import pytest
from scenes import asleep

pytestmark = pytest.mark.needs_guard


@pytest.mark.parametrize("snooping", [False, True])
@pytest.mark.parametrize("dad", ["kernel", "optimistic"])
def test_no_conflict_while_clients_knock(make_lan, snooping, dad):
    lan = make_lan(snooping=snooping, clients=2)
    nas = lan.machine("nas", boot=0.4, dad=dad, acd=3, tcp=(22,), udp=())
    if snooping:
        time.sleep(1.5)                             # the querier's round: from now on the switch filters
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    stop = threading.Event()

    def ask():
        """Others resolve the address all the time, and its answers are defended in between."""
        while not stop.is_set():
            for family in (4, 6):
                lan.clients[1].ns.run("ip", "neigh", "flush", "dev", "eth0", check=False)
                lan.clients[1].ping(nas.address(family), timeout=0.1)
    asker = threading.Thread(target=ask)
    asker.start()
    try:
        for _ in range(4):
            attempts = [lan.client.connect(nas.address(family)) for family in (4, 6)]
            for attempt in attempts:
                attempt.wait(20)
                assert attempt.ok, attempt.error
            nas.wait_up()
            assert nas.conflicts == 0
            guard.wait_state("nas", "awake")
            nas.sleep()
            guard.wait_state("nas", "asleep", timeout=20)
    finally:
        stop.set()
        asker.join()
    assert nas.conflicts == 0


@pytest.mark.parametrize("snooping", [False, True])
def test_no_conflict_when_it_boots_right_after_the_claim(make_lan, snooping):
    """Its addresses are tentative while the guard would still repeat its take-over announcements."""
    lan = make_lan(snooping=snooping)
    machines = [lan.machine(f"m{i}", boot=0.1 + 0.1 * i, udp=(), acd=2) for i in range(8)]
    if snooping:
        time.sleep(1.5)
    asleep(lan, *machines)
    for machine in machines:
        machine.press_button()
    time.sleep(4)
    assert [machine.conflicts for machine in machines] == [0] * len(machines)
    for machine in machines:
        machine.wait_up(15)


def test_probe_of_another_host_is_defended_and_wakes_nobody(lan):
    nas = lan.machine("nas", boot=None)
    asleep(lan, nas, rules={"nas": "tcp/22"})
    before = time.monotonic()
    out = lan.other.ns.run("arping", "-D", "-c", "2", "-w", "3", "-I", "eth0", nas.v4, check=False)
    assert out.returncode == 1, f"arping saw no duplicate: {out.stdout}"
    lan.other.ns.sysctl(**{"net.ipv6.conf.eth0.accept_dad": 1})
    lan.other.ns.ip(f"addr add {nas.v6}/64 dev eth0")
    end = time.monotonic() + 15
    while "dadfailed" not in (text := lan.other.ns.run("ip", "-6", "addr", "show", "dev", "eth0").stdout):
        assert time.monotonic() < end, text
        time.sleep(0.1)
    assert not nas.valid_magics(before)
