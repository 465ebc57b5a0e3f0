"""What keeps a machine awake, with the real logind and systemd: sessions, inhibitors, units, timers, the user's own checks."""

import concurrent.futures
import contextlib
import os
import re
import subprocess
import time

from netns import wait_until

CONFIG = """[idle]
after = {after}
grace = {grace}
interval = 5s
load = off
pressure = off
disk = off
network = off
units = work.service
wake-for = later.timer
timer-near = 1min
[check "flag"]
command = test ! -e /run/slow || exec sleep 30; test -e /run/busy && id -un
user = games
timeout = 1s
every = 5s
[check "patience"]
command = n=0; while test -e /run/wait -a $n -lt 200; do sleep 0.1; n=$((n+1)); done; false
user = games
timeout = 30s
every = 1h
"""
KEY = "/root/.ssh/authorized_keys"


def scene_with(make_scene, tmp_path, after="20min", grace="0s", paired=False):
    """A box that a client can log in to; the key's file."""
    key = str(tmp_path / "key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    scene = make_scene(paired=paired, config=CONFIG.format(after=after, grace=grace))
    with open(key + ".pub", encoding="ascii") as public:
        scene.box.run("sh", "-c", f"umask 077; mkdir -p /root/.ssh; cat >{KEY}", input=public.read())
    return scene, key


def why(scene):
    """What each check says, and the summary."""
    *checks, idle, result = scene.sleeper({"command": "why"}, timeout=20)
    assert result == {"result": "ok"}
    return {answer["check"]["check"]: answer["check"] for answer in checks}, idle["idle"]


def wait_check(scene, name, busy, text, timeout=15):
    """The check says so, soon; then what it said."""
    def told():
        check = why(scene)[0][name]
        return check if check["busy"] == busy and text in check["text"] else None
    try:
        return wait_until(told, timeout, step=0.5, what=f"{name} {'busy' if busy else 'quiet'}: {text}")
    except TimeoutError as error:
        raise TimeoutError(f"{error}; {why(scene)[0]}") from None


@contextlib.contextmanager
def login(scene, key):
    """Somebody at a terminal of the box, from the client; what is written goes to the shell."""
    argv = scene.lan.client.ns.command("ssh", "-tt", "-i", key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                                       "-o", "ConnectTimeout=10", f"root@{scene.box.v4}")
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stdin.close()
        process.stdout.close()


def test_what_keeps_it_awake(make_scene, tmp_path):
    scene, key = scene_with(make_scene, tmp_path)
    box = scene.box
    checks, idle = why(scene)
    assert not any(check["busy"] or check["postpones"] for check in checks.values()), checks
    assert idle["on"] and idle["after_seconds"] == 1200 and 1100 < idle["sleeps_in_seconds"] <= 1200
    assert idle["next_timer"] is None

    # A unit that is named.
    box.run("systemd-run", "--unit=work.service", "sleep", "60")
    units = why(scene)[0]["units"]
    assert units["busy"] and units["text"] == "work.service is active", units
    assert why(scene)[1]["sleeps_in_seconds"] is None
    refused = scene.sleeper({"command": "sleep"})[-1]
    assert refused == {"result": "refused", "error": "busy: units: work.service is active; --force overrides"}
    box.run("systemctl", "stop", "work.service")
    assert not why(scene)[0]["units"]["busy"]

    # A check of the user's own: as that user, with what it prints; ended at its limit.
    box.run("touch", "/run/busy")
    wait_check(scene, "flag", True, "games")
    box.run("touch", "/run/slow")
    wait_check(scene, "flag", True, "ended: it ran longer than 1s")
    assert box.run("pgrep", "-u", "games", check=False).stdout == "", "it was left running"
    box.run("rm", "/run/busy", "/run/slow")
    wait_check(scene, "flag", False, "not busy")

    # A block inhibitor: force does not help.
    box.spawn("systemd-inhibit", "--what=sleep", "--who=backup", "--why=copies", "--mode=block", "sleep", "60")
    wait_check(scene, "inhibitors", True, "backup blocks sleep: copies")
    refused = scene.sleeper({"command": "sleep", "force": True})[-1]
    assert refused == {"result": "refused", "error": "blocked: inhibitors: backup blocks sleep: copies"}
    box.run("pkill", "systemd-inhibit")
    wait_check(scene, "inhibitors", False, "nothing blocks sleep")

    # One that came while a check of the user's own took its time.
    box.run("touch", "/run/wait")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = pool.submit(scene.sleeper, {"command": "sleep"}, timeout=40)
        wait_until(lambda: box.run("pgrep", "-u", "games", "sh", check=False).returncode == 0, 15, what="the check that waits")
        box.spawn("systemd-inhibit", "--what=sleep", "--who=backup", "--why=more copies", "--mode=block", "sleep", "60")
        wait_until(lambda: "more copies" in box.run("systemd-inhibit", "--list").stdout, 15, what="the lock")
        box.run("rm", "/run/wait")
        assert asked.result()[-1] == {"result": "refused", "error": "blocked: inhibitors: backup blocks sleep: more copies"}
    assert box.state == "up"


def test_people_and_their_connections(make_scene, tmp_path):
    scene, key = scene_with(make_scene, tmp_path)
    with login(scene, key) as shell:
        shell.stdin.write(b"stty -echo; head -c 200000 /dev/zero | tr '\\0' x; echo; echo PID=$$\n")
        shell.stdin.flush()
        pid = wait_line(shell, b"PID=")
        said = wait_check(scene, "sessions", True, "root is logged in on pts/")
        assert f"from {scene.lan.client.v4}, active" in said["text"]
        said = wait_check(scene, "traffic", True, "1 connection moved data, last ")
        assert f"ssh.service (tcp/22), from {scene.lan.client.v4}" in said["text"]
        # Who sits there and asks for sleep is not kept from it by sitting there; others are.
        assert "busy: " in scene.sleeper({"command": "sleep"})[-1]["error"]
        # The connection stays open, and nobody types: both checks become quiet.
        wait_check(scene, "sessions", False, "root is logged in", timeout=20)
        wait_check(scene, "traffic", False, "1 connection, data last moved ", timeout=20)
        shell.stdin.write(b"rouse why; rouse sleep && echo SLEEP''S\n")
        shell.stdin.flush()
        scene.box.wait_off(20)
        assert pid and scene.goodbyes() == 1
    assert scene.wake().ok


def wait_line(process, start, timeout=15):
    """The first line of the shell that starts so."""
    end = time.monotonic() + timeout
    os.set_blocking(process.stdout.fileno(), False)
    seen = b""
    while time.monotonic() < end:
        seen += process.stdout.read() or b""
        for line in seen.splitlines():
            if line.startswith(start):
                return line
        time.sleep(0.05)
    raise TimeoutError(f"no line {start!r} in {seen[-500:]!r}")


def test_sleeps_by_itself_and_not_again_at_once(make_scene, tmp_path):
    scene, _ = scene_with(make_scene, tmp_path, after="10s", grace="13s")
    begin = time.monotonic()
    gone = scene.box.wait_off(30)
    assert gone - begin < 25
    assert scene.goodbyes() == 1
    assert scene.wake().ok
    woken = time.monotonic()
    assert re.search(r"asks logind to suspend: idle for 1\d s", scene.box.journal("-u", "rouse-sleeper"))
    gone = scene.box.wait_off(30)
    assert gone - woken > 11, "within its grace"
    assert scene.goodbyes() == 2


def test_the_guard_asks_and_the_machine_decides(make_scene, tmp_path):
    scene, _ = scene_with(make_scene, tmp_path, paired=True)
    assert why(scene)[0]["lease"]["text"] == "the guard stands in"
    scene.box.run("systemd-run", "--unit=work.service", "sleep", "60")
    refused = scene.guard.rouse("sleep", "nas", check=False)
    assert refused.returncode == 1 and "work.service is active" in refused.stderr, refused
    assert "force" not in refused.stderr, "that is for who sits at the machine"
    assert "busy: units: work.service is active" in scene.box.journal("-u", "rouse-sleeper")
    scene.box.run("systemctl", "stop", "work.service")
    # The safe test overrides what is busy, but nobody's block inhibitor.
    scene.box.spawn("systemd-inhibit", "--what=sleep", "--who=backup", "--why=copies", "--mode=block", "sleep", "60")
    wait_check(scene, "inhibitors", True, "backup blocks sleep: copies")
    failed = scene.sleeper({"command": "test", "after": 2, "safety": 0}, timeout=20)[-1]
    assert failed == {"result": "failed", "error": "it cannot sleep: backup blocks sleep: copies"}
    scene.box.run("pkill", "systemd-inhibit")
    wait_check(scene, "inhibitors", False, "nothing blocks sleep")
    assert scene.guard.rouse("sleep", "nas").returncode == 0
    scene.box.wait_off(10)
    assert scene.goodbyes() == 1
    scene.guard.wait_state("nas", "asleep")
    time.sleep(3)
    assert scene.guard.state("nas") == "asleep", "the guard was told of a test that never was"
    assert scene.wake().ok
    scene.wait_lease()


CLOCK = """set -e
mkdir -p /run/class/rtc/rtc0
cp -a /sys/class/net /run/class/
echo 1000000 >/run/class/rtc/rtc0/since_epoch
: >/run/class/rtc/rtc0/wakealarm
mount --bind /run/class /sys/class
"""


def test_wakes_for_a_timer(make_scene, tmp_path):
    """There is no clock in the box: after a while one is played by files."""
    scene, _ = scene_with(make_scene, tmp_path)
    box = scene.box
    box.run("systemd-run", "--on-active=95s", "--unit=later", "true")
    check = wait_check(scene, "timers", False, "later.timer in ")
    assert check["postpones"] and "no clock that could wake the machine" in check["text"]
    idle = why(scene)[1]
    assert idle["next_timer"]["unit"] == "later.timer" and idle["sleeps_in_seconds"] is None
    done = box.run("sh", "-c", CLOCK, check=False)
    assert done.returncode == 0, done.stderr
    check = wait_check(scene, "timers", False, "the clock will wake the machine for it")
    assert not check["postpones"]
    # Logind is asked so that it refuses also root where others block sleep.
    box.spawn("sh", "-c", "busctl monitor --match=member=SuspendWithFlags >/run/asked 2>/run/listens")
    wait_until(lambda: "Monitoring" in box.run("cat", "/run/listens", check=False).stdout, 10, what="a monitor of the bus")
    assert scene.sleeper({"command": "sleep"})[-1] == {"result": "ok"}
    box.wait_off(10)
    leader = box.find_leader()
    with open(f"/proc/{leader}/root/run/class/rtc/rtc0/wakealarm", encoding="ascii") as file:
        seconds = int(file.read())
    assert 40 <= seconds <= 65, seconds       # half a minute before it elapses
    assert scene.wake().ok
    wait_until(lambda: box.run("cat", "/run/class/rtc/rtc0/wakealarm").stdout == "0\n", 10, what="the alarm taken back")
    wait_until(lambda: "UINT64 1;" in box.run("cat", "/run/asked").stdout, 10, what="the question to logind")
