"""One connection that keeps coming back: credentials, socket, liveness, waits. It knows nothing of rooms.

One task does it all, one attempt after the other. Beside it, while a socket is open, one writes and one watches.
Moments are those of time.monotonic, which nobody sets.
"""

import asyncio
import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from .backoff import Backoff
from .codes import BUFFERED, LOST, AfterClose, after_close
from .connection import Closed, Connection, Ended, open_websocket
from .detour import TRIAL, TRIAL_AGAIN, Detour
from .errors import ChatError, HttpError
from .flow import Flow
from .protocol import FRAMES, CloseCode, Ping, Reconnect, Renew, Renewed, Request, Welcome
from .tickets import Tickets

WELCOME_TIMEOUT = 10.0  # from a connection's opening to `welcome`
STABLE = 10.0  # a connection that held so long ends a row of failures
TICK = 1.0
SLEEP = 10.0  # a clock that jumps so far ahead between two ticks: the machine slept
DOUBT_PONG = 3.0
SILENCE_PONG = 10.0
SILENCE_MARGIN = 5.0  # beyond the service's own pings
EARLY = 1.0  # between attempts made early because something woke us
PROMISED = 1.0  # so much before the promised moment is still at it: clocks and wires differ
TICKET_KEPT = 28.0  # tickets hold 30 s
UNSENT_LIMIT = 1 << 20  # bytes that wait to be written, past which nothing more is taken
LATER_ATTEMPTS = 3  # a full service gets waits of up to 8 s at once
RENEW_MARGIN = 60.0

logger = logging.getLogger(__name__)
_decoder = msgspec.json.Decoder(FRAMES)
_encoder = msgspec.json.Encoder()


class State(msgspec.Struct, frozen=True):
    """How the connection stands. `code` and `reason` say why, in the service's words; `retry_in` is in seconds."""

    state: Literal["closed", "connecting", "open", "waiting", "stopped"]
    retry_in: float | None = None
    code: int | str | None = None
    reason: str = ""


class _Told(NamedTuple):
    """What `reconnect` said: when to come back, with which ticket, and until when that holds."""

    at: float
    ticket: str | None
    until: float


class Link:
    """`flow` is asked before each frame is read: what holds back there holds back the service."""

    def __init__(
        self,
        url: str,
        tickets: Tickets,
        *,
        on_state: Callable[[State], None],
        on_frame: Callable[[FRAMES], None],
        flow: Flow,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.state = State("closed")
        self.detour = Detour()
        self._url = url
        self._tickets = tickets
        self._chance = chance
        self._on_state, self._on_frame, self._flow = on_state, on_frame, flow
        self._backoff = Backoff(chance)
        self._task: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._to_write = asyncio.Event()
        self._woken = asyncio.Event()
        self._again = False  # to connect anew at once, by a ticket that is there
        self._told: _Told | None = None
        self._by_told = False  # whether the last handshake brought the ticket of `reconnect`, which may come too late
        self._refused = False  # whether what the last handshake brought of its own was, before any `welcome`
        self._known = False  # whether the service has ever let us in
        self._attempted_at = self._opened_at = -math.inf
        self._heartbeat = 25.0
        self._paused = False  # nothing is read, so silence says nothing
        self._probe: tuple[float, float] | None = None  # when something was asked, and until when to wait
        self._verdict = Ended(LOST, "")  # why we gave a socket up
        self._renewal: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        return self.state.state == "open"

    # -- asked from outside

    def open(self) -> None:
        """Connect, and stay connected until `close` or a close code that says to stay away."""
        if self._task is None or self._task.done():
            self._backoff.reset()
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Leave, with the closing handshake, and stay away."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._told, self._refused = None, False
        self._enter(State("closed"))

    def restart(self, ticket: str) -> None:
        """Connect anew, as whom a fresh ticket was given for."""
        now = time.monotonic()
        self._told = _Told(now, ticket, now + TICKET_KEPT)
        self._again = True
        if self._connection is not None:
            self._give_up(LOST, "to come back by another name")
        self._woken.set()
        self.open()

    def wake(self) -> None:
        """Something suggests to look at once: whether the connection lives, or whether another can be had."""
        self._woken.set()
        self.doubt()

    def doubt(self) -> None:
        """Nothing came back that should have: find out within seconds whether the connection is alive."""
        if self.is_open:
            self._ask(DOUBT_PONG)

    def send(self, frame: Request) -> bool:
        """False if it can't be taken now."""
        if not self.is_open or self._unsent_bytes > UNSENT_LIMIT:
            return False
        data = _encoder.encode(frame)
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        self._to_write.set()
        self._flow.look()  # an answer may be waited for now
        return True

    # -- coming and going

    async def _run(self) -> None:
        try:
            await self._come_and_go()
        except ChatError as error:  # the store's
            self._enter(State("stopped", code=error.code, reason=str(error)))
        except Exception as error:
            logger.exception("the chat with %s ends by a fault of its own", self._url)
            self._enter(State("stopped", code="failed", reason=repr(error)))

    async def _come_and_go(self) -> None:
        while True:
            self._enter(State("connecting"))
            try:
                state = self._lost(await self._visit())
            except HttpError as error:
                state = self._without_ticket(error)
            if state is None:
                continue
            self._enter(state)
            if state.state == "stopped":
                self._told, self._refused = None, False
                return
            await self._rest(state.retry_in or 0.0)

    async def _visit(self) -> Ended:
        """One attempt and all that comes of it: why it ended. Raises `HttpError` where it gets no ticket."""
        self._attempted_at = time.monotonic()
        self._again = False
        ticket = self._told_ticket()
        self._by_told = ticket is not None
        offer = await self._tickets.offer(ticket, self._refused or self.detour.doubtful)
        try:
            return await self._stay(await self.detour.way(self._url, offer))
        except Closed as closed:
            return closed.ended

    async def _stay(self, connection: Connection) -> Ended:
        self._connection = connection
        self._unsent.clear()
        self._unsent_bytes = 0
        self._probe = None
        self._verdict = Ended(0, "")
        connection.heard = time.monotonic()
        beside = [asyncio.ensure_future(work) for work in (self._write(connection), self._watch(connection))]
        if self.detour.taken:
            beside.append(asyncio.ensure_future(self._try_websockets()))
        try:
            while True:
                if self._flow.blocked:
                    self._paused = True
                    await self._flow.wait()
                    self._paused, connection.heard = False, time.monotonic()
                self._receive(await connection.recv())
        except Closed as closed:
            return self._verdict if self._verdict.code else closed.ended
        finally:
            self._connection = None
            beside += [self._renewal] if self._renewal else []
            self._renewal, self._paused = None, False
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await connection.close()

    def _told_ticket(self) -> str | None:
        told, self._told = self._told, None
        return told.ticket if told and time.monotonic() < told.until else None

    def _without_ticket(self, error: HttpError) -> State:
        # A name may be held by our own former self until its presence runs out, and a renewable token may be a new one
        # next time: neither is final for somebody who was in already.
        unauthenticated = error.code == "unauthenticated"
        passing = (error.code == "name_taken" and self._known) or (unauthenticated and self._tickets.renewable)
        if error.final and not passing:
            return State("stopped", code=error.code, reason=str(error))
        return State("waiting", max(error.retry_after, self._backoff.next()), error.code, str(error))

    def _lost(self, ended: Ended) -> State | None:
        """What follows; None: come back at once."""
        welcomed, now = self.is_open, time.monotonic()
        if self._again:
            return None
        if not welcomed and ended.code in (LOST, BUFFERED):
            self.detour.on_failure()
        if welcomed and now - self._opened_at >= STABLE:
            self._backoff.reset()
        rule = after_close(ended.code)
        if rule is AfterClose.STAY:
            return State("stopped", code=ended.code, reason=ended.reason)
        if rule is AfterClose.TICKET and (welcomed or self._by_told or not self._refused):
            # That a ticket came too late says nothing of the token, which goes with the next handshake by itself.
            self._refused = welcomed or not self._by_told
            return None
        if self._told and self._told.at - now <= PROMISED:
            wait = max(0.0, self._told.at - now)
        else:
            # Cut long before the promised moment: nobody is there any more who keeps it, and the next may be.
            wait = self._backoff.next(LATER_ATTEMPTS if rule is AfterClose.LATER else 0)
        return State("waiting", max(wait, ended.retry_after), ended.code, ended.reason)

    async def _rest(self, wait: float) -> None:
        """Until then, or until `wake`, but not too soon after the last attempt."""
        self._woken.clear()
        try:
            async with asyncio.timeout(wait):
                await self._woken.wait()
                if not self._again:
                    await asyncio.sleep(max(0.0, self._attempted_at + EARLY - time.monotonic()))
        except TimeoutError:
            pass

    def _give_up(self, code: int, reason: str) -> None:
        """The socket is as good as dead. Its own end may take minutes, so it is cut."""
        self._verdict = Ended(code, reason)
        if self._connection is not None:
            self._connection.abort()

    def _enter(self, state: State) -> None:
        self.state = state
        self._on_state(state)

    # -- frames

    def _receive(self, data: str | bytes) -> None:
        try:
            frame = _decoder.decode(data)
        except msgspec.DecodeError:
            return  # of a later release; the frames that count are counted by seq
        if isinstance(frame, Welcome):
            self._welcomed(frame)
        elif isinstance(frame, Reconnect):
            now = time.monotonic()
            self._told = _Told(now + frame.in_ms / 1000, frame.ticket, now + TICKET_KEPT)
        elif isinstance(frame, Renewed) and frame.expires_in:
            self._renew_in(frame.expires_in)
        if self.is_open:
            self._on_frame(frame)

    def _welcomed(self, frame: Welcome) -> None:
        self._opened_at = time.monotonic()
        self._heartbeat = frame.heartbeat or 25.0
        self._refused, self._known = False, True
        self.detour.on_open()
        if self._tickets.renewable:
            self._renew_in(self._tickets.expires_in)
        self._enter(State("open"))

    async def _write(self, connection: Connection) -> None:
        try:
            while True:
                await self._to_write.wait()
                self._to_write.clear()
                while self._unsent:
                    data = self._unsent.popleft()
                    self._unsent_bytes -= len(data)
                    await connection.send(data)
        except Closed:
            pass  # who reads is told

    # -- liveness

    async def _watch(self, connection: Connection) -> None:
        began = now = time.monotonic()
        wall = time.time()
        while True:
            await asyncio.sleep(TICK)
            # Some systems' monotonic clocks stand still while the machine sleeps. One that was only set costs a ping.
            slept = max(time.monotonic() - now, time.time() - wall) > TICK + SLEEP
            now, wall = time.monotonic(), time.time()
            if not self.is_open:
                if now - began > WELCOME_TIMEOUT:
                    self._give_up(LOST, "no `welcome` came")
                continue
            if self._paused:
                self._probe = None
                continue
            if slept:
                self._ask(DOUBT_PONG)
            elif now - connection.heard > self._heartbeat + SILENCE_MARGIN:
                self._ask(SILENCE_PONG)
            if self._probe is not None and connection.heard > self._probe[0]:
                self._probe = None
            if self._probe is not None and now > self._probe[1]:
                self._give_up(LOST, "no answer")
            if self._told is not None and now > self._told.at + TICK:
                self._give_up(CloseCode.RESTART, "the process leaves")

    def _ask(self, patience: float) -> None:
        if self._probe is None:
            now = time.monotonic()
            self._probe = now, now + patience
            self.send(Ping())

    async def _try_websockets(self) -> None:
        """Whether they pass by now, beside the stream, which serves on until one does."""
        wait = TRIAL
        while True:
            await asyncio.sleep(wait * (1 + self._chance()))
            wait = TRIAL_AGAIN
            try:
                trial = await open_websocket(self._url, await self._tickets.offer(None, False))
                try:
                    async with asyncio.timeout(WELCOME_TIMEOUT):
                        await trial.recv()
                finally:
                    await trial.close()
                ticket = (await self._tickets.get()).ticket
            except (HttpError, Closed, TimeoutError):
                continue
            self.detour.end()
            self.restart(ticket)
            return

    # -- a token that runs out

    def _renew_in(self, left: float) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
        self._renewal = asyncio.ensure_future(self._renew(left)) if 0 < left < math.inf else None

    async def _renew(self, left: float) -> None:
        """Until a new ticket is sent. The answer says for how long it is good."""
        while left > 0:
            await asyncio.sleep(left - min(RENEW_MARGIN, left / 4))
            try:
                self.send(Renew(ticket=(await self._tickets.get()).ticket))
                return
            except HttpError:
                # The socket is closed 4401 when the token runs out, and the way back asks again.
                left = self._tickets.expires_in
