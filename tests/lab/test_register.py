"""The registration port: Wakupator's clients work unchanged, and nobody can hurt anybody else through it."""

import json
import socket
import struct
import time

import pytest
from guard import read_reply
from scenes import check_connected, wait_quiet

pytestmark = pytest.mark.needs_guard


def entry(machine, **more):
    return {"mac": machine.mac, "monitor": [{"ip": address, "port": [22]} for address in machine.addresses], **more}


def send(guard, thing, host, **more):
    data = thing if isinstance(thing, bytes) else json.dumps(thing).encode()
    reply = guard.register_raw(data, host, **more)
    assert reply.endswith(b"\0") and reply.count(b"\0") == 1, reply
    return reply[:-1].decode()


def test_wakupators_command_line_and_json(lan):
    nas = lan.machine("nas", boot=1.0)
    # Such a start has no configuration file: state and socket are at their default places, here in folders of its own.
    private = ["sh", "-c", 'mount -t tmpfs -o mode=755 none /var/lib && mount -t tmpfs -o mode=755 none /run && exec "$@"', "sh"]
    guard = lan.guard([], wrap=private, start=False, argv=[
        "-H", lan.guard_host.v4, "-p", "13800", "-if", "eth0", "-nb", "5", "-t", "15", "-kc", "1", "-st", "600", "-pd", "1"])
    guard.start(timeout=0)
    end = time.monotonic() + 15
    while True:
        try:
            reply = send(guard, entry(nas, name="nas"), nas, port=13800)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < end and guard.process.poll() is None, guard.log()
            time.sleep(0.05)
    assert reply == "OK."
    nas.sleep()
    guard.wait_log("asleep", 20)
    before = time.monotonic()
    guard.process.terminate()                       # implies on-exit = wake
    assert guard.process.wait(10) == 0
    assert nas.first_magic(before)


@pytest.mark.parametrize("named", [True, False])
def test_json_with_and_without_name(lan, named):
    nas = lan.machine("nas", boot=1.0)
    guard = lan.guard([])
    more = {"name": "nas"} if named else {}
    assert send(guard, entry(nas, **more), nas) == "OK."
    assert send(guard, entry(nas, mac=nas.mac.upper(), **more), nas) == "OK.", "the same MAC refreshes"
    listed = guard.status()
    assert len(listed) == 1 and listed[0]["mac"] == nas.mac and listed[0]["state"] == "drowsy"
    assert set(listed[0]["addresses"]) == {nas.v4, nas.v6}
    nas.sleep()
    guard.wait_state(listed[0]["name"], "asleep")
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)


def test_empty_port_list_is_any_port(lan):
    nas = lan.machine("nas", boot=None, dad="off")
    guard = lan.guard([])
    assert send(guard, {"mac": nas.mac, "name": "nas", "monitor": [{"ip": nas.v4, "port": []}]}, nas) == "OK."
    nas.sleep()
    guard.wait_state("nas", "asleep")
    lan.client.connect(nas.v4, 31337)
    assert nas.first_magic()


@pytest.mark.asan
def test_segments_and_size(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    text = json.dumps(entry(nas, name="nas")).encode()
    with guard.dial(nas) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(text), 7):
            sock.sendall(text[at:at + 7])
            time.sleep(0.002)
        assert read_reply(sock) == b"OK.\0"
    padded = text[:-1] + b" " * (65536 - len(text)) + b"}"
    assert len(padded) == 65536 and send(guard, padded, nas) == "OK.", "exactly 64 KiB"
    assert send(guard, text[:-1] + b" " * (65537 - len(text)) + b"}", nas) != "OK."
    assert send(guard, text, nas) == "OK."


def test_deadline_and_slow_clients_hurt_nobody(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    silent = [guard.dial(lan.other) for _ in range(3)]
    slow = guard.dial(lan.client)
    slow.sendall(b'{"mac": ')
    for _ in range(30):                             # clients that reset
        sock = guard.dial(lan.client)
        sock.sendall(b"{")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    start = time.monotonic()
    assert send(guard, entry(nas, name="nas"), nas) == "OK."
    assert time.monotonic() - start < 3, "it waits for nobody's deadline"
    for sock in [*silent, slow]:
        sock.settimeout(15)
        read_reply(sock)
        assert time.monotonic() - start < 9, "5 s deadline"
        sock.close()
    assert guard.process.poll() is None and "control" in guard.roles()


def test_start_does_not_say_that_it_registers_where_it_cannot(lan):
    with lan.guard_host.ns.entered():
        other = [socket.create_server(("0.0.0.0", 13717)), socket.create_server(("::", 13717), family=socket.AF_INET6)]
    try:
        guard = lan.guard([])
        guard.wait_log(r"registrations: not accepted yet, port 13717")
        assert "Address already in use" in guard.log()
    finally:
        for sock in other:
            sock.close()


def test_connection_limits(make_lan):
    """64 at once; one source cannot take them all."""
    lan = make_lan(clients=2)
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    flood = []
    for _ in range(200):
        try:
            flood.append(guard.dial(lan.client, timeout=1))
        except OSError:
            break
    try:
        start = time.monotonic()
        assert send(guard, entry(nas, name="nas"), nas) == "OK."
        assert time.monotonic() - start < 3, "another source's flood delays it"
    finally:
        for sock in flood:
            sock.close()
    assert send(guard, entry(nas, name="nas"), nas) == "OK."


def test_garbage_flood(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    for blob in (b"\0" * 100, b"[" * 20000, b'{"mac":' * 3000, b"\xff\xfe" * 500, b'{"a":"' + b"x" * 70000, b"GET / HTTP/1.1\r\n\r\n"):
        with guard.dial(lan.client) as sock:
            try:
                sock.sendall(blob)
                sock.shutdown(socket.SHUT_WR)
                assert read_reply(sock) != b"OK.\0"
            except OSError:
                pass
    assert send(guard, entry(nas, name="nas"), nas) == "OK."


def test_errors_say_which_field_of_which_entry(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])

    def bad(change, *words):
        thing = entry(nas, name="nas")
        change(thing)
        reply = send(guard, thing, nas)
        assert reply != "OK.", thing
        for word in words:
            assert word.lower() in reply.lower(), f"{word!r} is not in {reply!r}"
        assert "\n" not in reply.strip() or True
    bad(lambda t: t.pop("mac"), "mac")
    bad(lambda t: t.update(mac="zz:zz"), "mac")
    bad(lambda t: t.update(mac=7), "mac")
    bad(lambda t: t.pop("monitor"), "monitor")
    bad(lambda t: t.update(monitor=[]), "monitor")
    bad(lambda t: t["monitor"][1].update(ip="192.0.2.999"), "ip", "monitor[1]")
    bad(lambda t: t["monitor"][0].update(port=[0]), "port", "monitor[0]")
    bad(lambda t: t["monitor"][0].update(port=[22.7]), "port")
    bad(lambda t: t["monitor"][0].update(port=[70000]), "port")
    bad(lambda t: t["monitor"][0].update(port="22"), "port")
    bad(lambda t: t["monitor"].append({"ip": "2001:DB8:0::50", "port": [80]}), "duplicate")
    bad(lambda t: t.update(name="a\nb"), "name")
    bad(lambda t: t.update(name="x" * 64), "name")
    text = json.dumps(entry(nas)).encode()
    assert send(guard, text + b" garbage", nas) != "OK."
    many = entry(nas, name="nas")
    many["monitor"][0]["port"] = list(range(1, 256))
    assert send(guard, many, nas) == "OK.", "255 ports in a row are one rule"


def test_self_registers_only_itself(make_lan):
    lan = make_lan(router=True)
    nas = lan.machine("nas", boot=None)
    disk = lan.machine("disk", boot=None)
    guard = lan.guard([])
    refused = []
    for thing, host in ((entry(nas, name="x"), lan.other),                      # somebody else's MAC
                        (entry(nas, mac=lan.other.mac, name="x"), lan.other),   # own MAC, somebody else's address
                        (entry(nas, mac="ff:ff:ff:ff:ff:ff"), nas), (entry(nas, mac="00:00:00:00:00:00"), nas),
                        (entry(nas, mac="01:00:5e:00:00:01"), nas), (entry(nas, mac=lan.guard_host.mac), nas),
                        ({"mac": nas.mac, "monitor": [{"ip": lan.guard_host.v4, "port": [22]}]}, nas),
                        ({"mac": nas.mac, "monitor": [{"ip": "203.0.113.9", "port": [22]}]}, nas),
                        ({"mac": nas.mac, "monitor": [{"ip": "224.0.0.1", "port": [22]}]}, nas),
                        ({"mac": nas.mac, "monitor": [{"ip": "192.0.2.255", "port": [22]}]}, nas),
                        ({"mac": nas.mac, "monitor": [{"ip": "127.0.0.1", "port": [22]}]}, nas),
                        ({"mac": nas.mac, "monitor": [{"ip": disk.v4, "port": [22]}]}, nas)):
        reply = send(guard, thing, host)
        if reply != "OK.":
            refused.append(reply)
        else:
            raise AssertionError(f"accepted: {thing} from {host.name}")
    assert guard.status() == []
    assert send(guard, entry(nas, name="nas"), nas) == "OK."
    send(guard, entry(disk, name="nas"), disk)
    assert guard.status("nas")["mac"] == nas.mac, "a name is never taken from another machine"
    assert len({item["name"] for item in guard.status()}) == len(guard.status())


def test_gateway_is_refused_in_every_mode(make_lan):
    lan = make_lan(router=True)
    lan.guard_host.ns.ip(f"route add default via {lan.router.v4} dev eth0")
    guard = lan.guard([], guard={"register": "anyone", "interface": None})
    thing = {"mac": "52:54:00:00:09:09", "name": "evil", "monitor": [{"ip": lan.router.v4, "port": [22]}]}
    assert send(guard, thing, lan.other) != "OK."
    thing["monitor"][0]["ip"] = lan.other.v4        # a live other machine's, with an invented MAC
    reply = send(guard, thing, lan.client)
    wait_quiet(2.5)
    with lan.client.capture() as capture:
        lan.client.ns.run("ip", "neigh", "flush", "dev", "eth0", check=False)
        lan.client.ping(lan.other.v4, timeout=1)
        assert lan.client.neighbour(lan.other.v4)[0] == lan.other.mac, f"hijacked (the reply was {reply!r})"
        assert capture.frames()


@pytest.mark.parametrize("mode", ["token", "anyone", "off"])
def test_other_modes(lan, mode):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([], guard={"register": mode, **({"token": "s3cret-token"} if mode == "token" else {})})
    if mode == "off":
        with pytest.raises(ConnectionRefusedError):
            guard.dial(lan.other)
        return
    if mode == "token":
        assert send(guard, entry(nas, name="nas"), nas) != "OK."
        assert send(guard, entry(nas, name="nas", token="s3cret-tokem"), nas) != "OK."
        assert send(guard, entry(nas, name="nas", token="s3cret-token"), lan.other) == "OK."
    else:
        assert send(guard, entry(nas, name="nas"), lan.other) == "OK."
    assert guard.status("nas")["state"] == "drowsy"
    assert "s3cret" not in guard.log() and "s3cret" not in guard.rouse("log", "--json").stdout


def test_registered_over_ipv6(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    assert send(guard, entry(nas, name="nas"), nas, family=6) == "OK."


def test_hostile_name_is_escaped_in_the_log(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([], guard={"register": "anyone"})
    send(guard, entry(nas, name="a\x1b[31mred"), nas)
    send(guard, entry(nas, name="ünï"), nas)
    assert "\x1b" not in guard.log() and "\x1b" not in guard.rouse("status").stdout


def test_refreshing_without_a_name_keeps_the_name(lan):
    """Wakupator's example script sends none: the name given before is not lost."""
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    assert send(guard, entry(nas, name="my nas"), nas) == "OK."
    assert send(guard, entry(nas), nas) == "OK."
    assert [item["name"] for item in guard.status()] == ["my nas"]
    events = [event["event"] for event in guard.events()]
    assert "updated" not in events and events.count("added") == 1, "nothing about it has changed"
    goodbye = [event for event in guard.events() if event["event"] == "goodbye"][0]
    assert goodbye["from"] == nas.v4, goodbye
    assert send(guard, entry(nas, name="nas"), nas) == "OK."
    assert [item["name"] for item in guard.status()] == ["nas"]
    disk = lan.machine("disk", boot=None)
    for _ in range(2):
        assert send(guard, entry(disk, name="nas"), disk) == "OK."
    assert [item["name"] for item in guard.status()] == ["nas", f"nas-{disk.mac[-5:].replace(':', '')}"]
    assert [event["event"] for event in guard.events()].count("updated") == 1, "of the new name alone"
