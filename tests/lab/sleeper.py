"""The real rouse-sleeper on a machine or host of the lab, and what is seen of it."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import netns
from false_guard import b64
from guard import program


class Sleeper:
    """Options: paired (False: no pairing file), key, guard (what the pairing says; default: the guard's host), port, config
    ({key: value} of [sleeper]), extra (text of the file), mode (of the pairing file), mounts ({path: what the daemon sees
    there}), preload (a library). There is no system bus in the lab: the unit tests of logind and the scenes in a real
    systemd are elsewhere."""

    def __init__(self, host, paired=True, key=None, guard=None, port=13717, config=None, extra="", mode=0o600, name=None, mounts=None,
                 preload=None):
        self.host, self.ns = host, host.ns
        self.key = key or os.urandom(32)
        self.id = b64(os.urandom(9))
        self.name = name or host.name
        self.mounts, self.preload = mounts or {}, preload
        self.folder = tempfile.mkdtemp(prefix=f"rls{os.getpid()}-")
        self.state_dir = os.path.join(self.folder, "state")
        self.socket = os.path.join(self.folder, "control.sock")
        self.log_path = os.path.join(self.folder, "log")
        self.config_path = os.path.join(self.folder, "rouse-sleeper.conf")
        self.process = None
        os.makedirs(self.state_dir, mode=0o700)
        if paired:
            self.pair(guard or host.lan.guard_host.v4, port, mode)
        keys = {"state-dir": self.state_dir, "control": self.socket, **(config or {})}
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write("[sleeper]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()) + extra)

    @property
    def pairing_path(self):
        return os.path.join(self.state_dir, "pairing.json")

    def pair(self, guard, port=13717, mode=0o600):
        """Writes the file as `rouse setup` does."""
        with open(self.pairing_path + ".new", "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            json.dump({"pairing": 1, "id": self.id, "key": b64(self.key), "guard": guard, "port": port, "mac": self.host.mac,
                       "name": self.name, "interface": "eth0"}, file)
            file.write("\n")
        os.rename(self.pairing_path + ".new", self.pairing_path)

    def pairing(self):
        with open(self.pairing_path, encoding="utf-8") as file:
            return json.load(file)

    def command(self, *argv):
        return self.ns.command(program("rouse-sleeper"), "-c", self.config_path, *argv)

    def start(self):
        # No system bus: what the box that runs the tests has is not the machine's.
        env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/no-bus"}
        argv = self.command("--debug")
        if self.mounts or self.preload:
            # `ip netns exec` has its own mounts: what is mounted there ends with the daemon.
            script = "".join(f"mount --bind {source} {path}; " for path, source in self.mounts.items())
            if self.preload:
                script += f"export LD_PRELOAD={self.preload}; "
            argv = self.ns.command("sh", "-ec", script + 'exec "$@"', "sh", *argv[argv.index(program("rouse-sleeper")):])
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True)
        return self

    def errand(self, *argv, timeout=10):
        return subprocess.run(self.command(*argv), capture_output=True, text=True, timeout=timeout)

    def ask(self, *requests, timeout=10):
        """The answers of the last request over the control socket, as objects."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(timeout)
            sock.connect(self.socket)
            file = sock.makefile("rw")
            for request in requests:
                file.write(json.dumps(request) + "\n")
                file.flush()
                answers = []
                while not answers or "result" not in answers[-1]:
                    answers.append(json.loads(file.readline()))
        return answers

    def log(self):
        with contextlib.suppress(FileNotFoundError), open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""

    def wait_log(self, pattern, timeout=10, after=0):
        try:
            return netns.wait_until(lambda: re.search(pattern, self.log()[after:]), timeout, what=f"log line {pattern!r}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\nlog:\n{self.log()[after:]}") from None

    def stop(self, timeout=10):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def close(self):
        try:
            if self.process and self.process.poll() is None:
                assert self.stop() == 0, self.log()
        finally:
            if self.process and self.process.poll() is None:
                self.kill()
            print("---- rouse-sleeper ----\n" + self.log())
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def paired(guard, host, name="nas", **options):
    """A Sleeper that `rouse setup` has paired with a real guard. `host`: a machine or another host, up."""
    sleeper = Sleeper(host, paired=False, name=name, **options)
    pair = subprocess.Popen([program("rouse"), "--socket", guard.socket, "pair", "--json"], stdout=subprocess.PIPE, text=True)
    try:
        code = re.search(r'"code": *"(\d{6})"', pair.stdout.readline())[1]
        out = sleeper.ns.run("sh", "-c", 'mount -t tmpfs -o mode=755 none /run && exec "$@"', "sh", program("rouse"), "setup", "--yes", "--json",
                             "--no-test", "--state", sleeper.state_dir, "--guard", guard.host.v4, "--code", code, "--name", name,
                             check=False)
        assert out.returncode == 0, out.stdout + out.stderr
    finally:
        if pair.poll() is None:
            pair.terminate()
        pair.wait(5)
        pair.stdout.close()
    sleeper.id = sleeper.pairing()["id"]
    return sleeper
