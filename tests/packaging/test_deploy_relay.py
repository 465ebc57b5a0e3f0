"""packaging/deploy-relay: into a folder, and as root onto a system of its own; twice, and away again."""
import os
import pathlib
import re
import shutil
import subprocess
import textwrap

import pytest

from test_packaging import ROOT, exposure, needs_root, sandbox

DEPLOY = ROOT / "packaging/deploy-relay"
CONF = "etc/rouse/rouse-relay.conf"
PROGRAMS = {"sbin/rouse-relay", "lib/systemd/system/rouse-relay.service", "share/man/man5/rouse-relay.conf.5",
            "share/man/man8/rouse-relay.8", "share/rouse-relay/manifest"}
CERTIFICATE = ("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=relay.example -days 2"
               " -keyout {0}/key.pem -out {0}/cert.pem 2>/dev/null")


@pytest.fixture(name="tls")
def certificate(tmp_path):
    subprocess.run(CERTIFICATE.format(tmp_path), shell=True, check=True)
    return ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]


def deploy(folder, *argv, ok=True):
    run = subprocess.run([DEPLOY, *argv], env={**os.environ, "DESTDIR": str(folder)}, capture_output=True, text=True,
                         timeout=300)
    assert (run.returncode == 0) == ok, run.stdout + run.stderr
    return run.stdout + run.stderr


def files(folder):
    return {str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes())
            for p in folder.rglob("*") if p.is_file() and not p.is_symlink()}


def checked(folder):
    """The configuration as the relay understands it."""
    out = subprocess.run([ROOT / "build/rouse-relay", "--check", "-c", folder / CONF], capture_output=True, text=True, check=True)
    return dict(line.split(" = ", 1) for line in out.stdout.splitlines() if " = " in line)


@pytest.mark.parametrize("mode", ["files", "caddy", "nginx"])
def test_deploy_twice_and_uninstall(tmp_path, tls, mode):
    root = tmp_path / "root"
    root.mkdir()
    argv = ["--name", "relay.home.example", *tls, *([] if mode == "files" else [f"--{mode}"])]
    deploy(root, *argv)
    assert PROGRAMS <= {name.removeprefix("usr/local/") for name in files(root)}
    said = checked(root)
    assert said["public-url"] == "https://relay.home.example"
    if mode == "files":
        assert said["listen"] == "[::]:443" and said["trusted-proxy"] == "" and said["tls-cert"] == "/etc/rouse/relay-tls/cert.pem"
        assert (root / "etc/rouse/relay-tls/key.pem").stat().st_mode & 0o777 == 0o640
    else:
        assert said["listen"] == "127.0.0.1:8080" and said["tls-cert"] == "" and said["trusted-proxy"] == "127.0.0.1 ::1"
    with open(root / CONF, "a", encoding="utf-8") as file:
        file.write("# mine\n")
    before = files(root)
    deploy(root, *argv)
    assert files(root) == before, "the second time changes nothing"
    (root / "var/lib/rouse-relay").mkdir(parents=True)
    (root / "var/lib/rouse-relay/relay.db").write_text("homes")
    deploy(root, "--uninstall")
    left = set(files(root))
    assert {CONF, "var/lib/rouse-relay/relay.db"} <= left
    assert not [name for name in left if name.startswith("usr/") or "nginx" in name or "caddy" in name], left
    deploy(root, *argv)
    assert "# mine" in (root / CONF).read_text(encoding="utf-8")
    deploy(root, "--uninstall", "--purge")
    assert not [p for p in root.rglob("*") if not p.is_dir() or p.is_symlink()], "nothing is left"


def test_configurations_of_the_proxies_are_valid(tmp_path, tls):
    deploy(tmp_path / "n", "--name", "relay.example", "--nginx", *tls)
    deploy(tmp_path / "c", "--name", "relay.example", "--caddy")
    site = tmp_path / "n/etc/nginx/sites-available/rouse-relay"
    text = site.read_text(encoding="utf-8")
    assert tls[1] in text and tls[3] in text and "/etc/ssl/" not in text
    assert os.readlink(tmp_path / "n/etc/nginx/sites-enabled/rouse-relay") == "/etc/nginx/sites-available/rouse-relay"
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\nhttp {{ include {site}; }}\n", encoding="utf-8")
    run = subprocess.run(["/usr/sbin/nginx", "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True)
    assert run.returncode == 0 and "warn" not in run.stderr, run.stderr
    site.write_text(text.replace("proxy_buffering off", "proxy_buffering maybe"), encoding="utf-8")
    assert subprocess.run(["/usr/sbin/nginx", "-t", "-c", tmp_path / "nginx.conf"], capture_output=True).returncode != 0
    caddyfile = tmp_path / "c/etc/caddy/Caddyfile"
    run = subprocess.run(["caddy", "validate", "--adapter", "caddyfile", "--config", caddyfile], capture_output=True, text=True,
                         env={**os.environ, "HOME": str(tmp_path)})
    assert run.returncode == 0, run.stderr
    formatted = subprocess.run(["caddy", "fmt", ROOT / "packaging/relay-Caddyfile"], capture_output=True, text=True)
    assert formatted.stdout == (ROOT / "packaging/relay-Caddyfile").read_text(encoding="utf-8")


def test_somebodys_caddyfile_is_left_alone(tmp_path):
    theirs = tmp_path / "etc/caddy/Caddyfile"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("other.example {\n}\n")
    assert "somebody's already" in deploy(tmp_path, "--name", "relay.example", "--caddy")
    deploy(tmp_path, "--uninstall")
    assert theirs.read_text() == "other.example {\n}\n"


@pytest.mark.parametrize("argv", [
    [], ["--name", "relay.example"], ["--name", "relay.example", "--nginx"], ["--name", "re;lay", "--caddy"],
    ["--name", "relay.example", "--caddy", "--nginx"], ["--name", "relay.example", "--tls-cert", "/etc/hostname"],
    ["--uninstall", "--prge"], ["--name", "relay.example", "--caddy", "--port", "x"],
    ["--name", "relay.example", "--tls-cert", "/nowhere/cert", "--tls-key", "/nowhere/key"]])
def test_wrong_options_change_nothing(tmp_path, argv):
    deploy(tmp_path, *argv, ok=False)
    assert not list(tmp_path.iterdir())


def test_what_run_installed_stays_with_run(tmp_path, tls):
    env = {**os.environ, "DESTDIR": str(tmp_path / "root")}
    (tmp_path / "root").mkdir()
    subprocess.run(["./run", "install"], cwd=ROOT, env=env, check=True, timeout=300, capture_output=True)
    program = tmp_path / "root/usr/local/sbin/rouse-relay"
    deploy(tmp_path / "root", "--name", "relay.example", *tls)
    deploy(tmp_path / "root", "--uninstall")
    assert program.exists()
    deploy(tmp_path / "root", "--name", "relay.example", *tls)
    subprocess.run(["./run", "uninstall", "--purge"], cwd=ROOT, env=env, check=True, timeout=60, capture_output=True)
    assert program.exists() and (tmp_path / "root" / CONF).exists() and not (tmp_path / "root/usr/local/sbin/roused").exists()
    deploy(tmp_path / "root", "--uninstall", "--purge")
    assert not list((tmp_path / "root").rglob("*relay*"))


def test_service_is_hardened_and_valid(tmp_path):
    unit = ROOT / "build/packaging/rouse-relay.service"
    assert exposure(unit) <= 2.5
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.M)
    (tmp_path / "rouse-relay.service").write_text(text)
    run = subprocess.run(["systemd-analyze", "verify", "--man=no", str(tmp_path / "rouse-relay.service")],
                         capture_output=True, text=True)
    assert "rouse-relay" not in run.stderr, run.stderr


@needs_root
def test_it_runs_as_deployed():
    """As root, with its own user, port 443 and a key that only root could read; the renewed certificate is served after
    a second deploy and a reload."""
    assert shutil.which("curl") and pathlib.Path("/usr/sbin/nginx").exists()
    out = sandbox(textwrap.dedent("""\
        mkdir -m 0700 /run/tls
        make() { %s; chmod 600 /run/tls/key.pem; }
        deploy() { packaging/deploy-relay --name relay.example --tls-cert /run/tls/cert.pem --tls-key /run/tls/key.pem; }
        ask() { curl -s --cacert /run/tls/cert.pem --resolve relay.example:443:127.0.0.1 https://relay.example/healthz || true; echo; }
        make; deploy
        stat -c '%%a %%U:%%G %%n' /etc/rouse/relay-tls/key.pem /var/lib/rouse-relay /etc/rouse/rouse-relay.conf
        /usr/local/sbin/rouse-relay -c /etc/rouse/rouse-relay.conf 2>/run/log & pid=$!
        for i in $(seq 50); do ask | grep -q status && break; sleep 0.1; done
        ask; ps -o user= -p $pid
        rouse-relay invite --json >/run/invitation && echo invited
        make; ask; deploy; kill -HUP $pid
        for i in $(seq 100); do grep -q 'read again' /run/log && break; sleep 0.1; done
        ask
        kill $pid; wait $pid && echo ended
        packaging/deploy-relay --uninstall
        ls /var/lib/rouse-relay/relay.db
        packaging/deploy-relay --uninstall --purge
        getent passwd rouse-relay || echo user-gone
        ls -d /var/lib/rouse-relay /etc/rouse 2>/dev/null || echo all-gone
        """) % CERTIFICATE.format("/run/tls"))
    lines = out.splitlines()
    assert {"640 root:rouse-relay /etc/rouse/relay-tls/key.pem", "750 rouse-relay:rouse-relay /var/lib/rouse-relay",
            "644 root:root /etc/rouse/rouse-relay.conf", "invited", "ended", "user-gone", "all-gone",
            "/var/lib/rouse-relay/relay.db"} <= set(lines), out
    answers = [line for line in lines if '"status":"ok"' in line]
    assert len(answers) == 2, f"before, not with the old certificate in between, after\n{out}"
    assert re.search(r"^rouse-r\S*$", out, re.M), out
