"""What the keys and channels of a deployment are called.

Keys of a room share the hash tag `{room}`, so that a cluster keeps them together, with the room's channel. What belongs
to no room is one key, which has a slot of its own, or has the tag `{*}`, where one step needs several.
"""

from functools import lru_cache

from service.brokers.redis.slots import tag_of

EVERYWHERE_TAG = "*"  # in the place of a room, which can't be called so
_SCRIPT_KEYS = (
    *("position", "log", "messages", "changes", "authors", "floor"),
    *("marks", "ids", "ids:old", "reads", "about"),
)


class Keyspace:
    """The names, by the deployment's prefix."""

    def __init__(self, prefix: str = "parley", database: int = 0, channels: bytes = b"") -> None:
        """`channels`: what their names begin with, if not with the prefix and database: databases share channels."""
        self.prefix = prefix
        self._channels = channels or f"{prefix}:{database}:".encode()
        self.index = f"{prefix}:rooms"
        self.sanctions = f"{prefix}:sanctions"
        self.trail = f"{prefix}:trail"
        self.processes, self.unsettled = self.room(EVERYWHERE_TAG, "processes", "unsettled")
        self.of_script = lru_cache(1024)(self._of_script)

    def room(self, room: str, *names: str) -> tuple[str, ...]:
        """Keys of a room, or of EVERYWHERE_TAG."""
        return tuple(f"{self.prefix}:{{{room}}}:{name}" for name in names)

    def _of_script(self, room: str) -> tuple[str, ...]:
        """The keys that every script of a room begins with, in the order of log.lua."""
        return self.room(room, *_SCRIPT_KEYS)

    def noted(self, process: str) -> str:
        """The rooms in which a process has people."""
        return self.room(EVERYWHERE_TAG, f"process:{process}:rooms")[0]

    @property
    def former_processes(self) -> str:
        """`processes` of release 1.0."""
        return f"{self.prefix}:processes"

    def former_noted(self, process: str) -> str:
        """`noted` of release 1.0."""
        return f"{self.prefix}:process:{process}:rooms"

    def probe(self, slot: int | None) -> str:
        """What is written to see whether anything can be; of a cluster by the slot."""
        return f"{self.prefix}:probe" if slot is None else f"{self.prefix}:{{{tag_of(slot)}}}:probe"

    def visits(self, user: str) -> str:
        """The rooms that the user read in last."""
        return f"{self.prefix}:user:{user}:rooms"

    def ticket(self, key: str) -> str:
        return f"{self.prefix}:ticket:{key}"

    def verdict(self, key: str) -> str:
        """What the operator's receiver said of a message."""
        return f"{self.prefix}:verdict:{key}"

    def networks(self, user: str) -> str:
        """Where a guest comes from."""
        return f"{self.prefix}:networks:{user}"

    def bucket(self, user: str) -> str:
        """How many messages a user sent of late."""
        return f"{self.prefix}:{{user:{user}}}:bucket"

    def channel(self, room: str) -> bytes:
        """Of a room, or ("") of every process."""
        return b"%s{%s}" % (self._channels, (room or EVERYWHERE_TAG).encode())

    @property
    def all_channels(self) -> bytes:
        """A pattern for all of them."""
        return self._channels + b"{*}"

    def room_of(self, channel: bytes) -> str:
        """The room of a channel of ours."""
        room = channel[len(self._channels) + 1 : -1].decode()
        return "" if room == EVERYWHERE_TAG else room
