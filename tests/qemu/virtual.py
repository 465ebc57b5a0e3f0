"""A machine of the virtual LAN that is a virtual machine: a kernel that truly suspends to RAM.

As machine.Machine (tests/lab) its NIC sleeps, and wakes it by magic packets: a helper at the wire that sees one does QMP's
system_wakeup. While it sleeps, or is off, its tap is out of the switch; otherwise frames queue and are delivered at
resume.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

import parts  # first: it names the other folders
import netns
import tree
from machine import Boot, Machine

STARTED = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo lab: up >/dev/ttyS0'
"""
HOOK = """#!/bin/sh
[ "$1" != post ] || echo "lab: resumed" >/dev/ttyS0
"""
INTERFACES = """auto lo
iface lo inet loopback
auto ens2
iface ens2 inet static
    address {v4}/24
iface ens2 inet6 static
    address {v6}/64
    dad-attempts 0
"""
COMMAND_LINE = "console=ttyS0 quiet mitigations=off no_timer_check systemd.show_status=0"
MASKED = ("NetworkManager.service", "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer",
          "dpkg-db-backup.timer", "e2scrub_reap.service", "polkit.service", "serial-getty@ttyS0.service", "getty@tty1.service",
          "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "rescue.service")


class Virtual(Machine):
    """Options: those of Machine; layers (folders over the tree, lowest first), key (the public key that root's ssh takes)."""

    def __init__(self, lan, name, number, layers=(), key="", boot=0.0, **options):
        self.layers, self.key = list(layers), key
        self.folder = tempfile.mkdtemp(prefix=f"rouse-vm-{os.getpid()}-")
        self.upper = os.path.join(self.folder, "upper")
        os.makedirs(os.path.join(self.folder, "scratch"))
        self.serial = os.path.join(self.folder, "serial")
        self.process = self.qmp = self._pidfd = None
        self._said = b""
        self.sleeps, self.exits = [], []
        self.tap = "t" + name
        super().__init__(lan, name, number, boot=boot, suspend=True, services={}, **options)
        try:
            lan.switch.ip(f"tuntap add dev {self.tap} mode tap", f"link set {self.tap} up", f"link set {self.m} nomaster")
            self._furnish()
        except BaseException:
            self.close()
            raise

    def write(self, path, text, mode=0o644):
        """A file of the machine, before it boots."""
        path = os.path.join(self.upper, path.lstrip("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)

    def _furnish(self):
        os.makedirs(self.upper + "/etc/systemd/system/multi-user.target.wants")
        for unit in MASKED:
            os.symlink("/dev/null", f"{self.upper}/etc/systemd/system/{unit}")
        self.write("/etc/systemd/system/lab-up.service", STARTED)
        os.symlink("../lab-up.service", self.upper + "/etc/systemd/system/multi-user.target.wants/lab-up.service")
        self.write("/usr/lib/systemd/system-sleep/lab", HOOK, 0o755)
        self.write("/etc/network/interfaces", INTERFACES.format(v4=self.v4, v6=self.v6))
        self.write("/etc/hostname", self.name + "\n")
        self.write("/etc/machine-id", os.urandom(16).hex() + "\n")
        if self.key:
            self.write("/root/.ssh/authorized_keys", self.key, 0o600)
            os.chmod(self.upper + "/root/.ssh", 0o700)
            os.chmod(self.upper + "/root", 0o700)

    def build(self):
        """The disk and what starts it; once, before the first start."""
        self.kernel = parts.kernel()
        parts.initramfs(self.folder + "/initrd", self.kernel + "/modules")
        parts.disk(self.folder + "/disk", [self.upper, *reversed(self.layers), tree.tree()], self.folder + "/scratch")

    # Power

    def start(self, timeout=120):
        self.build()
        self.lan.loop.call(self._power_on, "start", 0.0)
        self.wait_up(timeout)

    def wait_up(self, timeout=120):
        """Booted, or resumed, as far as it says so itself."""
        boot = self.boots[-1]
        word = "lab: resumed" if boot.resumes else "lab: up"

        def up():
            assert self.process is None or self.process.poll() is None, self.output()
            return self.state == "up" and word in self._serial()[boot.mark:]
        try:
            netns.wait_until(up, timeout, step=0.02, what=f"{self.name} up")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.output()}") from None
        return boot

    def _serial(self):
        with contextlib.suppress(FileNotFoundError), open(self.serial, encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""

    def output(self):
        return self._serial()[-4000:]

    def _power_on(self, reason, delay):
        if self.state in ("booting", "up"):
            return
        self.state = "booting"
        boot = Boot(reason, time.monotonic())
        boot.resumes, boot.mark = self.process is not None, len(self._serial())
        self.boots.append(boot)
        self._later(delay, self._plug_in)

    def _plug_in(self):
        self.lan.switch_link.set_master(self.tap, self.n)
        self.state = "up"
        if self.process is not None:
            self._execute("system_wakeup")
        else:
            self._spawn()

    def _spawn(self):
        path = self.folder + "/qmp"
        argv = ["setpriv", "--pdeathsig", "KILL", "nsenter", "--net=/run/netns/" + self.lan.switch.name,
                "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
                "-M", "pc", "-cpu", "qemu64", "-accel", "tcg", "-m", "256", "-smp", "1",
                "-kernel", self.kernel + "/vmlinuz", "-initrd", self.folder + "/initrd", "-append", COMMAND_LINE,
                "-drive", f"file={self.folder}/disk,format=raw,if=virtio,cache=unsafe",
                "-chardev", f"file,id=serial,path={self.serial},append=on", "-serial", "chardev:serial",
                "-netdev", f"tap,id=lan,ifname={self.tap},script=no,downscript=no",
                "-device", f"virtio-net-pci,netdev=lan,mac={self.mac},addr=2", "-qmp", f"unix:{path},server=on,wait=off"]
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with open(self.folder + "/qemu.log", "ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._pidfd = os.pidfd_open(self.process.pid)
        self.lan.loop.watch(self._pidfd, self._ended)
        self._later(0.1, self._connect, 100)

    def _connect(self, tries):
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(self.folder + "/qmp")
        except OSError:
            sock.close()
            if tries and self.process is not None:
                self._later(0.1, self._connect, tries - 1)
            return
        sock.setblocking(False)
        self.qmp, self._said = sock, b""
        self.lan.loop.watch(sock, self._qmp_readable)
        self._execute("qmp_capabilities")

    def _execute(self, command):
        self.qmp.sendall(json.dumps({"execute": command}).encode() + b"\n")

    def _qmp_readable(self):
        try:
            piece = self.qmp.recv(65536)
        except BlockingIOError:
            return
        if not piece:
            self._hang_up()
            return
        *lines, self._said = (self._said + piece).split(b"\n")
        for line in lines:
            if json.loads(line).get("event") == "SUSPEND":
                self.sleeps.append(time.monotonic())
                self.lan.switch_link.set_master(self.tap, None)
                self.state = "asleep"

    def _hang_up(self):
        if self.qmp is not None:
            self.lan.loop.unwatch(self.qmp)
            self.qmp.close()
            self.qmp = None

    def _ended(self):
        self.lan.loop.unwatch(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = None
        self.process.wait()
        self.process = None
        self._hang_up()
        self.exits.append(time.monotonic())
        self.lan.switch_link.set_master(self.tap, None)
        self.state = "asleep"

    def wait_gone(self, timeout=60):
        """Asleep or off; returns the moment."""
        netns.wait_until(lambda: self.state == "asleep", timeout, step=0.01, what=f"{self.name} asleep or off\n{self.output()}")
        return max(self.sleeps + self.exits)

    def close(self):
        def stop():
            self._cancel_timers()
            self._hang_up()
            if self._pidfd is not None:
                self.lan.loop.unwatch(self._pidfd)
                os.close(self._pidfd)
                self._pidfd = None
            if self.process is not None:
                self.process.kill()
        self.lan.loop.call(stop)
        if self.process is not None:
            self.process.wait(10)
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)
