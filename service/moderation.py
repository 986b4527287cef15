"""Bans and mutes: kept in the broker, held here in memory, because every join and send asks for them."""

import asyncio
import logging
import time

from service.auth import User
from service.broker import Broker, Sanction
from service.protocol import Action, ErrorCode, Moderate, RequestError, check_room, encode

logger = logging.getLogger(__name__)

REFRESH = 30.0  # seconds: how old the copy may get when a signal was lost


class Moderation:
    """What holds against whom. `run` keeps the copy; a `moderate` signal makes it look at once."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._stale = asyncio.Event()
        self._until: dict[tuple[str, str, str], float] = {}  # (kind, room or "", user): Unix seconds

    async def run(self) -> None:
        """Read the sanctions at the start, after each signal, and now and then."""
        while True:
            try:
                sanctions = await self._broker.sanctions()
                self._until = {
                    (sanction.kind, sanction.room, sanction.user): sanction.until / 1000 if sanction.until else 2e18
                    for sanction in sanctions
                }
            except RequestError:
                await asyncio.sleep(0.5)
                continue
            try:
                async with asyncio.timeout(REFRESH):
                    await self._stale.wait()
            except TimeoutError:
                pass
            self._stale.clear()

    def refresh(self) -> None:
        """A signal said that something changed."""
        self._stale.set()

    def holds(self, kind: str, room: str, user: str) -> bool:
        """Whether a ban or mute of `user` holds in `room` or everywhere."""
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
        if not by.moderator or not (request.room is None or by.may_enter(request.room)):
            raise RequestError(ErrorCode.FORBIDDEN, "only moderators may do that")
        room = request.room or ""
        until = int((time.time() + request.seconds) * 1000) if request.seconds else 0
        lift = request.action in (Action.UNBAN, Action.UNMUTE)
        if request.action is not Action.KICK:
            kind = "ban" if request.action in (Action.BAN, Action.UNBAN) else "mute"
            await self._broker.sanction(Sanction(kind, room, request.user, until, by.id, request.reason or ""), lift)
            if lift:
                self._until.pop((kind, room, request.user), None)
            else:
                self._until[kind, room, request.user] = until / 1000 if until else 2e18
        payload = {"kind": "moderate", "action": request.action, "room": room, "user": request.user}
        self._broker.signal("", encode(payload | {"reason": request.reason or ""}))
        logger.info(
            "moderation: %s of %s in %s by %s for %s, reason %r",
            request.action,
            request.user,
            room or "every room",
            by.id,
            f"{request.seconds:g} s" if request.seconds else "good",
            request.reason or "",
        )
