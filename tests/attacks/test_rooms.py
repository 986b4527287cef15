"""Rooms joined and left, again and again, by many guests of a few addresses: nothing is left, and others enter."""

import asyncio
import json
import time

import pytest

from ..harness import UNIT, ChatClient, ChatError, RedisServer, ServiceProcess, wait_until
from .crowding import SEVERAL
from .hasty import EMPTY_SECONDS
from .raw_socket import RawSocket, frame
from .vitals import MIB, Pulse, memory_bytes, rooms

pytestmark = [pytest.mark.alone, pytest.mark.timeout(seconds=300 * UNIT)]

GONE_WITHIN = 6 * EMPTY_SECONDS * UNIT
HASTY = ("tests.attacks.hasty",)


async def wander(service: ServiceProcess, name: str, address: str, seconds: float) -> list[str]:
    """Join rooms that aren't there and leave them, as fast as is answered; those that were begun."""
    guest = await RawSocket.guest(service.port, name, address)
    begun: list[str] = []
    async with await RawSocket.by_token(service.port, guest["guest"], address) as raw:
        end = time.monotonic() + seconds
        for number in range(10**6):
            if time.monotonic() > end:
                break
            room = f"{name.lower()}-{number}"
            await raw.send(frame(b'{"type":"join","room":"%s","limit":0}' % room.encode()))
            while (answer := await raw.read_json())["type"] not in ("joined", "error"):
                pass
            if answer["type"] == "error":
                assert answer["code"] in ("rate_limited", "too_many_rooms"), answer
                await asyncio.sleep(min(answer.get("retry_after", 1), max(0, end - time.monotonic())))
                continue
            begun.append(room)
            await raw.send(frame(b'{"type":"leave","room":"%s"}' % room.encode()))
    return begun


async def horde(service: ServiceProcess, addresses: list[str], seconds: float, size: int = 40) -> list[str]:
    """So many of them, from the addresses in turn; all rooms that they began."""
    guests = [(f"Guest{number}", addresses[number % len(addresses)]) for number in range(size)]
    begun = await asyncio.gather(*(wander(service, *guest, seconds) for guest in guests))
    return [room for rooms in begun for room in rooms]


def left_behind(redis: RedisServer) -> set[str]:
    """What Redis has of the wanderers' rooms: keys of theirs, and where they stand in the index and with processes."""
    keys = redis.cli("KEYS", "*").split()
    left = {key for key in keys if "{guest" in key}
    named = redis.cli("ZRANGE", "parley:rooms", "0", "-1").split()
    for key in keys:
        if key.startswith("parley:{*}:process:"):
            named += redis.cli("SMEMBERS", key).split()
    return left | {room for room in named if room.startswith("guest")}


@pytest.mark.parametrize("swept", [True, False], ids=["", "control"])
async def test_nothing_is_left_of_rooms_in_which_nothing_was_said(
    broker_env: dict[str, str], redis_server: RedisServer, addresses: list[str], swept: bool, long_form: bool
) -> None:
    """40 guests, within their addresses' share; another's room is begun meanwhile, and one with a message stays."""
    # Who waits as told for half a minute answers no ping meanwhile.
    env = broker_env | {"PING_INTERVAL": "50", "PING_TIMEOUT": "50"}
    with ServiceProcess(env, command=HASTY if swept else (*HASTY, "unswept")) as service:
        async with ChatClient.open(service.url, "Ada") as ada:
            await ada.join("lobby")
            await ada.send("lobby", "here to stay")
            start = memory_bytes(service)
            with Pulse(service) as pulse:
                wandering = asyncio.ensure_future(horde(service, addresses, 60.0 if long_form and swept else 3.0))
                await asyncio.sleep(1)
                await ada.join("tea")
                assert "REDIS_URL" not in broker_env or left_behind(redis_server)
                begun = await wandering
            # A burst of 60 an address, and 120 an hour.
            assert 25 * len(addresses) < len(begun) <= len(addresses) * (60 + 5)
            if not swept:
                await asyncio.sleep(GONE_WITHIN)
                assert await asyncio.to_thread(rooms, service) == len(begun) + 2
                return
            pulse.check()
            await asyncio.to_thread(wait_until, lambda: rooms(service) == 2, "rooms forgotten", GONE_WITHIN)
            if "REDIS_URL" in broker_env:
                assert not left_behind(redis_server)
            _, _, listed = service.request("GET", "/rooms", headers={"Authorization": f"Bearer {ada.guest}"})
            assert {room["room"] for room in json.loads(listed)["rooms"]} == {"lobby", "tea"}
            assert (await ada.join("tea"))["seq"] == 0  # held, so kept
            assert (await ada.join("lobby", since={"epoch": "x", "seq": 0}))["messages"][0]["text"] == "here to stay"
            assert memory_bytes(service) - start < 4 * MIB


async def test_without_the_limit_they_begin_as_many_as_they_like(broker_env: dict[str, str]) -> None:
    """What holds them above is ROOM_RATE."""
    env = broker_env | {"ROOM_RATE": "0", "JOIN_RATE": "0", "JOIN_RATE_ADDRESS": "0"}
    with ServiceProcess(env, command=HASTY) as service:
        assert len(await horde(service, SEVERAL, 3.0)) > 2 * len(SEVERAL) * 65


@pytest.mark.parametrize("total", ["5", "0"], ids=["held", "not held"])
async def test_all_together_begin_no_more_than_there_may_be(broker_env: dict[str, str], total: str) -> None:
    """ROOMS_TOTAL; what is there can be joined. The guard off, all of them are begun."""
    with ServiceProcess(broker_env | {"ROOMS_TOTAL": total}) as service:
        async with ChatClient.open(service.url, "Ada") as ada:
            for number in range(5):
                await ada.join(f"room-{number}")
                await ada.send(f"room-{number}", "x")
            try:
                await ada.join("another")
                refused = ""
            except ChatError as error:
                refused = error.code
            assert refused == ("too_many_rooms" if total == "5" else "")
            await ada.join("room-1")
