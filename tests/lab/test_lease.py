"""Sleepers: pairing by code, the lease, goodbyes; what an impostor, a replay and a dying guard make of them."""

import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time

import lease as sleeper
import netns
import pytest
from guard import daemon_user, program
from scenes import check_connected, wait_quiet

pytestmark = pytest.mark.needs_guard


class Code:
    """`rouse pair` on the guard, running."""

    def __init__(self, guard):
        self.process = subprocess.Popen([program("rouse"), "--socket", guard.socket, "pair", "--json"],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.guard = guard
        self.first = self.next()
        self.code = self.first.get("pair", {}).get("code")

    def next(self, timeout=10):
        impatient = threading.Timer(timeout, self.process.kill)
        impatient.start()
        try:
            return json.loads(self.process.stdout.readline() or "{}")
        finally:
            impatient.cancel()

    def end(self, timeout=5):
        """(exit status, last answer)"""
        impatient = threading.Timer(timeout, self.process.kill)
        impatient.start()
        lines = self.process.stdout.read().splitlines()     # not communicate(): it forgets what next() read ahead
        impatient.cancel()
        return self.process.wait(5), json.loads(lines[-1]) if lines else None

    def wrong(self):
        return f"{(int(self.code) + 1) % 1000000:06}"


@contextlib.contextmanager
def code(guard):
    shown = Code(guard)
    try:
        yield shown
    finally:
        shown.process.kill()
        shown.process.communicate()


class Sleeper:
    """A machine's sleeper: what it was paired with, and its connection."""

    def __init__(self, guard, machine, rules=("tcp/22",)):
        self.guard, self.machine, self.rules = guard, machine, list(rules)
        self.lease = None

    def pair(self, name=None):
        with code(self.guard) as shown:
            self.pair_with(shown.code, name)
            assert shown.end()[0] == 0
        return self

    def pair_with(self, digits, name=None):
        with self.machine.ns.entered():
            self.ident, self.key = sleeper.pair(self.guard.host.v4, 13717, digits, self.machine.mac,
                                                name or self.machine.name)

    def connect(self, host=None):
        with (host or self.machine).ns.entered():
            return sleeper.Lease(self.guard.host.v4, 13717, self.ident, self.key)

    def about(self, **more):
        return {"name": self.machine.name, "mac": self.machine.mac, "addresses": self.machine.addresses,
                "rules": self.rules, **more}

    def hold(self, why="boot", **more):
        """Connects and says its lease; returns the result."""
        self.lease = self.connect()
        told = self.lease.lease(self.about(**more), why)
        assert told["result"] == "ok", told
        return told

    def goodbye(self, why="suspend"):
        told = self.lease.goodbye(self.about(), why)
        assert told["result"] == "ok", told
        self.lease.close()


def refused(word):
    return pytest.raises(sleeper.Refused, match=word)


def ended(lease, timeout=3):
    """The connection is over: the word of its error, or None."""
    lease.lines.socket.settimeout(timeout)
    try:
        while True:
            line = lease.lines.read()
            if line.startswith("{"):
                return json.loads(line)["error"]
    except (EOFError, ConnectionResetError):
        return None


def test_pair_lease_goodbye_knock(lan):
    nas = lan.machine("nas", boot=0.5, dad="off")
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    assert [p["name"] for p in json.loads(guard.rouse("pair", "--list", "--json").stdout)["pairings"]] == ["nas"]
    assert guard.status("nas") is None, "paired is not guarded yet"
    assert s.hold()["seconds"] == 180
    status = guard.status("nas")
    assert status["state"] == "awake" and status["addresses"] == nas.addresses and status["rules"] == ["tcp/22"]
    assert status["sleeper"]["lease"] == "held" and status["sleeper"]["source"] == nas.v4
    before = time.monotonic()
    s.goodbye()
    assert time.monotonic() - before < 0.2       # bench/goodbye.py measures
    assert guard.state("nas") == "drowsy"
    nas.sleep()
    guard.wait_state("nas", "asleep")
    assert guard.status("nas")["sleeper"]["lease"] == "none"
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)
    s.hold("resume")
    guard.wait_state("nas", "awake")
    kinds = [e["event"] for e in guard.events()]
    assert kinds.count("paired") == 1 and kinds.count("goodbye") == 1 and "stays" not in kinds
    goodbye = next(e for e in guard.events() if e["event"] == "goodbye")
    assert goodbye["from"] == nas.v4 and "(suspend)" in goodbye["text"]


def test_resume_before_anybody_noticed(lan):
    """Asleep and back within the probe interval: the lease takes the goodbye back."""
    nas = lan.machine("nas", boot=0.5, dad="off")
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    s.hold()
    s.goodbye()
    assert guard.state("nas") == "drowsy"
    s.hold("resume")
    assert guard.state("nas") == "awake"
    assert s.lease.goodbye(s.about())["result"] == "ok" and guard.state("nas") == "drowsy"
    assert s.lease.say("stay", why="reboot")["result"] == "ok"
    assert guard.state("nas") == "awake"
    assert [e["event"] for e in guard.events("nas")].count("stays") == 2


def test_wrong_code_three_tries(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas)
    with refused("no-code"):
        s.pair_with("123456")
    with code(guard) as shown:
        for left in (2, 1):
            with refused("wrong-code"):
                s.pair_with(shown.wrong())
            assert shown.next()["pair"] == {"wrong_from": nas.v4, "tries": left}
        assert guard.rouse("pair", check=False).returncode == 1, "one code at a time"
        with refused("wrong-code"):
            s.pair_with(shown.wrong())
        status, last = shown.end()
        assert status == 1 and last["result"] == "spent"
        with refused("code-spent"):
            s.pair_with(shown.code)
    with code(guard) as shown:
        for _ in range(2):
            with refused("wrong-code"):
                s.pair_with(shown.wrong())
        s.pair_with(shown.code)
        assert shown.end()[1]["result"] == "paired"
    assert len(guard.rouse("pair", "--list", "--json").stdout.split('"mac"')) == 2


def test_code_is_over_when_nobody_waits(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    with code(guard) as shown:
        shown.process.send_signal(signal.SIGINT)
        shown.process.wait(5)
        with refused("no-code"):
            Sleeper(guard, nas).pair_with(shown.code)
    Sleeper(guard, nas).pair()


def test_proved_is_paired(lan):
    """Ctrl-C while the guard's disk is busy, for longer than a sleeper may take for a line: it has the pairing, so has the machine."""
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas)
    with code(guard) as shown, nas.ns.entered():
        half = sleeper.Half("sleeper", shown.code, os.urandom(16), nas.mac, nas.name)
        lines = sleeper.Lines(guard.host.v4, 13717)
        lines.write(sleeper.compact({"rouse": 1, "pair": {"session": sleeper.b64(half.session), "mac": nas.mac,
                                                          "share": sleeper.b64(half.share), "name": nas.name}}))
        heard = lines.hear()["pair"]
        s.ident, (s.key, tag, _) = heard["id"], half.finish(sleeper.unb64(heard["share"], 32), heard["id"])
        os.kill(guard.process.pid, signal.SIGSTOP)      # the monitor, which stores
        try:
            lines.write(sleeper.compact({"pair": {"tag": sleeper.b64(tag)}}))
            time.sleep(0.3)
            shown.process.send_signal(signal.SIGINT)
            shown.process.wait(10)
            time.sleep(5.5)
        finally:
            os.kill(guard.process.pid, signal.SIGCONT)
        lines.socket.settimeout(10)
        assert lines.hear() == {"paired": heard["id"]}
    s.hold()


class Terminal:
    """`rouse pair` at a terminal."""

    def __init__(self, guard):
        self.fd, theirs = pty.openpty()
        self.process = subprocess.Popen([program("rouse"), "--socket", guard.socket, "pair"], stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.text = ""

    def read(self, pattern, timeout=10):
        end = time.monotonic() + timeout
        while not re.search(pattern, self.text):
            assert select.select([self.fd], [], [], max(0, end - time.monotonic()))[0], self.text
            try:
                self.text += os.read(self.fd, 4096).decode()
            except OSError:     # nobody has it open any more
                raise AssertionError(self.text) from None
        return re.search(pattern, self.text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(10)
        os.close(self.fd)


@pytest.mark.parametrize("typed, stays", [("n", False), ("", True)])
def test_the_owner_is_asked(lan, typed, stays):
    """Whoever has the code of a visitor's machine says that he is nas."""
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([nas])
    s = Sleeper(guard, nas)
    with Terminal(guard) as terminal:
        s.pair_with("".join(terminal.read(r"(\d{3}) (\d{3})").groups()), "laptop")
        terminal.read(r"nas \([0-9a-f:]+\) is paired, from [0-9.]+\.\s+nas was guarded already\..*\[Y/n\] ")
        os.write(terminal.fd, f"{typed}\n".encode())
        if not stays:
            terminal.read("nas: not paired any more")
        assert terminal.process.wait(10) == (0 if stays else 1)
    if stays:
        s.hold()
    else:
        with refused("unknown-pairing"):
            s.connect()


def test_pairing_anew_ends_the_older(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    old = Sleeper(guard, nas).pair()
    old.hold()
    new = Sleeper(guard, nas).pair()
    assert ended(old.lease) == "replaced"
    with refused("unknown-pairing"):
        old.connect()
    new.hold()


def test_replay_flips_and_counters(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    with nas.ns.entered():
        recorded = sleeper.Lease(guard.host.v4, 13717, s.ident, s.key)
        line = recorded.out.seal(sleeper.compact({"say": "goodbye", "why": "suspend", **s.about()}))
        recorded.lines.close()
    s.hold()
    lines = {
        "of another connection": lambda lease: line,
        "twice": lambda lease: (lambda text: (lease.lines.write(text), lease.lines.read(), text)[2])(
            lease.out.seal(sleeper.compact({"say": "stay", "why": "cancelled"}))),
        "a counter left out": lambda lease: (lease.out.seal("{}"), lease.out.seal('{"say":"stay","why":"stop"}'))[1],
        "a bit of the tag": lambda lease: "A" + lease.out.seal('{"say":"stay","why":"stop"}')[1:].replace("B", "C", 1),
        "a bit of the text": lambda lease: lease.out.seal('{"say":"stay","why":"stop"}').replace("stop", "stoq"),
        "no tag": lambda lease: '"say"',
        "in the clear": lambda lease: '{"say":"goodbye"}',
    }
    for what, make in lines.items():
        lease = s.connect()
        lease.lines.write(make(lease))
        assert ended(lease) in ("not-authentic", "invalid"), what
    assert guard.state("nas") == "awake", "nothing of it was done"
    assert "goodbye" not in [e["event"] for e in guard.events()]
    assert ended(s.lease) == "replaced", "the one that proved the key and then repeated itself"
    # With a key that is not the pairing's nobody ends the lease of who has it.
    s.hold()
    thief = Sleeper(guard, nas)
    thief.ident, thief.key = s.ident, bytes(32)
    lease = thief.connect()
    lease.lines.write(lease.out.seal(sleeper.compact({"say": "goodbye", "why": "suspend", **s.about()})))
    assert ended(lease) == "not-authentic"
    assert s.lease.lease(s.about())["result"] == "ok"


def test_stolen_lease_is_said(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    s.hold()
    thief = s.connect(lan.other)
    thief.lease(s.about())
    assert ended(s.lease) == "replaced"
    guard.wait_log(f"nas was held from {nas.v4} and is taken over from {lan.other.v4}.*stolen")
    assert guard.status("nas")["sleeper"]["source"] == lan.other.v4


def test_source_must_be_on_link(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    with pytest.raises(sleeper.Refused, match="guard's own"):
        s.connect(lan.guard_host)


@pytest.mark.parametrize("who", ["engine", "control", "everything"])
def test_death_of_the_guard(lan, who):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    s.hold()
    if who == "everything":
        guard.kill()
        guard.restart()
    else:
        guard.kill(who)
    assert ended(s.lease) is None, "its connection is over"

    def again():
        with contextlib.suppress(OSError, sleeper.Refused, EOFError):
            return s.hold("start")
        return None
    netns.wait_until(again, 5, what="its lease is back")
    assert guard.status("nas")["sleeper"]["lease"] == "held"
    guard.wait_state("nas", "awake")
    assert "taken" not in guard.log() and "unknown" not in guard.log(), guard.log()


@pytest.mark.parametrize("mode", ["self", "anyone"])
def test_only_its_sleeper_speaks_for_it(lan, mode):
    nas = lan.machine("nas", boot=None)
    disk = lan.machine("disk", boot=None)
    guard = lan.guard([], guard={"register": mode})
    s = Sleeper(guard, nas).pair()
    assert "paired" in guard.register(nas), "before its first lease too"
    s.hold()
    assert "paired" in guard.register(nas)
    entry = {"mac": disk.mac, "name": "disk", "monitor": [{"ip": disk.v4, "port": [22]}, {"ip": nas.v4, "port": [22]}]}
    assert b"paired" in guard.register_raw(json.dumps(entry).encode(), disk), "one of its addresses"
    assert guard.register(disk) == "OK."
    guard.rouse("unpair", "nas")
    assert ended(s.lease) == "unpaired"
    with refused("unknown-pairing"):
        s.connect()
    assert guard.status("nas")["sleeper"] is None
    assert guard.register(nas) == "OK."
    assert guard.rouse("unpair", "nas", check=False).returncode == 1
    assert guard.rouse("unpair", "nobody", check=False).returncode == 3


def test_addresses(lan):
    nas = lan.machine("nas", boot=None)
    disk = lan.machine("disk", boot=None)
    guard = lan.guard([disk])
    s = Sleeper(guard, nas).pair()
    s.hold()
    nas.ns.ip("addr add 192.0.2.150/24 dev eth0")
    told = s.lease.lease(s.about(addresses=[*nas.addresses, "192.0.2.150"]), "change")
    assert told["result"] == "ok" and not told["text"]
    assert "192.0.2.150" in guard.status("nas")["addresses"]
    strange = ["192.0.2.151", lan.guard_host.v4, "203.0.113.7", disk.v4, lan.other.v4]
    started = time.monotonic()
    told = s.lease.lease(s.about(addresses=[*strange, *nas.addresses]), "change")
    assert told["result"] == "ok" and time.monotonic() - started < 2
    assert guard.status("nas")["addresses"] == nas.addresses
    for word in ("192.0.2.151 does not answer", "disk", lan.other.mac):
        assert word in told["text"], told
    told = s.lease.lease(s.about(addresses=["203.0.113.7"]), "change")
    assert told["result"] == "refused" and "203.0.113.7" in told["text"]
    told = s.lease.lease(s.about(mac=disk.mac), "change")
    assert told["result"] == "refused" and "MAC" in told["text"]
    # Whoever goes is not kept waiting by an address that is looked for.
    asked = s.lease.say("lease", wait=False, why="change", **s.about(addresses=[*nas.addresses, "192.0.2.152"]))
    started = time.monotonic()
    assert s.lease.goodbye(s.about())["result"] == "ok"
    assert time.monotonic() - started < 0.6     # an address that is looked for takes a second
    assert s.lease.next()["of"] == asked


def test_machine_of_the_file(lan):
    """What its owner wrote stands; its sleeper says when it goes."""
    nas = lan.machine("nas", boot=0.5, dad="off")
    guard = lan.guard([nas], rules={"nas": "tcp/22"}, addresses={"nas": [nas.v4]})
    s = Sleeper(guard, nas, rules=["tcp/80"])
    with code(guard) as shown:
        s.pair_with(shown.code, "storage")
        assert shown.end()[1]["machine"] == "nas", "what it is called here, whatever it said"
    told = s.hold()
    assert "configuration file" in told["text"]
    status = guard.status("nas")
    assert status["rules"] == ["tcp/22"] and status["addresses"] == [nas.v4] and guard.status("storage") is None
    s.goodbye()
    assert guard.state("nas") == "drowsy"
    assert guard.rouse("unpair", "nas").returncode == 0


def test_names_are_not_taken(lan):
    nas = lan.machine("nas", boot=None)
    disk = lan.machine("disk", boot=None)
    guard = lan.guard([disk])
    with code(guard) as shown, refused("another machine"):
        Sleeper(guard, nas).pair_with(shown.code, "disk")
    s = Sleeper(guard, nas).pair()
    s.lease = s.connect()
    told = s.lease.lease(s.about(name="disk"), "boot")
    assert told["result"] == "refused" and "disk" in told["text"]


def test_goodbye_of_one_that_does_not_wait(lan):
    """Its line before waits for the disk longer than it does: the goodbye counts all the same."""
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    s.hold()
    os.kill(guard.process.pid, signal.SIGSTOP)      # the monitor, which stores
    try:
        s.lease.say("lease", wait=False, why="change", **s.about(addresses=[*nas.addresses, "192.0.2.152"]))
        s.lease.say("goodbye", wait=False, why="suspend", **s.about())
        s.lease.close()
        time.sleep(0.3)
    finally:
        os.kill(guard.process.pid, signal.SIGCONT)
    guard.wait_log("nas: said goodbye")


def test_test(lan):
    nas = lan.machine("nas", boot=0.5, dad="off")
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    s.hold()
    assert s.lease.say("test", after=1)["result"] == "ok"
    s.goodbye()
    gone = nas.sleep()
    magic = nas.first_magic(gone)
    assert guard.events("nas")[-1]["event"] in ("request", "awake", "asleep")
    nas.wait_up()
    s.hold("resume")
    s.lease.lines.socket.settimeout(20)
    told = s.lease.next()
    assert told["tell"] == "tested", told
    assert 0 < told["asleep_seconds"] < 3 and 1 <= magic.time - gone < 4
    assert 0 < told["awake_seconds"] < 3
    assert [r["port"] for r in told["ready"]] == ["tcp/22"] and told["ready"][0]["seconds"] < 5
    # It said goodbye and is back without having slept.
    assert s.lease.say("test", after=1)["result"] == "ok"
    s.goodbye()
    s.hold("resume")
    told = s.lease.next()
    assert told["tell"] == "tested" and "did not fall asleep" in told["error"]
    # It stays, and the sleep that comes later is no test.
    assert s.lease.say("test", after=1)["result"] == "ok"
    assert s.lease.say("stay", why="cancelled")["result"] == "ok"
    s.goodbye()
    gone = nas.sleep()
    guard.wait_state("nas", "asleep")
    time.sleep(2)
    assert not nas.valid_magics(gone) and guard.state("nas") == "asleep"


def test_asked_to_sleep(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    assert guard.rouse("sleep", "nas", check=False).returncode == 3
    s.hold()

    def answer(**what):
        told = s.lease.next()
        assert told["tell"] == "ask" and told["what"] == "sleep" and told["who"].startswith("uid ")
        s.lease.say("answer", wait=False, ask=told["ask"], **what)
    for result, text in (("refused", "busy: somebody watches a film"), ("ok", "")):
        helper = threading.Thread(target=answer, kwargs={"result": result, "text": text})
        helper.start()
        said = guard.rouse("sleep", "nas", "--json", check=False)
        helper.join()
        assert json.loads(said.stdout)["result"] == result and said.returncode == (0 if result == "ok" else 1)
        assert text in said.stdout
    s.goodbye()
    assert guard.rouse("sleep", "nas").stdout == "nas: goes to sleep\n", "it is on its way"
    s.hold("resume")
    s.lease.close()
    netns.wait_until(lambda: guard.status("nas")["sleeper"]["lease"] == "none", 2, what="lease gone")
    said = guard.rouse("sleep", "nas", "--json", check=False)
    assert said.returncode == 1 and json.loads(said.stdout)["result"] == "no-sleeper"


def test_fifty_leases(lan):
    """Each from an address and a MAC of its own, all of them on one host."""
    count = 50
    host = lan.other
    host.ns.sysctl(**{"net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.conf.all.arp_announce": 2})
    boxes = []
    for i in range(count):
        mac, address = f"02:00:00:00:77:{i:02x}", f"192.0.2.{100 + i}"
        host.ns.ip(f"link add m{i} link eth0 type macvlan mode bridge", f"link set m{i} address {mac} up",
                   f"addr add {address}/32 dev m{i}")
        boxes.append((mac, address))
    lan.macs |= {mac for mac, _ in boxes}
    guard = lan.guard([])
    leases, told = [None] * count, [None] * count

    def hold(i):
        mac, address = boxes[i]
        about = {"name": f"box{i}", "mac": mac, "addresses": [address], "rules": []}
        with host.ns.entered():
            lines = socket.create_connection((guard.host.v4, 13717), 20, (address, 0))
        leases[i] = sleeper.Lease.__new__(sleeper.Lease)
        leases[i].lines = sleeper.Lines.__new__(sleeper.Lines)
        leases[i].lines.socket, leases[i].lines.rest = lines, b""
        open_lease(leases[i], *keys[i])
        told[i] = leases[i].lease(about, "boot")
    keys = []
    for i, (mac, _) in enumerate(boxes):
        with code(guard) as shown, host.ns.entered():
            keys.append(sleeper.pair(guard.host.v4, 13717, shown.code, mac, f"box{i}"))
    started = time.monotonic()
    threads = [threading.Thread(target=hold, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [t and t["result"] for t in told] == ["ok"] * count, [t for t in told if not t or t["result"] != "ok"]
    assert time.monotonic() - started < 20
    machines = guard.status()
    assert len(machines) == count and all(m["sleeper"]["lease"] == "held" for m in machines)
    nas = lan.machine("nas", boot=None)
    assert guard.register(nas) == "OK.", "leases do not take the places of registrations"
    for lease in leases:
        lease.close()


def open_lease(lease, ident, key):
    own = os.urandom(32)
    lease.lines.write(sleeper.compact({"rouse": 1, "lease": {"pairing": ident, "nonce": sleeper.b64(own)}}))
    other = sleeper.unb64(lease.lines.hear()["lease"]["nonce"], 32)
    lease.out = sleeper.Way(key, "to-guard", own, other)
    lease.back = sleeper.Way(key, "to-sleeper", own, other)


def test_who_says_nothing_right_is_sent_away(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    for line, word in ((b'{"rouse":2}\n', "version"), (b'{"rouse":1}\n', "invalid"),
                       (b'{"rouse":1,"lease":{"pairing":"x","nonce":"y"}}\n', "invalid")):
        with guard.dial(lan.client) as sock:
            sock.sendall(line)
            assert json.loads(sock.recv(4096))["error"] == word
            assert sock.recv(1) == b""
    lease = s.connect()
    lease.lines.write(b"x" * 17000 + b"\n")
    assert ended(lease) == "invalid"
    silent = s.connect()
    started = time.monotonic()
    assert ended(silent, 8) == "invalid" and 4 < time.monotonic() - started < 7
    flood = s.connect()
    s.hold()
    with contextlib.suppress(OSError):
        for _ in range(200):
            flood.lines.write(b"x" * 1000)
    assert s.lease.lease(s.about())["result"] == "ok"
    assert "control" in guard.roles() and guard.process.poll() is None


def test_a_try_is_counted_however_it_ends(lan):
    """Whoever saw the guard's tag knows whether his guess was right: he cannot keep the guard's person from hearing of it."""
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas)
    opening = sleeper.compact({"rouse": 1, "lease": {"pairing": sleeper.b64(bytes(9)), "nonce": sleeper.b64(bytes(32))}})
    with code(guard) as shown:
        patience = threading.Timer(20, shown.process.kill)     # nobody is told: an end, and no answer
        patience.start()
        for left, nonsense in ((2, "x"), (1, opening), (0, None)):
            half = sleeper.Half("sleeper", shown.wrong(), os.urandom(16), nas.mac, nas.name)
            pair = sleeper.compact({"rouse": 1, "pair": {"session": sleeper.b64(half.session), "mac": nas.mac,
                                                         "share": sleeper.b64(half.share), "name": nas.name}})
            with nas.ns.entered():
                lines = sleeper.Lines(guard.host.v4, 13717)
            lines.write(pair)
            assert "tag" in lines.hear()["pair"]
            lines.write(nonsense or pair)
            with pytest.raises(sleeper.Refused):
                lines.hear()
            assert shown.next()["pair"] == {"wrong_from": nas.v4, "tries": left}
            lines.close()
        patience.cancel()
        assert shown.end()[1]["result"] == "spent"
    s.pair()


def test_unpair_means_the_machine_of_that_name(lan):
    nas = lan.machine("nas", boot=None)
    disk = lan.machine("disk", boot=None)
    guard = lan.guard([])
    first = Sleeper(guard, disk).pair("nas")        # and never had a lease
    s = Sleeper(guard, nas).pair()
    s.hold()
    guard.rouse("unpair", "nas")
    assert ended(s.lease) == "unpaired"
    first.connect()
    guard.rouse("unpair", "nas")
    with refused("unknown-pairing"):
        first.connect()


def test_an_old_key_is_worth_nothing(lan):
    """A connection that was opened with the key of the pairing before, and proves it when there is a new one."""
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    thief = Sleeper(guard, nas).pair()
    waiting = thief.connect()
    s = Sleeper(guard, nas).pair()
    s.hold()
    with pytest.raises((sleeper.Refused, OSError, EOFError)):
        waiting.goodbye(s.about())
    assert guard.state("nas") == "awake" and s.lease.lease(s.about())["result"] == "ok"


def test_goodbye_close_behind_a_lease(lan):
    """Both in one segment, the lease with addresses that nobody has: the goodbye does not wait for them, and is not forgotten."""
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([nas], addresses={"nas": [nas.v4]})
    s = Sleeper(guard, nas).pair()
    s.hold()
    about = s.about(addresses=[nas.v4, "192.0.2.151", "192.0.2.152"])
    words = [s.lease.out.seal(sleeper.compact(w)) for w in (
        {"say": "lease", "why": "change", **about}, {"say": "goodbye", "why": "suspend", **s.about(addresses=[nas.v4])})]
    started = time.monotonic()
    s.lease.lines.write("\n".join(words))
    assert [s.lease.next()["result"] for _ in words] == ["ok", "ok"]
    assert time.monotonic() - started < 0.6 and guard.state("nas") == "drowsy"


def test_no_line_ends_control(lan):
    """A line that is too long, and comes so that nobody sees it grow: from anybody, and from who is paired."""
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    roles = guard.roles()
    with guard.dial(lan.client) as sock:
        for part in (b' {"rouse":1}', b"x" * 16000, b"x" * 16000 + b"\n"):
            sock.sendall(part)
            time.sleep(0.2)
        assert json.loads(sock.recv(4096))["error"] == "invalid"
    lease = s.connect()
    lease.lines.write(b"x" * 16000)
    time.sleep(0.2)
    lease.lines.write(b"x" * 16000 + b"\n")
    assert ended(lease) == "invalid"
    s.hold()
    assert guard.roles() == roles and "malformed" not in guard.log(), guard.log()


def test_nobody_takes_the_places_of_leases(lan):
    """What was opened and made no sense then is over: otherwise a thousand of them leave no place for a lease."""
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([])
    s = Sleeper(guard, nas).pair()
    opening = sleeper.compact({"rouse": 1, "lease": {"pairing": s.ident, "nonce": sleeper.b64(bytes(32))}})
    for n in range(1400):           # there are places for 1280
        with guard.dial(nas) as sock:
            sock.sendall(f"{opening}\n{opening}\n".encode())
            said = b""
            while more := sock.recv(4096):
                said += more
        assert b'"busy"' not in said, n
    s.hold()


def test_full_disk(lan):
    state = f"/tmp/rl{os.getpid()}-full"
    os.makedirs(state, exist_ok=True)
    user = daemon_user()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=64k,uid={user.pw_uid},mode=700", "none", state], check=True)
    try:
        nas = lan.machine("nas", boot=None)
        guard = lan.guard([], state_dir=state)
        path = os.path.join(state, "ballast")
        with open(path, "wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(b"x" * 4096)
        # The journal's last block has room: it is filled as events come.
        for i in range(40):
            if guard.rouse("add", f"box{i}", "--mac", f"52:54:00:00:77:{i:02x}", check=False).returncode:
                break
        s = Sleeper(guard, nas)
        with code(guard) as shown:
            with refused("failed"):
                s.pair_with(shown.code)
            status, last = shown.end()
            assert status == 1 and last["result"] == "failed" and "space" in last["error"]
        assert json.loads(guard.rouse("pair", "--list", "--json").stdout) == {"pairings": []}
        os.unlink(path)
        s.pair()
        guard.kill()
        guard.restart()
        s.hold()
        guard.stop()
    finally:
        subprocess.run(["umount", "-l", state], check=False)
        shutil.rmtree(state, ignore_errors=True)


def test_goodbye_of_an_unpaired_machine_changes_nothing(lan):
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([nas])
    guard.wait_state("nas", "awake")
    ghost = Sleeper(guard, nas)
    ghost.ident, ghost.key = sleeper.b64(os.urandom(9)), os.urandom(32)
    with refused("unknown-pairing"):
        ghost.connect()
    wait_quiet(0.3)
    assert guard.state("nas") == "awake"
