#!/usr/bin/python3
"""relay.py [ROW...]: what the relay must reach (memory, latency, wakes, opens, back, http), on loopback.

The relay gets the first processor, what loads it the second. ROUSE_BUILD names the folder with rouse-relay.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))
from common import Report  # noqa: E402  pylint: disable=wrong-import-position

BUILD = pathlib.Path(os.environ.get("ROUSE_BUILD", ROOT / "build"))
OFF = ("connects-per-address", "requests-per-address", "failures-per-address", "phrases-per-address",
       "enrolments-per-address", "requests-per-grant", "requests-per-home")


def compile_c(folder, name, sources=(), libraries=()):
    out = folder / name
    subprocess.run(["cc", "-O2", "-std=gnu17", f"-I{ROOT}/src", "-o", out, HERE / f"{name}.c",
                    *(ROOT / "src" / s for s in sources), *(f"-l{x}" for x in libraries)], check=True)
    return out


def free_port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Relay:
    def __init__(self, folder, tls):
        self.folder, self.tls, self.port = pathlib.Path(folder), tls, free_port()
        scheme = "https" if tls else "http"
        lines = [f"listen = 127.0.0.1:{self.port}", f"public-url = {scheme}://127.0.0.1:{self.port}",
                 f"database = {folder}/{scheme}.db", "enrolment = open", "connections = 19500",
                 "connections-per-address = 0", "handshakes = 19000", "log-level = warning",
                 *(f"{k} = off" for k in OFF)]
        if tls:
            lines += [f"tls-cert = {folder}/cert.pem", f"tls-key = {folder}/key.pem"]
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                            "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-days",
                            "2", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"],
                           check=True, capture_output=True)
        self.config = self.folder / f"{scheme}.conf"
        self.config.write_text("[relay]\n" + "\n".join(lines) + "\n")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["taskset", "-c", "0", BUILD / "rouse-relay", "-c", self.config])
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                time.sleep(0.2)
                return self
            time.sleep(0.01)
        raise RuntimeError("the relay does not start")

    def rss(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait(30)


def threads(process):
    return list(pathlib.Path(f"/proc/{process.pid}/task").iterdir())


def waited_ms(process):
    """How long its threads could have run while something else had their processor."""
    return sum(int((t / "schedstat").read_text().split()[1]) for t in threads(process)) / 1e6


def urgent(process):
    """Nothing ordinary runs while it could; without root it stays as it is."""
    with contextlib.suppress(PermissionError):
        for thread in threads(process):
            os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, os.sched_param(10))


class Swarm:
    def __init__(self, program, relay):
        self.process = subprocess.Popen(["taskset", "-c", "1", program, str(relay.port),
                                         "tls" if relay.tls else "plain"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def begin(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


class Bench:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.swarm = compile_c(folder, "swarm", ["proto/b64.c", "proto/relay_auth.c", "proto/keys.c",
                                                 "base/bytes.c"], ["sodium", "ssl", "crypto"])
        self.floor = compile_c(folder, "floor")
        self.report = Report("relay")

    @contextlib.contextmanager
    def pair(self, tls):
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            relay = Relay(folder, tls).start()
            swarm = Swarm(self.swarm, relay)
            try:
                yield relay, swarm
            finally:
                swarm.process.kill()
                swarm.process.wait()
                relay.end()

    def memory(self):
        for tls, most in ((False, 2048), (True, 16896)):
            with self.pair(tls) as (relay, swarm):
                swarm.ask("join 100")
                swarm.ask("idle 1")
                before = relay.rss()
                n = self.args.guards - 100
                said = swarm.ask(f"join {n}")
                swarm.ask("idle 3")
                each = (relay.rss() - before) / n
                self.report.add(f"memory of each guard, {'TLS' if tls else 'plain'}", ok=each <= most,
                                must=f"<= {most} B", bytes=each, guards=said["joined"])

    def latency(self):
        """Half a second at a time before everything else on the box: longer ones the kernel would interrupt."""
        with self.pair(False) as (relay, swarm):
            swarm.ask("join 10000")
            swarm.ask("idle 2")
            urgent(relay.process)
            urgent(swarm.process)
            before = waited_ms(relay.process), waited_ms(swarm.process)
            said = swarm.ask("wakes 0.5 1000 64")
            for _ in range(2 * self.args.seconds - 1):
                said = swarm.ask("more 0.5 1000 64")
            self.report.add("wake -> guard -> 200, 10,000 guards, 1000/s, plain",
                            ok=said["p50_us"] <= 150 and said["p99_us"] <= 2000 and said["wrong"] == 0,
                            must="p50 <= 150 us, p99 <= 2 ms", **said,
                            relay_waited_ms=waited_ms(relay.process) - before[0],
                            swarm_waited_ms=waited_ms(swarm.process) - before[1])

    def wakes(self):
        for tls, least in ((False, 25000), (True, 20000)):
            with self.pair(tls) as (relay, swarm):
                swarm.ask("join 1000")
                swarm.ask("idle 1")
                cpu = relay.cpu()
                said = swarm.ask(f"wakes {self.args.seconds} 0 256")
                cpu = relay.cpu() - cpu
                a_core = said["wakes"] / cpu if cpu else 0
                self.report.add(f"wakes a second on one core, {'TLS' if tls else 'plain'}",
                                ok=a_core >= least and said["wrong"] == 0, must=f">= {least}",
                                per_core_second=a_core, reached=said["wakes"] / said["seconds"],
                                us_each=1e6 * cpu / said["wakes"], wrong=said["wrong"])

    def opens(self):
        for tls, least in ((False, 20000), (True, 1500)):
            with self.pair(tls) as (relay, swarm):
                cpu = relay.cpu()
                said = swarm.ask(f"opens {min(self.args.seconds, 5)} 64")
                cpu = relay.cpu() - cpu
                a_core = said["opened"] / cpu if cpu else 0
                self.report.add(f"WebSockets opened a second on one core, {'TLS 1.3' if tls else 'plain'}",
                                ok=a_core >= least, must=f">= {least}", per_core_second=a_core,
                                reached=said["opened"] / said["seconds"])

    def back(self):
        with self.pair(False) as (relay, swarm):
            swarm.ask(f"join {self.args.guards}")
            relay.end()
            relay.start()
            swarm.begin("back 60")
            said = json.loads(swarm.process.stdout.readline())
            self.report.add(f"{said['joined']} guards back after kill -9",
                            ok=said["joined"] == self.args.guards and said["seconds"] <= 40
                            and relay.cpu() < said["seconds"] and said["refused"] == 0,
                            must="<= 40 s, < 1 core, none refused", seconds=said["seconds"],
                            relay_cpu_seconds=relay.cpu(), refused=said["refused"])

    def wrk(self, port):
        out = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", "-c64", f"-d{min(self.args.seconds, 5)}",
                              f"http://127.0.0.1:{port}/healthz"], capture_output=True, text=True,
                             check=True).stdout
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])

    def http(self):
        port = free_port()
        floor = subprocess.Popen(["taskset", "-c", "0", self.floor, str(port)])
        time.sleep(0.3)
        bare = self.wrk(port)
        floor.kill()
        floor.wait()
        with self.pair(False) as (relay, _):
            ours = self.wrk(relay.port)
        self.report.add("small JSON with keep-alive, wrk -c64, against bare epoll", ok=ours >= 0.6 * bare,
                        must=">= 60 %", ours=ours, bare=bare, percent=100 * ours / bare)


ROWS = ("memory", "latency", "wakes", "opens", "back", "http")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", help=" ".join(ROWS))
    parser.add_argument("--guards", type=int, default=15000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args, pathlib.Path(folder))
        for row in args.rows or ROWS:
            getattr(bench, row)()
        return bench.report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
