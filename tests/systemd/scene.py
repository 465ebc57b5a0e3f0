"""What the tests of the sleeper's units begin with: a LAN, a guard, and a Debian with our sleeper that knows this guard."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import time

import box as box_module
import lease
import netns
import tree
from guard import BUILD

WAYS = {                    # how a machine goes, and whether it comes back by a magic packet with all it had
    "suspend": (["systemctl", "suspend"], True),
    "hibernate": (["systemctl", "hibernate"], True),
    "suspend.target": (["systemctl", "start", "suspend.target"], True),
    "poweroff": (["systemctl", "poweroff"], False),
    "halt": (["systemctl", "halt"], False),
}
STATE = "/var/lib/rouse-sleeper"


def installed():
    """The read-only layer with our programs and units, as ./run install sleeper leaves them. Made once for each build."""
    source = os.path.join(BUILD, "rouse-sleeper")
    stamp = f"{os.stat(source).st_mtime_ns:x}-{os.stat(os.path.join(BUILD, 'rouse')).st_mtime_ns:x}"
    path = os.path.join(BUILD, "sleeper-" + stamp)
    with open(os.path.join(BUILD, ".sleeper.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(path):
            for name in os.listdir(BUILD):
                if re.match(r"sleeper-[0-9a-f]+-[0-9a-f]+(\.new)?$", name):
                    shutil.rmtree(os.path.join(BUILD, name))
            new = path + ".new"
            subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--tags", "sleeper,box",
                            "--destdir", new], check=True, timeout=60)
            os.makedirs(new + "/etc")
            with open(os.path.join(tree.tree(), "etc/group"), encoding="ascii") as group, \
                    open(new + "/etc/group", "w", encoding="ascii") as file:
                file.write(group.read() + "rouse:x:990:\n")
            subprocess.run(["systemctl", "--root=" + new, "enable", "--quiet", "rouse-sleeper.service",
                            "rouse-sleeper-goodbye.service"], check=True, timeout=60)
            os.rename(new, path)
    return path


class Scene:
    """Options: network, delay and mask as in box.Box; paired (False: the guard is only named in the configuration, so
    that goodbyes are Wakupator's registrations); config (text for rouse-sleeper.conf); others are box.Box's."""

    def __init__(self, lan, network="ifupdown", delay=0.0, mask=(), paired=True, config="", **options):
        self.lan = lan
        self.guard = lan.guard([], fast=False)
        self.box = box_module.Box(lan, "nas", 50, network=network, delay=delay, mask=mask, layers=[installed()],
                                 **options)
        lan.machines.append(self.box)
        self.paired = paired
        if not paired:
            config = f"[sleeper]\nguard = {lan.guard_host.v4}\n" + config
        self.box.write("/etc/rouse/rouse-sleeper.conf", config)
        self.box.start()
        if paired:
            self._pair()
        self.wait_lease()

    def _pair(self):
        """As `rouse pair` and `rouse setup` do it: the code from the guard, the protocol from the machine, the file."""
        address = self.lan.guard_host.v4
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(self.guard.socket)
            sock.sendall(b'{"command":"pair"}\n')
            said = sock.makefile()
            code = json.loads(said.readline())["pair"]["code"]
            with self.box.ns.entered():
                ident, key = lease.pair(address, 13717, code, self.box.mac, "nas")
            result = json.loads(said.readline())
            assert result["result"] == "paired", result
        text = json.dumps({"pairing": 1, "id": ident, "key": lease.b64(key), "guard": address, "port": 13717,
                           "mac": self.box.mac, "name": "nas", "interface": "eth0"}) + "\n"
        self.box.run("sh", "-c", f"umask 077; cat >{STATE}/new && mv {STATE}/new {STATE}/pairing.json", input=text)

    def sleeper(self, request, timeout=10):
        """One request at the sleeper's control socket; its answers."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(timeout)
            sock.connect(f"/proc/{self.box.find_leader()}/root/run/rouse-sleeper/control.sock")
            sock.sendall(json.dumps(request).encode() + b"\n")
            answers = []
            for line in sock.makefile():
                answers.append(json.loads(line))
                if "result" in answers[-1]:
                    return answers
        raise ConnectionError(f"no result: {answers}")

    def lease(self):
        """held, connecting, refused or unpaired."""
        with contextlib.suppress(OSError):
            return self.sleeper({"command": "status"})[0]["sleeper"]["lease"]
        return None

    # What happened

    def events(self, *kinds):
        return [event for event in self.guard.events() if event["event"] in kinds]

    def goodbyes(self):
        return len(self.events("goodbye")) - len(self.events("stays"))

    def wait_active(self):
        """The daemon runs and holds logind's delay lock."""
        def ready():
            locks = self.box.run("systemd-inhibit", "--list", "--no-legend", check=False).stdout
            return "rouse" in locks and self.box.run("systemctl", "is-active", "--quiet", "rouse-sleeper", check=False).returncode == 0
        netns.wait_until(ready, 20, step=0.05, what="rouse-sleeper with its delay lock")

    def wait_lease(self, timeout=20):
        """The daemon runs, and the guard holds its lease."""
        self.wait_active()
        if self.paired:
            try:
                netns.wait_until(lambda: self.lease() == "held", timeout, step=0.05, what="the lease")
            except TimeoutError as error:
                raise TimeoutError(f"{error}: {self.sleeper({'command': 'status'})}\n{self.box.output()}\n"
                                   f"{self.guard.log()[-2000:]}") from None
            self.guard.wait_state("nas", "awake", timeout=timeout)

    # What is done

    def go(self, way, timeout=30):
        """Send it to sleep or off; returns the seconds until it is gone, and how many goodbyes the guard got."""
        argv, _ = WAYS[way]
        before = len(self.events("goodbye"))
        begin = time.monotonic()
        self.box.spawn(*argv)
        gone = self.box.wait_off(timeout)
        return gone - begin, len(self.events("goodbye")) - before

    def wake(self, timeout=30):
        """A client connects, which wakes it; returns the Attempt."""
        self.guard.wait_state("nas", "asleep")
        attempt = self.lan.client.connect(self.box.v4, 22)
        attempt.wait(timeout)
        self.box.wait_up(timeout)
        self.guard.wait_state("nas", "awake", timeout=timeout)
        return attempt

    # What only looks like going

    def reboot(self, timeout=30):
        before = len(self.box.exits)
        self.box.spawn("systemctl", "reboot")
        netns.wait_until(lambda: len(self.box.exits) > before, timeout, what="the box going down")
        assert self.box.exits[-1][1] == "reboot", self.box.exits
        self.box.wait_up(timeout)

    def restart(self):
        self.box.run("systemctl", "restart", "rouse-sleeper")

    def upgrade(self):
        """As a package does it: stop, replace, start."""
        run, program = self.box.run, "/usr/local/sbin/rouse-sleeper"
        run("systemctl", "stop", "rouse-sleeper")
        run("sh", "-c", f"cp -a {program} {program}.new && mv {program}.new {program}")
        run("systemctl", "daemon-reload")
        run("systemctl", "start", "rouse-sleeper")

    def kill(self):
        def main():
            return self.box.run("systemctl", "show", "--property=MainPID", "--value", "rouse-sleeper").stdout.strip()
        pid = main()
        self.box.run("kill", "-KILL", pid)
        netns.wait_until(lambda: main() not in (pid, "0"), 10, what="the sleeper started again")

    def restart_logind(self):
        self.box.run("systemctl", "restart", "systemd-logind")

    def restart_dbus(self):
        self.box.run("systemctl", "restart", "dbus")
        self.restart_logind()
