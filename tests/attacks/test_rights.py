"""Moderators against who is quick: what they did holds from its answer on, whatever was under way, on every process."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from service import actions
from service.brokers.base import unavailable
from service.brokers.directory import Sanction
from service.brokers.sqlite.file import File
from service.chat import ChatHandler
from service.identity.auth import User
from service.protocol import Action, Moderate
from service.session import Session

from ..brokers import until
from ..harness import NO_LIMITS, UNIT, ChatClient, ChatError, RedisServer, ServiceProcess, make_jwt
from ..harness.proxy import TcpProxy
from ..serving import Served, serving
from .crowding import SEVERAL
from .raw_socket import RawSocket

pytestmark = pytest.mark.timeout(seconds=300 * UNIT)

MODERATOR = {"bearer": make_jwt("u-mod", "Mo", role="moderator")}
DELAY = 0.01  # seconds from Redis, or from the disk


def bearer(user: str, **claims: Any) -> dict[str, str]:
    return {"bearer": make_jwt(user, user, **claims)}


@asynccontextmanager
async def apart(
    broker_env: dict[str, str], redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Served, ChatClient]]:
    """A process 10 ms away from its Redis or from its disk, and a moderator: with Redis, on another process."""
    async with AsyncExitStack() as stack:
        if "REDIS_URL" not in broker_env:
            it = await stack.enter_async_context(serving(broker_env))
            mod = await stack.enter_async_context(ChatClient.open(it.url, **MODERATOR))
            for name in ("answer", "transact"):
                monkeypatch.setattr(File, name, waiting(getattr(File, name)))
            yield it, mod
            return
        proxy = stack.enter_context(TcpProxy("127.0.0.1", redis_server.port))
        it = await stack.enter_async_context(serving({"REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0"}))
        other = stack.enter_context(ServiceProcess(NO_LIMITS | broker_env))
        mod = await stack.enter_async_context(ChatClient.open(other.url, **MODERATOR))
        proxy.delay = DELAY
        yield it, mod


def waiting(work: Callable[[File, Any], Any]) -> Callable[[File, Any], Any]:
    """What the file's thread does, a little later."""

    def later(file: File, works: Any) -> Any:
        time.sleep(DELAY)
        return work(file, works)

    return later


async def race(it: Served, mod: ChatClient, pause: float, user: str, address: str) -> bool:
    """A join, and a moment later a ban: whether the user is in the room once everything has come to rest."""
    async with ChatClient.open(it.url, address=address, **bearer(user)) as client:
        await client.raw('{"type":"join","room":"lobby"}')
        await asyncio.sleep(pause)
        await mod.request("moderate", room="lobby", user=user, action="ban")
        await asyncio.sleep(30 * DELAY * UNIT)  # a join takes ten times that delay
        return any("lobby" in session.rooms for session in ChatHandler.sessions.of(user))


@pytest.mark.parametrize("guarded", [True, False], ids=["", "control"])
async def test_a_ban_that_arrives_during_a_join_refuses_it(
    broker_env: dict[str, str],
    redis_server: RedisServer,
    addresses: list[str],
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
    seed: int,
    long_form: bool,
) -> None:
    """Of each of a crowd who join as they are banned. With the guard off some stay in."""
    chance = random.Random(seed)
    if not guarded:

        async def once(socket: Any, room: str, work: Any) -> Any:
            return await work

        monkeypatch.setattr(actions, "_by_the_brokers_word", once)
        monkeypatch.setattr(Session, "entering", property(lambda _: None, lambda *_: None))
    async with apart(broker_env, redis_server, monkeypatch) as (it, mod):
        crowd = zip(range(100 if long_form else 15), itertools.cycle(addresses))
        races = (race(it, mod, chance.uniform(0, 3 * DELAY), f"u-{number}", address) for number, address in crowd)
        stayed = await asyncio.gather(*races)
    assert any(stayed) is not guarded, f"{sum(stayed)} of {len(stayed)} stayed in"


async def test_a_token_that_runs_out_during_a_join_lets_nobody_in(redis_server: RedisServer, redis_url: str) -> None:
    """4401, and no `joined`."""
    with TcpProxy("127.0.0.1", redis_server.port) as proxy:
        async with serving({"REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0"}) as it:
            expiring = bearer("u-bob", exp=int(time.time()) + 2)
            async with ChatClient.open(it.url, **expiring) as bob:
                proxy.delay = 1.0  # four times that for a join
                await bob.raw('{"type":"join","room":"lobby"}')
                assert (await bob.closed())[0] == 4401
                assert not [frame for frame in bob.frames if frame["type"] == "joined"]
                proxy.delay = 0.0
                await until(lambda: not it.node.rooms.by_name, "the room let go", 10 * UNIT)


@pytest.mark.parametrize("guarded", [True, False], ids=["", "without asking the broker"])
@pytest.mark.parametrize("who", ["user", "guest", "network"])
async def test_a_ban_of_everywhere_holds_where_its_signal_is_late(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch, who: str, guarded: bool
) -> None:
    """Handshakes, tickets and the list: by the broker's word, where the process has yet to hear of it. Others enter."""
    async with serving(broker_env) as it:
        there = "127.0.0.1"
        guest = await RawSocket.guest(it.port, "Bob", there)
        token, user = (make_jwt("u-bob", "Bob"), "u-bob") if who == "user" else (guest["guest"], guest["user"]["id"])
        if not guarded:

            async def unasked(*_: object) -> None:
                return None

            monkeypatch.setattr(it.node.broker.directory, "ban", unasked)
        assert await attempts(it, token) == [None, 201, 200]
        ban = Sanction("ban", "", there if who == "network" else user, 0, "m", "spam", who == "network", user)
        await it.node.broker.directory.sanction(ban, lift=False)  # as another process does it
        assert not it.node.moderation.holds("ban", "", user, there), "its signal is late"
        assert await attempts(it, token) == ([4403, 403, 403] if guarded else [None, 201, 200])
        assert await attempts(it, make_jwt("u-ada", "Ada")) == [None, 201, 200]
        if who == "network":
            new = await RawSocket.guest(it.port, "Somebody new", there)
            assert new.get("error") == ({"code": "forbidden", "message": "banned: spam"} if guarded else None)


async def attempts(it: Served, token: str) -> list[int | None]:
    """What a handshake is closed with (None: it isn't), and the statuses of a ticket and the list."""
    async with ChatClient.open(it.url, bearer=token, welcome=False) as client:
        try:
            await client.recv("welcome")
        except ConnectionError:
            assert client.close_reason == "banned: spam" and not client.frames
        closed = client.close_code
    bearing = {"Authorization": f"Bearer {token}"}
    ticket = await it.fetch("/tickets", "POST", {}, **bearing)
    listed = await it.fetch("/rooms", **bearing)
    return [closed, ticket.code, listed.code]


async def test_where_the_broker_has_no_word_on_bans_what_is_known_here_counts(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was before the broker was asked: who is known to be banned stays out, and the others come in."""
    async with serving(broker_env) as it:

        async def away(*_: object) -> None:
            raise unavailable()

        await it.node.moderation.moderate(User("m", "Mo", "moderator"), Moderate(user="u-bob", action=Action.BAN))
        monkeypatch.setattr(it.node.broker.directory, "ban", away)
        async with ChatClient.open(it.url, bearer=make_jwt("u-bob", "Bob"), welcome=False) as bob:
            assert (await bob.closed())[0] == 4403
        assert await attempts(it, make_jwt("u-ada", "Ada")) == [None, 201, 200]


@pytest.mark.parametrize("banned", [True, False], ids=["", "control"])
async def test_a_banned_network_s_guests_stay_out_until_the_end(broker_env: dict[str, str], banned: bool) -> None:
    """Ten new guests from three addresses of this machine: those of the banned one are refused, then let in again."""
    with ServiceProcess(broker_env) as service:
        troll = await RawSocket.guest(service.port, "Troll", "127.0.0.2")
        async with ChatClient.open(service.url, **MODERATOR) as mod:
            async with await RawSocket.by_token(service.port, troll["guest"], "127.0.0.2") as raw:
                await asyncio.sleep(1.0 * UNIT)
                if banned:
                    order = {"user": troll["user"]["id"], "network": True, "action": "ban", "reason": "spam"}
                    await mod.request("moderate", seconds=3.0 * UNIT, **order)
                    assert await raw.closed() == 4403
            refused: dict[str, int] = {}
            for address in ("127.0.0.2", "127.0.0.3", "127.0.0.4"):
                answers = [await RawSocket.guest(service.port, f"New {address} {n}", address) for n in range(10)]
                refused[address] = sum("error" in answer for answer in answers)
                assert all(
                    answer.get("error", {}).get("message", "banned: spam") == "banned: spam" for answer in answers
                )
            assert refused == {"127.0.0.2": 10 if banned else 0, "127.0.0.3": 0, "127.0.0.4": 0}
            async with asyncio.timeout(10 * UNIT):
                number = 0
                while "error" in await RawSocket.guest(service.port, f"Later {number}", "127.0.0.2"):
                    number += 1
                    await asyncio.sleep(0.2)


async def late_words(
    broker_env: dict[str, str], addresses: list[str], action: str, crowd: int, command: tuple[str, ...] = ("service",)
) -> list[tuple[str, int]]:
    """What a crowd on another process (on Redis) says, as fast as it can, later than the moderator's answer allows."""
    async with AsyncExitStack() as stack:
        count = 2 if "REDIS_URL" in broker_env else 1
        services = [ServiceProcess(NO_LIMITS | broker_env, command=command) for _ in range(count)]
        for service in services:
            stack.enter_context(service)
        mod = await stack.enter_async_context(ChatClient.open(services[0].url, **MODERATOR))
        await mod.join("lobby")
        clients = []
        for number, address in zip(range(crowd), itertools.cycle(addresses)):
            talker = ChatClient.open(services[-1].url, address=address, **bearer(f"u-{number}"))
            clients.append(await stack.enter_async_context(talker))
            await clients[-1].join("lobby")
        talking = [asyncio.ensure_future(talk(client)) for client in clients]
        await asyncio.sleep(0.3 * UNIT)
        last: dict[str, int] = {}
        for client in clients:
            user = client.user["id"]
            await mod.request("moderate", room="lobby", user=user, action=action)
            last[user] = (await mod.send("lobby", "that was it"))["seq"]
        await asyncio.wait(talking, timeout=2 * UNIT)
        for task in talking:
            task.cancel()
        for outcome in await asyncio.gather(*talking, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
        end = await mod.send("lobby", "the end")
        while (await mod.recv("message"))["seq"] < end["seq"]:
            pass
    said = [frame for frame in mod.frames if frame["type"] == "message" and frame["user"]["id"] in last]
    assert {frame["user"]["id"] for frame in said} == set(last), "some did not speak"
    return [(frame["user"]["id"], frame["seq"]) for frame in said if frame["seq"] > last[frame["user"]["id"]]]


@pytest.mark.parametrize("action", ["ban", "mute"])
async def test_nothing_is_said_after_the_moderator_was_answered(
    broker_env: dict[str, str], addresses: list[str], action: str, long_form: bool
) -> None:
    """By none of twenty: no message has a later place."""
    late = await late_words(broker_env, addresses, action, 20 if long_form else 8)
    assert not late, late


@pytest.mark.long
async def test_control_where_the_broker_does_not_ask_the_muted_talk_on(broker_env: dict[str, str]) -> None:
    """Each of them."""
    late = await late_words(broker_env, SEVERAL, "mute", 8, ("tests.faults.unguarded", "rights"))
    assert len({user for user, _ in late}) == 8


async def talk(client: ChatClient) -> None:
    """Send until it is refused, or the socket is closed for the ban."""
    try:
        while True:
            await client.send("lobby", "x")
    except ChatError as error:
        assert error.code == "forbidden"
    except (ConnectionError, ConnectionClosed):
        assert client.close_code == 4403
