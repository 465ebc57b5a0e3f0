"""What is acknowledged stays: kill -9, full and read-only disks, earlier schemas."""
import os
import random
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
import time

import pytest

import rouse


def test_kill_9_keeps_what_was_acknowledged(relays, guards):
    """20 times: a relay under load is killed; homes, grants, machines and events that it acknowledged are there."""
    relay = relays(enrolment="open")
    guard = guards(relay)
    grant = guard.add(rouse.Grant())
    guard.state()
    last, homes = 0, []
    for _ in range(20):
        stop = threading.Event()
        known = []

        def load(stop=stop, known=known):
            n = last
            try:
                while not stop.is_set():
                    n += 1
                    guard.tell({"t": "event", **rouse.event(n)}, timeout=2)
                    known.append(n)
            except (OSError, AssertionError):
                pass

        thread = threading.Thread(target=load)
        thread.start()
        extra = rouse.Guard(relay.url)
        if extra.connect()["t"] == "joined":
            homes.append(extra)
        time.sleep(random.uniform(0.02, 0.2))
        relay.kill()
        stop.set()
        thread.join(10)
        relay.start()
        guard.close()
        guard.join()
        last = guard.joined["event"]
        assert last >= (known[-1] if known else 0)
        assert relay.get(f"/api/v1/homes/{guard.home}", grant)[0] == 200
        assert relay.wake(guard, grant)[0] == 200
    events = relay.get(f"/api/v1/homes/{guard.home}/events?limit=200", grant)[1]["events"]
    assert [e["id"] for e in events] == list(range(last - len(events) + 1, last + 1))
    ids = relay.run("homes").stdout
    assert all(h.home in ids for h in homes)
    for h in homes:
        h.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder],
                      capture_output=True, check=False).returncode != 0:
        pytest.skip("cannot mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def wait_for(condition, timeout=15):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def health(relay):
    return relay.ask("GET", "/healthz")[1]


def test_full_disk(relays, guards, small_disk):
    relay = relays(enrolment="open", database=small_disk / "relay.db")
    guard = guards(relay)
    grant, token = rouse.Grant(), rouse.Token()
    guard.add(grant, token)
    guard.state()
    filler = os.open(small_disk / "filler", os.O_CREAT | os.O_WRONLY)
    with pytest.raises(OSError):
        while True:
            os.write(filler, os.urandom(4096))
    os.close(filler)

    def change():
        guard.ws.say({"t": "machine", **rouse.machine(name="x" * 60, state="waking")})
        guard.ws.say({"t": "event", **rouse.event(int(time.time() * 1000))})
        return health(relay)["status"] == "degraded"

    wait_for(change)
    assert health(relay)["storage"] == "full"
    assert relay.wake(guard, grant)[0] == 200
    assert relay.ask("POST", f"/w/{token.text}?wait=5")[0] == 200
    assert guards(relay, join=False).connect() == {"t": "refused", "why": "busy"}
    assert relay.metrics()["storage_ok"] == 0
    (small_disk / "filler").unlink()
    wait_for(lambda: health(relay)["status"] == "ok")
    # The guard is asked for what could not be stored.
    guard.wait(lambda: {"t": "again"} in guard.messages)
    guard.state()
    guards(relay)
    log = relay.log.read_text()
    assert "cannot be written (full)" in log and "can be written again" in log
    relay.stop()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_read_only(relays, guards, small_disk, how):
    relay = relays(enrolment="open", database=small_disk / "relay.db")
    guard = guards(relay)
    grant = guard.add(rouse.Grant())
    guard.state()
    getattr(relay, how)()
    guard.close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    relay.start()
    guard.join()
    assert health(relay) == {**health(relay), "status": "degraded", "storage": "read-only"}
    assert relay.wake(guard, grant)[0] == 200
    relay.stop()
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    relay.start()
    assert health(relay)["status"] == "ok"
    relay.stop()


def test_damaged_and_newer_databases_are_refused(relays, tmp_path):
    relay = relays(start=False)
    relay.database.write_bytes(b"no database at all" * 1000)
    said = relay.run()
    assert said.returncode == 1 and "cannot be used" in said.stderr
    relay.database.unlink()
    with sqlite3.connect(relay.database) as d:
        d.execute("PRAGMA user_version = 99")
    d.close()
    said = relay.run()
    assert said.returncode == 1 and "newer" in said.stderr


def test_database_is_the_operators_alone(home):
    relay = home[0]
    for file in relay.folder.glob("relay.db*"):
        assert file.stat().st_mode & 0o077 == 0


def test_certificate_is_read_again(relays, tmp_path, guards):
    def make(name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-days", "2",
                        "-keyout", tmp_path / "key", "-out", tmp_path / "cert"],
                       check=True, capture_output=True)

    def name_of(relay, version=None):
        context = rouse.insecure()
        if version:
            context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", relay.port)) as s, context.wrap_socket(s) as t:
            return t.getpeercert(True)

    make("one")
    relay = relays(tls_cert=tmp_path / "cert", tls_key=tmp_path / "key", enrolment="open")
    guard = guards(relay)
    grant = guard.add(rouse.Grant())
    guard.state()
    first = name_of(relay)
    assert relay.ask("GET", "/healthz")[2]["Strict-Transport-Security"]
    make("two")
    relay.process.send_signal(signal.SIGHUP)
    wait_for(lambda: name_of(relay) != first)
    assert relay.wake(guard, grant)[0] == 200, "connections go on"
    second = name_of(relay)
    (tmp_path / "cert").write_text("nonsense")
    relay.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "stays as it was" in relay.log.read_text())
    assert name_of(relay, ssl.TLSVersion.TLSv1_2) == second
    with pytest.raises((ssl.SSLError, ConnectionError)):
        name_of(relay, ssl.TLSVersion.TLSv1_1)
