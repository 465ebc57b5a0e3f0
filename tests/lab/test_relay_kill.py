"""A slice of bench/relay/kill.py: nothing acknowledged is lost, nothing is done twice, whoever is killed."""
import random

import relay_kill


def test_kill_9_of_relay_and_guard(lan, tmp_path):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    kill = relay_kill.Kill(lan, tmp_path, seed)
    for number in range(10):
        kill.once(number, relay_kill.WHAT[number % len(relay_kill.WHAT)])
    kill.finish()
    assert kill.lost == [] and kill.twice == []
    assert kill.accepted >= 3 and len(kill.homes) >= 3 and len(kill.revoked) >= 5, "there was no load"
