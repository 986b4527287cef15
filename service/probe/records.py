"""What a run has seen so far: what the oracle judges, and what was counted and timed beside."""

import secrets
from array import array
from collections import Counter

from service.probe.oracle import JsonFrame, Oracle


class Records:
    """Moments are of the loop's clock, in seconds, and so are all waits."""

    def __init__(self) -> None:
        self.run = secrets.token_hex(4)  # begins the id of each of our messages, and tells them from other probes'
        self.oracle = Oracle()
        self.due: dict[str, float] = {}  # by id, when a message was to be sent by the plan
        self.unanswered: set[str] = set()
        self.heads: dict[str, int] = {}  # by room, the highest seq acknowledged
        self.deliveries = array("d")  # from when a message was due to each copy
        self.acknowledgements = array("d")  # from then to `sent`
        self.entries = array("d")  # from asking for a ticket to the last `joined`
        self.returns = array("d")  # from a socket's end to the last `joined` after it
        self.caught_up = 0  # copies that came late because the probe itself was away
        self.cuts = 0  # sockets that the probe ended itself, to come back
        self.resumed = self.afresh = 0  # rooms that were joined again, with nothing missing and otherwise
        self.errors: Counter[str] = Counter()  # error frames by code
        self.closes: Counter[int] = Counter()  # sockets that ended without our doing, by close code
        self.refusals: Counter[str] = Counter()  # attempts to come back that failed, by DoorError's kind

    def post(self, now: float) -> str:
        """A new message that is due now; its id."""
        id = f"{self.run}.{len(self.due) + 1}"
        self.due[id] = now
        self.unanswered.add(id)
        return id

    def acknowledge(self, sent: JsonFrame, user: str, at: float) -> None:
        """Its author was told that it is stored."""
        id, room = sent["id"], sent["room"]
        self.oracle.acknowledged(sent, user)
        self.heads[room] = max(sent["seq"], self.heads.get(room, 0))
        if id in self.unanswered:
            self.unanswered.remove(id)
            self.acknowledgements.append(at - self.due[id])
