"""A crowd of one address in a process of its own, so that it costs those who are measured beside it no loop.

    python -m tests.attacks.mob PORT ADDRESS SOCKETS GUESTS QUIET SECONDS KIND

It enters the lobby with so many sockets of so many guests, says `quiet`, does nothing for QUIET seconds, says `attack`,
sends a frame of KIND a second on each socket for SECONDS, and says what came back, as JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter

from .raw_socket import CLOSE, TEXT, RawSocket, frame

FRAMES = {
    "typing": {"type": "typing", "room": "lobby"},
    "read": {"type": "read", "room": "lobby", "seq": 1},
    "pages": {"type": "history", "room": "lobby", "limit": 200},
}
TOGETHER = 20  # sockets that enter at once


class Mob:
    """The sockets, and what they were answered."""

    def __init__(self, port: int, address: str) -> None:
        self.port = port
        self.address = address
        self.sockets: list[RawSocket] = []
        self.tokens: list[str] = []
        self.seen: Counter[str] = Counter()

    async def enter(self, sockets: int, guests: int) -> None:
        """Guests with tickets, and their other sockets by their tokens."""
        for number in range(guests):
            answer = await RawSocket.guest(self.port, f"Mob {self.address} {number}", self.address)
            self.tokens.append(answer["guest"])
        for start in range(0, sockets, TOGETHER):
            await asyncio.gather(*(self._one(number) for number in range(start, min(sockets, start + TOGETHER))))

    async def _one(self, number: int) -> None:
        raw = await RawSocket.by_token(self.port, self.tokens[number % len(self.tokens)], self.address)
        await raw.send(frame(b'{"type":"join","room":"lobby","limit":0}'))
        while (await raw.read_json())["type"] != "joined":
            pass
        raw.received.clear()
        self.sockets.append(raw)

    async def attack(self, kind: str, seconds: float) -> None:
        """Each socket once a second, evenly; for lists each guest over HTTP."""
        reading = [asyncio.ensure_future(self._read(raw)) for raw in self.sockets]
        end = time.monotonic() + seconds
        if kind == "lists":
            await asyncio.gather(*(self._list(token, end) for token in self.tokens))
        else:
            data = frame(json.dumps(FRAMES[kind]).encode())
            await asyncio.gather(*(self._send(raw, index, data, end) for index, raw in enumerate(self.sockets)))
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    async def _send(self, raw: RawSocket, index: int, data: bytes, end: float) -> None:
        await asyncio.sleep(index / len(self.sockets))
        while time.monotonic() < end:
            await raw.send(data)
            await asyncio.sleep(1)

    async def _list(self, token: str, end: float) -> None:
        while time.monotonic() < end:
            async with await RawSocket.connect(self.port, self.address) as raw:
                request = f"GET /rooms HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {token}\r\n\r\n"
                for _ in range(5):
                    self.seen[f"status {(await raw.request(request.encode())).status}"] += 1
                    await asyncio.sleep(0.03)

    async def _read(self, raw: RawSocket) -> None:
        while (received := await raw.read_frame(600)) is not None:
            raw.received.clear()
            opcode, payload = received
            if opcode == CLOSE:
                self.seen[f"close {int.from_bytes(payload[:2], 'big')}"] += 1
                return
            if opcode == TEXT:
                kind = payload[9 : payload.index(b'"', 9)].decode()
                self.seen[json.loads(payload)["code"] if kind == "error" else kind] += 1


async def main(port: int, address: str, sockets: int, guests: int, quiet: float, seconds: float, kind: str) -> None:
    mob = Mob(port, address)
    await mob.enter(sockets, guests)
    print("quiet", flush=True)
    await asyncio.sleep(quiet)
    print("attack", flush=True)
    await mob.attack(kind, seconds)
    print(json.dumps(mob.seen), flush=True)
    for raw in mob.sockets:
        raw.cut()


if __name__ == "__main__":
    port, address, *numbers, kind = sys.argv[1:]
    sockets, guests, quiet, seconds = map(float, numbers)
    asyncio.run(main(int(port), address, int(sockets), int(guests), quiet, seconds, kind))
