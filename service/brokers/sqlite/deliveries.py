"""The embedded broker's deliveries: places in the file; leases and verdicts in memory, as there is one process."""

from collections.abc import Mapping, Sequence

from service import telemetry
from service.brokers.deliveries import Deliveries, Lease
from service.brokers.log import Position
from service.brokers.sqlite.file import File, reading, writing
from service.brokers.sqlite.rows import find_room

EVERYWHERE_ID = 0  # in the place of a room's id, of which none is 0


class SqliteDeliveries(Deliveries):
    """What is `reading` and `writing`, and what those call, is done on the file's thread."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._held: dict[str, tuple[str, float]] = {}  # by room: whose it is, and until when
        self._verdicts: dict[str, tuple[bytes, float]] = {}  # with their ends

    @property
    def available(self) -> bool:
        return self.file.available

    def sweep(self) -> None:
        """Forget what ran out."""
        now = self.file.time()
        self._held = {room: held for room, held in self._held.items() if held[1] > now}
        self._verdicts = {key: kept for key, kept in self._verdicts.items() if kept[1] > now}

    @reading
    def begun(self) -> bool:
        return self.file.db.execute("SELECT 1 FROM deliveries WHERE room = ?", (EVERYWHERE_ID,)).fetchone() is not None

    @writing
    def begin(self) -> None:
        self.file.db.execute("INSERT OR IGNORE INTO deliveries VALUES (?, '', 0)", (EVERYWHERE_ID,))

    @writing
    def skip(self, places: Mapping[str, Position]) -> None:
        for name, place in places.items():
            self._put("INSERT OR IGNORE", name, place)

    def _put(self, way: str, name: str, place: Position) -> None:
        room = find_room(self.file.db, name)
        if room is not None:
            self.file.db.execute(f"{way} INTO deliveries VALUES (?, ?, ?)", (room.id, place.epoch, place.seq))

    @reading
    def places(self, rooms: Sequence[str]) -> dict[str, Position | None]:
        return {name: self._place(name) for name in rooms}

    def _place(self, name: str) -> Position | None:
        select = "SELECT deliveries.epoch, seq FROM deliveries JOIN rooms ON rooms.id = room WHERE name = ?"
        epoch, seq = self.file.db.execute(select, (name,)).fetchone() or (None, None)
        if isinstance(epoch, str) and isinstance(seq, int):
            return Position(epoch, seq)
        if epoch is not None:
            telemetry.damaged("place", f"deliveries of {name}", "not an epoch and a seq")
        return None

    async def take(self, room: str, holder: str, seconds: float) -> Lease | None:
        return Lease((await self.places([room]))[room]) if self._hold(room, holder, seconds) else None

    async def save(self, room: str, holder: str, place: Position, seconds: float) -> bool:
        if not self._hold(room, holder, seconds):
            return False
        await self._save(room, place)
        return True

    @writing
    def _save(self, name: str, place: Position) -> None:
        self._put("INSERT OR REPLACE", name, place)

    def _hold(self, room: str, holder: str, seconds: float) -> bool:
        now = self.file.time()
        whose, end = self._held.get(room, ("", 0.0))
        if whose not in ("", holder) and end > now:
            return False
        self._held[room] = (holder, now + seconds)
        return True

    async def release(self, room: str, holder: str) -> None:
        self.file.time()
        if self._held.get(room, ("", 0.0))[0] == holder:
            del self._held[room]

    async def settle(self, key: str, verdict: bytes, seconds: float) -> bytes:
        now = self.file.time()
        kept, end = self._verdicts.get(key, (b"", 0.0))
        if end > now:
            return kept
        self._verdicts[key] = (verdict, now + seconds)
        return verdict

    async def forget(self, key: str) -> None:
        self._verdicts.pop(key, None)
