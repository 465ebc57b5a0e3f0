"""Sleep over the relay: a grant that can sleep, the machine's sleeper that is asked, and what comes of it."""

import json
import subprocess
import threading

import pytest
from guard import program
from test_lease import Sleeper
from test_relay import Holder, joined, relay, share  # noqa: F401  (a fixture)

pytestmark = pytest.mark.needs_guard


class Answering(threading.Thread):
    """Answers the next question of the guard; a machine that agrees says goodbye and sleeps."""

    def __init__(self, sleeper, result, text=""):
        super().__init__(daemon=True)
        self.sleeper, self.result, self.text, self.who = sleeper, result, text, None
        self.start()

    def run(self):
        lease = self.sleeper.lease
        lease.lines.socket.settimeout(10)
        told = lease.next()
        self.who = told["who"]
        lease.say("answer", wait=False, ask=told["ask"], result=self.result, text=self.text)
        if self.result == "ok":
            self.sleeper.goodbye()
            self.sleeper.machine.sleep()


def test_sleep_over_the_relay(lan, relay, tmp_path):  # noqa: F811
    nas = lan.machine("nas", boot=0.5, dad="off")
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    s.hold()
    joined(guard, relay)
    link = share(guard, "--can", "see", "--can", "wake", "--can", "sleep", "--name", "Ann's phone")["link"]
    holder = Holder(relay, link)
    ident = holder.machine("nas")["id"]

    answering = Answering(s, "refused", 'busy: "Alien" is on')
    status, answer = holder.send(holder.sealed(ident, verb="sleep"))
    final = holder.bodies(answer)[-1]
    answering.join(10)
    assert status == 403 and (final["why"], final["text"]) == ("sleeper-refused", 'busy: "Alien" is on')
    assert answering.who == "Ann's phone" and guard.state("nas") == "awake"

    Answering(s, "ok")
    status, answer = holder.send(holder.sealed(ident, verb="sleep"))
    steps = holder.bodies(answer)
    assert status == 200 and [b["step"] for b in steps] == ["accepted", "going", "result"], steps
    assert steps[-1]["result"] == "asleep" and 0 < steps[-1]["asleep_seconds"] < 10 and guard.state("nas") == "asleep"
    status, answer = holder.send(holder.sealed(ident, verb="sleep"))
    assert status == 200 and holder.bodies(answer)[-1]["result"] == "already-asleep"

    nas.press_button()
    nas.wait_up()
    guard.wait_state("nas", "awake")
    status, answer = holder.send(holder.sealed(ident, verb="sleep"))
    assert status == 403 and holder.bodies(answer)[-1]["why"] == "no-sleeper"

    # `rouse`, from somewhere else.
    s.hold("resume")
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}

    def elsewhere(*argv):
        return subprocess.run(relay.ns.command(program("rouse"), *argv), env=env, capture_output=True, text=True, timeout=60)
    assert elsewhere("home", "add", link, "--name", "home").returncode == 0
    answering = Answering(s, "refused", "busy: a film")
    said = elsewhere("--home", "home", "sleep", "nas", "--json")
    answering.join(10)
    assert said.returncode == 1 and json.loads(said.stdout) == {"result": "refused", "error": "busy: a film"}, said
    # And a token that can nothing but this.
    token = share(guard, "--machine", "nas", "--plain", "--can", "sleep")["token"]
    Answering(s, "ok")
    status, answer = relay.ask("POST", f"/w/{token}?wait=60")
    assert status == 200 and answer["result"] == "asleep", answer
    assert guard.rouse("sleep", "nas").stdout == "nas: asleep already\n"


def test_who_may_not_sleep_cannot(lan, relay):  # noqa: F811
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    s.hold()
    joined(guard, relay)
    holder = Holder(relay, share(guard)["link"])
    status, answer = holder.send(holder.sealed(holder.machine("nas")["id"], verb="sleep"))
    assert status == 403 and holder.bodies(answer)[-1]["why"] == "not-permitted"
    s.lease.lines.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        s.lease.next()
