"""A machine whose NIC sleeps and boots for real.

Wiring, all in the switch's namespace except the machine's own eth0:

    br0 -- s<name> ====wire==== w<name> -- n<name> (a bridge that is only a plug) -- m<name> ====cable==== eth0

The wire keeps its carrier while the machine sleeps, as an armed NIC does. The cable is cut (m down) when the
machine is powered off, its addresses, neighbours and sockets are gone with it; a *suspended* machine keeps them
and is only unplugged from n. The NIC listens at w for magic packets, with kernel time stamps.
"""

import contextlib
import random
import socket
import struct
import time

import frames
import netns
import rtnl
from capture import Capture, packet_socket, receive

ANY_PASSWORD = object()


def _nic_filter(arp):
    """Magic packets (EtherType 0x0842, UDP port 9); with an offload ARP and neighbour solicitations too."""
    yes, no = (0x06, 0, 0, 0xffff), (0x06, 0, 0, 0)
    return [(0x28, 0, 0, 12),
            (0x15, 15, 0, frames.WOL),                          # -> yes
            (0x15, 0, 5, frames.IP),
            (0x30, 0, 0, 23), (0x15, 0, 11, 17),
            (0xb1, 0, 0, 14), (0x48, 0, 0, 16), (0x15, 9, 8, 9),
            (0x15, 0, 5, frames.IP6),
            (0x30, 0, 0, 20), (0x15, 0, 2, 17), (0x28, 0, 0, 56), (0x15, 4, 3, 9),
            (0x15, 3 if arp else 2, 2, 58),                     # ICMPv6 -> yes with an offload
            (0x15, 2 if arp else 1, 0, frames.ARP),
            no, no, yes]


class Boot:
    """What one boot did and when (CLOCK_MONOTONIC). addresses/services are filled in while it goes on."""

    def __init__(self, reason, when):
        self.reason, self.start = reason, when
        self.link = None
        self.addresses = {}             # address -> time usable
        self.services = {}              # (4 or 6, "tcp"/"udp", port) -> time listening

    def ready(self, address, port=22, kind="tcp"):
        """When address and service were both up, or None."""
        family = 6 if ":" in address else 4
        up, listening = self.addresses.get(address), self.services.get((family, kind, port))
        return max(up, listening) if up and listening else None


class Magic:
    """One magic packet as the NIC saw it."""

    def __init__(self, frame, kind, valid):
        self.time, self.src, self.dst, self.kind, self.valid = frame.time, frame.src, frame.dst, kind, valid

    def __repr__(self):
        return f"<magic {self.kind} {self.src}>{self.dst} at {self.time:.4f}{'' if self.valid else ' REFUSED'}>"


class Machine:
    """Options: boot (seconds from magic packet to link up; None: never), service (seconds after the address until
    services listen), services ({("tcp", 22): 0.0} own delay a port; replaces tcp/udp), dad (kernel | optimistic |
    off), acd (None | number of ARP probes), announce (gratuitous ARP at boot), noisy (pings others at boot),
    suspend (keep everything while asleep), arp_offload (the NIC answers ARP and NS while asleep), flap (the switch
    sees the link go down and up when it falls asleep), secureon (password bytes), families."""

    def __init__(self, lan, name, number, boot=2.0, service=0.0, services=None, tcp=(22,), udp=(9987,), dad="kernel",
                 acd=None, announce=False, noisy=False, suspend=False, arp_offload=False, flap=False, secureon=b"",
                 families=(4, 6), acd_interval=0.2):
        self.lan, self.name, self.number = lan, name, number
        from lan import mac, v4, v6
        self.v4, self.v6, self.mac = v4(number), v6(number), mac(number)
        self.link_local = frames.link_local(self.mac)
        self.boot, self.dad, self.acd, self.acd_interval = boot, dad, acd, acd_interval
        self.announce, self.noisy, self.suspend, self.flap = announce, noisy, suspend, flap
        self.arp_offload, self.secureon, self.families = arp_offload, secureon, families
        self.delays = services if services is not None else {**{("tcp", port): service for port in tcp},
                                                            **{("udp", port): service for port in udp}}
        self.state = "new"
        self.magics, self.boots = [], []
        self.conflicts = 0
        self.echoes = []                # (time, kind, peer, data): what the services heard
        self._timers, self._sockets, self._conns = [], [], []
        self._closing = contextlib.ExitStack()
        self._make()

    # Wiring

    def _make(self):
        lan, tag = self.lan, self.name
        self.s, self.w, self.n, self.m = "s" + tag, "w" + tag, "n" + tag, "m" + tag
        self.ns = netns.Namespace("m" + tag)
        self.ns.sysctl(**{"net.ipv6.conf.default.accept_ra": 0, "net.ipv6.conf.default.router_solicitations": 0,
                          "net.ipv6.conf.default.accept_dad": 0 if self.dad == "off" else 1,
                          "net.ipv6.conf.default.optimistic_dad": int(self.dad == "optimistic"),
                          "net.ipv6.conf.default.use_optimistic": int(self.dad == "optimistic"),
                          "net.ipv6.conf.default.disable_ipv6": int(6 not in self.families)})
        lan.switch.ip(f"link add name {self.n} type bridge forward_delay 0 ageing_time 0 mcast_snooping 0",
                      f"link add name {self.s} type veth peer name {self.w}",
                      f"link add name {self.m} type veth peer name eth0 address {self.mac} netns {self.ns.name}",
                      f"link set {self.n} up", f"link set {self.s} master br0 up",
                      f"link set {self.w} master {self.n} up", f"link set {self.m} master {self.n}")
        self.ns.ip("link set lo up")
        self.link = rtnl.Link(self.ns)
        self.events = rtnl.address_events(self.ns)
        self.nic = packet_socket(lan.switch, self.w, _nic_filter(self.arp_offload), incoming_only=True)
        self.arp = packet_socket(self.ns, "eth0", [(0x28, 0, 0, 12), (0x15, 0, 1, frames.ARP), (0x06, 0, 0, 0xffff),
                                                   (0x06, 0, 0, 0)], incoming_only=True)
        for sock, function in ((self.nic, self._nic_readable), (self.events, self._addresses_changed),
                               (self.arp, self._arp_readable)):
            lan.loop.watch(sock, function)

    def _later(self, seconds, function, *args):
        self._timers.append(self.lan.loop.later(seconds, function, *args))

    # What tests do with it

    @property
    def addresses(self):
        return [address for family, address in ((4, self.v4), (6, self.v6)) if family in self.families]

    def address(self, family):
        return self.v4 if family == 4 else self.v6

    def start(self, timeout=15):
        """Switched on by hand and everything up (the state a test begins with)."""
        self.lan.loop.call(self._power_on, "start", 0.0)
        self.wait_up(timeout)

    def press_button(self, boot=None):
        """Somebody switches it on."""
        self.lan.loop.call(self._power_on, "button", self.boot if boot is None else boot)

    def wait_up(self, timeout=60):
        """Wait until all addresses and services of the current boot are up; returns the Boot."""
        def up():
            boot = self.boots[-1] if self.boots else None
            if boot and self.state == "up" and all(
                    boot.ready(address, port, kind) for address in self.addresses for kind, port in self.delays):
                return boot
            return None
        return netns.wait_until(up, timeout, what=f"{self.name} up")

    def sleep(self, last_words=True):
        """Fall asleep now; returns the moment of the last frame. last_words: a frame leaves at that very moment, so
        that "after the machine's last frame" is exact."""
        return self.lan.loop.call(self._power_off, last_words)

    def ping_from(self, address):
        """The machine itself sends an echo request (noise)."""
        return self.lan.loop.call(self._ping, address)

    def valid_magics(self, since=0.0):
        return [magic for magic in self.magics if magic.valid and magic.time >= since]

    def first_magic(self, since=0.0, timeout=5.0):
        netns.wait_until(lambda: self.valid_magics(since), timeout, step=0.005, what=f"magic packet for {self.name}")
        return self.valid_magics(since)[0]

    def wire_capture(self):
        """Every frame at the wire, while awake and asleep; `out` is what the machine (or its NIC) sent."""
        capture = Capture(self.lan.switch, self.w)
        self._closing.callback(capture.close)
        return capture

    def connect_out(self, address, port):
        """A socket of the machine itself, connected (blocking, short)."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.ns.entered():
            sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(5)
        sock.connect((address, port))
        self._closing.callback(sock.close)
        return sock

    # Power

    def _cancel_timers(self):
        for timer in self._timers:
            self.lan.loop.cancel(timer)
        self._timers = []

    def _power_on(self, reason, delay):
        if self.state in ("booting", "up"):
            return
        self.state = "booting"
        self.boots.append(Boot(reason, time.monotonic()))
        self._later(delay, self._plug_in)

    def _power_off(self, last_words):
        self._cancel_timers()
        if last_words and self.state == "up":
            with contextlib.suppress(OSError):
                self._emit(frames.eth(self.lan.guard_host.mac, self.mac, 0x88b6, b"last words"))
        when = time.monotonic()
        switch = self.lan.switch_link
        if self.suspend:
            switch.set_master(self.m, None)
        else:
            switch.set_up(self.m, False)
            self._drop_sockets()
            self.link.flush("eth0")
            self.link.set_up("eth0", False)
        if self.flap:
            switch.set_up(self.w, False)            # long enough for the switch to see it
            self.lan.loop.later(0.1, switch.set_up, self.w, True)
        self.state = "asleep"
        return when

    def _drop_sockets(self):
        for sock in self._conns:
            self.lan.loop.unwatch(sock)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        for sock in self._sockets:
            self.lan.loop.unwatch(sock)
            sock.close()
        self._conns, self._sockets = [], []

    def _plug_in(self):
        boot = self.boots[-1]
        boot.link = time.monotonic()
        self.state = "up"
        if self.suspend and self._sockets:
            self.lan.switch_link.set_master(self.m, self.n)
            for address in self.addresses:
                boot.addresses[address] = boot.link
            for kind, port in self.delays:
                for family in self.families:
                    boot.services[(family, kind, port)] = boot.link
            return
        for (kind, port), delay in self.delays.items():
            if delay == 0:
                for family in self.families:
                    self._listen(boot, family, kind, port)
        self.link.set_up("eth0", True)
        self.lan.switch_link.set_up(self.m, True)
        self._wait_running(boot, 1000)

    def _wait_running(self, boot, tries):
        """A link comes up in steps (queue, IPv6, the switch's port); what is sent before the last one is lost, and an
        IPv6 address added in between may never finish DAD. Booting systems wait for it, and so does this one."""
        ready = (self.link.running("eth0") and self.lan.switch_link.running(self.m) and
                 (6 not in self.families or any(text.startswith("fe80") for text, _, _ in self.link.addresses("eth0"))))
        if not ready and tries:
            self._later(0.001, self._wait_running, boot, tries - 1)
        else:
            self._later(0.005, self._configure, boot)

    def _configure(self, boot):
        boot.link = time.monotonic()
        if 6 in self.families:
            self.link.add_address("eth0", self.v6, 64, rtnl.F_NODAD if self.dad == "off" else 0)
            if self.dad == "off":
                self._address_up(boot, self.v6, boot.link)
        if 4 in self.families:
            if self.acd:
                self._acd_probe(boot, self.acd)
            else:
                self._configure4(boot)

    def _configure4(self, boot):
        when = time.monotonic()
        self.link.add_address("eth0", self.v4, 24)
        self._address_up(boot, self.v4, when)
        if self.announce or self.acd:
            self._announce4()
            self._later(2.0, self._announce4)

    def _emit(self, raw):
        """A frame of the machine's own making. A packet socket reports once that its interface was down."""
        with contextlib.suppress(OSError):
            self.arp.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self.arp.send(raw)

    def _announce4(self):
        self._emit(frames.eth(frames.BROADCAST, self.mac, frames.ARP,
                                 frames.arp(1, self.mac, self.v4, "00:00:00:00:00:00", self.v4)))

    def _acd_probe(self, boot, left):
        """RFC 5227 probes, quicker than its 1-2 s so that tests need not wait; a conflict is counted, not obeyed."""
        self._emit(frames.eth(frames.BROADCAST, self.mac, frames.ARP,
                                 frames.arp(1, self.mac, "0.0.0.0", "00:00:00:00:00:00", self.v4)))
        if left > 1:
            self._later(self.acd_interval, self._acd_probe, boot, left - 1)
        else:
            self._later(self.acd_interval * 2, self._configure4, boot)

    def _arp_readable(self):
        """Conflicts as RFC 5227 sees them: somebody else uses, or probes for, our address."""
        while True:
            frame = receive(self.arp)
            if frame is None:
                return
            if self.state != "up" or not frame.is_arp or frame.sha == self.mac:
                continue
            probing = self.v4 not in self.boots[-1].addresses
            if frame.spa == self.v4 or (probing and frame.op == 1 and frame.spa == "0.0.0.0" and frame.tpa == self.v4):
                # A frame for others that names us with our own MAC is no conflict; one for us with another MAC is.
                if frame.dst in (self.mac, frames.BROADCAST):
                    self.conflicts += 1

    def _addresses_changed(self):
        for _, address, _, flags, kind in rtnl.read_events(self.events):
            if kind == rtnl.RTM_NEWADDR and flags & rtnl.F_DADFAILED:
                self.conflicts += 1
            elif kind == rtnl.RTM_NEWADDR and self.state == "up" and address == self.v6:
                usable = not flags & rtnl.F_TENTATIVE or flags & rtnl.F_OPTIMISTIC
                if usable:
                    self._address_up(self.boots[-1], address, time.monotonic())

    def _address_up(self, boot, address, when):
        if address in boot.addresses:
            return
        boot.addresses[address] = when
        family = 6 if ":" in address else 4
        for (kind, port), delay in self.delays.items():
            if delay > 0:
                self._later(delay, self._listen, boot, family, kind, port)
        if self.noisy:
            self._noise(family)

    def _noise(self, family):
        if family == 4:
            self._announce4()
        else:
            raw = frames.na(self.v6, "ff02::1", self.v6, tlla=self.mac)
            self._emit(frames.eth("33:33:00:00:00:01", self.mac, frames.IP6, raw))
        for host in [self.lan.other, *self.lan.clients]:
            if host is not None:
                self._ping(host.address(family))

    def _ping(self, address):
        six = ":" in address
        with self.ns.entered():
            sock = (socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58) if six else
                    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
        rest = struct.pack("!HH", random.randrange(65536), 1) + b"noise"
        with sock, contextlib.suppress(OSError):
            sock.sendto(struct.pack("!BBH", 128, 0, 0) + rest if six else frames.icmp(8, 0, rest), (address, 0))

    # Services

    def _listen(self, boot, family, kind, port):
        with self.ns.entered():
            sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET,
                                 socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
        if family == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind(("::" if family == 6 else "0.0.0.0", port))
        when = time.monotonic()
        if kind == "tcp":
            sock.listen(128)
        boot.services[(family, kind, port)] = when
        self._sockets.append(sock)
        self.lan.loop.watch(sock, (lambda: self._accept(sock)) if kind == "tcp" else (lambda: self._datagram(sock)))

    def _accept(self, sock):
        try:
            conn, peer = sock.accept()
        except (BlockingIOError, OSError):
            return
        conn.setblocking(False)
        self._conns.append(conn)
        self.echoes.append((time.monotonic(), "accept", peer[0], b""))
        self.lan.loop.watch(conn, lambda: self._echo(conn, peer))

    def _echo(self, conn, peer):
        try:
            data = conn.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.echoes.append((time.monotonic(), "tcp", peer[0], data))
            with contextlib.suppress(OSError):
                conn.send(data)
            return
        self.lan.loop.unwatch(conn)
        if conn in self._conns:
            self._conns.remove(conn)
        conn.close()

    def _datagram(self, sock):
        with contextlib.suppress(BlockingIOError, OSError):
            data, peer = sock.recvfrom(65536)
            self.echoes.append((time.monotonic(), "udp", peer[0], data))
            sock.sendto(data, peer)

    # The NIC

    def _nic_readable(self):
        while True:
            frame = receive(self.nic)
            if frame is None:
                return
            if frame.type == frames.WOL or frame.dport == 9:
                self._maybe_magic(frame)
            elif self.arp_offload and self.state == "asleep":
                self._answer_asleep(frame)

    def _maybe_magic(self, frame):
        multicast = int(frame.dst[:2], 16) & 1
        if not multicast and frame.dst != self.mac:
            return
        at = frame.raw.find(frames.magic_payload(self.mac))
        if at < 0:
            return
        password = frame.raw[at + 102:at + 102 + len(self.secureon)]
        kind = ("ether" if frame.type == frames.WOL else f"udp{frame.ver}") + ("-broadcast" if multicast else "-unicast")
        magic = Magic(frame, kind, password == self.secureon)
        self.magics.append(magic)
        if magic.valid and self.state == "asleep" and self.boot is not None:
            self._power_on("magic", max(0.0, self.boot - (time.monotonic() - frame.time)))
            self.boots[-1].start = frame.time

    def _answer_asleep(self, frame):
        if frame.is_arp and frame.op == 1 and frame.tpa == self.v4 and frame.sha != self.mac:
            self.nic.send(frames.eth(frame.sha, self.mac, frames.ARP, frames.arp(2, self.mac, self.v4, frame.sha, frame.spa)))
        elif frame.icmp == 135 and frame.target == self.v6 and frame.ip_src != "::":
            answer = frames.na(self.v6, frame.ip_src, self.v6, tlla=self.mac, solicited=True)
            self.nic.send(frames.eth(frame.src, self.mac, frames.IP6, answer))

    def close(self):
        def stop():
            self._cancel_timers()
            self._drop_sockets()
            for sock in (self.nic, self.events, self.arp):
                self.lan.loop.unwatch(sock)
                sock.close()
        self.lan.loop.call(stop)
        self._closing.close()
        self.link.close()
        self.ns.close()
