"""The relay behind real nginx and Caddy, with the configurations that packaging/deploy-relay writes."""
import contextlib
import copy
import http.client
import json
import os
import socket
import subprocess
import time

import pytest

import rouse
from conftest import ROOT, free_port


class Proxy:
    def __init__(self, kind, folder, tls, port, relay_port):
        self.kind, self.folder, self.port = kind, folder, port
        root = folder / "root"
        run = subprocess.run([ROOT / "packaging/deploy-relay", "--name", "localhost", f"--{kind}", *tls],
                             env={**os.environ, "DESTDIR": str(root)}, capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, run.stdout + run.stderr
        make = {"nginx": self.nginx, "caddy": self.caddy}[kind]
        command = make(root, relay_port)
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)})

    def nginx(self, root, relay_port):
        site = (root / "etc/nginx/sites-available/rouse-relay").read_text()
        for was, becomes in (("listen 443", f"listen 127.0.0.1:{self.port}"), ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
                             ("server 127.0.0.1:8080", f"server 127.0.0.1:{relay_port}"), ("/var/log/nginx", str(self.folder))):
            assert was in site
            site = site.replace(was, becomes)
        site = "\n".join(line for line in site.splitlines() if "listen [::]" not in line)
        (self.folder / "site").write_text(site)
        temp = "".join(f"{what}_temp_path {self.folder}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.folder / "nginx.conf").write_text(
            f"{'user root;' if os.geteuid() == 0 else ''} daemon off; worker_processes 1; pid {self.folder}/pid;\n"
            f"error_log {self.folder}/error.log info; events {{}}\n"
            f"http {{ access_log {self.folder}/access.log; {temp} include {self.folder}/site; }}\n")
        return ["/usr/sbin/nginx", "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log"]

    def caddy(self, root, relay_port):
        text = (root / "etc/caddy/Caddyfile").read_text()
        for was, becomes in (("\nlocalhost {", f"\nlocalhost:{self.port} {{"), ("127.0.0.1:8080 {", f"127.0.0.1:{relay_port} {{"),
                             ("\n{\n", "\n{\n\tadmin off\n\tauto_https disable_redirects\n")):
            assert was in text
            text = text.replace(was, becomes, 1)
        (self.folder / "Caddyfile").write_text(text)
        return ["caddy", "run", "--adapter", "caddyfile", "--config", self.folder / "Caddyfile"]

    def wait(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.logs()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return self
            time.sleep(0.05)
        raise AssertionError(self.logs())

    def logs(self):
        return "".join(p.read_text(errors="replace") for p in self.folder.iterdir() if p.name.endswith("log"))

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(params=["nginx", "caddy"])
def behind(request, relays, tmp_path):
    """(relay, the same seen through the proxy, proxy)"""
    folder = tmp_path / "proxy"
    folder.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2", "-keyout", folder / "key", "-out", folder / "cert"], check=True, capture_output=True)
    port = free_port()
    relay = relays(enrolment="open", trusted_proxy="127.0.0.1 ::1", public_url=f"https://localhost:{port}",
                   failures_per_address="3/1min")
    proxy = Proxy(request.param, folder, ["--tls-cert", folder / "cert", "--tls-key", folder / "key"], port, relay.port)
    try:
        proxy.wait()
        outside = copy.copy(relay)
        outside.port, outside.tls, outside.url = port, True, f"https://localhost:{port}"
        # By name: a proxy chooses the site by it.
        outside.connection = lambda timeout=20: http.client.HTTPSConnection("localhost", port, timeout=timeout, context=rouse.insecure())
        yield relay, outside, proxy
    finally:
        proxy.stop()


def events(stream):
    """The data of a stream of events, one by one."""
    for line in stream:
        if line.startswith(b"data:"):
            yield json.loads(line[5:])


def test_everything_goes_through(behind, guards):
    relay, outside, proxy = behind
    guard = guards(outside, origin=outside.url)
    grant, token = rouse.Grant(), rouse.Token()
    guard.add(grant, token)
    guard.state()
    # The stream says each thing at once, and not when a buffer is full.
    c = outside.connection(timeout=20)
    c.request("GET", f"/api/v1/homes/{guard.home}/live", headers=grant.bearer)
    stream = c.getresponse()
    assert stream.status == 200 and stream.headers["Content-Type"].startswith("text/event-stream")
    said = events(stream)
    next(said)
    before = time.monotonic()
    guard.tell({"t": "machine", **rouse.machine(name="renamed")})
    assert any("renamed" in json.dumps(next(said)) for _ in range(5)) and time.monotonic() - before < 5
    c.close()
    status, answer, headers = outside.wake(guard, grant)
    assert status == 200 and json.loads(answer["answers"][-1]["body"])["result"] == "awake"
    assert headers["Content-Security-Policy"] and headers["Strict-Transport-Security"]
    assert outside.ask("POST", f"/w/{token.text}?wait=10")[0] == 200
    assert outside.get(f"/api/v1/homes/{guard.home}", grant, Origin=outside.url)[0] == 200
    assert outside.get(f"/api/v1/homes/{guard.home}", grant, Origin=relay.url)[0] == 403
    # Not in a log of the proxy either, also when the relay is away.
    relay.stop()
    assert outside.ask("POST", f"/w/{token.text}")[0] == 502
    proxy.stop()
    assert token.text not in proxy.logs()


def ask_from(source, target, forged):
    c = target.connection()
    c.source_address = (source, 0)
    with contextlib.closing(c):
        c.request("POST", f"/w/{rouse.Token().text}", headers={"X-Forwarded-For": forged, "Forwarded": f"for={forged}", "Content-Length": "0"})
        return c.getresponse().status


def test_the_address_is_what_the_proxy_saw(behind):
    relay, outside, _ = behind
    assert isinstance(outside.connection(), http.client.HTTPSConnection)
    forged = [f"192.0.2.{i}" for i in range(4)]
    assert [ask_from("127.0.0.2", outside, f) for f in forged] == [403, 403, 403, 429], "what the client claims is nothing"
    assert ask_from("127.0.0.3", outside, "127.0.0.2") == 403, "others are not limited with it"
    # Without the proxy nobody is believed.
    assert [ask_from("127.0.0.4", relay, f) for f in forged] == [403, 403, 403, 429]
