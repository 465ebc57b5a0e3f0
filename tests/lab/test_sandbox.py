"""Each role is made to do what it must not, under its own sandbox, and is refused (or ended) by the kernel."""

import os
import subprocess
import time

import frames
import inject
import netns
import pytest
from scenes import asleep

pytestmark = pytest.mark.skipif(not inject.USABLE, reason="system calls are injected on x86_64")

AT_FDCWD, O_WRONLY_CREAT = -100 & 0xffffffffffffffff, 0o101
INET, UNIX, PACKET, NETLINK = 2, 1, 17, 16
FORBIDDEN = {
    "read a file": ("openat", AT_FDCWD, b"/var/lib/dpkg/status", 0, 0),
    "read the shadow file": ("openat", AT_FDCWD, b"/etc/shadow", 0, 0),
    "make a file": ("openat", AT_FDCWD, b"/tmp/rl-probe", O_WRONLY_CREAT, 0o600),
    "TCP socket": ("socket", INET, 1, 0), "UDP socket": ("socket", INET, 2, 0), "unix socket": ("socket", UNIX, 1, 0),
    "packet socket": ("socket", PACKET, 3, 0), "netlink socket": ("socket", NETLINK, 3, 0),
    "exec": ("execve", b"/bin/true", 0, 0), "execveat": ("execveat", AT_FDCWD, b"/bin/true", 0, 0, 0),
    "become root": ("setuid", 0), "mount": ("mount", b"none", b"/tmp", b"tmpfs", 0, 0), "new namespace": ("unshare", 0x10000000),
    "bpf": ("bpf", 0, 0, 0), "io_uring": ("io_uring_setup", 8, 0), "make a folder": ("mkdir", b"/tmp/rl-probe", 0o700),
    "remove a file": ("unlink", b"/etc/hostname"), "trace": ("ptrace", 0, 0, 0, 0),
    "end another process": ("kill", 1, 9), "fork": ("fork",)}
# The monitor keeps the store, starts roles, and makes sockets: what it may not is the rest of the world.
MONITOR = ("read the shadow file", "read a file", "make a file", "exec", "execveat", "become root", "mount", "new namespace", "bpf",
           "io_uring", "make a folder", "remove a file", "trace")


def test_the_injection_itself_works():
    """Without a sandbox the same calls succeed: a refusal below is the sandbox's."""
    victim = subprocess.Popen(["sleep", "30"])
    try:
        time.sleep(0.2)
        assert inject.call(victim.pid, "getpid") == victim.pid
        for name in ("read a file", "TCP socket", "packet socket", "netlink socket"):
            fd = inject.call(victim.pid, *FORBIDDEN[name])
            assert fd > 2 and fd in inject.descriptors(victim.pid), name
        assert victim.poll() is None
        inject.call(victim.pid, "execve", b"/bin/true", 0, 0)
        assert victim.wait(5) == 0, "it became /bin/true"
    finally:
        victim.kill()
        victim.wait()


def attempt(guard, role, *call):
    """'refused', 'killed' or 'DONE'."""
    pid = guard.process.pid if role == "monitor" else guard.roles()[role]
    try:
        result = inject.call(pid, *call)
    except inject.Killed:
        return "killed"
    return "refused" if result < 0 else f"DONE ({result})"


def filters(guard, role):
    """How many system call filters a role has, which it takes last; 0 while there is no such process."""
    try:
        with open(f"/proc/{guard.roles()[role]}/status", encoding="ascii") as file:
            return int(dict(line.split(":", 1) for line in file)["Seccomp_filters"])
    except (KeyError, OSError):
        return 0


@pytest.mark.needs_guard
@pytest.mark.parametrize("role", ["engine", "control", "monitor"])
def test_role_is_refused_what_it_must_not_do(lan, role):
    nas = lan.machine("nas", boot=None)
    guard = asleep(lan, nas)
    done, deaths, own = [], 0, filters(guard, role)
    try:
        for name, call in FORBIDDEN.items():
            if role == "monitor" and name not in MONITOR:
                continue
            if deaths >= 3 or guard.process.poll() is not None:     # five deaths a minute end the daemon
                if guard.process.poll() is None:
                    guard.stop()
                guard.start()
                deaths = 0
            verdict = attempt(guard, role, *call)
            if verdict == "killed":
                deaths += 1
                if role != "monitor":
                    netns.wait_until(lambda: filters(guard, role) == own, 10, what=f"another {role} in its sandbox")
            elif verdict.startswith("DONE"):
                done.append(f"{name}: {verdict}")
    finally:
        for path in ("/tmp/rl-probe",):
            if os.path.isdir(path):
                os.rmdir(path)
            elif os.path.exists(path):
                os.unlink(path)
    assert not done, f"{role} could: {done}"


@pytest.mark.needs_guard
def test_engine_cannot_send_with_its_packet_socket(lan):
    nas = lan.machine("nas", boot=None)
    guard = asleep(lan, nas)
    pid = guard.roles()["engine"]
    sockets, own = inject.packet_sockets(pid), filters(guard, "engine")
    assert sockets, "the engine has no packet socket?"
    frame = frames.eth(frames.BROADCAST, lan.guard_host.mac, 0x88b7, b"from a taken-over engine " * 3)
    with lan.client.capture() as capture:
        for name in ("write", "sendto"):
            pid = guard.roles()["engine"]
            fd = inject.packet_sockets(pid)[0]
            verdict = attempt(guard, "engine", name, fd, frame, len(frame), 0, 0, 0)
            assert not verdict.startswith("DONE"), f"{name}: {verdict}"
            netns.wait_until(lambda: filters(guard, "engine") == own, 10, what="another engine in its sandbox")
            guard.wait_ready()
            guard.wait_state("nas", "asleep")           # it has been given its packet socket
        assert not capture.frames(lambda f: f.type == 0x88b7)
