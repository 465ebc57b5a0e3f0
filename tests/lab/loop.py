"""The thread that plays hardware: timers and descriptors of NICs and services of one LAN.

One thread a LAN, so that machines boot in parallel. A callback that raises is a defect of the lab: kept and
raised again when the LAN closes, never swallowed.
"""

import heapq
import itertools
import os
import selectors
import threading
import time
import traceback


class Loop:
    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._heap = []
        self._count = itertools.count()
        self._lock = threading.RLock()
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._read, selectors.EVENT_READ, None)
        self._stop = False
        self.errors = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _kick(self):
        try:
            os.write(self._write, b"x")
        except (BlockingIOError, OSError):
            pass

    def later(self, seconds, function, *args):
        """Call function in the loop's thread after that time; returns a handle for cancel()."""
        entry = [time.monotonic() + seconds, next(self._count), function, args]
        with self._lock:
            heapq.heappush(self._heap, entry)
        self._kick()
        return entry

    @staticmethod
    def cancel(entry):
        if entry is not None:
            entry[2] = None

    def call(self, function, *args):
        """Call in the loop's thread and wait for the answer."""
        if threading.current_thread() is self._thread:
            return function(*args)
        done, box = threading.Event(), []

        def wrapped():
            try:
                box.append((True, function(*args)))
            except BaseException as error:          # handed to the caller, whatever it is
                box.append((False, error))
            done.set()
        self.later(0, wrapped)
        if not done.wait(30):
            raise TimeoutError("the lab's loop hangs")
        good, value = box[0]
        if not good:
            raise value
        return value

    def watch(self, sock, function):
        """Call function() whenever sock is readable."""
        with self._lock:
            self._selector.register(sock, selectors.EVENT_READ, function)
        self._kick()

    def unwatch(self, sock):
        with self._lock:
            try:
                self._selector.unregister(sock)
            except (KeyError, ValueError):
                pass

    def _due(self):
        with self._lock:
            if self._heap and self._heap[0][0] <= time.monotonic():
                return heapq.heappop(self._heap)
            return None

    def _run(self):
        while not self._stop:
            with self._lock:
                wait = max(0.0, self._heap[0][0] - time.monotonic()) if self._heap else 1.0
            for key, _ in self._selector.select(min(wait, 1.0)):
                if key.data is None:
                    try:
                        os.read(self._read, 4096)
                    except BlockingIOError:
                        pass
                else:
                    self._guarded(key.data)
            while not self._stop:
                entry = self._due()
                if entry is None:
                    break
                if entry[2] is not None:
                    self._guarded(entry[2], *entry[3])

    def _guarded(self, function, *args):
        try:
            function(*args)
        except Exception:                           # reported by close()
            self.errors.append(traceback.format_exc())

    def close(self):
        self._stop = True
        self._kick()
        self._thread.join(10)
        self._selector.close()
        os.close(self._read)
        os.close(self._write)
