"""The Python client with a real service: its promises through cuts and restarts, its errors, its bounds."""

import asyncio
import random
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from parley_client import (
    Chat,
    ChatError,
    Edited,
    Error,
    Gap,
    HttpError,
    Joined,
    Message,
    Moderated,
    Presence,
    Reacted,
    ReadFrame,
    Reconnect,
    Removed,
    RequestError,
    Sending,
    Slow,
    State,
    TopicEvent,
    TypingFrame,
)

from ..harness import NO_LIMITS, UNIT, RedisServer, ServiceProcess, TcpProxy, make_jwt, service_env
from ..harness.service_process import ROOT

CLIENT = ROOT / "clients" / "python"
SERVICE = make_jwt("backend", "Backend", role="service")


async def soon(condition: Callable[[], object], what: str, timeout: float = 20 * UNIT) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def service(env: dict[str, str] | None = None) -> AsyncIterator[ServiceProcess]:
    """Started and stopped beside the loop."""
    process = ServiceProcess(NO_LIMITS | (env or {}))
    await asyncio.to_thread(process.start)
    try:
        yield process
    finally:
        await asyncio.to_thread(process.stop)


async def publish(process: ServiceProcess, room: str, texts: list[str]) -> None:
    """By a backend's own door."""
    messages = [{"room": room, "id": text[:60], "text": text} for text in texts]
    headers = {"Authorization": f"Bearer {SERVICE}", "Content-Type": "application/json"}
    for first in range(0, len(messages), 50):
        body = {"messages": messages[first : first + 50]}
        status, _, answer = await asyncio.to_thread(process.request, "POST", "/messages", body, headers)
        assert status == 200 and b"error" not in answer


# -- the promises


async def test_who_is_cut_before_the_promised_moment_comes_back_at_once(redis_server: RedisServer) -> None:
    """With jitter, and as the same user: the process that promised is gone, its successor may be there."""
    waits: dict[int, float] = {}  # the first of each
    told: list[int] = []

    def note(number: int, state: State) -> None:
        if state.state == "waiting":
            waits.setdefault(number, state.retry_in or 0.0)

    async with service({"REDIS_URL": redis_server.url, "DRAIN_SECONDS": "20"}) as process, AsyncExitStack() as stack:
        chats = [await stack.enter_async_context(Chat(process.url, name=f"Cut {number}")) for number in range(8)]
        for number, chat in enumerate(chats):
            chat.on(State, partial(note, number))
            chat.on(Reconnect, lambda frame: told.append(frame.in_ms))
        await soon(lambda: all(chat.state.state == "open" for chat in chats), "open")
        users = [chat.user for chat in chats]
        process.send_signal(signal.SIGTERM)
        await soon(lambda: len(told) == 8, "the moments are told")
        waits.clear()
        await asyncio.to_thread(process.kill9)
        await soon(lambda: len(waits) == 8, "cut")
        await asyncio.to_thread(process.start)
        await soon(lambda: all(chat.state.state == "open" for chat in chats), "back")
        assert [chat.user for chat in chats] == users
    assert max(told) > 10_000 and max(waits.values()) <= 1 and len(set(waits.values())) > 1


@pytest.mark.parametrize("broker", ["redis", "sqlite"])
async def test_nothing_is_lost_or_repeated(broker: str, tmp_path: Path, redis_server: RedisServer, seed: int) -> None:
    """Through a cut, a freeze, an orderly restart or a kill: one talks, and another hears each once, in its order."""
    chance = random.Random(seed)
    env = {"REDIS_URL": redis_server.url} if broker == "redis" else {"SQLITE_PATH": str(tmp_path / "parley.db")}
    room = f"room-{seed}-{broker}"
    states: list[State] = []
    async with service(env | {"DRAIN_SECONDS": "0.5"}) as process:
        with TcpProxy("127.0.0.1", process.port, seed=seed) as proxy:
            url = f"http://127.0.0.1:{proxy.port}"
            async with Chat(url, token=make_jwt("ada", "Ada")) as ada, Chat(url, name="Bob") as bob:
                bob.on(State, states.append)
                gaps = bob.events(Gap)
                heard: list[Message] = []

                async def hear() -> None:
                    async for message in bob.room(room):
                        heard.append(message)

                hearing = asyncio.ensure_future(hear())
                await soon(lambda: bob.room(room).joined, "joined")
                done = asyncio.Event()
                sendings: list[Sending] = []

                async def talk() -> None:
                    while not done.is_set():
                        if len(ada.outbox) < 100:
                            sendings.append(ada.send(room, str(len(sendings))))
                        await asyncio.sleep(0.01)

                talking = asyncio.ensure_future(talk())

                async def restart() -> None:
                    await asyncio.to_thread(process.stop if broker == "redis" else process.kill9)
                    await asyncio.to_thread(process.start)
                    for chat in (ada, bob):
                        chat.wake()

                async def cut() -> None:
                    await asyncio.to_thread(proxy.drop_connections)

                async def freeze() -> None:
                    await asyncio.to_thread(proxy.freeze)
                    await asyncio.sleep(0.3)
                    await asyncio.to_thread(proxy.thaw)

                others = [cut, freeze]
                chance.shuffle(others)
                for fault in (restart, *others):
                    await asyncio.sleep(chance.uniform(0.05, 0.3))
                    await fault()
                    await asyncio.gather(ada.ready(), bob.ready())
                done.set()
                await talking
                stored = [await sending for sending in sendings]
                assert [frame.seq for frame in stored] == list(range(1, len(stored) + 1))
                await soon(lambda: len(heard) >= len(stored), "everything heard", 90 * UNIT)  # waits grow to 30 s
                await asyncio.sleep(0.1)
                hearing.cancel()
                assert len(stored) > 20 and len(ada.outbox) == 0
                assert [(one.seq, one.text, one.id) for one in heard] == [
                    (frame.seq, str(number), frame.id) for number, frame in enumerate(stored)
                ]
                assert gaps.waiting == 0
                codes = {state.code for state in states if state.state == "waiting"}
                assert codes >= ({1006, 1012} if broker == "redis" else {1006})


WRITER = """
import asyncio, sys
from parley_client import Chat

async def main(url, token, store, first, last):
    chat = Chat(url, token=token, store=store)
    chat.start()
    for number in range(int(first), int(last)):
        chat.send("lobby", str(number), id=f"number {number}")
        print(number, flush=True)
        await asyncio.sleep(0.002)
    await chat.flush()
    await chat.close()
    print("done", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_the_outbox_survives_kills_of_the_client(tmp_path: Path, seed: int) -> None:
    """SIGKILL while it sends, and while the service is away: all that it took is stored once, in its order."""
    chance = random.Random(seed)
    number, total = 0, 150
    async with service({"SQLITE_PATH": str(tmp_path / "parley.db")}) as process:
        for round in range(4):
            arguments = (process.url, make_jwt("ada", "Ada"), str(tmp_path / "store"), str(number), str(total))
            writer = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", WRITER, *arguments),
                env=service_env({"PYTHONPATH": str(CLIENT)}),
                stdout=asyncio.subprocess.PIPE,
            )
            assert writer.stdout is not None
            if round == 1:
                await asyncio.to_thread(process.kill9)
            limit = total if round == 3 else number + chance.randrange(10, 40)
            async with asyncio.timeout(30 * UNIT):
                while (line := (await writer.stdout.readline()).decode().strip()) != "done":
                    assert line
                    number = int(line) + 1
                    if number == limit and round < 3:
                        writer.kill()
                        break
            await writer.communicate()
            if round == 1:
                await asyncio.to_thread(process.start)
        async with Chat(process.url, name="Bob") as bob:
            page = (await bob.join("lobby", limit=200)).messages
    assert [message.text for message in page] == [str(one) for one in range(total)]


async def test_a_slow_loop_slows_the_service_and_loses_nothing() -> None:
    """Its queue keeps to its bound, it is told, and whoever sends meanwhile has an answer."""
    total = 1200
    async with service() as process, Chat(process.url, name="Bob", backlog=20) as bob:
        room = await bob.join("lobby")
        stream = bob.events(Message, room="lobby")
        told: list[Slow] = []
        bob.on(Slow, told.append)
        await publish(process, "lobby", [f"{number} ".ljust(1500, "x") for number in range(total)])
        await soon(lambda: told, "it is told")
        await asyncio.sleep(0.3)
        assert told[0].waiting == 20 == stream.waiting
        seqs = [(await anext(stream)).seq for _ in range(5)]
        assert (await asyncio.wait_for(room.send("me too"), 20 * UNIT)).seq == total + 1
        async with asyncio.timeout(30 * UNIT):
            while len(seqs) <= total:
                seqs.append((await anext(stream)).seq)
        assert seqs == list(range(1, total + 2))
        await publish(process, "lobby", [f"again {number} ".ljust(1500, "x") for number in range(300)])
        await soon(lambda: stream.waiting == 20, "it is full again")
        await bob.close()
        closes = await asyncio.to_thread(process.request, "GET", "/metrics")
        assert b'code="1000"' in closes[2], "leaving waited for what nobody reads, and was cut"


async def test_gaps_are_told_before_what_follows_them(tmp_path: Path) -> None:
    """What was trimmed while one was away, and a room that was deleted; a kept position goes on where it stood."""
    async with service({"HISTORY_LIMIT": "10", "SQLITE_PATH": str(tmp_path / "parley.db")}) as process:
        with TcpProxy("127.0.0.1", process.port) as proxy:
            async with Chat(f"http://127.0.0.1:{proxy.port}", name="Bob") as bob:
                room = await bob.join("lobby")
                await room.send("first")
                await soon(lambda: getattr(room.position, "seq", 0) == 1, "it is here, a moment behind `sent`")
                events = bob.events(Gap, Joined, Message, room="lobby")
                proxy.refusing = True
                await asyncio.to_thread(proxy.drop_connections)
                await publish(process, "lobby", [f"message {number}" for number in range(300)])
                kept = room.position
                proxy.refusing = False
                gap, joined = await anext(events), await anext(events)
                assert gap == Gap("lobby", "trimmed", 1)
                assert isinstance(joined, Joined) and joined.seq == 301 and joined.messages
                assert room.messages[-1].text == "message 299" and room.position is not None
                headers = {"Authorization": f"Bearer {SERVICE}"}
                await asyncio.to_thread(process.request, "DELETE", "/rooms/lobby", None, headers)
                assert await anext(events) == Gap("lobby", "epoch", 301)
                assert (await anext(events)).seq == 0
                await room.send("anew")
                assert (await anext(events)).seq == 1
                position = room.position
                room.leave()
                with pytest.raises(StopAsyncIteration):
                    await anext(events)
                await publish(process, "lobby", ["meanwhile"])
                again = await bob.join("lobby", since=position)
                assert again.joined is not None and again.joined.resumed
                async for message in again:
                    assert (message.seq, message.text) == (2, "meanwhile")
                    break
                assert kept is not None and kept.seq == 1


async def test_a_connection_that_died_in_silence_is_left() -> None:
    """Asked, it doesn't answer: another is made, and what was written meanwhile goes by that."""
    async with service() as process:
        with TcpProxy("127.0.0.1", process.port) as proxy:
            async with Chat(f"http://127.0.0.1:{proxy.port}", name="Bob") as bob:
                states = bob.events(State)
                await asyncio.to_thread(proxy.freeze)
                sending = bob.send("lobby", "hello")
                bob.wake()
                lost = await asyncio.wait_for(anext(states), 20 * UNIT)
                assert (lost.state, lost.code, lost.reason) == ("waiting", 1006, "no answer")
                await asyncio.to_thread(proxy.drop_connections)
                await asyncio.to_thread(proxy.thaw)
                assert (await sending).seq == 1


async def test_a_ticket_that_is_refused_costs_a_user_no_other(redis_server: RedisServer) -> None:
    """Beside a token that of `reconnect` is one more way in: where it came too late, the token serves."""
    frame = re.compile(rb'("type":"reconnect".*?"ticket":")([^"]+)')

    def spoil(chunk: bytes) -> bytes:
        return frame.sub(lambda found: found[1] + found[2][:-8] + b"no-other", chunk)

    env = {"REDIS_URL": redis_server.url, "DRAIN_SECONDS": "0.5"}
    async with service(env) as leaving, service(env) as other:
        with TcpProxy("127.0.0.1", leaving.port, rewrite=lambda: spoil) as proxy:
            async with Chat(f"http://127.0.0.1:{proxy.port}", token=make_jwt("ada", "Ada")) as ada:
                told, states = ada.events(Reconnect), ada.events(State)
                proxy.upstream = "127.0.0.1", other.port
                await asyncio.to_thread(leaving.stop)
                await asyncio.wait_for(ada.ready(), 20 * UNIT)
                await soon(lambda: states.waiting >= 3, "it is back")
                assert str((await anext(told)).ticket).endswith("no-other")
                _, _, metrics = await asyncio.to_thread(other.request, "GET", "/metrics")
    assert b'parley_sockets_refused_total{reason="unauthenticated"} 1.0' in metrics, "that of `reconnect` was tried"
    assert b'route="/tickets"' not in metrics


# -- what can be asked for


async def test_all_that_can_be_said_is_heard() -> None:
    """Each event as it is meant, by whoever listens to its kind."""
    async with service() as process:
        moderator = make_jwt("mo", "Mo", role="moderator")
        async with Chat(process.url, token=moderator) as mo, Chat(process.url, name="Bob") as bob:
            told: list[Any] = []
            for kind in (Edited, Removed, Reacted, TopicEvent, TypingFrame, ReadFrame, Presence):
                bob.on(kind, told.append)
            room = await bob.join("lobby", limit=10)
            assert mo.moderator and not bob.moderator and bob.limits.text == 4000
            await mo.join("lobby")
            await soon(lambda: {person.name for person in room.members.values()} == {"Bob", "Mo"}, "both are there")
            said = await mo.send("lobby", "hello")
            await mo.edit("lobby", said.seq, "good morning")
            await mo.react("lobby", said.seq, "👍")
            await mo.react("lobby", said.seq, "👍", on=False)
            assert (await mo.history("lobby")).messages[0].text == "good morning"
            await mo.remove("lobby", said.seq)
            await mo.set_topic("lobby", "greetings")
            mo.typing("lobby")
            mo.read("lobby", 1)
            await soon(lambda: {TypingFrame, ReadFrame} <= {type(event) for event in told}, "all of it is told")
            changes = [event for event in told if hasattr(event, "seq") and not isinstance(event, ReadFrame)]
            assert [type(event) for event in changes] == [Edited, Reacted, Reacted, Removed, TopicEvent]
            assert room.topic is not None and room.topic.text == "greetings"
            assert room.begun is not None and room.begun.user.name == "Mo"
            assert (await room.history(limit=1)).messages[0].removed
            assert [one.room for one in await bob.rooms() or ()] == ["lobby"]
            await bob.rename("Robert")
            await soon(lambda: bob.user is not None and bob.user.name == "Robert", "renamed")
            await mo.moderate("nobody", "mute", "lobby", seconds=1)
            with pytest.raises(RequestError, match="moderator") as raised:
                await bob.moderate("mo", "kick", "lobby")
            assert raised.value.code == "forbidden" and raised.value.advice
            assert bob.user is not None
            loop = bob.events(room="lobby")
            removed = bob.events(Moderated)
            await bob.join("lobby")
            await mo.moderate(bob.user.id, "ban", "lobby", reason="enough")
            assert (await anext(removed)).action == "ban"
            with pytest.raises(ChatError) as gone:
                async for _ in loop:
                    pass
            assert gone.value.code == bob.state.code == 4403 and bob.state.state == "stopped"
            assert gone.value.advice.startswith("Ask a moderator")
            with pytest.raises(ChatError, match="removed"):
                await bob.send("lobby", "but")


async def test_two_loops_have_everything_each_and_one_goes_on_where_it_stopped() -> None:
    """From the join on, whenever the first begins."""
    async with service() as process, Chat(process.url, name="Bob") as bob:
        room = await bob.join("lobby")
        for number in range(3):
            await room.send(str(number))
        async for message in room:
            assert message.text == "0"
            break
        first, second = aiter(room), aiter(room)
        assert (await anext(first)).text == "1"
        await soon(lambda: getattr(bob.position("lobby"), "seq", 0) == 3, "all are here, a moment behind `sent`")
        waiting = asyncio.ensure_future(anext(second))
        await asyncio.sleep(0.05)
        await room.send("3")
        assert (await waiting).text == "3"
        assert [(await anext(first)).text for _ in range(2)] == ["2", "3"]
    with pytest.raises(StopAsyncIteration):
        await anext(first)


# -- who may enter


async def test_a_token_is_renewed_before_it_runs_out_and_fetched_anew_when_it_is_refused() -> None:
    """By a function, which may be a coroutine; the socket lives on, or comes back by itself."""
    asked = 0

    async def token() -> str:
        nonlocal asked
        asked += 1
        return make_jwt("ada", "Ada", exp=int(time.time()) + 4)

    async with service() as process, Chat(process.url, token=token) as ada:
        states: list[State] = []
        ada.on(State, states.append)
        await soon(lambda: asked >= 3, "it is renewed, and once more")
        assert states == []
        headers = {"Authorization": f"Bearer {SERVICE}"}
        await asyncio.to_thread(process.request, "DELETE", "/users/ada/sockets", None, headers)
        await soon(lambda: len(states) == 2, "it is back")
        assert [state.state for state in states] == ["connecting", "open"]


@pytest.mark.expects_log("token|refused")
async def test_who_can_not_come_in_is_told_why() -> None:
    """With the code, the service's words and the way out; at once where waiting is in vain."""
    async with service({"ALLOWED_ORIGINS": "https://chat.example.com"}) as process:
        url = f"http://127.0.0.1:{process.port}"
        with pytest.raises(ChatError) as refused:
            async with Chat(url, name="Ada"):
                pass
        assert refused.value.code == "forbidden"
    async with service() as process, Chat(process.url, name="Ada") as ada:
        with pytest.raises(ChatError, match="has this name") as taken:
            async with Chat(process.url, name="Ada"):
                pass
        assert taken.value.code == "name_taken" and "Choose another name" in taken.value.advice
        with pytest.raises(ChatError) as bad:
            async with Chat(process.url, token="bad"):
                pass
        assert bad.value.code == "unauthenticated"
        with pytest.raises(HttpError) as named:
            await ada.rename("x" * 100)
        assert (named.value.code, named.value.status) == ("bad_request", 400) and named.value.final
        assert await ada.ready()
        with pytest.raises(ChatError) as room:
            await ada.join("No room")
        assert room.value.code == "bad_room"
        with pytest.raises(ChatError) as long:
            await ada.send("lobby", "x" * 5000)
        assert long.value.code == "too_large" and len(ada.outbox) == 0
        with pytest.raises(ChatError) as longer:
            await ada.send("lobby", "\x00" * 20000)
        assert longer.value.code == "too_large"
        with pytest.raises(RequestError) as unjoined:
            await ada.history("elsewhere")
        assert unjoined.value.code == "not_joined"
        problems = ada.events(Error)
        assert problems.waiting == 0
    away = Chat(process.url, name="Ada")
    states = away.events(State)
    away.start()
    assert (await anext(states)).state == "connecting"
    state = await anext(states)
    assert (state.state, state.code) == ("waiting", "unreachable") and "refused" in state.reason
    entry = away.send("lobby", "later")
    await away.close()
    with pytest.raises(ChatError, match="closed"):
        await entry
    assert len(away.outbox) == 1
