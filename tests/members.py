"""A member of rooms for tests: it keeps what it is given."""

import json
from typing import Any

from service.sockets import framing


class Reader:
    """What it was given, write by write, and which resets it was told."""

    def __init__(self) -> None:
        self.writes: list[list[dict[str, Any]]] = []
        self.resets: list[tuple[str, str]] = []
        self.congested = False

    def deliver(self, data: bytes) -> None:
        self.writes.append(list(map(json.loads, framing.payloads(data))))

    def on_reset(self, room: str, reason: str) -> None:
        self.resets.append((room, reason))

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for write in self.writes for event in write]
