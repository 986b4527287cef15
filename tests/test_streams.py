"""Where WebSockets are blocked: event streams and frames by POST, held to what sockets are held to."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.brokers.redis.broker import RedisBroker
from service.chat import ChatHandler
from service.sockets.stream import EventStream as ServerStream

from .brokers import until
from .harness import NO_LIMITS, UNIT, ChatClient, RedisServer, ServiceProcess, make_jwt
from .harness.chat_client import fetch_ticket
from .harness.event_stream import EventStream, StreamRefused
from .serving import Served, answer, refused, serving

ADA, BOB = {"Authorization": f"Bearer {make_jwt('u-ada', 'Ada')}"}, {"jwt": make_jwt("u-bob", "Bob")}


@contextlib.asynccontextmanager
async def streaming(it: Served, headers: dict[str, str] | None = None, **options: Any) -> AsyncIterator[EventStream]:
    """A stream, by default Ada's, until the block ends."""
    stream = await EventStream.open(it.url, ADA if headers is None else headers, **options)
    try:
        yield stream
    finally:
        await stream.close()


async def frames(stream: EventStream, until_type: str) -> list[dict[str, Any]]:
    """What comes up to and with the first frame of that type."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(10 * UNIT):
        async for text in stream:
            found.append(json.loads(text))
            if found[-1]["type"] == until_type:
                return found
    raise AssertionError(f"ended {stream.close_code} before {until_type}: {found}")


async def closed(stream: EventStream) -> int | None:
    """The code with which it ends."""
    async with asyncio.timeout(10 * UNIT):
        async for _ in stream:
            pass
    return stream.close_code


async def test_a_conversation_goes_both_ways() -> None:
    """Over a stream and a socket, each sees the other's words, and both are here."""
    async with serving() as it:
        async with ChatClient.open(it.url, "Ada", events=True) as ada, ChatClient.open(it.url, "Bob") as bob:
            await ada.join("lobby")
            joined = await bob.join("lobby")
            assert {person["name"] for person in joined["members"]} == {"Ada", "Bob"}
            assert (await ada.send("lobby", "hello"))["seq"] == 1
            assert (await bob.recv("message"))["text"] == "hello"
            await bob.send("lobby", "you too")
            assert (await ada.recv("message", text="you too"))["seq"] == 2
            await ada.raw(json.dumps({"type": "typing", "room": "lobby"}))
            assert (await bob.recv("typing"))["user"] == ada.user
        await until(lambda: not ChatHandler.sessions and it.node.admission.connections == 0, "counted out")


# -- coming in


async def test_a_ticket_opens_one_stream() -> None:
    """By a header or, as an EventSource brings it, in the query; a second try is told why, and ends."""
    async with serving() as it:
        for method, in_query in (("POST", False), ("GET", False), ("GET", True)):
            name = f"Ada {method} {in_query}"
            ticket = (await fetch_ticket(it.url, name, {"Origin": it.url}))["ticket"]
            options: dict[str, Any] = {"ticket": ticket, "method": method, "in_query": in_query}
            async with streaming(it, {"Origin": it.url}, **options) as stream:
                assert stream.headers["content-type"] == "text/event-stream"
                assert stream.headers["x-accel-buffering"] == "no" and "no-store" in stream.headers["cache-control"]
                (welcome,) = await frames(stream, "welcome")
                assert welcome["user"]["name"] == name and len(welcome["session"]) >= 64
            async with streaming(it, {"Origin": it.url}, **options) as stream:
                assert await closed(stream) == 4401
            await until(lambda: not ChatHandler.sessions, "gone")


async def test_a_get_within_one_origin_has_none_to_say() -> None:
    """Browsers leave it out there, and say so in a header that no page can set; of other sites it is not believed."""
    async with serving() as it:
        for site, status in (("same-origin", 200), ("same-site", 403), ("cross-site", 403), (None, 403)):
            ticket = (await fetch_ticket(it.url, f"Ada {site}", {"Origin": it.url}))["ticket"]
            said = {} if site is None else {"Sec-Fetch-Site": site}
            try:
                async with streaming(it, said, ticket=ticket, method="GET", in_query=True) as stream:
                    await frames(stream, "welcome")
                    assert status == 200
            except StreamRefused as error:
                assert error.status == status
            await until(lambda: not ChatHandler.sessions, "gone")


@pytest.mark.parametrize("path", ["/events", "/events/frames"])
async def test_a_foreign_origin_is_refused(path: str) -> None:
    """Before a credential is looked at."""
    async with serving() as it:
        response = await it.fetch(path, "POST", b"{}", Origin="https://elsewhere.example", **ADA)
        assert response.code == 403


async def test_connections_of_a_user_are_counted_together() -> None:
    """Streams and sockets."""
    async with serving({"CONNECTIONS_PER_USER": "1"}) as it:
        async with ChatClient.open(it.url, bearer=ADA["Authorization"].split()[1]), streaming(it) as stream:
            assert await closed(stream) == 4429
        await until(lambda: not ChatHandler.sessions, "gone")
        async with streaming(it) as stream:
            await frames(stream, "welcome")


# -- what is posted


async def test_a_request_that_comes_again_is_done_once() -> None:
    """By its number, while one that skips a number is refused; without numbers each is done."""
    async with serving() as it, streaming(it) as stream:
        reader = asyncio.ensure_future(frames(stream, "left"))
        await until(lambda: stream.secret, "welcome")
        ping = '{"type":"ping","ref":"%s"}'
        assert (await stream.post(ping % "one" + "\n" + ping % "two", 1)).code == 204
        assert (await stream.post(ping % "one again", 1)).code == 204
        assert (await stream.post(ping % "early", 3)).code == 400
        assert (await stream.post(ping % "three", 2)).code == 204
        assert (await stream.post(ping % "uncounted")).code == 204
        end = '{"type":"join","room":"lobby"}\n{"type":"leave","room":"lobby"}'
        assert (await stream.post(end)).code == 204
        pongs = [frame["ref"] for frame in await reader if frame["type"] == "pong"]
        assert pongs == ["one", "two", "three", "uncounted"]


async def test_only_the_secret_lets_frames_in() -> None:
    """Another stream's, one that was made up, and that of a stream which has ended serve nothing."""
    async with serving() as it:
        async with streaming(it) as stream:
            await frames(stream, "welcome")
            secret = stream.secret
            assert (await stream.post("{}")).code == 204
            process, name, seal = secret.split(".")
            for forged in ("", "none", f"{process}.{name}x.{seal}", f"{process}.{name}.{seal[::-1]}"):
                stream.secret = forged
                assert (await stream.post("{}")).code == (404 if forged else 401), forged
            stream.secret = secret
            for body in (b"", b"\n \n", b"\xff"):
                assert (await stream.post(body)).code == 400, body
        await until(lambda: not ChatHandler.sessions, "gone")
        assert (await stream.post("{}")).code == 404


async def test_frames_that_can_not_be_are_answered_in_the_stream() -> None:
    """With `error`; one that is too long closes it, as it does a socket."""
    async with serving({"TEXT_LIMIT": "100"}) as it, ChatClient.open(it.url, "Ada", events=True) as ada:
        await ada.raw("no JSON")
        assert (await ada.recv("error"))["code"] == "bad_request"
        assert (await refused(ada.send("lobby", "hello")))[0] == "not_joined"
        await ada.raw('{"type":"ping","more":"%s"}' % ("x" * it.node.limits.frame))
        assert (await ada.closed())[0] == 1009


async def test_rates_are_those_of_sockets() -> None:
    """Too many messages are `rate_limited`; too many frames close with 1008."""
    rates = {"SEND_RATE": "1", "SEND_BURST": "2"}
    async with serving(rates) as it, ChatClient.open(it.url, "Ada", events=True) as ada:
        await ada.join("lobby")
        answers = [await asyncio.gather(ada.send("lobby", str(n)), return_exceptions=True) for n in range(4)]
        assert "rate_limited" in str(answers[-1])
    async with serving({"FRAME_RATE": "20"}) as it, ChatClient.open(it.url, "Ada", events=True) as ada:
        await ada.raw("\n".join(['{"type":"nothing"}'] * 100))
        await ada.raw("\n".join(['{"type":"nothing"}'] * 101))
        assert await ada.closed() == (1008, "too many frames")
    async with serving({"FRAME_RATE": "20"}) as it, streaming(it) as stream:
        await frames(stream, "welcome")
        body = "\n".join(['{"type":"nothing"}'] * 90)
        assert [(await stream.post(body, 1)).code for _ in range(3)] == [204, 204, 404], "what comes again costs, too"
        assert await closed(stream) == 1008


# -- readers


def little_window(it: Served) -> socket.socket:
    """A connection whose kernel takes little."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", it.port))
    sock.setblocking(False)
    return sock


async def fill(it: Served, bob: ChatClient) -> int:
    """Say so much that Ada's stream is behind; how many messages."""
    await until(lambda: ChatHandler.sessions.of("u-ada"), "in")
    (ada,) = ChatHandler.sessions.of("u-ada")
    await until(lambda: "lobby" in ada.rooms, "joined")
    sent = 0
    while not ada.congested:
        await asyncio.gather(*(bob.send("lobby", "x" * 4000) for _ in range(20)))
        sent += 20
        assert sent < 2000, "the kernel took everything"
    return sent


async def test_a_slow_reader_falls_behind_and_catches_up(broker_env: dict[str, str]) -> None:
    """Past UNSENT_LIMIT it is fed from history: nothing lost, nothing twice; what it posts meanwhile has to wait."""
    async with serving(broker_env | {"UNSENT_LIMIT": "4096"}) as it, ChatClient.open(it.url, **BOB) as bob:
        await bob.join("lobby")
        async with streaming(it, rooms=["lobby"], sock=little_window(it)) as slow:
            sent = await fill(it, bob)
            (ada,) = ChatHandler.sessions.of("u-ada")
            assert isinstance(ada.connection, ServerStream) and ada.connection.unsent_bytes < 200_000
            assert ada in it.node.rooms.by_name["lobby"].cursors.behind
            await asyncio.gather(*(bob.send("lobby", "x" * 4000) for _ in range(20)))
            seqs: list[int] = []
            async with asyncio.timeout(20 * UNIT):
                async for text in slow:
                    frame = json.loads(text)
                    if frame["type"] == "welcome":
                        late = await slow.post("{}", 1)
                        assert (late.code, late.headers["Retry-After"]) == (429, "1")
                    seqs += [frame["seq"]] if frame["type"] == "message" else []
                    if len(seqs) == sent + 20:
                        break
            assert seqs == list(range(1, sent + 21))
            await until(lambda: ada in it.node.rooms.by_name["lobby"].cursors.live, "live again")
            assert (await slow.post("{}", 1)).code == 204


async def test_who_never_reads_is_let_go() -> None:
    """After UNSENT_DEADLINE without progress, with its memory."""
    env = {"UNSENT_LIMIT": "4096", "UNSENT_DEADLINE": "0.3"}
    async with serving(env) as it, ChatClient.open(it.url, **BOB) as bob:
        await bob.join("lobby")
        async with streaming(it, rooms=["lobby"], sock=little_window(it)):
            await fill(it, bob)
            await until(lambda: not ChatHandler.sessions.of("u-ada"), "closed")
            await until(lambda: not ServerStream.closing, "cut")
            assert it.node.socket_limits.unsent_total.held_bytes == 0


async def test_control_a_reader_that_reads_is_kept() -> None:
    """By the same deadline."""
    env = {"UNSENT_LIMIT": "4096", "UNSENT_DEADLINE": "0.3"}
    async with serving(env) as it, ChatClient.open(it.url, **BOB) as bob:
        await bob.join("lobby")
        async with streaming(it, rooms=["lobby"]) as quick:
            reader = asyncio.ensure_future(closed(quick))
            await until(lambda: quick.secret, "in")
            for _ in range(20):
                await asyncio.gather(*(bob.send("lobby", "x" * 4000) for _ in range(10)))
            await asyncio.sleep(0.6)
            assert ChatHandler.sessions.of("u-ada") and not reader.done()
            reader.cancel()


async def test_pings_are_comments() -> None:
    """Each PING_INTERVAL; nobody is asked for an answer."""
    async with serving({"PING_INTERVAL": "0.5", "PING_TIMEOUT": "0.3"}) as it, streaming(it) as stream:
        seen = []
        async with asyncio.timeout(10 * UNIT):
            async for event in stream.read():
                seen.append((event.kind, event.data))
                if len(seen) == 4:
                    break
        assert seen[1:] == [("comment", "ping")] * 3


# -- going on


async def test_the_last_id_is_where_a_stream_goes_on() -> None:
    """Of each room that it names: all that was missed follows, once."""
    async with serving() as it, ChatClient.open(it.url, **BOB) as bob:
        rooms = ["lobby", "attic"]
        for room in rooms:
            await bob.join(room)
        async with streaming(it, rooms=rooms) as stream:
            await until(lambda: all(len(it.node.rooms.by_name[room].cursors.live) == 2 for room in rooms), "in both")
            await bob.send("lobby", "one")
            await bob.send("attic", "two")
            async with asyncio.timeout(10 * UNIT):
                async for event in stream.read():
                    if '"text":"two"' in event.data:
                        break
            last = event.id
        await bob.send("lobby", "three")
        await bob.send("attic", "four")
        for headers, path in (({"Last-Event-ID": last}, {}), ({}, {"since": last})):
            async with streaming(it, ADA | headers, rooms=rooms, query=path) as again:
                found: list[dict[str, Any]] = []
                async with asyncio.timeout(10 * UNIT):
                    async for text in again:
                        found.append(json.loads(text))
                        if sum(frame["type"] == "message" for frame in found) == 2:
                            break
            assert [frame["resumed"] for frame in found if frame["type"] == "joined"] == [True, True]
            assert {frame["text"] for frame in found if frame["type"] == "message"} == {"three", "four"}


async def test_no_id_stands_where_nobody_asked_for_rooms() -> None:
    """A client that joins by frames has its own cursors."""
    async with serving() as it, ChatClient.open(it.url, "Ada", events=True) as ada:
        await ada.join("lobby")
        await ada.send("lobby", "hello")
        await ada.recv("message")
        assert not any(event.id for event in ada.stream.events)


# -- the end


async def test_a_leaving_process_sends_streams_away() -> None:
    """`reconnect` first, in whose time frames are still taken, then 1012."""
    async with serving({"DRAIN_SECONDS": "1"}) as it, ChatClient.open(it.url, "Ada", events=True) as ada:
        await ada.join("lobby")
        drain = asyncio.ensure_future(it.service.drain())
        await ada.recv("reconnect")
        assert (await ada.send("lobby", "still here"))["seq"] == 1
        assert await ada.closed() == (1012, "this process is leaving")
        await drain
        with pytest.raises(StreamRefused) as caught:
            await EventStream.open(it.url, ADA)
        assert caught.value.status == 503


async def test_an_end_without_a_drain_closes_streams() -> None:
    """With 1012, and at once."""
    async with serving(close=60 * UNIT) as it, streaming(it) as stream:
        await frames(stream, "welcome")
        began = asyncio.get_running_loop().time()
        _, code = await asyncio.gather(it.service.close(), closed(stream))
        assert code == 1012
        assert asyncio.get_running_loop().time() - began < 20 * UNIT, "it waited for the stream as for a request"


async def test_bans_and_tokens_that_run_out_end_streams() -> None:
    """As they end sockets."""
    async with serving() as it, ChatClient.open(it.url, jwt=make_jwt("mod", "Mod", role="moderator")) as mod:
        async with streaming(it) as stream:
            await frames(stream, "welcome")
            await mod.request("moderate", user="u-ada", action="ban", reason="spam")
            assert await closed(stream) == 4403
        async with streaming(it) as stream:
            assert (await closed(stream), stream.close_reason) == (4403, "banned: spam")
        it.node.heartbeat.expire(next(iter(ChatHandler.sessions.of("mod"))), 0.0)
        assert (await mod.closed())[0] == 4401


# -- several processes


async def test_frames_find_their_stream_on_another_process(redis_url: str) -> None:
    """In their order, each once, by whichever process they are posted to; presence and bans hold over both."""
    env = NO_LIMITS | {"REDIS_URL": redis_url}
    with ServiceProcess(env) as one, ServiceProcess(env) as other:
        async with ChatClient.open(one.url, "Ada", events=True) as ada, ChatClient.open(other.url, **BOB) as bob:
            stream = ada.stream
            await bob.join("lobby")
            stream.url = other.url
            stream.set_origin(other.url)
            await ada.join("lobby")
            await bob.recv("presence", joined=[ada.user])
            for number in range(10):
                text = json.dumps({"type": "send", "room": "lobby", "id": str(number), "text": str(number)})
                assert (await stream.post(text, number + 2)).code == 204
                assert (await stream.post(text, number + 2, one.url if number % 2 else other.url)).code in (204, 403)
            for number in range(10):
                assert (await bob.recv("message"))["text"] == str(number)
                assert (await ada.recv("sent"))["duplicate"] is False
            assert (await stream.post("{}", 99)).code == 400
            one.kill9()
            response = await stream.post("{}", 12)
            assert (response.code, answer(response)["error"]["code"]) == (503, "unavailable")
            assert (await ada.closed())[0] == 1006


async def test_a_mailbox_is_no_room(redis_url: str, redis_server: RedisServer) -> None:
    """It has a channel, as rooms do; whatever goes to all rooms passes it by."""
    async with serving({"REDIS_URL": redis_url}) as it, ChatClient.open(it.url, "Ada", events=True) as ada:
        await ada.join("lobby")
        assert isinstance(it.node.broker, RedisBroker)
        shards = it.node.broker.shards
        assert "{@" in redis_server.cli("PUBSUB", "CHANNELS", shards.keys.all_channels.decode())
        assert await shards.rooms_listened_to() == (["lobby"], None)
