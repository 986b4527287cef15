"""Section 9 of docs/protocol.md: event streams, and frames by POST. The rules of frames hold over both ways in."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ..harness.chat_client import ChatClient
from ..harness.common import UNIT
from ..harness.event_stream import Event, EventStream, StreamRefused
from .target import DURABLE, Target, answer, ask, error_code, new_room, patiently, said

PING = '{"type":"ping","ref":"%s"}'


@contextlib.asynccontextmanager
async def stream_of(target: Target, **options: Any) -> AsyncIterator[EventStream]:
    """A guest's stream, by a ticket, or by what is given."""
    headers = {"Origin": target.url} | options.pop("headers", {})
    if "ticket" not in options:
        body = answer(await target.fetch("/tickets", "POST", {"name": f"G {new_room()[4:]}"}, Origin=target.url))
        options["ticket"] = body["ticket"]
    stream = await EventStream.open(target.url, headers, **options)
    try:
        yield stream
    finally:
        await stream.close()


async def seen(stream: EventStream, last: str) -> list[Event]:
    """What comes, up to and with the event in whose data `last` stands."""
    found = []
    async with asyncio.timeout(20 * UNIT):
        async for event in stream.read():
            found.append(event)
            if last in event.data:
                return found
    raise AssertionError(f"{last} did not come before the end: {found}")


async def rule_9_1(target: Target) -> None:
    """Opening. GET and POST are the same, by a ticket in a header or, for an EventSource, in the query; once."""
    for method, in_query in (("POST", False), ("GET", False), ("GET", True)):
        body = answer(await target.fetch("/tickets", "POST", {"name": f"G {new_room()[4:]}"}, Origin=target.url))
        options = {"ticket": body["ticket"], "method": method, "in_query": in_query}
        async with stream_of(target, **options) as stream:
            (event,) = await seen(stream, '"welcome"')
            welcome = json.loads(event.data)
            assert (event.kind, welcome["type"], welcome["user"]) == ("message", "welcome", body["user"])
        async with stream_of(target, **options) as stream:
            (event,) = await seen(stream, "4401")
            assert event.kind == "close" and set(json.loads(event.data)) == {"code", "reason"}


async def rule_9_2(target: Target) -> None:
    """Opening. It is a stream that nothing on the way should keep, change or hold back."""
    async with stream_of(target) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        assert {"no-store", "no-transform"} <= set(stream.headers["cache-control"].split(", "))
        assert stream.headers["x-accel-buffering"] == "no" and "content-encoding" not in stream.headers
        assert stream.headers["x-request-id"]


async def rule_9_3(target: Target) -> None:
    """Opening. A foreign Origin gets 403; a GET of the same origin, which has none, is let in by its browser's word."""
    with pytest.raises(StreamRefused) as caught:
        await EventStream.open(target.url, {"Origin": "https://elsewhere.example"}, ticket="none")
    assert caught.value.status == 403
    body = answer(await target.fetch("/tickets", "POST", {"name": f"G {new_room()[4:]}"}, Origin=target.url))
    for site, status in (("cross-site", 403), ("same-origin", 200)):
        try:
            said_by = {"Sec-Fetch-Site": site}
            stream = await EventStream.open(target.url, said_by, ticket=body["ticket"], method="GET", in_query=True)
        except StreamRefused as error:
            assert error.status == status
        else:
            await seen(stream, '"welcome"')
            await stream.close()
            assert status == 200


async def rule_9_4(target: Target) -> None:
    """Sending. A request is done once by its number; one that skips a number is 400, and answers are in the stream."""
    async with target.open(events=True) as client:
        stream = client.stream
        for number, name, status in ((1, "a", 204), (1, "again", 204), (3, "early", 400), (2, "b", 204)):
            assert (await stream.post(PING % name, number)).code == status, name
        assert (await stream.post(PING % "c" + "\n" + PING % "d", 3)).code == 204
        await client.recv("pong", ref="d")
        assert [frame["ref"] for frame in client.frames if frame["type"] == "pong"] == ["a", "b", "c", "d"]


async def rule_9_5(target: Target) -> None:
    """Sending. Only `session` of a stream that is there lets frames in."""
    async with target.open(events=True) as client:
        secret = client.stream.secret
        assert len(secret) >= 32
        async with target.open(events=True) as other:
            assert other.stream.secret != secret
        response = await other.stream.post(PING % "late")
        assert (response.code, error_code(response)) == (404, "not_found")
        other.stream.secret = "none-of-yours"
        assert (await other.stream.post(PING % "never")).code == 404
        assert (await client.stream.post(b"\xff")).code == 400
        await client.ping()


async def rule_9_6(target: Target) -> None:
    """Sending. What is said on a stream is heard on sockets, and the other way round."""
    room = new_room()
    async with target.open(events=True) as one, target.open(events=False) as two:
        for client in (one, two):
            await ask(client, "join", room=room)
        await said(one, room, "from the stream")
        assert (await two.recv("message"))["text"] == "from the stream"
        await said(two, room, "from the socket")
        assert (await one.recv("message", text="from the socket"))["user"] == two.user


async def rule_9_7(target: Target) -> None:
    """Going on. Rooms in the query are joined; with the last id all that was missed follows, once."""
    rooms = [new_room(), new_room()]
    async with target.open() as author:
        for room in rooms:
            await ask(author, "join", room=room)
        async with stream_of(target, rooms=rooms) as stream:
            for room in rooms:
                await seen(stream, f'"room":"{room}"') if room not in str(stream.events) else None
            await said(author, rooms[0], "one")
            await said(author, rooms[1], "two")
            events = await seen(stream, '"text":"two"')
            assert all(room in events[-1].id for room in rooms)
            last = events[-1].id
        await said(author, rooms[0], "three")
        await said(author, rooms[1], "four")
        for options in ({"headers": {"Last-Event-ID": last}}, {"query": {"since": last}}):
            async with stream_of(target, rooms=rooms, **options) as again:
                found: list[Any] = []
                while {"three", "four"} - {one.get("text") for one in found}:
                    found += [json.loads(event.data) for event in await seen(again, '"type":"message"')]
            assert [one["text"] for one in found if one["type"] in DURABLE and one["text"] in ("one", "two")] == []
            assert [one["resumed"] for one in found if one["type"] == "joined"] == [True, True]


async def rule_9_8(target: Target) -> None:
    """Events. A stream that a moderator ends says why, with the code of a socket."""
    room = new_room()
    async with target.open(jwt=target.token("moderator")) as moderator, target.open(events=True) as client:
        await ask(client, "join", room=room)
        await ask(moderator, "moderate", room=room, user=client.user["id"], action="kick")
        assert (await client.closed())[0] == 4403


async def rule_9_9(target: Target) -> None:
    """Events. A guest's token serves as a bearer token, as on a socket."""
    async with target.open(events=True) as client:
        guest = client.guest
    again = await patiently(lambda: ChatClient.enter(target.url, bearer=guest, events=True))
    assert again.user == client.user
    await again.close()
