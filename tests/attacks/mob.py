"""A crowd of one or several addresses in a process of its own: it costs those who are measured beside it no loop.

    python -m tests.attacks.mob ORDER

ORDER is an `Order`, as JSON. The mob enters the lobby, says `quiet`, does nothing for `quiet` seconds, says `attack`,
does what is of its kind again and again for `seconds`, and says what came back, as JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from contextlib import suppress

import msgspec

from .raw_socket import CLOSE, TEXT, RawSocket, frame

FRAMES = {
    "typing": {"type": "typing", "room": "lobby"},
    "pages": {"type": "history", "room": "lobby", "limit": 200},
    "nothing": {"type": "history", "room": "lobby", "limit": 0},
}
TOGETHER = 20  # sockets that enter at once
AT_ONCE = 5  # lists that one connection asks for


class Order(msgspec.Struct, kw_only=True):
    """`kind` is one of FRAMES, or `read` (what was said last, and each time anything new), `lists`, `connects`.

    `guests` are their tokens; all have as many of the `sockets`, and come from the `addresses` in turn. Each socket
    does its thing every `pace` seconds, who asks for lists or connects thirty times as often.
    """

    port: int
    addresses: list[str]
    guests: list[str]
    sockets: int
    kind: str
    quiet: float
    seconds: float
    pace: float = 1.0


class Mob:
    """The sockets, and what they were answered."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.sockets: list[RawSocket] = []
        self.seen: Counter[str] = Counter()
        self.newest = 0

    def guest(self, number: int) -> tuple[str, str]:
        """The token and the address of the socket with that number."""
        index = number % len(self.order.guests)
        return self.order.guests[index], self.order.addresses[index % len(self.order.addresses)]

    async def enter(self) -> None:
        for start in range(0, self.order.sockets, TOGETHER):
            numbers = range(start, min(self.order.sockets, start + TOGETHER))
            await asyncio.gather(*map(self._one, numbers))

    async def _one(self, number: int) -> None:
        token, address = self.guest(number)
        raw = await RawSocket.by_token(self.order.port, token, address)
        await raw.send(frame(b'{"type":"join","room":"lobby","limit":0}'))
        while (await raw.read_json())["type"] != "joined":
            pass
        raw.received.clear()
        self.sockets.append(raw)

    async def attack(self) -> None:
        reading = [asyncio.ensure_future(self._read(raw)) for raw in self.sockets]
        end = time.monotonic() + self.order.seconds
        guests = range(len(self.order.guests))
        if self.order.kind == "lists":
            await asyncio.gather(*(self._list(*self.guest(number), end) for number in guests))
        elif self.order.kind == "connects":
            await asyncio.gather(*(self._connect(*self.guest(number), end) for number in guests))
        else:
            await asyncio.gather(*(self._send(raw, index, end) for index, raw in enumerate(self.sockets)))
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    async def _send(self, raw: RawSocket, index: int, end: float) -> None:
        """Evenly, beside the others."""
        pace, said = self.order.pace, 0
        await asyncio.sleep(pace * index / len(self.sockets))
        while time.monotonic() < end:
            if self.order.kind != "read":
                await raw.send(frame(json.dumps(FRAMES[self.order.kind]).encode()))
            elif self.newest > said:
                said = self.newest
                await raw.send(frame(b'{"type":"read","room":"lobby","seq":%d}' % said))
            await asyncio.sleep(pace)

    async def _list(self, token: str, address: str, end: float) -> None:
        port = self.order.port
        request = f"GET /rooms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        while time.monotonic() < end:
            # Past so many refusals the service lets the connection go; and those who ask for much wait for each other.
            with suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
                async with await RawSocket.connect(port, address) as raw:
                    for _ in range(AT_ONCE):
                        self.seen[f"status {(await raw.request(request)).status}"] += 1
                        await asyncio.sleep(0.03 * self.order.pace)

    async def _connect(self, token: str, address: str, end: float) -> None:
        """In, and out again once one was welcome or not."""
        while time.monotonic() < end:
            with suppress(AssertionError):  # closed at once, 4429
                raw = await RawSocket.by_token(self.order.port, token, address)
                self.seen["welcome"] += 1
                raw.cut()
            self.seen["connect"] += 1
            await asyncio.sleep(0.03 * self.order.pace)

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
                if kind == "message":
                    self.newest = max(self.newest, json.loads(payload)["seq"])


async def main(order: Order) -> None:
    mob = Mob(order)
    await mob.enter()
    print("quiet", flush=True)
    await asyncio.sleep(order.quiet)
    print("attack", flush=True)
    await mob.attack()
    print(json.dumps(mob.seen), flush=True)
    for raw in mob.sockets:
        raw.cut()


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Order)))
