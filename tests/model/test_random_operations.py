"""Many people do random things for a while; now and then everybody stops, and all that they see must agree.

Order and once on every socket, what is acknowledged stands where it was said to stand, the live view of a room is its
fresh history, nothing is appended that changes nothing, rights hold from their answer on; presence, read positions and
unread counts converge; what was left leaves nothing behind in memory or in Redis.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ..attacks import vitals
from ..harness import NO_LIMITS, UNIT, RedisServer, ServiceProcess
from .actors import Actor, Place, World
from .view import Message, ModelError, View

ROOMS = ("one", "two", "three", "four")
ROUND = 3.0  # seconds between two looks
HISTORY = 60  # messages a room: so few that trimming goes on all the time
ENV = NO_LIMITS | {
    "HISTORY_LIMIT": str(HISTORY),
    "PRESENCE_GRACE": "0.2",
    "ROOM_RATE": "0",
    "JOIN_RATE_ADDRESS": "0",
    "LOG_LEVEL": "warning",
}
CUTS = "redis (commands|channels)|event=trail_failed"  # what a cut connection logs


class Model:
    """The processes, the actors, and what is asked of them when all is quiet."""

    def __init__(self, services: list[ServiceProcess], redis: RedisServer | None, seed: int) -> None:
        self.services = services
        self.redis = redis
        self.world = World([service.port for service in services], ROOMS, random.Random(seed))
        self.actors = [
            Actor(self.world, "ada", 2),
            Actor(self.world, "bob", 2),
            Actor(self.world, "cy", 1),
            Actor(self.world, "dora", 3),
            Actor(self.world, "mod", 1, role="moderator"),
        ]
        self.judge = Place(Actor(self.world, "judge", 0), 0)
        self.witness = Place(Actor(self.world, "witness", 0), 0)
        self.memory: list[int] = []
        self.cut_at = 0.0  # when connections to Redis were last cut

    async def run(self, seconds: float) -> None:
        """Rounds of random operations, each followed by a look."""
        await self.witness.open()
        for room in ROOMS:
            self.witness.views[room] = View("witness", room)
            await self.witness.ask("join", room=room, limit=0)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self._round()
            await self._look()
            self.memory.append(sum(map(vitals.memory_bytes, self.services)))
            assert not self.world.faults, "\n".join(self.world.faults[:10])
        for actor in (*self.actors, self.witness.actor, self.judge.actor):
            await actor.close()
        for place in (self.witness, self.judge):
            await place.drop(clean=True)

    async def _round(self) -> None:
        stop = time.monotonic() + ROUND

        async def live(actor: Actor) -> None:
            while time.monotonic() < stop:
                await actor.act()

        async def cut() -> None:
            """Lose what is on its way to and from Redis."""
            while self.redis is not None and time.monotonic() < stop:
                await asyncio.sleep(self.world.random.uniform(0.3, 1.5))
                kind = self.world.random.choice(("pubsub", "pubsub", "normal"))
                await asyncio.to_thread(self.redis.cli, "CLIENT", "KILL", "TYPE", kind)
                self.cut_at = time.monotonic()

        async with asyncio.TaskGroup() as group:
            for actor in self.actors:
                group.create_task(live(actor))
            group.create_task(cut())

    # -- what must agree

    async def _look(self) -> None:
        for room in ROOMS:
            await self._eventually(lambda room=room: self._room_agrees(room))  # type: ignore[misc]
        for actor in self.actors:
            await self._eventually(lambda actor=actor: self._unread_agrees(actor))  # type: ignore[misc]
        self._acknowledged()

    async def _eventually(self, wrong: Callable[[], Any], timeout: float = 10 * UNIT) -> None:
        """Ask until nothing is wrong; fail with what still is."""
        deadline = time.monotonic() + timeout
        while found := await wrong():
            if time.monotonic() > deadline:
                raise ModelError("\n".join(found[:10]))
            await asyncio.sleep(0.1)

    async def _history(self, room: str) -> tuple[View, dict[int, Message]]:
        """A fresh join's view, and all of history as pages show it."""
        view = self.judge.views[room] = View("judge", room)
        page = await self.judge.ask("join", room=room, limit=self.world.random.choice((1, 7, 200)))
        history, messages = dict(view.messages), page["messages"]
        while page["more"]:
            before = messages[0]["seq"] if messages else view.seq + 1
            page = await self.judge.ask("history", room=room, before=before, limit=200)
            messages = page["messages"]
            history |= {message["seq"]: Message.of(message) for message in messages}
        await self.judge.ask("leave", room=room)
        return view, history

    async def _room_agrees(self, room: str) -> list[str]:
        fresh, history = await self._history(room)
        wrong = []
        if len(history) < min(HISTORY, sum(1 for message in self.witness.views[room].messages)):
            wrong.append(f"{room}: history has {len(history)} messages, at least {HISTORY} are kept")
        inside = {actor.user for actor in self.actors for place in actor.places if self._in(place, room)}
        inside |= {"witness", "judge"}
        if set(fresh.members) != inside:
            wrong.append(f"{room}: {sorted(fresh.members)} are said to be there, {sorted(inside)} are")
        reads = {user: seq for (name, user), seq in self.world.reads.items() if name == room and user in inside and seq}
        if fresh.reads != reads:
            wrong.append(f"{room}: read positions {fresh.reads}, should be {reads}")
        for view in self._views_in(room):
            if view.epoch == fresh.epoch:
                wrong += view.compare(history, fresh.seq)
                # Presence may be missed while a connection is made anew; `joined` alone brings it then.
                if view.joined_at > self.cut_at + 2 * UNIT and set(view.members) - {"judge"} != inside - {"judge"}:
                    wrong.append(f"{view.name} sees {sorted(view.members)} in {room}, there are {sorted(inside)}")
        return wrong

    def _views_in(self, room: str) -> list[View]:
        places = [place for actor in self.actors for place in actor.places] + [self.witness]
        return [place.views[room] for place in places if self._in(place, room)]

    @staticmethod
    def _in(place: Place, room: str) -> bool:
        client = place.client
        return client is not None and client.close_code is None and room in place.views and place.views[room].joined

    async def _unread_agrees(self, actor: Actor) -> list[str]:
        told = await actor.unread()
        wrong = []
        for room in ROOMS:
            read = self.world.reads.get((room, actor.user), 0)
            if not read:
                continue
            _, history = await self._history(room)
            left = [seq for seq, m in history.items() if seq > read and m.author != actor.user and not m.removed]
            if told.get(room) != len(left):
                wrong.append(f"{actor.user}: {told.get(room)} unread in {room} after {read}, there are {len(left)}")
        return wrong

    def _acknowledged(self) -> None:
        """Each acknowledged event stands where its receipt says, in what the witness saw of all."""
        for actor in self.actors:
            for (room, id), event in actor.stored.items():
                seen = self.witness.views[room].ids.get(event.seq)
                if seen != (actor.user, id):
                    raise ModelError(f"{room} {event.seq}: acknowledged to {actor.user} as {id}, there is {seen}")


@asynccontextmanager
async def running(broker: str, seed: int, command: tuple[str, ...] = ("service",)) -> AsyncIterator[Model]:
    """A model on two processes and a Redis of its own, or on one with the embedded broker."""
    redis = RedisServer() if broker == "redis" else None
    if redis is not None:
        await asyncio.to_thread(redis.start)
    env = ENV | ({"REDIS_URL": redis.url} if redis else {})
    services = [ServiceProcess(env, command=command) for _ in range(2 if redis else 1)]
    try:
        await asyncio.gather(*(asyncio.to_thread(service.start) for service in services))
        yield Model(services, redis, seed)
    finally:
        await asyncio.gather(*(asyncio.to_thread(service.stop) for service in services))
        if redis is not None:
            await asyncio.to_thread(redis.close)


@pytest.mark.expects_log(CUTS)
@pytest.mark.timeout(seconds=600 * UNIT)
@pytest.mark.parametrize("broker", ["redis", "sqlite"])
async def test_what_everybody_sees_agrees(broker: str, seed: int, request: pytest.FixtureRequest) -> None:
    """Half a minute on each broker; with --long seven and a half, with --middle one and a half."""
    option = request.config.getoption
    async with running(broker, seed) as model:
        await model.run(90 if option("--middle") else 450 if option("--long") else 30)
        counts = model.world.counts
        assert min(counts[act] for act in ("send", "change", "send_again", "other_content", "reconnect")) > 20, counts
        if model.redis is not None:
            await left_behind(model.redis)
    third = len(model.memory) // 3
    grown = (model.memory[-1] - max(model.memory[third : 2 * third])) / vitals.MIB
    assert grown < 4, f"memory grew by {grown:.1f} MiB in the last third"


@pytest.mark.expects_log(CUTS)
async def test_a_service_that_passes_on_what_arrives_is_found_out(seed: int) -> None:
    """The model can fail: without the check for holes, what a cut subscription missed is seen to be missing."""
    async with running("redis", seed, ("tests.faults.unguarded", "holes")) as model:
        with pytest.raises((AssertionError, ExceptionGroup)):
            await model.run(30)


async def left_behind(redis: RedisServer) -> None:
    """Everybody is gone: so is what stood for them, and rooms in which nothing was said are on their way out."""
    deadline = time.monotonic() + 10 * UNIT
    while leftovers := await asyncio.to_thread(_leftovers, redis):
        assert time.monotonic() < deadline, f"left in Redis: {leftovers[:10]}"
        await asyncio.sleep(0.2)


def _leftovers(redis: RedisServer) -> list[str]:
    keys = redis.cli("KEYS", "parley:*").split()
    people = [key for key in keys if ":people" in key or (":rooms" in key and "process" in key)]
    # -1: for good; -2: gone since they were listed.
    passing = [key for key in keys if "{passing-" in key and int(redis.cli("TTL", key)) == -1]
    return people + passing
