"""The judge of the probe and of every fault test: what was acknowledged against what each receiver saw.

It knows the contract alone: after `joined`, a room's durable frames come as seq+1, seq+2, … until `left`,
`reset` or the end of the socket; `resumed: true` goes on where `since` stood; `reset` and `resumed: false`
say that something is missing. What is missing unsaid is a loss.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

JsonFrame = dict[str, Any]
Key = tuple[str, str, str]
"""Room, author's id, the author's own id of the event: what the service promises to store once."""

BASIC_EVENT_TYPES = frozenset({"message", "edited", "removed", "reacted"})
_DETAILS = 20


@dataclass
class RunVerdict:
    """Counts over a whole run. `said` are absences that the service announced:

    no failure, but worth a look.
    """

    acknowledged: int = 0
    deliveries: int = 0
    lost: int = 0
    repeated: int = 0
    out_of_order: int = 0
    holes: int = 0
    conflicting: int = 0
    said: int = 0
    details: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.repeated or self.out_of_order or self.holes or self.conflicting)

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} acknowledged, {self.deliveries} deliveries: {self.lost} lost, "
            f"{self.repeated} repeated, {self.out_of_order} out of order, {self.holes} holes unsaid, "
            f"{self.conflicting} conflicting, {self.said} absences said"
        )

    def fault(self, kind: str, detail: str, count: int = 1) -> None:
        """Count a failure; the first 20 are told in words."""
        setattr(self, kind, getattr(self, kind) + count)
        if len(self.details) < _DETAILS:
            self.details.append(f"{kind}: {detail}")

    def assert_clean(self) -> None:
        """Raise AssertionError with the counts and the first details unless the run was clean."""
        if not self.clean:
            raise AssertionError("\n  ".join([str(self), *self.details]))


@dataclass
class _Span:
    """Events of `epoch` with first <= seq <= last; last None: to the end of the run."""

    epoch: str
    first: int
    last: int | None = None

    def holds(self, seq: int, epoch: str | None) -> bool:
        return epoch in (None, self.epoch) and self.first <= seq and (self.last is None or seq <= self.last)


@dataclass
class _Place:
    """One receiver's place in one room, through all the sockets it had."""

    epoch: str = ""
    cursor: int = 0
    joined: bool = False
    owed: list[_Span] = field(default_factory=list)
    excused: list[_Span] = field(default_factory=list)
    at: dict[tuple[str, int], Key] = field(default_factory=dict)
    got: dict[Key, tuple[str, int]] = field(default_factory=dict)
    paged: dict[Key, tuple[str, int]] = field(default_factory=dict)

    def end(self) -> None:
        if self.joined:
            self.owed[-1].last = self.cursor
        self.joined = False


def _key(frame: JsonFrame, room: str) -> Key:
    user = frame["user"]
    return room, user["id"] if isinstance(user, dict) else user, frame["id"]


class ReceiverLog:
    """What one receiver saw, through all its sockets. Give `observe` every frame in order.

    Between two sockets nothing need be said. `disconnected` is for a receiver that goes for good: all others are owed
    everything up to the verdict, whether or not their socket is still open.
    """

    def __init__(self, name: str, verdict: RunVerdict) -> None:
        self.name = name
        self.places: defaultdict[str, _Place] = defaultdict(_Place)
        self._verdict = verdict

    def since(self, room: str) -> JsonFrame | None:
        """What to send as `since` when joining again; None before the first join."""
        place = self.places.get(room)
        return {"epoch": place.epoch, "seq": place.cursor} if place and place.epoch else None

    def observe(self, frame: JsonFrame) -> None:
        """Take one frame as it was received; those that the promises don't speak of are passed over."""
        kind = frame.get("type")
        if kind in BASIC_EVENT_TYPES:
            self._event(frame)
        elif kind == "joined":
            self._joined(frame)
        elif kind in ("left", "reset"):
            self.places[frame["room"]].end()

    def disconnected(self) -> None:
        """Nothing more is owed until the next `joined`."""
        for place in self.places.values():
            place.end()

    def _joined(self, frame: JsonFrame) -> None:
        room, epoch, seq = frame["room"], frame["epoch"], frame["seq"]
        place = self.places[room]
        place.end()
        if frame["resumed"]:
            if place.epoch and (epoch, seq) != (place.epoch, place.cursor):
                self._fault("conflicting", f"{room} resumed at {epoch}:{seq}, not {place.epoch}:{place.cursor}")
        elif place.epoch == epoch and seq < place.cursor:
            self._fault("conflicting", f"{room} joined at {epoch}:{seq}, already seen to {place.cursor}")
        elif place.epoch == epoch and seq > place.cursor:
            place.excused.append(_Span(epoch, place.cursor + 1, seq))
        elif place.epoch and place.epoch != epoch:
            place.excused.append(_Span(place.epoch, place.cursor + 1))
        for message in frame["messages"]:
            place.paged[_key(message, room)] = epoch, message["seq"]
        if len({message["seq"] for message in frame["messages"]}) < len(frame["messages"]):
            self._fault("repeated", f"a seq stands twice in the page of {room} at {seq}")
        place.epoch, place.cursor, place.joined = epoch, seq, True
        place.owed.append(_Span(epoch, seq + 1))

    def _event(self, frame: JsonFrame) -> None:
        room, seq, key = frame["room"], frame["seq"], _key(frame, frame["room"])
        place = self.places[room]
        self._verdict.deliveries += 1
        where = f"{room} {place.epoch}:{seq} {key[2]}"
        if not place.joined:
            return self._fault("out_of_order", f"{where} while not in the room")
        earlier = place.at.get((place.epoch, seq))
        if earlier is not None:
            return self._fault("repeated" if earlier == key else "conflicting", f"{where} after {earlier[2]}")
        if key in place.got and place.got[key][0] == place.epoch:
            self._fault("repeated", f"{where} stands at {place.got[key][1]} too")
        if seq <= place.cursor:
            self._fault("out_of_order", f"{where} after {place.cursor}")
        elif seq > place.cursor + 1:
            self._fault("holes", f"{where} after {place.cursor}", seq - place.cursor - 1)
        place.cursor = max(place.cursor, seq)
        place.at[place.epoch, seq] = key
        place.got[key] = place.epoch, seq
        return None

    def _fault(self, kind: str, detail: str, count: int = 1) -> None:
        self._verdict.fault(kind, f"{self.name}: {detail}", count)


class Oracle:
    """Give it every acknowledgement and, through `receiver()`, every frame; then ask for the `verdict()`."""

    def __init__(self) -> None:
        self.receivers: list[ReceiverLog] = []
        self._acknowledged: dict[Key, int] = {}
        self._verdict = RunVerdict()

    def receiver(self, name: str) -> ReceiverLog:
        """A new log of one receiver, who may have many sockets one after another."""
        log = ReceiverLog(name, self._verdict)
        self.receivers.append(log)
        return log

    def acknowledged(self, sent: JsonFrame, user: str) -> None:
        """Take a `sent` frame that user `user` (the id) received."""
        key = (sent["room"], user, sent["id"])
        seq = self._acknowledged.setdefault(key, sent["seq"])
        # A new life of the room's count may give the same id a new seq.
        if seq != sent["seq"] and len(self._epochs(key[0])) < 2:
            self._verdict.fault("repeated", f"{key[0]} {key[2]} acknowledged as {seq} and {sent['seq']}")
        self._acknowledged[key] = sent["seq"]

    def verdict(self) -> RunVerdict:
        """Judge what has been seen so far. Who is still in a room is owed everything acknowledged there."""
        verdict = replace(self._verdict, acknowledged=len(self._acknowledged), details=list(self._verdict.details))
        homes = self._homes(verdict)
        for key, seq in self._acknowledged.items():
            positions = homes.get(key, {})
            if positions and seq not in positions.values():
                verdict.fault("conflicting", f"{key[0]} {key[2]} acknowledged as {seq}, seen at {positions}")
            for log in self.receivers:
                place = log.places.get(key[0])
                if place is None or key in place.got or key in place.paged:
                    continue
                # Seen by nobody, its epoch is unknown: one of an earlier life of the room can't be told from
                # a loss.
                wanted: list[tuple[str | None, int]] = [*positions.items()] or [(None, seq)]
                owed = any(span.holds(at, epoch) for span in place.owed for epoch, at in wanted)
                excused = any(span.holds(at, epoch) for span in place.excused for epoch, at in wanted)
                if owed and (positions or len(self._epochs(key[0])) < 2):
                    verdict.fault("lost", f"{log.name}: {key[0]} {positions or seq} {key[2]}")
                elif owed or excused:
                    verdict.said += 1
        return verdict

    def _epochs(self, room: str) -> set[str]:
        places = (log.places[room] for log in self.receivers if room in log.places)
        return {span.epoch for place in places for span in place.owed}

    def _homes(self, verdict: RunVerdict) -> dict[Key, dict[str, int]]:
        """Where each event stands, by epoch, as all receivers together saw it.

        What they disagree on is counted.
        """
        homes: dict[Key, dict[str, int]] = {}
        holders: dict[tuple[str, str, int], Key] = {}
        for log in self.receivers:
            for room, place in log.places.items():
                for key, (epoch, seq) in [*place.got.items(), *place.paged.items()]:
                    known = homes.setdefault(key, {}).setdefault(epoch, seq)
                    holder = holders.setdefault((room, epoch, seq), key)
                    if known != seq or holder != key:
                        verdict.fault(
                            "conflicting",
                            f"{log.name}: {room} {epoch}:{seq} {key[2]}, else {known} {holder[2]}",
                        )
        return homes
