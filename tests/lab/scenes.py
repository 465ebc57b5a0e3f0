"""Beginnings that many tests share, and the checks that hold in all of them."""

import time

import frames

SLACK = 0.3         # seconds: "as soon as the service listens" on a box that runs other tests beside


def asleep(lan, *machines, **options):
    """The machines sleep, then a guard starts and finds them asleep; returns the guard."""
    for machine in machines:
        machine.sleep()
    guard = lan.guard(machines, **options)
    for machine in machines:
        guard.wait_state(machine.name, "asleep")
    return guard


def goodbye(guard, *machines):
    """Each machine registers and is gone; returns {name: moment of the last frame}."""
    gone = {}
    for machine in machines:
        reply = guard.register(machine)
        assert reply == "OK.", reply
        gone[machine.name] = machine.sleep()
    for machine in machines:
        guard.wait_state(machine.name, "asleep")
    return gone


def harm(capture, since=0.0):
    """Frames a client must never get: resets, ICMP errors, redirects."""
    return [f for f in capture.frames() if not f.out and f.time >= since and (f.is_rst or f.is_icmp_error)]


def sent_by_guard(capture, guard_host, since=0.0):
    """What the guard's host put onto the LAN, seen anywhere: its own MAC or one of the guards' virtual MACs."""
    return [f for f in capture.frames() if f.time >= since and (f.src == guard_host.mac or f.src.startswith("0a:72:6f"))]


def check_connected(attempt, machine, address, slack=SLACK, port=22):
    """The connection reached the machine itself, in time."""
    assert attempt.ok, f"connect to {address}: {attempt.error}"
    boot = machine.wait_up()
    lag = attempt.done - boot.ready(address, port)
    assert lag <= slack, f"connected {lag:.3f} s after address and service were up"
    assert attempt.talk(b"is it you?") == b"is it you?"
    return lag


def wait_quiet(seconds):
    """Time in which nothing may happen."""
    time.sleep(seconds)


def syn_frame(src_host, machine, port=22, family=4, source_port=40000, dst_mac=frames.BROADCAST, **more):
    src, dst = src_host.address(family), machine.address(family)
    return frames.eth(dst_mac, src_host.mac, frames.IP6 if family == 6 else frames.IP,
                      frames.ip(src, dst, 6, frames.tcp(src, dst, source_port, port), **more))


def claim_mac(host, address):
    """The MAC under which somebody answers for an address, as an ordinary host resolves it."""
    host.learn(address)
    return host.neighbour(address)[0]
