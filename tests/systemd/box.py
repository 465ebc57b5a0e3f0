"""A machine of the virtual LAN that is a whole Debian: systemd-nspawn boots it into the machine's network namespace.

As machine.Machine (tests/lab) its NIC sleeps, and wakes it by magic packets. What is real: systemd, logind, dbus, the
network's configuration (ifupdown or NetworkManager), sshd, our installed programs and units. What is played: the
kernel's side of sleeping. /sys/power is a folder of ours; when systemd-sleep has written to `state`, all processes are frozen
and the cable is unplugged, until a magic packet comes. systemd-sleep itself waits in a hook of the lab (GATE), because
the write returned at once.

Owns the control groups `rouse-box-<pid>-…` and a temporary folder; both are gone when the box is closed.
"""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))

import netns  # noqa: E402
import tree  # noqa: E402
from capture import packet_socket  # noqa: E402
from machine import Boot, Machine  # noqa: E402

REBOOT = 133                # what systemd-nspawn --keep-unit exits with
STATES = "freeze mem disk"
IN_MODIFY = 0x2
CGROUPS = "/sys/fs/cgroup"
NAME = re.compile(r"^rouse-(?:box|vm)-(\d+)-")
HOOK = """#!/bin/sh
# The sleep of the lab: until the gate is opened the machine has not resumed.
[ "$1" = post ] && [ -p /sys/power/gate ] && read -r _ </sys/power/gate
exit 0
"""
INTERFACES = """auto lo
iface lo inet loopback
auto eth0
iface eth0 inet static
    address {v4}/24
iface eth0 inet6 static
    address {v6}/64
    dad-attempts 0
"""
KEYFILE = """[connection]
id=lan
type=ethernet
interface-name=eth0
[ipv4]
method=manual
address1={v4}/24
[ipv6]
method=manual
address1={v6}/64
addr-gen-mode=eui64
"""
# systemd-hibernate's own program wants a swap partition of the right size; logind's side of it is what matters here.
HIBERNATE = """[Service]
ExecStart=
ExecStart=/bin/sh -c 'echo disk >/sys/power/state; exec /usr/lib/systemd/system-sleep/lab post'
"""
_libc = ctypes.CDLL(None, use_errno=True)
_count = 0
_lock = threading.Lock()


def _hierarchies():
    """Where nspawn makes its groups: one mount, or systemd's own and the unified one."""
    out = [path for path in (CGROUPS, CGROUPS + "/unified", CGROUPS + "/systemd")
           if os.path.exists(path + "/cgroup.procs")]
    return out


def unavailable():
    """Why no box can run here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    groups = _hierarchies()
    unified = [path for path in groups if os.path.exists(path + "/cgroup.controllers")]
    if not unified:
        return f"no cgroup2 mounted at {CGROUPS} or below"
    sweep()
    probe = f"{unified[0]}/rouse-box-{os.getpid()}-probe"
    try:
        os.mkdir(probe)
        os.rmdir(probe)
    except OSError as error:
        return f"control groups cannot be made ({error.strerror}): systemd-nspawn needs them"
    try:
        tree.tree()
    except tree.Unavailable as error:
        return str(error)
    return None


def sweep():
    """Remove control groups and folders of labs that were killed."""
    for base in _hierarchies():
        for name in os.listdir(base):
            match = NAME.match(name)
            if match and not os.path.exists(f"/proc/{match[1]}"):
                _remove_group(os.path.join(base, name))
    for name in os.listdir(tempfile.gettempdir()):
        match = NAME.match(name)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            shutil.rmtree(os.path.join(tempfile.gettempdir(), name), ignore_errors=True)


def _remove_group(path):
    """End what is left in a group of ours and remove it with all below it."""
    with contextlib.suppress(OSError), open(path + "/cgroup.kill", "w", encoding="ascii") as file:
        file.write("1")
    for _ in range(100):
        left = False
        for folder, _, _ in os.walk(path, topdown=False):
            with contextlib.suppress(OSError), open(folder + "/cgroup.procs", encoding="ascii") as file:
                for word in file.read().split():
                    os.kill(int(word), signal.SIGKILL)
            try:
                os.rmdir(folder)
            except OSError:
                left = True
        if not left:
            return
        time.sleep(0.02)


class Box(Machine):
    """Options: those of Machine, and network ("ifupdown" or "networkmanager"), delay (seconds that each frame of the
    machine takes to the switch), mask (units that this box does not have), layers (folders over the tree, lowest first)."""

    def __init__(self, lan, name, number, network="ifupdown", delay=0.0, mask=(), layers=(), boot=0.0, **options):
        global _count
        with _lock:
            _count += 1
            self.label = f"rouse-box-{os.getpid()}-{_count}"
        self.network, self.delay, self.mask = network, delay, mask
        self.layers = [*reversed(layers), tree.tree()]      # as overlayfs wants them: the uppermost first
        self.process = self.leader = self._pidfd = self._inotify = None
        self.exits = []             # (time, "off" or "reboot")
        self.sleeps = []            # times at which the kernel would have stopped
        self.hold_asleep = True     # the magic packet ends a sleep; False: systemd-sleep returns at once
        self._wires = []
        self.folder = tempfile.mkdtemp(prefix=self.label + "-")
        os.chmod(self.folder, 0o755)
        self.power = os.path.join(self.folder, "power")
        self.upper = os.path.join(self.folder, "upper")
        self.console = os.path.join(self.folder, "console")
        for path in (self.power, self.upper, os.path.join(self.folder, "work"), os.path.join(self.folder, "root")):
            os.mkdir(path, 0o755)
        super().__init__(lan, name, number, boot=boot, suspend=True, services={}, **options)
        try:
            self._furnish()
        except BaseException:
            self.close()
            raise

    # What it is made of

    def write(self, path, text, mode=0o644):
        """A file of the box, before it boots."""
        path = os.path.join(self.upper, path.lstrip("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)

    def symlink(self, path, target):
        path = os.path.join(self.upper, path.lstrip("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(target, path)

    def _furnish(self):
        for name, text in (("state", STATES), ("disk", "platform [shutdown]"), ("mem_sleep", "s2idle [deep]")):
            with open(os.path.join(self.power, name), "w", encoding="ascii") as file:
                file.write(text + "\n")
        os.mkfifo(os.path.join(self.power, "gate"))
        self._watch_power()
        other = {"ifupdown": "NetworkManager.service", "networkmanager": "networking.service"}[self.network]
        for unit in (other, "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer",
                     "dpkg-db-backup.timer", "console-getty.service", *self.mask):
            self.symlink("/etc/systemd/system/" + unit, "/dev/null")
        if self.network == "ifupdown":
            self.write("/etc/network/interfaces", INTERFACES.format(v4=self.v4, v6=self.v6))
        else:
            self.write("/etc/NetworkManager/system-connections/lan.nmconnection",
                       KEYFILE.format(v4=self.v4, v6=self.v6), 0o600)
        self.write("/etc/hostname", self.name + "\n")
        os.makedirs(self.upper + "/var/log/journal")        # so that it can be read when the box is off
        self.write("/etc/machine-id", uuid.uuid4().hex + "\n")
        self.write("/usr/lib/systemd/system-sleep/lab", HOOK, 0o755)
        self.write("/etc/systemd/system/systemd-hibernate.service.d/lab.conf", HIBERNATE)
        self.write("/etc/systemd/system/systemd-logind.service.d/lab.conf",
                   "[Service]\nEnvironment=SYSTEMD_BYPASS_HIBERNATION_MEMORY_CHECK=1\n")

    def _make(self):
        super()._make()
        if self.delay:
            self._slow_wire()

    def _slow_wire(self):
        """In place of the plug: frames of the machine take `delay` seconds, those to it none."""
        switch = self.lan.switch_link
        self.ns.run("ethtool", "-K", "eth0", "tx", "off")
        self.lan.guard_host.offload(False)
        for port in (self.w, self.m):
            switch.set_master(port, None)
        outside = packet_socket(self.lan.switch, self.w, incoming_only=True)
        inside = packet_socket(self.lan.switch, self.m, incoming_only=True)
        self.lan.switch.ip(f"link set {self.w} promisc on", f"link set {self.m} promisc on up")

        def pump(source, sink, delay):
            while True:
                try:
                    frame = source.recv(65536)
                except (BlockingIOError, OSError):
                    return
                if self.state == "asleep":
                    continue
                if delay:
                    self.lan.loop.later(delay, send, sink, frame)
                else:
                    send(sink, frame)

        def send(sink, frame):
            with contextlib.suppress(OSError):
                sink.send(frame)
        for source, sink, delay in ((outside, inside, 0), (inside, outside, self.delay)):
            source.setblocking(False)
            self.lan.loop.watch(source, lambda a=source, b=sink, c=delay: pump(a, b, c))
            self._wires.append(source)

    # Power

    def start(self, timeout=60):
        self.lan.loop.call(self._power_on, "start", 0.0)
        self.wait_up(timeout)

    def wait_up(self, timeout=60):
        """Booted or resumed, as far as multi-user.target and the addresses."""
        def up():
            assert self.process is None or self.process.poll() in (None, 0, REBOOT), \
                f"systemd-nspawn: {self.process.poll()}\n{self.output()}"
            return (self.state == "up" and self.find_leader() and
                    self.run("systemctl", "is-active", "--quiet", "multi-user.target", check=False).returncode == 0 and
                    all(address in (text := self.ns.run("ip", "addr").stdout) for address in self.addresses) and
                    "tentative" not in text)
        try:
            netns.wait_until(up, timeout, step=0.05, what=f"{self.name} up")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.output()}") from None
        return self.boots[-1]

    def _power_on(self, reason, delay):
        if self.state in ("booting", "up"):
            return
        self.state = "booting"
        self.boots.append(Boot(reason, time.monotonic()))
        self._later(delay, self._plug_in)

    def _plug_in(self):
        if self.process is not None:
            self._thaw()
            return
        self._spawn()
        self.state = "up"

    def _plug(self, plugged):
        if self._wires:
            return                          # the slow wire looks at self.state
        self.lan.switch_link.set_master(self.m, self.n if plugged else None)

    def _spawn(self):
        self.leader = None
        for base in _hierarchies():
            os.makedirs(os.path.join(base, self.label), exist_ok=True)
        self._plug(True)
        self.lan.switch_link.set_up(self.m, True)
        groups = [os.path.join(base, self.label, "cgroup.procs") for base in _hierarchies()]
        script = """set -e
            lower=$1 folder=$2; shift 2
            while [ "$1" != -- ]; do echo $$ >"$1"; shift; done; shift
            mount -t overlay overlay -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
            exec "$@"
            """
        argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private",
                "bash", "-c", script, "box", ":".join(self.layers), self.folder, *groups, "--",
                "systemd-nspawn", "--boot", "--quiet", "--register=no", "--keep-unit", "--console=read-only",
                "--directory=" + self.folder + "/root", "--machine=" + self.label,
                "--network-namespace-path=/run/netns/" + self.ns.name, "--bind=" + self.power + ":/sys/power",
                "--capability=CAP_NET_ADMIN", "--link-journal=no", "--resolv-conf=off", "--timezone=off", "systemd.log_color=0"]
        with open(self.console, "ab") as out:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        self._pidfd = os.pidfd_open(self.process.pid)
        self.lan.loop.watch(self._pidfd, self._ended)

    def _ended(self):
        """systemd-nspawn is gone: switched off, or on its way to boot again."""
        self.lan.loop.unwatch(self._pidfd)
        os.close(self._pidfd)
        code = self.process.wait()
        self.process = self._pidfd = self.leader = None
        self.exits.append((time.monotonic(), "reboot" if code == REBOOT else "off" if code == 0 else f"error {code}"))
        self.lan.switch_link.set_up(self.m, False)
        self.link.flush("eth0")
        self.link.set_up("eth0", False)
        self.state = "asleep"
        for base in _hierarchies():
            _remove_group(os.path.join(base, self.label))
        if code == REBOOT:
            self._power_on("reboot", 0.0)

    def _watch_power(self):
        self._inotify = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        _libc.inotify_add_watch(self._inotify, os.fsencode(self.power), IN_MODIFY)
        self.lan.loop.watch(self._inotify, self._power_written)

    def _power_written(self):
        """Something was written below /sys/power: a state is what systemd-sleep does last."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._inotify, 4096):
                pass
        with open(os.path.join(self.power, "state"), encoding="ascii") as file:
            word = file.read().strip()
        if word not in STATES.split() or self.state != "up":
            return
        self.sleeps.append(time.monotonic())
        if self.hold_asleep:
            self._plug(False)
            self._freeze(True)
            self.state = "asleep"
        else:
            self._resumed()

    def _freeze(self, frozen):
        for base in _hierarchies():
            path = f"{base}/{self.label}/cgroup.freeze"
            if os.path.exists(path):        # the unified one's
                with open(path, "w", encoding="ascii") as file:
                    file.write(str(int(frozen)))

    def _thaw(self):
        self._plug(True)
        self._freeze(False)
        self._resumed()
        self.state = "up"

    def _resumed(self):
        with open(os.path.join(self.power, "state"), "w", encoding="ascii") as file:
            file.write(STATES + "\n")
        self._open_gate(500)

    def _open_gate(self, tries):
        try:
            fd = os.open(os.path.join(self.power, "gate"), os.O_WRONLY | os.O_NONBLOCK)
        except OSError:                     # systemd-sleep is not there yet
            if tries and self.process is not None:
                self._later(0.01, self._open_gate, tries - 1)
            return
        os.write(fd, b"\n")
        os.close(fd)

    # Inside

    def find_leader(self):
        """The box's init, or None."""
        process = self.process
        if self.leader is None and process is not None:
            with contextlib.suppress(OSError, IndexError):
                with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
                    pid = int(file.read().split()[0])
                with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                    if file.read().strip() == "systemd":
                        self.leader = pid
        return self.leader

    def run(self, *argv, check=True, timeout=30, **kwargs):
        """A command inside, as root."""
        leader = self.find_leader()
        assert leader, f"{self.name} does not run"
        argv = ["nsenter", "--target", str(leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", *argv]
        return subprocess.run(argv, check=check, timeout=timeout, text=True, capture_output=True, **kwargs)

    def spawn(self, *argv):
        """The same, not waited for: the box may be gone before the command is."""
        argv = ["nsenter", "--target", str(self.find_leader()), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
                *argv]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._closing.callback(process.wait, 10)
        self._closing.callback(process.kill)
        return process

    def main_pid(self, unit):
        """The main process of a service as the host sees it, or None."""
        inside = int(self.run("systemctl", "show", "--property=MainPID", "--value", unit).stdout)
        for word in self._pids() if inside else []:
            with contextlib.suppress(OSError), open(f"/proc/{word}/status", encoding="ascii") as file:
                ids = re.search(r"^NSpid:\s+(.*)$", file.read(), re.M)[1].split()
                if int(ids[-1]) == inside and len(ids) > 1:
                    return word
        return None

    def _pids(self):
        for base in _hierarchies()[:1]:
            for folder, _, _ in os.walk(f"{base}/{self.label}"):
                with contextlib.suppress(OSError), open(folder + "/cgroup.procs", encoding="ascii") as file:
                    yield from (int(word) for word in file.read().split())

    def journal(self, *argv):
        """All its boots; also while it is off, when the files are read from outside."""
        argv = ["journalctl", "--no-pager", "-o", "short-precise", *argv]
        if self.find_leader() and self.state == "up":
            return self.run(*argv, check=False).stdout
        return subprocess.run([*argv, "-D", self.upper + "/var/log/journal"], capture_output=True, text=True, timeout=30).stdout

    def output(self):
        """What the console showed, and of the journal what concerns us."""
        with open(self.console, encoding="utf-8", errors="replace") as file:
            text = "\n".join(line for line in file.read().splitlines() if line.strip())[-2000:]
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            text += "\n" + self.journal("-u", "rouse-sleeper*", "-u", "systemd-logind")[-8000:]
        return text

    def wait_off(self, timeout=30):
        """Switched off, or asleep for the kernel's part; returns the moment."""
        netns.wait_until(lambda: self.state == "asleep", timeout, what=f"{self.name} off or asleep\n{self.output()}")
        return max([when for when, _ in self.exits] + self.sleeps)

    # The end

    def close(self):
        def stop():
            self._cancel_timers()
            if self._pidfd is not None:
                self.lan.loop.unwatch(self._pidfd)
                os.close(self._pidfd)
                self._pidfd = None
            if self._inotify is not None:
                self.lan.loop.unwatch(self._inotify)
                os.close(self._inotify)
                self._inotify = None
            for sock in self._wires:
                self.lan.loop.unwatch(sock)
                sock.close()
            if self.process is not None:
                self.process.kill()
        self.lan.loop.call(stop)
        if self.process is not None:
            self.process.wait(10)
        for base in _hierarchies():
            _remove_group(os.path.join(base, self.label))
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)
