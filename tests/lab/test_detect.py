"""When a machine is asleep, and whose address it is."""

import struct
import time

import frames
import netns
import pytest
from scenes import asleep, check_connected, goodbye, harm, sent_by_guard, syn_frame, wait_quiet

pytestmark = pytest.mark.needs_guard


def test_goodbye_then_claimed_within_a_second_of_the_last_frame(lan):
    nas = lan.machine("nas", boot=1.0)
    guard = lan.guard([])
    lan.client.learn(nas.v4, nas.v6)                # stale caches: the client knows the real MAC
    assert lan.client.neighbour(nas.v4)[0] == nas.mac
    capture = lan.client.capture()
    gone = goodbye(guard, nas)["nas"]
    four = capture.wait(lambda f: f.is_arp and f.op == 1 and f.spa == f.tpa == nas.v4 and f.sha != nas.mac, 10, "announcement")
    six = capture.wait(lambda f: f.icmp == 136 and f.target == nas.v6 and f.lladdr != nas.mac and f.override, 10, "NA")
    assert four.time - gone <= 1.0 and six.time - gone <= 1.0
    assert four.src == four.sha and six.src == six.lladdr, "the Ethernet source teaches the switch"
    assert lan.client.neighbour(nas.v4)[0] == four.sha and lan.client.neighbour(nas.v6)[0] == six.lladdr
    attempt = lan.client.connect(nas.v6)
    assert nas.first_magic(attempt.start).time - attempt.start < 0.5
    check_connected(attempt.wait(10), nas, nas.v6)


def test_goodbye_is_not_believed_while_the_machine_lives(lan):
    nas = lan.machine("nas", boot=1.0)
    guard = lan.guard([], wake={"shutdown-timeout": "4s"})
    assert guard.register(nas) == "OK."
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert guard.state("nas") == "drowsy"
        assert lan.client.ping(nas.v4, timeout=1) is not None
        time.sleep(0.2)
    guard.wait_state("nas", "awake", timeout=10)
    assert [e for e in guard.events("nas") if e["event"] == "stayed-awake"]
    assert nas.conflicts == 0


def test_configured_machine_is_noticed_by_silence(lan):
    nas = lan.machine("nas", boot=1.0)
    guard = lan.guard([nas], rules={"nas": "tcp/22"})
    guard.wait_state("nas", "awake")
    lan.client.learn(nas.v4)
    nas.sleep()
    guard.wait_state("nas", "asleep")               # watch 1 s, six misses half a second apart
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)


def test_watch_is_gentle_and_needs_no_probe_of_a_talking_machine(lan):
    nas = lan.machine("nas", boot=1.0)
    guard = lan.guard([nas], wake={"watch": "2s"})
    guard.wait_state("nas", "awake")
    capture = nas.wire_capture()
    wait_quiet(6)
    probes = [f for f in capture.frames() if not f.out and f.src == lan.guard_host.mac and (f.is_arp or f.icmp == 135)]
    assert 1 <= len(probes) <= 8, probes
    assert not [f for f in probes if f.spa == "0.0.0.0" or f.ip_src == "::"], "never probes without an address of its own"
    assert not [f for f in sent_by_guard(capture, lan.guard_host) if f.src != lan.guard_host.mac], "nothing is claimed"


@pytest.mark.parametrize("alive", [True, False])
def test_unknown_at_start_is_decided_within_two_seconds(lan, alive):
    nas = lan.machine("nas", boot=1.0)
    if not alive:
        nas.sleep()
    guard = lan.guard([nas])
    guard.wait_state("nas", "awake" if alive else "asleep", timeout=max(0.1, guard.started + 2.3 - time.monotonic()))


def test_nic_that_answers_arp_asleep(lan):
    nas = lan.machine("nas", boot=1.0, arp_offload=True)
    guard = lan.guard([], wake={"shutdown-timeout": "60s"})
    assert guard.register(nas) == "OK."
    nas.sleep()
    guard.wait_state("nas", "asleep", timeout=20)
    assert [e for e in guard.events("nas") if e["event"] == "nic-answers"]
    lan.client.learn(nas.v4)
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)


def test_flapping_machine(lan):
    nas = lan.machine("nas", boot=0.2, dad="off", flap=True)
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    for _ in range(8):
        nas.press_button()
        wait_quiet(1.0)
        nas.sleep()
        wait_quiet(1.0)
    guard.wait_state("nas", "asleep", timeout=20)
    assert nas.conflicts == 0
    assert len(guard.log().splitlines()) < 120, "log flood"
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)


def test_second_host_that_uses_the_address(lan):
    """A host that really uses the address wins: the guard defends once, then stops claiming and says so."""
    nas = lan.machine("nas", boot=None)
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    lan.other.ns.ip(f"addr add {nas.v4}/24 dev eth0")
    announce = frames.eth(frames.BROADCAST, lan.other.mac, frames.ARP, frames.arp(
        1, lan.other.mac, nas.v4, "00:00:00:00:00:00", nas.v4))
    for _ in range(3):
        lan.other.send(announce)
        wait_quiet(0.5)
    guard.wait_log("another host.*uses|used by another host")
    conflict = [e for e in guard.events("nas") if e["event"] == "conflict"][-1]
    assert lan.other.mac in str(conflict)
    with lan.client.capture() as capture:
        lan.client.ns.run("ip", "neigh", "flush", "dev", "eth0", check=False)
        assert lan.client.ping(nas.v4, timeout=2) is not None
        assert lan.client.neighbour(nas.v4)[0] == lan.other.mac
        assert not [f for f in capture.frames() if f.is_arp and f.spa == nas.v4 and f.src != lan.other.mac and not f.out]
    lan.client.learn(nas.v6)
    assert lan.client.neighbour(nas.v6)[0] not in (None, lan.other.mac), "the other address stays claimed"


def test_address_of_a_live_other_host_is_not_claimed(lan):
    """After a goodbye the last probe goes to everybody: whoever else has the address by then is seen."""
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    assert guard.register(nas) == "OK."
    nas.sleep()
    lan.other.ns.ip(f"addr add {nas.v4}/24 dev eth0")
    guard.wait_log("another host.*uses|used by another host")
    wait_quiet(1)
    with lan.client.capture() as capture:
        lan.client.ping(nas.v4, timeout=1)
        assert not [f for f in capture.frames() if f.is_arp and f.spa == nas.v4 and f.src != lan.other.mac and not f.out]


def test_two_guards_one_claim(lan):
    nas = lan.machine("nas", boot=1.0)
    second = lan.host("guard2", 21)
    nas.sleep()
    guards = [lan.guard([nas]), lan.guard([nas], host=second)]
    netns.wait_until(lambda: any("yielded" in str(guard.events("nas")) for guard in guards), 15, what="one guard yields")
    wait_quiet(1)
    with lan.client.capture() as capture:
        lan.client.ns.run("ip", "neigh", "flush", "dev", "eth0", check=False)
        lan.client.ping(nas.v4, timeout=1)
        answers = {f.src for f in capture.frames() if f.is_arp and f.op == 2 and f.spa == nas.v4 and not f.out}
    assert len(answers) == 1, answers
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)


def test_switch_table_is_refreshed_and_floods_nobody(make_lan):
    lan = make_lan(ageing=300)
    nas = lan.machine("nas", boot=None)
    asleep(lan, nas)
    lan.client.learn(nas.v4)
    vmac = lan.client.neighbour(nas.v4)[0]
    assert vmac and int(vmac[:2], 16) & 3 == 2, "locally administered, unicast"
    assert lan.fdb(vmac) == lan.guard_host.port
    with lan.other.capture() as bystander:
        for _ in range(20):
            lan.client.send(syn_frame(lan.client, nas, port=4000, dst_mac=vmac))
        wait_quiet(0.2)
        assert not [f for f in bystander.frames() if f.is_tcp], "the switch floods frames to the virtual MAC"


def test_sleeping_machine_is_looked_at_and_sends_no_harm(lan):
    """While asleep: nothing is broadcast more than needed, and the client's frames get no reset."""
    nas = lan.machine("nas", boot=None)
    asleep(lan, nas)
    capture = lan.other.capture()
    wait_quiet(5)
    before = time.monotonic()
    wait_quiet(5)
    seen = sent_by_guard(capture, lan.guard_host, since=before)
    assert len(seen) <= 3, seen
    assert not harm(capture)


def test_listener_report_is_a_sign_of_life(lan):
    """The first frames of a boot: the DAD that they announce comes up to a second later."""
    nas = lan.machine("nas", boot=None)
    disk = lan.machine("disk", boot=None)
    guard = asleep(lan, nas, disk)
    group = frames.solicited_node(nas.v6)
    record = struct.pack("!BBHBBH", 4, 0, 0, 0, 0, 0)[:4] + frames.addr(group)         # change to exclude mode, no sources
    report = struct.pack("!BBHHH", 143, 0, 0, 0, 1) + record
    alert = struct.pack("!BBHBBH", 58, 0, 0x0502, 0, 0, 0x0100)                        # router alert, padding
    packet = frames.ip6("::", "ff02::16", 0, alert + report, hops=1)
    lan.other.send(frames.eth("33:33:00:00:00:16", nas.mac, frames.IP6, packet))
    guard.wait_state("nas", "waking")
    assert guard.state("disk") == "asleep"
