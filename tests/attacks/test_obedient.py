"""Many who are told to wait: who does so to the letter stays, however often it happens; who asks on is closed 1008."""

import asyncio
import itertools
import json
import time
from typing import Any

import pytest

from service.session import ERRORS_BURST, ERRORS_RATE

from ..harness import UNIT, ServiceProcess
from .crowding import SEVERAL
from .raw_socket import CLOSE, TEXT, RawSocket, frame

pytestmark = pytest.mark.timeout(seconds=120 * UNIT)

GUESTS = 8
# What an address may is used up at once, and each guest is told to wait a few hundredths of a second, again and again.
LIMITS = {"SEND_RATE": "0", "SEND_RATE_ADDRESS": "20", "JOIN_RATE": "0", "JOIN_RATE_ADDRESS": "20"}
KINDS: dict[str, dict[str, Any]] = {
    "send": {"type": "send", "room": "lobby", "text": "again"},
    "history": {"type": "history", "room": "lobby", "limit": 0},
    "join": {"type": "join", "room": "lobby", "limit": 0},
}


class Guest:
    """Asks for one thing of each kind at a time, without end."""

    def __init__(self, raw: RawSocket, patience: float) -> None:
        """`patience`: for how much of the time that it is told to wait it does."""
        self._raw = raw
        self._patience = patience
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count()
        self.refused = self.taken = 0
        self.code: int | None = None

    @classmethod
    async def enter(cls, port: int, address: str, name: str, patience: float) -> "Guest":
        token = (await RawSocket.guest(port, name, address))["guest"]
        raw = await RawSocket.by_token(port, token, address)
        await raw.send_json({"type": "join", "room": "lobby", "limit": 0})
        while (await raw.read_json())["type"] != "joined":
            pass
        return cls(raw, patience)

    async def ask_on(self) -> None:
        """Until closed, or cancelled."""
        asking = [asyncio.ensure_future(self._ask(kind)) for kind in KINDS.values()]
        try:
            while self.code is None and (received := await self._raw.read_frame(60 * UNIT)) is not None:
                self._raw.received.clear()
                opcode, payload = received
                if opcode == CLOSE:
                    self.code = int.from_bytes(payload[:2], "big")
                elif opcode == TEXT and (answer := json.loads(payload)).get("ref") in self._answers:
                    self._answers.pop(answer["ref"]).set_result(answer)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            self._raw.cut()

    async def _ask(self, kind: dict[str, Any]) -> None:
        for number in self._numbers:
            ref = str(number)
            answered = self._answers[ref] = asyncio.get_running_loop().create_future()
            await self._raw.send(frame(json.dumps(kind | {"ref": ref, "id": ref}).encode()))
            answer = await answered
            if answer["type"] == "error":
                assert answer["code"] == "rate_limited", answer
                self.refused += 1
                await asyncio.sleep(self._patience * answer["retry_after"])
            else:
                self.taken += 1

    def beyond_patience(self, seconds: float) -> bool:
        """Whether it was refused more often than a socket may be that doesn't wait."""
        return self.refused > ERRORS_BURST + ERRORS_RATE * seconds


async def crowd(
    env: dict[str, str],
    addresses: list[str],
    patience: float,
    command: tuple[str, ...] = ("service",),
    *,
    all_closed: bool = False,
) -> list[Guest]:
    """Guests of the addresses in turn, until each is closed, or, but for `all_closed`, refused more often than that."""
    with ServiceProcess(env | LIMITS, command=command) as service:
        places = zip(range(GUESTS), itertools.cycle(addresses))
        guests = [await Guest.enter(service.port, place, f"Guest {number}", patience) for number, place in places]
        began = time.monotonic()
        asking = [asyncio.ensure_future(guest.ask_on()) for guest in guests]
        async with asyncio.timeout(100 * UNIT):
            while any(
                guest.code is None and (all_closed or not guest.beyond_patience(time.monotonic() - began))
                for guest in guests
            ):
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2 * UNIT)  # a close that is due comes
        for task in asking:
            task.cancel()
        for outcome in await asyncio.gather(*asking, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
        return guests


async def test_who_waits_as_told_is_never_closed(broker_env: dict[str, str], addresses: list[str]) -> None:
    """Each of eight guests is refused more than a hundred times, and gets what is due to it."""
    guests = await crowd(broker_env, addresses, 1.0)
    assert {guest.code for guest in guests} == {None}
    assert all(guest.taken for guest in guests)


async def test_who_does_not_wait_is_closed(broker_env: dict[str, str], addresses: list[str]) -> None:
    """1008, each of them."""
    guests = await crowd(broker_env, addresses, 0.0, all_closed=True)
    assert {guest.code for guest in guests} == {1008}


@pytest.mark.long
async def test_control_without_the_guard_the_obedient_are_closed(broker_env: dict[str, str]) -> None:
    """As they were when every refusal counted: some of them at least."""
    guests = await crowd(broker_env, SEVERAL, 1.0, ("tests.faults.unguarded", "patience"))
    assert 1008 in {guest.code for guest in guests}
