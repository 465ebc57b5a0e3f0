"""guard.py URL: the guard of tests/relay, driven by the browser's tests: a line of JSON in, a line of JSON out."""
import hashlib
import json
import os
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "relay"))
import rouse  # noqa: E402 pylint: disable=wrong-import-position


class Driven:
    def __init__(self, url):
        self.guard = rouse.Guard(url)

    def join(self, invitation=None):
        self.guard.join(invitation).state()
        return {"home": self.guard.home}

    def set(self, **values):
        for name, value in values.items():
            setattr(self.guard, name, value)

    def state(self):
        self.guard.state()

    def grant(self, phrase=None, label=None, **more):
        grant = rouse.Grant(**more)
        if phrase:
            salt = os.urandom(16)
            secret = hashlib.pbkdf2_hmac("sha256", phrase.encode(), salt, 600000)
            grant = typed(grant, secret, salt, label)
        self.guard.add(grant)
        self.guard.state()
        return {"id": grant.id, "secret": rouse.b64(grant.secret)}

    def revoke(self, ident):
        del self.guard.grants[ident]
        self.guard.state()

    def tell(self, message):
        self.guard.tell(message)

    def event(self, **values):
        self.guard.tell({"t": "event", **rouse.event(**values)})

    def close(self):
        # Another thread reads it: closing alone would not end the connection.
        self.guard.ws.sock.shutdown(socket.SHUT_RDWR)
        self.guard.ws.close()

    def requests(self):
        return len(self.guard.requests)


def typed(grant, secret, salt, label):
    """The grant with a phrase's secret in place of its own."""
    prk = rouse.hmac.digest(b"rouse-grant-v1", secret, "sha256")
    grant.secret = secret
    grant.view, grant.request, grant.answer = (
        rouse.hmac.digest(prk, (w + grant.id).encode() + b"\x01", "sha256")
        for w in ("view", "request", "answer"))
    grant.public.update(kind="phrase", view=rouse.b64(rouse.sha(grant.view)),
                        salt=rouse.b64(salt), label=label)
    return grant


def main():
    driven = Driven(sys.argv[1])
    for line in sys.stdin:
        command = json.loads(line)
        try:
            said = {"ok": getattr(driven, command.pop("do"))(**command)}
        except Exception as e:  # pylint: disable=broad-exception-caught
            said = {"failed": repr(e)}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
