"""Seeded fuzzing of frames and JSON: no traceback, and memory, descriptors and tasks come back to where they were."""

import asyncio
import json
from collections import Counter

import pytest

from ..harness import NO_LIMITS, UNIT, ChatClient, ServiceProcess, make_jwt
from .fuzz import Fuzzer
from .raw_socket import CLOSE, PING, PONG, TEXT, RawSocket, frame, handshake
from .vitals import MIB, Pulse, descriptors, memory_bytes, settles, tasks

SOCKETS = 10  # at once
ANSWERS = {
    *("welcome", "joined", "sent", "history", "moderated", "renewed", "left", "pong", "error"),
    *("message", "edited", "removed", "reacted", "presence", "reset", "typing", "read"),
}
PATHS = ("/socket", "/socket", "/socket", "/submit", "/", "/clock", "/receive")


class Assault:
    """`frames` pieces of nonsense from one fuzzer, over sockets that are opened again whenever they are closed."""

    def __init__(self, service: ServiceProcess, seed: int, frames: int) -> None:
        self._service = service
        self._fuzzer = Fuzzer(seed)
        self._left = frames
        self._opened = 0
        roles = ("member", "member", "moderator", "service")
        self._tokens = [make_jwt(f"fuzz-{n}", f"Fuzz {n}", role=role) for n, role in enumerate(roles)]
        self.seen: Counter[str] = Counter()

    async def run(self) -> None:
        """Until all are sent."""
        await asyncio.gather(*(self._keep_sending() for _ in range(SOCKETS)))

    async def _keep_sending(self) -> None:
        while self._left > 0:
            self._opened += 1
            path = PATHS[self._opened % len(PATHS)]
            async with await RawSocket.connect(self._service.port) as raw:
                bearer = [("Authorization", f"Bearer {self._tokens[self._opened % len(self._tokens)]}")]
                answer = await raw.request(handshake(self._service.port, path, origin=None, extra=bearer))
                assert answer.status == 101, answer
                await self._session(raw)

    async def _session(self, raw: RawSocket) -> None:
        reading = asyncio.ensure_future(self._read(raw))
        try:
            await raw.send(frame(b'{"type":"join","room":"fuzz"}'))
            while self._left > 0 and not reading.done():
                self._left -= 1
                piece = self._fuzzer.next()
                await raw.send(piece.data)
                await asyncio.sleep(0)
                if piece.fatal or self._left % 50 == 0:
                    # Not everything broken looks so to the service yet; what follows makes sure of it.
                    await raw.send(frame(b"", CLOSE) if piece.fatal else frame(b"\xff\xff", PING))
                if piece.fatal:
                    break
            await raw.send(frame(b"", CLOSE))
            await asyncio.wait((reading,), timeout=0.3 * UNIT)  # one that is amid a frame won't be answered
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if not reading.cancelled() and (failure := reading.exception()):
            raise failure

    async def _read(self, raw: RawSocket) -> None:
        while (received := await raw.read_frame(60 * UNIT)) is not None:
            raw.received.clear()
            opcode, payload = received
            if opcode == CLOSE:
                code = int.from_bytes(payload[:2], "big") if payload else 1005
                self.seen[f"close {code}"] += 1
                # A reason is the service's own; a code alone may be the fuzzer's, said back (RFC 6455 section 5.5.1).
                assert code not in (1011, 1012) or len(payload) == 2, f"the service failed: {payload!r}"
                return
            assert opcode in (TEXT, PING, PONG), f"opcode {opcode}"
            if opcode == TEXT:
                answer = json.loads(payload)
                if isinstance(answer, dict) and "handle" not in answer:
                    assert answer["type"] in ANSWERS, answer
                    self.seen[str(answer.get("code", answer["type"]))] += 1


@pytest.mark.timeout(seconds=900 * UNIT)
async def test_fuzzed_frames_do_no_harm(
    broker_env: dict[str, str], long_form: bool, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """100,000 pieces in the long form, 1,500 for each broker in the short one; a bystander is served all the while."""
    frames = 100_000 if long_form else 1_500
    # Moderators among the fuzzers mute and ban whom they like, but can't name the bystander, a guest.
    with ServiceProcess(broker_env | NO_LIMITS, command=("tests.attacks.watched",)) as service:
        async with ChatClient.open(service.url, "Ada") as ada:
            await ada.join("quiet")
            await Assault(service, seed, 300).run()  # what is made at first use is there by now
            await asyncio.sleep(0.5 * UNIT)
            counts, memory = (descriptors(service), tasks(service)), memory_bytes(service)
            assault = Assault(service, seed + 1, frames)
            with Pulse(service) as pulse:
                running = asyncio.ensure_future(assault.run())
                while not running.done():
                    await ada.send("quiet", "untouched by all that")
                    await asyncio.wait((running,), timeout=0.2 * UNIT)
                await running
            pulse.check(0.25 * UNIT)
            await settles(descriptors, service, counts[0], "descriptors")
            await settles(tasks, service, counts[1], "tasks")
            grown = memory_bytes(service) - memory
            assert (await ada.ping())["type"] == "pong"
        assert service.ready()
        _, _, metrics = service.request("GET", "/metrics")
        assert metrics.count(b"parley_closes_total{") <= 20, "clients make up time series"
        if long_form:
            with capsys.disabled():
                print(f"\n{frames} pieces, seed {seed}, +{grown / MIB:.1f} MiB: {dict(assault.seen.most_common())}")
    # Answers and closes of all kinds: nonsense that all ends at one check would prove little.
    assert {"bad_request", "unknown_type", "close 1002", "close 1003", "close 1007"} <= set(assault.seen)
    assert grown <= 8 * MIB + frames * 100
