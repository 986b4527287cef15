"""The embedded broker's directory: read positions, sanctions and the trail in the file, all else in memory."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import msgspec

from service import signals, telemetry
from service.brokers.directory import (
    NETWORK_SECONDS,
    NETWORKS_LIMIT,
    READERS_LIMIT,
    ROOMS_LISTED,
    TRAIL_LIMIT,
    UNREAD_ROOMS,
    Deed,
    Directory,
    Sanction,
)
from service.brokers.sqlite.file import reading, writing
from service.brokers.sqlite.log import SqliteLog
from service.brokers.sqlite.presence import MemoryPresence
from service.brokers.sqlite.rows import HOLDING, find_room
from service.protocol import encode

CHARGE_SECONDS = 10.0  # how far a user's bucket can be overdrawn


class SqliteDirectory(Directory):
    """What is `reading` and `writing`, and what those call, is done on the file's thread."""

    outlives_process = False

    def __init__(self, log: SqliteLog, presence: MemoryPresence) -> None:
        self.file = log.file
        self._log = log
        self._presence = presence
        self._tickets: dict[str, tuple[bytes, float]] = {}  # record, end
        self._networks: dict[str, dict[str, float]] = {}  # of guests, with the ends of that knowledge, the latest last
        self._full_at: dict[str, float] = {}  # when the user's send bucket is full again

    @property
    def available(self) -> bool:
        return self.file.available

    def sweep(self) -> None:
        """Forget what ran out."""
        now = self.file.time()
        self._tickets = {key: kept for key, kept in self._tickets.items() if kept[1] > now}
        self._presence.names.sweep(now)
        self._networks = {user: kept for user, kept in self._networks.items() if max(kept.values()) > now}
        self._full_at = {user: full_at for user, full_at in self._full_at.items() if full_at > now}

    # -- tickets and names

    async def put_ticket(self, key: str, record: bytes, seconds: float) -> None:
        self._tickets[key] = (record, self.file.time() + seconds)

    async def take_ticket(self, key: str) -> bytes | None:
        now = self.file.time()
        record, end = self._tickets.pop(key, (None, 0.0))
        return record if end > now else None

    async def claim_name(self, name: str, user: str, seconds: float, network: str = "") -> bool:
        return self._presence.names.claim(name, user, seconds, network, self.file.time())

    async def release_name(self, user: str) -> None:
        self.file.time()
        self._presence.names.release(user)

    # -- read positions

    async def mark_read(self, room: str, marks: dict[str, int]) -> None:
        moved = await self._move(room, marks)
        if moved:
            self._log.signal(room, encode(signals.Read(reads=moved)))

    @writing
    def _move(self, name: str, marks: dict[str, int]) -> dict[str, int]:
        """Move read positions forward, at most to the log's end; those that moved."""
        room, db = find_room(self.file.db, name), self.file.db
        if room is None:
            return {}
        known = self._read_by(name, list(marks))
        moved = {user: min(seq, room.head) for user, seq in marks.items()}
        moved = {user: seq for user, seq in moved.items() if seq > known.get(user, 0)}
        replace = "INSERT OR REPLACE INTO reads (room, user, seq, at) VALUES (?, ?, ?, ?)"
        db.executemany(replace, [(room.id, user, seq, self.file.now) for user, seq in moved.items()])
        new = [user for user in moved if user not in known]
        db.executemany(_FORGET_ROOMS, [(user, UNREAD_ROOMS) for user in new])
        if new:
            (readers,) = db.execute("SELECT count(*) FROM reads WHERE room = ?", (room.id,)).fetchone()
            if readers > READERS_LIMIT * 1.1:  # sorting them for each new one would be dear
                db.execute(_FORGET_READERS, (room.id, readers - READERS_LIMIT))
        return moved

    @reading
    def reads(self, room: str, users: Sequence[str]) -> dict[str, int]:
        return self._read_by(room, users)

    def _read_by(self, name: str, users: Sequence[str]) -> dict[str, int]:
        select = """SELECT user, seq FROM reads WHERE room = (SELECT id FROM rooms WHERE name = ?)
            AND user IN (SELECT value FROM json_each(?))"""
        rows = self.file.db.execute(select, (name, encode(list(users)).decode())).fetchall()
        return {user: seq for user, seq in rows if _is_seq(seq, user, name)}

    async def unread(self, user: str, choose: Callable[[list[str]], list[str]] = list) -> dict[str, int]:
        read = dict(await self._read_in(user))
        return {room: await self._unread_in(room, user, read[room]) for room in (choose(list(read)) if read else ())}

    @reading
    def _read_in(self, user: str) -> list[tuple[str, int]]:
        """The rooms that the user read in last, and how far."""
        select = """SELECT name, seq FROM reads JOIN rooms ON rooms.id = reads.room
            WHERE user = ? AND name IS NOT NULL ORDER BY reads.at DESC LIMIT ?"""
        rows = self.file.db.execute(select, (user, UNREAD_ROOMS)).fetchall()
        return [(name, seq) for name, seq in rows if _is_seq(seq, user, name)]

    @reading
    def _unread_in(self, name: str, user: str, seq: int) -> int:
        select = """SELECT count(*) FROM messages JOIN rooms ON rooms.id = room
            WHERE name = ? AND seq > ? AND removed = 0 AND author <> ?"""
        return int(self.file.db.execute(select, (name, seq, user)).fetchone()[0])

    # -- rooms

    async def rooms(self) -> dict[str, int]:
        people = self._presence.people_in
        busy = [name for name in islice(people, ROOMS_LISTED) if name]
        names = dict.fromkeys(busy + await self._log.names(ROOMS_LISTED))
        return {name: len(people.get(name, ())) for name in islice(names, ROOMS_LISTED)}

    async def room_count(self) -> int:
        return await self._log.count()

    @reading
    def walk(self, limit: int, cursor: str = "") -> tuple[list[str], str]:
        select = "SELECT name FROM rooms WHERE name > ? ORDER BY name LIMIT ?"
        names = [name for (name,) in self.file.db.execute(select, (cursor, limit)) if isinstance(name, str)]
        return names, names[-1] if len(names) == limit else ""

    async def forget_user(self, user: str) -> None:
        self._presence.names.release(user)
        self._networks.pop(user, None)
        self._full_at.pop(user, None)
        await self._forget_rows(user)

    @writing
    def _forget_rows(self, user: str) -> None:
        self.file.db.execute("DELETE FROM reads WHERE user = ?", (user,))
        self.file.db.execute("DELETE FROM trail WHERE user = ?", (user,))

    # -- sanctions

    @writing
    def sanction(self, sanction: Sanction, lift: bool) -> None:
        db, key = self.file.db, (sanction.user, sanction.network, sanction.room, sanction.kind)
        db.execute("DELETE FROM sanctions WHERE user = ? AND network = ? AND room = ? AND kind = ?", key)
        if not lift:
            values = (*key, sanction.until, sanction.by, sanction.reason, sanction.guest)
            db.execute("INSERT INTO sanctions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    @reading
    def sanctions(self) -> list[Sanction]:
        select = "SELECT * FROM sanctions WHERE until = 0 OR until > ?"
        return _sanctions(self.file.db.execute(select, (self.file.now,)).fetchall())

    @reading
    def ban(self, room: str, user: str, network: str = "") -> Sanction | None:
        whose = {"user": user, "network": network, "room": room, "now": self.file.now}
        found = _sanctions(self.file.db.execute(_BAN, whose).fetchall())
        return found[0] if found else None

    @writing
    def lift_over(self) -> None:
        """Sanctions whose time is over go. Call it only while the clock can be trusted."""
        self.file.db.execute("DELETE FROM sanctions WHERE until > 0 AND until <= ?", (self.file.now,))

    # -- the trail

    @writing
    def record(self, deed: Deed) -> None:
        insert = "INSERT INTO trail (user, deed) VALUES (?, ?)"
        n = self.file.db.execute(insert, (deed.user.id, encode(deed))).lastrowid
        assert n is not None
        self.file.db.execute("DELETE FROM trail WHERE n <= ?", (n - TRAIL_LIMIT,))

    @reading
    def trail(self) -> list[Deed]:
        found = []
        for n, deed in self.file.db.execute("SELECT n, deed FROM trail ORDER BY n DESC").fetchall():
            try:
                found.append(msgspec.json.decode(deed, type=Deed))
            except (msgspec.DecodeError, TypeError, RecursionError) as error:
                telemetry.damaged("deed", str(n), error)
        return found

    # -- guests' networks and buckets

    async def note_networks(self, networks: Sequence[tuple[str, str]]) -> None:
        end = self.file.time() + NETWORK_SECONDS
        for user, network in networks:
            known = self._networks.setdefault(user, {})
            known.pop(network, None)
            known[network] = end
            if len(known) > NETWORKS_LIMIT:
                del known[next(iter(known))]

    async def networks(self, user: str) -> list[str]:
        now = self.file.time()
        return [network for network, end in self._networks.get(user, {}).items() if end > now]

    async def charge(self, user: str, messages: int, rate: float, burst: float) -> float:
        now = self.file.time()
        if rate <= 0:
            return 0.0
        # As limits.TokenBucket, but charged after the fact: what was sent counts even when the bucket is overdrawn.
        full_at = max(self._full_at.get(user, now), now) + messages / rate
        overdrawn = min(full_at - now - burst / rate, CHARGE_SECONDS)
        self._full_at[user] = now + burst / rate + overdrawn
        return max(0.0, overdrawn)


_BAN = f"SELECT * {HOLDING} AND kind = 'ban'"

_FORGET_ROOMS = """
    DELETE FROM reads WHERE rowid IN (SELECT rowid FROM reads WHERE user = ? ORDER BY at DESC LIMIT -1 OFFSET ?)"""
_FORGET_READERS = "DELETE FROM reads WHERE rowid IN (SELECT rowid FROM reads WHERE room = ? ORDER BY seq LIMIT ?)"


def _is_seq(value: Any, user: str, room: str) -> bool:
    if not isinstance(value, int):
        telemetry.damaged("read", f"{user} in {room}", "no number")
    return isinstance(value, int)


def _sanctions(rows: Sequence[tuple[Any, ...]]) -> list[Sanction]:
    """Those that can be read."""
    found = []
    for user, network, room, kind, until, by, reason, guest in rows:
        fields = (kind, room, user, until, by, reason, bool(network), guest)
        try:
            found.append(Sanction(*msgspec.convert(fields, tuple[str, str, str, int, str, str, bool, str])))
        except msgspec.ValidationError as error:
            telemetry.damaged("sanction", f"{kind!r:.20} of {user!r:.50}", error)
    return found
