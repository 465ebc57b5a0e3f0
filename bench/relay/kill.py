#!/usr/bin/python3
"""kill.py: kill -9 of the relay, the guard and its roles, at random instants under load: what was acknowledged is there, nothing
is done twice, and how long until it works again. In network namespaces; needs root. `./test lab` runs a slice of it."""
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import Report, parser  # noqa: E402
from lan import Lan  # noqa: E402
import relay_kill  # noqa: E402


def main():
    args = parser(__doc__)
    args.add_argument("--count", type=int, default=100)
    args.add_argument("--seed", type=int, default=int(time.time()))
    args = args.parse_args()
    report = Report("kill -9 of relay and guard under load", "s until a request is answered again")
    print(f"seed {args.seed}", file=sys.stderr)
    with Lan() as lan, tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder).chmod(0o755)
        kill = relay_kill.Kill(lan, pathlib.Path(folder), args.seed)
        for number in range(args.count):
            kill.once(number, relay_kill.WHAT[number % len(relay_kill.WHAT)])
        kill.finish()
        for i, what in enumerate(relay_kill.WHAT):
            values = kill.back[i::len(relay_kill.WHAT)]
            report.add(f"{what} killed: works again", values, ok=bool(values) and max(values) <= 40, must="max <= 40 s")
        report.add("acknowledged and lost", count=len(kill.lost), first=str(kill.lost[:1])[:200], homes=len(kill.homes),
                   grants=len(kill.shared), revoked=len(kill.revoked), ok=not kill.lost, must="nothing")
        report.add("wakes carried out twice", count=len(kill.twice), asked=kill.asked, accepted=kill.accepted,
                   ok=not kill.twice and kill.accepted > 0, must="0")
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
