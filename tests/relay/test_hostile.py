"""What a stranger can do to the relay: strange HTTP, strange frames, slowness, numbers."""
import contextlib
import json
import os
import resource
import socket
import time

import pytest

import rouse


def raw(relay, data, timeout=20):
    """What the relay says to these bytes until it closes (or says nothing more for a while)."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", relay.port), timeout=timeout)) as s:
        s.sendall(data)
        said = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while more := s.recv(65536):
                said += more
        return said


def status_of(said):
    return int(said.split()[1]) if said else None


GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("request_, status", [
    (GET + b"Connection: close\r\n\r\n", 200),
    (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
    (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    (GET + b"Host: y\r\n\r\n", 400),
    (b"GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    (b"GET /healthz HTTP/1.1\nHost: x\n\n\r\n\r\n", 400),
    (b"GET /healthz\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    (GET + b"X : y\r\n\r\n", 400),
    (GET + b"X: a\r\n b\r\n\r\n", 400),
    (GET + b"X: a\x00b\r\n\r\n", 400),
    (GET + b"X: a\rb\r\n\r\n", 400),
    (GET + b": y\r\n\r\n", 400),
    (GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    (GET + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    (GET + b"Content-Length: +1\r\n\r\nx", 400),
    (GET + b"Content-Length: 99999\r\n\r\n", 413),
    (GET + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    (GET + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 417),
    (b"POST /w HTTP/1.1\r\nHost: x\r\n\r\n", 411),
    (b"PUT /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
    (b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 405),
    (b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
    (b"GET /../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
    (b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    (GET + b"X: " + b"a" * 9000 + b"\r\n\r\n", 431),
    (GET + b"X: y\r\n" * 70 + b"\r\n", 431),
    (b"GET /guard HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 426),
])
def test_strange_requests(relay, request_, status):
    said = raw(relay, request_)
    assert status_of(said) == status, said
    assert said.count(b"\r\nDate: ") == 1
    assert b"Content-Security-Policy: default-src 'none'" in said and b"no-referrer" in said
    assert b"nosniff" in said and b"Access-Control" not in said
    if status >= 400:
        problem = json.loads(said.split(b"\r\n\r\n", 1)[1])
        assert problem["status"] == status and problem["type"].startswith("urn:rouse:problem:")


def test_pipelined_and_in_pieces(relay):
    with contextlib.closing(socket.create_connection(("127.0.0.1", relay.port), timeout=5)) as s:
        s.sendall((GET + b"\r\n") * 3 + GET)
        for byte in b"Connection: close\r\n\r\n":
            s.sendall(bytes([byte]))
            time.sleep(0.005)
        said = b""
        while more := s.recv(65536):
            said += more
    assert said.count(b"HTTP/1.1 200 OK") == 4


def test_head_has_no_body(relay):
    said = raw(relay, b"HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, body = said.split(b"\r\n\r\n", 1)
    assert b"Content-Length: " in head and body == b""


def test_wrong_origin(home):
    relay, guard, grant, token = home
    for origin in ("https://evil.example", "null", relay.url + "0"):
        status, said, headers = relay.ask("POST", f"/w/{token.text}", headers={"Origin": origin})
        assert status == 403 and said["type"].endswith("wrong-origin")
        assert relay.get(f"/api/v1/homes/{guard.home}", grant, Origin=origin)[0] == 403
    assert relay.get(f"/api/v1/homes/{guard.home}", grant, Origin=relay.url)[0] == 200
    assert rouse.WebSocket(relay.url, headers=[f"Origin: {relay.url}"]).status == 403
    assert guard.requests == []


@pytest.mark.parametrize("change, status", [
    ({"protocol": None}, 400), ({"protocol": "rouse.v2"}, 400), ({"protocol": "chat, rouse.v1"}, 101)])
def test_upgrades(relay, change, status):
    assert rouse.WebSocket(relay.url, **change).status == status


def test_strange_frames(home, guards):
    """Each ends the connection with the code that RFC 6455 has for it, and nothing else."""
    relay = home[0]
    cases = [
        (lambda w: w.send(1, b"{}", mask=False), 1002), (lambda w: w.send(1, b"{}", rsv=4), 1002),
        (lambda w: w.send(3, b""), 1002), (lambda w: w.send(2, b"{}"), 1003),
        (lambda w: w.send(1, b"\xff\xfe"), 1007), (lambda w: w.send(0, b"x"), 1002),
        (lambda w: w.send(9, b"x" * 126), 1002), (lambda w: w.send(9, b"", fin=False), 1002),
        (lambda w: w.send(1, b"", length=1 << 40), 1009),
        (lambda w: w.send(1, b"x" * 65537), 1009),
        (lambda w: (w.send(1, b"{", fin=False), w.send(1, b"}")), 1002),
        (lambda w: [w.send(1 if i == 0 else 0, b"", fin=False) for i in range(70)], 1008),
        (lambda w: [w.send(1 if i == 0 else 0, b"x" * 30000, fin=False) for i in range(3)], 1009),
        (lambda w: w.send(8, b"\x00"), 1002), (lambda w: w.send(8, b"\x03\xed"), 1002),
        (lambda w: w.send(8, b"\x03\xe8\xff"), 1007), (lambda w: w.send(8, b"\x03\xe8bye"), 1000),
        (lambda w: w.send(1, b"[1]"), 1008), (lambda w: w.send(1, b'{"t":"x"} x'), 1008),
        (lambda w: w.send(1, b"[" * 5000), 1008), (lambda w: w.send(1, b'{"t":"x","t":"y"}'), 1008),
    ]
    for number, (send, code) in enumerate(cases):
        guard = guards(relay, join=False)
        assert guard.connect()["t"] == "joined"
        with contextlib.suppress(OSError):
            send(guard.ws)
        with pytest.raises(rouse.Closed) as e:
            while True:
                guard.ws.frame()
        assert e.value.code == code, f"case {number}"
    assert relay.wake(home[1], home[2])[0] == 200


def test_fragments_and_pings(home):
    _, guard, _, _ = home
    message = json.dumps({"t": "machine", "ack": 999, **rouse.machine(name="täglich")},
                         ensure_ascii=False).encode()
    size = len(message) // 60 + 1
    pieces = [message[i:i + size] for i in range(0, len(message), size)]
    for i, piece in enumerate(pieces):
        guard.ws.send(0 if i else 1, piece, fin=i == len(pieces) - 1)
        if i == 3:
            guard.ws.send(9, b"ping")
    guard.wait(lambda: {"t": "stored", "ack": 999} in guard.messages)


def test_slowloris(relay):
    """A request that drips in, or never comes, is ended after ten seconds; others are served meanwhile."""
    slow = [socket.create_connection(("127.0.0.1", relay.port), timeout=20) for _ in range(3)]
    begin = time.monotonic()
    slow[1].sendall(b"GET /heal")
    slow[2].sendall(b"POST /w HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
    while time.monotonic() - begin < 8:
        for s in slow[1:]:
            with contextlib.suppress(OSError):
                s.sendall(b"a")
        time.sleep(0.5)
        assert relay.get("/healthz")[0] == 200
    said = []
    for s in slow:
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while more := s.recv(65536):
                data += more
        said.append(data)
        s.close()
    assert 9 < time.monotonic() - begin < 18
    assert said[0] == b"" and status_of(said[1]) == status_of(said[2]) == 408


def test_idle_connections_of_one_address(relays, guards):
    """10,000 of one address: 20 stay, and who comes from elsewhere is served meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    relay = relays(enrolment="open", connections_per_address="20")
    guard = guards(relay)
    grant = guard.add(rouse.Grant())
    guard.state()
    n = min(10000, hard - 200)
    many = [socket.create_connection(("127.0.0.1", relay.port)) for _ in range(n)]
    c = relay.connection()
    c.source_address = ("127.0.0.2", 0)
    c.request("GET", "/healthz")
    assert c.getresponse().status == 200
    c.close()
    time.sleep(0.3)
    alive = 0
    for s in many:
        s.setblocking(False)
        try:
            alive += s.recv(1) != b""
        except BlockingIOError:
            alive += 1
        except ConnectionResetError:
            pass
    assert alive == 20
    for s in many:
        s.close()
    time.sleep(0.3)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    # The guard's own connection was not counted against its address.
    assert relay.wake(guard, grant)[0] == 200
    assert relay.metrics()["connections_refused_total"] == n - 20


def test_limits(relays, guards):
    relay = relays(enrolment="open", requests_per_grant="3/1min", failures_per_address="5/1min",
                   phrases_per_address="4/1min")
    guard = guards(relay)
    grant, token, other = rouse.Grant(), rouse.Token(), rouse.Token()
    guard.add(grant, token, other)
    guard.state()
    assert [relay.ask("POST", f"/w/{token.text}?wait=5")[0] for _ in range(4)] == [200, 200, 200, 429]
    status, said, headers = relay.ask("POST", f"/w/{token.text}")
    assert status == 429 and said["result"] == "limited" and 1 <= int(headers["Retry-After"]) <= 21
    assert relay.ask("POST", f"/w/{other.text}?wait=5")[0] == 200, "each grant has its own"
    assert [relay.wake(guard, grant)[0] for _ in range(4)] == [200, 200, 200, 429]
    wrong = [relay.ask("POST", f"/w/{rouse.Token().text}")[0] for _ in range(7)]
    assert wrong == [403] * 5 + [429] * 2
    # Who has the key is not locked out by those who guess.
    assert relay.get(f"/api/v1/homes/{guard.home}", grant)[0] == 200
    path = f"/api/v1/homes/{guard.home}/phrase?label=x"
    assert [relay.get(path)[0] for _ in range(5)] == [200] * 4 + [429]
    assert relay.metrics()["http_limited_total"] == 6


def test_open_enrolment_is_limited_by_address(relays, guards):
    """A stranger does not fill the database with homes; those that are there come back as ever."""
    relay = relays(enrolment="open", enrolments_per_address="3/1h")
    first = guards(relay)
    said = [guards(relay, join=False).connect() for _ in range(4)]
    assert [m["t"] for m in said] == ["joined", "joined", "refused", "refused"] and said[2]["why"] == "busy"
    first.close()
    first.join()
    assert len(relay.run("homes").stdout.splitlines()) == 3
    # With invitations it is the operator who decides.
    invited = relays(enrolments_per_address="1/1h")
    for _ in range(3):
        assert guards(invited, join=False).connect(invited.invite()["invitation"])["t"] == "joined"


def test_requests_of_an_address_behind_a_proxy(relays):
    relay = relays(requests_per_address="3/1min", trusted_proxy="127.0.0.0/8")

    def ask(**headers):
        return relay.ask("GET", "/healthz", headers={k.replace("_", "-"): v
                                                     for k, v in headers.items()})[0]

    assert [ask(X_Forwarded_For="192.0.2.1") for _ in range(4)] == [200, 200, 200, 429]
    assert ask(X_Forwarded_For="192.0.2.1, 192.0.2.2") == 200
    assert ask(X_Forwarded_For="192.0.2.2, 192.0.2.1") == 429
    assert ask(X_Forwarded_For="192.0.2.9, 192.0.2.1, 127.0.0.1") == 429
    assert ask(Forwarded='for=192.0.2.3;proto=https, for="[2001:db8::1]:80"') == 200
    assert [ask(Forwarded="for=\"[2001:db8::ff]\"") for _ in range(3)] == [200, 200, 429]
    assert ask(Forwarded='for="[2001:db8:0:1::1]"') == 200


def test_forwarded_without_a_trusted_proxy_is_nothing(relays):
    relay = relays(requests_per_address="3/1min")
    said = [relay.ask("GET", "/healthz", headers={"X-Forwarded-For": f"192.0.2.{i}"})[0]
            for i in range(4)]
    assert said == [200, 200, 200, 429]


def test_streams_of_a_home_are_limited(relays, guards):
    relay = relays(enrolment="open", streams_per_home="2")
    guard = guards(relay)
    grant = guard.add(rouse.Grant())
    guard.state()
    connections = []
    for expected in (200, 200, 503):
        c = relay.connection()
        c.request("GET", f"/api/v1/homes/{guard.home}/live", headers=grant.bearer)
        connections.append(c.getresponse())
        assert connections[-1].status == expected
    for c in connections:
        c.close()
    deadline = time.monotonic() + 10
    while True:                             # until the relay has seen that they are closed
        c = relay.connection()
        c.request("GET", f"/api/v1/homes/{guard.home}/live", headers=grant.bearer)
        status = c.getresponse().status
        c.close()
        if status == 200:
            break
        assert time.monotonic() < deadline, status
        time.sleep(0.1)


def test_waiting_requests_of_a_home_are_limited(relays, guards):
    import threading
    relay = relays(enrolment="open", waiting_per_home="3")
    guard = guards(relay)
    token = guard.add(rouse.Token())
    guard.state()
    guard.delay = 0.5
    guard.silent = True
    said = []
    threads = [threading.Thread(target=lambda: said.append(relay.ask("POST", f"/w/{token.text}")[0]))
               for _ in range(5)]
    for t in threads:
        t.start()
    guard.wait(lambda: len(guard.requests) == 3)
    deadline = time.monotonic() + 15
    while len(said) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert said == [503, 503]
    for r in guard.requests:
        guard.answer_token(r)
    for t in threads:
        t.join(15)
    assert sorted(said) == [202, 202, 202, 503, 503]


def test_secrets_are_not_logged(relays, guards):
    relay = relays(enrolment="open", log_level="debug")
    guard = guards(relay)
    grant, token = rouse.Grant(), rouse.Token()
    guard.add(grant, token)
    guard.state()
    relay.wake(guard, grant)
    relay.ask("POST", f"/w/{token.text}?wait=5")
    relay.ask("POST", f"/w/{rouse.Token().text}")
    guard.ws.say({"t": "machine", "x": token.text})
    guard.wait(lambda: guard.closed)
    relay.stop()
    log = relay.log.read_text()
    stored = b"".join(p.read_bytes() for p in relay.folder.glob("relay.db*"))
    for secret in (token.text, rouse.b64(grant.view), rouse.b64(grant.secret)):
        assert secret not in log
        assert rouse.unb64(secret) not in stored and secret.encode() not in stored
    assert os.stat(relay.database).st_mode & 0o077 == 0
