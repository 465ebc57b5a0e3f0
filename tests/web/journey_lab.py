"""journey_lab.py: the virtual LAN of tests/lab with a machine, the real guard and the real relay, driven by
journey.test.js: a line of JSON in, a line of JSON out. Everything is removed when the input ends, however it ends.
"""
import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))
import guard as guard_module  # noqa: E402 pylint: disable=wrong-import-position
import netns  # noqa: E402 pylint: disable=wrong-import-position
from lan import Lan  # noqa: E402 pylint: disable=wrong-import-position

PORT = 8080


class Stage:
    """The relay is on a host of its own, the browser on the client's."""

    def __init__(self, closing):
        self.lan = closing.enter_context(Lan())
        self.folder = pathlib.Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="rouse-journey-")))
        self.nas = self.lan.machine("nas", boot=1.5, service=0.5)
        self.guard = self.lan.guard([self.nas], rules={"nas": "tcp/22"})
        self.url = f"http://{self.lan.other.v4}:{PORT}"
        self.config = self.folder / "relay.conf"
        self.config.write_text(f"[relay]\nlisten = {self.lan.other.v4}:{PORT}\ndatabase = {self.folder}/relay.db\n"
                               f"public-url = {self.url}\n", encoding="utf-8")
        self.log = self.folder / "log"
        self.relay = self.start_relay(closing)

    def start_relay(self, closing):
        # As whoever the relay becomes when root starts it, it must reach its database.
        user = guard_module.daemon_user()
        self.folder.chmod(0o755)
        with contextlib.suppress(PermissionError):
            guard_module.os.chown(self.folder, user.pw_uid, user.pw_gid)
        with open(self.log, "ab") as log:
            process = subprocess.Popen(self.lan.other.ns.command(guard_module.program("rouse-relay"), "-c", str(self.config)),
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        closing.callback(process.wait, 10)
        closing.callback(process.terminate)

        def listens():
            if process.poll() is not None:
                raise RuntimeError(self.log.read_text(encoding="utf-8"))
            with contextlib.suppress(OSError), self.lan.other.ns.entered():
                socket.create_connection((self.lan.other.v4, PORT), 1).close()
                return True
            return False

        netns.wait_until(listens, 10, what="relay")
        return process

    def where(self):
        return {"url": self.url, "browser": self.lan.client.ns.name}

    def invite(self):
        out = subprocess.run([guard_module.program("rouse-relay"), "-c", str(self.config), "invite", "--json"],
                             check=True, capture_output=True, text=True, timeout=20).stdout
        return json.loads(out)

    def rouse(self, argv):
        return self.guard.rouse(*argv).stdout

    def sleep(self):
        self.guard.wait_state("nas", "awake")
        self.guard.register(self.nas)
        self.nas.sleep()
        self.guard.wait_state("nas", "asleep")

    def state(self):
        return self.guard.state("nas")

    def magics(self):
        return len(self.nas.valid_magics())


def main():
    with contextlib.ExitStack() as closing:
        stage = Stage(closing)
        print(json.dumps({"ok": stage.where()}), flush=True)
        for line in sys.stdin:
            command = json.loads(line)
            try:
                said = {"ok": getattr(stage, command.pop("do"))(**command)}
            except Exception as e:  # pylint: disable=broad-exception-caught
                said = {"failed": f"{e!r}\nrelay:\n{stage.log.read_text(encoding='utf-8')}"}
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
