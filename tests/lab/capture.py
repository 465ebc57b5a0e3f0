"""Raw sockets of the lab: a capture of every frame at an interface, and injection of raw bytes.

The kernel keeps the frames and their time stamps in the socket's buffer, so a capture costs nothing while the
test waits. Times are CLOCK_MONOTONIC like everything in the lab.
"""

import ctypes
import socket
import struct
import time

import frames

SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 26, 33, 35
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
PACKET_STATISTICS = 6
PACKET_OUTGOING = 4
ETH_P_ALL = 3


class _Fprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


_libc = ctypes.CDLL(None, use_errno=True)


def attach_filter(sock, program):
    """program: [(code, jt, jf, k)], classic BPF."""
    code = b"".join(struct.pack("=HBBI", *item) for item in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    prog = _Fprog(len(program), ctypes.addressof(buffer))
    if _libc.setsockopt(sock.fileno(), socket.SOL_SOCKET, SO_ATTACH_FILTER, ctypes.byref(prog), ctypes.sizeof(prog)) != 0:
        raise OSError(ctypes.get_errno(), "SO_ATTACH_FILTER")


def ether_type_filter(*kinds):
    program = [(0x28, 0, 0, 12)]
    for place, kind in enumerate(kinds):
        program.append((0x15, len(kinds) - place, 0, kind))
    return program + [(0x06, 0, 0, 0), (0x06, 0, 0, 0xffff)]


def packet_socket(ns, interface, program=None, incoming_only=False, buffer=16 << 20, nonblock=True):
    """An AF_PACKET socket bound to one interface; the filter is in place before the first frame."""
    with ns.entered():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        if program:
            attach_filter(sock, program)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        if incoming_only:
            sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        sock.bind((interface, ETH_P_ALL))
    sock.setblocking(not nonblock)
    return sock


def _offset():
    """CLOCK_REALTIME minus CLOCK_MONOTONIC: the stamps are wall clock, the lab's times are not."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def receive(sock):
    """The next frame of a packet socket as a frames.Frame, or None."""
    try:
        raw, anc, _, sender = sock.recvmsg(65536, 256)
    except (BlockingIOError, OSError):
        return None
    when, vlan = time.clock_gettime_ns(time.CLOCK_MONOTONIC), None
    for level, kind, data in anc:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            sec, nsec = struct.unpack_from("=qq", data)
            when = sec * 1000000000 + nsec - _offset()
        elif level == SOL_PACKET and kind == PACKET_AUXDATA and len(data) >= 20:
            status, = struct.unpack_from("=I", data)
            if status & 0x10:                       # TP_STATUS_VLAN_VALID
                vlan, = struct.unpack_from("=H", data, 16)
    return frames.parse(raw, when / 1e9, sender[2] == PACKET_OUTGOING, vlan)


class Capture:
    """Every frame at an interface since it was made. Use as a context manager or close()."""

    def __init__(self, ns, interface="eth0", program=None, incoming_only=False):
        self.sock = packet_socket(ns, interface, program, incoming_only, buffer=48 << 20)
        self._frames = []

    def frames(self, want=None):
        """All frames so far (those for which want(frame) is true)."""
        while True:
            frame = receive(self.sock)
            if frame is None:
                break
            self._frames.append(frame)
        return [frame for frame in self._frames if want is None or want(frame)]

    def wait(self, want, timeout, what="frame"):
        """The first frame for which want(frame) is true."""
        end = time.monotonic() + timeout
        seen = 0
        while True:
            self.frames()
            for frame in self._frames[seen:]:
                if want(frame):
                    return frame
            seen = len(self._frames)
            if time.monotonic() > end:
                raise TimeoutError(f"{what} not seen within {timeout} s")
            time.sleep(0.005)

    def clear(self):
        self.frames()
        self._frames = []

    def drops(self):
        data = self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        return struct.unpack("=II", data)[1]

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
