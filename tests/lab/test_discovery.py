"""Machines find the guard by multicast DNS: when there is something to be found for, on its link, whatever is said to it."""

import contextlib
import json
import random
import socket
import struct
import subprocess
import time

import frames
import netns
import pytest
from guard import program

pytestmark = pytest.mark.needs_guard

SERVICE = b"\x06_rouse\x04_tcp\x05local\0"
QUESTION = SERVICE + b"\0\x0c\0\x01"
V4, V6, PORT = "224.0.0.251", "ff02::fb", 5353


def query(*questions, answers=0, flags=0, tail=b""):
    return struct.pack(">6H", 0, flags, len(questions), answers, 0, 0) + b"".join(questions) + tail


@contextlib.contextmanager
def mdns(host, family=4, join=True, bind=""):
    """A socket as others have one: at the port, in the group."""
    with host.ns.entered():
        index = socket.if_nametoindex("eth0")
        sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((bind, PORT))
        group = socket.inet_pton(sock.family, V4 if family == 4 else V6)
        if family == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", b"", b"", index))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
            if join:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("4s4si", group, b"", index))
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            if join:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("@I", index))
        where = (V4, PORT) if family == 4 else (V6, PORT, 0, index)
    sock.settimeout(0.1)
    with sock:
        yield sock, where


def answers(sock, seconds, enough=1000):
    """Answers (with our service in them) that come within a time."""
    out, end = [], time.monotonic() + seconds
    while time.monotonic() < end and len(out) < enough:
        try:
            data, _ = sock.recvfrom(65536)
        except (TimeoutError, OSError):
            continue
        if len(data) > 12 and data[2] & 0x80 and SERVICE in data:
            out.append(data)
    return out


def find(host, milliseconds=1000, *words):
    run = host.ns.run(program("tests/lab/lab_discover"), str(milliseconds), *words)
    return json.loads(run.stdout)


def groups(host):
    return {g for link in json.loads(host.ns.run("ip", "-j", "maddr", "show", "dev", "eth0").stdout)
            for item in link["maddr"] for g in [item.get("address")] if g}


def test_found_by_both_families(lan):
    nas, client = lan.machine("nas"), lan.client
    guard = lan.guard([nas], guard={"port": "13719"})
    host = guard.host
    capture = client.capture()
    found = find(client)
    assert len(found) == 1, (found, guard.log())
    assert found[0]["name"] == socket.gethostname().split(".")[0][:63] and found[0]["port"] == 13719
    assert found[0]["addresses"][:2] == [host.v4, host.v6] and host.link_local in found[0]["addresses"]
    assert find(client, 2500, "eth0") == found, "on that interface too, and once a second at most"
    said = [f for f in capture.frames(lambda f: f.proto == 17) if f.src == host.mac]
    assert {f.ip_dst for f in said} == {V4, V6}, "an answer by each family"
    assert all(f.raw[22 if f.ver == 4 else 21] == 255 for f in said), "a hop limit of 255"
    assert all((f.sport, f.dport) == (PORT, PORT) for f in said), "from the port to the port"
    for asked, sock_family in ((4, 4), (6, 6)):
        with mdns(client, sock_family) as (sock, where):
            sock.sendto(query(QUESTION), where)
            assert answers(sock, 10, 1), f"asked by IPv{asked}"


def test_two_guards(lan):
    """Of the same name here: each is found, with its own addresses."""
    nas, tv = lan.machine("nas"), lan.machine("tv")
    guards = [lan.guard([nas]), lan.guard([tv], host=lan.other)]
    found = find(lan.client, 1500)
    assert sorted(g["addresses"][0] for g in found) == sorted(g.host.v4 for g in guards), found


def test_beside_others_at_the_port(lan):
    """avahi has the port as well, on the guard's host and on the client's: each hears what it would alone."""
    nas, client = lan.machine("nas"), lan.client
    guard = lan.guard([nas], start=False)
    with mdns(lan.guard_host) as (avahi, _):
        guard.start()
        with mdns(client) as (other, where):
            assert len(find(client)) == 1
            assert answers(other, 0.2), "it hears the answers too"
            other.sendto(query(b"\x05_http\x04_tcp\x05local\0\0\x0c\0\x01"), where)
            got = [avahi.recv(2048) for _ in range(2)]
            assert query(QUESTION) in got or any(b"_http" in g for g in got)
            other.sendto(b"for avahi alone", (guard.host.v4, PORT))
            end, heard = time.monotonic() + 2, b""
            while time.monotonic() < end and heard != b"for avahi alone":
                with contextlib.suppress(TimeoutError):
                    heard = avahi.recv(2048)
            assert heard == b"for avahi alone", "what is sent to the host alone is not taken away"


def test_with_nothing_to_do_it_sends_nothing(lan):
    """Not a frame, and no group is joined; a machine changes that, and its end changes it back."""
    nas, client = lan.machine("nas"), lan.client
    time.sleep(1.5)                                     # what the kernels have to say about their interfaces
    before = groups(lan.guard_host)
    guard = lan.guard([], start=False)
    with lan.guard_host.capture() as capture:
        guard.start()
        with mdns(client) as (sock, where):
            for _ in range(3):
                sock.sendto(query(QUESTION), where)
                assert not answers(sock, 0.5)
        own = capture.frames(lambda f: f.src not in (nas.mac, client.mac))
        assert not own, own
    assert groups(lan.guard_host) == before and V4 not in before
    guard.rouse("add", "nas", "--mac", nas.mac, "--address", nas.v4)
    netns.wait_until(lambda: {V4, V6} <= groups(lan.guard_host), 10, what="groups joined")
    assert len(find(client)) == 1
    guard.rouse("remove", "nas")
    netns.wait_until(lambda: groups(lan.guard_host) == before, 10, what="groups left")
    assert find(client) == []


def test_found_while_somebody_pairs(lan):
    """A guard without machines is found as long as a code is shown, and no longer."""
    client = lan.client
    guard = lan.guard([])
    pairing = subprocess.Popen([program("rouse"), "--socket", guard.socket, "pair", "--json"], stdout=subprocess.PIPE, text=True)
    try:
        assert "code" in pairing.stdout.readline()
        netns.wait_until(lambda: V4 in groups(guard.host), 10, what="group joined")
        assert len(find(client)) == 1
    finally:
        pairing.terminate()
        pairing.wait(5)
        pairing.stdout.close()
    netns.wait_until(lambda: V4 not in groups(guard.host), 10, what="group left")
    assert find(client) == []


@pytest.mark.parametrize("keys", [{"announce": "no"}, {"observe": "yes"}, {"register": "off"}])
def test_switched_off(lan, keys):
    nas, client = lan.machine("nas"), lan.client
    guard = lan.guard([nas], guard=keys)
    assert find(client) == [] and V4 not in groups(guard.host)
    if "announce" in keys:
        guard.keys["announce"] = "yes"
        guard.reload()
        netns.wait_until(lambda: V4 in groups(guard.host), 10, what="group joined")
        assert len(find(client)) == 1


def test_once_a_second(lan):
    nas, client = lan.machine("nas"), lan.client
    lan.guard([nas])
    with mdns(client) as (sock, where):
        start, heard = time.monotonic(), []
        while time.monotonic() < start + 3.2:
            sock.sendto(query(QUESTION), where)
            with contextlib.suppress(TimeoutError):
                while True:
                    data = sock.recv(4096)
                    if data[2] & 0x80:
                        heard.append(time.monotonic())
        assert 3 <= len(heard) <= 4
        # Heard late is heard sooner after the last.
        assert all(b - a > 0.7 for a, b in zip(heard, heard[1:]))


def test_addresses_and_links_change(lan):
    nas, client = lan.machine("nas"), lan.client
    guard = lan.guard([nas])
    host, guard.clean_exit = guard.host, False          # it is the test that changes the host
    netns.wait_until(lambda: {V4, V6} <= groups(host), 10, what="groups joined")
    host.ns.ip("addr add 192.0.2.21/24 dev eth0")

    def addresses():
        return [address for one in find(client, 1300) for address in one["addresses"]]
    netns.wait_until(lambda: "192.0.2.21" in addresses(), 20, what="the new address")
    host.ns.ip(f"addr del {host.v4}/24 dev eth0", "addr add 192.0.2.21/24 dev eth0")
    netns.wait_until(lambda: (a := addresses())[:1] == ["192.0.2.21"] and host.v4 not in a, 20, what="the old one gone")
    host.ns.ip("link set eth0 down")
    time.sleep(0.3)
    host.ns.ip("link set eth0 up", f"addr replace {host.v6}/64 dev eth0 nodad", f"addr add {host.v4}/24 dev eth0")
    for family in (4, 6):
        with mdns(client, family) as (sock, where):
            def answered():
                sock.sendto(query(QUESTION), where)
                return [a for a in answers(sock, 1.3, 1)]
            netns.wait_until(answered, 20, what=f"an answer by IPv{family} after the link was away")


def test_control_dies_and_the_guard_is_found(lan):
    nas, client = lan.machine("nas"), lan.client
    guard = lan.guard([nas])
    old = guard.kill("control")
    netns.wait_until(lambda: guard.roles().get("control") not in (None, old), 15, what="a new control")
    guard.wait_ready()
    assert len(find(client, 2000)) == 1
    guard.stop()
    assert V4 not in groups(guard.host)


def hostile():
    """Datagrams that nobody should send."""
    draw = random.Random(5)
    good = query(QUESTION)
    yield query(b"\xc0\x0c\0\x0c\0\x01")
    yield query(b"\x01a\xc0\x0c\0\x0c\0\x01")
    yield query(b"\xc0\x0e\xc0\x0c\0\x0c\0\x01")
    yield struct.pack(">6H", 0, 0, 65535, 65535, 65535, 65535) + b"\xc0\x0c" * 4000
    yield b"\0" * 9000
    yield b"\xff" * 65000
    yield good + b"\0" * 60000
    yield query(*[QUESTION] * 2000)
    yield b""
    for cut in range(len(good)):
        yield good[:cut]
    for _ in range(300):
        damaged = bytearray(query(QUESTION, b"\x02pi" + QUESTION, answers=2, tail=bytes(draw.randbytes(60))))
        for _ in range(draw.randrange(1, 8)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        yield bytes(damaged)


def test_hostile_queries(lan):
    nas, client = lan.machine("nas"), lan.client
    guard = lan.guard([nas])
    roles = guard.roles()
    for family in (4, 6):
        with mdns(client, family) as (sock, where):
            for datagram in hostile():
                sock.sendto(datagram, where)
            end = time.monotonic() + 1.5
            while time.monotonic() < end:               # a flood of such as want an answer, and of such as want none
                for _ in range(200):
                    with contextlib.suppress(OSError):
                        sock.sendto(query(QUESTION), where)
                        sock.sendto(query(b"\x05_http\x04_tcp\x05local\0\0\x0c\0\x01"), where)
    netns.wait_until(lambda: len(find(client, 1300)) == 1, 20, what="found again")
    assert guard.roles() == roles, "the same processes\n" + guard.log()


def test_strangers_are_not_answered(lan):
    """A query whose source is on no link of the guard's, one from another port, and one that is no query."""
    nas, client = lan.machine("nas"), lan.client
    lan.guard([nas])

    def frame(source, port, payload=query(QUESTION)):
        udp = struct.pack(">4H", port, PORT, 8 + len(payload), 0) + payload
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 7, 0, 255, 17, 0, socket.inet_aton(source), socket.inet_aton(V4))
        ip = ip[:10] + struct.pack(">H", frames.checksum(ip)) + ip[12:]
        return frames.eth("01:00:5e:00:00:fb", client.mac, frames.IP, ip + udp)
    with mdns(client) as (sock, _):
        for raw in (frame("198.51.100.7", PORT), frame(client.v4, 40000), frame(client.v4, PORT, query(QUESTION, flags=0x8400))):
            client.send(raw)
            assert not answers(sock, 0.4)
        client.send(frame(client.v4, PORT))
        assert answers(sock, 10, 1), "the same from the link is"
