"""What keeps a machine awake, by figures of /proc that are made up: load, pressure, disks; processes by name; connections
where nothing is on. (Others' and the interface's rate: test_evidence.py; what logind and systemd say: tests/systemd.)"""

import contextlib
import os
import shutil
import socket
import subprocess

from false_guard import FalseGuard
from netns import wait_until
from sleeper import Sleeper

PROCESS = f"rl{os.getpid()}-a-name-longer-than-15"
CONFIG = f"""[idle]
after = 20min
grace = 0s
interval = 5s
sessions = ignore
timers = ignore
network = off
load = 0.8
pressure = 10
disk = 500KiB
processes = nothing-of-that-name {PROCESS}
"""
SECTOR = 512


def why(sleeper):
    return {answer["check"]["check"]: answer["check"] for answer in sleeper.ask({"command": "why"}) if "check" in answer}


def wait_check(sleeper, name, busy, text):
    def told():
        check = why(sleeper)[name]
        return check["busy"] == busy and text in check["text"] and not check["postpones"]
    try:
        wait_until(told, 30, step=0.3, what=f"{name} {'busy' if busy else 'quiet'}: {text}")
    except TimeoutError as error:
        raise TimeoutError(f"{error}; {why(sleeper)}") from None


def test_figures_at_their_limits(lan, tmp_public):
    load, pressure, disks = (tmp_public / name for name in ("loadavg", "pressure", "diskstats"))

    def says(hundredths, percent, written):
        load.write_text(f"{hundredths / 100:.2f} 9.00 9.00 1/100 1000\n")
        pressure.write_text(f"some avg10=99.00 avg60={percent:.2f} avg300=99.00 total=1\nfull avg10=0.00 avg60=99.00 avg300=0.00 total=1\n")
        disks.write_text(f"   8       0 sda 10 0 1000 5 10 0 {written // SECTOR} 5 0 10 10 0 0 0 0 0 0\n"
                         f"   8       1 sda1 10 0 1000 5 10 0 {written // SECTOR} 5 0 10 10 0 0 0 0 0 0\n")
    says(79, 9.99, 0)
    mounts = {"/proc/loadavg": load, "/proc/diskstats": disks}
    if os.path.exists("/proc/pressure/cpu"):
        mounts["/proc/pressure/cpu"] = pressure
    sleeper = Sleeper(lan.other, paired=False, extra=CONFIG, mounts=mounts)
    with sleeper.start():
        sleeper.wait_log("not paired")
        wait_check(sleeper, "load", False, "0.79 over the last minute; the limit is 0.80")
        wait_check(sleeper, "disk", False, "not known before the next look")
        if "/proc/pressure/cpu" in mounts:
            wait_check(sleeper, "pressure", False, "9.99 % over the last minute; the limit is 10.00 %")
        says(80, 10.0, 1 << 30)
        wait_check(sleeper, "load", True, "0.80 over")
        if "/proc/pressure/cpu" in mounts:
            wait_check(sleeper, "pressure", True, "10.00 % over")
        refused = sleeper.ask({"command": "sleep"})[-1]
        assert refused["result"] == "refused" and refused["error"].startswith("busy: load: 0.80 over"), refused
        wait_check(sleeper, "disk", True, "MiB a second; the limit is 500.0 KiB")
        says(79, 9.99, (1 << 30) + 100 * 1024)
        wait_check(sleeper, "load", False, "0.79 over")
        wait_check(sleeper, "disk", False, "KiB a second; the limit is 500.0 KiB")


def test_processes_by_name(lan, tmp_public):
    program = shutil.copy("/bin/sleep", tmp_public / PROCESS)
    sleeper = Sleeper(lan.other, paired=False, extra=CONFIG)
    with sleeper.start():
        sleeper.wait_log("not paired")
        wait_check(sleeper, "processes", False, "none of them runs")
        process = subprocess.Popen([program, "60"])
        try:
            wait_check(sleeper, "processes", True, f"{PROCESS} runs")
            refused = sleeper.ask({"command": "sleep"})[-1]
            assert refused["result"] == "refused", refused
        finally:
            process.kill()
            process.wait(10)
        wait_check(sleeper, "processes", False, "none of them runs")


def test_connections_that_began_here_are_no_traffic(lan):
    """Nothing is on, so every TCP port wakes: but its own lease keeps it no more awake than what it fetches from others."""
    box = lan.other
    with contextlib.ExitStack() as stack, Sleeper(box, extra=CONFIG) as sleeper, FalseGuard(lan.guard_host.ns, sleeper.key):
        def end(make, *where):
            return stack.enter_context(make(*where))
        with lan.client.ns.entered():
            elsewhere = end(socket.create_server, (lan.client.v4, 80))
        with box.ns.entered():
            end(socket.create_connection, (lan.client.v4, 80), 10).sendall(b"x" * 5000)
        sleeper.start()
        sleeper.wait_log("stands in")
        wait_check(sleeper, "traffic", False, "no connection to a service")
        # A connection that others began, to a port that the kernel might have chosen.
        with box.ns.entered():
            listener = end(socket.create_server, (box.v4, 40000))
        assert [answer["service"]["on"] for answer in sleeper.ask({"command": "services"})[:-1]] == [False]
        with lan.client.ns.entered():
            end(socket.create_connection, (box.v4, 40000), 10).sendall(b"x" * 5000)
        wait_until(lambda: f"ago to tcp/40000, from {lan.client.v4}" in why(sleeper)["traffic"]["text"], 30, step=0.3, what="traffic")
        listener.close()
        elsewhere.close()
