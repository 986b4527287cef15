"""Who holds which name, on Redis: names.lua does each step."""

from collections.abc import Sequence
from typing import Any

from service import telemetry
from service.brokers.base import unavailable
from service.brokers.redis.keys import EVERYWHERE_TAG
from service.brokers.redis.shards import Shards
from service.brokers.redis.values import shown
from service.names import name_key
from service.protocol import Person

SWEEP_LIMIT = 100  # names looked at with each beat, of those whose claim is over


class RedisNames:
    """The names' part of the directory, which presence tells who is here."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._keys = (
            *shards.keys.room(EVERYWHERE_TAG, "names", "claims", "holders", "people"),
            shards.keys.processes,
            shards.keys.unsettled,
        )

    async def claim(self, name: str, user: str, seconds: float, network: str, process: str) -> bool:
        """Directory.claim_name. `unavailable` if Redis lost `process` ("": never told of one), and its people."""
        result = await self._step("claim", name, user, int(seconds * 1000), network, process)
        if result < 0:
            raise unavailable("the broker has lost who is here")
        return bool(result)

    async def release(self, user: str) -> None:
        """Directory.release_name."""
        await self._step("release", user)

    async def hold(self, people: Sequence[Person]) -> int:
        """These people are present: each has their name from now on, where it is free or theirs."""
        return await self._step("hold", *(part for person in people for part in (person.id, name_key(person.name))))

    def sweep(self) -> None:
        """Forget some of the names whose holders are gone. Nobody waits for it."""
        self._shards.send((*self._shards.evalsha("names", self._keys), "sweep", SWEEP_LIMIT), self._swept)

    async def _step(self, *args: Any) -> int:
        result, *damaged = await self._shards.script("names", self._keys, *args)
        self._say(damaged)
        return int(result)

    def _swept(self, answer: Any) -> None:
        if not isinstance(answer, Exception):
            self._say(answer[1:])

    @staticmethod
    def _say(damaged: Sequence[bytes]) -> None:
        for record in damaged:
            telemetry.damaged("name", shown(record))
