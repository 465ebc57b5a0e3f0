"""What the scripts of bench/ share: percentiles, the table, the JSON, and the lab."""

import argparse
import json
import os
import platform
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "lab"))


def percentile(values, p):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(p / 100 * (len(ordered) - 1))))]


def summary(values):
    if not values:
        return {"n": 0}
    return {"n": len(values), "min": min(values), "median": statistics.median(values), "p90": percentile(values, 90),
            "p99": percentile(values, 99), "max": max(values)}


class Report:
    """Rows of one figure: name, numbers, whether it reached what it must. Prints a table, and JSON with --json."""

    def __init__(self, title, unit=""):
        self.title, self.unit, self.rows, self.began = title, unit, [], time.time()

    def add(self, name, values=None, ok=None, must="", **more):
        row = {"name": name, **(summary(values) if values is not None else {}), **more, "must": must, "ok": ok}
        self.rows.append(row)
        print(self._line(row), flush=True, file=sys.stderr)

    @staticmethod
    def _number(value):
        if isinstance(value, bool) or value is None:
            return str(value)
        if isinstance(value, float):
            return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
        return str(value)

    def _line(self, row):
        numbers = "  ".join(f"{key} {self._number(value)}" for key, value in row.items()
                            if key not in ("name", "must", "ok") and value is not None)
        verdict = {None: "    ", True: "ok  ", False: "MISS"}[row["ok"]]
        return f"{verdict} {row['name']:<58} {numbers}" + (f"   (must: {row['must']})" if row["must"] else "")

    def finish(self, args):
        result = {"figure": self.title, "unit": self.unit, "kernel": platform.release(), "cpus": os.cpu_count(),
                  "seconds": round(time.time() - self.began, 1), "rows": self.rows}
        if args.json:
            print(json.dumps(result, indent=1))
        else:
            print(f"\n{self.title}" + (f" ({self.unit})" if self.unit else ""))
            for row in self.rows:
                print(self._line(row))
        return 0 if all(row["ok"] is not False for row in self.rows) else 1


def parser(text):
    out = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    out.add_argument("--json", action="store_true", help="print JSON instead of the table")
    return out


def dead_machines(count, first=0):
    """[(name, mac, v4, v6)] of machines that exist only in the configuration; they are silent, so asleep. The IPv4
    addresses come from a wide prefix of documentation and benchmark space inside the lab's namespaces."""
    out = []
    for i in range(first, first + count):
        v4 = f"198.51.100.{i + 2}" if count <= 250 else None
        out.append((f"d{i}", f"52:54:01:{i >> 16:02x}:{i >> 8 & 255:02x}:{i & 255:02x}", v4, f"2001:db8::d:{i:x}"))
    return out


def config_of(machines, rules="tcp/22"):
    text = ""
    for name, mac, v4, v6 in machines:
        text += f'\n[machine "{name}"]\nmac = {mac}\naddress = {" ".join(a for a in (v4, v6) if a)}\nwake-on = {rules}\n'
    return text


def wait_all_asleep(guard, count, timeout=120):
    end = time.monotonic() + timeout
    while True:
        states = [item["state"] for item in guard.status()]
        if len(states) >= count and all(state == "asleep" for state in states):
            return
        if time.monotonic() > end:
            raise TimeoutError(f"{states.count('asleep')} of {count} asleep\n{guard.log()[-3000:]}")
        time.sleep(0.5)
