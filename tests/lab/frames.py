"""Frames as the lab makes and reads them: plain struct, no scapy (it takes a second to import).

Builders give bytes with right checksums; parse() gives a Frame with what assertions ask for. It reads only frames
of the lab itself, so a frame it cannot read is simply shown as raw bytes.
"""

import ipaddress
import socket
import struct

IP, ARP, IP6, VLAN, WOL, REFRESH = 0x0800, 0x0806, 0x86dd, 0x8100, 0x0842, 0x88b5
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def mac_text(raw):
    return ":".join(f"{byte:02x}" for byte in raw)


def addr(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def text(raw):
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def eth(dst, src, kind, payload, tag=None):
    head = mac_bytes(dst) + mac_bytes(src)
    if tag is not None:
        head += struct.pack("!HH", VLAN, tag)
    return head + struct.pack("!H", kind) + payload


def arp(op, sha, spa, tha, tpa):
    return (struct.pack("!HHBBH", 1, IP, 6, 4, op) + mac_bytes(sha) + addr(spa) + mac_bytes(tha) + addr(tpa))


def ip4(src, dst, proto, payload, ttl=64, options=b"", frag=0, more=False, ident=7):
    """frag in bytes (a multiple of 8); options padded by the caller to 4."""
    offset = frag // 8 | (0x2000 if more else 0)
    ihl = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 0x40 | ihl, 0, ihl * 4 + len(payload), ident, offset, ttl, proto, 0) + addr(src) + addr(dst)
    head += options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(src, dst, proto, payload, hops=64):
    return struct.pack("!IHBB", 0x60000000, len(payload), proto, hops) + addr(src) + addr(dst) + payload


def ip(src, dst, proto, payload, **more):
    return ip6(src, dst, proto, payload, **more) if ":" in dst else ip4(src, dst, proto, payload, **more)


def _pseudo(src, dst, proto, length):
    if ":" in dst:
        return addr(src) + addr(dst) + struct.pack("!II", length, proto)
    return addr(src) + addr(dst) + struct.pack("!BBH", 0, proto, length)


def tcp(src, dst, sport, dport, flags=SYN, payload=b"", seq=1000, ack=0, options=b"\x02\x04\x05\xb4"):
    body = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, (5 + len(options) // 4) << 4, flags, 64240, 0, 0) + options + payload
    value = checksum(_pseudo(src, dst, 6, len(body)) + body)
    return body[:16] + struct.pack("!H", value) + body[18:]


def udp(src, dst, sport, dport, payload=b"x"):
    body = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    value = checksum(_pseudo(src, dst, 17, len(body)) + body) or 0xffff
    return body[:6] + struct.pack("!H", value) + body[8:]


def icmp(kind, code, rest):
    body = struct.pack("!BBH", kind, code, 0) + rest
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def icmp6(src, dst, kind, code, rest):
    body = struct.pack("!BBH", kind, code, 0) + rest
    value = checksum(_pseudo(src, dst, 58, len(body)) + body)
    return body[:2] + struct.pack("!H", value) + body[4:]


def echo(src, dst, ident=1, seq=1, payload=b"lab-echo"):
    rest = struct.pack("!HH", ident, seq) + payload
    if ":" in dst:
        return ip6(src, dst, 58, icmp6(src, dst, 128, 0, rest))
    return ip4(src, dst, 1, icmp(8, 0, rest))


def ns(src, dst, target, slla=None, nonce=None):
    rest = b"\0\0\0\0" + addr(target)
    if slla:
        rest += b"\x01\x01" + mac_bytes(slla)
    if nonce:
        rest += b"\x0e\x01" + nonce
    return ip6(src, dst, 58, icmp6(src, dst, 135, 0, rest), hops=255)


def na(src, dst, target, tlla=None, solicited=False, override=True, router=False):
    flags = (router << 31) | (solicited << 30) | (override << 29)
    rest = struct.pack("!I", flags) + addr(target)
    if tlla:
        rest += b"\x02\x01" + mac_bytes(tlla)
    return ip6(src, dst, 58, icmp6(src, dst, 136, 0, rest), hops=255)


def solicited_node(target):
    raw = addr(target)
    return text(addr("ff02::1:ff00:0")[:13] + raw[13:])


def multicast_mac(group):
    return "33:33:" + mac_text(addr(group)[12:])


def link_local(mac):
    raw = bytearray(mac_bytes(mac))
    raw[0] ^= 2
    return text(addr("fe80::")[:8] + bytes(raw[:3]) + b"\xff\xfe" + bytes(raw[3:]))


def magic_payload(mac, password=b""):
    return b"\xff" * 6 + mac_bytes(mac) * 16 + password


class Frame:
    """One frame as seen. Fields that do not apply are None."""

    __slots__ = ("time", "out", "raw", "dst", "src", "type", "vlan", "op", "sha", "spa", "tha", "tpa", "ver", "ip_src",
                 "ip_dst", "proto", "sport", "dport", "flags", "seq", "data", "icmp", "code", "target", "override", "lladdr")

    def __init__(self):
        for slot in self.__slots__:
            setattr(self, slot, None)

    @property
    def is_arp(self):
        return self.type == ARP

    @property
    def is_tcp(self):
        return self.proto == 6

    @property
    def is_rst(self):
        return self.proto == 6 and self.flags is not None and bool(self.flags & RST)

    @property
    def is_icmp_error(self):
        """Unreachables, redirects and the like of either family."""
        if self.icmp is None:
            return False
        return self.icmp in (3, 4, 5, 11, 12) if self.ver == 4 else self.icmp in (1, 2, 3, 4, 137)

    def __repr__(self):
        where = "out" if self.out else "in"
        base = f"<{self.time:.4f} {where} {self.src}>{self.dst} "
        if self.is_arp:
            return base + f"arp op {self.op} {self.spa}({self.sha}) -> {self.tpa}({self.tha})>"
        if self.ver:
            tail = f"ip{self.ver} {self.ip_src} -> {self.ip_dst} proto {self.proto}"
            if self.sport is not None:
                tail += f" {self.sport}>{self.dport} flags {self.flags}"
            if self.icmp is not None:
                tail += f" icmp {self.icmp}/{self.code} target {self.target}"
            return base + tail + ">"
        return base + f"type {self.type:04x} {len(self.raw)} bytes>"


def parse(raw, time=0.0, out=False, vlan=None):
    frame = Frame()
    frame.raw, frame.time, frame.out, frame.vlan = raw, time, out, vlan
    frame.dst, frame.src = mac_text(raw[0:6]), mac_text(raw[6:12])
    frame.type, = struct.unpack_from("!H", raw, 12)
    body = raw[14:]
    if frame.type == VLAN and len(body) >= 4:
        frame.vlan, frame.type = struct.unpack_from("!HH", body)
        body = body[4:]
    try:
        if frame.type == ARP:
            frame.op, = struct.unpack_from("!H", body, 6)
            frame.sha, frame.spa = mac_text(body[8:14]), text(body[14:18])
            frame.tha, frame.tpa = mac_text(body[18:24]), text(body[24:28])
        elif frame.type == IP:
            _parse_ip4(frame, body)
        elif frame.type == IP6:
            _parse_ip6(frame, body)
    except (struct.error, ValueError, OSError, IndexError):
        pass
    return frame


def _parse_ip4(frame, body):
    frame.ver = 4
    length = (body[0] & 15) * 4
    total, = struct.unpack_from("!H", body, 2)
    fragment, = struct.unpack_from("!H", body, 6)
    frame.proto, frame.ip_src, frame.ip_dst = body[9], text(body[12:16]), text(body[16:20])
    if not fragment & 0x1fff:
        _parse_l4(frame, body[length:max(total, length) or None])


def _parse_ip6(frame, body):
    frame.ver = 6
    length, frame.proto = struct.unpack_from("!HB", body, 4)
    frame.ip_src, frame.ip_dst = text(body[8:24]), text(body[24:40])
    rest = body[40:40 + length]
    while frame.proto in (0, 43, 60):
        frame.proto, size = rest[0], (rest[1] + 1) * 8
        rest = rest[size:]
    _parse_l4(frame, rest)


def _parse_l4(frame, body):
    if frame.proto == 6:
        frame.sport, frame.dport, frame.seq, _, offset, frame.flags = struct.unpack_from("!HHIIBB", body)
        frame.data = body[(offset >> 4) * 4:]
    elif frame.proto == 17:
        frame.sport, frame.dport = struct.unpack_from("!HH", body)
        frame.data = body[8:]
    elif frame.proto in (1, 58):
        frame.icmp, frame.code = body[0], body[1]
        frame.data = body[8:]
        if frame.proto == 58 and frame.icmp in (135, 136):
            frame.target = text(body[8:24])
            frame.override = bool(body[4] & 0x20)
            frame.lladdr = _lladdr(body[24:])


def _lladdr(options):
    while len(options) >= 8 and options[1]:
        if options[0] in (1, 2):
            return mac_text(options[2:8])
        options = options[options[1] * 8:]
    return None


def in_lab(value):
    """True for an address the lab may use."""
    nets = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "fe80::/10", "127.0.0.0/8", "::1/128")
    address = ipaddress.ip_address(value)
    return any(address in ipaddress.ip_network(net) for net in nets if ipaddress.ip_network(net).version == address.version)
