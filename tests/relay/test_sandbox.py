"""The relay is made to do what it must not, as if it had been taken over, and is refused; then it serves on."""
import os
import subprocess
import sys

import pytest

import rouse
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests/lab"))
import inject  # noqa: E402

pytestmark = [pytest.mark.skipif(not inject.USABLE, reason="system calls are injected on x86_64"),
              pytest.mark.skipif(os.geteuid() != 0, reason="needs root to inject them")]

HERE, RDONLY, CREATE = -100 & 0xffffffffffffffff, 0, 0o101
INET, UNIX, PACKET, NETLINK = 2, 1, 17, 16
FORBIDDEN = {
    "read a file": ("openat", HERE, b"/var/lib/dpkg/status", RDONLY, 0),
    "read the shadow file": ("openat", HERE, b"/etc/shadow", RDONLY, 0),
    "read its own image": ("openat", HERE, b"/proc/self/exe", RDONLY, 0),
    "make a file": ("openat", HERE, b"/tmp/rr-probe", CREATE, 0o600),
    "TCP socket": ("socket", INET, 1, 0), "UDP socket": ("socket", INET, 2, 0), "unix socket": ("socket", UNIX, 1, 0),
    "packet socket": ("socket", PACKET, 3, 0), "netlink socket": ("socket", NETLINK, 3, 0),
    "exec": ("execve", b"/bin/true", 0, 0), "execveat": ("execveat", HERE, b"/bin/true", 0, 0, 0), "fork": ("fork",),
    "become root": ("setuid", 0), "mount": ("mount", b"none", b"/tmp", b"tmpfs", 0, 0), "new namespace": ("unshare", 0x10000000),
    "bpf": ("bpf", 0, 0, 0), "io_uring": ("io_uring_setup", 8, 0), "make a folder": ("mkdir", b"/tmp/rr-probe", 0o700),
    "remove a file": ("unlink", b"/tmp/rr-victim"), "trace": ("ptrace", 0, 0, 0, 0), "end another process": ("kill", 1, 0),
    "an image of memory": ("memfd_create", b"x", 0), "another's memory": ("process_vm_readv", 1, 0, 0, 0, 0, 0),
}


@pytest.fixture(name="victim")
def file_of_somebody():
    with open("/tmp/rr-victim", "w", encoding="ascii") as file:
        file.write("precious")
    yield
    for path in ("/tmp/rr-victim", "/tmp/rr-probe"):
        if os.path.isdir(path):
            os.rmdir(path)
        elif os.path.exists(path):
            os.unlink(path)


def test_refused_what_it_must_not_do(relays, guards, tmp_path, victim):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                    "/CN=localhost", "-days", "2", "-keyout", tmp_path / "key", "-out", tmp_path / "cert"], check=True, capture_output=True)
    relay = relays(enrolment="open", tls_cert=tmp_path / "cert", tls_key=tmp_path / "key")
    done = [f"{name}: {result}" for name, call in FORBIDDEN.items()
            if (result := inject.call(relay.process.pid, *call)) >= 0]
    assert not done, done
    # What it is for it still can: files of its folder, connections, the thread that writes.
    own = inject.call(relay.process.pid, "openat", HERE, str(relay.folder / "probe").encode(), CREATE, 0o600)
    assert own > 2 and inject.call(relay.process.pid, "close", own) == 0
    guard = guards(relay)
    grant = guard.add(rouse.Grant())
    guard.state()
    assert relay.wake(guard, grant)[0] == 200
    log = relay.log.read_text()
    assert "seccomp" in log and relay.process.poll() is None
    with open(f"/proc/{relay.process.pid}/status", encoding="ascii") as file:
        status = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    assert status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1" and int(status["CapEff"], 16) == 0
