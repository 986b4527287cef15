"""Bans and mutes: kept in the broker, held here in memory, because every join and send asks for them."""

import asyncio
import logging
import time

from service.auth import User
from service.broker import Broker, Sanction, unavailable
from service.names import check_room
from service.protocol import Action, ErrorCode, Moderate, RequestError, encode

logger = logging.getLogger(__name__)

REFRESH = 30.0  # seconds: how old the copy may get when a signal was lost
RETRY = 0.05  # seconds between attempts to read it while the broker is away
_LIFTS = (Action.UNBAN, Action.UNMUTE)


class Moderation:
    """What holds against whom. `run` keeps the copy; a `moderate` signal makes it look at once."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._stale = asyncio.Event()
        self.known = False  # whether it was ever read: until then nobody is let in anywhere
        self._until: dict[tuple[str, str, str], float] = {}  # (kind, room or "", user): Unix seconds

    async def run(self) -> None:
        """Read the sanctions at the start, after each signal, and now and then."""
        while True:
            try:
                sanctions = await self._broker.sanctions()
                self._until = {
                    (sanction.kind, sanction.room, sanction.user): _end(sanction.until) for sanction in sanctions
                }
                self.known = True
            except RequestError:
                await asyncio.sleep(RETRY)
                continue
            try:
                async with asyncio.timeout(REFRESH):
                    await self._stale.wait()
            except TimeoutError:
                pass
            self._stale.clear()

    def learn(self, action: Action, room: str, user: str, until: int) -> None:
        """A signal said what was done somewhere; `until` as in `Sanction`.

        It holds at once, for who was just shut out may be back before the broker can be asked; then the copy is read
        again, because anybody with access to Redis can send such a signal.
        """
        self._hold(action, room, user, until)
        self._stale.set()

    def _hold(self, action: Action, room: str, user: str, until: int) -> None:
        if action is not Action.KICK:
            key = _kind(action), room, user
            if action in _LIFTS:
                self._until.pop(key, None)
            else:
                self._until[key] = _end(until)

    def holds(self, kind: str, room: str, user: str) -> bool:
        """Whether a ban or mute of `user` holds in `room` or everywhere. Raises `unavailable` until it is known."""
        if not self.known:
            raise unavailable("the broker is away")
        if not self._until:
            return False
        now = time.time()
        return self._until.get((kind, room, user), 0) > now or self._until.get((kind, "", user), 0) > now

    async def moderate(self, by: User, request: Moderate) -> None:
        """Do what a moderator asked, everywhere, and write down who did it.

        Raises `bad_room`, `forbidden` for others than moderators of that room, `unavailable`.
        """
        if request.room is not None:
            check_room(request.room)
        # Everywhere is more than some rooms: a token that is limited to these does not reach that far.
        if not by.moderator or not (by.rooms is None if request.room is None else by.may_enter(request.room)):
            raise RequestError(ErrorCode.FORBIDDEN, "only moderators may do that")
        room = request.room or ""
        until = int((time.time() + request.seconds) * 1000) if request.seconds else 0
        if request.action is not Action.KICK:
            sanction = Sanction(_kind(request.action), room, request.user, until, by.id, request.reason or "")
            await self._broker.sanction(sanction, request.action in _LIFTS)
            self._hold(request.action, room, request.user, until)
        payload = {"kind": "moderate", "action": request.action, "room": room, "user": request.user, "until": until}
        self._broker.signal("", encode(payload | {"reason": request.reason or ""}))
        logger.info(
            "moderation: %s of %s in %s by %s%s, reason %r",
            request.action,
            request.user,
            room or "every room",
            by.id,
            _lasting(request),
            request.reason or "",
        )


def _kind(action: Action) -> str:
    return "ban" if action in (Action.BAN, Action.UNBAN) else "mute"


def _lasting(request: Moderate) -> str:
    """How long it holds, as the log says it: of a kick and a lift, nothing."""
    if request.action not in (Action.BAN, Action.MUTE):
        return ""
    return f" for {request.seconds:g} s" if request.seconds else " for good"


def _end(until: int) -> float:
    """Milliseconds as in `Sanction` to Unix seconds."""
    return until / 1000 if until else 2e18
