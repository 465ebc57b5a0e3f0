"""What survives: restart, kill -9 of the daemon and of each role, a full disk, a broken state file, a clock that jumps."""

import contextlib
import datetime
import os
import random
import shutil
import signal
import struct
import subprocess
import time

import frames
import netns
import pytest
from guard import daemon_user, program
from scenes import asleep, check_connected, goodbye, wait_quiet
from tools import built

pytestmark = pytest.mark.needs_guard


def answered(lan, machine, timeout):
    """Seconds until the claim of a machine's address is answered (by whoever)."""
    start = time.monotonic()
    with lan.other.capture() as capture:
        while time.monotonic() < start + timeout:
            lan.other.send(frames.eth(frames.BROADCAST, lan.other.mac, frames.ARP, frames.arp(
                1, lan.other.mac, lan.other.v4, "00:00:00:00:00:00", machine.v4)))
            time.sleep(0.03)
            if capture.frames(lambda f: f.is_arp and f.op == 2 and f.spa == machine.v4 and not f.out):
                return time.monotonic() - start
    raise TimeoutError(f"nobody answers for {machine.name}")


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_registered_machine_survives(lan, how):
    nas = lan.machine("nas", boot=0.7, dad="off")
    guard = lan.guard([])
    goodbye(guard, nas)
    before = time.monotonic()
    if how == "kill":
        guard.kill()
    else:
        assert guard.stop() == 0
    assert not guard.differences()
    wait_quiet(0.3)
    guard.restart()
    assert answered(lan, nas, 2) and time.monotonic() - guard.started < 1.5
    assert guard.state("nas") == "asleep" and not nas.valid_magics(before), "woken needlessly"
    assert [e for e in guard.events("nas") if e["event"] == "asleep"], "its events survive"
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)


def test_ok_means_it_survives_at_once(lan):
    nas = lan.machine("nas", boot=None, dad="off")
    guard = lan.guard([])
    assert guard.register(nas) == "OK."
    guard.process.kill()
    guard.process.wait(5)
    guard.wait_gone()
    guard.restart()
    assert guard.status("nas")["mac"] == nas.mac


def test_woken_while_the_guard_was_gone(lan):
    """State on disk says asleep, the machine is up: verified before anything is claimed."""
    nas = lan.machine("nas", boot=0.2, acd=2)
    guard = lan.guard([nas])
    nas.sleep()
    guard.wait_state("nas", "asleep")
    guard.kill()
    nas.press_button()
    nas.wait_up()
    capture = lan.client.capture()
    guard.restart()
    guard.wait_state("nas", "awake")
    assert nas.conflicts == 0
    assert not [f for f in capture.frames() if f.is_arp and f.spa == nas.v4 and f.sha != nas.mac]


@pytest.mark.asan
@pytest.mark.parametrize("role", ["engine", "control"])
def test_role_that_dies_is_restarted_and_loses_no_claim(lan, role):
    nas = lan.machine("nas", boot=1.5, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    before = time.monotonic()
    old = guard.kill(role)
    assert answered(lan, nas, 10) <= 2.0
    netns.wait_until(lambda: guard.roles().get(role) not in (None, old), 10, what=f"new {role}")
    guard.wait_ready()
    assert guard.state("nas") == "asleep" and not nas.valid_magics(before)
    attempt = lan.client.connect(nas.v4)
    nas.first_magic(attempt.start)
    wait_quiet(0.4)
    guard.kill(role)                                # and while it wakes somebody
    attempt.wait(15)
    assert attempt.ok
    assert nas.conflicts == 0


def test_role_that_keeps_dying_stops_the_daemon(lan):
    guard = lan.guard([])
    end = time.monotonic() + 30
    while guard.process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(KeyError, ProcessLookupError):
            guard.kill("engine")
        time.sleep(0.2)
    assert guard.process.wait(10) == 1
    assert "engine" in guard.log().splitlines()[-1], "the last line says what went wrong"
    guard.wait_gone()


def test_role_that_keeps_dying_later_is_given_pauses(lan):
    """Whoever can make a role die must not be able to switch the guard off for good."""
    nas = lan.machine("nas", boot=None, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    time.sleep(2.2)                                 # it has served by then
    for _ in range(6):
        netns.wait_until(lambda: "engine" in guard.roles(), 10, step=0.01, what="engine")
        guard.kill("engine")
        time.sleep(0.1)
    guard.wait_log(r"again and again: it is started again in 1 s")
    time.sleep(0.3)
    assert "engine" not in guard.roles() and guard.process.poll() is None
    assert answered(lan, nas, 10)
    guard.kill("engine")
    guard.wait_log(r"it is started again in 2 s")
    assert answered(lan, nas, 15)
    assert guard.state("nas") == "asleep"


def test_end_of_the_whole_group_is_no_surprise(lan):
    """A service manager, and Ctrl-C, signal all processes at once."""
    nas = lan.machine("nas", boot=None, dad="off")
    guard = asleep(lan, nas)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        monitor = guard.process.pid
        os.kill(monitor, signal.SIGSTOP)            # the others have their turn first
        os.killpg(monitor, number)
        time.sleep(0.3)
        os.kill(monitor, signal.SIGCONT)
        assert guard.process.wait(10) == 0
        guard.wait_gone()
        guard.start()
    assert "unexpectedly" not in guard.log(), guard.log()


def test_kill_at_random_instants(lan):
    """A slice of bench/kill.py: whatever is killed whenever, nothing is left and nobody is woken by it."""
    dice = random.Random(7)
    nas = lan.machine("nas", boot=None, dad="off")
    guard = lan.guard([nas], rules={"nas": "tcp/22"})
    nas.sleep()
    guard.wait_state("nas", "asleep")
    before = time.monotonic()
    for _ in range(6):
        time.sleep(dice.random())
        guard.kill()
        assert not guard.differences()
        guard.restart()
        assert answered(lan, nas, 2) and time.monotonic() - guard.started < 1.5
    assert not nas.valid_magics(before)


@pytest.mark.parametrize("mode,woken", [("wake", True), ("keep", False)])
def test_on_exit(lan, mode, woken):
    nas = lan.machine("nas", boot=0.5, dad="off")
    disk = lan.machine("disk", boot=0.5, dad="off")
    guard = lan.guard([nas, disk], guard={"on-exit": mode})
    guard.wait_state("disk", "awake")
    nas.sleep()
    guard.wait_state("nas", "asleep")
    before = time.monotonic()
    assert guard.stop() == 0
    wait_quiet(0.3)
    assert bool(nas.valid_magics(before)) is woken and not disk.valid_magics(before)


def test_full_disk_is_reported_and_costs_nothing_else(lan, tmp_path):
    state = f"/tmp/rl{os.getpid()}-full"
    os.makedirs(state, exist_ok=True)
    user = daemon_user()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=64k,uid={user.pw_uid},mode=700", "none", state], check=True)
    try:
        nas = lan.machine("nas", boot=0.5, dad="off")
        disk = lan.machine("disk", boot=0.5, dad="off")
        guard = lan.guard([nas], state_dir=state, rules={"nas": "tcp/22"})
        ballast = os.open(os.path.join(state, "ballast"), os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(ballast, b"x" * 4096)
        except OSError:
            os.close(ballast)
        nas.sleep()
        guard.wait_state("nas", "asleep")
        for i in range(60):                         # until the last block is full
            if guard.rouse("add", f"box{i}", "--mac", f"52:54:00:00:66:{i:02x}", check=False).returncode != 0:
                break
        assert guard.register(disk) != "OK.", "a registration that cannot be kept is not OK"
        guard.wait_log("space|full|ENOSPC")
        check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)
        os.unlink(os.path.join(state, "ballast"))
        netns.wait_until(lambda: guard.register(disk) == "OK.", 15, step=0.3, what="registration after the disk has room")
        guard.kill()
        guard.restart()
        assert guard.status("disk")
        guard.stop()
    finally:
        subprocess.run(["umount", "-l", state], check=False)
        shutil.rmtree(state, ignore_errors=True)


@pytest.mark.parametrize("damage", ["garbage", "torn", "middle"])
def test_damaged_state_file(lan, damage):
    nas = lan.machine("nas", boot=None, dad="off")
    guard = lan.guard([])
    guard.rouse("add", "box", "--mac", "52:54:00:00:77:01", "--address", "192.0.2.77")
    assert guard.register(nas) == "OK."
    guard.kill()
    path = os.path.join(guard.state_dir, "journal")
    with open(path, "rb") as file:
        data = file.read()
    lines = data.splitlines(keepends=True)
    changed = {"garbage": os.urandom(len(data)), "torn": data[:-5], "middle": b"".join(
        lines[:1] + [lines[1][:12] + b"XX" + lines[1][14:]] + lines[2:])}[damage]
    with open(path, "wb") as file:
        file.write(changed)
    mark = len(guard.log())
    guard.restart()
    if damage == "torn":
        assert guard.status("box")
    else:
        guard.wait_log("journal", after=mark)
        assert os.path.exists(path + ".bad")
    assert guard.register(nas) == "OK."
    assert guard.status("nas")


def test_clock_that_jumps(lan, tmp_public):
    shift = tmp_public / "shift"
    shift.write_bytes(b"\0" * 4096)
    library, image = tmp_public / "clock_shift.so", tmp_public / "roused"
    shutil.copy(built("tests/lab/clock_shift.c", "-shared", "-fPIC"), library)
    shutil.copy(program("roused"), image)
    # Roles get a clean environment, so nothing can be preloaded: a copy of the program needs the library instead.
    subprocess.run(["patchelf", "--add-needed", str(library), str(image)], check=True)
    for path in (shift, library, image):
        os.chmod(path, 0o755)
    nas = lan.machine("nas", boot=1.0, dad="off")
    guard = lan.guard([nas], rules={"nas": "tcp/22"}, image=str(image))
    guard.wait_state("nas", "awake")
    with open(shift, "r+b") as file:
        def jump(seconds):
            file.seek(0)
            file.write(struct.pack("=q", seconds))
            file.flush()
        jump(-86400 * 400)
        nas.sleep()
        guard.wait_state("nas", "asleep")
        since = datetime.datetime.fromisoformat(guard.status("nas")["since"])
        age = (datetime.datetime.now(datetime.timezone.utc) - since).days
        assert 395 < age < 405, f"the preloaded clock is not seen ({age} days): this test would prove nothing"
        attempt = lan.client.connect(nas.v4)
        nas.first_magic(attempt.start)
        jump(86400 * 4000)
        check_connected(attempt.wait(10), nas, nas.v4)
        guard.wait_state("nas", "awake")
        last = guard.status("nas")["last_wake"]
        assert 0 < last["awake_seconds"] < 5 and 0 < last["ready_seconds"] < 5
        jump(0)
        nas.sleep()
        guard.wait_state("nas", "asleep")
