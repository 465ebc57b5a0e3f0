"""A relay that lies: whatever it says, the guard wakes only for authentic requests, once; and the LAN notices nothing."""

import base64
import contextlib
import json
import os
import queue
import threading
import time

import pytest

import netns
from lying_relay import LyingRelay
from scenes import asleep
from test_relay import rouse, share


@pytest.fixture
def lair(lan):
    relay = LyingRelay(lan.other)
    yield relay
    relay.close()


class Scene:
    """A sleeping machine, a guard joined to the lying relay, and somebody with a link."""

    def __init__(self, lan, lair, **options):
        self.lair, self.nas = lair, lan.machine("nas", **options)
        self.guard = asleep(lan, self.nas, rules={"nas": "tcp/22"}, wake={"attempts": "1", "interval": "20s"})
        self.join()
        made = share(self.guard)
        self.id = made["id"]
        fragment = made["link"].split("#")[1].split(".")
        self.home = fragment[0]
        self.grant = rouse.Grant()
        self.grant.id, self.grant.secret = fragment[1], rouse.unb64(fragment[2])
        import hmac
        prk = hmac.digest(b"rouse-grant-v1", self.grant.secret, "sha256")
        self.grant.view, self.grant.request, self.grant.answer = (
            hmac.digest(prk, (w + self.grant.id).encode() + b"\x01", "sha256") for w in ("view", "request", "answer"))
        self.machine = str(self.guard.status("nas")["id"])
        self.number = 0

    def join(self):
        """Joins anew, without the pause of one who was turned away."""
        joining = threading.Thread(target=lambda: self.guard.rouse("join", self.lair.url))
        joining.start()
        # The uplink of before may come back by itself in the same moment.
        while joining.is_alive():
            with contextlib.suppress(queue.Empty):
                self.c = self.lair.join(timeout=1)
            joining.join(0.2)

    def seal(self, challenge=None, verb="wake", **more):
        return self.grant.seal(self.home, challenge or self.c.challenge, machine=self.machine, verb=verb, **more)

    def send(self, sealed, connection=None):
        self.number += 1
        text = sealed if isinstance(sealed, str) else json.dumps(sealed)
        (connection or self.c).say('{"t":"request","id":%d,"from":"203.0.113.9","sealed":%s}' % (self.number, text))
        return self.number

    def answer(self, number, connection=None):
        return (connection or self.c).hear("answer", id=number)

    def body(self, answer):
        assert self.grant.authentic(self.home, answer["sealed"])
        return json.loads(answer["sealed"]["body"])

    def wakes(self):
        return [e for e in self.guard.events("nas") if e["event"] == "request"]


def test_every_bit_of_a_request(lan, lair):
    s = Scene(lan, lair)
    text = json.dumps(s.seal(), separators=(",", ":")).encode()
    sent = 0
    for bit in range(8 * len(text)):
        flipped = bytearray(text)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            json.loads(flipped.decode())
        except ValueError:
            continue                # the message as a whole would be no JSON: the connection ends, see below
        number = s.send(flipped.decode())
        a = s.answer(number)
        assert a["final"] and a["outcome"] == "refused" and a.get("why") == "not-authentic" and "sealed" not in a, flipped
        sent += 1
    assert sent > 1000
    assert s.guard.state("nas") == "asleep" and not s.wakes()
    # And as it was, it is good.
    assert s.body(s.answer(s.send(text.decode())))["step"] == "accepted"
    assert len(s.wakes()) == 1


def test_once_and_in_time(lan, lair):
    s = Scene(lan, lair, boot=8.0)
    sealed = s.seal()
    assert s.body(s.answer(s.send(sealed)))["step"] == "accepted"
    for _ in range(20):
        assert s.body(s.answer(s.send(sealed)))["why"] == "replayed"
    assert s.body(s.answer(s.send(s.seal(challenge=rouse.b64(os.urandom(16))))))["why"] == "challenge-expired"
    assert len(s.wakes()) == 1


def test_revoked_is_revoked_at_the_guard(lan, lair):
    s = Scene(lan, lair)
    sealed = s.seal()
    s.guard.rouse("revoke", s.id)
    assert s.answer(s.send(sealed))["why"] == "not-authentic"
    assert not s.wakes() and s.guard.state("nas") == "asleep"


def test_answers_survive_a_lost_connection(lan, lair):
    s = Scene(lan, lair, boot=3.0)
    number = s.send(s.seal())
    assert s.body(s.answer(number))["step"] == "accepted"
    s.c.close()
    again = lair.join()
    while not (a := again.hear("answer", id=number, timeout=30))["final"]:
        pass
    assert s.body(a)["result"] == "awake" and len(s.wakes()) == 1


def test_another_run_gets_no_answer_of_this_one(lan, lair):
    s = Scene(lan, lair, boot=3.0)
    s.answer(s.send(s.seal()))
    s.c.close()
    lair.run = rouse.b64(os.urandom(8))
    assert not lair.join().quiet("answer", 6)


def test_a_token_counts_once_for_each_id(lan, lair):
    s = Scene(lan, lair, boot=8.0)
    token = share(s.guard, "--machine", "nas", "--plain")
    say = {"t": "token", "id": 77, "from": None, "grant": token["id"], "token": token["token"], "get": False}
    wrong = {**say, "id": 78, "token": rouse.b64(os.urandom(32))}
    s.c.say(wrong)
    assert s.c.hear("answer", id=78)["result"]["why"] == "unknown-token"
    s.c.say({**say, "id": 79, "get": True})
    assert s.c.hear("answer", id=79)["result"]["why"] == "get-not-allowed"
    assert not s.wakes()
    s.c.say(say)
    assert s.c.hear("answer", id=77)["result"]["result"] == "accepted"
    for _ in range(5):
        s.c.say(say)
    assert len([a for a in s.c.quiet("answer", 2) if a["id"] == 77]) == 0
    assert len(s.wakes()) == 1


def test_it_cannot_pose_as_another(lan, lair):
    """The guard signs for the origin it was told to join, and for no other."""
    guard = lan.guard([])
    lair.hello = lambda: {"t": "hello", "challenge": rouse.b64(os.urandom(32)), "origin": "https://bank.example"}
    refused = guard.rouse("join", lair.url, check=False)
    assert refused.returncode == 1 and "bank.example" in refused.stderr
    with pytest.raises(queue.Empty):
        lair.next().hear("join", timeout=1)


NONSENSE = [b"", b"{", b"[]", b'{"t":1}', b'{"t":"request"}', b'{"t":"request","id":-1,"sealed":{}}', b'{"t":"joined"}', b"\xff\xfe",
            b'{"t":"token","id":1,"grant":"x","token":"y","get":0}', b'{"t":"drain","seconds":-1}', b'{"t":"drain","seconds":1e9}',
            b'{"t":"hello","t":"hello"}', b"{" * 4000, b'{"t":"' + b"x" * 4000 + b'"}']


def test_nonsense(lan, lair):
    """Each ends the connection at most."""
    s = Scene(lan, lair)
    raw = [b"\x81\x7f" + b"\xff" * 8, b"\x82\x01x", b"\xc1\x01x", b"\x89\x7e\x01\x00", b"\x88\x01\x03", b"\x80\x01x", b"\x81\x81\0\0\0\0x",
           b"\x81\x7e\x20\x00" + b"x" * 8192]
    for piece in NONSENSE:
        uplink = s.guard.roles()["uplink"]
        s.c.frame(1, piece)
        time.sleep(0.1)
        assert s.guard.roles().get("uplink") == uplink, f"{piece[:20]} ended the uplink"
        if s.c.closed.is_set():
            s.join()
    for piece in raw:
        uplink = s.guard.roles()["uplink"]
        s.c.raw(piece)
        netns.wait_until(s.c.closed.is_set, 15, what=f"{piece[:12]} ends it")
        assert s.guard.roles().get("uplink") == uplink, f"{piece[:20]} ended the uplink"
        s.join()
    assert s.guard.state("nas") == "asleep" and not s.wakes()
    assert "ended unexpectedly" not in s.guard.log()
    assert s.body(s.answer(s.send(s.seal(challenge=s.c.challenge))))["step"] == "accepted"


def test_a_relay_that_does_not_read(lan, lair):
    """Its silence costs the LAN side nothing: a knock is answered as ever, and the connection is given up."""
    s = Scene(lan, lair, boot=2.0)
    s.c.reads.clear()
    for number in range(3000):
        s.c.say({"t": "request", "id": 10000 + number, "from": None, "sealed": s.seal(verb="see")})
        if s.c.closed.is_set():
            break
    begin = time.monotonic()
    attempt = lan.client.connect(s.nas.v4)
    s.nas.first_magic(attempt.start)
    assert time.monotonic() - begin < 4
    attempt.wait(20)
    assert attempt.ok
    assert s.guard.rouse("status", timeout=5).returncode == 0


def test_flood(lan, lair):
    """More than a holder may ask is refused, not queued; strangers cost little."""
    s = Scene(lan, lair)
    numbers = [s.send(s.seal(verb="see")) for _ in range(200)]
    results = [s.body(s.answer(n)) for n in numbers]
    assert results[0]["result"] == "seen" and results[-1]["why"] == "limited"
    assert base64.urlsafe_b64decode(s.grant.id)          # still the same, still good later
    assert not s.wakes()
