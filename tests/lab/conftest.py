"""Fixtures of the lab: a LAN that is always removed, and the rule that nothing is left of it."""

import fcntl
import os
import pathlib
import shutil
import signal
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import guard as guard_module  # noqa: E402
import netns  # noqa: E402
from lan import Lan  # noqa: E402

# Started in the background, we would hand on that Ctrl-C is ignored, and `rouse pair` would not end by it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    # Those that need the box alone first, then the longest: at the end all workers finish about the same time.
    items.sort(key=lambda item: ("alone" not in item.keywords, "slow" not in item.keywords))
    # A worker is given neighbours, first a 32nd of all of them: those of one file, all long or all short, are dealt out.
    items[:] = [item for first in range(32) for item in items[first::32]]
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="network namespaces need root"))


@pytest.fixture(autouse=True)
def box(request):
    """Tests share the two cores; one marked `alone` has them to itself (across workers, in order of arrival)."""
    alone = request.node.get_closest_marker("alone") is not None
    base = os.path.join(tempfile.gettempdir(), f"rouse-lab-{os.geteuid()}")
    with open(base + ".turn", "w", encoding="ascii") as turn, open(base + ".box", "w", encoding="ascii") as data:
        fcntl.flock(turn, fcntl.LOCK_EX)
        fcntl.flock(data, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        if not alone:
            fcntl.flock(turn, fcntl.LOCK_UN)
        yield


@pytest.fixture
def make_lan(request):
    """A factory of LANs: make_lan(snooping=True). All are closed at the end, which also checks the guard's host."""
    made = []

    def make(**options):
        lan = Lan(**options)
        made.append(lan)
        return lan
    yield make
    problems = []
    for lan in made:
        logs = [guard.log() for guard in lan.guards]
        try:
            lan.close()
        except Exception as error:
            problems.append(error)
        for log in logs:
            print("---- roused ----\n" + log)
    assert not netns.left_over(), "namespaces are left"
    if problems:
        raise problems[0]


@pytest.fixture
def lan(make_lan):
    return make_lan()


@pytest.fixture
def tmp_public():
    """A folder that the daemon's user can enter (pytest's own tmp_path is root's alone)."""
    path = tempfile.mkdtemp(prefix=f"rl{os.getpid()}-public-")
    os.chmod(path, 0o755)
    yield pathlib.Path(path)
    shutil.rmtree(path, ignore_errors=True)
