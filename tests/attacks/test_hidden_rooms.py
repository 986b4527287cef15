"""Asking for a room one may not see: the same answer, and as soon, as for one that isn't there."""

import json
import statistics
import time

import pytest

from ..harness import UNIT, ChatClient, ServiceProcess, make_jwt
from .raw_socket import RawSocket, exchange, frame

pytestmark = pytest.mark.alone

ASKED = 200
"""How often each room is asked for; the medians of so many differ by scheduling alone by a few per cent."""


async def test_hidden_rooms_and_absent_ones_answer_alike(broker_env: dict[str, str]) -> None:
    """On the socket and over HTTP, byte for byte; the medians of the times differ by less than a half."""
    hidden, absent = "secret-one", "secret-two"
    env = broker_env | {"JOIN_RATE": "0", "SEND_RATE": "0", "SEND_RATE_ADDRESS": "0"}
    with ServiceProcess(env) as service:
        insider = make_jwt("u1", "Ada")
        outsider = make_jwt("u2", "Bob", rooms=["lobby", "team-*"])
        async with ChatClient.open(service.url, bearer=insider) as ada:
            await ada.join(hidden)
            for number in range(50):
                await ada.send(hidden, f"between us {number}")
            await _sockets_answer_alike(service, outsider, hidden, absent)
            await _resources_answer_alike(service, outsider, hidden, absent)
            status, _, body = service.request("GET", "/rooms", headers={"Authorization": f"Bearer {outsider}"})
            assert status == 200
            assert hidden.encode() not in body
            status, _, body = service.request("GET", "/rooms", headers={"Authorization": f"Bearer {insider}"})
            assert hidden.encode() in body


async def _sockets_answer_alike(service: ServiceProcess, token: str, hidden: str, absent: str) -> None:
    requests = (
        '{"type":"join","room":"%s"}',
        '{"type":"join","room":"%s","since":{"epoch":"a","seq":1}}',
        '{"type":"history","room":"%s"}',
        '{"type":"send","room":"%s","id":"a","text":"b"}',
        '{"type":"edit","room":"%s","id":"a","target":1,"text":"b"}',
        '{"type":"typing","room":"%s"}',
        '{"type":"read","room":"%s","seq":1}',
        '{"type":"leave","room":"%s"}',
        '{"type":"moderate","room":"%s","user":"u1","action":"kick"}',
    )
    for request in requests:
        times: dict[str, list[float]] = {hidden: [], absent: []}
        answers = set()
        for part in range(ASKED // 40):  # 80 errors a socket, before they count as abuse
            async with await RawSocket.connect(service.port) as raw:
                await _enter(service, raw, token)
                for number in range(40):
                    for room in (hidden, absent) if (number + part) % 2 else (absent, hidden):
                        began = time.perf_counter()
                        await raw.send(frame((request % room).encode()))
                        answer = await raw.read_frame()
                        times[room].append(time.perf_counter() - began)
                        answers.add(answer)
        assert len(answers) == 1, f"{request}: {answers}"
        _same_time(request, times[hidden], times[absent])


async def _enter(service: ServiceProcess, raw: RawSocket, token: str) -> None:
    lines = (
        "GET /socket HTTP/1.1",
        f"Host: 127.0.0.1:{service.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Authorization: Bearer {token}",
    )
    assert (await raw.request("\r\n".join([*lines, "", ""]).encode())).status == 101
    assert (await raw.read_json())["type"] == "welcome"


async def _resources_answer_alike(service: ServiceProcess, token: str, hidden: str, absent: str) -> None:
    for start, body in (
        ("GET /rooms/%s/messages", b""),
        ("GET /rooms/%s/messages?before=10&limit=1", b""),
        ("POST /rooms/%s/messages", b'{"id":"a","text":"b"}'),
    ):
        times: dict[str, list[float]] = {hidden: [], absent: []}
        answers = set()
        for number in range(ASKED // 4):
            for room in (hidden, absent) if number % 2 else (absent, hidden):
                lines = [
                    f"{start % room} HTTP/1.1",
                    f"Host: 127.0.0.1:{service.port}",
                    f"Authorization: Bearer {token}",
                    f"Content-Length: {len(body)}",
                ]
                began = time.perf_counter()
                answer = await exchange(service.port, "\r\n".join([*lines, "", ""]).encode() + body)
                times[room].append(time.perf_counter() - began)
                own = ("date", "x-request-id")  # of each answer
                headers = {name: value for name, value in answer.headers.items() if name not in own}
                answers.add((answer.status, json.dumps(headers, sort_keys=True), answer.body))
        assert len(answers) == 1, f"{start}: {answers}"
        assert answers.pop()[0] == 404
        _same_time(start, times[hidden], times[absent])


def _same_time(what: str, hidden: list[float], absent: list[float]) -> None:
    """A coarse look: a question to the broker, which one of the two would cost, doubles the median at the least."""
    there, gone = statistics.median(hidden), statistics.median(absent)
    assert abs(there - gone) <= max(0.5 * min(there, gone), 0.0002 * UNIT), (
        f"{what}: {1000 * there:.3f} ms for the hidden room, {1000 * gone:.3f} ms for none"
    )
