"""Follows a Redis Cluster's map of slots (redis.io, "Redis cluster specification", CLUSTER SLOTS)."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from redis.exceptions import RedisError

from service.brokers.redis.connection import Connector, Deadlines, hang_up
from service.brokers.redis.refusals import describe_error
from service.brokers.redis.slots import Map, NodeAddress, read_map
from service.logs import fields

logger = logging.getLogger(__name__)

LOOK_PAUSE = 0.05  # seconds between two looks at least; doubled to AWAY_INTERVAL while they find nothing new
AWAY_INTERVAL = 0.25  # seconds between looks while a primary is away: another may take over


class MapFollower:
    """Looks at the map at the start, when something says that it is no longer true (`changed`), and now and then."""

    def __init__(
        self,
        hosts: Sequence[NodeAddress],
        connector: Connector,
        deadlines: Deadlines,
        take: Callable[[Map], bool],
        all_connected: Callable[[], bool],
    ) -> None:
        """`hosts`: the first nodes to ask. `take` is given each map found, and says whether it told anything new.

        `all_connected`: whether every primary answers. While one doesn't, the looks are closer to each other.
        """
        self.changed = asyncio.Event()
        self._hosts = hosts
        self._connector = connector
        self._deadlines = deadlines
        self._take = take
        self._all_connected = all_connected
        self._nodes = list(hosts)  # whom to ask, in turn
        self._lost = False  # whether it was said that nobody tells

    async def run(self) -> None:
        """Follow it, until cancelled."""
        pause = LOOK_PAUSE
        while True:
            self.changed.clear()
            news = False
            try:
                found = await self._look()
                if found is not None:
                    self._note_nodes(found)
                    news = self._take(found)
            except Exception:
                # Looking again beats a follower that is dead.
                logger.exception("redis cluster: failed", extra=fields("redis_failed", connection="cluster"))
            pause = LOOK_PAUSE if news else min(2 * pause, AWAY_INTERVAL)
            await asyncio.sleep(pause)
            try:
                async with asyncio.timeout(self._deadlines.look if self._all_connected() else AWAY_INTERVAL):
                    await self.changed.wait()
            except TimeoutError:
                pause = LOOK_PAUSE

    def prefer(self, node: NodeAddress) -> None:
        """It took a slot over, and knows of it; others may yet have to hear, and their map would undo this."""
        self._nodes = [node, *(other for other in self._nodes if other != node)]

    async def _look(self) -> Map | None:
        """The map as the next node has it that answers. None if none does."""
        why = ""
        for host, port in list(self._nodes):
            self._nodes = [*(node for node in self._nodes if node != (host, port)), (host, port)]
            try:
                async with asyncio.timeout(self._deadlines.connect / 2):
                    return await self._ask(host, port)
            except (RedisError, OSError, TimeoutError, ValueError) as error:
                why = f"{host}:{port}: {describe_error(error)}"
        if not self._lost:
            extra = fields("redis_lost", connection="cluster", reason=why)
            logger.warning("redis cluster: no node tells who has which slots; %s", why, extra=extra)
        self._lost = True
        return None

    async def _ask(self, host: str, port: int) -> Map:
        connection = await self._connector.open(host, port)
        try:
            await connection.send_command("CLUSTER", "SLOTS")
            return read_map(await connection.read_response(disable_decoding=True), (host, port))
        finally:
            await hang_up(connection)

    def _note_nodes(self, found: Map) -> None:
        self._lost = False
        self._nodes = list(dict.fromkeys([*(node for node in self._nodes if node in found.nodes), *found.nodes]))
        self._nodes += [host for host in self._hosts if host not in self._nodes]
