"""A relay that may lie: it speaks docs/protocol.md from its own side, frame by frame, and says whatever a test wants."""

import base64
import hashlib
import json
import os
import queue
import socket
import struct
import threading
import time

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def b64(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


class Connection:
    """One guard's connection, after the upgrade."""

    def __init__(self, sock):
        self.sock, self.buffer, self.heard = sock, b"", queue.Queue()
        self.closed = threading.Event()
        self.code = None
        self.reads = threading.Event()
        self.reads.set()
        threading.Thread(target=self._read, daemon=True).start()

    def _take(self, n):
        while len(self.buffer) < n:
            self.reads.wait()
            piece = self.sock.recv(65536)
            if not piece:
                raise ConnectionError
            self.buffer += piece
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def _read(self):
        try:
            while True:
                first, second = self._take(2)
                n = second & 0x7F
                assert second & 0x80, "a client masks"
                if n == 126:
                    n = struct.unpack("!H", self._take(2))[0]
                elif n == 127:
                    n = struct.unpack("!Q", self._take(8))[0]
                mask = self._take(4)
                data = bytes(b ^ mask[i % 4] for i, b in enumerate(self._take(n)))
                opcode = first & 15
                if opcode == 9:
                    self.frame(10, data)
                elif opcode == 8:
                    self.code = struct.unpack("!H", data[:2])[0] if data else None
                    return
                elif opcode == 1:
                    self.heard.put(json.loads(data))
        except (OSError, ConnectionError):
            pass
        finally:
            self.closed.set()

    def frame(self, opcode, data, first=0x80, mask=False):
        n = len(data)
        head = bytes([first | opcode])
        bit = 0x80 if mask else 0
        if n < 126:
            head += bytes([bit | n])
        elif n < 65536:
            head += bytes([bit | 126]) + struct.pack("!H", n)
        else:
            head += bytes([bit | 127]) + struct.pack("!Q", n)
        self.raw(head + (b"\0\0\0\0" if mask else b"") + data)

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            self.closed.set()

    def say(self, message):
        self.frame(1, (message if isinstance(message, str) else json.dumps(message)).encode())

    def hear(self, kind=None, timeout=10, **members):
        """The next message of that type, and with these members; others are dropped."""
        end = time.monotonic() + timeout
        while True:
            try:
                m = self.heard.get(timeout=0.1)
            except queue.Empty:
                if time.monotonic() > end or (self.closed.is_set() and self.heard.empty()):
                    raise
                continue
            if (kind is None or m["t"] == kind) and all(m.get(k) == v for k, v in members.items()):
                return m

    def quiet(self, kind, seconds):
        """What is said of that type for so long."""
        end, out = time.monotonic() + seconds, []
        while (left := end - time.monotonic()) > 0:
            try:
                m = self.heard.get(timeout=left)
            except queue.Empty:
                break
            if m["t"] == kind:
                out.append(m)
        return out

    def close(self):
        self.sock.close()
        self.reads.set()


class LyingRelay:
    def __init__(self, host, port=8090):
        self.url = f"http://{host.v4}:{port}"
        self.run, self.event = b64(os.urandom(8)), 0
        self.hello = lambda: {"t": "hello", "challenge": b64(os.urandom(32)), "origin": self.url}
        self.connections = queue.Queue()
        self.live = []
        with host.ns.entered():
            self.listener = socket.create_server((host.v4, port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._upgrade, args=(sock,), daemon=True).start()

    def _upgrade(self, sock):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = sock.recv(4096)
            if not piece:
                return
            head += piece
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if ": " in line)
        accept = base64.b64encode(hashlib.sha1(fields["Sec-WebSocket-Key"].encode() + MAGIC).digest()).decode()
        sock.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: rouse.v1\r\n"
                      f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())
        c = Connection(sock)
        self.live.append(c)
        c.say(self.hello())
        self.connections.put(c)

    def next(self, timeout=40):
        """The next connection, before it is joined."""
        return self.connections.get(timeout=timeout)

    def join(self, timeout=40):
        """The next connection that joins; its challenge is `challenge`."""
        end = time.monotonic() + timeout
        while True:
            c = self.next(timeout)
            try:
                return self._joined(c)
            except queue.Empty:             # it was given up meanwhile
                if time.monotonic() > end or not c.closed.is_set():
                    raise

    def _joined(self, c):
        said = c.hear("join")
        home = b64(hashlib.sha256(b"rouse-home-v1" + base64.urlsafe_b64decode(said["key"] + "=")).digest()[:16])
        c.say({"t": "joined", "home": home, "heartbeat": 40, "event": self.event, "run": self.run})
        c.home, c.said = home, said
        c.challenge = c.hear("challenge")["current"]
        return c

    def close(self):
        self.listener.close()
        for c in self.live:
            c.close()
