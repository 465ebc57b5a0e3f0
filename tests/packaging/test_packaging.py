"""Installing, uninstalling, starting: ./run and the service, without touching this system.

What needs root runs in mount and network namespaces of its own, with overlays over every folder that
an installation writes to.
"""

import os
import pathlib
import re
import subprocess
import textwrap

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = ROOT / "build/packaging/roused.service"
INSTALLED = {
    "bin/rouse", "sbin/roused", "lib/systemd/system/roused.service",
    "lib/systemd/system/roused.socket", "lib/sysusers.d/rouse.conf", "share/doc/rouse/roused.conf",
    "share/doc/rouse/local.conf", "share/man/man1/rouse.1", "share/man/man7/rouse-doctor.7",
    "share/man/man5/roused.conf.5",
    "share/man/man8/roused.8", "share/rouse/manifest",
    "libexec/rouse/uplink", "sbin/rouse-relay", "lib/systemd/system/rouse-relay.service",
    "share/doc/rouse/rouse-relay.conf", "share/man/man5/rouse-relay.conf.5",
    "share/man/man8/rouse-relay.8",
}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

# A private view of what an installation writes to. No /run/systemd: as in a container.
SANDBOX = textwrap.dedent("""\
    set -eu
    scratch=$(mktemp -d)
    mount -t tmpfs scratch "$scratch"
    for folder in /etc /usr/local /var/lib; do
        mkdir -p "$scratch$folder/up" "$scratch$folder/work"
        mount -t overlay overlay -o "lowerdir=$folder,upperdir=$scratch$folder/up,workdir=$scratch$folder/work" $folder
    done
    mount -t tmpfs run /run
    mount -t sysfs sys /sys
    rm -rf /etc/rouse /var/lib/rouse
    if getent passwd rouse >/dev/null; then userdel rouse; fi
    if getent group rouse >/dev/null; then groupdel rouse; fi
    ip link set lo up
    """)
LAN = textwrap.dedent("""\
    ip link add lan0 type veth peer name lan1
    ip address add 192.0.2.1/24 dev lan0
    ip link set lan0 up
    ip link set lan1 up
    """)


def sandbox(script, timeout=120):
    """Runs `script` (sh) as root in the sandbox; returns what it printed."""
    run = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
         "bash", "-c", SANDBOX + script],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    assert run.returncode == 0, run.stdout
    return run.stdout


def exposure(unit):
    out = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit)],
                         capture_output=True, text=True).stdout
    return float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", out)[1])


def test_service_is_hardened(tmp_path):
    assert exposure(UNIT) <= 2.5
    bare = tmp_path / "roused.service"
    bare.write_text("[Service]\nExecStart=/usr/local/sbin/roused\nUser=rouse\n")
    assert exposure(bare) > 5  # the measure measures


def test_local_drop_in_stays_hardened(tmp_path):
    unit = tmp_path / "roused.service"
    # Drop-ins are not read offline; later lines of one file act the same way.
    unit.write_text(UNIT.read_text() + (ROOT / "packaging/local.conf").read_text())
    assert exposure(unit) <= 2.5


def test_units_are_valid(tmp_path):
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.M)
    (tmp_path / "roused.service").write_text(text)
    (tmp_path / "roused.socket").write_text((ROOT / "packaging/roused.socket").read_text())
    run = subprocess.run(["systemd-analyze", "verify", "--man=no", str(tmp_path / "roused.service"),
                          str(tmp_path / "roused.socket")], capture_output=True, text=True)
    ours = [line for line in run.stderr.splitlines() if "roused" in line]
    assert ours == []


def test_service_never_gives_up_by_itself():
    """Somebody who can make it fail must not be able to leave the LAN without a guard."""
    lines = UNIT.read_text().splitlines()
    for line in ("Restart=on-failure", "StartLimitIntervalSec=0", "RestartPreventExitStatus=2"):
        assert line in lines
    assert not [line for line in lines if line.startswith("StartLimitBurst")]


def test_socket_is_for_root_and_group_only():
    text = (ROOT / "packaging/roused.socket").read_text()
    for line in ("SocketMode=0660", "SocketUser=root", "SocketGroup=rouse"):
        assert line in text.splitlines()


def test_example_configuration_is_only_comments():
    for line in (ROOT / "packaging/roused.conf").read_text().splitlines():
        assert not line or line.startswith(("#", "[guard]", "[wake]")), line


def test_install_into_destdir_and_uninstall(tmp_path):
    env = dict(os.environ, DESTDIR=str(tmp_path))
    subprocess.run(["./run", "install"], cwd=ROOT, env=env, check=True, timeout=300)
    prefix = tmp_path / "usr/local"
    found = {str(p.relative_to(prefix)) for p in prefix.rglob("*") if p.is_file()}
    assert found == INSTALLED
    assert (tmp_path / "etc/rouse/roused.conf").is_file()
    service = (prefix / "lib/systemd/system/roused.service").read_text()
    assert "ExecStart=/usr/local/sbin/roused" in service
    subprocess.run(["./run", "uninstall"], cwd=ROOT, env=env, check=True, timeout=60)
    assert list(tmp_path.glob("usr/local/**/*rouse*")) == []
    assert (tmp_path / "etc/rouse/roused.conf").is_file()
    subprocess.run(["./run", "uninstall", "--purge"], cwd=ROOT, env=env, check=True, timeout=60)
    assert not (tmp_path / "etc/rouse").exists()


@needs_root
def test_install_keeps_and_purge_removes():
    out = sandbox(textwrap.dedent("""\
        ./run install
        id -un rouse; id -gn rouse
        stat -c '%a %U:%G %n' /etc/rouse/roused.conf /var/lib/rouse /usr/local/sbin/roused
        /usr/local/sbin/roused --check -c /etc/rouse/roused.conf >/dev/null && echo check-ok
        echo '# mine' >>/etc/rouse/roused.conf
        echo state >/var/lib/rouse/journal
        ./run install
        grep -c '^# mine' /etc/rouse/roused.conf
        ./run uninstall
        ls /usr/local/sbin/roused /usr/local/bin/rouse /usr/local/share/rouse 2>/dev/null || echo programs-gone
        ls /etc/rouse/roused.conf /var/lib/rouse/journal
        ./run uninstall --purge
        ls -d /etc/rouse /var/lib/rouse 2>/dev/null || echo all-gone
        getent passwd rouse || getent group rouse || echo user-gone
        """))
    lines = out.splitlines()
    for expected in ("644 root:root /etc/rouse/roused.conf", "750 rouse:rouse /var/lib/rouse",
                     "755 root:root /usr/local/sbin/roused", "check-ok", "kept /etc/rouse/roused.conf",
                     "kept /etc/rouse /var/lib/rouse (./run uninstall --purge removes them)", "1", "programs-gone", "/etc/rouse/roused.conf", "/var/lib/rouse/journal",
                     "all-gone", "user-gone"):
        assert expected in lines, f"{expected}\n{out}"
    assert lines.count("rouse") == 2
    assert "systemd does not run here" in out


@needs_root
def test_run_starts_says_and_stops():
    out = sandbox(LAN + textwrap.dedent("""\
        ip route add default via 192.0.2.254
        ./run >/run/first 2>&1 & first=$!
        for i in $(seq 150); do grep -q 'add a machine' /run/first && break; sleep 0.1; done
        stat -c 'socket %a %U:%G' /run/rouse/control.sock
        echo "second:"; ./run
        for pid in $(pgrep roused); do ps -o user=,args= -p $pid; done
        kill -TERM $first; wait $first && echo stopped
        cat /run/first
        pgrep roused || echo none-left
        """))
    assert "socket 660 root:rouse" in out
    assert "a guard already runs here" in out
    assert "Guarding on lan0" in out
    assert "rouse add nas --mac" in out
    assert "stopped" in out.splitlines() and "none-left" in out.splitlines(), out
    assert not re.search(r"^root .*roused", out, re.M), out


@needs_root
def test_run_without_default_route_says_what_to_do():
    out = sandbox(LAN + "./run && echo started || echo refused\n")
    assert "no default route" in out and "--interface" in out and "refused" in out


@needs_root
def test_run_on_a_named_interface():
    out = sandbox(LAN + textwrap.dedent("""\
        ./run --interface nowhere0 || echo refused
        ./run --interface lan0 >/run/log 2>&1 & pid=$!
        for i in $(seq 150); do grep -q 'add a machine' /run/log && break; sleep 0.1; done
        kill -TERM $pid; wait $pid && echo stopped
        cat /run/log
        """))
    assert "refused" in out and "Guarding on lan0" in out and "stopped" in out.splitlines(), out


@needs_root
def test_run_from_a_home_that_only_its_owner_enters():
    """Debian makes homes with mode 0700: the user rouse does not get to the programs by their path."""
    out = sandbox(LAN + textwrap.dedent("""\
        install -d -m 0700 /run/home
        mkdir /run/home/build
        cp build/roused build/rouse build/uplink /run/home/build/
        mkdir /run/rouse
        /run/home/build/roused --interface lan0 --state-dir /run/state >/run/log 2>&1 & pid=$!
        for i in $(seq 100); do /run/home/build/rouse status 2>/dev/null && break; sleep 0.1; done
        # The roles are started again as they were the first time.
        engine=$(pgrep -f '^roused: engine'); kill -KILL $engine
        for i in $(seq 100); do
            now=$(pgrep -f '^roused: engine' || true)
            [ -n "$now" ] && [ "$now" != "$engine" ] && /run/home/build/rouse status >/dev/null && echo again && break
            sleep 0.1
        done
        # The uplink too, which finds nobody there.
        /run/home/build/rouse join http://127.0.0.1:9/ abcdefghijklmnopqrstuvwxyz0 & join=$!
        for i in $(seq 50); do pgrep -f '^roused: uplink' >/dev/null && echo uplink && break; sleep 0.1; done
        kill $join || true; wait $join || true
        kill -TERM $pid; wait $pid && echo stopped
        cat /run/log
        """))
    assert "No machine is guarded yet" in out, out
    assert {"again", "uplink", "stopped"} <= set(out.splitlines()), out


@needs_root
def test_run_ends_as_the_guard_ended():
    out = sandbox(LAN + textwrap.dedent("""\
        mkdir /etc/rouse
        printf '[guard]\\nport = many\\n' >/etc/rouse/roused.conf
        ./run --interface lan0 || echo "ended $?"
        ./run uninstall --prge || echo "refused $?"
        ls /etc/rouse/roused.conf
        """))
    assert "roused.conf:2: port" in out and "ended 2" in out.splitlines(), out
    assert "usage: ./run" in out and "refused 2" in out.splitlines(), out


@needs_root
def test_a_user_is_told_who_may_start_it():
    out = sandbox(LAN + textwrap.dedent("""\
        cp build/roused /run/roused
        install -d -m 0755 /run/rouse
        setpriv --reuid 65534 --clear-groups /run/roused --interface lan0 || echo "ended $?"
        """))
    assert "Permission denied; the guard is started by root" in out and "ended 1" in out.splitlines(), out


@needs_root
def test_started_by_systemd():
    """As roused.service does it: user rouse, CAP_NET_RAW ambient, the control socket passed, READY=1 told."""
    out = sandbox(LAN + textwrap.dedent("""\
        ./run install >/dev/null
        printf '[guard]\\ninterface = lan0\\n' >/etc/rouse/roused.conf
        cat >/run/start.py <<'EOF'
        import os, socket, subprocess, sys
        os.makedirs("/run/rouse", 0o755, exist_ok=True)
        control = socket.socket(socket.AF_UNIX)
        control.bind("/run/rouse/control.sock")
        control.listen(16)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind("/run/notify")
        os.chmod("/run/notify", 0o777)
        os.chmod("/run/rouse/control.sock", 0o660)
        os.chown("/run/rouse/control.sock", 0, __import__("grp").getgrnam("rouse").gr_gid)
        notify.settimeout(10)
        def child():
            # At 3, as systemd does it; whatever was at 3 is moved out of the way first.
            os.dup2(control.fileno(), 3)
            os.set_inheritable(3, True)
        guard = subprocess.Popen(
            ["sh", "-c", "LISTEN_PID=$$ exec setpriv --reuid rouse --regid rouse --clear-groups"
             " --inh-caps -all,+net_raw --bounding-set -all,+net_raw --ambient-caps +net_raw --no-new-privs"
             " /usr/local/sbin/roused -c /etc/rouse/roused.conf"],
            preexec_fn=child, close_fds=False,
            env=dict(os.environ, LISTEN_FDS="1", LISTEN_FDNAMES="control", NOTIFY_SOCKET="/run/notify"))
        try:
            while True:
                message = notify.recv(4096).decode()
                print("notify", message.replace("\\n", " "), flush=True)
                if "READY=1" in message:
                    break
            subprocess.run(["/usr/local/bin/rouse", "status", "--json"], check=True)
            out = subprocess.run(["ps", "-e", "-o", "user=,comm="], capture_output=True, text=True).stdout
            print(*sorted(line for line in out.splitlines() if "roused" in line), sep="\\n")
        finally:
            guard.terminate()
            print("exit", guard.wait(10))
        print("socket left", os.path.exists("/run/rouse/control.sock"))
        EOF
        /usr/bin/python3 /run/start.py
        """))
    assert "READY=1" in out and "exit 0" in out, out
    assert '"machines"' in out
    users = re.findall(r"^(\S+)\s+roused\S*$", out, re.M)
    assert users and set(users) == {"rouse"}, out
    # It is systemd's, and systemd removes it (RemoveOnStop).
    assert "socket left True" in out
