"""Bans, mutes and slowings: kept in the broker, held here in memory, because every join and send asks for them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from msgspec import Struct, structs

from service import signals
from service.brokers.base import Unavailable, unavailable
from service.brokers.directory import Directory, Sanction
from service.brokers.log import Log
from service.clock import CLOCK
from service.identity.auth import GUEST_PREFIX, User
from service.logs import fields
from service.names import check_room
from service.protocol import Action, ErrorCode, Moderate, RequestError, encode
from service.samples import SAMPLES
from service.signals import SANCTIONS_LIMIT

logger = logging.getLogger(__name__)

REFRESH = 30.0
SANCTIONS_RETRY_INTERVAL = 0.05  # seconds between attempts to read it while the broker is away
NETWORK_DEFAULT = 3600.0  # seconds that a sanction of a network holds where nothing is said
NETWORK_LONGEST = 30 * 86400.0  # and at most: networks get other people

# What each action does: the kind of the sanction, and whether it lifts it. A kick holds nothing back.
_KINDS = {
    Action.BAN: ("ban", False),
    Action.UNBAN: ("ban", True),
    Action.MUTE: ("mute", False),
    Action.UNMUTE: ("mute", True),
    Action.SLOW: ("slow", False),
    Action.UNSLOW: ("slow", True),
}


class Held(Struct, frozen=True):
    """What holds against somebody: until when (Unix seconds), and why."""

    until: float
    reason: str


async def _nobody(by: User, request: Moderate, seconds: float) -> None:
    """Nobody keeps a trail."""


_Key = tuple[str, str, str, bool]  # kind, room or "", user or network, whether it is a network


class Moderation:
    """What holds against whom. `run` keeps the copy; a `moderate` signal makes it look at once."""

    def __init__(self, directory: Directory, log: Log, refresh: float = REFRESH) -> None:
        """`refresh`: seconds, how old the copy may get when a signal was lost."""
        self._directory = directory
        self._log = log
        self._refresh = refresh
        self._stale = asyncio.Event()
        self.known = False  # whether it was ever read: until then nobody is let in anywhere
        self._held: dict[_Key, Held] = {}
        # Called with each ban or kick that is new here, and what those are told: whoever it is against must go.
        self.on_removal: Callable[[Sanction, str], None] = lambda sanction, reason: None
        # Called with what a moderator of this process did, once it is done.
        self.on_moderated: Callable[[User, Moderate], None] | None = None
        # Awaited with each deed that was done here, and for how many seconds it holds; 0: for good, or not at all.
        self.on_deed: Callable[[User, Moderate, float], Awaitable[None]] = _nobody

    async def run(self) -> None:
        """Read the sanctions at the start, after each signal, and now and then."""
        while True:
            try:
                await self._read()
            except RequestError:
                await asyncio.sleep(SANCTIONS_RETRY_INTERVAL)
                continue
            try:
                async with asyncio.timeout(self._refresh):
                    await self._stale.wait()
            except TimeoutError:
                pass
            self._stale.clear()

    async def _read(self) -> None:
        sanctions = await self._directory.sanctions()
        before, self._held = self._held, {_key(sanction): _held(sanction) for sanction in sanctions}
        if self.known:  # a signal was lost
            for sanction in sanctions:
                if sanction.kind == "ban" and _key(sanction) not in before:
                    self._remove(sanction)
        self.known = True

    def on_signal(self, room: str, done: signals.Moderate) -> None:
        """What was done somewhere, said to every process.

        It holds at once, for who was just shut out may be back before the broker can be asked; then the copy is read
        again, because anybody with access to Redis can send such a signal.
        """
        sanctions = [Sanction(*structs.astuple(sanction)) for sanction in done.sanctions]
        self._hold(done.action, sanctions)
        self._stale.set()
        if done.action in (Action.KICK, Action.BAN):
            for sanction in sanctions:
                self._remove(sanction)

    def resync(self) -> None:
        """Signals may have been missed: read the sanctions again."""
        self._stale.set()

    def _remove(self, sanction: Sanction) -> None:
        self.on_removal(sanction, sanction.reason or f"removed by a moderator ({sanction.kind})")

    def _hold(self, action: Action, sanctions: Iterable[Sanction]) -> None:
        if action is Action.KICK:
            return
        _, lift = _KINDS[action]
        for sanction in sanctions:
            if lift:
                self._held.pop(_key(sanction), None)
            else:
                self._held[_key(sanction)] = _held(sanction)

    # -- what holds

    def find(self, kind: str, room: str, user: str, network: str = "") -> Held | None:
        """What of a kind holds against `user`, in `room` or everywhere; of a guest (`network`) also as one of theirs.

        Raises `unavailable` until it is known.
        """
        if not self.known:
            raise unavailable("the broker is away")
        if not self._held:
            return None
        now = CLOCK.now()
        for who, is_network in ((user, False), (network, True)):
            for where in (room, "") if who else ():
                held = self._held.get((kind, where, who, is_network))
                if held is not None and held.until > now:
                    return held
        return None

    def holds(self, kind: str, room: str, user: str, network: str = "") -> bool:
        """Whether anything does."""
        return self.find(kind, room, user, network) is not None

    def slows(self, room: str, user: str, network: str = "") -> str | None:
        """If `user` is slowed: under what their messages are counted, a network's all together."""
        if not self._held:
            return None
        now = CLOCK.now()
        for who, is_network in ((network, True), (user, False)):
            for where in ("", room) if who else ():
                held = self._held.get(("slow", where, who, is_network))
                if held is not None and held.until > now:
                    return f"{where} {who}"
        return None

    def check_ban(self, room: str, user: str, network: str = "") -> None:
        """Raises `forbidden`, with the moderator's reason, for who is banned."""
        held = self.find("ban", room, user, network)
        if held is not None:
            SAMPLES.note("ban", "a request", user=user, network=network or None, room=room or None)
            raise RequestError(ErrorCode.FORBIDDEN, banned(held.reason))

    async def ask_ban(self, room: str, user: str, network: str = "") -> None:
        """The same by the broker's word: this process may not have heard of it yet. Raises `unavailable` as well."""
        sanction = await self._directory.ban(room, user, network)
        if sanction is not None:
            raise RequestError(ErrorCode.FORBIDDEN, banned(sanction.reason))

    async def find_everywhere(self, user: str, network: str = "") -> Held | None:
        """The ban of everywhere by the broker's word, for who is told something before they join; None without it."""
        try:
            sanction = await self._directory.ban("", user, network)
        except Unavailable:
            return None  # what is known here was asked already
        return _held(sanction) if sanction is not None else None

    # -- what moderators do

    async def moderate(self, by: User, request: Moderate) -> None:
        """Do what a moderator asked, everywhere, and write down who did it.

        Raises `bad_room`, `bad_request`, `forbidden` for others than moderators of that room, `unavailable`.
        """
        _check_may(by, request)
        sanctions = await self._sanctions(by, request)
        self.check_ban("", by.id)  # who was banned meanwhile bans nobody
        if request.action is not Action.KICK:
            for sanction in sanctions:
                await self._directory.sanction(sanction, _KINDS[request.action][1])
            self._hold(request.action, sanctions)
        told = [signals.SignalSanction(*structs.astuple(sanction)) for sanction in sanctions]
        self._log.signal("", encode(signals.Moderate(action=request.action, sanctions=told)))
        if self.on_moderated is not None:
            self.on_moderated(by, request)
        seconds = _seconds(request) if _holds(request.action) else 0.0
        logger.info(
            "moderation: %s of %s%s in %s by %s%s, reason %r",
            request.action,
            "the network of " if request.network else "",
            request.user,
            request.room or "every room",
            by.id,
            _lasting(request),
            request.reason or "",
            extra=fields(
                "moderation",
                action=request.action,
                user=request.user,
                room=request.room,
                by=by.id,
                seconds=seconds or None,
                reason=request.reason,
            ),
        )
        await self.on_deed(by, request, seconds)

    async def _sanctions(self, by: User, request: Moderate) -> list[Sanction]:
        """What is to be kept or lifted, and where from nobody is wanted."""
        room, reason = request.room or "", request.reason or ""
        kind, lift = _KINDS.get(request.action, ("kick", False))
        seconds = _seconds(request)
        until = CLOCK.now_ms() + int(seconds * 1000) if seconds else 0
        if not request.network:
            return [Sanction(kind, room, request.user, until, by.id, reason)]
        networks = dict.fromkeys(await self._directory.networks(request.user))
        if lift:  # where they were when it was done, which nobody else may remember
            networks |= {
                kept.user: None
                for kept in await self._directory.sanctions()
                if kept.network and (kept.kind, kept.room, kept.guest) == (kind, room, request.user)
            }
        if not networks:
            raise RequestError(ErrorCode.BAD_REQUEST, "nothing is known of where this guest comes from")
        found = list(networks)[:SANCTIONS_LIMIT]
        return [Sanction(kind, room, network, until, by.id, reason, True, request.user) for network in found]


def banned(reason: str) -> str:
    """What somebody is told who is kept out."""
    return f"banned: {reason}" if reason else "banned"


def _check_may(by: User, request: Moderate) -> None:
    if request.room is not None:
        check_room(request.room)
    # Everywhere is more than some rooms: a token that is limited to these does not reach that far.
    if not by.moderator or not (by.rooms is None if request.room is None else by.may_enter(request.room)):
        raise RequestError(ErrorCode.FORBIDDEN, "only moderators may do that")
    if request.network:
        if not request.user.startswith(GUEST_PREFIX):
            raise RequestError(ErrorCode.BAD_REQUEST, "only a guest's network can be meant")
        if request.seconds is not None and request.seconds > NETWORK_LONGEST:
            raise RequestError(ErrorCode.BAD_REQUEST, "a network can be kept out for 30 days at the most")


def _seconds(request: Moderate) -> float:
    """How long it shall hold; 0: for good."""
    return request.seconds or (NETWORK_DEFAULT if request.network else 0.0)


def _holds(action: Action) -> bool:
    """Whether it lasts: a kick and a lift do not."""
    return action is not Action.KICK and not _KINDS[action][1]


def _lasting(request: Moderate) -> str:
    """The same as the log says it: of a kick and a lift, nothing."""
    if not _holds(request.action):
        return ""
    seconds = _seconds(request)
    return f" for {seconds:g} s" if seconds else " for good"


def _key(sanction: Sanction) -> _Key:
    return sanction.kind, sanction.room, sanction.user, sanction.network


def _held(sanction: Sanction) -> Held:
    return Held(sanction.until / 1000 if sanction.until else 2e18, sanction.reason)
