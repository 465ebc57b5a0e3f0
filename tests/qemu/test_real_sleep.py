"""A real kernel suspends to RAM and is woken: Debian in a virtual machine, with guard and sleeper as they are installed."""

import json
import os
import select
import subprocess
import time

import pytest

from scene import installed
from virtual import Virtual

# Emulation on a busy box may be too slow to be worth it: 3 minutes for all of this.
PATIENCE = float(os.environ.get("ROUSE_QEMU_SECONDS", "75"))


class Ssh:
    """A client's ssh to the machine."""

    def __init__(self, lan, address, key, *command):
        argv = lan.client.ns.command(
            "ssh", "-i", key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "root@" + address, *command)
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def type(self, line, timeout):
        """One line to the machine's `cat`; the seconds until it came back."""
        begin = time.monotonic()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        said = b""
        while not said.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, begin + timeout - time.monotonic()))
            assert ready, f"nothing came back of {line} within {timeout} s (so far: {said})"
            piece = os.read(self.process.stdout.fileno(), 4096)
            assert piece, "the session ended"
            said += piece
        assert said == line + b"\n"
        return time.monotonic() - begin

    def end(self, timeout=60):
        """(exit code, all it said)"""
        out, _ = self.process.communicate(timeout=timeout)
        return self.process.returncode, out.decode()

    def close(self):
        self.process.kill()
        self.process.wait(5)
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def machine(make_lan, tmp_path):
    key = str(tmp_path / "key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    lan = make_lan()
    lan.guard([], fast=False)
    with open(key + ".pub", encoding="ascii") as public:
        machine = Virtual(lan, "nas", 50, layers=[installed()], key=public.read())
    lan.machines.append(machine)
    machine.write("/etc/rouse/rouse-sleeper.conf", "[services]\non = tcp/22+data\n")
    try:
        machine.start(PATIENCE)
    except TimeoutError:
        if "panic" in machine.output():
            raise
        pytest.skip(f"emulation is too slow here: not booted after {PATIENCE:.0f} s")
    machine.ssh = lambda *command: Ssh(lan, machine.v4, key, *command)
    yield machine
    print(machine.output())


def test_setup_proves_it_and_a_session_survives(machine):
    lan, guard = machine.lan, machine.lan.guards[0]
    with guard.pairing() as (code, _):
        setup = machine.ssh("rouse", "setup", "--yes", "--json", "--guard", lan.guard_host.v4, "--code", code, ";",
                            "journalctl", "-o", "cat", "-u", "rouse-sleeper")
        _, out = setup.end(120)
    result, end = json.JSONDecoder().raw_decode(out[out.index("{"):])
    assert result["result"] == "ok", (result, guard.log())
    assert len(machine.sleeps) == 1 and machine.boots[-1].reason == "magic"
    assert result["test"]["awake_seconds"] < 10
    print("setup:", result["test"])
    journal = out[out.index("{") + end:]
    assert "\nslept " in journal, f"it did not notice by itself that it slept: {journal}"

    session = machine.ssh("cat")
    try:
        session.type(b"before", 20)
        machine.ssh("systemctl", "suspend")
        machine.wait_gone()
        guard.wait_state("nas", "asleep")
        assert len([event for event in guard.events("nas") if event["event"] == "goodbye"]) == 2
        time.sleep(2)
        assert machine.state == "asleep", "something woke it"
        print("a keystroke came back after", session.type(b"a keystroke", 30), "s")
        assert machine.boots[-1].reason == "magic" and len(machine.sleeps) == 2
        guard.wait_state("nas", "awake")
        session.type(b"and one more", 10)
    finally:
        session.close()
