"""The API against its own description, and what every answer carries."""
import gzip
import json
import re
import subprocess

import pytest

import conftest
import rouse


@pytest.fixture
def described(relay):
    status, said, headers = relay.ask("GET", "/api/v1/openapi.json")
    assert status == 200 and headers["Content-Type"] == "application/json"
    return said


def walk(node):
    if isinstance(node, dict):
        yield node
        for v in node.values():
            yield from walk(v)
    elif isinstance(node, list):
        for v in node:
            yield from walk(v)


def resolve(root, ref):
    node = root
    for part in ref.removeprefix("#/").split("/"):
        node = node[part]
    return node


def check(root, schema, value, where="$"):
    """The part of JSON Schema that the description uses."""
    if "$ref" in schema:
        return check(root, resolve(root, schema["$ref"]), value, where)
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
             "boolean": bool, "null": type(None)}
    if "type" in schema:
        wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert any(isinstance(value, kinds[k]) for k in wanted), (where, value)
    assert value in schema.get("enum", [value]), (where, value)
    assert value == schema.get("const", value), (where, value)
    if isinstance(value, dict):
        assert set(schema.get("required", [])) <= set(value), (where, value)
        unknown = set(value) - set(schema.get("properties", value))
        assert not unknown, (where, unknown)
        for k, v in value.items():
            if k in schema.get("properties", {}):
                check(root, schema["properties"][k], v, f"{where}.{k}")
    if isinstance(value, list) and "items" in schema:
        for i, v in enumerate(value):
            check(root, schema["items"], v, f"{where}[{i}]")
    if isinstance(value, str):
        assert schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**6), (where, value)
    return True


def test_description_is_whole(described):
    assert described["openapi"] == "3.1.0" and described["info"]["title"]
    ids = [o["operationId"] for p in described["paths"].values()
           for m, o in p.items() if m in ("get", "post")]
    assert len(ids) == len(set(ids)) > 10
    for node in walk(described):
        if "$ref" in node:
            assert resolve(described, node["$ref"])
    for path, item in described["paths"].items():
        named = {p["name"] for p in item.get("parameters", []) if p["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path)), path
        for operation in (o for m, o in item.items() if m in ("get", "post")):
            assert operation["responses"] and all(r.get("description") or "$ref" in r
                                                  for r in operation["responses"].values())


def test_routes_and_description_agree(described):
    said = subprocess.run([conftest.PROGRAM, "--routes"], capture_output=True, text=True, check=True)
    routes = set(said.stdout.split("\n")) - {""}
    assert routes == {f"{m.upper()} {path}" for path, item in described["paths"].items()
                      for m in item if m in ("get", "post")}


def test_answers_are_as_described(home, described):
    relay, guard, grant, token = home
    phrase = rouse.Grant(kind="phrase", salt=rouse.b64(b"s" * 16), label="nas")
    guard.add(phrase)
    guard.state()
    guard.tell({"t": "event", **rouse.event(1)})
    base = f"/api/v1/homes/{guard.home}"
    sealed = grant.seal(guard.home, guard.challenge)
    cases = [
        ("GET", base, base, grant.bearer, None), ("GET", base, base, {}, None),
        ("GET", base + "/events", base + "/events?limit=5", grant.bearer, None),
        ("GET", base + "/challenge", base + "/challenge", grant.bearer, None),
        ("GET", base + "/phrase", base + "/phrase?label=nas", {}, None),
        ("GET", base + "/phrase", base + "/phrase", {}, None),
        ("POST", base + "/requests", base + "/requests?wait=5", grant.bearer, sealed),
        ("POST", base + "/requests", base + "/requests?wait=5", grant.bearer, sealed),
        ("POST", base + "/requests", base + "/requests", grant.bearer, {}),
        ("POST", "/w/{token}", f"/w/{token.text}", {}, None),
        ("POST", "/w/{token}", f"/w/{token.text}?wait=5", {}, None),
        ("GET", "/w/{token}", f"/w/{token.text}", {}, None),
        ("POST", "/w", "/w", {"Authorization": "Bearer " + token.text}, None),
        ("GET", "/healthz", "/healthz", {}, None), ("GET", "/guard", "/guard", {}, None),
    ]
    seen = set()
    for method, path, target, headers, body in cases:
        status, said, got = relay.ask(method, target, body, headers)
        operation = described["paths"][path.replace(guard.home, "{home}")][method.lower()]
        response = operation["responses"][str(status)]
        if "$ref" in response:
            response = resolve(described, response["$ref"])
        content = response["content"]
        if got["Content-Type"] == "application/problem+json":
            check(described, {"$ref": "#/components/schemas/Problem"},
                  {k: v for k, v in said.items() if k in ("type", "title", "status", "detail")})
            assert said["status"] == status
        else:
            check(described, content[got["Content-Type"]]["schema"], said)
        seen.add(status)
    assert seen >= {200, 202, 400, 401, 403, 405, 426}


def test_security_fields(relays):
    plain, proxied = relays(), relays(public_url="https://relay.example")
    for relay, hsts in ((plain, None), (proxied, "max-age=31536000")):
        for path in ("/healthz", "/nothing", "/api/v1/openapi.json", "/api/v1/homes/x"):
            headers = relay.ask("GET", path)[2]
            csp = headers["Content-Security-Policy"]
            assert "default-src 'none'" in csp and "unsafe" not in csp and "*" not in csp
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers.get("Strict-Transport-Security") == hsts
            assert not any(h.lower().startswith("access-control") for h in headers)


def test_files_and_their_tags(relay):
    _, _, headers = relay.ask("GET", "/api/v1/openapi.json")
    c = relay.connection()
    c.request("GET", "/api/v1/openapi.json", headers={"Accept-Encoding": "gzip, br"})
    r = c.getresponse()
    assert r.headers["Content-Encoding"] == "gzip" and r.headers["Vary"] == "Accept-Encoding"
    assert json.loads(gzip.decompress(r.read()))["openapi"] == "3.1.0"
    assert r.headers["ETag"] != headers["ETag"]
    status, said, _ = relay.ask("GET", "/api/v1/openapi.json",
                                headers={"If-None-Match": headers["ETag"]})
    assert status == 304 and said == ""


def test_metrics(home):
    relay, guard, grant, token = home
    relay.wake(guard, grant)
    relay.ask("POST", f"/w/{token.text}?wait=5")
    said = relay.metrics()
    assert said["guards"] == 1 and said["joins_total"] == 1 and said["storage_ok"] == 1
    assert said["sealed_requests_total"] == 1 and said["token_requests_total"] == 1
    assert said["answers_total"] == 6 and said["requests_waiting"] == 0


@pytest.mark.parametrize("allowed, here, outside", [("local", 200, 404), ("off", 404, 404), ("all", 200, 200)])
def test_metrics_are_not_for_everybody(relays, allowed, here, outside):
    relay = relays(metrics=allowed, trusted_proxy="127.0.0.0/8")
    assert relay.ask("GET", "/metrics")[0] == here
    for client in ("192.0.2.1", "127.0.0.1, 2001:db8::1"):
        assert relay.ask("GET", "/metrics", headers={"X-Forwarded-For": client})[0] == outside
    assert relay.ask("GET", "/healthz")[0] == 200


def test_check_and_usage(relays):
    relay = relays(start=False)
    said = relay.run("--check")
    assert said.returncode == 0 and f"listen = 127.0.0.1:{relay.port}" in said.stdout
    relay.config.write_text(said.stdout)
    assert relay.run("--check").stdout == said.stdout
    relay.config.write_text("[relay]\nlisten = nowhere\nwhat = 1\nconnections = 0\n[other]\n")
    said = relay.run("--check")
    assert said.returncode == 2
    for line, what in ((2, "listen"), (3, "what"), (4, "connections"), (5, "[relay]")):
        assert re.search(rf"relay\.conf:{line}: .*{re.escape(what)}", said.stderr), said.stderr
    assert relay.run("dance").returncode == 2
    assert "invite" in relay.run("--help").stdout
