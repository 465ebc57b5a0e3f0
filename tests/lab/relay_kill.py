"""kill -9 of relay and guard, at random instants while people share, revoke, wake and join: what was acknowledged is there
afterwards, and no request is carried out twice. bench/relay/kill.py does it 100 times, test_relay_kill.py a few."""
import contextlib
import http.client
import json
import os
import random
import sqlite3
import threading
import time

import netns
import test_relay
from scenes import goodbye

rouse = test_relay.rouse
WHAT = ("relay", "monitor", "uplink", "engine", "both")
BACK = 60                # seconds: the guard's own back-off after a relay that was away


def ask(relay, method, path, body=None, headers=(), timeout=8):
    """(status, JSON), from the relay's own host but without a process of its own; status 0: nobody answered."""
    try:
        with relay.ns.entered():
            c = http.client.HTTPConnection(relay.address, 8080, timeout=timeout)
            c.connect()
        with contextlib.closing(c):
            c.request(method, path, json.dumps(body) if body else None, dict(headers))
            r = c.getresponse()
            text = r.read().decode()
            return r.status, json.loads(text) if text.startswith("{") else text
    except (OSError, http.client.HTTPException):
        return 0, None


class Holder(test_relay.Holder):
    def get(self, path=""):
        return ask(self.relay, "GET", f"/api/v1/homes/{self.home}{path}", headers=self.grant.bearer)

    def send(self, sealed, wait=3):
        return ask(self.relay, "POST", f"/api/v1/homes/{self.home}/requests?wait={wait}", sealed, self.grant.bearer)


class Kill:
    """A LAN with guard and relay; once(WHAT) is one round."""

    def __init__(self, lan, folder, seed):
        self.lan, self.dice = lan, random.Random(seed)
        self.relay = test_relay.Relay(lan, folder)
        with open(self.relay.config, "a", encoding="utf-8") as config:
            config.write("events-per-home = 2000\nrequests-per-address = off\nconnects-per-address = off\n")
        self.relay.start()
        self.machines = [lan.machine(f"m{i}", boot=0.3, dad="off") for i in range(3)]
        self.guard = lan.guard(self.machines, wake={"interval": "1s"})
        test_relay.joined(self.guard, self.relay)
        self.owner = Holder(self.relay, self.share("owner"))
        self.shared, self.revoked, self.homes = {}, {}, []
        self.asked, self.accepted = 0, 0
        self.back, self.lost, self.twice = [], [], []
        for machine in self.machines:
            self.guard.wait_state(machine.name, "awake")

    def share(self, name):
        return test_relay.share(self.guard, "--name", name)["link"]

    # --- what people do meanwhile; each knows what was acknowledged ---

    def load_grants(self, stop):
        n = 0
        while not stop.is_set():
            n += 1
            out = self.guard.rouse("share", "--json", "--name", f"friend {n}", check=False)
            if out.returncode != 0:
                continue
            grant = json.loads(out.stdout)
            self.shared[grant["id"]] = grant["link"]
            if n % 2:
                # Once asked for, its end may come whether it is acknowledged or not.
                link = self.shared.pop(grant["id"])
                if self.guard.rouse("revoke", grant["id"], check=False).returncode == 0:
                    self.revoked[grant["id"]] = link

    def load_looks(self, stop):
        while not stop.is_set():
            status, said = self.owner.get("/challenge")
            if status == 200 and said.get("challenge"):
                self.owner.send(self.owner.grant.seal(self.owner.home, said["challenge"], machine="1", verb="see"), wait=1)
            else:
                time.sleep(0.02)

    def load_homes(self, stop):
        with contextlib.suppress(OSError, AssertionError, rouse.Closed, ValueError):
            invitation = self.relay.invite()
            with self.relay.ns.entered():
                guard = rouse.Guard(self.relay.url)
                said = guard.connect(invitation)
            if said["t"] == "joined":
                self.homes.append(guard.home)
            stop.wait(5)
            guard.close()

    def wake(self, holder, sealed, stop, found):
        """The same sealed request again and again, as one who hears nothing would, and as a relay that lies."""
        while not stop.is_set():
            status, said = holder.send(sealed, wait=1)
            if status and isinstance(said, dict):
                for body in holder.bodies(said) if said.get("answers") else []:
                    found.add(body.get("step") or body.get("result"))
            time.sleep(0.02)

    # --- a round ---

    def end(self, what):
        if what in ("relay", "both"):
            self.relay.kill()
        if what in ("monitor", "both"):
            self.guard.kill()
        elif what in ("uplink", "engine"):
            with contextlib.suppress(KeyError, ProcessLookupError):
                self.guard.kill(what)

    def begin(self, what):
        if what in ("relay", "both"):
            self.relay.start()
        if what in ("monitor", "both"):
            self.guard.start()

    def works(self):
        status, said = self.owner.get("/challenge")
        if status != 200 or not said.get("challenge"):
            return False
        said = self.owner.send(self.owner.grant.seal(self.owner.home, said["challenge"], machine="1", verb="see"))[1]
        # "limited" is an answer of the guard's, too.
        return isinstance(said, dict) and "answers" in said and bool(self.owner.bodies(said))

    def once(self, number, what):
        machine = self.machines[number % len(self.machines)]
        if machine.state == "up":
            goodbye(self.guard, machine)
        netns.wait_until(lambda: (self.owner.machine(machine.name) or {}).get("state") == "asleep", 10, what="the relay knows")
        name = f"wake {number}"
        holder = Holder(self.relay, self.share(name))
        netns.wait_until(lambda: holder.get()[0] == 200, 10, what="the relay knows the grant")
        sealed = holder.sealed(holder.machine(machine.name)["id"])
        stop, found = threading.Event(), set()
        threads = [threading.Thread(target=t, args=a) for t, a in (
            (self.load_grants, (stop,)), (self.load_looks, (stop,)), (self.load_homes, (stop,)),
            (self.wake, (holder, sealed, stop, found)))]
        for thread in threads:
            thread.start()
        time.sleep(self.dice.random() * 0.4)
        began = time.monotonic()
        self.end(what)
        self.begin(what)
        try:
            netns.wait_until(self.works, BACK, step=0.05, what=f"back after the end of {what}\n{self.guard.log()[-3000:]}")
            self.back.append(time.monotonic() - began)
        finally:
            stop.set()
            for thread in threads:
                thread.join(20)
        self.guard.wait_state(machine.name, "awake", "asleep")
        self.look(name, found)

    def look(self, name, found):
        events = [e for e in self.guard.events() if e["event"] == "request" and e["who"] == name]
        self.asked += 1
        self.accepted += "accepted" in found
        if len(events) > 1:
            self.twice.append(name)
        if "accepted" in found and not events:
            self.lost.append(f"event of {name}")
        self.look_at_grants()

    def look_at_grants(self):
        known = {g["id"] for g in json.loads(self.guard.rouse("grants", "--json").stdout)["grants"]}
        self.lost += [f"grant {g} at the guard" for g in self.shared if g not in known]
        self.lost += [f"end of grant {g} at the guard" for g in self.revoked if g in known]
        # At the relay those of this round; a grant that many could not be looked up is limited.
        for grants, expected in ((self.shared, 200), (self.revoked, 401)):
            for ident, link in list(grants.items())[-2:]:
                # The guard tells the relay after it has told us.
                try:
                    netns.wait_until(lambda h=Holder(self.relay, link), e=expected: h.get()[0] == e, 3)
                except TimeoutError:
                    self.lost.append(f"grant {ident} at the relay: not {expected}")
        # So that neither side is full of them.
        for ident in list(self.shared)[:-4]:
            self.guard.rouse("revoke", ident)
            self.revoked[ident] = self.shared.pop(ident)

    def finish(self):
        """What only the end shows: homes, events, and whether database and journal are sound."""
        homes = self.relay_run("homes")
        self.lost += [f"home {home}" for home in self.homes if home not in homes]
        seen = {e["id"] for e in self.owner.get("/events?limit=200")[1]["events"]}
        mine = {e["id"] for e in self.guard.events() if e["event"] in ("request", "awake") and e["id"] >= min(seen)}
        self.lost += [f"event {event} at the relay" for event in sorted(mine - seen)]
        self.guard.stop()
        self.relay.stop()
        with contextlib.closing(sqlite3.connect(self.relay.folder / "relay.db")) as database:
            sound = database.execute("PRAGMA integrity_check").fetchone()[0]
        if sound != "ok":
            self.lost.append(f"database: {sound}")
        self.lost += [f"journal: {name}" for name in os.listdir(self.guard.state_dir) if "bad" in name]

    def relay_run(self, *argv):
        import subprocess
        return subprocess.run(self.relay.ns.command(test_relay.program("rouse-relay"), "-c", str(self.relay.config), *argv),
                              capture_output=True, text=True, timeout=20, check=True).stdout
