"""JSON that breaks decoders, on the sockets and over HTTP: a typed error or a close code, never a traceback."""

import json
from typing import Any

from ..harness import ServiceProcess, make_jwt
from .raw_socket import RawSocket, exchange, frame

DEEP = 100_000

# Frames that are refused with an `error`, and its code.
REFUSED = {
    "nothing": (b"", "bad_request"),
    "no JSON": (b"hello", "bad_request"),
    "no object": (b"[]", "bad_request"),
    "null": (b"null", "bad_request"),
    "two objects": (b'{"type":"ping"}{"type":"ping"}', "bad_request"),
    "a comment": (b'{"type":"ping"/**/}', "bad_request"),
    "a byte order mark": (b'\xef\xbb\xbf{"type":"ping"}', "bad_request"),
    "brackets in brackets": (b"[" * DEEP, "bad_request"),
    "objects in objects": (b'{"a":' * DEEP, "bad_request"),
    "depth in a field that nobody reads": (b'{"type":"ping","x":' + b"[" * DEEP + b"]" * DEEP + b"}", "bad_request"),
    "depth in ref": (b'{"type":"ping","ref":' + b"[" * DEEP + b"]" * DEEP + b"}", "bad_request"),
    "NaN": (b'{"type":"read","room":"lobby","seq":NaN}', "bad_request"),
    "Infinity": (b'{"type":"read","room":"lobby","seq":Infinity}', "bad_request"),
    "1e999": (b'{"type":"read","room":"lobby","seq":1e999}', "bad_request"),
    "-1": (b'{"type":"read","room":"lobby","seq":-1}', "bad_request"),
    "a fraction": (b'{"type":"read","room":"lobby","seq":1.5}', "bad_request"),
    "2^53": (b'{"type":"read","room":"lobby","seq":9007199254740992}', "bad_request"),
    "2^63": (b'{"type":"read","room":"lobby","seq":9223372036854775808}', "bad_request"),
    "2^64": (b'{"type":"history","room":"lobby","before":18446744073709551616}', "bad_request"),
    "a number of 50,000 digits": (b'{"type":"read","room":"lobby","seq":' + b"9" * 50_000 + b"}", "bad_request"),
    "a fraction of 50,000 digits": (b'{"type":"ping","x":0.' + b"9" * 50_000 + b"e}", "bad_request"),
    "a boolean as an id": (b'{"type":"send","room":"lobby","id":true,"text":"a"}', "bad_request"),
    "a boolean as a number": (b'{"type":"read","room":"lobby","seq":true}', "bad_request"),
    "a number as an id": (b'{"type":"send","room":"lobby","id":1,"text":"a"}', "bad_request"),
    "a number as a flag": (b'{"type":"react","room":"lobby","id":"a","target":1,"emoji":"x","on":1}', "bad_request"),
    "a list as a text": (b'{"type":"send","room":"lobby","id":"a","text":["a"]}', "bad_request"),
    "an object as a room": (b'{"type":"join","room":{"$gt":""}}', "bad_request"),
    "an empty id": (b'{"type":"send","room":"lobby","id":"","text":"a"}', "bad_request"),
    "a long id": (b'{"type":"send","room":"lobby","id":"' + b"a" * 65 + b'","text":"a"}', "bad_request"),
    "a long ref": (b'{"type":"ping","ref":"' + b"a" * 65 + b'"}', "bad_request"),
    "a field twice": (b'{"type":"send","room":"lobby","id":"a","text":"a","text":"b"}', "bad_request"),
    "the type twice": (b'{"type":"ping","type":"leave","room":"lobby"}', "bad_request"),
    "a field twice, once in escapes": (b'{"type":"ping","ref":"a","r\\u0065f":"b"}', "bad_request"),
    "no type": (b'{"room":"lobby"}', "bad_request"),
    "a number as a type": (b'{"type":1}', "bad_request"),
    "an unknown type": (b'{"type":"__class__"}', "unknown_type"),
    "a server's type": (b'{"type":"message","room":"lobby","seq":1,"text":"a"}', "unknown_type"),
    "a lone surrogate": (b'{"type":"send","room":"lobby","id":"a","text":"\\ud800"}', "bad_request"),
    "surrogates swapped": (
        b'{"type":"send","room":"lobby","id":"a","text":"\\udc00\\ud800"}',
        "bad_request",
    ),
    "a lone surrogate in ref": (b'{"type":"ping","ref":"\\udfff"}', "bad_request"),
    "a lone surrogate in a field's name": (b'{"type":"ping","\\udfff":1}', "bad_request"),
    "NUL in a text": (b'{"type":"send","room":"lobby","id":"a","text":"a\\u0000b"}', "bad_request"),
    "NUL itself": (b'{"type":"send","room":"lobby","id":"a","text":"a\x00b"}', "bad_request"),
    "NUL in a room": (b'{"type":"join","room":"lobby\\u0000"}', "bad_room"),
    "a room with a line's end": (b'{"type":"join","room":"lobby\\n"}', "bad_room"),
    "a room in other digits": ('{"type":"join","room":"١٢٣"}'.encode(), "bad_room"),
    "a room of another folder": (b'{"type":"join","room":"../lobby"}', "bad_room"),
    "a room that is a pattern": (b'{"type":"join","room":"*"}', "bad_room"),
    "an empty room": (b'{"type":"join","room":""}', "bad_room"),
    "a long room": (b'{"type":"join","room":"' + b"a" * 65 + b'"}', "bad_room"),
    "an empty text": (b'{"type":"send","room":"lobby","id":"a","text":" \\t\\n\\u00a0\\u2003 "}', "bad_request"),
    "a long text": (b'{"type":"send","room":"lobby","id":"a","text":"' + b"a" * 4001 + b'"}', "too_large"),
    "a room not joined": (b'{"type":"send","room":"elsewhere","id":"a","text":"a"}', "not_joined"),
    "an event that is not": (b'{"type":"remove","room":"lobby","id":"a","target":9007199254740991}', "bad_request"),
    "letters as an emoji": (b'{"type":"react","room":"lobby","id":"a","target":1,"emoji":"<b>"}', "bad_request"),
    "an epoch that is not": (b'{"type":"join","room":"lobby","since":{"epoch":"","seq":0}}', "bad_request"),
    "since of nothing": (b'{"type":"join","room":"lobby","since":null,"limit":null}', "bad_request"),
}
# Frames that look as odd and are in order: unknown fields are ignored, a foreign epoch is a fresh join.
ACCEPTED = {
    "fields nobody knows": (b'{"type":"ping","__proto__":{"a":1},"constructor":[]}', "pong"),
    "a foreign epoch": (b'{"type":"join","room":"lobby","since":{"epoch":"x","seq":9007199254740991}}', "joined"),
    "a page of 2^53 - 1": (b'{"type":"join","room":"lobby","limit":9007199254740991}', "joined"),
    "a page of none": (b'{"type":"join","room":"lobby","limit":0}', "joined"),
    "astral characters in escapes": (b'{"type":"send","room":"lobby","id":"1","text":"\\ud83d\\ude00"}', "sent"),
    "Redis's and SQL's marks": (
        b'{"type":"send","room":"lobby","id":"*\\r\\n$\'\\";--","text":"\'; DROP"}',
        "sent",
    ),
}


async def test_malformed_frames_are_answered_with_typed_errors(broker_env: dict[str, str]) -> None:
    """Each of them, with larger frames allowed than usual so that depth arrives whole; the socket stays usable."""
    with ServiceProcess(broker_env | {"FRAME_LIMIT": str(2**20)}) as service:
        raw = await RawSocket.open(service)
        for count, (name, (data, code)) in enumerate(REFUSED.items()):
            if count % 50 == 0:  # before the errors of one socket add up to abuse
                await raw.__aexit__()
                raw = await RawSocket.open(service)
                await raw.send_json({"type": "join", "room": "lobby", "limit": 0})
                await _answer(raw, "joined")
            await raw.send(frame(data))
            answer = await _answer(raw, "error")
            assert answer["code"] == code, f"{name}: {answer}"
            assert len(answer["message"]) < 200
        for name, (data, type) in ACCEPTED.items():
            await raw.send(frame(data))
            assert (await _answer(raw, type))["type"] == type, name
        await raw.__aexit__()


async def _answer(raw: RawSocket, *types: str) -> dict[str, Any]:
    while True:
        answer = await raw.read_json()
        if answer["type"] in (*types, "error"):
            return answer


BODIES = {
    "nothing": b"",
    "no JSON": b"name=Ada",
    "no object": b"[]",
    "depth": b"[" * DEEP,
    "objects in objects": b'{"a":' * 20_000,
    "bad UTF-8": b'{"name":"\xff\xfe","id":"a","text":"\xc0\xaf","user":"\xed\xa0\x80","action":"kick"}',
    "a lone surrogate": b'{"name":"\\ud800","id":"a","text":"\\ud800","user":"\\ud800","action":"kick"}',
    "NUL": b'{"name":"a\\u0000","id":"a","text":"a\\u0000","user":{"id":"a","name":"\\u0000"},"action":"x"}',
    "wrong types": b'{"name":1,"id":true,"text":{},"user":[],"action":0}',
    "NaN": b'{"name":NaN,"id":NaN,"text":NaN,"user":NaN,"action":NaN,"seconds":NaN}',
    "1e999": b'{"name":"","id":"","text":"","user":"","action":"ban","seconds":1e999}',
    "a negative time": b'{"user":"u","action":"ban","seconds":-1,"name":"","id":"","text":"a"}',
    "a long reason": b'{"user":"u","action":"ban","name":"","text":"","reason":"' + b"a" * 201 + b'"}',
}


async def test_malformed_bodies_are_400() -> None:
    """Every resource that takes a body, with a token that may do everything."""
    with ServiceProcess({"TICKET_RATE": "0"}) as service:
        for name, body in BODIES.items():
            for path, role in (
                ("/tickets", None),
                ("/rooms/lobby/messages", "service"),
                ("/moderation", "moderator"),
            ):
                headers = {"Origin": service.url} if role is None else {}
                if role:
                    headers["Authorization"] = f"Bearer {make_jwt('u1', 'Ada', role=role)}"
                status, _, answer = service.request("POST", path, body, headers)
                assert status == 400, f"{name} to {path}: {status} {answer!r}"
                assert json.loads(answer)["error"]["code"] == "bad_request"


async def test_malformed_addresses_and_requests_are_refused() -> None:
    """Paths, queries and request lines: a status, or the connection is closed."""
    room = "/rooms/lobby/messages"
    with ServiceProcess({"HANDSHAKE_TIMEOUT": "0.5"}) as service:
        token = {"Authorization": f"Bearer {make_jwt('u1', 'Ada')}"}
        for path, status in (
            (f"{room}?before=%ff", 400),
            (f"{room}?before=-1", 400),
            (f"{room}?before=1e3", 400),
            (f"{room}?limit=٣", 400),
            (f"{room}?limit=99999999999999999", 400),
            (f"{room}?before=9007199254740991", 404),
            (f"{room}?before=9007199254740992", 400),
            ("/rooms/%00/messages", 404),
            ("/rooms/..%2f..%2fetc/messages", 404),
            ("/rooms/%ff/messages", 400),
            ("/static/../service/app.py", 404),
            ("/static/..%2fservice%2fapp.py", 404),
            ("/static/%2e%2e/service/app.py", 404),
            ("/static//etc/passwd", 404),
            ("/static/%00", 404),
            (f"/static/{'a' * 300}", 404),
            (f"/static/{'a/' * 4000}", 404),
            ("/static/%ff", 400),
            ("/static/.", 404),
            ("/static/", 404),
            ("/static/page", 404),
            ("/static/page/", 404),
            ("/static/.git", 404),
            ("/static/%2eenv", 404),
            ("/.git/config", 404),
            ("/r/LOBBY", 404),
            ("/r/<script>", 404),
            ("/r/lobby%0d%0aX-Evil:1", 404),
        ):
            answer = await exchange(
                service.port,
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n".encode()
                + f"Authorization: {token['Authorization']}\r\n\r\n".encode(),
            )
            refused = status == 404 and path.startswith("/static/") and answer.status == 403  # the same, by Tornado
            assert answer.status == status or refused, f"{path}: {answer}"
            assert "x-evil" not in answer.headers
            assert b"Traceback" not in answer.body
        host = f"Host: 127.0.0.1:{service.port}\r\n"
        for request in (
            "GET\r\n\r\n",
            f"GET / HTTP/9.9\r\n{host}\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            f"GET / HTTP/1.1\r\n{host}{host}\r\n",
            f"POST /tickets HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n",
            f"POST /tickets HTTP/1.1\r\n{host}Content-Length: 5, 6\r\n\r\n",
            f"POST /tickets HTTP/1.1\r\n{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            f"POST /tickets HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            f"POST /tickets HTTP/1.1\r\n{host}Transfer-Encoding: gzip\r\n\r\n",
            f"POST /tickets HTTP/1.1\r\n{host}Content-Length: 99999999999\r\n\r\n",
            f"GET /{'a' * 20_000} HTTP/1.1\r\n{host}\r\n",
            f"GET / HTTP/1.1\r\n{host}X: {'a' * 20_000}\r\n\r\n",
            f"GET / HTTP/1.1\r\n{host} folded\r\n\r\n",
            f"GET / HTTP/1.1\r\n{host}X : a\r\n\r\n",
            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS to a plain port
            "\0" * 20_000,
        ):
            async with await RawSocket.connect(service.port) as raw:
                await raw.send(request.encode("latin-1"))
                received = await raw.read_all()
            assert received[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 403", b"HTTP/1.1 413", b"HTTP/1.1 431"), (
                f"{request[:60]!r}: {received[:100]!r}"
            )


async def test_malformed_frames_of_the_guides_are_dropped() -> None:
    """/submit and / know no errors: what can't be said is dropped, and the next one is heard."""
    with ServiceProcess({"FRAME_LIMIT": str(2**20)}) as service:
        listener = await RawSocket.open(service, path="/receive")
        for path in ("/submit", "/"):
            async with await RawSocket.open(service, path=path) as raw:
                await _hears(listener, raw)
                for data, _ in REFUSED.values():
                    await raw.send(frame(data))
                for handle, text in (("", "a"), ("a\u202eb", "a"), ("Ada", ""), ("Ada", "\0"), ("Ada", "a" * 4001)):
                    await raw.send_json({"handle": handle, "text": text})
                await raw.send(frame(b'{"handle":"\\ud800","text":"\\ud800"}'))
                await raw.send_json({"handle": "Ada", "text": f"by {path}"})
                assert await listener.read_json() == {"handle": "Ada", "text": f"by {path}"}
        await listener.__aexit__()


async def _hears(listener: RawSocket, speaker: RawSocket) -> None:
    """Speak until it is heard: what is said while the listener still asks for the lobby is not."""
    for _ in range(50):
        await speaker.send_json({"handle": "Ada", "text": "hello?"})
        if await listener.readable(0.1):
            while await listener.readable(0.1):
                await listener.read_json()
            return
    raise AssertionError("nothing was heard")
