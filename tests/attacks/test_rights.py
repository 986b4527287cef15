"""Moderators against who is quick: what they did holds from its answer on, whatever was under way, on every process."""

import asyncio
import random
import time
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from service import actions
from service.chat import ChatHandler
from service.session import Session

from ..brokers import until
from ..harness import NO_LIMITS, UNIT, ChatClient, ChatError, RedisServer, ServiceProcess, make_jwt
from ..harness.proxy import TcpProxy
from ..serving import Served, serving
from .raw_socket import RawSocket

pytestmark = pytest.mark.timeout(seconds=300 * UNIT)

MODERATOR = {"bearer": make_jwt("u-mod", "Mo", role="moderator")}
DELAY = 0.01  # seconds from Redis


def bearer(user: str, **claims: Any) -> dict[str, str]:
    return {"bearer": make_jwt(user, user, **claims)}


async def race(it: Served, moderator: ChatClient, action: str, pause: float, user: str) -> bool:
    """A join, and a moment later a ban or kick: whether the user is in the room once everything has come to rest."""
    async with ChatClient.open(it.url, **bearer(user)) as client:
        await client.raw('{"type":"join","room":"lobby"}')
        await asyncio.sleep(pause)
        await moderator.request("moderate", room="lobby", user=user, action=action)
        await asyncio.sleep(30 * DELAY * UNIT)  # a join takes ten times that delay
        return any("lobby" in session.rooms for session in ChatHandler.sessions.of(user))


@pytest.mark.parametrize("guarded", [True, False], ids=["", "control"])
async def test_a_ban_that_arrives_during_a_join_refuses_it(
    redis_server: RedisServer,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
    seed: int,
    long_form: bool,
) -> None:
    """Redis 10 ms away, the moderator on another process. With the guard off some stay in."""
    chance = random.Random(seed)
    if not guarded:

        async def once(socket: Any, room: str, work: Any) -> Any:
            return await work

        monkeypatch.setattr(actions, "_by_the_brokers_word", once)
        monkeypatch.setattr(Session, "entering", property(lambda _: None, lambda *_: None))
    with TcpProxy("127.0.0.1", redis_server.port) as proxy:
        async with serving({"REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0"}) as it:
            with ServiceProcess(NO_LIMITS | {"REDIS_URL": redis_url}) as other:
                async with ChatClient.open(other.url, **MODERATOR) as mod:
                    proxy.delay = DELAY
                    rounds = 100 if long_form else 15
                    stayed = [
                        await race(it, mod, "ban", chance.uniform(0, 3 * DELAY), f"u-{number}")
                        for number in range(rounds)
                    ]
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


@pytest.mark.parametrize("action", ["ban", "mute"])
async def test_nothing_is_said_after_the_moderator_was_answered(redis_url: str, action: str, long_form: bool) -> None:
    """Twenty who send as fast as they can on another process: no message has a later place than the answer allows."""
    crowd = 20 if long_form else 8
    with (
        ServiceProcess(NO_LIMITS | {"REDIS_URL": redis_url}) as one,
        ServiceProcess(NO_LIMITS | {"REDIS_URL": redis_url}) as two,
    ):
        async with ChatClient.open(one.url, **MODERATOR) as mod:
            tokens = [make_jwt(f"u-{number}", f"u-{number}") for number in range(crowd)]
            clients = [await ChatClient.enter(two.url, bearer=token) for token in tokens]
            try:
                for client in (mod, *clients):
                    await client.join("lobby")
                talking = [asyncio.ensure_future(talk(client)) for client in clients]
                await asyncio.sleep(0.3 * UNIT)
                last: dict[str, int] = {}
                for client in clients:
                    user = client.user["id"]
                    await mod.request("moderate", room="lobby", user=user, action=action)
                    last[user] = (await mod.send("lobby", "that was it"))["seq"]
                await asyncio.gather(*talking)
                end = await mod.send("lobby", "the end")
                while (await mod.recv("message"))["seq"] < end["seq"]:
                    pass
            finally:
                for client in clients:
                    await client.close()
            said = [frame for frame in mod.frames if frame["type"] == "message" and frame["user"]["id"] in last]
    assert {frame["user"]["id"] for frame in said} == set(last), "some did not speak"
    late = [(frame["user"]["id"], frame["seq"]) for frame in said if frame["seq"] > last[frame["user"]["id"]]]
    assert not late, late


async def talk(client: ChatClient) -> None:
    """Send until it is refused, or the socket is closed for the ban."""
    try:
        while True:
            await client.send("lobby", "x")
    except ChatError as error:
        assert error.code == "forbidden"
    except (ConnectionError, ConnectionClosed):
        assert client.close_code == 4403
