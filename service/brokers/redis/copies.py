"""What is answered once enough replicas have it. No I/O: `Commands` asks what this wants to know.

WAIT counts for what its connection wrote last, and blocks it. So it is asked for a moment at a time, and what came
meanwhile is written before the next. Where a moment was too short, INFO says how far each replica has got, and a
pipeline needs no more than its own place: however many are written behind it, it waits for its own copies alone.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Any

from service.brokers.base import Fault, Unavailable, unavailable

MOMENT = 0.02  # seconds of one WAIT at most: so long what comes meanwhile is held up

_HISTORY = re.compile(rb"master_replid:(\w+)")
_PLACE = re.compile(rb"master_repl_offset:(\d+)")
_COPIED = re.compile(rb"state=online,offset=(\d+)")


class _Pipeline:
    """What one has to answer, until when, and a place in the primary's history before which all of it stands."""

    __slots__ = ("answers", "deadline", "place")

    def __init__(self, deadline: float) -> None:
        self.answers: list[tuple[Callable[[Any], None], Any]] = []
        self.deadline = deadline
        self.place: int | None = None  # as long as there was no INFO behind it


class Copies:
    """The answers of one connection that wait. Times are of `time.monotonic`, in seconds."""

    def __init__(self, wanted: int, seconds: float) -> None:
        """`wanted`: replicas that must have a pipeline, within so many seconds, after which it is refused."""
        self.enough = True  # whether there were, of what was last answered or refused
        self._wanted = wanted
        self._seconds = seconds
        self._pipelines: deque[_Pipeline] = deque()
        self._history = b""

    @property
    def waiting(self) -> bool:
        """Whether anything does. Then INFO is asked before more is written."""
        return bool(self._pipelines)

    def begin(self, info: bytes) -> None:
        """A connection is new, and INFO says this there."""
        self._history = _first(_HISTORY, info)

    def open(self, now: float) -> None:
        """Another pipeline is written, which stores something."""
        self._pipelines.append(_Pipeline(now + self._seconds))

    def hold(self, reply: Callable[[Any], None], answer: Any) -> None:
        """One of its answers."""
        self._pipelines[-1].answers.append((reply, answer))

    def look(self, info: bytes) -> None:
        """Answer what enough replicas have, by an INFO that stands behind all that waits.

        A primary that was a replica for a while has a history of another name. It may lack what it was told before,
        whatever the replicas have: so that is refused.
        """
        history, self._history = self._history, _first(_HISTORY, info)
        if self._history != history:
            self._refuse(len(self._pipelines))
        place = int(_first(_PLACE, info) or 0)
        for pipeline in self._pipelines:
            if pipeline.place is None:
                pipeline.place = place
        copied = sorted(map(int, _COPIED.findall(info)), reverse=True)
        if len(copied) >= self._wanted:
            reached = copied[self._wanted - 1]
            self._answer(sum(pipeline.place <= reached for pipeline in self._pipelines))  # type: ignore[operator]

    def wait(self, now: float) -> tuple[Any, ...]:
        """What is asked behind all that is written: how many replicas have it, once they are enough, or a moment on."""
        left = self._pipelines[0].deadline - now if self._pipelines else self._seconds
        return "WAIT", self._wanted, max(1, int(1000 * min(MOMENT, left)))  # 0 would be for ever

    def count(self, replicas: int, now: float) -> None:
        """The answer to that. Then what has waited for its time is refused."""
        if replicas >= self._wanted:
            self._answer(len(self._pipelines))
        self._refuse(sum(pipeline.deadline <= now for pipeline in self._pipelines))

    def lose(self) -> None:
        """The connection is gone, and what it was told may be stored or not."""
        pipelines, self._pipelines = self._pipelines, deque()
        for pipeline in pipelines:
            for reply, _ in pipeline.answers:
                reply(unavailable())

    def _answer(self, pipelines: int) -> None:
        """The oldest so many."""
        for _ in range(pipelines):
            self.enough = True
            for reply, answer in self._pipelines.popleft().answers:
                reply(answer)

    def _refuse(self, pipelines: int) -> None:
        """The oldest so many."""
        for _ in range(pipelines):
            self.enough = False
            for reply, _ in self._pipelines.popleft().answers:
                reply(_too_few())


def _first(pattern: re.Pattern[bytes], info: bytes) -> bytes:
    found = pattern.search(info)
    return found[1] if found else b""


def _too_few() -> Unavailable:
    return unavailable("too few copies hold the message", Fault.COPIES)
