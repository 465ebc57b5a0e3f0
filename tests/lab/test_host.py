"""The guard's own host: links that come and go, its own connections, what it refuses, what it may not do."""

import re
import signal
import time

import frames
import netns
import pytest
from scenes import asleep, check_connected, harm, sent_by_guard, wait_quiet

pytestmark = pytest.mark.needs_guard


def test_link_down_and_up(lan):
    nas = lan.machine("nas", boot=0.7, dad="off")
    disk = lan.machine("disk", boot=0.7, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    guard.rouse("add", "disk", "--mac", disk.mac, "--address", disk.v4)
    guard.wait_state("disk", "awake")
    before = time.monotonic()
    lan.switch.ip(f"link set {lan.guard_host.port} down")
    guard.wait_log("eth0.*(down|link|carrier)")
    wait_quiet(4)
    assert guard.state("disk") in ("awake", "unknown"), "nothing is judged while our own link is down"
    lan.switch.ip(f"link set {lan.guard_host.port} up")
    wait_quiet(2)
    assert guard.state("nas") == "asleep" and guard.state("disk") == "awake"
    assert not nas.valid_magics(before) and disk.conflicts == 0
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)


@pytest.mark.parametrize("at_once", [False, True])
def test_address_change(lan, at_once):
    """at_once: the guard looks only when everything has changed, so that the number of addresses is as before."""
    nas = lan.machine("nas", boot=0.7, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    ns, mark = lan.guard_host.ns, len(guard.log())
    if at_once:
        guard.process.send_signal(signal.SIGSTOP)
    ns.ip(f"addr del {lan.guard_host.v4}/24 dev eth0", "addr add 192.0.2.21/24 dev eth0")
    ns.ip("addr add 2001:db8::21/64 dev eth0 nodad", f"addr del {lan.guard_host.v6}/64 dev eth0")
    if at_once:
        guard.process.send_signal(signal.SIGCONT)
    try:
        wait_quiet(0.5)
        capture = lan.client.capture()
        check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)
        guard.wait_state("nas", "awake")
        assert guard.register_raw(b"{}", lan.other, address="192.0.2.21"), "the registration port follows"
        assert not [f for f in capture.frames() if f.is_arp and f.spa == lan.guard_host.v4 and f.src == lan.guard_host.mac]
        guard.wait_log("eth0.*address", after=mark)
    finally:
        ns.ip(f"addr add {lan.guard_host.v4}/24 brd + dev eth0", "addr del 192.0.2.21/24 dev eth0")
        ns.ip(f"addr add {lan.guard_host.v6}/64 dev eth0 nodad", "addr del 2001:db8::21/64 dev eth0")
        guard.clean_exit = False                    # we changed the host ourselves


def test_interface_goes_away_and_comes_back(lan):
    nas = lan.machine("nas", boot=0.7, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    guard.clean_exit = False                        # the interface index changes: ours, not the guard's doing
    host, before = lan.guard_host, time.monotonic()
    lan.switch.ip(f"link del {host.port}")
    guard.wait_log("eth0")
    wait_quiet(1)
    assert guard.process.poll() is None and guard.status("nas")
    lan.switch.ip(f"link add name {host.port} type veth peer name eth0 address {host.mac} netns {host.ns.name}",
                  f"link set {host.port} master br0 up")
    host.ns.ip("link set eth0 up", f"addr add {host.v4}/24 brd + dev eth0", f"addr add {host.v6}/64 dev eth0 nodad")
    guard.wait_state("nas", "asleep")
    wait_quiet(1.5)
    assert not nas.valid_magics(before)
    check_connected(lan.client.connect(nas.v6).wait(10), nas, nas.v6)
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4, slack=60)
    assert guard.register_raw(b"{}", lan.other)


def test_own_mac_is_refused_with_forwarding(lan):
    lan.guard_host.ns.sysctl(**{"net.ipv4.ip_forward": 1})
    nas = lan.machine("nas", boot=None)
    guard = lan.guard([nas], guard={"virtual-mac": "own"}, start=False)
    guard.start(timeout=0)
    nas.sleep()
    wait_quiet(6)
    if guard.process.poll() is None:                # it runs, and does not claim there
        lan.client.ping(nas.v4, timeout=0.5)
        assert lan.client.neighbour(nas.v4)[0] is None
    else:
        assert guard.process.returncode in (1, 2)
    assert "forward" in guard.log()


@pytest.mark.parametrize("family", [4, 6])
def test_own_mac_without_forwarding(lan, family):
    nas = lan.machine("nas", boot=1.5, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"}, guard={"virtual-mac": "own"})
    lan.client.learn(nas.address(family))
    assert lan.client.neighbour(nas.address(family))[0] == lan.guard_host.mac
    capture = lan.client.capture()
    check_connected(lan.client.connect(nas.address(family)).wait(10), nas, nas.address(family))
    assert not harm(capture) and re.search("own", guard.log())


def test_macvlan_child_uses_its_own_mac(lan):
    """virtual-mac = auto on an interface where another MAC cannot work."""
    host = lan.host("child", 22)
    host.ns.ip("link add link eth0 name mv0 type macvlan mode bridge", "link set mv0 up", "addr flush dev eth0",
               f"addr add {host.v4}/24 brd + dev mv0", f"addr add {host.v6}/64 dev mv0 nodad")
    mac = re.search(r"link/ether (\S+)", host.ns.run("ip", "link", "show", "mv0").stdout)[1]
    host.mac = mac
    nas = lan.machine("nas", boot=1.0, dad="off")
    guard = asleep(lan, nas, host=host, guard={"interface": "mv0"}, rules={"nas": "tcp/22"})
    lan.client.learn(nas.v4)
    assert lan.client.neighbour(nas.v4)[0] == mac
    assert "mv0" in guard.log()
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)


def test_virtual_mac_as_configured(lan):
    nas = lan.machine("nas", boot=None)
    asleep(lan, nas, guard={"virtual-mac": "0a:72:6f:12:34:56"})
    lan.client.learn(nas.v4)
    assert lan.client.neighbour(nas.v4)[0] == "0a:72:6f:12:34:56"


@pytest.mark.parametrize("family", [4, 6])
def test_local_connections_wake(lan, family):
    nas = lan.machine("nas", boot=2.0, service=0.5)
    address = nas.address(family)
    lan.guard_host.learn(address)                   # its kernel knows the real MAC
    guard = asleep(lan, nas, rules={"nas": "tcp/22"}, guard={"local": "yes"})
    attempt = lan.guard_host.connect(address)
    nas.first_magic(attempt.start, timeout=10)
    check_connected(attempt.wait(15), nas, address)
    guard.wait_state("nas", "awake")
    assert guard.status("nas")["last_wake"]["by"] == "knock"
    assert lan.guard_host.neighbour(address)[0] == nas.mac


@pytest.mark.parametrize("family", [4, 6])
def test_forwarded_connections_wake(lan, family):
    """A container network behind the guard's host."""
    host = lan.guard_host
    inner = netns.Namespace("inner")
    try:
        inner.sysctl(**{"net.ipv6.conf.default.accept_dad": 0})
        host.ns.ip(f"link add name box0 type veth peer name eth0 netns {inner.name}", "link set box0 up",
                   "addr add 198.51.100.1/24 dev box0", "addr add 2001:db8:1::1/64 dev box0 nodad")
        inner.ip("link set eth0 up", "addr add 198.51.100.2/24 dev eth0", "addr add 2001:db8:1::2/64 dev eth0 nodad",
                 "route add default via 198.51.100.1", "route add default via 2001:db8:1::1")
        host.ns.sysctl(**{"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
        nas = lan.machine("nas", boot=2.0)
        guard = asleep(lan, nas, rules={"nas": "tcp/22"}, guard={"local": "yes"})
        import lan as lan_module
        fake = type("Inner", (), {"ns": inner})()
        start = time.monotonic()
        attempt = lan_module.Attempt(fake, nas.address(family), 22)
        try:
            nas.first_magic(start, timeout=10)
            netns.wait_until(lambda: nas.boots[-1].addresses.get(nas.address(family)), 10, what="address")
            boot = nas.boots[-1]
            nas.ns.ip(f"route add 198.51.100.0/24 via {host.v4}" if family == 4 else f"route add 2001:db8:1::/64 via {host.v6}")
            attempt.wait(20)
            assert attempt.ok and attempt.done - boot.ready(nas.address(family)) < 1.5
        finally:
            attempt.close()
        guard.stop()
        assert not [line for line in guard.differences().splitlines() if "0a:72:6f" in line or "changed" in line]
    finally:
        guard.clean_exit = False                    # box0 goes with its other end
        inner.close()


def test_local_leaves_nothing_after_a_crash(lan):
    nas = lan.machine("nas", boot=None, dad="off")
    lan.guard_host.ns.sysctl(**{"net.ipv4.neigh.eth0.base_reachable_time_ms": 1000, "net.ipv4.neigh.eth0.delay_first_probe_time": 1,
                                "net.ipv4.neigh.eth0.gc_stale_time": 1})
    guard = asleep(lan, nas, rules={"nas": "tcp/22"}, guard={"local": "yes"})
    attempt = lan.guard_host.connect(nas.v4)
    nas.first_magic(attempt.start, timeout=10)
    entry = lan.guard_host.neighbour(nas.v4)
    assert "PERMANENT" not in entry[1]
    guard.kill()
    attempt.close()
    second = lan.guard_host.connect(nas.v4)
    netns.wait_until(lambda: lan.guard_host.neighbour(nas.v4)[0] is None, 20, step=0.3, what="ageing of the entry")
    second.close()


@pytest.mark.slow
def test_local_entry_lasts_as_long_as_a_client_may_wait(lan):
    """A client's SYNs are up to 64 s apart; meanwhile its kernel must not ask the machine, which may be up before its service."""
    nas = lan.machine("nas", boot=None, dad="off")
    asleep(lan, nas, rules={"nas": "udp/9987"}, guard={"local": "yes"})
    lan.guard_host.udp(nas.v4, 9987, timeout=0.5)
    nas.first_magic(timeout=10)
    vmac = lan.guard_host.neighbour(nas.v4)[0]
    assert vmac.startswith("0a:72:6f"), vmac
    time.sleep(11)
    assert lan.guard_host.neighbour(nas.v4)[0] == vmac


def test_local_tap_ends_with_the_last_that_waits(lan):
    nas, other = lan.machine("nas", boot=1.0), lan.machine("other", boot=None)     # the other one goes on sleeping
    asleep(lan, nas, other, rules={"nas": "tcp/22"}, guard={"local": "yes"})

    def sockets():
        return lan.guard_host.ns.run("ss", "-0", "-a", "-n", "-H").stdout.count("eth0")
    before = sockets()
    attempt = lan.guard_host.connect(nas.v4)
    nas.first_magic(attempt.start, timeout=10)
    assert sockets() == before + 1
    check_connected(attempt.wait(15), nas, nas.v4)
    netns.wait_until(lambda: sockets() == before, 10, what="end of the tap")


def test_local_off_says_so_when_forwarding(lan):
    lan.guard_host.ns.sysctl(**{"net.ipv4.ip_forward": 1})
    guard = lan.guard([])
    assert re.search(r"local = yes|local=yes|`local`", guard.log()), guard.log()


def test_observe_sends_nothing(lan):
    nas = lan.machine("nas", boot=None)
    capture = lan.other.capture()
    wire = nas.wire_capture()
    guard = lan.guard([nas], rules={"nas": "tcp/22"}, guard={"observe": "yes"})
    before = time.monotonic()
    nas.sleep()
    attempt = lan.client.connect(nas.v4)            # its ARP requests go unanswered: that is the evidence
    wait_quiet(5)
    attempt.close()
    attempt = lan.client.connect(nas.v4)
    wait_quiet(4)
    attempt.close()
    host = [f for f in capture.frames() + wire.frames() if f.time > before and f.src.startswith("0a:72:6f")]
    own = [f for f in capture.frames() if f.time > before and f.src == lan.guard_host.mac]
    assert not host and not own, (host, own)
    assert not nas.magics and "would" in guard.log(), guard.log()


def test_sends_nothing_without_a_machine(lan):
    capture = lan.other.capture()
    before = time.monotonic()
    lan.guard([])
    lan.client.learn(lan.other.v4)
    wait_quiet(3)
    own = [f for f in sent_by_guard(capture, lan.guard_host, before) if f.icmp != 143]
    assert not own, own


def test_gateway_and_own_address_are_never_claimed(make_lan):
    lan = make_lan(router=True)
    host = lan.guard_host
    host.ns.ip(f"route add default via {lan.router.v4} dev eth0")
    guard = lan.guard([], start=False, extra=f'[machine "gw"]\nmac = {lan.router.mac}\naddress = {lan.router.v4}\n'
                      f'[machine "me"]\nmac = 52:54:00:00:77:07\naddress = {host.v4}\n')
    guard.start(timeout=0)
    lan.router.ns.ip("link set eth0 down")
    wait_quiet(7)
    with lan.client.capture() as capture:
        lan.client.ns.run("ip", "neigh", "flush", "dev", "eth0", check=False)
        lan.client.ping(lan.router.v4, timeout=1)
        lan.client.ping(host.v4, timeout=1)
        bad = [f for f in capture.frames() if not f.out and f.is_arp and (
            f.spa == lan.router.v4 or (f.spa == host.v4 and f.sha != host.mac))]
    assert not bad, bad


def test_several_interfaces(lan):
    """A second LAN on the guard's host: each machine is guarded on its own."""
    host = lan.guard_host
    second = netns.Namespace("far")
    try:
        second.sysctl(**{"net.ipv6.conf.default.accept_dad": 0})
        host.ns.ip(f"link add name eth1 type veth peer name eth0 netns {second.name}", "link set eth1 up",
                   "addr add 203.0.113.20/24 dev eth1")
        second.ip("link set eth0 up", "addr add 203.0.113.10/24 dev eth0")
        nas = lan.machine("nas", boot=0.7, dad="off")
        guard = asleep(lan, nas, guard={"interface": "eth0 eth1"}, rules={"nas": "tcp/22"},
                       extra='[machine "far"]\nmac = 52:54:00:00:77:09\naddress = 203.0.113.50\nwake-on = tcp/22\n')
        guard.wait_state("far", "asleep")
        from capture import Capture
        import lan as lan_module
        with Capture(second) as capture:
            fake = type("Far", (), {"ns": second})()
            attempt = lan_module.Attempt(fake, "203.0.113.50", 22)
            magic = capture.wait(lambda f: f.type == frames.WOL and not f.out, 10, "magic packet on the second LAN")
            assert bytes.fromhex("525400007709") * 16 in magic.raw
            attempt.close()
        assert not nas.magics
        check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)
        guard.stop()
        assert not guard.differences()
    finally:
        guard.clean_exit = False                    # eth1 goes with its other end
        second.close()


def caps(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return {line.partition(":")[0]: line.partition(":")[2].strip() for line in file}


def test_roles_have_given_up_what_they_do_not_need(lan):
    nas = lan.machine("nas", boot=None)
    guard = asleep(lan, nas)
    net_raw = 1 << 13
    roles = guard.roles()
    assert {"engine", "control"} <= set(roles)
    for name, pid in {**roles, "monitor": guard.process.pid}.items():
        status = caps(pid)
        allowed = net_raw if name == "monitor" else 0
        for kind in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"):
            have = int(status[kind], 16)
            if kind in ("CapPrm", "CapEff") or name != "monitor":
                assert have & ~allowed == 0 or kind in ("CapBnd",), f"{name} {kind} {have:x}"
        assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2", f"{name}: {status['Seccomp']}"
        assert "0" not in status["Uid"].split(), f"{name} runs as root"


def test_interface_is_renamed_and_renamed_back(lan):
    nas = lan.machine("nas", boot=0.7, dad="off")
    guard = asleep(lan, nas, rules={"nas": "tcp/22"})
    guard.clean_exit = False                        # the addresses went down with the link: our doing
    host, before, mark = lan.guard_host, time.monotonic(), len(guard.log())
    host.ns.ip("link set eth0 down", "link set eth0 name lan9", "link set lan9 up")
    guard.wait_log("eth0", after=mark)
    wait_quiet(2)
    assert guard.process.poll() is None and guard.status("nas")
    mark = len(guard.log())
    host.ns.ip("link set lan9 down", "link set lan9 name eth0", "link set eth0 up", f"addr add {host.v6}/64 dev eth0 nodad")
    guard.wait_log("eth0", after=mark)
    guard.wait_state("nas", "asleep")
    assert not nas.valid_magics(before), "nobody asked for it"
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)


def test_own_mac_stops_claiming_when_forwarding_is_turned_on(lan):
    nas = lan.machine("nas", boot=None)
    guard = asleep(lan, nas, guard={"virtual-mac": "own"})
    lan.client.learn(nas.v4)
    assert lan.client.neighbour(nas.v4)[0] == lan.guard_host.mac
    mark = len(guard.log())
    lan.guard_host.ns.sysctl(**{"net.ipv4.ip_forward": 1})
    try:
        guard.wait_log("forward", after=mark)
        wait_quiet(1)
        lan.other.ping(nas.v4, timeout=0.5)
        assert lan.other.neighbour(nas.v4)[0] is None, "answered with the host's own MAC"
    finally:
        lan.guard_host.ns.sysctl(**{"net.ipv4.ip_forward": 0})
        guard.clean_exit = False                    # a sysctl moves others with it


def test_default_route_that_comes_later(lan):
    """No interface is named, and DHCP is later than the guard."""
    nas = lan.machine("nas", boot=0.7, dad="off")
    nas.sleep()
    guard = lan.guard([nas], guard={"interface": None}, rules={"nas": "tcp/22"})
    guard.wait_log("no default route")
    lan.guard_host.ns.ip("route add default via 192.0.2.254 dev eth0")
    try:
        guard.wait_state("nas", "asleep")
        check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)
        assert guard.register_raw(b"{}", lan.other), "the registration port is there too"
    finally:
        lan.guard_host.ns.ip("route del default")
    nas.sleep()
    guard.wait_state("nas", "asleep")
    guard.reload()                                  # while it is away again
    guard.wait_log("reloaded")
    assert guard.state("nas") == "asleep"
    check_connected(lan.client.connect(nas.v4).wait(10), nas, nas.v4)
