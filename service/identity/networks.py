"""Where this process's guests come from, told to the broker, so that a moderator can ban the network of one of them."""

import asyncio
import time
from itertools import islice

from service.brokers.directory import NETWORK_SECONDS, Directory
from service.protocol import RequestError

NETWORKS_GATHER = 0.2  # seconds
REPEAT_INTERVAL = NETWORK_SECONDS / 3  # seconds between two words on the same guest: one of them may be lost
BATCH = 200  # guests told at once


class Networks:
    """`enter` and `leave` are called for each of a guest's sockets; `run` tells the broker."""

    def __init__(
        self,
        directory: Directory,
        *,
        gather: float = NETWORKS_GATHER,
        again: float = REPEAT_INTERVAL,
        batch: int = BATCH,
    ) -> None:
        """`gather` and `again` in seconds."""
        self._directory = directory
        self._gather, self._again, self._batch = gather, again, batch
        self._here: dict[tuple[str, str], int] = {}  # user and network: sockets
        self._new: dict[tuple[str, str], None] = {}

    def enter(self, user: str, network: str) -> None:
        """One more socket of the guest comes from there."""
        self._here[user, network] = self._here.get((user, network), 0) + 1
        self._new[user, network] = None

    def leave(self, user: str, network: str) -> None:
        """One less. Where they came from stays known for a while."""
        left = self._here.get((user, network), 0) - 1
        if left > 0:
            self._here[user, network] = left
        else:
            self._here.pop((user, network), None)

    def __len__(self) -> int:
        """Of how many guests' networks something is kept here."""
        return len(self._here)

    async def run(self) -> None:
        """Tell the broker of who came, and now and then of all who are here."""
        again_at = time.monotonic() + self._again
        while True:
            await asyncio.sleep(self._gather)
            if time.monotonic() >= again_at:
                again_at += self._again
                self._new |= dict.fromkeys(self._here)
            while self._directory.available and (batch := list(islice(self._new, self._batch))):
                for pair in batch:
                    del self._new[pair]
                try:
                    await self._directory.note_networks(batch)
                except RequestError:  # away again, or one of them has a record that can't be written: told again
                    break
