"""What wakes, what never does, and who may."""

import struct
import time

import frames
import pytest
from frames import ACK, FIN, PSH, RST, SYN
from scenes import asleep, claim_mac, syn_frame, wait_quiet

pytestmark = pytest.mark.needs_guard

RULES = "tcp/22 tcp/445+data udp/9987"


class Knocker:
    """Injects raw packets of the client to machines that never boot."""

    def __init__(self, lan, vmac):
        self.lan, self.host, self.vmac = lan, lan.client, vmac

    def put(self, kind, payload, tag=None, src=None, dst=None):
        self.host.send(frames.eth(dst or self.vmac, src or self.host.mac, kind, payload, tag))

    def ip(self, machine, proto, payload, family=4, tag=None, **more):
        src, dst = self.host.address(family), machine.address(family)
        self.put(frames.IP6 if family == 6 else frames.IP, frames.ip(src, dst, proto, payload, **more), tag)

    def tcp(self, machine, flags, port=22, family=4, data=b"", tag=None, sport=40000, **more):
        src, dst = self.host.address(family), machine.address(family)
        self.ip(machine, 6, frames.tcp(src, dst, sport, port, flags, data), family, tag, **more)

    def udp(self, machine, port, family=4, data=b"x", tag=None, **more):
        src, dst = self.host.address(family), machine.address(family)
        self.ip(machine, 17, frames.udp(src, dst, 5000, port, data), family, tag, **more)


def machines(lan, count, **options):
    return [lan.machine(f"m{i}", boot=None, dad="off", udp=(), **options) for i in range(count)]


@pytest.mark.asan
def test_what_never_wakes(lan):
    nas, = machines(lan, 1)
    asleep(lan, nas, rules={nas.name: RULES}, guard={"scan-limit": "off"})
    knocker = Knocker(lan, claim_mac(lan.client, nas.v4))
    before = time.monotonic()
    for family in (4, 6):
        src, dst = lan.client.address(family), nas.address(family)
        for flags in (RST, FIN, ACK, RST | ACK, FIN | ACK, SYN | ACK, SYN | ACK | PSH, 0, FIN | PSH | 32):
            knocker.tcp(nas, flags, family=family)
            knocker.tcp(nas, flags, family=family, port=445)
        knocker.tcp(nas, ACK, family=family, port=445, data=b"\0")              # a keep-alive with its one byte
        knocker.tcp(nas, ACK | PSH, family=family, port=22, data=b"data")       # data, but the rule has no +data
        knocker.tcp(nas, RST | ACK, family=family, port=445, data=b"data")
        knocker.tcp(nas, SYN, family=family, port=23)
        knocker.udp(nas, 9988, family=family)
        knocker.udp(nas, 5353, family=family)                                   # mDNS, unicast
        knocker.put(frames.IP6 if family == 6 else frames.IP, frames.echo(src, dst))
        knocker.tcp(nas, SYN, family=family, tag=5)                             # somebody else's VLAN
        cut = frames.tcp(src, dst, 40000, 22)[:12]                              # truncated header
        knocker.ip(nas, 6, cut, family)
        knocker.ip(nas, 17, b"\0\1", family)
    segment = frames.tcp(lan.client.v4, nas.v4, 40000, 22)
    knocker.ip(nas, 6, segment, frag=1480)                                      # fragments that are not first
    knocker.ip(nas, 17, frames.udp(lan.client.v4, nas.v4, 5, 9987), frag=8, more=True)
    fragment = struct.pack("!BBHI", 6, 0, 1480, 7)
    knocker.put(frames.IP6, frames.ip6(lan.client.v6, nas.v6, 44, fragment + frames.tcp(lan.client.v6, nas.v6, 4, 22)))
    mdns = frames.ip4(lan.client.v4, "224.0.0.251", 17, frames.udp(lan.client.v4, "224.0.0.251", 5353, 5353, b"\0" * 30), ttl=255)
    knocker.put(frames.IP, mdns, dst="01:00:5e:00:00:fb")
    for _ in range(3):
        lan.client.send(frames.eth(frames.BROADCAST, lan.client.mac, frames.ARP, frames.arp(
            1, lan.client.mac, lan.client.v4, "00:00:00:00:00:00", nas.v4)))
        group = frames.solicited_node(nas.v6)
        lan.client.send(frames.eth(frames.multicast_mac(group), lan.client.mac, frames.IP6,
                                   frames.ns(lan.client.v6, group, nas.v6, lan.client.mac)))
    wait_quiet(0.5)
    assert not nas.magics, "something woke it"
    lan.client.send(syn_frame(lan.client, nas, dst_mac=knocker.vmac))
    assert nas.first_magic(before), "and a SYN still does"


def knock_cases():
    def header(kind, body=b"\1\4\0\0\0\0"):
        """An IPv6 extension header of 8 bytes before TCP; kind 0 hop-by-hop, 60 destination, 43 routing."""
        return lambda k, m: k.put(frames.IP6, frames.ip6(k.host.v6, m.v6, kind, struct.pack("!BB", 6, 0) + body +
                                                         frames.tcp(k.host.v6, m.v6, 4000, 22)))
    return {
        "syn4": lambda k, m: k.tcp(m, SYN),
        "syn6": lambda k, m: k.tcp(m, SYN, family=6),
        "syn with data (fast open)": lambda k, m: k.tcp(m, SYN, data=b"early"),
        "syn with ecn": lambda k, m: k.tcp(m, SYN | 0x40 | 0x80),
        "ip options": lambda k, m: k.tcp(m, SYN, options=b"\x94\x04\0\0" + b"\1" * 36),
        "hop-by-hop": header(0),
        "destination options": header(60),
        "vlan 0": lambda k, m: k.tcp(m, SYN, tag=0),
        "vlan 0 with priority": lambda k, m: k.tcp(m, SYN, tag=0xa000),
        "udp4": lambda k, m: k.udp(m, 9987),
        "udp6": lambda k, m: k.udp(m, 9987, family=6),
        "first fragment": lambda k, m: k.ip(m, 17, frames.udp(k.host.v4, m.v4, 5, 9987, b"y" * 1000)[:800], more=True),
        "two bytes of data": lambda k, m: k.tcp(m, ACK, port=445, data=b"ab"),
        "syn at a +data rule": lambda k, m: k.tcp(m, SYN, port=445),
        "in a range": lambda k, m: k.tcp(m, SYN, port=8005),
    }


def test_what_wakes(lan):
    cases = knock_cases()
    targets = machines(lan, len(cases))
    asleep(lan, *targets, rules={machine.name: RULES + " tcp/8000-8010" for machine in targets},
           guard={"scan-limit": "off", "wake-limit": "off"})
    knocker = Knocker(lan, claim_mac(lan.client, targets[0].v4))
    missing = []
    for machine, (name, knock) in zip(targets, cases.items()):
        before = time.monotonic()
        knock(knocker, machine)
        try:
            machine.first_magic(before)
        except TimeoutError:
            missing.append(name)
    assert not missing, f"did not wake: {missing}"


def test_from_and_ignore_from(lan):
    targets = machines(lan, 5)
    by_prefix, by_mac, ignored, ignored_mac, both = targets
    client, other = lan.client, lan.other
    asleep(lan, *targets, guard={"scan-limit": "off"}, machine_keys={
        by_prefix.name: {"from": "192.0.2.8/29 2001:db8::10/128"},
        by_mac.name: {"from": other.mac},
        ignored.name: {"ignore-from": f"{client.v4} {client.v6}"},
        ignored_mac.name: {"ignore-from": client.mac},
        both.name: {"from": "192.0.2.0/24", "ignore-from": client.v4}})
    vmac = claim_mac(client, targets[0].v4)
    before = time.monotonic()
    other.send(syn_frame(other, by_prefix, dst_mac=vmac))
    client.send(syn_frame(client, by_mac, dst_mac=vmac))
    for machine in (ignored, ignored_mac, both):
        for family in (4, 6):
            client.send(syn_frame(client, machine, family=family, dst_mac=vmac))
    wait_quiet(0.4)
    assert not [m.name for m in targets if m.magics]
    client.send(syn_frame(client, by_prefix, family=6, dst_mac=vmac))
    other.send(syn_frame(other, by_mac, dst_mac=vmac))
    for machine in (ignored, ignored_mac, both):
        other.send(syn_frame(other, machine, dst_mac=vmac))
    for machine in targets:
        assert machine.first_magic(before)


def test_scan_limit_names_the_scanner_and_mutes_it(lan):
    nas, disk = machines(lan, 2)
    guard = asleep(lan, nas, disk, rules={"m0": "tcp/22", "m1": "tcp/22"})
    vmac = claim_mac(lan.client, nas.v4)
    before = time.monotonic()
    for port in range(1000, 1020):
        lan.client.send(syn_frame(lan.client, nas, port=port, dst_mac=vmac))
    wait_quiet(0.2)
    lan.client.send(syn_frame(lan.client, nas, dst_mac=vmac))
    wait_quiet(0.4)
    assert not nas.magics, "a scanner woke it"
    guard.wait_log(f"scan.*{lan.client.v4}|{lan.client.v4}.*scan")
    lines = [line for line in guard.log().splitlines() if lan.client.v4 in line and "scan" in line]
    assert len(lines) == 1, lines
    lan.other.send(syn_frame(lan.other, nas, dst_mac=vmac))
    assert nas.first_magic(before), "others are not muted"
    lan.client.send(syn_frame(lan.client, disk, family=6, dst_mac=vmac))
    wait_quiet(0.3)


def test_scan_limit_off(lan):
    nas, = machines(lan, 1)
    asleep(lan, nas, rules={"m0": "tcp/22"}, guard={"scan-limit": "off"})
    vmac = claim_mac(lan.client, nas.v4)
    for port in range(1000, 1050):
        lan.client.send(syn_frame(lan.client, nas, port=port, dst_mac=vmac))
    lan.client.send(syn_frame(lan.client, nas, dst_mac=vmac))
    assert nas.first_magic()


def test_wake_limit(lan):
    targets = machines(lan, 4)
    guard = asleep(lan, *targets, guard={"wake-limit": "2/1min"})
    vmac = claim_mac(lan.client, targets[0].v4)
    for machine in targets:
        lan.client.send(syn_frame(lan.client, machine, dst_mac=vmac))
    for machine in targets[:2]:
        machine.first_magic()
    wait_quiet(0.6)
    assert [bool(machine.magics) for machine in targets] == [True, True, False, False]
    guard.wait_log(lan.client.v4)
    lan.other.send(syn_frame(lan.other, targets[3], dst_mac=vmac))
    assert targets[3].first_magic()


def test_second_knock_starts_nothing_new(make_lan):
    lan = make_lan(clients=2)
    nas = lan.machine("nas", boot=2.0, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"}, wake={"attempts": 5, "interval": "10s"})
    first = lan.clients[0].connect(nas.v4)
    magic = nas.first_magic(first.start)
    wait_quiet(0.5)
    seen = len(nas.magics)
    second = lan.clients[1].connect(nas.v6)
    wait_quiet(1.0)
    assert len(nas.magics) == seen
    assert first.wait(10).ok and second.wait(10).ok
    assert len([e for e in guard.events("nas") if e["event"] == "knock"]) == 1
    assert magic
