"""The real roused on the guard's host, with all sandboxes on, and the check that it leaves nothing behind."""

import contextlib
import difflib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import netns

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("ROUSE_BUILD", os.path.join(ROOT, "build")))


def program(name):
    path = os.path.join(BUILD, name)
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} is not built (ROUSE_BUILD names the build folder)")
    return path


def daemon_user():
    """Who roused becomes when root starts it."""
    for name in ("rouse", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise KeyError("neither rouse nor nobody")


def host_state(ns):
    """Everything of a host that the guard must never change: {what: text}."""
    def clean(text):
        return re.sub(r'"(?:valid_life_time|preferred_life_time|expires)":\s*\d+', "", text)

    def sysctls():
        with ns.entered():
            out = []
            for top in ("/proc/sys/net/ipv4", "/proc/sys/net/ipv6", "/proc/sys/net/core"):
                for folder, _, names in os.walk(top):
                    for name in names:
                        with contextlib.suppress(OSError), open(os.path.join(folder, name), encoding="ascii") as file:
                            out.append(f"{folder}/{name}={file.read().strip()}")
            return "\n".join(sorted(line for line in out if "/random" not in line and "stable_secret" not in line))

    def ip(*words):
        return clean(subprocess.run(["ip", "-j", "-n", ns.name, *words], capture_output=True, text=True).stdout)

    links = re.sub(r'"promiscuity":\d+|"allmulti":\d+', lambda m: m[0], ip("-d", "link"))
    return {"addresses": ip("addr"), "routes": ip("route", "show", "table", "all"),
            "routes6": ip("-6", "route", "show", "table", "all"), "rules": ip("rule"), "links": links,
            "groups": ip("maddr"), "sysctls": sysctls(),
            "firewall": ns.run("nft", "list", "ruleset", check=False).stdout if shutil.which("nft") else "",
            "qdisc": ns.run("tc", "qdisc").stdout,
            "packet sockets": ns.run("ss", "-0", "-a", "-n", "-H", check=False).stdout}


def wait_settled(ns):
    """Until the kernel has finished with a host's IPv6 addresses: the link-local one comes with the carrier, each is tentative at
    first, and has its route a little later."""
    def settled():
        links = json.loads(ns.run("ip", "-j", "addr", "show", "up", check=False).stdout or "[]")
        addresses = [[a for a in link.get("addr_info", []) if a["family"] == "inet6"] for link in links if link["ifname"] != "lo"]
        routes = ns.run("ip", "-6", "route", "show", "table", "local", check=False).stdout.split()
        return (all(any(a["scope"] == "link" for a in of_link) for of_link in addresses) and
                all(not a.get("tentative") and a["local"] in routes for of_link in addresses for a in of_link))
    with contextlib.suppress(TimeoutError):         # a host without IPv6
        netns.wait_until(settled, 3)


def neighbours(ns):
    """[(address, mac or None, states)] of the kernel's table."""
    out = subprocess.run(["ip", "-j", "-n", ns.name, "neigh"], capture_output=True, text=True, check=True).stdout
    return [(item["dst"], item.get("lladdr"), item.get("state", [])) for item in json.loads(out or "[]")]


def process_stat(pid):
    """{"session": pid, "ended": whether it is a zombie} of a process, or None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            state, _, _, session, _ = file.read().rpartition(") ")[2].split(maxsplit=4)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return {"session": int(session), "ended": state in "ZX"}


class Guard:
    """Options: guard={key: value}, wake={…} (of the configuration), extra (text of the file), observe and the like go into
    guard=; rules ({name: "tcp/22"}), machine_keys ({name: {key: value}}), addresses ({name: [..]}), argv (instead of -c
    FILE), env, state_dir (a mount point for the full-disk test), fast (short watch so that silence is noticed soon), wrap
    (words before the program: a shell that mounts something first), image (another executable than build/roused)."""

    def __init__(self, lan, host, machines=(), guard=None, wake=None, extra="", rules=None, machine_keys=None, addresses=None,
                 argv=None, env=None, state_dir=None, fast=True, configure=True, wrap=(),
                 image=None):
        self.lan, self.host, self.machines = lan, host, list(machines)
        self.ns = host.ns
        self.folder = tempfile.mkdtemp(prefix=f"rl{os.getpid()}-")
        os.chmod(self.folder, 0o755)
        user = daemon_user()
        self.state_dir = state_dir or os.path.join(self.folder, "state")
        run_dir = os.path.join(self.folder, "run")
        for path in (self.state_dir, run_dir):
            os.makedirs(path, exist_ok=True)
            os.chown(path, user.pw_uid, user.pw_gid)
        self.socket = os.path.join(run_dir, "control.sock")
        self.log_path = os.path.join(self.folder, "log")
        self.config_path = os.path.join(self.folder, "roused.conf")
        self.keys = {"interface": "eth0", "state-dir": self.state_dir, "control": self.socket, **(guard or {})}
        self.wake_keys = {**({"watch": "1s"} if fast else {}), **(wake or {})}
        self.extra, self.argv, self.env, self.wrap, self.image = extra, argv, env, list(wrap), image
        self.rules, self.machine_keys, self.addresses = rules or {}, machine_keys or {}, addresses or {}
        self.process = None
        self.clean_exit = True
        wait_settled(self.ns)
        self.before = host_state(self.ns)
        if configure:
            self.write_config()

    # Configuration

    def config_text(self):
        def lines(keys):
            return "".join(f"{key} = {value}\n" for key, value in keys.items() if value is not None)
        text = "[guard]\n" + lines(self.keys) + "\n[wake]\n" + lines(self.wake_keys)
        for machine in self.machines:
            keys = {"mac": machine.mac, "address": " ".join(self.addresses.get(machine.name, machine.addresses)),
                    "wake-on": self.rules.get(machine.name)}
            if machine.secureon:
                keys["secureon"] = ":".join(f"{byte:02x}" for byte in machine.secureon)
            keys.update(self.machine_keys.get(machine.name, {}))
            text += f'\n[machine "{machine.name}"]\n' + lines(keys)
        return text + self.extra

    def write_config(self):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(self.config_text())
        os.chmod(self.config_path, 0o644)

    # Process

    def start(self, timeout=10):
        argv = self.argv if self.argv is not None else ["-c", self.config_path]
        log = open(self.log_path, "ab")
        env = {**os.environ, **(self.env or {})}
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.ns.command(*self.wrap, self.image or program("roused"), *argv), stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log, env=env, start_new_session=True)
        log.close()
        if timeout:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=10):
        """The control socket answers."""
        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"roused ended with {self.process.returncode}:\n{self.log()}")
            return os.path.exists(self.socket) and self.rouse("status", check=False).returncode == 0
        netns.wait_until(ready, timeout, what=f"guard ready; log:\n{self.log()}\n")

    def roles(self):
        """{role name: pid} of the daemon's children, by argv[0] `roused: engine`."""
        out = {}
        if self.process is None or self.process.poll() is not None:
            return out
        gone = FileNotFoundError, ProcessLookupError       # before it was opened, and since
        with contextlib.suppress(*gone):
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
                for word in file.read().split():
                    with contextlib.suppress(*gone), open(f"/proc/{word}/cmdline", "rb") as cmdline:
                        words = cmdline.read().split(b"\0")[0].decode("ascii", "replace").split(":")[-1].split()
                        if words:                   # else it is just being started, or gone
                            out[words[0]] = int(word)
        return out

    def pids(self):
        return [self.process.pid, *self.roles().values()] if self.process and self.process.poll() is None else []

    def stop(self, timeout=10):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        self.wait_gone()
        return code

    def kill(self, role=None, wait=True):
        """kill -9 of the daemon (the monitor) or of one role."""
        if role:
            pid = self.roles()[role]
            os.kill(pid, signal.SIGKILL)
            netns.wait_until(lambda: (process_stat(pid) or {"ended": True})["ended"], 10, what=f"end of {role}")
            return pid
        self.process.kill()
        self.process.wait(10)
        if wait:
            self.wait_gone()
        return self.process.pid

    def wait_gone(self, timeout=10):
        """No process of the daemon lives on. One that is ending has an empty command line, and soon no namespace, before its
        descriptors are closed: only a zombie has let go of its sockets."""
        netns.wait_until(lambda: not self._living(), timeout, what="end of all roles")

    def _living(self):
        """The pids of its session (start() gives it one of its own) that have not ended."""
        stats = {pid: process_stat(pid) for pid in map(int, filter(str.isdigit, os.listdir("/proc")))}
        return [pid for pid, stat in stats.items() if stat and stat["session"] == self.process.pid and not stat["ended"]]

    @staticmethod
    def _is_roused(pid):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"roused" in file.read()
        return False

    def restart(self, timeout=10):
        return self.start(timeout)

    def reload(self):
        self.write_config()
        self.process.send_signal(signal.SIGHUP)

    # Looking at it

    def rouse(self, *argv, check=True, timeout=60, sock=True, **kwargs):
        """Run the command line tool; returns the CompletedProcess."""
        command = [program("rouse"), *(["--socket", self.socket] if sock else []), *argv]
        result = subprocess.run(self.ns.command(*command) if argv and argv[0] == "register" else command,
                                capture_output=True, text=True, timeout=timeout, **kwargs)
        if check and result.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: exit {result.returncode}\n{result.stdout}{result.stderr}\nlog:\n{self.log()}")
        return result

    def status(self, name=None):
        """The machine's object of `rouse status --json`, or the list of all."""
        machines = json.loads(self.rouse("status", "--json").stdout)["machines"]
        if name is None:
            return machines
        return next((item for item in machines if item["name"] == name), None)

    def state(self, name):
        item = self.status(name)
        return item["state"] if item else None

    def wait_state(self, name, *states, timeout=15):
        try:
            return netns.wait_until(lambda: self.state(name) in states and self.state(name), timeout, step=0.03,
                                    what=f"{name} {'/'.join(states)}")
        except TimeoutError as error:
            raise TimeoutError(f"{error} (is {self.state(name)})\nlog:\n{self.log()}") from None

    def log(self):
        with contextlib.suppress(FileNotFoundError), open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""

    def wait_log(self, pattern, timeout=10, after=0):
        """The match of a regular expression in the log (after a position: len(guard.log()) of earlier)."""
        try:
            return netns.wait_until(lambda: re.search(pattern, self.log()[after:]), timeout, what=f"log line {pattern!r}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\nlog:\n{self.log()[after:]}") from None

    def events(self, name=None):
        out = self.rouse("log", *([name] if name else []), "--json").stdout
        return [json.loads(line) for line in out.splitlines() if line.strip()]

    def pss(self):
        """Proportional set size of all roles in bytes."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M)[1]) * 1024
        return total

    def cpu(self):
        """Seconds of processor time of all roles so far."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])            # nanoseconds; ticks are too coarse for "0.0 %"
        return total / 1e9

    @contextlib.contextmanager
    def pairing(self):
        """`rouse pair` runs: the code, and the process."""
        process = subprocess.Popen([program("rouse"), "--socket", self.socket, "pair", "--json"], stdout=subprocess.PIPE, text=True)
        try:
            yield re.search(r'"code": *"(\d{6})"', process.stdout.readline())[1], process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(5)
            process.stdout.close()

    # The registration port

    def register_raw(self, payload, host=None, address=None, port=13717, timeout=8, family=4):
        """Send bytes to the registration port from a host (default: the other host); the reply as bytes."""
        with self.dial(host, address, port, timeout, family) as sock:
            sock.sendall(payload)
            return read_reply(sock)

    def dial(self, host=None, address=None, port=13717, timeout=8, family=4):
        """A TCP connection to the registration port."""
        source = host or self.lan.other
        with source.ns.entered():
            sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
        sock.settimeout(timeout)
        sock.connect((address or self.host.address(family), port))
        return sock

    def register(self, machine, ports=None, name=True, host=None, **more):
        """Register a machine as Wakupator's client does; the reply text without its NUL."""
        entry = {"mac": machine.mac, "monitor": [
            {"ip": address, "port": (ports if ports is not None else [22])} for address in machine.addresses]}
        if name:
            entry["name"] = machine.name if name is True else name
        entry.update(more)
        reply = self.register_raw(json.dumps(entry).encode(), host or machine)
        assert reply.endswith(b"\0"), f"reply without NUL: {reply!r}"
        return reply[:-1].decode()

    # The end

    def differences(self):
        """What the guard left on its host, as text; empty when nothing."""
        after = host_state(self.ns)
        out = []
        for what, text in self.before.items():
            if text != after[what]:
                changes = difflib.unified_diff(text.replace("},", "},\n").splitlines(), after[what].replace("},", "},\n").splitlines(), n=0)
                out.append(f"{what} changed:\n" + "\n".join(line for line in changes if not line.startswith(("---", "+++", "@@"))))
        real = {thing.mac for thing in [*self.lan.hosts, *self.lan.machines]} | self.lan.macs
        for address, mac, states in neighbours(self.ns):
            if "PERMANENT" in states and mac not in (None, "00:00:00:00:00:00") and not address.startswith(("ff", "224.", "239.")):
                out.append(f"permanent neighbour {address} {mac}")
            elif mac is not None and mac not in real and "NOARP" not in states:
                out.append(f"neighbour {address} with a MAC nobody has: {mac} {states}")
        return "\n".join(out)

    def close(self):
        """Stop it if it runs, and see that nothing is left."""
        try:
            if self.process is not None and self.process.poll() is None:
                try:
                    self.stop()
                except (subprocess.TimeoutExpired, TimeoutError):
                    self.kill(wait=False)
                    raise AssertionError(f"roused did not stop on SIGTERM\n{self.log()}") from None
            left = self.differences() if self.process is not None and self.clean_exit else ""
            assert not left, f"left on the guard's host: {left}"
            found = re.search(r".*(Sanitizer|runtime error:).*", self.log())
            assert not found, f"{found[0]}\n{self.log()}"
        finally:
            for pid in self.ns.pids():
                if self._is_roused(pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            if not os.environ.get("ROUSE_LAB_KEEP"):
                shutil.rmtree(self.folder, ignore_errors=True)


def read_reply(sock):
    out = b""
    while True:
        try:
            piece = sock.recv(65536)
        except (ConnectionResetError, TimeoutError):
            return out
        if not piece:
            return out
        out += piece
