"""The few rtnetlink messages whose moment matters: link up/down/master, address add/flush, address events.

`ip` would cost a fork (3-30 ms on a busy box) between "the machine has its address" and the time stamp that says so.
"""

import errno
import os
import socket
import struct

RTM_NEWLINK, RTM_GETLINK, RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 16, 18, 20, 21, 22
RTMGRP_IPV6_IFADDR = 0x100
REQUEST, ACK, CREATE, REPLACE, DUMP = 1, 4, 0x400, 0x100, 0x300
IFLA_MASTER = 10
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_FLAGS = 1, 2, 4, 8
F_NODAD, F_OPTIMISTIC, F_DADFAILED, F_TENTATIVE, F_PERMANENT = 0x02, 0x04, 0x08, 0x40, 0x80
IFF_UP, IFF_RUNNING = 1, 0x40


def _attr(kind, data):
    pad = -len(data) % 4
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * pad


def _attrs(data):
    out = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        out[kind & 0x3fff] = data[4:length]
        data = data[(length + 3) & ~3:]
    return out


class Link:
    """A netlink socket made inside a namespace; usable from any thread afterwards (one at a time)."""

    def __init__(self, ns):
        with ns.entered():
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            self.sock.bind((0, 0))
        self.ns = ns
        self.seq = 0
        self._index = {}

    def close(self):
        self.sock.close()

    def index(self, name):
        if name not in self._index:
            with self.ns.entered():
                self._index[name] = socket.if_nametoindex(name)
        return self._index[name]

    def _request(self, kind, flags, payload):
        self.seq += 1
        head = struct.pack("=IHHII", 16 + len(payload), kind, REQUEST | flags, self.seq, 0)
        self.sock.send(head + payload)
        replies = []
        while True:
            data = self.sock.recv(1 << 16)
            while len(data) >= 16:
                length, rkind, rflags, seq, _ = struct.unpack_from("=IHHII", data)
                if seq == self.seq:
                    if rkind == 2:                      # NLMSG_ERROR, 0 is the acknowledgement
                        code, = struct.unpack_from("=i", data, 16)
                        if code:
                            raise OSError(-code, os.strerror(-code))
                        return replies
                    if rkind == 3:
                        return replies
                    replies.append((rkind, data[16:length]))
                data = data[(length + 3) & ~3:]

    def set_up(self, name, up=True):
        self._request(RTM_NEWLINK, ACK, struct.pack("=BBHiII", 0, 0, 0, self.index(name), IFF_UP if up else 0, IFF_UP))

    def running(self, name):
        """IFF_RUNNING: carrier is there and the queue is active."""
        replies = self._request(RTM_GETLINK, ACK, struct.pack("=BBHiII", 0, 0, 0, self.index(name), 0, 0))
        return any(struct.unpack_from("=I", data, 8)[0] & IFF_RUNNING for kind, data in replies if kind == RTM_NEWLINK)

    def set_master(self, name, master):
        index = self.index(master) if master else 0
        self._request(RTM_NEWLINK, ACK, struct.pack("=BBHiII", 0, 0, 0, self.index(name), 0, 0) +
                      _attr(IFLA_MASTER, struct.pack("=I", index)))

    def add_address(self, name, text, plen, flags=0):
        six = ":" in text
        raw = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, text)
        scope = 253 if six and text.startswith("fe80") else 0
        body = struct.pack("=BBBBI", socket.AF_INET6 if six else socket.AF_INET, plen, flags & 0xff, scope, self.index(name))
        body += _attr(IFA_LOCAL, raw) + _attr(IFA_ADDRESS, raw)
        if not six:
            host = (1 << (32 - plen)) - 1
            body += _attr(IFA_BROADCAST, struct.pack("!I", struct.unpack("!I", raw)[0] | host))
        self._request(RTM_NEWADDR, ACK | CREATE | REPLACE, body)

    def addresses(self, name):
        """[(text, plen, flags)] of an interface."""
        out = []
        for kind, data in self._request(RTM_GETADDR, DUMP, struct.pack("=BBBBI", 0, 0, 0, 0, 0)):
            item = parse_address(kind, data)
            if item and item[0] == self.index(name):
                out.append(item[1:4])
        return out

    def flush(self, name):
        for text, plen, _ in self.addresses(name):
            family = socket.AF_INET6 if ":" in text else socket.AF_INET
            body = struct.pack("=BBBBI", family, plen, 0, 0, self.index(name)) + _attr(IFA_LOCAL, socket.inet_pton(family, text))
            try:
                self._request(RTM_DELADDR, ACK, body)
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise


def parse_address(kind, data):
    """(ifindex, text, plen, flags, kind) of an address message, or None."""
    if kind not in (RTM_NEWADDR, RTM_DELADDR) or len(data) < 8:
        return None
    family, plen, flags, _, index = struct.unpack_from("=BBBBI", data)
    attrs = _attrs(data[8:])
    raw = attrs.get(IFA_LOCAL) or attrs.get(IFA_ADDRESS)
    if raw is None:
        return None
    if IFA_FLAGS in attrs:
        flags, = struct.unpack("=I", attrs[IFA_FLAGS])
    return index, socket.inet_ntop(family, raw), plen, flags, kind


def address_events(ns):
    """A socket that tells every IPv6 address change of the namespace (DAD finished, DAD failed)."""
    with ns.entered():
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        sock.bind((0, RTMGRP_IPV6_IFADDR))
    return sock


def read_events(sock):
    """All pending address messages as parse_address() gives them."""
    out = []
    while True:
        try:
            data = sock.recv(1 << 16)
        except BlockingIOError:
            return out
        while len(data) >= 16:
            length, kind, _, _, _ = struct.unpack_from("=IHHII", data)
            item = parse_address(kind, data[16:length])
            if item:
                out.append(item)
            data = data[(length + 3) & ~3:]
