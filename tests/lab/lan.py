"""The virtual LAN: a switch, hosts and machines, each a network namespace with its own real kernel stack.

    with Lan() as lan:
        nas = lan.machine("nas", boot=3.0)
        guard = lan.guard([nas])
        ...

Addresses: 192.0.2.0/24 and 2001:db8::/64; router .1, clients .10 and up, guard .20, other host .30, machines .50
and up; the IPv6 address ends in the same number. Everything is removed when the context ends, however it ends.
"""

import contextlib
import os
import socket
import struct
import threading
import time

import frames
import netns
import rtnl
from capture import Capture, packet_socket
from loop import Loop

V4, V6 = "192.0.2.{}", "2001:db8::{:x}"


def v4(number):
    return f"192.0.2.{number}" if number < 256 else f"198.51.100.{number - 256}"


def v6(number):
    # ::50 for machine 50, as people write it
    return f"2001:db8::{number}"


def mac(number):
    return f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}"


class Attempt:
    """One blocking connect() in a thread of its own."""

    def __init__(self, host, address, port, source_port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with host.ns.entered():
            self.sock = socket.socket(family, socket.SOCK_STREAM)
        if source_port:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind(("", source_port))
        self.target = (address, port)
        self.error = None
        self.done = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.start = time.monotonic()
        self._thread.start()

    def _run(self):
        try:
            self.sock.connect(self.target)
        except OSError as error:
            self.error = error
        self.done = time.monotonic()

    def wait(self, timeout):
        """Wait for the end of connect(); returns self. Not done in time: TimeoutError."""
        self._thread.join(timeout)
        if self.done is None:
            raise TimeoutError(f"connect to {self.target} still pending after {time.monotonic() - self.start:.1f} s")
        return self

    @property
    def pending(self):
        return self.done is None

    @property
    def ok(self):
        return self.done is not None and self.error is None

    @property
    def seconds(self):
        return self.done - self.start

    def talk(self, data=b"hello", timeout=5):
        """Send and expect the machine's echo: proof that it is the machine that answered."""
        self.sock.settimeout(timeout)
        self.sock.sendall(data)
        answer = b""
        while len(answer) < len(data):
            piece = self.sock.recv(4096)
            if not piece:
                break
            answer += piece
        return answer

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(2)
        self.sock.close()


class Host:
    """A box on the LAN with one interface eth0."""

    def __init__(self, lan, name, number):
        self.lan, self.name, self.number = lan, name, number
        self.v4, self.v6, self.mac = v4(number), v6(number), mac(number)
        self.link_local = frames.link_local(self.mac)
        self.port = "p" + name
        self.ns = netns.Namespace(name)
        self._closing = contextlib.ExitStack()
        self._raw = None
        self.ns.sysctl(**{"net.ipv6.conf.default.accept_dad": 0, "net.ipv6.conf.default.accept_ra": 0,
                          "net.ipv6.conf.default.router_solicitations": 0})
        lan.switch.ip(f"link add name {self.port} type veth peer name eth0 address {self.mac} netns {self.ns.name}",
                      f"link set {self.port} master br0 up")
        self.ns.ip("link set lo up", "link set eth0 up",
                   f"addr add {self.v4}/24 brd + dev eth0", f"addr add {self.v6}/64 dev eth0 nodad")

    def address(self, family):
        return self.v4 if family == 4 else self.v6

    def linear(self, count):
        """How many SYNs go out a second apart before the back-off doubles (0: classic back-off)."""
        self.ns.sysctl(**{"net.ipv4.tcp_syn_linear_timeouts": count})

    def offload(self, on):
        """Checksum offload of the transmit side (on is the veth default: captured SYNs have partial checksums)."""
        self.ns.run("ethtool", "-K", "eth0", "tx", "on" if on else "off")

    def connect(self, address, port=22, source_port=0):
        """Start a blocking connect(); returns the Attempt."""
        attempt = Attempt(self, address, port, source_port)
        self._closing.callback(attempt.close)
        return attempt

    def udp(self, address, port, payload=b"ping", timeout=30.0):
        """Send one datagram; returns (seconds, answer) or None when nothing came."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.ns.entered():
            sock = socket.socket(family, socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(timeout)
            start = time.monotonic()
            sock.sendto(payload, (address, port))
            try:
                data, _ = sock.recvfrom(4096)
            except (TimeoutError, OSError):
                return None
            return time.monotonic() - start, data

    def ping(self, address, timeout=30.0, ident=None):
        """Send one echo request; returns the seconds until the reply, or None."""
        six = ":" in address
        with self.ns.entered():
            sock = (socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58) if six else
                    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
        ident = (ident or os.getpid() * 7 + self.number) & 0xffff
        payload = b"rouse-lab-echo-16"
        if six:
            packet = struct.pack("!BBHHH", 128, 0, 0, ident, 1) + payload       # the kernel sums ICMPv6
        else:
            packet = frames.icmp(8, 0, struct.pack("!HH", ident, 1) + payload)
        with sock:
            start = time.monotonic()
            try:
                sock.sendto(packet, (address, 0))
            except OSError:
                return None
            while True:
                left = start + timeout - time.monotonic()
                if left <= 0:
                    return None
                sock.settimeout(left)
                try:
                    data, sender = sock.recvfrom(4096)
                except (TimeoutError, OSError):
                    return None
                body = data if six else data[(data[0] & 15) * 4:]
                if body[0] == (129 if six else 0) and body[4:6] == struct.pack("!H", ident) and sender[0] == address:
                    return time.monotonic() - start

    def send(self, raw):
        """Put one raw frame onto the wire."""
        if self._raw is None:
            self._raw = packet_socket(self.ns, "eth0", program=[(0x06, 0, 0, 0)], buffer=4096)
            self._closing.callback(self._raw.close)
        self._raw.send(raw)

    def capture(self, **more):
        capture = Capture(self.ns, "eth0", **more)
        self._closing.callback(capture.close)
        return capture

    def neighbour(self, address):
        """(MAC or None, state words) of the kernel's neighbour entry."""
        out = self.ns.run("ip", "neigh", "show", "to", address).stdout.split()
        lladdr = out[out.index("lladdr") + 1] if "lladdr" in out else None
        return lladdr, [word for word in out if word.isupper()]

    def learn(self, *addresses):
        """Resolve addresses now (an ordinary packet to a closed UDP port); the kernel gives up after three seconds."""
        for address in addresses:
            self.udp(address, 7, b"learn", timeout=0.05)
            with contextlib.suppress(TimeoutError):
                netns.wait_until(lambda a=address: self.neighbour(a)[0], 3.5)

    def close(self):
        self._closing.close()
        self.ns.close()


class Lan:
    """The switch and everything on it."""

    def __init__(self, snooping=False, ageing=300, clients=1, other=True, router=False):
        netns.sweep()
        self.loop = Loop()
        self.hosts = []
        self.machines = []
        self.guards = []
        self.macs = set()               # of what a test itself puts onto the LAN, and real
        self._number = 50
        self.switch = None
        try:
            self._build(snooping, ageing, clients, other, router)
        except BaseException:
            self.close()
            raise

    def _build(self, snooping, ageing, clients, other, router):
        self.switch = netns.Namespace("sw")
        self.switch.sysctl(**{"net.ipv6.conf.all.disable_ipv6": 1, "net.ipv6.conf.default.disable_ipv6": 1})
        if os.path.exists("/proc/sys/net/bridge"):
            self.switch.sysctl(**{"net.bridge.bridge-nf-call-iptables": 0})
        self.switch.ip(f"link add name br0 type bridge forward_delay 0 ageing_time {ageing * 100} "
                       f"mcast_snooping {int(snooping)} mcast_querier {int(snooping)} mcast_query_response_interval 100",
                       "link set br0 up" if not snooping else "link show br0")
        if snooping:                                # an MLD querier needs an address of its own to ask from
            self.switch.sysctl(**{"net.ipv6.conf.all.disable_ipv6": 0, "net.ipv6.conf.br0.disable_ipv6": 0,
                                  "net.ipv6.conf.br0.accept_dad": 0, "net.ipv6.conf.default.disable_ipv6": 1})
            self.switch.ip("link set br0 up")
        self.switch_link = rtnl.Link(self.switch)
        self.router = self.host("router", 1) if router else None
        if router:
            self.router.ns.sysctl(**{"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
        self.clients = [self.host(f"client{i or ''}", 10 + i) for i in range(clients)]
        self.client = self.clients[0] if self.clients else None
        self.guard_host = self.host("guard", 20)
        self.other = self.host("other", 30) if other else None
        if snooping:                                # asks at once now that it has carrier and with it an address
            netns.wait_until(lambda: "tentative" not in (text := self.switch.run("ip", "-6", "addr", "show", "br0").stdout)
                             and "fe80" in text, 5, what="querier's address")
            self.switch.ip("link set br0 type bridge mcast_querier 0", "link set br0 type bridge mcast_querier 1")

    def host(self, name, number):
        host = Host(self, name, number)
        self.hosts.append(host)
        return host

    def machine(self, name="nas", **options):
        """A machine that is up; see machine.Machine for the options."""
        from machine import Machine
        number, self._number = self._number, self._number + 1
        machine = Machine(self, name, options.pop("number", number), **options)
        self.machines.append(machine)
        machine.start()
        return machine

    def guard(self, machines=(), **options):
        """A running, ready guard; see guard.Guard for the options."""
        from guard import Guard
        start = options.pop("start", True)
        guard = Guard(self, options.pop("host", self.guard_host), machines, **options)
        self.guards.append(guard)
        if start:
            guard.start()
        return guard

    def fdb(self, address):
        """The port of the switch where a MAC was learned, or None."""
        import subprocess
        out = subprocess.run(["bridge", "-n", self.switch.name, "fdb", "show", "br", "br0"],
                             capture_output=True, text=True, check=True).stdout
        for line in out.splitlines():
            words = line.split()
            if words[0] == address and "permanent" not in words:
                return words[2]
        return None

    def close(self):
        problems = []
        for guard in self.guards:
            try:
                guard.close()
            except Exception as error:              # the rest must be cleaned all the same
                problems.append(error)
        for thing in self.machines + self.hosts:
            try:
                thing.close()
            except Exception as error:
                problems.append(error)
        self.loop.close()
        if self.switch is not None:
            self.switch_link.close() if hasattr(self, "switch_link") else None
            self.switch.close()
        self.guards, self.machines, self.hosts = [], [], []
        if self.loop.errors:
            problems.append(AssertionError("lab loop:\n" + "\n".join(self.loop.errors)))
        if problems:
            raise problems[0]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.close()
        except Exception:
            if kind is None:
                raise
