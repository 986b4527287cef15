"""Unsent bytes: what this process keeps for peers that don't take it, and who goes when that is too much.

Each socket has a limit of its own (UNSENT_LIMIT), but a thousand that don't read are a thousand times that. So all of
them, and HTTP answers with them, have one budget; past it those who have taken nothing for the longest are let go.
"""

import asyncio
import struct
from typing import Protocol

# SO_LINGER for a peer that doesn't read: RST at once instead of lingering in FIN_WAIT with what the kernel holds.
RESET = struct.pack("ii", 1, 0)


class Holder(Protocol):
    """Who keeps bytes for a peer: a socket, an HTTP answer."""

    def shed(self) -> None:
        """Let the peer go, and with it what is kept, at once."""


class Budget:
    """`limit_bytes` for all holders together. Past it they are shed in the next turn of the loop until it holds.

    Not at once: whoever writes may be in the middle of a list of sockets.
    """

    __slots__ = ("_holders", "_shedding", "held_bytes", "limit_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self._holders: dict[Holder, None] = {}  # the one without progress for the longest first
        self._shedding = False

    def keep(self, holder: Holder, size: int) -> None:
        """`size` bytes more wait."""
        self.held_bytes += size
        self._holders.setdefault(holder)
        if self.held_bytes > self.limit_bytes and not self._shedding:
            self._shedding = True
            asyncio.get_running_loop().call_soon(self._shed)

    def progress(self, holder: Holder, size: int) -> None:
        """The peer took `size` bytes, and others wait."""
        self.held_bytes -= size
        self._holders.pop(holder, None)
        self._holders[holder] = None

    def free(self, holder: Holder, size: int) -> None:
        """The last `size` bytes are sent or dropped."""
        self.held_bytes -= size
        self._holders.pop(holder, None)

    def _shed(self) -> None:
        self._shedding = False
        while self.held_bytes > self.limit_bytes and self._holders:
            holder = next(iter(self._holders))
            del self._holders[holder]
            holder.shed()
