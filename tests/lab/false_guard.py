"""A guard of the tests' own at the registration port: speaks the lease protocol (docs/lease-protocol.md, 3) as far as it is
told to, and lies where it is told to."""

import base64
import hashlib
import hmac
import json
import os
import socket
import struct
import threading
import time


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(*items):
    return b"".join(struct.pack(">I", len(item)) + item for item in items)


def session_key(key, direction, of_sleeper, of_guard):
    return hmac.new(key, parts(b"rouse-lease-v1", direction, of_sleeper, of_guard), hashlib.sha256).digest()


class FalseGuard:
    """Listens inside a namespace from __enter__ on. `key`: the pairing's; what is heard is in .said: [(time, object)].
    lie: None; "key" (another key), "refuse" (leases are refused), "silent" (accepts and says nothing), "mute" (opens, then no
    result), an error word of the protocol ("unknown-pairing"), "garbage"."""

    def __init__(self, ns, key, lie=None, address="0.0.0.0", port=13717):
        self.ns, self.key, self.lie = ns, key, lie
        self.said, self.openings, self.connections = [], [], []
        with ns.entered():
            self.listener = socket.create_server((address, port), backlog=16)
        self.stopping = False
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stopping = True
        with_shutdown = [self.listener, *self.connections]
        for sock in with_shutdown:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        self.thread.join(5)

    def words(self):
        """["lease start", "goodbye suspend", …]"""
        return [f"{thing['say']} {thing.get('why', '')}".strip() for _, thing in self.said]

    def wait(self, word, timeout=10, after=0):
        """The object of the first line that says so, after so many earlier ones."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for i, said in enumerate(self.words()):
                if i >= after and said == word:
                    return self.said[i][1]
            time.sleep(0.01)
        raise TimeoutError(f"{word!r} was not said; said: {self.words()}, opened {len(self.openings)} times")

    def drop(self):
        """Ends every connection, without a word."""
        for sock in self.connections:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def tell(self, thing):
        """Says something by itself on the newest connection."""
        self._send(self.session, thing)

    def fail(self, word):
        """Ends the newest connection with an error in the clear, as anybody can who can write into it."""
        self.session["sock"].sendall(json.dumps({"error": word, "text": "as the test wants it"}).encode() + b"\n")

    def _accept(self):
        while not self.stopping:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _send(self, session, thing):
        session["out"] += 1
        text = json.dumps(thing, separators=(",", ":")).encode()
        tag = hmac.new(session["to_sleeper"], struct.pack(">Q", session["out"]) + text, hashlib.sha256).digest()
        session["sock"].sendall(b64(tag).encode() + b" " + text + b"\n")

    def _serve(self, sock):
        try:
            file = sock.makefile("rb")
            opening = json.loads(file.readline())
            self.openings.append(opening)
            if self.lie == "silent":
                time.sleep(60)
            if self.lie == "garbage":
                sock.sendall(os.urandom(100) + b"\n")
                return
            if self.lie not in (None, "key", "refuse", "mute"):
                sock.sendall(json.dumps({"error": self.lie, "text": "as the test wants it"}).encode() + b"\n")
                sock.close()
                return
            nonce, of_sleeper = os.urandom(32), unb64(opening["lease"]["nonce"])
            key = os.urandom(32) if self.lie == "key" else self.key
            self.session = session = {"sock": sock, "out": 0, "to_sleeper": session_key(key, b"to-sleeper", of_sleeper, nonce)}
            to_guard = session_key(self.key, b"to-guard", of_sleeper, nonce)
            sock.sendall(json.dumps({"lease": {"nonce": b64(nonce)}}).encode() + b"\n")
            for counter, line in enumerate(file, 1):
                tag, text = line.rstrip(b"\n").split(b" ", 1)
                good = hmac.new(to_guard, struct.pack(">Q", counter) + text, hashlib.sha256).digest()
                assert unb64(tag.decode()) == good, f"line {counter} is not authentic"
                thing = json.loads(text)
                self.said.append((time.monotonic(), thing))
                if self.lie == "mute" or session.get("mute") or thing["say"] == "answer":
                    continue
                refuse = self.lie == "refuse" and thing["say"] == "lease"
                self._send(session, {"tell": "result", "of": counter, "result": "refused" if refuse else "ok",
                                     "text": "as the test wants it" if refuse else "", "seconds": 180})
        except OSError:
            pass
