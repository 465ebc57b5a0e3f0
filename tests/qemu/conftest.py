"""The fixture of virtual machines. Skipped, with the reason, where QEMU cannot run, or is so slow that it would take too long."""

import importlib.util
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(os.path.dirname(HERE), "lab")
sys.path[:0] = [HERE, LAB, os.path.join(os.path.dirname(HERE), "systemd")]

import parts  # noqa: E402
import tree  # noqa: E402

_spec = importlib.util.spec_from_file_location("lab_conftest", os.path.join(LAB, "conftest.py"))
_lab = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_lab)
make_lan = _lab.make_lan

def unavailable():
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        parts.needs("qemu-system-x86_64", "mke2fs", "busybox", "ssh", "ssh-keygen")
        if not os.path.exists("/dev/net/tun"):
            raise parts.Unavailable("no /dev/net/tun")
        parts.kernel()
        tree.tree()
    except (parts.Unavailable, tree.Unavailable) as error:
        return str(error)
    return None


def pytest_collection_modifyitems(items):
    reason = unavailable() if items else None
    for item in items:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
