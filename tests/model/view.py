"""A room as one membership sees it, from frames alone (docs/protocol.md), and as fresh history has it."""

import time
from dataclasses import dataclass, field
from typing import Any

Frame = dict[str, Any]

DURABLE = frozenset({"message", "edited", "removed", "reacted"})


class ModelError(AssertionError):
    """What was seen contradicts the contract."""


@dataclass
class Message:
    """A message as it is now."""

    author: str
    text: str | None
    edited_at: int | None = None
    removed: bool = False
    reactions: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: Frame) -> "Message":
        """From a history page, or as it was broadcast."""
        removed = frame.get("removed", False)
        if removed == ("text" in frame):
            raise ModelError(f"a removed message has no text, and any other has one: {frame}")
        reactions = {emoji: list(users) for emoji, users in frame.get("reactions", {}).items()}
        return cls(frame["user"]["id"], frame.get("text"), frame.get("edited_at"), removed, reactions)

    def change(self, frame: Frame) -> None:
        """Take a later event in. Raises ModelError for one that the service should have refused, or not appended."""
        author = frame["user"]["id"]
        if self.removed:  # this view was told in advance: the log no longer has the text
            return
        if frame["type"] == "edited":
            if author != self.author:
                raise ModelError(f"edited by another: {frame}")
            if "text" in frame:
                if frame["text"] == self.text:
                    raise ModelError(f"an edit that changes nothing: {frame}")
                self.text, self.edited_at = frame["text"], frame["at"]
        elif frame["type"] == "removed":
            self.text, self.edited_at, self.removed, self.reactions = None, None, True, {}
        else:
            users = self.reactions.get(frame["emoji"], [])
            if frame["on"] == (author in users):
                raise ModelError(f"a reaction that changes nothing: {frame}")
            users = [*users, author] if frame["on"] else [user for user in users if user != author]
            self.reactions.pop(frame["emoji"], None)
            if users:
                self.reactions[frame["emoji"]] = users


class View:
    """One receiver's picture of a room, through all the sockets it had."""

    def __init__(self, name: str, room: str) -> None:
        self.name = name
        self.room = room
        self.epoch = ""
        self.seq = 0
        self.joined = False
        self.floor = 0  # every message after it is here
        self.messages: dict[int, Message] = {}
        self.ids: dict[int, tuple[str, str]] = {}  # seq to author and id, of every durable frame
        self.members: dict[str, str] = {}
        self.reads: dict[str, int] = {}
        self.joined_at = 0.0  # monotonic seconds
        self.told_missing = 0

    @property
    def since(self) -> Frame | None:
        """What to resume from."""
        return {"epoch": self.epoch, "seq": self.seq} if self.epoch else None

    def observe(self, frame: Frame) -> None:
        """Take a frame of this room. Raises ModelError."""
        kind = frame["type"]
        if kind in DURABLE:
            self._event(frame)
        elif kind == "joined":
            self._joined(frame)
        elif kind in ("left", "reset"):
            self.joined = False
            self.told_missing += kind == "reset"
        elif kind == "presence":
            self.members |= {person["id"]: person["name"] for person in frame.get("joined", ())}
            for user in frame.get("left", ()):
                self.members.pop(user, None)
        elif kind == "read":
            if frame["seq"] < self.reads.get(frame["user"], 0):
                raise ModelError(f"{self.name}: a read position went back: {frame}")
            self.reads[frame["user"]] = frame["seq"]

    def lost(self) -> None:
        """The socket is gone."""
        self.joined = False

    def _joined(self, frame: Frame) -> None:
        if frame["resumed"]:
            if (frame["epoch"], frame["seq"]) != (self.epoch, self.seq) or frame["messages"]:
                raise ModelError(f"{self.name}: resumed elsewhere than at {self.epoch}:{self.seq}: {frame}")
        else:
            self.told_missing += bool(self.epoch)
            self.epoch, self.seq = frame["epoch"], frame["seq"]
            seqs = [message["seq"] for message in frame["messages"]]
            if seqs != sorted(set(seqs)) or any(seq > self.seq for seq in seqs):
                raise ModelError(f"{self.name}: a page out of order: {seqs} at {self.seq}")
            self.floor = (seqs[0] - 1 if seqs else self.seq) if frame["more"] else 0
            self.messages = {message["seq"]: Message.of(message) for message in frame["messages"]}
            self.ids = {message["seq"]: (message["user"]["id"], message["id"]) for message in frame["messages"]}
        self.members = {person["id"]: person["name"] for person in frame["members"]}
        self.reads = dict(frame["reads"])
        self.joined, self.joined_at = True, time.monotonic()

    def _event(self, frame: Frame) -> None:
        if not self.joined or frame["seq"] != self.seq + 1:
            raise ModelError(f"{self.name}: joined={self.joined} at {self.epoch}:{self.seq}, then {frame}")
        self.seq = frame["seq"]
        key = (frame["user"]["id"], frame["id"])
        if key in self.ids.values():
            raise ModelError(f"{self.name}: {key} stands twice: {frame}")
        self.ids[self.seq] = key
        if frame["type"] == "message":
            self.messages[self.seq] = Message.of(frame)
        elif frame["target"] in self.messages:
            self.messages[frame["target"]].change(frame)

    def compare(self, history: dict[int, Message], head: int) -> list[str]:
        """What differs from all of the room's history as pages show it now, whose log ends at `head`."""
        wrong = [] if self.seq == head else [f"{self.name} stands at {self.seq}, the log at {head}"]
        for seq, message in history.items():
            mine = self.messages.get(seq)
            if mine is None and seq > self.floor:
                wrong.append(f"{self.name} lacks {seq}: {message}")
            elif mine is not None and mine != message:
                wrong.append(f"{self.name} has {seq} as {mine}, history as {message}")
        return wrong
