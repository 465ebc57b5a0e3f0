"""Guards: joining, being replaced, leaving, coming back; a guard that lies."""
import json
import time

import pytest

import rouse


def closed_with(guard):
    with pytest.raises(rouse.Closed) as e:
        while True:
            guard.ws.hear()
    return e.value.code


def test_invitation_is_good_once(relays, guards):
    relay = relays()
    said = relay.invite("--name", "Ann", "--expires", "1h")
    assert said["url"] == relay.url and len(said["invitation"]) == 27 and "T" in said["expires"]
    guard = guards(relay, said["invitation"])
    other = guards(relay, join=False)
    assert other.connect(said["invitation"]) == {"t": "refused", "why": "invitation-used"}
    assert closed_with(other) == 1008
    # The home is known now: it needs none, and uses none up.
    unused = relay.invite()["invitation"]
    guard.close()
    guard.join(unused)
    assert guards(relay, unused)


@pytest.mark.parametrize("invitation, why", [
    (None, "not-enrolled"), (rouse.b64(b"n" * 20), "invitation-unknown"), ("x", "invitation-unknown")])
def test_not_invited(relays, guards, invitation, why):
    guard = guards(relays(), join=False)
    assert guard.connect(invitation) == {"t": "refused", "why": why}


def test_expired_invitation(relays, guards):
    relay = relays()
    invitation = relay.invite("--expires", "1s")["invitation"]
    time.sleep(1.2)
    assert guards(relay, join=False).connect(invitation)["why"] == "invitation-expired"


def test_signature(relay, guards):
    guard = guards(relay, join=False)
    assert guard.connect(signature=rouse.b64(b"s" * 64))["why"] == "signature"
    # Signed for another relay.
    assert guards(relay, join=False, origin="http://elsewhere").connect()["why"] == "signature"
    # A signature of an earlier connection.
    guard = guards(relay, join=False)
    first = guard.connect
    assert first()["t"] == "joined"
    signed = rouse.b64(guard.key.sign(b"x"))
    assert guard.connect(signature=signed)["why"] == "signature"


@pytest.mark.parametrize("join", [
    {"name": ""}, {"name": "x" * 64}, {"name": "a\nb"}, {"name": 5}, {"key": "x"}, {"signature": ""},
    {"t": "machines"}])
def test_join_that_makes_no_sense(relay, guards, join):
    assert guards(relay, join=False).connect(**join)["why"] == "signature"


def test_newer_replaces_older_only_with_the_key(relay, guards):
    guard = guards(relay)
    grant = guard.add(rouse.Grant())
    guard.state()
    # Somebody who knows the public key alone disturbs nobody.
    thief = guards(relay, join=False)
    thief.public = guard.public
    assert thief.connect()["why"] == "signature"
    assert guard.closed is None and relay.wake(guard, grant)[0] == 200
    newer = guards(relay, key=guard.key)
    newer.grants = guard.grants
    guard.wait(lambda: guard.closed == 4001)
    assert relay.wake(newer, grant)[0] == 200 and len(newer.requests) == 1
    assert relay.metrics()["guards"] == 1


def test_missed_events_and_run(relay, guards):
    guard = guards(relay)
    assert guard.joined["event"] == 0 and 25 <= guard.joined["heartbeat"] <= 55
    for i in (3, 7):
        guard.tell({"t": "event", **rouse.event(i)})
    run = guard.joined["run"]
    guard.close()
    guard.join()
    assert guard.joined["event"] == 7 and guard.joined["run"] == run
    guard.close()
    relay.stop()
    relay.start()
    guard.join()
    assert guard.joined["run"] != run


def test_leave(home):
    relay, guard, grant, token = home
    guard.ws.say({"t": "leave"})
    guard.wait(lambda: guard.closed)
    assert guard.closed == 1000 and guard.messages[-1]["t"] == "left"
    assert relay.get(f"/api/v1/homes/{guard.home}", grant)[0] == 401
    assert relay.ask("POST", f"/w/{token.text}")[0] == 403


def test_removed_by_the_operator(relays, guards):
    relay = relays()
    guard = guards(relay, relay.invite()["invitation"])
    grant = guard.add(rouse.Grant())
    guard.state()
    listed = [json.loads(line) for line in relay.run("homes", "--json").stdout.splitlines()]
    assert [(h["home"], h["name"], h["machines"], h["grants"]) for h in listed] == [
        (guard.home, "Home", 1, 1)]
    assert guard.home in relay.run("homes").stdout
    assert relay.run("remove", "x").returncode == 2
    assert relay.run("remove", rouse.b64(b"q" * 16)).returncode == 1
    assert relay.run("remove", guard.home).returncode == 0
    guard.wait(lambda: guard.closed == 4003, 15)
    assert relay.get(f"/api/v1/homes/{guard.home}", grant)[0] == 401
    guard = guards(relay, join=False, key=guard.key)
    assert guard.connect()["why"] == "not-enrolled"


def test_drain(relays, guards):
    relay = relays(enrolment="open", drain="7s")
    guard = guards(relay)
    token = guard.add(rouse.Token())
    guard.state()
    guard.delay = 1
    import threading
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(relay.ask("POST", f"/w/{token.text}?wait=20")))
    thread.start()
    guard.wait(lambda: guard.requests)
    assert relay.stop() == 0
    thread.join(15)
    assert answers[0][0] == 200, "a request under way is still answered"
    assert {"t": "drain", "seconds": 7} in guard.messages


def test_lists_in_parts(relay, guards):
    guard = guards(relay)
    grant = guard.add(rouse.Grant())
    many = [rouse.machine(i, f"machine-{i}") for i in range(1, 1025)]
    guard.tell({"t": "grants", "list": [grant.public], "more": False})
    for i in range(0, 1024, 128):
        guard.tell({"t": "machines", "list": many[i:i + 128], "more": i + 128 < 1024},
                   wait=i + 128 == 1024)
        if i == 0:
            assert relay.get(f"/api/v1/homes/{guard.home}", grant)[1]["machines"] == []
    assert len(relay.get(f"/api/v1/homes/{guard.home}", grant)[1]["machines"]) == 1024


@pytest.mark.parametrize("message", [
    {"t": "machines", "list": [rouse.machine(0)], "more": False},
    {"t": "machines", "list": [rouse.machine(2**32)], "more": False},
    {"t": "machines", "list": [rouse.machine(name="x" * 64)], "more": False},
    {"t": "machines", "list": [rouse.machine(name="a\u202eb")], "more": False},
    {"t": "machines", "list": [rouse.machine(state="dreaming")], "more": False},
    {"t": "machines", "list": [rouse.machine(since="yesterday")], "more": False},
    {"t": "machines", "list": [rouse.machine(watts=-1)], "more": False},
    {"t": "machines", "list": [rouse.machine(watts=1e300)], "more": False},
    {"t": "machines", "list": {}, "more": False},
    {"t": "machine", "id": 1},
    {"t": "machine-gone", "id": 0},
    {"t": "grants", "list": [{**rouse.Grant().public, "id": "x"}], "more": False},
    {"t": "grants", "list": [{**rouse.Grant().public, "view": "x"}], "more": False},
    {"t": "grants", "list": [{**rouse.Grant().public, "kind": "magic"}], "more": False},
    {"t": "grants", "list": [{**rouse.Grant().public, "machines": ["1"]}], "more": False},
    {"t": "grants", "list": [{**rouse.Grant().public, "get": 1}], "more": False},
    {"t": "grants", "list": [rouse.Grant(kind="phrase").public], "more": False},
    {"t": "event", **rouse.event(0)}, {"t": "event", **rouse.event(1, "A B")},
    {"t": "event", **rouse.event(1, by="<script>")},
    {"t": "challenge", "current": "x", "seconds": 60},
    {"t": "challenge", "current": rouse.b64(b"c" * 16), "seconds": 61},
    {"t": "answer", "id": -1, "final": True}, {"t": "answer", "id": 1, "final": "yes"},
    {"t": "answer", "id": 1, "final": True, "result": []},
    {"t": "answer", "id": 1, "final": True, "result": {"x": "y" * 5000}},
    {}, {"t": 5}])
def test_guard_that_lies(home, message):
    relay, guard, grant, _ = home
    guard.ws.say(message)
    guard.wait(lambda: guard.closed)
    assert guard.closed == 1008
    assert relay.get("/healthz")[0] == 200
    assert len(relay.get(f"/api/v1/homes/{guard.home}", grant)[1]["machines"]) == 1


def test_too_many_machines(relay, guards):
    guard = guards(relay)
    for i in range(0, 1152, 128):
        guard.ws.say({"t": "machines", "more": True,
                      "list": [rouse.machine(j + 1) for j in range(i, i + 128)]})
    guard.wait(lambda: guard.closed == 1008)


def test_unknown_messages_are_nothing(home):
    relay, guard, grant, _ = home
    guard.ws.say({"t": "of-a-later-version", "x": [1]})
    assert relay.wake(guard, grant)[0] == 200


def test_flood(home):
    _, guard, _, _ = home
    for _ in range(2600):
        guard.ws.say({"t": "challenge", "current": guard.challenge, "seconds": 60})
    guard.wait(lambda: guard.closed == 4008)


def test_grants_of_two_homes_with_one_token(relay, guards):
    """Who claims another's token's hash gets nothing of it."""
    one, two = guards(relay), guards(relay, name="thief")
    token = one.add(rouse.Token())
    one.state()
    stolen = rouse.Token()
    stolen.public = {**stolen.public, "token": token.public["token"]}
    two.add(stolen)
    two.state()
    assert relay.ask("POST", f"/w/{token.text}?wait=5")[0] == 200
    assert len(one.requests) == 1 and two.requests == []


def test_silence(relays, guards):
    relay = relays(enrolment="open", heartbeat="25s")
    # A guard that says nothing before it has joined has ten seconds.
    ws = rouse.WebSocket(relay.url)
    begin = time.monotonic()
    with pytest.raises(rouse.Closed) as e:
        while True:
            ws.frame()
    assert e.value.code == 4002 and 9 < time.monotonic() - begin < 18
