"""The guard and a real relay: joined, shared, woken from outside through it, revoked; killed and back."""
import json
import os
import socket
import subprocess
import sys
import time

import pytest

import netns
from guard import program
from scenes import goodbye

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir, "relay"))
import rouse  # noqa: E402  (the protocol in Python, independent of the C code)


class Relay:
    """rouse-relay on the LAN's other host."""

    def __init__(self, lan, folder):
        self.ns, self.folder, self.process = lan.other.ns, folder, None
        self.address = lan.other.v4
        self.url = f"http://{self.address}:8080"
        self.config = folder / "relay.conf"
        self.config.write_text(f"[relay]\nlisten = {self.address}:8080\ndatabase = {folder}/relay.db\npublic-url = {self.url}\n"
                               "drain = 1s\nfailures-per-address = off\nrequests-per-grant = off\nrequests-per-home = off\n")

    def start(self):
        log = open(self.folder / "relay.log", "ab")
        self.process = subprocess.Popen(self.ns.command(program("rouse-relay"), "-c", str(self.config)), stdout=log, stderr=log)
        log.close()
        netns.wait_until(self.listens, 10, what="relay listens\n" + (self.folder / "relay.log").read_text())
        return self

    def listens(self):
        assert self.process.poll() is None, (self.folder / "relay.log").read_text()
        with self.ns.entered():
            with socket.socket() as s:
                return s.connect_ex((self.address, 8080)) == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def invite(self):
        out = subprocess.run(self.ns.command(program("rouse-relay"), "-c", str(self.config), "invite", "--json"),
                             capture_output=True, text=True, timeout=20, check=True)
        return json.loads(out.stdout)["invitation"]

    def ask(self, method, path, body=None, headers=(), timeout=60):
        """(status, JSON) of a request from the relay's own host."""
        code = ("import http.client, json, sys\n"
                "host, method, path, body, headers, timeout = json.loads(sys.stdin.read())\n"
                "c = http.client.HTTPConnection(host, 8080, timeout=timeout)\n"
                "c.request(method, path, body, headers)\n"
                "r = c.getresponse()\n"
                "print(json.dumps([r.status, r.read().decode()]))\n")
        out = subprocess.run(self.ns.command(sys.executable, "-c", code), capture_output=True, text=True, timeout=timeout + 10, check=True,
                             input=json.dumps([self.address, method, path, json.dumps(body) if body else None, dict(headers), timeout]))
        status, text = json.loads(out.stdout)
        return status, json.loads(text) if text.startswith("{") else text


@pytest.fixture
def relay(lan, tmp_path):
    r = Relay(lan, tmp_path).start()
    yield r
    r.stop()


class Holder:
    """Somebody with a link."""

    def __init__(self, relay, link):
        url, fragment = link.split("/#")
        assert url == relay.url
        self.relay = relay
        self.home, ident, secret = fragment.split(".")
        self.grant = rouse.Grant()
        self.grant.id, self.grant.secret = ident, rouse.unb64(secret)
        import hmac
        prk = hmac.digest(b"rouse-grant-v1", self.grant.secret, "sha256")
        self.grant.view, self.grant.request, self.grant.answer = (
            hmac.digest(prk, (w + ident).encode() + b"\x01", "sha256") for w in ("view", "request", "answer"))

    def get(self, path=""):
        return self.relay.ask("GET", f"/api/v1/homes/{self.home}{path}", headers=self.grant.bearer)

    def machine(self, name):
        return next((m for m in self.get()[1]["machines"] if m["name"] == name), None)

    def sealed(self, machine, **more):
        return self.grant.seal(self.home, self.get("/challenge")[1]["challenge"], machine=str(machine), **more)

    def send(self, sealed, wait=60):
        return self.relay.ask("POST", f"/api/v1/homes/{self.home}/requests?wait={wait}", sealed, self.grant.bearer)

    def bodies(self, answer):
        """The bodies of the answers; each of them authentic."""
        out = []
        for a in answer["answers"]:
            assert self.grant.authentic(self.home, a), a
            out.append(json.loads(a["body"]))
        return out


def joined(guard, relay):
    return guard.rouse("join", relay.url, relay.invite(), "--json")


def share(guard, *argv):
    return json.loads(guard.rouse("share", "--json", *argv).stdout)


def test_join_share_wake_revoke(lan, relay):
    nas = lan.machine("nas")
    guard = lan.guard([nas], rules={"nas": "tcp/22"})
    assert json.loads(joined(guard, relay).stdout)["state"] == "joined"
    assert os.stat(os.path.join(guard.state_dir, "guard.key")).st_mode & 0o777 == 0o600
    link = share(guard, "--machine", "nas", "--name", "Ann's phone")
    holder = Holder(relay, link["link"])
    guard.wait_state("nas", "awake")
    netns.wait_until(lambda: holder.machine("nas")["state"] == "awake", 10, what="the relay knows")
    status, answer = holder.send(holder.sealed(holder.machine("nas")["id"]))
    assert status == 200 and holder.bodies(answer)[-1]["result"] == "already-awake"
    goodbye(guard, nas)
    guard.wait_state("nas", "asleep")
    netns.wait_until(lambda: holder.machine("nas")["state"] == "asleep", 10, what="the relay knows")
    status, answer = holder.send(holder.sealed(holder.machine("nas")["id"]))
    steps = holder.bodies(answer)
    assert status == 200, answer
    assert [s["step"] for s in steps][:3] == ["accepted", "sent", "awake"]
    assert steps[-1]["result"] == "awake" and steps[-1]["machine"] == "nas" and steps[-1]["awake_seconds"] > 0
    assert [a["seq"] for a in answer["answers"]] == list(range(len(steps)))
    event = next(e for e in guard.events("nas") if e["event"] == "request")
    assert event["by"] == "grant" and event["who"] == "Ann's phone"
    netns.wait_until(lambda: (holder.machine("nas")["last_wake"] or {}).get("who") == "Ann's phone", 10, what="who woke it")
    assert "192.0.2" not in json.dumps(holder.get("/events")[1]) and nas.mac not in json.dumps(holder.get("/events")[1])
    assert [g["id"] for g in json.loads(guard.rouse("grants", "--json").stdout)["grants"]] == [link["id"]]
    guard.rouse("revoke", link["id"])
    netns.wait_until(lambda: holder.get()[0] == 401, 10, what="revoked")
    assert guard.rouse("revoke", link["id"], check=False).returncode == 3


def test_ready_ports_are_measured(lan, relay):
    nas = lan.machine("nas")
    guard = lan.guard([nas], rules={"nas": "tcp/22"})
    joined(guard, relay)
    holder = Holder(relay, share(guard)["link"])
    guard.wait_state("nas", "awake")
    goodbye(guard, nas)
    guard.wait_state("nas", "asleep")
    status, answer = holder.send(holder.sealed(holder.machine("nas")["id"]))
    final = holder.bodies(answer)[-1]
    assert status == 200 and [r["port"] for r in final["ready"]] == ["tcp/22"]
    assert final["ready"][0]["seconds"] >= final["awake_seconds"]


def test_plain_token(lan, relay):
    nas = lan.machine("nas")
    guard = lan.guard([nas])
    joined(guard, relay)
    token = share(guard, "--machine", "nas", "--plain")
    assert token["link"] == f"{relay.url}/w/{token['token']}"
    guard.wait_state("nas", "awake")
    goodbye(guard, nas)
    guard.wait_state("nas", "asleep")
    assert relay.ask("GET", f"/w/{token['token']}")[0] == 405
    assert guard.state("nas") == "asleep"
    status, answer = relay.ask("POST", f"/w/{token['token']}")
    assert status == 202 and answer["result"] == "accepted"
    status, answer = relay.ask("POST", f"/w/{token['token']}?wait=60")
    assert status == 200 and answer["result"] in ("awake", "already-awake"), answer
    guard.rouse("revoke", token["id"])
    netns.wait_until(lambda: relay.ask("POST", f"/w/{token['token']}")[0] == 403, 10, what="revoked")


def test_phrase(lan, relay):
    import hashlib
    guard = lan.guard([lan.machine("nas")])
    joined(guard, relay)
    phrase = share(guard, "--machine", "nas", "--phrase")
    assert len(phrase["phrase"].split("-")) == 6 and phrase["label"] == "nas"
    home = phrase["link"].split("/h/")[1]
    status, salt = relay.ask("GET", f"/api/v1/homes/{home}/phrase?label=NAS")
    assert status == 200 and salt["grant"] == phrase["id"]
    secret = hashlib.pbkdf2_hmac("sha256", phrase["phrase"].encode(), rouse.unb64(salt["salt"]), 600000, 32)
    holder = Holder(relay, f"{relay.url}/#{home}.{phrase['id']}.{rouse.b64(secret)}")
    status, answer = holder.send(holder.sealed(holder.machine("nas")["id"], verb="see"))
    assert status == 200 and holder.bodies(answer)[-1]["result"] == "seen"
    assert "label" in guard.rouse("share", "--machine", "nas", "--phrase", check=False).stderr


def test_refusals_are_sealed(lan, relay):
    nas, disk = lan.machine("nas"), lan.machine("disk")
    guard = lan.guard([nas, disk])
    joined(guard, relay)
    holder = Holder(relay, share(guard, "--machine", "nas", "--can", "see")["link"])
    everybody = Holder(relay, share(guard)["link"])
    other = everybody.machine("disk")["id"]
    own = everybody.machine("nas")["id"]

    def why(who, *argv, **more):
        return who.bodies(who.send(who.sealed(*argv, **more))[1])[-1]["why"]
    assert why(holder, own) == "not-permitted"
    assert why(holder, other, verb="see") == "not-permitted"
    assert why(everybody, 999) == "no-such-machine"
    assert why(everybody, own, verb="sleep") == "not-permitted"
    assert why(everybody, own, args="x") == "bad-arguments"
    assert why(everybody, own, verb="dance") == "not-permitted"
    sealed = everybody.sealed(own, verb="see")
    assert everybody.bodies(everybody.send(sealed)[1])[-1]["result"] == "seen"
    assert everybody.bodies(everybody.send(sealed)[1])[-1]["why"] == "replayed"
    sealed["challenge"] = rouse.b64(os.urandom(16))
    assert everybody.send(sealed)[0] == 403


def test_comes_back(lan, relay):
    """kill -9 of relay, uplink, engine and guard: it is there again, with everything that was acknowledged."""
    nas = lan.machine("nas")
    guard = lan.guard([nas])
    joined(guard, relay)
    holder = Holder(relay, share(guard)["link"])

    def works():
        status, home = holder.get()
        return status == 200 and home["online"] and holder.send(holder.sealed(home["machines"][0]["id"], verb="see"))[0] == 200
    assert works()
    for role in ("uplink", "engine", "control"):
        guard.kill(role)
        time.sleep(0.2)
        netns.wait_until(works, 30, step=0.3, what=f"back after the end of the {role}\n{guard.log()}")
    guard.kill()
    netns.wait_until(lambda: not holder.get()[1]["online"], 15, what="offline is seen")
    guard.restart()
    netns.wait_until(works, 30, step=0.3, what=f"back after the end of the guard\n{guard.log()}")
    relay.kill()
    relay.start()
    netns.wait_until(works, 45, step=0.3, what=f"back after the end of the relay\n{guard.log()}")


def test_revoked_while_the_relay_is_away(lan, relay):
    guard = lan.guard([lan.machine("nas")])
    joined(guard, relay)
    link = share(guard)
    relay.stop()
    guard.rouse("revoke", link["id"])
    relay.start()
    holder = Holder(relay, link["link"])
    netns.wait_until(lambda: holder.get()[0] == 401, 45, step=0.3, what="the relay learns it")


def test_leave_and_wrong_invitations(lan, relay):
    guard = lan.guard([lan.machine("nas")])
    refused = guard.rouse("join", relay.url, rouse.b64(os.urandom(20)), check=False)
    assert refused.returncode == 1 and "invitation-unknown" in refused.stderr
    refused = guard.rouse("join", f"http://{relay.address}:9", relay.invite(), check=False)
    assert refused.returncode == 1 and "connect" in refused.stderr
    assert "relay" in guard.rouse("share", check=False).stderr
    home = json.loads(joined(guard, relay).stdout)["home"]
    link = share(guard)
    holder = Holder(relay, link["link"])
    assert holder.get()[0] == 200
    guard.rouse("leave")
    assert holder.get()[0] == 401
    assert guard.rouse("leave", check=False).returncode == 1
    # The same key, the same home; and the same grants.
    assert json.loads(joined(guard, relay).stdout)["home"] == home
    netns.wait_until(lambda: holder.get()[0] == 200, 10, what="the grant works again")


def test_machines_come_and_go(lan, relay):
    guard = lan.guard([lan.machine("nas")])
    joined(guard, relay)
    holder = Holder(relay, share(guard)["link"])
    guard.rouse("add", "games", "--mac", "02:00:5e:00:53:01", "--address", "192.0.2.51", "--watts", "60")
    netns.wait_until(lambda: holder.machine("games"), 5, step=0.1, what="added at once")
    assert holder.machine("games")["watts"] == 60
    guard.rouse("remove", "games")
    netns.wait_until(lambda: not holder.machine("games"), 5, step=0.1, what="removed at once")


def remote(lan, folder, *argv, check=True, timeout=60):
    """`rouse` on a host without a guard, with the homes in that folder."""
    out = subprocess.run(lan.other.ns.command(program("rouse"), *argv), capture_output=True, text=True, timeout=timeout,
                         env={**os.environ, "XDG_CONFIG_HOME": str(folder), "NO_COLOR": "1"})
    assert not check or out.returncode == 0, out.stdout + out.stderr
    return out


def test_the_same_commands_from_outside(lan, relay, tmp_path):
    nas = lan.machine("nas")
    guard = lan.guard([nas], rules={"nas": "tcp/22"})
    joined(guard, relay)
    link = share(guard, "--name", "Ann")
    guard.wait_state("nas", "awake")
    assert remote(lan, tmp_path, "home", "add", link["link"], "--name", "cottage").stdout.startswith("cottage: added")
    assert os.stat(tmp_path / "rouse" / "homes").st_mode & 0o777 == 0o600
    assert json.loads(remote(lan, tmp_path, "home", "list", "--json").stdout)["homes"][0]["relay"] == relay.url
    machines = json.loads(remote(lan, tmp_path, "status", "--json").stdout)["machines"]
    assert [(m["name"], m["state"]) for m in machines] == [("nas", "awake")]
    assert "awake already" in remote(lan, tmp_path, "wake", "nas", "--wait").stdout
    goodbye(guard, nas)
    said = remote(lan, tmp_path, "--home", "cottage", "wake", "nas", "--wait", "--json")
    result = json.loads(said.stdout)
    assert result["result"] == "awake" and result["machine"] == "nas" and result["awake_seconds"] > 0
    assert [r["port"] for r in result["ready"]] == ["tcp/22"]
    log = [json.loads(line) for line in remote(lan, tmp_path, "log", "nas", "--json").stdout.splitlines()]
    assert any(e["event"] == "request" and e["who"] == "Ann" and "by Ann over the relay" in e["text"] for e in log)
    assert remote(lan, tmp_path, "wake", "disk", check=False).returncode == 3
    assert "revoke" in remote(lan, tmp_path, "--home", "cottage", "revoke", link["id"], check=False).stderr \
        or "guard itself" in remote(lan, tmp_path, "--home", "cottage", "revoke", link["id"], check=False).stderr
    guard.stop()
    netns.wait_until(lambda: "offline" in remote(lan, tmp_path, "wake", "nas", check=False).stderr, 20, what="said to be offline")
    guard.restart()
    guard.rouse("revoke", link["id"])
    netns.wait_until(lambda: "revoked" in remote(lan, tmp_path, "status", check=False).stderr, 40, step=0.3, what="revoked")
    remote(lan, tmp_path, "home", "remove", "cottage")
    assert "no guard answers" in remote(lan, tmp_path, "status", check=False).stderr


def test_connect_is_a_proxy_command(lan):
    nas = lan.machine("nas", boot=2.0)
    guard = lan.guard([nas], rules={"nas": "tcp/22"})
    guard.wait_state("nas", "awake")
    goodbye(guard, nas)
    out = subprocess.run(lan.client.ns.command(program("rouse"), "connect", nas.v4, "22", "--timeout", "20"), input="is it you?",
                         capture_output=True, text=True, timeout=30)
    assert out.returncode == 0 and out.stdout == "is it you?", out
    out = subprocess.run(lan.client.ns.command(program("rouse"), "connect", "192.0.2.77", "22", "--timeout", "1"), capture_output=True,
                         text=True, timeout=30)
    assert out.returncode == 4 and "within 1 s" in out.stderr


def test_import_pairs_and_export(lan, relay, tmp_path):
    pairs = tmp_path / "pairs.txt"
    digest = "ab" * 32
    pairs.write_text(f"{digest} Living room PC(02:00:5E:00:53:01)\n\n{digest} nas(02-00-5e-00-53-02)\r\nnonsense\n"
                     f"{digest} again (x)(0200.5e00.5301)\n{digest} broken(02:00:5e)\n{digest} plain(02005e005303)\n")
    guard = lan.guard([])
    joined(guard, relay)
    out = guard.rouse("import", str(pairs), "--phrase", check=False)
    assert out.returncode == 1 and "line 4 " in out.stderr and "line 6 " in out.stderr and "line 5: the same machine as in line 1" in out.stdout
    assert "3 added, 0 there already, 2 failed" in out.stdout and out.stdout.count("new key: ") == 3
    assert {(m["name"], m["mac"]) for m in guard.status()} == {
        ("Living room PC", "02:00:5e:00:53:01"), ("nas", "02:00:5e:00:53:02"), ("plain", "02:00:5e:00:53:03")}
    exported = tmp_path / "rouse.json"
    exported.write_text(guard.rouse("export", "--config", guard.config_path, "--with-key", guard.state_dir).stdout)
    out = guard.rouse("import", str(exported))
    assert "0 added, 3 there already, 0 failed" in out.stdout
    before = guard.status()
    for machine in before:
        guard.rouse("remove", machine["name"])
    (tmp_path / "state").mkdir()
    guard.rouse("import", str(exported), "--config", str(tmp_path / "roused.conf"), "--with-key", str(tmp_path / "state"))
    assert {(m["name"], m["mac"]) for m in guard.status()} == {(m["name"], m["mac"]) for m in before}
    assert (tmp_path / "roused.conf").read_text() == open(guard.config_path, encoding="utf-8").read()
    with open(os.path.join(guard.state_dir, "guard.key"), encoding="ascii") as key:
        assert (tmp_path / "state" / "guard.key").read_text() == key.read()
    assert os.stat(tmp_path / "state" / "guard.key").st_mode & 0o777 == 0o600
