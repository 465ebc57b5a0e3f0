"""The protocol of docs/protocol.md from the guard's and the holder's side, in plain Python: the tests' own
implementation, independent of the C code."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import socket
import ssl
import struct
import threading
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def b64(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


def unb64(s):
    return base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))


def sha(b):
    return hashlib.sha256(b).digest()


def parts(*p):
    p = [x.encode() if isinstance(x, str) else x for x in p]
    return b"".join(len(x).to_bytes(4, "big") + x for x in p)


def now(offset=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + offset))


class Grant:
    """A link grant with its secret."""

    def __init__(self, machines=None, can=("see", "wake"), expires=None, **more):
        self.id, self.secret = b64(os.urandom(9)), os.urandom(32)
        prk = hmac.digest(b"rouse-grant-v1", self.secret, "sha256")
        self.view, self.request, self.answer = (
            hmac.digest(prk, (w + self.id).encode() + b"\x01", "sha256")
            for w in ("view", "request", "answer"))
        self.public = {"id": self.id, "kind": "link", "view": b64(sha(self.view)), "token": None,
                       "salt": None, "label": None, "machines": machines, "can": list(can),
                       "get": False, "expires": expires, **more}

    @property
    def bearer(self):
        return {"Authorization": "Bearer " + b64(self.view)}

    def seal(self, home, challenge, machine="1", verb="wake", args=""):
        sealed = {"v": 1, "home": home, "grant": self.id, "verb": verb, "machine": machine,
                  "args": args, "challenge": challenge, "nonce": b64(os.urandom(16))}
        sealed["mac"] = b64(hmac.digest(self.request, parts("rouse-request-v1", "1",
                                                            *list(sealed.values())[1:]), "sha256"))
        return sealed

    def authentic(self, home, answer):
        mac = hmac.digest(self.answer, parts("rouse-answer-v1", home, self.id, answer["nonce"],
                                             str(answer["seq"]), answer["body"]), "sha256")
        return b64(mac) == answer["mac"]


class Token:
    """A plain token."""

    def __init__(self, machine=1, get=False, **more):
        self.secret, self.id = os.urandom(32), b64(os.urandom(9))
        self.text = b64(self.secret)
        self.public = {"id": self.id, "kind": "plain", "view": None, "token": b64(sha(self.secret)),
                       "salt": None, "label": None, "machines": [machine], "can": ["wake"],
                       "get": get, "expires": None, **more}


def machine(ident=1, name="nas", state="asleep", **more):
    return {"id": ident, "name": name, "state": state, "since": now(-3600),
            "expected_seconds": 6.4, "watts": 40, "slept": {"since": now(-86400), "seconds": 5000.5},
            "last_wake": {"at": now(-7200), "by": "grant", "who": "Ann's phone", "seconds": 6.4},
            **more}


def event(ident, kind="awake", machine_id=1, **more):
    return {"id": ident, "at": now(), "machine": machine_id, "name": "nas", "event": kind,
            "by": "grant", "who": "Ann's phone", "to": "tcp/22", "attempt": 1, "attempts": None,
            "seconds": 6.4, "late": False, **more}


class Closed(Exception):
    def __init__(self, code):
        super().__init__(f"closed with {code}")
        self.code = code


class WebSocket:
    """Frames of RFC 6455 by hand, so that wrong ones can be sent too."""

    def __init__(self, url, headers=(), protocol="rouse.v1", path="/guard", context=None):
        host, port = url.split("//")[1].rsplit(":", 1)
        self.sock = socket.create_connection((host.strip("[]"), int(port)), timeout=15)
        if url.startswith("https"):
            self.sock = (context or insecure()).wrap_socket(self.sock, server_hostname="localhost")
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                 *([f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []), *headers]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        self.buffer = b""
        head = self.until(b"\r\n\r\n").decode()
        self.status = int(head.split()[1])
        self.head = head
        if self.status == 101:
            magic = key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            assert base64.b64encode(hashlib.sha1(magic).digest()).decode() in head

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Closed(None)
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def take(self, n):
        while len(self.buffer) < n:
            self.more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def frame(self):
        """(opcode, payload); a close frame is an exception."""
        first, second = self.take(2)
        n = second & 127
        assert first & 0x80 and not second & 0x80
        if n == 126:
            n = struct.unpack(">H", self.take(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self.take(8))[0]
        payload = self.take(n)
        if first & 15 == 8:
            raise Closed(struct.unpack(">H", payload[:2])[0] if payload else None)
        return first & 15, payload

    def send(self, opcode, payload, fin=True, mask=True, rsv=0, length=None):
        n = len(payload) if length is None else length
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        bit = 0x80 if mask else 0
        if n < 126:
            head += bytes([bit | n])
        elif n < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", n)
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", n)
        if mask:
            key = os.urandom(4)
            payload = bytes(b ^ key[i & 3] for i, b in enumerate(payload))
            head += key
        self.sock.sendall(head + payload)

    def say(self, message):
        self.send(1, json.dumps(message).encode())

    def hear(self, kind=None):
        """The next message (of that type), others are passed over."""
        while True:
            opcode, payload = self.frame()
            if opcode != 1:
                continue
            message = json.loads(payload)
            if kind is None or message["t"] == kind:
                return message

    def close(self):
        self.sock.close()


def insecure():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Guard:
    """A guard that answers requests by itself, in a thread; `script` says what."""

    def __init__(self, url, key=None, name="Home", origin=None):
        self.url, self.origin, self.name = url, origin or url, name
        self.key = key or Ed25519PrivateKey.generate()
        self.public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.home = b64(sha(b"rouse-home-v1" + self.public)[:16])
        self.machines, self.grants, self.tokens = [machine()], {}, {}
        self.challenge = b64(os.urandom(16))
        self.requests, self.messages, self.nonces = [], [], set()
        self.steps = [{"step": "accepted"}, {"step": "sent", "attempt": 1, "attempts": 3},
                      {"step": "awake", "seconds": 6.4}]
        self.result = {"result": "awake", "why": None, "machine": "nas", "attempts": 1,
                       "awake_seconds": 6.4, "ready": [{"port": "tcp/22", "seconds": 7.1}]}
        self.delay, self.silent = 0, False
        self.ws, self.thread, self.closed = None, None, None
        self.ack = 0
        self.lock = threading.Condition()

    def connect(self, invitation=None, **more):
        """Joins; the relay's last word is returned."""
        self.ws = WebSocket(self.url)
        assert self.ws.status == 101, self.ws.head
        hello = self.ws.hear("hello")
        signed = parts("rouse-join-v1", self.origin, unb64(hello["challenge"]))
        self.ws.say({"t": "join", "key": b64(self.public),
                     "signature": b64(self.key.sign(signed)),
                     "invitation": invitation, "name": self.name, "guard": "test/1", **more})
        return self.ws.hear()

    def join(self, invitation=None):
        said = self.connect(invitation)
        assert said["t"] == "joined", said
        assert said["home"] == self.home
        self.joined = said
        self.closed = None
        self.say_challenge()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def say_challenge(self):
        self.ws.say({"t": "challenge", "current": self.challenge, "seconds": 60})

    def add(self, *grants):
        for g in grants:
            (self.tokens if isinstance(g, Token) else self.grants)[g.id] = g
        return grants[0]

    def state(self):
        """Machines and grants, stored when this returns."""
        self.tell({"t": "machines", "list": self.machines, "more": False}, wait=False)
        self.tell({"t": "grants", "more": False,
                   "list": [g.public for g in (*self.grants.values(), *self.tokens.values())]})
        return self

    def tell(self, message, wait=True, timeout=10):
        with self.lock:
            self.ack += 1
            ack = self.ack
        self.ws.say({**message, "ack": ack})
        if wait:
            self.wait(lambda: any(m["t"] == "stored" and m["ack"] >= ack for m in self.messages),
                      timeout)

    def wait(self, condition, timeout=10):
        with self.lock:
            assert self.lock.wait_for(condition, timeout), "nothing came"

    def run(self):
        try:
            while True:
                message = self.ws.hear()
                with self.lock:
                    self.messages.append(message)
                    self.lock.notify_all()
                if message["t"] in ("request", "token"):
                    with self.lock:
                        self.requests.append(message)
                        self.lock.notify_all()
                    if not self.silent:
                        self.answer(message)
        except (Closed, OSError) as e:
            with self.lock:
                self.closed = getattr(e, "code", None) or "lost"
                self.lock.notify_all()

    def answer(self, message):
        if message["t"] == "token":
            self.answer_token(message)
        else:
            self.answer_sealed(message)

    def answer_token(self, message):
        ident, t = message["id"], self.tokens.get(message["grant"])
        if not t or sha(unb64(message["token"])) != sha(t.secret):
            self.ws.say({"t": "answer", "id": ident, "final": True, "outcome": "refused",
                         "result": {**self.result, "result": "refused", "why": "unknown-token"}})
            return
        self.ws.say({"t": "answer", "id": ident, "final": False, "outcome": None,
                     "result": {"result": "accepted", "machine": "nas"}})
        time.sleep(self.delay)
        self.ws.say({"t": "answer", "id": ident, "final": True, "outcome": self.result["result"],
                     "result": self.result})

    def check(self, sealed):
        """None when it cannot be authentic, else (grant, why)."""
        g = self.grants.get(sealed.get("grant"))
        if not g or sealed.get("home") != self.home:
            return None
        fields = ("home", "grant", "verb", "machine", "args", "challenge", "nonce")
        mac = hmac.digest(g.request, parts("rouse-request-v1", "1", *(sealed[f] for f in fields)),
                          "sha256")
        if sealed["v"] != 1 or b64(mac) != sealed["mac"]:
            return None
        if sealed["challenge"] != self.challenge:
            return g, "challenge-expired"
        if sealed["nonce"] in self.nonces:
            return g, "replayed"
        self.nonces.add(sealed["nonce"])
        return g, None

    def answer_sealed(self, message):
        ident, sealed = message["id"], message["sealed"]
        checked = self.check(sealed)
        if not checked:
            self.ws.say({"t": "answer", "id": ident, "final": True, "outcome": "refused",
                         "why": "not-authentic"})
            return
        g, why = checked
        steps, result = self.steps, self.result
        if why:
            steps, result = [], {**self.result, "result": "refused", "why": why}
        last = {"step": "result", **result}
        for seq, body in enumerate([*steps, last]):
            if body is last:
                time.sleep(self.delay)
            self.send_sealed(ident, g, sealed["nonce"], seq, body,
                             result["result"] if body is last else None)

    def send_sealed(self, ident, g, nonce, seq, body, outcome=None):
        text = json.dumps(body)
        mac = hmac.digest(g.answer, parts("rouse-answer-v1", self.home, g.id, nonce, str(seq), text),
                          "sha256")
        self.ws.say({"t": "answer", "id": ident, "final": outcome is not None, "outcome": outcome,
                     "sealed": {"v": 1, "nonce": nonce, "seq": seq, "body": text, "mac": b64(mac)}})

    def close(self):
        if self.ws and self.thread:
            with contextlib.suppress(OSError):
                self.ws.sock.shutdown(socket.SHUT_RDWR)
            self.thread.join(5)
        if self.ws:
            self.ws.sock.close()
        self.thread = None
