"""Wakes through the relay: sealed, by token, streamed; and every way in which they do not work."""
import json
import threading
import time

import pytest

import rouse


def test_state_of_a_home(home):
    relay, guard, grant, _ = home
    status, said, headers = relay.get(f"/api/v1/homes/{guard.home}", grant)
    assert status == 200
    assert said["home"] == guard.home and said["name"] == "Home" and said["online"] is True
    assert said["grant"] == {"id": grant.id, "can": ["see", "wake"], "expires": None}
    m = said["machines"][0]
    assert (m["id"], m["name"], m["state"]) == (1, "nas", "asleep")
    assert m["slept"]["seconds"] == 5000.5 and m["watts"] == 40 and m["expected_seconds"] == 6.4
    assert m["last_wake"]["who"] == "Ann's phone"
    assert headers["Cache-Control"] == "no-store"


def test_sealed_request_and_answers(home):
    relay, guard, grant, _ = home
    status, said, _ = relay.get(f"/api/v1/homes/{guard.home}/challenge", grant)
    assert status == 200 and said["challenge"] == guard.challenge and 0 < said["expires_in"] <= 60
    status, said, _ = relay.wake(guard, grant)
    assert status == 200
    assert [a["seq"] for a in said["answers"]] == [0, 1, 2, 3]
    assert all(grant.authentic(guard.home, a) for a in said["answers"])
    last = json.loads(said["answers"][-1]["body"])
    assert last["result"] == "awake" and last["awake_seconds"] == 6.4
    assert guard.requests[0]["from"] == "127.0.0.1"


def test_without_waiting_the_first_answer(home):
    relay, guard, grant, _ = home
    guard.delay = 5
    begin = time.monotonic()
    status, said, _ = relay.wake(guard, grant, query="")
    assert status == 202 and len(said["answers"]) == 1
    assert json.loads(said["answers"][0]["body"]) == {"step": "accepted"}
    assert time.monotonic() - begin < 4


def test_time_over(home):
    relay, guard, grant, _ = home
    guard.delay = 8
    begin = time.monotonic()
    status, said, _ = relay.wake(guard, grant, query="?wait=2")
    assert status == 202 and len(said["answers"]) == 3
    assert 1.9 < time.monotonic() - begin < 6


@pytest.mark.parametrize("result, status", [
    ("awake", 200), ("already-awake", 200), ("no-sign-of-life", 504), ("refused", 403)])
def test_status_of_results(home, result, status):
    relay, guard, grant, token = home
    guard.result = {**guard.result, "result": result}
    assert relay.wake(guard, grant)[0] == status
    got, said, _ = relay.ask("POST", f"/w/{token.text}?wait=20")
    assert got == status and said["result"] == result
    assert set(said) >= {"result", "machine", "attempts", "awake_seconds", "ready"}


def events_of(relay, method, path, body=None, headers=None):
    """Events of a stream until its end."""
    c = relay.connection()
    c.request(method, path, body, headers)
    r = c.getresponse()
    assert r.status == 200 and r.headers["Content-Type"] == "text/event-stream"
    name = None
    for line in r:
        line = line.decode().rstrip("\n")
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])
    c.close()


def test_stream_of_answers(home):
    relay, guard, grant, _ = home
    sealed = json.dumps(grant.seal(guard.home, guard.challenge))
    said = list(events_of(relay, "POST", f"/api/v1/homes/{guard.home}/requests", sealed,
                          {**grant.bearer, "Accept": "text/event-stream"}))
    assert [n for n, _ in said] == ["answer"] * 4 + ["end"]
    assert said[-1][1] == {"status": 200, "result": "awake"}
    assert all(grant.authentic(guard.home, a) for n, a in said if n == "answer")


def test_replayed_and_flipped(home):
    """What is replayed, or differs in one bit, wakes nothing; and 'who' is never told more than 'no'."""
    relay, guard, grant, _ = home
    sealed = grant.seal(guard.home, guard.challenge)
    path = f"/api/v1/homes/{guard.home}/requests?wait=5"
    assert relay.ask("POST", path, sealed, grant.bearer)[0] == 200
    status, said, _ = relay.ask("POST", path, sealed, grant.bearer)
    assert status == 403 and json.loads(said["answers"][0]["body"])["why"] == "replayed"
    good = json.dumps(grant.seal(guard.home, guard.challenge)).encode()
    woken = len(guard.nonces)
    for i in range(0, len(good) * 8, 7):
        bad = bytearray(good)
        bad[i // 8] ^= 1 << (i % 8)
        status, said, _ = relay.ask("POST", path, bytes(bad), grant.bearer)
        assert status in (400, 401, 403), (status, bytes(bad))
    assert len(guard.nonces) == woken
    assert relay.ask("POST", path, good, grant.bearer)[0] == 200


def test_expired_challenge(home):
    relay, guard, grant, _ = home
    sealed = grant.seal(guard.home, rouse.b64(b"x" * 16))
    status, said, _ = relay.ask("POST", f"/api/v1/homes/{guard.home}/requests?wait=5", sealed,
                                grant.bearer)
    assert status == 403
    assert json.loads(said["answers"][0]["body"])["why"] == "challenge-expired"


def test_not_authentic_is_said_in_the_clear(home):
    relay, guard, grant, _ = home
    sealed = {**grant.seal(guard.home, guard.challenge), "mac": rouse.b64(b"x" * 32)}
    status, said, headers = relay.ask("POST", f"/api/v1/homes/{guard.home}/requests?wait=5", sealed,
                                      grant.bearer)
    assert status == 403 and headers["Content-Type"] == "application/problem+json"
    assert said["type"] == "urn:rouse:problem:refused" and said["why"] == "not-authentic"


def test_guard_offline_is_said_at_once(home):
    relay, guard, grant, token = home
    guard.close()
    deadline = time.monotonic() + 15
    while relay.get(f"/api/v1/homes/{guard.home}", grant)[1]["online"]:
        assert time.monotonic() < deadline
    begin = time.monotonic()
    for status, said, _ in (relay.wake(guard, grant), relay.ask("POST", f"/w/{token.text}?wait=60"),
                            relay.get(f"/api/v1/homes/{guard.home}/challenge", grant)):
        assert status == 503 and said["result"] == "guard-offline"
        assert said["type"] == "urn:rouse:problem:guard-offline"
    assert time.monotonic() - begin < 5


def test_token(home):
    relay, guard, _, token = home
    guard.delay = 0.3
    status, said, _ = relay.ask("POST", f"/w/{token.text}")
    assert status == 202 and said == {"result": "accepted", "machine": "nas"}
    status, said, _ = relay.ask("POST", f"/w/{token.text}?wait=60")
    assert status == 200 and said["result"] == "awake" and said["ready"][0]["port"] == "tcp/22"
    status, said, _ = relay.ask("POST", "/w?wait=60", headers={"Authorization": f"Bearer {token.text}"})
    assert status == 200 and said["result"] == "awake"
    guard.delay = 3
    status, said, _ = relay.ask("POST", f"/w/{token.text}?wait=1")
    assert status == 202 and said["result"] == "accepted"


def test_token_unknown_revoked_and_get(home):
    relay, guard, _, token = home
    get = guard.add(rouse.Token(get=True))
    guard.state()
    for wrong in (rouse.Token().text, "x", "A" * 43, token.text[:-1]):
        status, said, _ = relay.ask("POST", f"/w/{wrong}")
        assert status == 403 and said["result"] == "refused" and said["why"] == "unknown-token"
    assert relay.ask("GET", f"/w/{token.text}")[0] == 405
    assert relay.ask("HEAD", f"/w/{get.text}")[0] == 405
    assert relay.ask("GET", f"/w/{get.text}?wait=5")[1]["result"] == "awake"
    assert guard.requests[-1]["get"] is True
    del guard.tokens[token.id]
    guard.state()
    assert relay.ask("POST", f"/w/{token.text}")[0] == 403
    # Only the guard has revoked: the relay has not been told yet.
    del guard.tokens[get.id]
    status, said, _ = relay.ask("POST", f"/w/{get.text}?wait=5")
    assert status == 403 and said["result"] == "refused"


def test_expired_grants(home):
    relay, guard, _, _ = home
    past, token = rouse.Grant(expires=rouse.now(-5)), rouse.Token(expires=rouse.now(-5))
    guard.add(past, token)
    guard.state()
    assert relay.get(f"/api/v1/homes/{guard.home}", past)[0] == 401
    assert relay.ask("POST", f"/w/{token.text}")[0] == 403


def test_unknown_looks_like_wrong(home):
    """Home, grant or key: whatever is wrong, the answer is the same to the byte."""
    relay, guard, grant, _ = home
    other = rouse.Grant()
    other_home = rouse.b64(b"y" * 16)
    said = [relay.get(p, g)[:2] for p, g in (
        (f"/api/v1/homes/{guard.home}", other), (f"/api/v1/homes/{other_home}", grant),
        (f"/api/v1/homes/{other_home}", other), ("/api/v1/homes/x", grant),
        (f"/api/v1/homes/{guard.home}", None))]
    assert said[0][0] == 401 and said == [said[0]] * 5
    for path in ("/events", "/live", "/challenge"):
        assert relay.get(f"/api/v1/homes/{guard.home}{path}", other)[0] == 401
    assert relay.ask("POST", f"/api/v1/homes/{guard.home}/requests",
                     other.seal(guard.home, guard.challenge), other.bearer)[0] == 401
    # A grant of this home in the header, another in the request.
    assert relay.ask("POST", f"/api/v1/homes/{guard.home}/requests",
                     other.seal(guard.home, guard.challenge), grant.bearer)[0] == 401
    assert guard.requests == []


def test_phrase_lookups(home):
    relay, guard, _, _ = home
    salt = rouse.b64(b"s" * 16)
    phrase = rouse.Grant(kind="phrase", salt=salt, label="Büro PC")
    guard.add(phrase)
    guard.state()
    path = f"/api/v1/homes/{guard.home}/phrase?label="
    assert relay.get(path + "B%C3%BCro+pc")[1] == {"grant": phrase.id, "salt": salt}
    made_up = relay.get(path + "nobody")[1]
    assert relay.get(path + "NOBODY")[1] == made_up != relay.get(path + "nobody2")[1]
    assert len(made_up["grant"]) == 12 and len(made_up["salt"]) == 22
    elsewhere = relay.get(f"/api/v1/homes/{rouse.b64(b'z' * 16)}/phrase?label=nobody")
    assert elsewhere[0] == 200 and elsewhere[1] != made_up
    assert relay.get(f"/api/v1/homes/{guard.home}/phrase")[0] == 400
    relay.stop()
    relay.start()
    assert relay.get(path + "nobody")[1] == made_up


def test_grants_cover_their_machines_only(home):
    relay, guard, _, _ = home
    guard.machines = [rouse.machine(i, f"m{i}") for i in range(1, 6)]
    part = guard.add(rouse.Grant(machines=[2, 4], can=["wake"]))
    guard.state()
    for i in range(1, 6):
        guard.tell(rouse.event(i, machine_id=i) | {"t": "event"}, wait=i == 5)
    guard.tell({"t": "event", **rouse.event(6, "left-out", machine_id=None, name=None)})
    said = relay.get(f"/api/v1/homes/{guard.home}", part)[1]
    assert [m["id"] for m in said["machines"]] == [2, 4]
    said = relay.get(f"/api/v1/homes/{guard.home}/events", part)[1]
    assert [e["id"] for e in said["events"]] == [2, 4]


def test_events(home):
    relay, guard, grant, _ = home
    for i in range(1, 31):
        guard.tell({"t": "event", **rouse.event(i), "mac": "02:00:00:00:00:01", "text": "x"},
                   wait=i == 30)
    path = f"/api/v1/homes/{guard.home}/events"
    assert [e["id"] for e in relay.get(path, grant)[1]["events"]] == list(range(1, 31))
    assert [e["id"] for e in relay.get(path + "?limit=3", grant)[1]["events"]] == [28, 29, 30]
    said = relay.get(path + "?after=10&limit=2", grant)[1]["events"]
    assert [e["id"] for e in said] == [11, 12]
    # Only what belongs there is kept.
    assert "mac" not in said[0] and "text" not in said[0] and said[0]["to"] == "tcp/22"
    assert relay.get(path + "?limit=x", grant)[0] == 400
    assert relay.get(path + "?limit=1&limit=2", grant)[0] == 400


def test_live(home):
    relay, guard, grant, _ = home
    said, done = [], threading.Event()

    def listen():
        for item in events_of(relay, "GET", f"/api/v1/homes/{guard.home}/live", None, grant.bearer):
            said.append(item)
            done.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert done.wait(15)
    guard.tell({"t": "machine", **rouse.machine(state="waking")})
    guard.tell({"t": "event", **rouse.event(1)})
    guard.machines.append(rouse.machine(2, "pc"))
    guard.state()
    guard.tell({"t": "machine-gone", "id": 2})
    del guard.grants[grant.id]
    guard.state()
    thread.join(15)
    assert not thread.is_alive()
    names = [n for n, _ in said]
    assert names == ["home", "machine", "event", "machines", "machine-gone", "machines", "revoked"] \
        or names == ["home", "machine", "event", "machines", "machine-gone", "revoked"]
    assert said[0][1]["machines"][0]["state"] == "asleep"
    assert said[1][1]["state"] == "waking"
    assert [m["id"] for m in said[3][1]["list"]] == [1, 2]


def test_live_online(home):
    relay, guard, grant, _ = home
    stream = events_of(relay, "GET", f"/api/v1/homes/{guard.home}/live", None, grant.bearer)
    assert next(stream)[1]["online"] is True
    guard.close()
    name, said = next(stream)
    assert name == "online" and said["online"] is False and said["since"]
    guard.join()
    name, said = next(stream)
    assert name == "online" and said["online"] is True
    stream.close()


def test_guard_lost_before_its_answer(home):
    relay, guard, grant, _ = home
    guard.silent = True
    answers = []
    thread = threading.Thread(target=lambda: answers.append(relay.wake(guard, grant)))
    thread.start()
    guard.wait(lambda: guard.requests)
    guard.close()
    thread.join(15)
    status, said, _ = answers[0]
    assert status == 502 and said["type"] == "urn:rouse:problem:guard-lost"
    assert said["result"] == "unknown"


def test_guard_comes_back_with_its_answer(home):
    """After the acknowledgement the request survives a lost connection, in the same run of the relay."""
    relay, guard, _, token = home
    guard.silent = True
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(relay.ask("POST", f"/w/{token.text}?wait=20")))
    thread.start()
    guard.wait(lambda: guard.requests)
    ident, run = guard.requests[0]["id"], guard.joined["run"]
    guard.ws.say({"t": "answer", "id": ident, "final": False, "outcome": None,
                  "result": {"result": "accepted", "machine": "nas"}})
    time.sleep(0.2)
    guard.close()
    guard.join()
    assert guard.joined["run"] == run
    guard.ws.say({"t": "answer", "id": ident, "final": True, "outcome": "awake",
                  "result": guard.result})
    thread.join(15)
    assert answers[0][0] == 200 and answers[0][1]["result"] == "awake"


def test_guard_silent(home):
    relay, guard, grant, _ = home
    guard.silent = True
    begin = time.monotonic()
    status, said, _ = relay.wake(guard, grant)
    assert status == 504 and said["type"] == "urn:rouse:problem:guard-silent"
    assert 9 < time.monotonic() - begin < 18
    # It answers no ping either: it is closed.
    guard.wait(lambda: guard.closed == 4002, 30)


def test_answers_of_others(relay, guards):
    """A guard cannot answer for another home, nor twice, nor what nobody asked."""
    one, two = guards(relay), guards(relay)
    token = one.add(rouse.Token())
    one.state()
    one.silent = True
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(relay.ask("POST", f"/w/{token.text}?wait=5")))
    thread.start()
    one.wait(lambda: one.requests)
    ident = one.requests[0]["id"]
    for i in (ident, ident + 1, 2**53 - 1, 0):
        two.ws.say({"t": "answer", "id": i, "final": True, "outcome": "awake",
                    "result": {"result": "awake", "machine": "forged"}})
    time.sleep(0.3)
    assert not answers
    one.answer_token(one.requests[0])
    thread.join(15)
    assert answers[0][1]["machine"] == "nas"
    one.answer_token(one.requests[0])
    assert relay.ask("POST", f"/w/{token.text}")[0] in (202, 504) and two.closed is None


def test_client_of_the_documentation(home):
    """The thirty lines of docs/protocol.md, as they are there."""
    import pathlib
    import re
    import subprocess
    relay, guard, grant, _ = home
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs/protocol.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    link = f"{relay.url}/#{guard.home}.{grant.id}.{rouse.b64(grant.secret)}"
    run = subprocess.run(["/usr/bin/python3", "-c", code, link, "nas"], capture_output=True,
                         text=True, timeout=30, check=False)
    assert run.returncode == 0, run.stderr
    steps = [json.loads(line) for line in run.stdout.splitlines() if line]
    assert [s["step"] for s in steps] == ["accepted", "sent", "awake", "result"]
    assert steps[-1]["result"] == "awake"
