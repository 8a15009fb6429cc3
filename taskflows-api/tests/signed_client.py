"""A client of the API written from its description alone, with nothing but the standard library.

It asks the server at argv[1] (host:port) with the secret of its standard input, and prints a line of JSON for each request:
what deviates from the description, and the status of the answer. `/health` tells the id of the server, unless argv[2] does.
"""

import hashlib
import hmac
import http.client
import json
import secrets
import sys
import time

ADDRESS = sys.argv[1]
SECRET = sys.stdin.read().strip()


def ask(method, target, body=b"", headers=()):
    connection = http.client.HTTPConnection(ADDRESS, timeout=10)
    connection.putrequest(method, target)
    for name, value in headers:
        connection.putheader(name, value)
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text


SERVER_ID = sys.argv[2] if len(sys.argv) > 2 else json.loads(ask("GET", "/health")[1])["server_id"]


def sign(method, target, body, secret=None, timestamp=None, nonce=None, server_id=None, version="TF1", joined="\n"):
    path, _, query = target.partition("?")
    timestamp = str(int(time.time())) if timestamp is None else timestamp
    nonce = secrets.token_urlsafe(24) if nonce is None else nonce
    lines = [version, timestamp, nonce, server_id or SERVER_ID, method, path, query, hashlib.sha256(body).hexdigest()]
    key = (secret or SECRET).encode()
    signature = hmac.new(key, joined.join(lines).encode(), hashlib.sha256).hexdigest()
    return [("X-HMAC-Signature", signature), ("X-Timestamp", timestamp), ("X-Nonce", nonce)]


def without(name, headers):
    return [header for header in headers if header[0] != name]


def changed(name, change, headers):
    return [(one, change(value) if one == name else value) for one, value in headers]


READ = ("GET", "/probe/asked?word=a%20b&count=1", b"")
CHANGE = ("POST", "/api/apply", b'{"word":"four"}')


def tell(deviation, status):
    print(json.dumps([deviation, status]), flush=True)


def main():
    for name, request in (("read", READ), ("change", CHANGE)):
        tell(f"none: {name}", ask(*request, sign(*request))[0])
        once = sign(*request)
        tell(f"none: {name}, the first time", ask(*request, once)[0])
        tell(f"{name}: the second time", ask(*request, once)[0])
        now = int(time.time())
        for off in (-290, 290):
            tell(f"none: {name}, clock off by {off}", ask(*request, sign(*request, timestamp=str(now + off)))[0])
        for deviation, headers in deviations(request, now):
            tell(f"{name}: {deviation}", ask(*request, headers)[0])
    others = {
        "another method": ("PUT", *CHANGE[1:]),
        "another path": ("POST", "/api/apply/", CHANGE[2]),
        "an added query": ("POST", "/api/apply?x=1", CHANGE[2]),
        "another body": ("POST", "/api/apply", b'{"word":"fours"}'),
        "no body": ("POST", "/api/apply", b""),
    }
    for deviation, other in others.items():
        tell(f"signed: {deviation}", ask(*CHANGE, sign(*other))[0])
    tell("signed: a decoded query", ask(*READ, sign("GET", "/probe/asked?word=a b&count=1", b""))[0])
    tell("signed: a sorted query", ask(*READ, sign("GET", "/probe/asked?count=1&word=a%20b", b""))[0])


def deviations(request, now):
    good = lambda: sign(*request)
    yield "no headers", []
    for name in ("X-HMAC-Signature", "X-Timestamp", "X-Nonce"):
        yield f"no {name}", without(name, good())
        headers = good()
        yield f"{name} twice", headers + [header for header in headers if header[0] == name]
    yield "another secret", sign(*request, secret=SECRET[::-1])
    yield "another server", sign(*request, server_id="0" * 32)
    yield "another version", sign(*request, version="TF2")
    yield "joined by another character", sign(*request, joined=":")
    yield "upper case", changed("X-HMAC-Signature", str.upper, good())
    yield "a shorter signature", changed("X-HMAC-Signature", lambda text: text[:-2], good())
    yield "a prefix", changed("X-HMAC-Signature", lambda text: "sha256=" + text, good())
    yield "another nonce", changed("X-Nonce", lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"), good())
    yield "another time", changed("X-Timestamp", lambda text: str(int(text) + 1), good())
    yield "too old", sign(*request, timestamp=str(now - 305))
    yield "too early", sign(*request, timestamp=str(now + 310))
    yield "milliseconds", sign(*request, timestamp=str(now * 1000))
    yield "a fraction", sign(*request, timestamp=f"{now}.0")
    yield "a sign", sign(*request, timestamp=f"+{now}")
    yield "a date", sign(*request, timestamp=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)))
    yield "a short nonce", sign(*request, nonce="0123456789abcde")
    yield "a long nonce", sign(*request, nonce="a" * 129)
    yield "a nonce of other characters", sign(*request, nonce="0123456789abcdef+/==")


main()
