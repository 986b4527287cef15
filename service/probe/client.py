"""A good client, as docs/protocol.md asks of one: it keeps what isn't `sent`, comes back and resumes."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError

from service.probe.door import Door, DoorError, closed
from service.probe.oracle import JsonFrame
from service.probe.records import Records
from service.protocol import VERSION, CloseCode, ErrorCode

JOIN_TIMEOUT = 15.0  # seconds from a handshake to the last `joined`
RESEND_AFTER = 8.0  # seconds without `sent` after which a message is sent again
CLOSE_TIMEOUT = 2.0  # seconds for the answer to a close
RETURN_BASE, RETURN_CAP = 0.25, 8.0  # seconds, doubled with each failure, with full jitter
RETRIED_ERRORS = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE, ErrorCode.NOT_JOINED})


class Client:
    """One user with one socket at a time. `task` runs `run`, which ends by a `DoorError` if nobody ever came in.

    `came` says when a frame that is handed over now did, by the loop's clock.
    """

    def __init__(
        self,
        door: Door,
        records: Records,
        came: Callable[[], float],
        number: int,
        rooms: Sequence[str],
        token: str | None,
    ) -> None:
        self._door, self._records, self._came = door, records, came
        self._rooms, self._token = tuple(rooms), token
        self.name = f"Probe {records.run} {number}"
        self.log = records.oracle.receiver(self.name)
        self.entered = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.resting = False  # nothing is to be posted: it is about to be cut, or away for that
        self._outbox: dict[str, tuple[str, float]] = {}  # id to room and when it was last sent
        self._guest: str | None = None
        self._user = ""
        self._connection: WebSocketClientConnection | None = None
        self._over = asyncio.Event()  # the socket is: it is time to come back
        self._gone = asyncio.Event()  # the connection below it, too
        self._gone.set()
        self._ending = asyncio.Event()
        self._refused: DoorError | None = None
        self._inbox: list[tuple[float, str | bytes | None, int]] = []
        self._socket = 0  # how many there were: what is still read of an earlier one is not this one's
        self._inside: set[str] = set()
        self._ticket: str | None = None  # for the next handshake, of a `reconnect`
        self._return_at = 0.0
        self._lost_at: float | None = None
        self._cut_at = self._cut_until = float("inf")
        self._loop = asyncio.get_running_loop()

    # -- its life

    async def run(self) -> None:
        """Be in the rooms until `end`. Raises `DoorError` if it can't come in the first time."""
        failures = 0
        while not self._ending.is_set():
            wait = 0.0
            try:
                await self._enter()
                failures = 0
                await self._over.wait()
                if self._ending.is_set():
                    break
                self._on_loss()
                wait = self._return_at - self._loop.time()
            except DoorError as error:
                if self._lost_at is None:
                    raise
                failures += 1
                self._records.refusals[error.kind] += 1
                wait = error.retry_after
            finally:
                self._leave()
            if wait <= 0 and (failures or not self.resting):
                wait = random.uniform(0, min(RETURN_CAP, RETURN_BASE * 2**failures))  # noqa: S311  # jitter
            try:
                async with asyncio.timeout(wait):
                    await self._ending.wait()
            except TimeoutError:
                pass

    async def _enter(self) -> None:
        began = self._loop.time()
        await self._go_in()
        if self._ending.is_set():
            self._over.set()
            return
        now = self._loop.time()
        self._records.entries.append(now - began)
        if self._lost_at is not None:
            self._records.returns.append(now - self._lost_at)
        if self.resting:
            self.resting, self._cut_until = False, now
        self.entered.set()
        for id in list(self._outbox):
            self._send(id)

    async def _go_in(self) -> None:
        """Ticket, handshake, `welcome`, and `joined` from every room."""
        ticket, self._ticket = self._ticket, None
        if ticket is None:
            answer = await self._door.ticket(self.name, self._token, self._guest)
            ticket, self._guest, self._user = answer.ticket, answer.guest, answer.user.id
        self._over.clear()
        self._inside.clear()
        self._refused = None
        self._socket += 1
        number = self._socket
        self._connection = await self._door.open(ticket, lambda raw: self._on_raw(raw, number))
        self._gone.clear()
        deadline = self._loop.time() + JOIN_TIMEOUT
        while len(self._inside) < len(self._rooms) and not self._ending.is_set():
            if self._refused is not None:
                raise self._refused
            if self._over.is_set():
                raise closed(self._connection.close_code, self._connection.close_reason)
            if self._loop.time() > deadline:
                raise DoorError("timeout", f"the rooms were not joined within {JOIN_TIMEOUT:g} s")
            await asyncio.sleep(0.002)  # what it waits for is any of several

    def _on_loss(self) -> None:
        self._lost_at = self._loop.time()
        if self._cut_at <= self._lost_at < self._cut_until:
            self._lost_at = self._cut_at
            self._return_at = 0.0
            return
        code = self._connection.close_code if self._connection else None
        self._records.closes[code or 1006] += 1
        if code != CloseCode.RESTART:
            self._return_at = 0.0  # nobody is there any more who keeps it

    def _refuse(self, error: DoorError) -> None:
        """It can't stay, or not come in."""
        self._refused = error
        if self._connection is not None:
            self._connection.close(CloseCode.NORMAL)

    def _leave(self) -> None:
        self.entered.clear()
        if self._connection is not None:
            self._connection.close(CloseCode.NORMAL)
            self._connection = None

    async def end(self) -> None:
        """Go for good, with the closing handshake where the service still answers it.

        What it has begun with the service comes to its end: nothing is left half open.
        """
        assert self.task is not None
        self._ending.set()
        if self.entered.is_set():
            self._leave()
            self._over.set()
        await asyncio.gather(self.task, return_exceptions=True)
        await self._closed()

    async def _closed(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._gone.wait()
        except TimeoutError:
            pass

    @property
    def idle(self) -> bool:
        """Whether nothing of its own is on the way."""
        return not self._outbox

    @property
    def by_events(self) -> bool:
        """It knows sockets alone."""
        return False

    def cut(self) -> None:
        """End the socket, and come back at once: to be called while it rests, idle and in its rooms."""
        self._records.cuts += 1
        self._cut_at, self._cut_until = self._loop.time(), float("inf")
        self.entered.clear()
        assert self._connection is not None
        self._connection.close(CloseCode.NORMAL)

    # -- what it says

    def post(self, id: str, room: str) -> None:
        """Send a message, now or when it can."""
        self._outbox[id] = room, self._loop.time()
        self._send(id)

    def send_overdue(self) -> None:
        """Send again what has been without an answer for too long."""
        now = self._loop.time()
        for id, (_, at) in list(self._outbox.items()):
            if now - at > RESEND_AFTER:
                self._send(id)

    def _send(self, id: str) -> None:
        if id in self._outbox and self.entered.is_set():
            room = self._outbox[id][0]
            self._outbox[id] = room, self._loop.time()
            self._write(type="send", room=room, id=id, ref=id, text=f"{self.name} was here: {id}")

    def _join(self, room: str, afresh: bool = False) -> None:
        since = None if afresh else self.log.since(room)
        request = {"type": "join", "room": room, "limit": 0, "ref": room}
        self._write(**request if since is None else request | {"since": since})

    def _write(self, **frame: Any) -> None:
        try:
            assert self._connection is not None
            written = self._connection.write_message(msgspec.json.encode(frame))
        except WebSocketClosedError:
            return  # its end is on the way, and everything is kept
        written.add_done_callback(lambda done: done.cancelled() or done.exception())  # likewise

    # -- what it hears

    def _on_raw(self, raw: str | bytes | None, number: int) -> None:
        """Note when it came, and look at it only when what came to others is noted, too."""
        if not self._inbox:
            self._loop.call_soon(self._read)
        self._inbox.append((self._came(), raw, number))

    def _read(self) -> None:
        inbox, self._inbox = self._inbox, []
        for at, raw, number in inbox:
            if number != self._socket:
                continue
            if raw is None:
                self._over.set()
                self._gone.set()
                continue
            try:
                self._on_frame(msgspec.json.decode(raw), at)
            except (msgspec.DecodeError, KeyError, TypeError):
                self._refuse(DoorError("not_parley", f"what came on the socket is no frame of Parley's: {raw[:80]!r}"))

    def _on_frame(self, frame: JsonFrame, at: float) -> None:
        kind = frame["type"]
        if kind == "message":
            self.log.observe(frame)
            self._time(frame["id"], at)
        elif kind == "sent":
            self._outbox.pop(frame["id"], None)
            self._records.acknowledge(frame, self._user, at)
        elif kind == "joined":
            self._joined(frame)
        elif kind == "error":
            self._on_error(frame)
        elif kind == "welcome":
            self._welcome(frame)
        elif kind == "reset":
            self.log.observe(frame)
            if frame["reason"] == "epoch":
                self._records.heads.pop(frame["room"], None)  # of another count
            self._join(frame["room"], afresh=True)
        elif kind == "reconnect":
            self._ticket = frame.get("ticket")
            self._return_at = at + frame["in_ms"] / 1000
        else:
            self.log.observe(frame)

    def _welcome(self, frame: JsonFrame) -> None:
        if frame.get("version") != VERSION:
            said = f"it speaks version {frame.get('version')} of the contract, this probe {VERSION}"
            self._refuse(DoorError("version", f"{said}: use the probe of its own release"))
            return
        for room in self._rooms:
            self._join(room)

    def _joined(self, frame: JsonFrame) -> None:
        if frame["resumed"]:
            self._records.resumed += 1
        elif self.log.since(frame["room"]) is not None:
            self._records.afresh += 1
        self.log.observe(frame)
        self._inside.add(frame["room"])

    def _time(self, id: str, at: float) -> None:
        due = self._records.due.get(id)
        if due is None:
            return  # of another probe in the same rooms
        if self._cut_at <= at and due <= self._cut_until:
            self._records.caught_up += 1
        else:
            self._records.deliveries.append(at - due)

    def _on_error(self, frame: JsonFrame) -> None:
        code, ref = frame["code"], frame.get("ref") or ""
        self._records.errors[code] += 1
        again = self._send if ref in self._outbox else self._join if ref in self._rooms else None
        if code in RETRIED_ERRORS and again is not None:
            wait = frame.get("retry_after", 1.0) * random.uniform(1.0, 1.5)  # noqa: S311  # jitter
            self._loop.call_later(wait, again, ref)
        elif ref in self._rooms:
            self._refuse(DoorError(code, f"the room {ref} can't be joined: {frame['message']}; see --room"))
        else:
            self._outbox.pop(ref, None)  # and so it stays unanswered
