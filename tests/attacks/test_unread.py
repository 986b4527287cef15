"""What is unread is counted room by room, and paid for by user and address before it costs the broker anything."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest

from service.brokers.directory import UNREAD_ROOMS
from service.brokers.redis import reads
from service.brokers.redis.broker import RedisBroker
from service.brokers.redis.shards import Shards
from service.brokers.redis.steps import room_script
from service.brokers.sqlite.directory import SqliteDirectory
from service.protocol import RequestError

from ..brokers import CY, message, opened, store
from ..harness import UNIT, ChatClient, ChatError, make_jwt
from ..serving import Served, answer, serving

pytestmark = pytest.mark.timeout(seconds=180 * UNIT)

ROOMS = [f"room-{number:03}" for number in range(UNREAD_ROOMS)]
DEFAULTS = {"JOIN_RATE": "10", "JOIN_RATE_ADDRESS": "200", "CONNECTIONS_PER_USER": "20"}
ADA = make_jwt("u-ada", "Ada")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The rooms in which somebody's unread messages were counted, on either broker."""
    rooms: list[str] = []
    script, count = room_script, SqliteDirectory._unread_in  # noqa: SLF001  # one step a room, of each broker

    def asked(shards: Shards, name: str, room: str, *args: object, **options: object) -> object:
        if args[0] == "unread":
            rooms.append(room)
        return script(shards, name, room, *args, **options)  # type: ignore[arg-type]

    def read(self: SqliteDirectory, name: str, user: str, seq: int) -> object:
        rooms.append(name)
        return count(self, name, user, seq)

    monkeypatch.setattr(reads, "room_script", asked)
    monkeypatch.setattr(SqliteDirectory, "_unread_in", read)
    yield rooms


async def have_read(it: Served, user: str) -> None:
    """The user has read in as many rooms as are kept of anybody, and one message of each is unread."""
    directory = it.node.broker.directory
    for start in range(0, len(ROOMS), 50):
        part = ROOMS[start : start + 50]
        await store(it.node.broker, *(message(room, person=CY) for room in part for _ in range(2)))
        await asyncio.gather(*(directory.mark_read(room, {user: 1}) for room in part))


async def knock(it: Served, token: str = ADA) -> tuple[int | None, int]:
    """One handshake: the code it was closed with (None: it was not) and in how many rooms something is unread."""
    client = await ChatClient.enter(it.url, bearer=token, welcome=False)
    try:
        welcome = await client.recv("welcome")
        return None, len(welcome.get("unread", {}))
    except ConnectionError:
        return client.close_code, 0
    finally:
        await client.close()


async def test_who_comes_too_fast_costs_the_broker_nothing(
    broker_env: dict[str, str], counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handshake past the address's rate, or past the user's sockets, is refused before anything is asked for it."""
    async with serving(broker_env | {"JOIN_RATE_ADDRESS": "0.5", "CONNECTIONS_PER_USER": "1"}) as it:
        await have_read(it, "u-ada")
        asked: list[str] = []
        unread = it.node.broker.directory.unread

        async def noted(user: str, *choose: object) -> dict[str, int]:
            asked.append(user)
            return await unread(user, *choose)  # type: ignore[arg-type]

        monkeypatch.setattr(it.node.broker.directory, "unread", noted)
        async with ChatClient.open(it.url, bearer=ADA):
            assert set(counted) == set(ROOMS) and asked == ["u-ada"]
            assert [await knock(it) for _ in range(3)] == [(4429, 0)] * 3
            assert asked == ["u-ada"], "a second socket of the user has no room"
        for number in range(4):
            assert await knock(it, make_jwt(f"u-{number}", "Bob")) == (None, 0)
        asked.clear()
        counted.clear()
        assert [await knock(it) for _ in range(5)] == [(4429, 0)] * 5
        assert not asked and not counted


async def test_a_user_s_rooms_are_charged(broker_env: dict[str, str], counted: list[str]) -> None:
    """One handshake of who has read in 200 rooms uses a JOIN_RATE of 0.1 up: the next are closed 4429, uncounted."""
    async with serving(broker_env | {"JOIN_RATE": "0.1"}) as it:
        await have_read(it, "u-ada")
        codes = [await knock(it) for _ in range(3)]
        assert codes == [(None, UNREAD_ROOMS), (4429, 0), (4429, 0)] and len(counted) == UNREAD_ROOMS
        assert await knock(it, make_jwt("u-bob", "Bob")) == (None, 0)


async def test_all_sockets_of_who_reads_everywhere_come_at_once(broker_env: dict[str, str]) -> None:
    """With the limits at their defaults: 20 tabs after a restart, and each enters a room."""
    async with serving(broker_env | DEFAULTS) as it:
        await have_read(it, "u-ada")
        clients = await asyncio.gather(*(ChatClient.enter(it.url, bearer=ADA) for _ in range(20)))
        try:
            assert all(len(client.frames[0]["unread"]) == UNREAD_ROOMS for client in clients)
            await asyncio.gather(*(client.join(ROOMS[0]) for client in clients))
        finally:
            await asyncio.gather(*(client.close() for client in clients))


async def test_a_list_counts_in_the_rooms_that_it_shows(broker_env: dict[str, str], counted: list[str]) -> None:
    """A page of one room is one step at the most; none in rooms that the user hasn't read in; all are charged."""
    async with serving(broker_env | {"JOIN_RATE": "2"}) as it:
        await have_read(it, "u-ada")
        await store(it.node.broker, message("a-first"))
        headers = {"Authorization": f"Bearer {ADA}"}
        page = answer(await it.fetch("/rooms?limit=1", **headers))
        assert page["rooms"] == [{"room": "a-first", "count": 0, "unread": 0}] and counted == []
        page = answer(await it.fetch("/rooms?limit=1&after=a-first", **headers))
        assert page["rooms"] == [{"room": ROOMS[0], "count": 0, "unread": 1}] and counted == ROOMS[:1]
        counted.clear()
        page = answer(await it.fetch("/rooms", **headers))  # 4 for the list, 10 for the counting, of 20
        assert sum(room["unread"] for room in page["rooms"]) == UNREAD_ROOMS and sorted(counted) == ROOMS
        counted.clear()
        refused = await it.fetch("/rooms", **headers)
        assert refused.code == 429 and not counted


@pytest.mark.parametrize("guarded", [True, False], ids=["", "control"])
async def test_a_rush_of_one_who_reads_everywhere_holds_up_nobody(
    broker_env: dict[str, str], counted: list[str], monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """80 handshakes at once, again and again, while others join, read and send: none of that is `unavailable`.

    Without the guards what is asked of the broker has no bound.
    """
    limits = DEFAULTS if guarded else {}
    async with serving(broker_env | limits) as it, ChatClient.open(it.url, bearer=make_jwt("u-bob", "Bob")) as bob:
        await have_read(it, "u-ada")
        seen: Counter[str] = Counter()
        living = asyncio.ensure_future(live(bob, seen))
        codes: Counter[int | None] = Counter()
        began = time.monotonic()
        for _ in range(3):
            codes.update(code for code, _ in await asyncio.gather(*(knock(it) for _ in range(80))))
        due = 20 * 10 * (time.monotonic() - began)  # rooms: 20 a token, 10 tokens a second
        living.cancel()
        with suppress(asyncio.CancelledError):
            await living
    assert codes[None] and seen["ok"]
    if guarded:
        assert set(seen) == {"ok"} and len(counted) <= 20 * UNREAD_ROOMS + due, (seen, codes, len(counted))
    else:
        assert len(counted) == 3 * 80 * UNREAD_ROOMS


@pytest.mark.parametrize("guarded", [True, False], ids=["", "control"])
async def test_a_crowd_of_those_who_read_everywhere_leaves_the_lane_to_others(redis_url: str, guarded: bool) -> None:
    """100 users at once, each of whom pays for 200 rooms: pages are answered. Counted together they aren't."""
    people = [f"u{number}" for number in range(100)]
    async with opened(RedisBroker(redis_url, history_limit=100, history_days=1)) as (broker, _):
        if not guarded:
            broker.directory._reads._counting = asyncio.Semaphore(100)  # noqa: SLF001  # no option for it: only a control wants it
        for start in range(0, len(ROOMS), 50):
            part = ROOMS[start : start + 50]
            await store(broker, *(message(room, person=CY) for room in part for _ in range(2)))
            await asyncio.gather(*(broker.directory.mark_read(room, dict.fromkeys(people, 1)) for room in part))
        crowd = asyncio.gather(*(broker.directory.unread(user) for user in people))
        seen: Counter[str] = Counter()
        while not crowd.done():
            try:
                await broker.log.newest(ROOMS[0], 10)
                seen["ok"] += 1
            except RequestError as error:
                seen[error.code] += 1
            await asyncio.sleep(0)
        unread = await crowd
    assert seen["ok"]
    whole = all(len(counts) == UNREAD_ROOMS for counts in unread)
    assert (set(seen) == {"ok"} and whole) is guarded, (seen, [len(counts) for counts in unread])


async def live(client: ChatClient, seen: Counter[str]) -> None:
    """Do what somebody does in a chat, and note what comes of it."""
    number = 0
    while True:
        asked = (
            partial(client.join, "tea"),
            partial(client.history, "tea", 2**53 - 1),
            partial(client.send, "tea", f"in peace {number}"),
        )
        number += 1
        for ask in asked:
            try:
                await ask()
                seen["ok"] += 1
            except ChatError as error:
                seen[error.code] += 1
        await asyncio.sleep(0.3)
