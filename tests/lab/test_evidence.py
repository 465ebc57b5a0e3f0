"""What the sleeper sees on a machine: services that listen, and data on connections; with real sockets in its namespace.

(Logind, systemd and the user's own checks are proven in a real systemd.)"""

import contextlib
import socket
import subprocess
import time

import pytest

from guard import program
from netns import wait_until
from sleeper import Sleeper

IDLE = """[idle]
after = 20min
grace = 0s
interval = 5s
sessions = ignore
timers = ignore
load = off
pressure = off
disk = off
network = {network}
"""


@pytest.fixture
def box(lan):
    return lan.other


@pytest.fixture
def sockets(box):
    """Makes sockets in the box's namespace, which are closed behind the test: sockets("tcp", address, port)."""
    with contextlib.ExitStack() as stack:
        def make(kind, address, port):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with box.ns.entered():
                sock = stack.enter_context(socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address, port))
            if kind == "tcp":
                sock.listen()
            return sock
        yield make


def services(sleeper):
    return {answer["service"]["rule"]: (answer["service"]["on"], answer["service"]["why"])
            for answer in sleeper.ask({"command": "services"})[:-1]}


def why(sleeper):
    *checks, idle, _ = sleeper.ask({"command": "why"})
    return {answer["check"]["check"]: answer["check"] for answer in checks}, idle["idle"]


def rouse(box, sleeper, *argv):
    return subprocess.run(box.ns.command(program("rouse"), "--sleeper", sleeper.socket, *argv), capture_output=True, text=True, timeout=20)


def test_services_are_found_and_switched(box, sockets):
    box.ns.ip("addr add 198.51.100.1/32 dev lo")
    for kind, address, port in (("tcp", "0.0.0.0", 22), ("tcp", "::", 22), ("tcp", box.v6, 8080), ("udp", box.v4, 9987),
                                ("tcp", "127.0.0.1", 25), ("tcp", "::1", 25), ("udp", "127.0.0.1", 53), ("udp", "0.0.0.0", 5353),
                                ("tcp", "0.0.0.0", 40000), ("tcp", "198.51.100.1", 81)):
        sockets(kind, address, port)
    sleeper = Sleeper(box, paired=False, extra="[services]\non = echo\noff = tcp/8080\n")
    with sleeper.start():
        sleeper.wait_log("not paired")
        assert services(sleeper) == {
            "tcp/22": (True, "listening"), "tcp/81": (False, "elsewhere"), "tcp/8080": (False, "configured"),
            "tcp/40000": (False, "ephemeral"), "udp/5353": (False, "chatter"), "udp/9987": (True, "listening"),
            "echo": (True, "configured")}
        done = rouse(box, sleeper, "service", "tcp/22", "off")
        assert (done.returncode, done.stdout) == (0, "tcp/22 does not wake this machine from now on.\n"), done.stderr
        assert rouse(box, sleeper, "service", "tcp/8080", "on").returncode == 0
        assert sleeper.stop() == 0
        sleeper.start()
        sleeper.wait_log("(?s)not paired.*not paired")
        now = services(sleeper)
        assert now["tcp/22"] == (False, "switched") and now["tcp/8080"] == (True, "switched")
        table = rouse(box, sleeper, "services").stdout
        assert [line.split()[:2] for line in table.splitlines() if line.startswith("tcp/8080")] == [["tcp/8080", "on"]], table


def test_open_connections_are_not_traffic(lan, box, sockets):
    listeners = [sockets("tcp", box.v4, 22), sockets("tcp", box.v6, 22), sockets("tcp", box.v4, 8080)]
    sleeper = Sleeper(box, paired=False, extra=IDLE.format(network="off") + "[services]\noff = tcp/8080\n")
    with contextlib.ExitStack() as stack:
        stack.enter_context(sleeper.start())
        sleeper.wait_log("not paired")
        begin = time.monotonic()
        pairs = []
        for listener, address, port in zip(listeners, (box.v4, box.v6, box.v4), (22, 22, 8080)):
            with lan.client.ns.entered():
                client = stack.enter_context(socket.create_connection((address, port), 5))
            pairs.append((client, stack.enter_context(listener.accept()[0])))
        pairs[0][0].sendall(b"a keep-alive")
        pairs[2][0].sendall(b"x" * 5000)            # not a service that is on
        time.sleep(0.2)
        checks, idle = why(sleeper)
        assert checks["lease"]["postpones"] and "nobody could wake it: not paired" in checks["lease"]["text"]
        assert checks["traffic"] == {"check": "traffic", "busy": False, "postpones": False,
                                     "text": "2 connections open, no data", "since": None}
        time.sleep(3)
        assert why(sleeper)[1]["idle_seconds"] >= time.monotonic() - begin - 1.5, "an open connection keeps it awake"

        pairs[1][1].sendall(b"x" * 5000)            # from the machine, over IPv6
        pairs[0][0].sendall(b"a keep-alive")
        wait_until(lambda: why(sleeper)[0]["traffic"]["busy"], 25, step=0.3, what="traffic")
        checks, idle = why(sleeper)
        assert checks["traffic"]["text"].startswith("1 connection moved data, last ")
        assert checks["traffic"]["text"].endswith(f"ago to tcp/22, from {lan.client.v6}")
        assert idle["idle_seconds"] == 0 and idle["sleeps_in_seconds"] is None
        refused = sleeper.ask({"command": "sleep"})[-1]
        assert refused["result"] == "refused" and refused["error"].startswith("busy: traffic: 1 connection moved data")
        assert rouse(box, sleeper, "sleep").returncode == 1
        screen = rouse(box, sleeper, "why")
        assert screen.stdout.startswith("Stays awake, because of what is marked below."), screen


def test_datagrams_show_in_the_rate_of_the_interface(lan, box, sockets):
    sockets("udp", box.v4, 9987)
    sleeper = Sleeper(box, paired=False, extra=IDLE.format(network="10KiB"))
    with sleeper.start():
        sleeper.wait_log("not paired")
        assert why(sleeper)[0]["network"]["text"] == "not known before the next look"
        with lan.client.ns.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(120):
                sock.sendto(b"x" * 1000, (box.v4, 9987))
        wait_until(lambda: why(sleeper)[0]["network"]["text"] != "not known before the next look", 20, step=0.1, what="the next look")
        network = why(sleeper)[0]["network"]
        assert network["busy"] and "KiB a second; the limit is 10.0 KiB" in network["text"], network


def test_a_hostile_client_is_refused_and_the_next_one_served(box):
    sleeper = Sleeper(box, paired=False)
    with sleeper.start(), contextlib.ExitStack() as stack:
        sleeper.wait_log("not paired")

        def connection():
            sock = stack.enter_context(socket.socket(socket.AF_UNIX))
            sock.settimeout(5)
            sock.connect(sleeper.socket)
            return sock
        for line, word in ((b"x" * 20000 + b"\n", "one line of at most 16384"), (b"{\n", ""), (b'{"command":1}\n', "command: missing"),
                           (b'{"command":"service","rule":"tcp/0","on":true}\n', "rule: expected"),
                           (b'{"command":"service","rule":"tcp/22","on":1}\n', "on: expected"),
                           (b'{"command":"sleep","force":"yes"}\n', "force: expected"),
                           (b'{"command":"test","after":0}\n', "after: expected"),
                           (b'{"command":"test","after":100,"safety":110}\n', "safety: expected"),
                           (b'{"command":"goodbye","why":"reboot"}\n', "why: expected")):
            sock = connection()
            sock.sendall(line)
            answer = sock.makefile().readline()
            assert '"result":"invalid"' in answer and word in answer, (line[:50], answer)
            sock.close()
        idle = [connection() for _ in range(8)]
        extra = connection()
        assert '"result":"busy"' in extra.makefile().readline()
        for sock in idle:
            sock.close()
        wait_until(lambda: sleeper.ask({"command": "version"})[-1]["result"] == "ok", 10, what="a place for the next one")
