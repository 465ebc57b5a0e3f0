"""rouse-sleeper while nothing happens: what it takes of the machine. (bench/systemd.py measures the same for longer, with a bus.)"""

import re
import time

import pytest

from false_guard import FalseGuard
from sleeper import Sleeper

SECONDS = 12


def looked_at(pid):
    """(nanoseconds of a processor, times that it waited, resident KiB)"""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        busy = int(file.read().split()[0])
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        text = file.read()
    return (busy, int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1]),
            int(re.search(r"^VmRSS:\s+(\d+)", text, re.M)[1]))


@pytest.mark.parametrize("extra", ["", "[idle]\nafter = 20min\n"], ids=["", "idle"])
def test_at_rest(lan, extra):
    """<= 4 MB, 0.0 %, no wake-ups more often than every 5 s."""
    with Sleeper(lan.other, extra=extra) as sleeper, FalseGuard(lan.guard_host.ns, sleeper.key):
        sleeper.start()
        sleeper.wait_log("stands in when this machine sleeps")
        time.sleep(8)                       # it gives back what starting needed after five
        before = looked_at(sleeper.process.pid)
        time.sleep(SECONDS)
        after = looked_at(sleeper.process.pid)
    assert after[0] - before[0] < SECONDS * 1e9 * 0.0005, f"{(after[0] - before[0]) / 1e6} ms of {SECONDS} s"
    assert after[1] - before[1] <= SECONDS / 5 + 1, f"woke {after[1] - before[1]} times in {SECONDS} s"
    assert after[2] <= 4096, f"{after[2]} KiB"
