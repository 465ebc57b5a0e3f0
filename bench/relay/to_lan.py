#!/usr/bin/python3
"""to_lan.py: from the HTTP request of a wake to the magic packet on the machine's wire, through relay, uplink and guard, all real
and sandboxed. In network namespaces; needs root."""
import json
import pathlib
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import Report, parser  # noqa: E402
from lan import Lan  # noqa: E402
import netns  # noqa: E402
import relay_kill  # noqa: E402
from scenes import goodbye  # noqa: E402

GRANTS = 4      # in turn: the guard limits each


def request(holder, sealed):
    body = json.dumps(sealed)
    lines = [f"POST /api/v1/homes/{holder.home}/requests?wait=1 HTTP/1.1", "Host: relay",
             f"Authorization: {holder.grant.bearer['Authorization']}", "Content-Type: application/json",
             f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def wake(relay, holder, machine, ident):
    """Seconds from the first byte of the request to the first magic packet; None: it was refused."""
    data = request(holder, holder.sealed(ident))
    with relay.ns.entered():
        connection = socket.create_connection((relay.address, 8080), 10)
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.monotonic()
        connection.sendall(data)
        return machine.first_magic(began, 5).time - began


def main():
    args = parser(__doc__)
    args.add_argument("--count", type=int, default=60)
    args = args.parse_args()
    report, took = Report("wake over the relay, to the LAN", "us"), []
    with Lan() as lan, tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder).chmod(0o755)
        kill = relay_kill.Kill(lan, pathlib.Path(folder), 0)     # its LAN, guard and relay; nobody is killed here
        holders = [relay_kill.Holder(kill.relay, kill.share(f"holder {i}")) for i in range(GRANTS)]
        idents = {m.name: kill.owner.machine(m.name)["id"] for m in kill.machines}
        for number in range(args.count):
            machine = kill.machines[number % len(kill.machines)]
            goodbye(kill.guard, machine)
            netns.wait_until(lambda m=machine: (kill.owner.machine(m.name) or {}).get("state") == "asleep", 10, what="the relay knows")
            took.append(wake(kill.relay, holders[number % GRANTS], machine, idents[machine.name]) * 1e6)
            kill.guard.wait_state(machine.name, "awake")
    report.add("HTTP wake -> magic packet on the LAN", took, ok=sorted(took)[len(took) // 2] <= 1000, must="p50 <= 1 ms")
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
