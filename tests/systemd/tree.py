"""A Debian tree with systemd: made once by debootstrap, kept below build/, shared by all boxes as the read-only layer.

Owns build/debian-*: `tree()` returns the folder, and makes it when what it holds has another list of packages than PACKAGES.
Why there is none is said by Unavailable, in one line, for the tests that are skipped then.
"""

import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITE = "bookworm"
MIRROR = os.environ.get("ROUSE_DEBIAN_MIRROR", "")      # else debootstrap's own choice
# The two ways to configure a network, what a machine is asked for (ssh), and the libraries of our programs.
PACKAGES = """systemd systemd-sysv libpam-systemd dbus iproute2 ifupdown network-manager openssh-server
    libevent-core-2.1-7 libevent-extra-2.1-7 libinih1 libjansson4 libmnl0 libseccomp2 libsodium23 libcurl4
    libqrencode4""".split()
DROPPED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt/archives", "var/lib/apt/lists")
LIMIT = 900             # seconds that making it may take: a slow mirror


class Unavailable(Exception):
    """No tree, and why."""


def _key():
    return hashlib.sha256(" ".join([SUITE, *PACKAGES, *DROPPED]).encode()).hexdigest()[:12]


def tree():
    """The folder of the tree. Made under a lock, in memory, and moved to its place when it is whole."""
    base = os.path.join(ROOT, "build")
    os.makedirs(base, exist_ok=True)
    path = os.path.join(base, "debian-" + _key())
    with open(os.path.join(base, ".debian.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(path):
            _make(path)
            for old in glob.glob(os.path.join(base, "debian-*")):
                if old != path:
                    shutil.rmtree(old, ignore_errors=True)
    return path


def _make(path):
    for program in ("debootstrap", "systemd-nspawn", "unshare"):
        if not shutil.which(program):
            raise Unavailable(f"{program} is not installed (tools/packages)")
    whole = path + ".new"
    shutil.rmtree(whole, ignore_errors=True)
    log = os.path.join(ROOT, "build", "debootstrap.log")
    # dpkg waits for the disk after every file: a tmpfs of our own mount namespace makes that free.
    script = """set -e
        mount -t tmpfs -o size=1g,mode=755 debian "$0"
        nice -n 10 debootstrap --variant=minbase --include="$1" "$2" "$0/tree" ${3:+"$3"}
        cd "$0/tree"
        shift 4
        for folder; do rm -rf "$folder"; mkdir -p "$folder"; done
        rm -f etc/machine-id etc/resolv.conf
        cp -a "$0/tree" "$WHOLE"
        """
    with tempfile.TemporaryDirectory(prefix="debian-") as scratch, open(log, "wb") as out:
        try:
            done = subprocess.run(["unshare", "--mount", "--propagation", "private", "bash", "-c", script, scratch,
                                   ",".join(PACKAGES), SUITE, MIRROR, "--", *DROPPED], stdout=out, stderr=out,
                                  stdin=subprocess.DEVNULL, timeout=LIMIT, env={**os.environ, "WHOLE": whole})
        except subprocess.TimeoutExpired:
            raise Unavailable(f"debootstrap took longer than {LIMIT} s ({log})") from None
    if done.returncode != 0:
        shutil.rmtree(whole, ignore_errors=True)
        with open(log, encoding="utf-8", errors="replace") as text:
            lines = [line for line in text.read().splitlines() if line.startswith(("E:", "W:"))] or ["?"]
        raise Unavailable(f"debootstrap failed: {lines[-1]} ({log})")
    os.rename(whole, path)
