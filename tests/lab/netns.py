"""Network namespaces of the lab: make, enter, sweep, remove.

Owns the names `rl<pid>-…` and nothing else: it removes only namespaces of that form whose process is gone or
is ourselves, and ends only processes that live inside them.
"""

import atexit
import contextlib
import ctypes
import os
import re
import signal
import subprocess
import threading
import time

PREFIX = re.compile(r"^rl(\d+)-")
RUN = "/run/netns"
CLONE_NEWNET = 0x40000000
CLONE_NEWNS = 0x00020000

_libc = ctypes.CDLL(None, use_errno=True)
_home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
_mine = set()
_counter = 0
_lock = threading.Lock()


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def unique(word):
    """A namespace name of our own; short, because interface names are derived from the same words."""
    global _counter
    with _lock:
        _counter += 1
        return f"rl{os.getpid()}-{_counter}{word}"


class Namespace:
    """One network namespace. `with ns:` moves the calling thread into it; sockets made there stay there."""

    def __init__(self, word):
        self.name = unique(word)
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        _mine.add(self.name)
        self.fd = os.open(f"{RUN}/{self.name}", os.O_RDONLY | os.O_CLOEXEC)

    @contextlib.contextmanager
    def entered(self):
        _setns(self.fd)
        try:
            yield self
        finally:
            _setns(_home)

    def call(self, function, *args, **kwargs):
        with self.entered():
            return function(*args, **kwargs)

    def ip(self, *lines, check=True):
        """Run lines of `ip` commands in one process."""
        text = "\n".join(lines) + "\n"
        return subprocess.run(["ip", "-n", self.name, "-force", "-batch", "-"] if not check else
                              ["ip", "-n", self.name, "-batch", "-"],
                              input=text, text=True, check=check, capture_output=True)

    def bridge(self, *lines):
        subprocess.run(["bridge", "-n", self.name, "-batch", "-"], input="\n".join(lines) + "\n",
                       text=True, check=True, capture_output=True)

    def sysctl(self, **values):
        """sysctl(**{'net.ipv4.ip_forward': 1}): written through /proc of the entered thread."""
        with self.entered():
            for key, value in values.items():
                with open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as file:
                    file.write(f"{value}\n")

    def read_sysctl(self, key):
        with self.entered(), open("/proc/sys/" + key.replace(".", "/"), encoding="ascii") as file:
            return file.read().strip()

    def command(self, *argv):
        """The argv that runs a program inside (ip netns exec replaces itself: the pid is the program's)."""
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv, check=True, timeout=30, **kwargs):
        return subprocess.run(self.command(*argv), check=check, timeout=timeout, text=True,
                              capture_output=True, **kwargs)

    def pids(self):
        out = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True)
        return [int(word) for word in out.stdout.split()]

    def close(self):
        if self.fd < 0:
            return
        os.close(self.fd)
        self.fd = -1
        remove(self.name)


def remove(name):
    """End what still lives in a namespace of ours and remove it."""
    out = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
    for word in out.stdout.split():
        if int(word) == os.getpid():
            continue                            # a thread of ours passing through
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(word), signal.SIGKILL)
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    _mine.discard(name)


def sweep():
    """Remove namespaces whose lab process is gone (a lab that was killed cannot clean up after itself)."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(RUN):
            match = PREFIX.match(name)
            if match and not os.path.exists(f"/proc/{match[1]}"):
                remove(name)


def left_over():
    """Names of this process that are still there (for tests of the lab itself)."""
    try:
        return [name for name in os.listdir(RUN) if name.startswith(f"rl{os.getpid()}-")]
    except FileNotFoundError:
        return []


def _at_exit(owner=os.getpid()):
    if os.getpid() == owner:
        for name in list(_mine):
            remove(name)


atexit.register(_at_exit)


def wait_until(condition, timeout, step=0.02, what="condition"):
    """Poll until condition() is true; returns its value, raises TimeoutError naming `what`."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what} not seen within {timeout} s")
        time.sleep(step)
