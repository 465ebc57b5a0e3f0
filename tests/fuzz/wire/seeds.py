#!/usr/bin/python3
"""seeds.py CORPUS: writes the seed files of the wire decoders: corpus/{frame,checksum,wol}.

The frames are made by scapy, not by the code under test. Files that a fuzzer found lie beside them.
"""
import pathlib
import sys

from scapy.all import (ARP, BOOTP, DHCP, Dot1Q, Ether, ICMP, ICMPv6EchoReply, ICMPv6EchoRequest,
                       ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6ND_RS,
                       ICMPv6NDOptDstLLAddr, ICMPv6NDOptPrefixInfo, ICMPv6NDOptSrcLLAddr,
                       ICMPv6NDOptUnknown, IP, IPOption_Router_Alert, IPv6, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, Padding, Raw,
                       RouterAlert, TCP, UDP)

MACHINE, CLIENT = "02:00:00:00:00:50", "02:00:00:00:00:10"
M4, C4, M6, C6 = "192.0.2.50", "192.0.2.10", "2001:db8::50", "2001:db8::10"
GROUP, GROUP_MAC = "ff02::1:ff00:50", "33:33:ff:00:00:50"
ETHER = Ether(dst=MACHINE, src=CLIENT)
V4, V6 = ETHER / IP(src=C4, dst=M4), ETHER / IPv6(src=C6, dst=M6)
ND = ETHER / IPv6(src=C6, dst=M6, hlim=255)
SYN = TCP(sport=40000, dport=22, flags="S", options=[("MSS", 1460), ("WScale", 7)])
# Authentication header: TCP next, 24 bytes.
AH = Raw(bytes([6, 4, 0, 0]) + bytes(8) + bytes(12))
LONELY = {"type": 14, "len": 1, "data": b"nonce!"}
MAGIC = b"\xff" * 6 + bytes.fromhex(MACHINE.replace(":", "")) * 16

FRAMES = {
    "arp-request": Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT) / ARP(
        op=1, hwsrc=CLIENT, psrc=C4, pdst=M4) / Padding(bytes(18)),
    "arp-reply": ETHER / ARP(op=2, hwsrc=CLIENT, psrc=C4, hwdst=MACHINE, pdst=M4),
    "arp-probe": ETHER / ARP(op=1, hwsrc=CLIENT, psrc="0.0.0.0", pdst=M4),
    "arp-other-op": ETHER / ARP(op=8, hwsrc=CLIENT, psrc=C4, pdst=M4),
    "vlan-0-arp": ETHER / Dot1Q(vlan=0, prio=3) / ARP(op=1, hwsrc=CLIENT, psrc=C4, pdst=M4),
    "vlan-5-syn": ETHER / Dot1Q(vlan=5) / IP(src=C4, dst=M4) / SYN,
    "vlan-two": ETHER / Dot1Q(type=0x8100, vlan=0) / Dot1Q(vlan=7) / IPv6(src=C6, dst=M6) / SYN,
    "v4-syn": V4 / SYN,
    "v4-syn-ack": V4 / TCP(sport=22, dport=40000, flags="SA", seq=7, ack=9),
    "v4-data": V4 / TCP(sport=40000, dport=22, flags="PA") / b"hello",
    "v4-options-syn": ETHER / IP(src=C4, dst=M4, options=[IPOption_Router_Alert()]) / SYN,
    "v4-udp": V4 / UDP(sport=40000, dport=9987) / b"hello",
    "v4-udp-no-checksum": V4 / UDP(sport=40000, dport=9987, chksum=0) / b"hello",
    "v4-echo-request": V4 / ICMP(type=8, id=5, seq=6) / b"hello",
    "v4-echo-reply": V4 / ICMP(type=0, id=5, seq=6) / b"hello",
    "v4-unreachable": V4 / ICMP(type=3, code=1) / bytes(28),
    "v4-fragment-first": ETHER / IP(src=C4, dst=M4, flags="MF") / UDP(
        sport=1, dport=2, len=3000) / bytes(64),
    "v4-fragment-later": ETHER / IP(src=C4, dst=M4, frag=10, proto=17) / bytes(40),
    "v4-gre": ETHER / IP(src=C4, dst=M4, proto=47) / bytes(24),
    "v4-dhcp": Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT) / IP(
        src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / BOOTP(
        chaddr=bytes.fromhex("020000000010")) / DHCP(options=[("message-type", "discover"), "end"]),
    "v6-syn": V6 / SYN,
    "v6-udp": V6 / UDP(sport=40000, dport=9987) / b"hello",
    "v6-echo-request": V6 / ICMPv6EchoRequest(id=5, seq=6, data=b"hello"),
    "v6-echo-reply": V6 / ICMPv6EchoReply(id=5, seq=6, data=b"hello"),
    "v6-extensions-syn": V6 / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / IPv6ExtHdrDestOpt()
    / IPv6ExtHdrRouting(addresses=[M6], segleft=0) / SYN,
    "v6-routed-syn": V6 / IPv6ExtHdrRouting(addresses=[M6, M6], segleft=1) / SYN,
    "v6-ah-syn": ETHER / IPv6(src=C6, dst=M6, nh=51) / AH / SYN,
    "v6-fragment-whole": V6 / IPv6ExtHdrFragment(offset=0, m=0) / SYN,
    "v6-fragment-first": V6 / IPv6ExtHdrFragment(offset=0, m=1) / SYN,
    "v6-fragment-later": V6 / IPv6ExtHdrFragment(offset=20, m=0, nh=6) / bytes(40),
    "v6-no-next": ETHER / IPv6(src=C6, dst=M6, nh=59),
    "nd-ns": Ether(dst=GROUP_MAC, src=CLIENT) / IPv6(src=C6, dst=GROUP, hlim=255) / ICMPv6ND_NS(
        tgt=M6) / ICMPv6NDOptSrcLLAddr(lladdr=CLIENT),
    "nd-dad": Ether(dst=GROUP_MAC, src=MACHINE) / IPv6(src="::", dst=GROUP, hlim=255) / ICMPv6ND_NS(
        tgt=M6) / ICMPv6NDOptUnknown(**LONELY),
    "nd-na": ND / ICMPv6ND_NA(tgt=C6, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=CLIENT),
    "nd-rs": ND / ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=CLIENT),
    "nd-ra": ND / ICMPv6ND_RA() / ICMPv6NDOptPrefixInfo(prefix="2001:db8::"),
    "nd-redirect": ND / ICMPv6ND_Redirect(tgt=C6, dst=M6),
    "other-type": ETHER / Raw(bytes(46)),
    "magic-raw": Ether(dst=MACHINE, src=CLIENT, type=0x0842) / Raw(MAGIC),
}
MAGICS = {
    "bare": MAGIC,
    "secureon-4": MAGIC + b"\x01\x02\x03\x04",
    "secureon-6": b"x" + MAGIC + b"\x01\x02\x03\x04\x05\x06",
    "one-short": b"\xff" * 9 + MAGIC[6:-1],
    "broadcast": b"\xff" * 120,
}


def main():
    corpus = pathlib.Path(sys.argv[1])
    for folder in ("frame", "checksum", "wol"):
        (corpus / folder).mkdir(parents=True, exist_ok=True)
    for name, frame in FRAMES.items():
        (corpus / "frame" / name).write_bytes(bytes(frame))
        if frame.type in (0x0800, 0x86dd):
            (corpus / "checksum" / name).write_bytes(bytes(frame)[14:])
    for name, magic in MAGICS.items():
        (corpus / "wol" / name).write_bytes(magic)


if __name__ == "__main__":
    main()
