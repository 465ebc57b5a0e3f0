"""lease: docs/lease-protocol.md in Python: what the tests pair and lease with, and what made docs/lease-vectors.json.

Written from the documents alone (RFC 9496, RFC 2104 and our page), with Python's own library: it and the C code can only be right
together. Slow and not constant in time: for tests.
"""
import base64
import hashlib
import hmac
import json
import os
import socket

PORT = 13717
LINE_MAX = 16384
SECONDS = 180

# --- ristretto255, RFC 9496 ---

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_M1 = pow(2, (P - 1) // 4, P)  # of -1


def negative(x):
    return x % P & 1


def absolute(x):
    x %= P
    return P - x if x & 1 else x


def root_of_ratio(u, v):
    """SQRT_RATIO_M1 (4.2): whether u/v is a square, and a root of it or of i times it, not negative."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    right = check == u % P
    flipped = check == -u % P
    flipped_i = check == -u * ROOT_M1 % P
    if flipped or flipped_i:
        r = r * ROOT_M1 % P
    return right or flipped, absolute(r)


# RFC 9496, 4.1, computed from D (the signs are the RFC's)
ROOT_AD_M1 = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INV_ROOT_A_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
ONE_MINUS_D2 = (1 - D * D) % P
D_M1_2 = (D - 1) ** 2 % P
assert ROOT_AD_M1**2 % P == (-D - 1) % P and INV_ROOT_A_D**2 * (-1 - D) % P == 1

IDENTITY = (0, 1, 1, 0)


def add(a, b):
    """Points of edwards25519 with a = -1, extended coordinates."""
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    aa, bb = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    cc, dd = 2 * t1 * D * t2 % P, 2 * z1 * z2 % P
    e, f, g, h = bb - aa, dd - cc, dd + cc, bb + aa
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(n, point):
    result = IDENTITY
    for bit in bin(n)[2:] if n else "":
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def decode(b):
    """4.3.1; ValueError: no canonical encoding of an element."""
    s = int.from_bytes(b, "little")
    if len(b) != 32 or s >= P or s & 1:
        raise ValueError("not canonical")
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    v = (-(D * u1 * u1) - u2 * u2) % P
    square, inverse = root_of_ratio(1, v * u2 * u2 % P)
    dx = inverse * u2 % P
    dy = inverse * dx * v % P
    x, y = absolute(2 * s * dx), u1 * dy % P
    t = x * y % P
    if not square or negative(t) or y == 0:
        raise ValueError("no element")
    return x, y, 1, t


def encode(point):
    """4.3.2"""
    x0, y0, z0, t0 = point
    u1, u2 = (z0 + y0) * (z0 - y0) % P, x0 * y0 % P
    _, inverse = root_of_ratio(1, u1 * u2 * u2 % P)
    d1, d2 = inverse * u1 % P, inverse * u2 % P
    z = d1 * d2 * t0 % P
    x, y, d = x0, y0, d2
    if negative(t0 * z):
        x, y, d = y0 * ROOT_M1 % P, x0 * ROOT_M1 % P, d1 * INV_ROOT_A_D % P
    if negative(x * z):
        y = -y % P
    return absolute(d * (z0 - y)).to_bytes(32, "little")


def elligator(t):
    """MAP of 4.3.4"""
    r = ROOT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D2 % P
    v = (-1 - r * D) * (r + D) % P
    square, s = root_of_ratio(u, v)
    c = P - 1
    if not square:
        s, c = -absolute(s * t) % P, r
    n = (c * (r - 1) * D_M1_2 - v) % P
    w0, w1 = 2 * s * v % P, n * ROOT_AD_M1 % P
    w2, w3 = (1 - s * s) % P, (1 + s * s) % P
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


def element(hash64):
    """4.3.4: an element from 64 bytes."""
    halves = [int.from_bytes(h, "little") & (1 << 255) - 1 for h in (hash64[:32], hash64[32:])]
    return add(elligator(halves[0] % P), elligator(halves[1] % P))


# --- pairing ---


def b64(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


def unb64(text, n):
    b = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(b) != n or b64(b) != text:
        raise ValueError(f"not {n} bytes in base64url: {text}")
    return b


def parts(*p):
    p = [x.encode() if isinstance(x, str) else x for x in p]
    return b"".join(len(x).to_bytes(4, "big") + x for x in p)


def mac(key, *p):
    return hmac.digest(key, b"".join(p), "sha256")


class Half:
    """One side of an exchange; `random` is 64 bytes."""

    def __init__(self, side, code, session, mac_text, name, random=None):
        self.side, self.session = side, session
        g = element(hashlib.sha512(parts("rouse-pair-v1", code, session, mac_text, name)).digest())
        self.generator = encode(g)
        self.scalar = int.from_bytes(random or os.urandom(64), "little") % L
        self.share = encode(multiply(self.scalar, g))

    def finish(self, other, ident):
        """key, own tag, the other's tag"""
        product = encode(multiply(self.scalar, decode(other)))
        if product == bytes(32):
            raise ValueError("identity")
        self.product = product
        shares = (self.share, other) if self.side == "sleeper" else (other, self.share)
        isk = hashlib.sha512(parts("rouse-pair-isk-v1", self.session, product, *shares, ident)).digest()
        key, confirm = isk[:32], isk[32:]
        sister = "guard" if self.side == "sleeper" else "sleeper"
        return key, mac(confirm, self.side.encode()), mac(confirm, sister.encode())


class Refused(Exception):
    """The other side said an error; its word is the first argument."""


class Lines:
    """A connection that says lines."""

    def __init__(self, host, port, timeout=5, interface=None):
        where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self.socket = socket.socket(where[0], socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if interface:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        self.socket.connect(where[4])
        self.rest = b""

    def write(self, line):
        self.socket.sendall(line if isinstance(line, bytes) else line.encode() + b"\n")

    def read(self):
        """The next line without its newline; EOFError when there is none any more."""
        while b"\n" not in self.rest:
            if len(self.rest) > LINE_MAX:
                raise ValueError("a line without end")
            more = self.socket.recv(4096)
            if not more:
                raise EOFError(self.rest)
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def hear(self):
        """The next line as an object in the clear; Refused when it is an error."""
        said = json.loads(self.read())
        if "error" in said:
            raise Refused(said["error"], said.get("text", ""))
        return said

    def close(self):
        self.socket.close()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def pair(host, port, code, mac_text, name, interface=None):
    """Pairs as a sleeper: (id, key). Refused("wrong-code") also when the guard's tag is not right."""
    lines = Lines(host, port, interface=interface)
    try:
        half = Half("sleeper", code, os.urandom(16), mac_text, name)
        lines.write(compact({"rouse": 1, "pair": {"session": b64(half.session), "share": b64(half.share),
                                                  "mac": mac_text, "name": name}}))
        said = lines.hear()["pair"]
        key, own, expected = half.finish(unb64(said["share"], 32), said["id"])
        if not hmac.compare_digest(expected, unb64(said["tag"], 32)):
            raise Refused("wrong-code", "the guard does not know this code")
        lines.write(compact({"pair": {"tag": b64(own)}}))
        done = lines.hear()
        assert done["paired"] == said["id"], done
        return said["id"], key
    finally:
        lines.close()


# --- the lease ---


class Way:
    """One direction of a lease connection."""

    def __init__(self, key, direction, of_sleeper, of_guard):
        self.key = mac(key, parts("rouse-lease-v1", direction, of_sleeper, of_guard))
        self.counter = 0

    def seal(self, text):
        self.counter += 1
        tag = mac(self.key, self.counter.to_bytes(8, "big"), text.encode())
        return b64(tag) + " " + text

    def unseal(self, line):
        tag, text = line.split(" ", 1)
        right = mac(self.key, (self.counter + 1).to_bytes(8, "big"), text.encode())
        if not hmac.compare_digest(right, unb64(tag, 32)):
            raise ValueError("not authentic")
        self.counter += 1
        return text


class Lease:
    """A lease connection, from the sleeper's side."""

    def __init__(self, host, port, ident, key, interface=None, timeout=5):
        self.lines = Lines(host, port, timeout, interface)
        own = os.urandom(32)
        self.lines.write(compact({"rouse": 1, "lease": {"pairing": ident, "nonce": b64(own)}}))
        other = unb64(self.lines.hear()["lease"]["nonce"], 32)
        self.out = Way(key, "to-guard", own, other)
        self.back = Way(key, "to-sleeper", own, other)

    def say(self, say, wait=True, **members):
        """Says it; its result (what else the guard tells meanwhile is kept for next()), or the line's counter."""
        self.lines.write(self.out.seal(compact({"say": say, **members})))
        if not wait:
            return self.out.counter
        while True:
            told = self.hear()
            if told["tell"] == "result" and told["of"] == self.out.counter:
                return told
            self.__dict__.setdefault("kept", []).append(told)

    def lease(self, machine, why="renew"):
        return self.say("lease", why=why, **machine)

    def goodbye(self, machine, why="suspend"):
        return self.say("goodbye", why=why, **machine)

    def hear(self):
        line = self.lines.read()
        if line.startswith("{"):
            said = json.loads(line)
            raise Refused(said["error"], said.get("text", ""))
        return json.loads(self.back.unseal(line))

    def next(self):
        """What the guard tells next."""
        kept = self.__dict__.get("kept", [])
        return kept.pop(0) if kept else self.hear()

    def close(self):
        self.lines.close()


# --- the vectors ---


def seq(first, n):
    return bytes((first + i) % 256 for i in range(n))


def pairing_vectors():
    made = []
    for code, name, mac_text, at in (("000000", "nas", "be:ef:fa:ce:c0:de", 1),
                                     ("493827", "Büro \"2\"", "02:00:00:00:00:01", 77),
                                     ("999999", "x" * 63, "fe:ff:ff:ff:ff:ff", 201)):
        session, ident = seq(at, 16), b64(seq(at + 3, 9))
        random = [hashlib.sha512(b"%d %d" % (at, side)).digest() for side in (0, 1)]
        sleeper = Half("sleeper", code, session, mac_text, name, random[0])
        guard = Half("guard", code, session, mac_text, name, random[1])
        key, tag, expected = sleeper.finish(guard.share, ident)
        assert guard.finish(sleeper.share, ident) == (key, expected, tag)
        made.append({"code": code, "session": b64(session), "mac": mac_text, "name": name, "id": ident,
                     "random_sleeper": b64(random[0]), "random_guard": b64(random[1]),
                     "share_sleeper": b64(sleeper.share), "share_guard": b64(guard.share),
                     "key": b64(key), "tag_sleeper": b64(tag), "tag_guard": b64(expected)})
    return made


def bad_shares():
    """What is no share: the identity, and RFC 9496, A.3: field elements out of range, negative, no squares."""
    out_of_range = [(P).to_bytes(32, "little"), (P + 2).to_bytes(32, "little"), b"\xff" * 32,
                    b"\xed" + b"\xff" * 30 + b"\x7f", b"\x00" * 31 + b"\x80"]
    negatives = [(1).to_bytes(32, "little"), (P - 2).to_bytes(32, "little"),
                 bytes.fromhex("ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20")]
    no_squares = [bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"),
                  bytes.fromhex("4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f")]
    for b in out_of_range + negatives + no_squares:
        try:
            decode(b)
        except ValueError:
            continue
        raise AssertionError(b.hex())
    return [b64(b) for b in [bytes(32)] + out_of_range + negatives + no_squares]


MACHINE = {"name": "nas", "mac": "be:ef:fa:ce:c0:de", "addresses": ["192.0.2.50", "2001:db8::50"],
           "rules": ["tcp/22", "udp/9987"]}


def lease_vectors():
    key, of_sleeper, of_guard = seq(9, 32), seq(50, 32), seq(150, 32)
    out, back = (Way(key, d, of_sleeper, of_guard) for d in ("to-guard", "to-sleeper"))
    said = [{"say": "lease", "why": "boot", **MACHINE},
            {"say": "lease", "why": "renew", **MACHINE, "rules": [], "secureon": "01:02:03:04:05:06"},
            {"say": "test", "after": 10}, {"say": "goodbye", "why": "suspend", **MACHINE},
            {"say": "stay", "why": "cancelled"},
            {"say": "answer", "ask": 7, "result": "refused", "text": "somebody is logged in: \"ändré\""}]
    told = [{"tell": "result", "of": 1, "result": "ok", "text": "", "seconds": 180},
            {"tell": "result", "of": 2, "result": "refused", "text": "192.0.2.1: the gateway's", "seconds": 0},
            {"tell": "ask", "ask": 7, "what": "sleep", "who": "uid 1000"},
            {"tell": "tested", "asleep_seconds": 2.1, "awake_seconds": 6.4,
             "ready": [{"port": "tcp/22", "seconds": 7.1}]},
            {"tell": "tested", "ready": [], "error": "no sign of life"}]
    return {"key": b64(key), "nonce_sleeper": b64(of_sleeper), "nonce_guard": b64(of_guard),
            "to_guard": b64(out.key), "to_sleeper": b64(back.key),
            "said": [{"json": compact(s), "line": out.seal(compact(s))} for s in said],
            "told": [{"json": compact(t), "line": back.seal(compact(t))} for t in told]}


def vectors():
    return {"generators": [{"input": b64(seq(i, 64)), "element": b64(encode(element(seq(i, 64))))}
                           for i in (0, 100, 200)],
            "pairings": pairing_vectors(), "bad_shares": bad_shares(), "lease": lease_vectors()}
