"""./run demo: the whole story on a virtual LAN, step by step, with what was measured.

Everything happens in network namespaces made here; they are gone at the end, also after Ctrl-C. Exit 0 only if the
client's first connection succeeded.
"""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import guard as guard_module  # noqa: E402
import netns  # noqa: E402
from lan import Lan  # noqa: E402

BOOT, SERVICE = 5.0, 1.5
BOLD, DIM, GREEN, RED, PLAIN = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m")
if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
    BOLD = DIM = GREEN = RED = PLAIN = ""


class Story:
    def __init__(self):
        self.number = 0

    def step(self, text):
        self.number += 1
        print(f"\n{BOLD}{self.number}. {text}{PLAIN}", flush=True)

    @staticmethod
    def say(text):
        print(f"   {text}", flush=True)

    @staticmethod
    def quote(text):
        for line in text.splitlines():
            print(f"   {DIM}| {line}{PLAIN}", flush=True)


def seconds(value):
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


def tell(story):
    """True when the first connection succeeded."""
    story.step("A LAN is built: a switch, a client, the guard, and a machine called nas")
    began = time.monotonic()
    with Lan(other=False) as lan:
        nas = lan.machine("nas", boot=BOOT, service=SERVICE, announce=False)
        client = lan.client
        story.say(f"Each is a network namespace with a kernel network stack of its own ({seconds(time.monotonic() - began)}).")
        story.say(f"client {client.v4}, guard {lan.guard_host.v4}, nas {nas.v4} and {nas.v6} ({nas.mac}).")
        story.say(f"nas takes {BOOT:.0f} s to boot, and its service another {SERVICE:.1f} s to listen on port 22.")

        story.step("While nas is awake, the client just connects")
        attempt = client.connect(nas.v4).wait(5)
        if not attempt.ok:
            story.say(f"It failed: {attempt.error}")
            return False
        attempt.talk()
        attempt.close()
        story.say(f"Connected after {seconds(attempt.seconds)}.")

        story.step("The guard starts, unprivileged and sandboxed")
        guard = lan.guard([nas], rules={"nas": "tcp/22"})
        guard.wait_state("nas", "awake")
        story.quote(guard.log())

        story.step("nas says goodbye to the guard and is switched off")
        capture = client.capture()
        reply = guard.register(nas)
        story.say(f"The registration port answered: {reply}")
        gone = nas.sleep()
        guard.wait_state("nas", "asleep")
        taken = capture.wait(lambda f: f.is_arp and f.spa == nas.v4 and f.src != nas.mac and not f.out, 5, "take-over")
        story.say(f"{seconds(taken.time - gone)} after its last frame the guard holds its place ({taken.src}).")

        story.step("Noise does not wake it: a ping, and a connection to a port without a rule")
        before = time.monotonic()
        client.ping(nas.v4, timeout=0.5)
        client.connect(nas.v4, 445).close()
        time.sleep(0.5)
        if nas.valid_magics(before):
            story.say(f"{RED}It woke nas!{PLAIN}")
            return False
        story.say("Nothing happened, and nobody got a reset.")

        story.step("The client connects to port 22 of the sleeping nas. Its first connection, no retry:")
        capture.clear()
        attempt = client.connect(nas.v4)
        magic = nas.first_magic(attempt.start, 5)
        syn = capture.wait(lambda f: f.out and f.is_tcp and f.dport == 22, 2)
        story.say(f"{seconds(magic.time - syn.time):>9}  after its SYN the magic packet reached the NIC of nas; nas boots ...")
        while attempt.pending and time.monotonic() < attempt.start + BOOT + SERVICE + 15:
            time.sleep(0.02)
        if not attempt.ok:
            story.say(f"{RED}The connection failed: {attempt.error or 'still pending'}{PLAIN}")
            story.quote(guard.log())
            return False
        boot = nas.wait_up()
        ready = boot.services[(4, "tcp", 22)]
        story.say(f"{seconds(boot.addresses[nas.v4] - syn.time):>9}  nas has its address")
        story.say(f"{seconds(ready - syn.time):>9}  its service listens")
        story.say(f"{GREEN}{seconds(attempt.done - syn.time):>9}  connected{PLAIN}, {seconds(attempt.done - ready)} after the service listened")
        answer = attempt.talk(b"is it you?")
        story.say(f"nas itself answered: {answer.decode()!r}; resets seen: "
                  f"{len(capture.frames(lambda f: f.is_rst and not f.out))}; address conflicts at nas: {nas.conflicts}")
        guard.wait_log("22 answered|ready|replayed", 5)
        story.say("What the guard says about it:")
        story.quote("\n".join(guard.log().splitlines()[-6:]))

        story.step("The guard stops")
        guard.stop()
        left = guard.differences()
        story.say(left or "Nothing is left on its host: no address, no route, no neighbour, no setting.")
        return attempt.ok and answer == b"is it you?" and not left


def main():
    if os.geteuid() != 0:
        print("The demo makes network namespaces: please run it as root.", file=sys.stderr)
        return 1
    try:
        guard_module.program("roused")
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1

    def leave(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
    try:
        good = tell(Story())
    except KeyboardInterrupt:
        print("\nStopped; everything was removed.")
        return 130
    except (TimeoutError, RuntimeError, AssertionError, OSError) as error:
        print(f"\n{RED}The demo failed: {error}{PLAIN}", file=sys.stderr)
        return 1
    assert not netns.left_over()
    print(f"\n{GREEN if good else RED}{'The first connection succeeded.' if good else 'The demo failed.'}{PLAIN}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
