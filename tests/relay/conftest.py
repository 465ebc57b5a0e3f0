"""A relay as a process of its own for each test that asks, on loopback; everything ends with the test."""
import contextlib
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

import pytest

import rouse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("ROUSE_BUILD", ROOT / "build"))
PROGRAM = BUILD / "rouse-relay"

# Far beyond what a test does; the tests of limits set their own.
OPEN = {"connections-per-address": "0", "connects-per-address": "off", "requests-per-address": "off",
        "failures-per-address": "off", "enrolments-per-address": "off", "phrases-per-address": "off", "requests-per-grant": "off",
        "requests-per-home": "off", "drain": "2s"}


def free_port():
    """One that no connection takes for its own end meanwhile: below the range of those, and this worker's."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8
    while True:
        port = 10000 + 2000 * worker + random.randrange(2000)
        with contextlib.closing(socket.socket()) as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


class Relay:
    """One rouse-relay; can be ended and started again on the same database and port."""

    def __init__(self, folder, **config):
        self.folder, self.process = folder, None
        self.port = free_port()
        self.tls = "tls_cert" in config
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
        self.config = folder / "relay.conf"
        self.database = pathlib.Path(config.get("database", folder / "relay.db"))
        values = {"listen": f"127.0.0.1:{self.port}", "database": self.database, **OPEN,
                  **{k.replace("_", "-"): v for k, v in config.items()}}
        self.config.write_text("[relay]\n" + "".join(f"{k} = {v}\n" for k, v in values.items()))
        self.log = folder / "log"

    def start(self, wrapper=()):
        with open(self.log, "ab") as log:
            # What looks for leaks at the end wants more of /proc than the sandbox leaves.
            self.process = subprocess.Popen([*wrapper, str(PROGRAM), "-c", str(self.config)],
                                            stderr=log, stdout=log,
                                            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return self
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError("the relay does not listen\n" + self.log.read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        """As systemd does; the exit status."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
                raise
        return self.process.returncode if self.process else 0

    def run(self, *arguments):
        return subprocess.run([str(PROGRAM), "-c", str(self.config), *arguments],
                              capture_output=True, text=True, timeout=20, check=False)

    def invite(self, *arguments):
        said = self.run("invite", "--json", *arguments)
        assert said.returncode == 0, said.stderr
        return json.loads(said.stdout)

    def connection(self, timeout=20):
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout,
                                               context=rouse.insecure())
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, timeout=20):
        """(status, JSON or text, headers)"""
        c = self.connection(timeout)
        with contextlib.closing(c):
            data = json.dumps(body) if isinstance(body, dict) else body
            c.request(method, path, data, headers or {})
            r = c.getresponse()
            text = r.read().decode()
            kind = r.headers.get("Content-Type", "")
            return r.status, json.loads(text) if "json" in kind and text else text, r.headers

    def get(self, path, grant=None, **more):
        return self.ask("GET", path, headers={**(grant.bearer if grant else {}), **more})

    def metrics(self):
        lines = self.ask("GET", "/metrics")[1].splitlines()
        return {k.removeprefix("rouse_relay_"): int(v)
                for k, v in (line.split() for line in lines if not line.startswith("#"))}

    def wake(self, guard, grant, query="?wait=20", **seal):
        sealed = grant.seal(guard.home, guard.challenge, **seal)
        return self.ask("POST", f"/api/v1/homes/{guard.home}/requests{query}", sealed, grant.bearer)


@pytest.fixture
def relays(tmp_path):
    """relays(key=value…) starts one more."""
    started = []

    def make(start=True, **config):
        folder = tmp_path / f"relay{len(started)}"
        folder.mkdir()
        relay = Relay(folder, **config)
        started.append(relay)
        return relay.start() if start else relay

    yield make
    for relay in started:
        status = relay.stop()
        log = relay.log.read_text() if relay.log.exists() else ""
        assert "Sanitizer" not in log, log
        assert status in (0, -signal.SIGKILL), f"exit status {status}\n{log}"


@pytest.fixture
def relay(relays):
    return relays(enrolment="open")


@pytest.fixture
def guards():
    """guards(relay) joins one more."""
    made = []

    def make(relay, invitation=None, join=True, **more):
        guard = rouse.Guard(relay.url, **more)
        made.append(guard)
        return guard.join(invitation) if join else guard

    yield make
    for guard in made:
        with contextlib.suppress(OSError):
            guard.close()


@pytest.fixture
def home(relay, guards):
    """(relay, guard, grant, token) of a home with one machine."""
    guard = guards(relay)
    grant, token = rouse.Grant(), rouse.Token()
    guard.add(grant, token)
    guard.state()
    return relay, guard, grant, token
