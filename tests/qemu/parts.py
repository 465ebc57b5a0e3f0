"""What a virtual machine boots from: Debian's kernel, an initramfs that finds the disk, the disk.

The kernel's package is fetched by apt-get into build/ and taken apart there; nothing is installed. The disk is the tree of
tests/systemd with the layers over it, written by mke2fs.
"""

import fcntl
import glob
import os
import shutil
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "systemd"), os.path.join(os.path.dirname(HERE), "lab")]

import tree  # noqa: E402

META = "linux-image-cloud-amd64"
# In the order of insmod: the bus, the disk, the network card; what asks the kernel who listens.
MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk", "failover",
           "net_failover", "virtio_net", "inet_diag", "tcp_diag", "udp_diag", "netlink_diag")
INIT = """#!/bin/sh
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do [ ! -e /$module.ko ] || /bin/busybox insmod /$module.ko; done
for i in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/vda ] && break; /bin/busybox sleep 0.2; done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
"""


class Unavailable(Exception):
    """No virtual machine here, and why."""


def needs(*programs):
    for program in programs:
        if not shutil.which(program) and not os.path.exists("/usr/sbin/" + program):
            raise Unavailable(f"{program} is not installed (tools/packages)")


def kernel():
    """The folder with vmlinuz and modules/, of the newest kernel that apt knows."""
    needs("apt-get", "dpkg-deb")
    policy = subprocess.run(["apt-cache", "show", "--no-all-versions", META], capture_output=True, text=True).stdout
    name = next((word for line in policy.splitlines() if line.startswith("Depends:")
                 for word in line.replace(",", " ").split() if word.startswith("linux-image-")), None)
    known = sorted(glob.glob(os.path.join(tree.ROOT, "build", "linux-image-*")))
    if name is None:
        if known:
            return known[-1]
        raise Unavailable(f"apt does not know {META} (apt-get update?)")
    path = os.path.join(tree.ROOT, "build", name)
    with open(os.path.join(tree.ROOT, "build", ".kernel.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(path):
            _fetch(name, path)
            for old in known:
                shutil.rmtree(old, ignore_errors=True)
    return path


def _fetch(name, path):
    new = path + ".new"
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(new + "/all")
    try:
        subprocess.run(["apt-get", "download", "-q", name], cwd=new, check=True, timeout=600, capture_output=True)
        subprocess.run(["dpkg-deb", "-x", *glob.glob(new + "/*.deb"), new + "/all"], check=True, timeout=120)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        shutil.rmtree(new, ignore_errors=True)
        raise Unavailable(f"{name} cannot be fetched: {(error.stderr or b'').decode().strip()[-200:]}") from None
    shutil.move(glob.glob(new + "/all/boot/vmlinuz-*")[0], new + "/vmlinuz")
    os.mkdir(new + "/modules")
    for module in MODULES:                  # some are built in
        for found in glob.glob(f"{new}/all/lib/modules/**/{module}.ko", recursive=True):
            shutil.move(found, new + "/modules/")
    shutil.rmtree(new + "/all")
    for package in glob.glob(new + "/*.deb"):
        os.remove(package)
    os.rename(new, path)


def _cpio(file, number, name, mode, data=b""):
    name = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % value for value in fields) + name
    file.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))


def initramfs(path, modules):
    """Writes it: busybox, the modules, a script that mounts the disk and starts its init."""
    needs("busybox")
    with open(path, "wb") as file:
        entries = [(name, stat.S_IFDIR | 0o755, b"") for name in ("bin", "dev", "root")]
        with open(shutil.which("busybox"), "rb") as busybox:
            entries.append(("bin/busybox", stat.S_IFREG | 0o755, busybox.read()))
        for module in glob.glob(modules + "/*.ko"):
            with open(module, "rb") as data:
                entries.append((os.path.basename(module), stat.S_IFREG | 0o644, data.read()))
        entries.append(("bin/sh", stat.S_IFLNK | 0o777, b"busybox"))
        entries.append(("init", stat.S_IFREG | 0o755, INIT.format(modules=" ".join(MODULES)).encode()))
        for number, (name, mode, data) in enumerate(entries, 1):
            _cpio(file, number, name, mode, data)
        _cpio(file, 0, "TRAILER!!!", 0)


def disk(path, folders, scratch):
    """Writes an ext4 file system with what the folders hold, the first over the others."""
    needs("mke2fs", "unshare")
    script = """set -e
        mount -t overlay overlay -o "lowerdir=$1" "$2"
        mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1,root_owner=0:0 -d "$2" "$3" 600M
        """
    subprocess.run(["unshare", "--mount", "--propagation", "private", "bash", "-c", script, "disk",
                    ":".join(folders), scratch, path], check=True, timeout=120, capture_output=True)
