"""The main job: a machine sleeps, a client connects, the guard wakes it, the first connect() succeeds."""

import socket
import threading
import time

import frames
import netns
import pytest
from scenes import asleep, check_connected, goodbye, harm, wait_quiet

pytestmark = pytest.mark.needs_guard

#         family, boot, linear, ip_forward, kind, client's checksum offload: a pairwise slice; the whole matrix is in bench/
SLICE = [(4, 3.0, 4, 0, "silent", True),
         (6, 3.0, 0, 1, "silent", True),
         (4, 3.0, 0, 1, "announce", False),
         (6, 3.0, 4, 0, "noisy", True),
         (4, 10.0, 0, 0, "noisy", True),
         (6, 10.0, 4, 1, "announce", False),
         (4, 16.0, 0, 1, "silent", True),
         (6, 16.0, 0, 0, "silent", True)]


def options_of(kind, family):
    return {"announce": kind == "announce", "noisy": kind == "noisy",
            "dad": "off" if kind == "silent" and family == 6 else "kernel",
            "families": (4,) if kind == "silent" and family == 4 else (4, 6)}


@pytest.mark.parametrize("family,boot,linear,forward,kind,offload", SLICE)
def test_first_connect_succeeds(lan, family, boot, linear, forward, kind, offload):
    nas = lan.machine("nas", boot=boot, **options_of(kind, family))
    lan.client.linear(linear)
    lan.client.offload(offload)
    lan.guard_host.ns.sysctl(**{"net.ipv4.ip_forward": forward, "net.ipv6.conf.all.forwarding": forward})
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    address = nas.address(family)
    capture = lan.client.capture()
    attempt = lan.client.connect(address)
    magic = nas.first_magic(attempt.start)
    syn = capture.wait(lambda f: f.out and f.is_tcp, 5)
    assert magic.time - syn.time < 0.25
    check_connected(attempt.wait(boot + 10), nas, address)
    assert not harm(capture)
    assert nas.conflicts == 0
    guard.wait_state("nas", "awake")
    last = guard.status("nas")["last_wake"]
    assert last["by"] == "knock" and lan.client.address(family) in last["from"]
    assert last["to"] == "tcp/22" and last["attempts"] == 1 and last["replayed"] >= 1
    assert abs(last["awake_seconds"] - boot) < 3 and last["ready_seconds"] >= last["awake_seconds"]
    lan.client.ping(address, timeout=5)
    assert lan.client.neighbour(address)[0] == nas.mac, "handed back"


@pytest.mark.parametrize("family,late,kind", [(4, 2.0, "noisy"), (6, 2.0, "announce"), (4, 8.0, "announce"), (6, 8.0, "noisy")])
def test_late_service_no_reset(lan, family, late, kind):
    nas = lan.machine("nas", boot=2.0, service=late, announce=kind == "announce", noisy=kind == "noisy")
    asleep(lan, nas, rules={"nas": "tcp/22"})
    capture = lan.client.capture()
    attempt = lan.client.connect(nas.address(family))
    check_connected(attempt.wait(late + 12), nas, nas.address(family))
    assert not harm(capture)


@pytest.mark.parametrize("family", [4, 6])
def test_a_replay_that_is_lost_comes_again(lan, family):
    """The client's own next SYN would be 3 s later."""
    nas = lan.machine("nas", boot=3.5)
    lan.client.linear(0)
    address, client = nas.address(family), lan.client.address(family)
    asleep(lan, nas, rules={"nas": "tcp/22"})
    nas.ns.ip(f"route add blackhole {client}")      # nothing of this client gets through to the machine …
    attempt = lan.client.connect(address)
    nas.first_magic(attempt.start)
    netns.wait_until(lambda: nas.boots[-1].addresses.get(address), 10, step=0.005, what="address")
    wait_quiet(0.1)
    nas.ns.ip(f"route del blackhole {client}")      # … until now
    lag = check_connected(attempt.wait(10), nas, address, slack=2.0)
    assert lag > 0.1, "the first replay was not lost: this shows nothing"


def test_two_ports_two_clients_noisy_machine(make_lan):
    lan = make_lan(clients=2)
    nas = lan.machine("nas", boot=1.5, services={("tcp", 22): 1.0, ("tcp", 445): 4.0}, noisy=True)
    asleep(lan, nas, rules={"nas": "tcp/22 tcp/445"})
    captures = [client.capture() for client in lan.clients]
    attempts = [(client.connect(nas.address(family), port), family, port)
                for client in lan.clients for family in (4, 6) for port in (22, 445)]
    for attempt, family, port in attempts:
        check_connected(attempt.wait(20), nas, nas.address(family), port=port)
    assert not any(harm(capture) for capture in captures)


@pytest.mark.asan
@pytest.mark.parametrize("family", [4, 6])
def test_datagram_and_echo_sent_once_are_answered(lan, family):
    nas = lan.machine("nas", boot=2.0)
    asleep(lan, nas, rules={"nas": "udp/9987 echo"})
    box = {}
    address = nas.address(family)
    pinger = threading.Thread(target=lambda: box.update(ping=lan.client.ping(address, timeout=15)))
    pinger.start()
    answer = lan.client.udp(address, 9987, b"one shot", timeout=15)
    pinger.join()
    assert answer and answer[1] == b"one shot"
    assert box["ping"] is not None
    assert len([echo for echo in nas.echoes if echo[1] == "udp" and echo[3] == b"one shot"]) == 1, "delivered once"


def test_nothing_answers_for_a_sleeping_machine(lan):
    """No RST, no ICMP, no service of the guard's host, on any port and protocol."""
    nas = lan.machine("nas", boot=None)
    with lan.guard_host.ns.entered():
        trap = socket.socket(socket.AF_INET6)
    trap.bind(("::", 8080))
    trap.listen(5)
    lan.guard_host.ns.sysctl(**{"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
    asleep(lan, nas, rules={"nas": "tcp/22"}, guard={"scan-limit": "off"})
    try:
        capture = lan.client.capture()
        attempts = [lan.client.connect(nas.address(family), port) for family in (4, 6) for port in (22, 80, 445, 8080, 13717)]
        for family in (4, 6):
            lan.client.udp(nas.address(family), 9, timeout=0.1)
            lan.client.ping(nas.address(family), timeout=0.1)
        wait_quiet(4.5)
        assert all(attempt.pending for attempt in attempts)
        assert not harm(capture)
        answers = [f for f in capture.frames() if not f.out and f.ver and f.ip_src in (nas.v4, nas.v6) and f.icmp != 136]
        assert not answers
    finally:
        trap.close()


def test_firewall_that_drops_the_gates_probes(lan):
    nas = lan.machine("nas", boot=1.5, families=(4,))
    nas.ns.run("nft", "table inet t {\nchain c {\ntype filter hook input priority 0; policy accept;\n"
               f"ip saddr {lan.guard_host.v4} tcp dport 22 drop\n}}\n}}")
    asleep(lan, nas, rules={"nas": "tcp/22"})
    lan.client.linear(0)
    attempt = lan.client.connect(nas.v4)
    attempt.wait(20)
    boot = nas.wait_up()
    assert attempt.ok and attempt.done - boot.ready(nas.v4) < 5.0, "opened by 3 s of silence"


def test_closed_port_is_not_reset_before_hold_ends(lan):
    nas = lan.machine("nas", boot=1.0, tcp=(443,), udp=(), families=(4,))
    asleep(lan, nas, rules={"nas": "tcp/22"}, wake={"hold": "6s"})
    capture = lan.client.capture()
    attempt = lan.client.connect(nas.v4)
    wait_quiet(4.0)
    assert attempt.pending and not harm(capture)
    attempt.wait(25)
    assert attempt.error is not None, "after hold the machine's own answer comes through"


def test_burst_has_all_kinds(lan):
    nas = lan.machine("nas", boot=None)
    asleep(lan, nas, rules={"nas": "tcp/22"})
    attempt = lan.client.connect(nas.v4)
    nas.first_magic(attempt.start)
    wait_quiet(0.5)
    kinds = {magic.kind for magic in nas.valid_magics(attempt.start)}
    assert {"ether-broadcast", "ether-unicast"} <= kinds and any(kind.startswith("udp4") for kind in kinds), kinds


@pytest.mark.parametrize("password", [b"\1\2\3\4\5\6", b"\xc0\0\2\1"])
def test_secureon(lan, password):
    nas = lan.machine("nas", boot=0.5, secureon=password, dad="off")
    asleep(lan, nas, rules={"nas": "tcp/22"})
    attempt = lan.client.connect(nas.v4).wait(10)
    check_connected(attempt, nas, nas.v4)
    assert all(magic.valid for magic in nas.magics)


def bursts(magics, gap=0.5):
    """Times of the first packet of each burst."""
    out = []
    for magic in magics:
        if not out or magic.time - last > gap:
            out.append(magic.time)
        last = magic.time
    return out


@pytest.mark.slow
def test_attempts_interval_and_one_series_a_minute(make_lan):
    lan = make_lan(clients=2)
    nas = lan.machine("nas", boot=None)
    guard = asleep(lan, nas, rules={"nas": "tcp/22"}, wake={"attempts": 3, "interval": "2s", "hold": "30s"})
    start = time.monotonic()
    lan.clients[0].connect(nas.v4)
    nas.first_magic(start)
    wait_quiet(1)
    lan.clients[1].connect(nas.v6)                  # a second source starts nothing new
    guard.wait_log("no sign of life", 20)
    wait_quiet(6)                                   # SYNs of both clients go on
    times = bursts(nas.valid_magics(start))
    assert len(times) == 3, times
    assert all(abs(b - a - 2) < 0.8 for a, b in zip(times, times[1:]))
    assert guard.state("nas") == "asleep", "kept"
    wait_quiet(max(0, start + 50 - time.monotonic()))
    assert len(bursts(nas.valid_magics(start))) == 3
    lan.clients[0].connect(nas.v4, source_port=40999)
    wait_quiet(max(0, start + 68 - time.monotonic()))
    lan.clients[0].connect(nas.v4, source_port=41999)
    wait_quiet(1)
    assert len(bursts(nas.valid_magics(start))) >= 4, "a new series after the minute"


def test_keep_no_forgets_a_machine_that_does_not_wake(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([], wake={"attempts": 1, "interval": "1s", "keep": "no"}, guard={"register": "self"})
    goodbye(guard, nas)
    lan.client.connect(nas.v4)
    guard.wait_log("no sign of life", 20)
    wait_quiet(0.5)
    assert guard.status("nas") is None
    lan.other.ping(nas.v4, timeout=0.2)
    assert lan.other.neighbour(nas.v4)[0] is None, "not claimed any more"


def test_late_wake_is_not_by_hand(lan):
    nas = lan.machine("nas", boot=None)
    guard = asleep(lan, nas, rules={"nas": "tcp/22"}, wake={"attempts": 1, "interval": "1s"})
    lan.client.connect(nas.v4)
    guard.wait_log("no sign of life", 20)
    nas.press_button(0.5)
    guard.wait_state("nas", "awake")
    awake = [event for event in guard.events("nas") if event["event"] == "awake"][-1]
    assert awake.get("late") is True and awake["by"] == "knock", awake


@pytest.mark.parametrize("how", ["button", "magic"])
def test_started_by_hand(lan, how):
    nas = lan.machine("nas", boot=0.5)
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    lan.client.learn(nas.v4)
    assert lan.client.neighbour(nas.v4)[0] != nas.mac
    wait_quiet(2.5)                                 # take-over announcements are over; the other case is in test_boot.py
    before = time.monotonic()
    if how == "button":
        nas.press_button()
    else:
        lan.other.send(frames.eth(frames.BROADCAST, lan.other.mac, frames.WOL, frames.magic_payload(nas.mac)))
    guard.wait_state("nas", "awake")
    nas.wait_up()
    assert [event for event in guard.events("nas") if event["event"] == "awake"][-1]["by"] == "hand"
    assert not [magic for magic in nas.valid_magics(before) if magic.src != lan.other.mac]
    netns.wait_until(lambda: lan.client.neighbour(nas.v4)[0] == nas.mac, 10, what="address handed back without being asked")
    assert nas.conflicts == 0


def test_suspended_machine_wakes_by_a_keystroke_not_by_a_keep_alive(lan):
    nas = lan.machine("nas", boot=0.5, suspend=True)
    session = lan.client.connect(nas.v4).wait(10)
    assert session.talk(b"login") == b"login"
    guard = asleep(lan, nas, rules={"nas": "tcp/22+data"})
    before = time.monotonic()
    session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    wait_quiet(3.5)
    assert not nas.valid_magics(before), "a keep-alive woke it"
    session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
    assert session.talk(b"ls\n", timeout=10) == b"ls\n"
    guard.wait_state("nas", "awake")


def test_machine_without_address_wakes_by_request_only(lan):
    nas = lan.machine("nas", boot=0.5)
    nas.sleep()
    guard = lan.guard([nas], addresses={"nas": []}, machine_keys={"nas": {"address": None}})
    before = time.monotonic()
    lan.client.connect(nas.v4)
    wait_quiet(1.5)
    assert not nas.valid_magics(before)
    guard.rouse("wake", "nas")
    assert nas.first_magic(before)


def test_default_rule_is_any_tcp_port(lan):
    nas = lan.machine("nas", boot=0.5, tcp=(31337,), udp=(), dad="off")
    asleep(lan, nas)
    before = time.monotonic()
    lan.client.udp(nas.v4, 53, timeout=0.3)
    lan.client.ping(nas.v4, timeout=0.3)
    assert not nas.valid_magics(before)
    check_connected(lan.client.connect(nas.v4, 31337).wait(10), nas, nas.v4, port=31337)
