"""The sleeper's side: its units, ./run install sleeper beside or without a guard, uninstalling both."""

import os
import re
import subprocess
import textwrap

import pytest

from test_packaging import INSTALLED, ROOT, exposure, needs_root, sandbox

UNITS = sorted((ROOT / "build/packaging").glob("*.service"))
SLEEPER = {
    "bin/rouse", "sbin/rouse-sleeper", "lib/systemd/system/rouse-sleeper.service",
    "lib/systemd/system/rouse-sleeper-goodbye.service", "lib/systemd/system/rouse-sleeper-check.socket",
    "lib/systemd/system/rouse-sleeper-check@.service", "lib/sysusers.d/rouse-sleeper.conf",
    "share/man/man1/rouse.1", "share/man/man7/rouse-doctor.7", "share/man/man5/rouse-sleeper.conf.5", "share/man/man8/rouse-sleeper.8",
    "share/doc/rouse/rouse-sleeper.conf", "share/rouse/manifest",
}


def files(prefix):
    return {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}


def test_the_units_are_those_we_know():
    assert [unit.name for unit in UNITS] == ["rouse-relay.service", "rouse-sleeper-check@.service", "rouse-sleeper-goodbye.service",
                                             "rouse-sleeper.service", "roused.service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_every_service_is_hardened(unit):
    assert exposure(unit) <= 2.5


def test_units_of_the_sleeper_are_valid(tmp_path):
    names = ["rouse-sleeper.service", "rouse-sleeper-goodbye.service"]
    for name in names:
        text = (ROOT / "build/packaging" / name).read_text()
        (tmp_path / name).write_text(re.sub(r"^(Exec\w+=-?)\S+", r"\1/bin/true", text, flags=re.M))
    run = subprocess.run(["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in names)],
                         capture_output=True, text=True)
    assert [line for line in run.stderr.splitlines() if "rouse" in line] == []


def test_install_into_destdir_alone_and_with_a_guard(tmp_path):
    env = dict(os.environ, DESTDIR=str(tmp_path))
    prefix = tmp_path / "usr/local"
    subprocess.run(["./run", "install", "sleeper"], cwd=ROOT, env=env, check=True, timeout=300)
    assert files(prefix) == SLEEPER
    assert "ExecStart=/usr/local/sbin/rouse-sleeper" in (prefix / "lib/systemd/system/rouse-sleeper.service").read_text()
    subprocess.run(["./run", "install"], cwd=ROOT, env=env, check=True, timeout=300)
    assert files(prefix) == SLEEPER | INSTALLED
    out = subprocess.run(["./run", "uninstall"], cwd=ROOT, env=env, check=True, timeout=60, capture_output=True, text=True).stdout
    assert files(prefix) == set(), out


def test_a_kind_of_installation_that_there_is_not():
    run = subprocess.run(["./run", "install", "toaster"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2 and "install sleeper" in run.stderr


@needs_root
def test_install_sleeper_says_what_is_next_and_purge_removes():
    out = sandbox(textwrap.dedent("""\
        ./run install sleeper
        getent group rouse >/dev/null && echo group-made
        getent passwd rouse || echo no-user
        mkdir -p /var/lib/rouse-sleeper
        echo key >/var/lib/rouse-sleeper/pairing.json
        ./run uninstall
        ls /usr/local/sbin/rouse-sleeper /usr/local/share/rouse 2>/dev/null || echo programs-gone
        ls /var/lib/rouse-sleeper/pairing.json
        ./run uninstall --purge
        ls -d /var/lib/rouse-sleeper 2>/dev/null || echo all-gone
        """))
    lines = out.splitlines()
    for expected in ("group-made", "no-user", "programs-gone", "/var/lib/rouse-sleeper/pairing.json", "all-gone"):
        assert expected in lines, f"{expected}\n{out}"
    assert "next: rouse setup" in out and "systemd does not run here" in out
