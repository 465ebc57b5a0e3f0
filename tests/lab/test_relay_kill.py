"""A slice of bench/relay/kill.py: nothing acknowledged is lost, nothing is done twice, whoever is killed."""
import random
import signal
import threading
import time

import netns
import relay_kill
from scenes import goodbye
from test_relay import Holder, joined, relay, share  # noqa: F401  (a fixture)


def test_kill_9_of_relay_and_guard(lan, tmp_path):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    kill = relay_kill.Kill(lan, tmp_path, seed)
    for number in range(10):
        kill.once(number, relay_kill.WHAT[number % len(relay_kill.WHAT)])
    kill.finish()
    assert kill.lost == [] and kill.twice == []
    assert kill.accepted >= 3 and len(kill.homes) >= 3 and len(kill.revoked) >= 5, "there was no load"


def test_what_is_accepted_is_on_record(lan, relay):  # noqa: F811
    """The engine wakes the machine itself; while the monitor, which writes down that it was asked to, does not run, nobody hears
    that it was accepted."""
    nas = lan.machine("nas", boot=0.3, dad="off")
    guard = lan.guard([nas])
    joined(guard, relay)
    holder = Holder(relay, share(guard, "--name", "Ann")["link"])
    guard.wait_state("nas", "awake")
    goodbye(guard, nas)
    netns.wait_until(lambda: holder.machine("nas")["state"] == "asleep", 10, what="the relay knows")
    sealed, before, said = holder.sealed(holder.machine("nas")["id"]), time.monotonic(), []
    asking = threading.Thread(target=lambda: said.extend(holder.send(sealed, wait=1)))
    guard.process.send_signal(signal.SIGSTOP)
    try:
        asking.start()
        nas.first_magic(before)
        asking.join(3)
        meanwhile = list(said)
    finally:
        guard.process.send_signal(signal.SIGCONT)
        asking.join(30)
    assert meanwhile == []
    assert holder.bodies(said[1])[0]["step"] == "accepted"
    assert [e["who"] for e in guard.events("nas") if e["event"] == "request"] == ["Ann"]
