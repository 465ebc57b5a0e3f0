"""The lab itself is real: each thing the other tests rely on is shown, and each trap that the guard must avoid is
shown to be there (negative controls), with the bare responder of bench/ in the guard's place."""

import errno
import os
import signal
import subprocess
import sys
import time

import frames
import netns
import pytest
from guard import Guard
from lan import Lan
from tools import built


def start_responder(lan, machine):
    process = subprocess.Popen(lan.guard_host.ns.command(built("bench/responder.c"), "eth0", machine.v4, machine.mac),
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def end(process):
    process.terminate()
    process.wait(5)
    process.stdout.close()


def send_magic(host, machine, password=b"", dst=frames.BROADCAST):
    host.send(frames.eth(dst, host.mac, frames.WOL, frames.magic_payload(machine.mac, password)))


def test_a_sleeping_machine_is_gone_and_boots_by_magic_packet(lan):
    nas = lan.machine("nas", boot=0.5)
    assert lan.client.connect(nas.v4).wait(10).talk() == b"hello"
    assert lan.client.udp(nas.v6, 9987, timeout=10) and lan.client.ping(nas.v6, timeout=10)
    nas.sleep()
    assert lan.client.ping(nas.v4, timeout=0.5) is None
    assert nas.link.addresses("eth0") == []
    before = time.monotonic()
    send_magic(lan.other, nas)
    magic = nas.first_magic(before)
    assert magic.kind == "ether-broadcast" and magic.src == lan.other.mac and magic.time - before < 1
    boot = nas.wait_up()
    assert 0.45 < boot.link - magic.time < 2 and boot.addresses[nas.v6] > boot.link + 0.5, "DAD takes its time"
    assert lan.client.ping(nas.v4, timeout=10) and nas.conflicts == 0


def test_without_a_guard_the_first_connect_fails(lan):
    nas = lan.machine("nas", boot=None)
    nas.sleep()
    attempt = lan.client.connect(nas.v4).wait(15)
    assert attempt.error.errno == errno.EHOSTUNREACH and 2.5 < attempt.seconds < 8


def test_bare_responder_wakes_but_its_client_waits_for_stale_caches(lan):
    nas = lan.machine("nas", boot=1.0, families=(4,))
    process = start_responder(lan, nas)
    try:
        nas.sleep()
        lan.client.linear(0)
        attempt = lan.client.connect(nas.v4)
        magic = nas.first_magic(attempt.start)
        assert magic.time - attempt.start < 0.5
        boot = nas.wait_up()
        with pytest.raises(TimeoutError):
            attempt.wait(boot.ready(nas.v4) + 1.5 - time.monotonic())
    finally:
        end(process)


def test_address_on_the_guard_host_resets(lan):
    """What Wakupator does: the assertion 'no RST' of the other tests can fail."""
    nas = lan.machine("nas", boot=None, families=(4,))
    nas.sleep()
    capture = lan.client.capture()
    lan.guard_host.ns.ip(f"addr add {nas.v4}/24 dev eth0")
    assert lan.client.connect(nas.v4).wait(10).error.errno == errno.ECONNREFUSED
    assert capture.frames(lambda frame: frame.is_rst and not frame.out)


@pytest.mark.parametrize("dad", ["kernel", "optimistic"])
def test_answering_the_machines_own_probes_is_a_conflict(lan, dad):
    nas = lan.machine("nas", boot=0.3, dad=dad, acd=3)
    nas.sleep()
    watch = lan.guard_host.capture()
    nas.press_button()
    probe = watch.wait(lambda f: f.icmp == 135 and f.ip_src == "::" and f.target == nas.v6, 10)
    assert b"\x0e\x01" in probe.raw[78:], "the kernel's enhanced DAD nonce"
    host = lan.guard_host
    host.send(frames.eth("33:33:00:00:00:01", host.mac, frames.IP6, frames.na(nas.v6, "ff02::1", nas.v6, tlla=host.mac)))
    watch.wait(lambda f: f.is_arp and f.sha == nas.mac and f.spa == "0.0.0.0" and f.tpa == nas.v4, 10)
    host.send(frames.eth(nas.mac, host.mac, frames.ARP, frames.arp(2, host.mac, nas.v4, nas.mac, "0.0.0.0")))
    netns.wait_until(lambda: nas.conflicts >= 2, 10, what="both conflicts")


def test_snooping_switch_hides_solicitations(make_lan):
    lan = make_lan(snooping=True)
    nas = lan.machine("nas", boot=None)
    time.sleep(2.5)                                 # the querier's first round
    nas.sleep()
    with lan.other.capture() as seen:
        lan.client.ping(nas.v6, timeout=0.5)
        assert not seen.frames(lambda f: f.icmp == 135 and f.target == nas.v6), "the switch floods: not snooping"
    lan2 = make_lan(snooping=False)
    nas2 = lan2.machine("nas", boot=None)
    nas2.sleep()
    with lan2.other.capture() as seen:
        lan2.client.ping(nas2.v6, timeout=0.5)
        assert seen.frames(lambda f: f.icmp == 135 and f.target == nas2.v6)


def test_secureon_and_other_machines_packets(lan):
    nas = lan.machine("nas", boot=0.1, secureon=b"\1\2\3\4\5\6")
    nas.sleep()
    send_magic(lan.other, nas)
    send_magic(lan.other, nas, b"\1\2\3\4\5\7")
    send_magic(lan.other, nas, nas.secureon, dst=lan.client.mac)
    time.sleep(0.3)
    assert nas.state == "asleep" and not nas.valid_magics() and len(nas.magics) == 2
    lan.other.send(frames.eth(nas.mac, lan.other.mac, frames.IP, frames.ip4(lan.other.v4, nas.v4, 17, frames.udp(
        lan.other.v4, nas.v4, 5, 9, frames.magic_payload(nas.mac, nas.secureon)))))
    assert nas.first_magic().kind == "udp4-unicast"
    nas.wait_up()


def test_suspended_machine_keeps_its_connections(lan):
    nas = lan.machine("nas", boot=0.3, suspend=True)
    attempt = lan.client.connect(nas.v4).wait(10)
    nas.sleep()
    with pytest.raises(TimeoutError):
        attempt.talk(timeout=0.5)
    send_magic(lan.other, nas)
    nas.wait_up()
    attempt.sock.settimeout(15)
    assert attempt.sock.recv(100) == b"hello", "the retransmission arrives in the old connection"


def test_nic_with_arp_offload_answers_asleep(lan):
    nas = lan.machine("nas", boot=None, arp_offload=True)
    nas.sleep()
    lan.other.learn(nas.v4, nas.v6)
    assert lan.other.neighbour(nas.v4)[0] == nas.mac and lan.other.neighbour(nas.v6)[0] == nas.mac


def test_captured_syn_has_a_partial_checksum(lan):
    nas = lan.machine("nas", boot=None)
    for on, partial in ((True, True), (False, False)):
        lan.client.offload(on)
        with lan.client.capture() as seen:
            lan.client.connect(nas.v4, 4242).wait(10)
            syn = seen.wait(lambda f: f.out and f.dport == 4242, 5)
        segment = syn.raw[34:]
        good = frames.checksum(frames._pseudo(syn.ip_src, syn.ip_dst, 6, len(segment)) + segment) == 0
        assert good is not partial


def test_linear_and_classic_back_off(lan):
    nas = lan.machine("nas", boot=None, families=(4,))
    process = start_responder(lan, nas)             # keeps the address alive, never boots
    try:
        nas.sleep()
        for count, expect in ((4, [0, 1, 2, 3]), (0, [0, 1, 3])):
            lan.client.linear(count)
            with lan.client.capture() as seen:
                attempt = lan.client.connect(nas.v4)
                time.sleep(3.6)
                syns = [round(f.time - attempt.start) for f in seen.frames(lambda f: f.out and f.is_tcp)
                        if f.time - attempt.start < 3.6]
                attempt.close()
            assert syns == expect
    finally:
        end(process)


def test_flapping_port_is_forgotten_by_the_switch(lan):
    nas = lan.machine("nas", boot=None, flap=True)
    lan.client.ping(nas.v4, timeout=10)
    assert lan.fdb(nas.mac) == nas.s
    nas.sleep()
    netns.wait_until(lambda: lan.fdb(nas.mac) is None, 10, what="flushed port")


def test_the_leftover_check_sees_what_is_left(lan):
    guard = Guard(lan, lan.guard_host, configure=False)
    assert guard.differences() == ""
    lan.guard_host.ns.ip("addr add 192.0.2.99/24 dev eth0")
    assert "addresses changed" in guard.differences()
    lan.guard_host.ns.ip("addr del 192.0.2.99/24 dev eth0",
                         "neigh replace 192.0.2.77 lladdr 0a:72:6f:00:00:01 dev eth0 nud reachable")
    assert "MAC nobody has" in guard.differences()
    lan.guard_host.ns.ip("neigh del 192.0.2.77 dev eth0")
    lan.guard_host.ns.sysctl(**{"net.ipv4.conf.eth0.arp_ignore": 1})
    assert "sysctls changed" in guard.differences()
    guard.close()


def test_killed_lab_is_swept_by_the_next(tmp_path):
    code = (f"import sys,time; sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
            "from lan import Lan\nlan = Lan(); print('up', flush=True); time.sleep(60)")
    victim = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert victim.stdout.readline() == "up\n"

    def names():
        return [name for name in os.listdir(netns.RUN) if name.startswith(f"rl{victim.pid}-")]
    assert names()
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    assert names()
    with Lan(clients=0, other=False):
        pass
    assert not names()
