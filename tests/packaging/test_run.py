"""./run with the relay beside the guard, and ./run demo: in namespaces, with overlays over what they write to."""
import re
import textwrap

from test_packaging import LAN, needs_root, sandbox

# No IPv6, which says things of its own: what goes onto the LAN is ours.
# A terminal's Ctrl-C goes to everybody in the foreground: start() gives each ./run a group of its own.
START = textwrap.dedent("""\
    sysctl -qw net.ipv6.conf.default.disable_ipv6=1
    cat >/run/start.py <<'EOF'
    import os, signal, sys
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.setsid()
    os.execv("./run", ["./run", *sys.argv[1:]])
    EOF
    start() {
        : >/run/log     # of an earlier start
        python3 /run/start.py "$@" >/run/log 2>&1 & pid=$!
        for i in $(seq 200); do grep -q 'add a machine' /run/log && break; kill -0 $pid || break; sleep 0.1; done
        for i in $(seq 50); do grep -qE 'From outside|no relay' /run/log && break; [ "${3:-}" != --no-relay ] || break; sleep 0.1; done
    }
    ctrl_c() { kill -INT -- -$pid; wait $pid && echo stopped || echo "ended $?"; }
    link() { sed -n 's|^\\(http://.*#.*\\..*\\)$|\\1|p' /run/log; }
    export XDG_CONFIG_HOME=/run/person
    """)


@needs_root
def test_run_starts_guard_and_relay_joined():
    out = sandbox(START + LAN + textwrap.dedent("""\
        start --interface lan0
        cat /run/log
        build/rouse relay --json
        first=$(link); echo "link $first"
        build/rouse --socket /nowhere home add "$first" --name here
        build/rouse --home here status
        echo "sent $(cat /sys/class/net/lan1/statistics/rx_packets)"
        build/rouse add nas --mac 02:00:5e:00:53:01 --address 192.0.2.50 >/dev/null
        for i in $(seq 20); do build/rouse --home here status | grep nas && break; sleep 0.1; done
        for pid_ in $(pgrep '^rouse'); do ps -o user=,args= -p $pid_; done
        stat -c '%a %U %n' /var/lib/rouse-run/link /var/lib/rouse-run/relay
        echo "sent later $(cat /sys/class/net/lan1/statistics/rx_packets)"
        ctrl_c
        pgrep '^rouse' || echo none-left
        start --interface lan0
        [ "$(link)" = "$first" ] && echo same-link
        for i in $(seq 50); do build/rouse --home here status | grep '^nas' && break; sleep 0.2; done
        ctrl_c
        ip address del 192.0.2.1/24 dev lan0; ip address add 192.0.2.9/24 dev lan0
        start --interface lan0
        echo "moved $(link)"
        build/rouse grants | grep -c 'link of run'
        ctrl_c
        """))
    lines = out.splitlines()
    assert "Guarding on lan0" in out and '"state":"joined"' in out, out
    assert re.search(r"^link http://192\.0\.2\.1:80\d\d/#[\w-]{22}\.[\w-]{12}\.[\w-]{43}$", out, re.M), out
    assert "\u2588\u2580" in out or "\u2580\u2580" in out, "no QR code"
    assert "sent 0" in lines, f"something went onto the LAN before there was a machine\n{out}"
    assert "sent later 0" not in lines, "the count does not count"
    assert re.search(r"^nas ", out, re.M), out
    assert lines.count("stopped") == 3 and "none-left" in lines and "same-link" in lines, out
    assert "600 root /var/lib/rouse-run/link" in lines and "700 rouse-relay /var/lib/rouse-run/relay" in lines, out
    assert re.search(r"^rouse-r\S* .*rouse-relay", out, re.M) and not re.search(r"^root .*(roused|rouse-relay)", out, re.M), out
    assert re.search(r"^moved http://192\.0\.2\.9:80\d\d/#", out, re.M) and lines[-2] == "1", out


@needs_root
def test_run_goes_on_without_a_relay():
    """No port, another relay, none wanted: the guard runs as ever."""
    out = sandbox(START + LAN + textwrap.dedent("""\
        python3 - <<'EOF' & taken=$!
        import socket, time
        held = [socket.create_server(("", port)) for port in range(8080, 8100)]
        open("/run/taken", "x").close()
        time.sleep(60)
        EOF
        for i in $(seq 100); do [ -e /run/taken ] && break; sleep 0.1; done
        start --interface lan0; cat /run/log; build/rouse status >/dev/null && echo guards-one; ctrl_c
        kill $taken
        start --interface lan0 --no-relay; build/rouse relay; build/rouse status >/dev/null && echo guards-two; ctrl_c
        mkdir -p /run/other; printf '[relay]\\nlisten = 127.0.0.1:9999\\ndatabase = /run/other/relay.db\\n' >/run/other.conf
        build/rouse-relay -c /run/other.conf 2>/dev/null & other=$!
        start --interface lan0 --no-relay
        build/rouse join http://127.0.0.1:9999 $(build/rouse-relay -c /run/other.conf invite --json | sed 's/.*invitation":"\\([^"]*\\).*/\\1/')
        ctrl_c
        start --interface lan0; grep -F 'is joined to' /run/log; build/rouse status >/dev/null && echo guards-three; ctrl_c
        ./run --no-relay demo 2>&1 | head -n 1
        kill $other; wait
        """))
    lines = out.splitlines()
    assert "ports 8080 to 8099 are taken" in out and "No relay is joined" in out, out
    assert "The guard is joined to http://127.0.0.1:9999; no relay is started beside it." in lines, out
    assert {"guards-one", "guards-two", "guards-three"} <= set(lines) and lines.count("stopped") == 4, out
    assert "usage: ./run" in lines[-1], out


@needs_root
def test_demo_tells_the_truth():
    """It succeeds, it fails with a guard that does nothing, and Ctrl-C leaves nothing."""
    out = sandbox(START.split("\n", 1)[1] + textwrap.dedent("""\
        mkdir -p /run/netns
        ./run demo >/run/demo && echo demo-good
        grep 'first connection succeeded' /run/demo
        mkdir /run/broken
        cp build/rouse /run/broken/
        printf '#!/bin/sh\\nexit 1\\n' >/run/broken/roused; chmod 755 /run/broken/roused
        ROUSE_BUILD=/run/broken ./run demo >/run/demo 2>&1 && echo demo-lies || echo demo-bad
        python3 /run/start.py demo >/run/log 2>&1 & pid=$!
        for i in $(seq 100); do grep -q 'says goodbye' /run/log && break; sleep 0.1; done
        ctrl_c
        tail -n 1 /run/log
        echo "namespaces $(ls /run/netns | wc -l)"; pgrep roused || echo none-left
        """), timeout=180)
    lines = out.splitlines()
    assert "demo-good" in lines and "The first connection succeeded." in lines, out
    assert "demo-bad" in lines and "demo-lies" not in lines, out
    assert "ended 130" in lines and "Stopped; everything was removed." in lines, out
    assert "namespaces 0" in lines and "none-left" in lines, out
