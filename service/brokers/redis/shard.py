"""One primary of a Redis, and this process's connections to it: for commands, and for channels."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from service.brokers.redis.channels import Channels
from service.brokers.redis.commands import Commands


class Shard:
    """One primary. `appends` are the commands that store messages: apart where they wait for copies."""

    __slots__ = ("_runs", "appends", "channels", "commands", "named_at", "tasks")

    def __init__(self, commands: Commands, appends: Commands, channels: Channels) -> None:
        self.commands = commands
        self.appends = appends
        self.channels = channels
        self._runs: list[Callable[[], Coroutine[Any, Any, None]]] = [commands.run]
        self._runs += [] if appends is commands else [appends.run]
        self._runs.append(channels.run)
        self.tasks: list[asyncio.Task[None]] = []
        self.named_at = 0.0  # when a map or a node last said that it has slots, or will

    @property
    def connected(self) -> bool:
        """Whether commands are answered here right now."""
        return self.commands.connected and self.appends.connected

    def start(self) -> None:
        self.tasks = [asyncio.ensure_future(run()) for run in self._runs]

    def renew(self) -> None:
        """It says on one connection that it is no primary any more: make all anew."""
        self.commands.renew()
        self.appends.renew()
        self.channels.renew()

    async def end(self, seconds: float) -> None:
        """Finish what waits, `seconds` at most, and let go."""
        for commands in {self.commands, self.appends}:
            await commands.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*map(asyncio.shield, self.tasks[:-1]), return_exceptions=True)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
