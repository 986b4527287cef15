"""What a client may ask for on its socket: one function an action of the contract.

Synchronous ones are done while the frame is being read. Those that need the broker's answer first (`later`) are worked
off in order, one at a time; nothing awaits in between reading frames, for an await there would hold up the pongs.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, TypeVar, cast

import msgspec

from service import names, protocol, telemetry
from service.admission import page_cost
from service.brokers.log import Change, Event, Position, Receipt
from service.brokers.presence import Roster
from service.clock import CLOCK
from service.identity.auth import AuthError, User
from service.node import Node
from service.protocol import ErrorCode, Request, RequestError, echo
from service.rooms.room import Member, Membership
from service.sockets.connection import Connection

T = TypeVar("T")


class Asker(Protocol):
    """The socket that asks, as an action sees it."""

    user: User
    hub: Node
    rooms: dict[str, Membership]
    entering: str | None
    network: str
    origin: str | None
    connection: Connection | None

    @property
    def guest_network(self) -> str:
        """Where a guest comes from; "" for everybody else."""

    def reply(self, answer: protocol.Frame) -> None: ...
    def answer(self, answer: protocol.Frame, asked_at: float) -> None: ...
    def answer_error(self, error: RequestError, ref: str | None) -> None: ...
    def later(self, work: "Later", request: Request) -> None: ...
    def leave(self, room: str) -> None: ...
    def become(self, user: User) -> None: ...


Later = Callable[[Asker, Any], Awaitable[None]]


def may_enter(socket: Asker, room: str) -> None:
    """Raises `bad_room` or `forbidden`; one answer, whether the room exists or not.

    Asked again after each wait: what was so before it says nothing about now.
    """
    names.check_room(room)
    if not socket.user.may_enter(room):
        raise RequestError(ErrorCode.FORBIDDEN, "you may not enter this room")
    socket.hub.moderation.check_ban(room, socket.user.id, socket.guest_network)


async def _by_the_brokers_word(socket: Asker, room: str, work: Awaitable[T]) -> T:
    """What `work` gives, unless the broker knows of a ban that this process has yet to hear of. One round trip."""
    ban = socket.hub.moderation.ask_ban(room, socket.user.id, socket.guest_network)
    asked = asyncio.ensure_future(ban)
    try:
        result = await work
    except BaseException:
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        raise
    await asked
    may_enter(socket, room)
    return result


def check_joined(socket: Asker, room: str) -> None:
    """Raises `not_joined` (`bad_room` for what can't be a room) for who has no membership."""
    if room not in socket.rooms:
        names.check_room(room)
        raise RequestError(ErrorCode.NOT_JOINED, "join the room first")


# -- rooms


async def join(socket: Asker, request: protocol.Join) -> None:
    room, hub = request.room, socket.hub
    may_enter(socket, room)
    limit = min(request.limit, protocol.PAGE_LIMIT)
    hub.rates.check_page(socket.user.id, socket.network, "joins", page_cost(limit))
    if room not in socket.rooms and len(socket.rooms) >= hub.limits.rooms:
        raise RequestError(ErrorCode.TOO_MANY_ROOMS, f"more than {hub.limits.rooms} rooms")
    since = Position(request.since.epoch, request.since.seq) if request.since else None
    may_begin = partial(hub.admission.may_begin, socket.network)
    socket.entering = room
    try:
        membership = await hub.rooms.join(room, cast(Member, socket), since, limit, may_begin)
        try:
            roster, reads = await _by_the_brokers_word(socket, room, _who_is_there(socket, room))
        except BaseException:
            membership.leave()
            raise
    finally:
        socket.entering = None
    if socket.connection is None:  # closed meanwhile
        membership.leave()
        return
    _enter(socket, request, membership, roster, reads)


async def _who_is_there(socket: Asker, room: str) -> tuple[Roster, dict[str, int]]:
    """Who is here, and what they have read."""
    roster = await socket.hub.presence.roster(room, socket.user.person)
    return roster, await socket.hub.reads.of(room, roster.members or ())


def _enter(
    socket: Asker, request: protocol.Join, membership: Membership, roster: Roster, reads: dict[str, int]
) -> None:
    """Say `joined`, and begin: nothing comes in between."""
    hub, room, page = socket.hub, request.room, membership.page
    if membership.resumed:  # what follows is read for this socket
        hub.rates.charge_missed(socket.user.id, socket.network, membership.missed)
    socket.leave(room)  # an earlier join, which held until this one was sure
    socket.rooms[room] = membership
    hub.presence.enter(room, socket.user.person)
    socket.reply(
        protocol.Joined(
            room=room,
            epoch=membership.position.epoch,
            seq=membership.position.seq,
            resumed=membership.resumed,
            messages=[msgspec.Raw(message) for message in page.frames] if page else [],
            more=page is not None and page.more,
            members=roster.members if roster.members is not None else [],
            count=roster.count,
            reads=reads,
            ref=echo(request.ref),
        )
    )
    membership.begin()


async def leave(socket: Asker, request: protocol.Leave) -> None:
    check_joined(socket, request.room)
    socket.leave(request.room)
    socket.reply(protocol.Left(room=request.room, ref=echo(request.ref)))


async def history(socket: Asker, request: protocol.History) -> None:
    room, limit = request.room, min(request.limit, protocol.PAGE_LIMIT)
    check_joined(socket, room)
    socket.hub.rates.check_page(socket.user.id, socket.network, "pages", page_cost(limit))
    async with socket.hub.pages:
        reading = socket.hub.broker.log.newest(room, limit, request.before or 0)
        page = await _by_the_brokers_word(socket, room, reading)
        check_joined(socket, room)
        messages = [msgspec.Raw(message) for message in page.frames] if page else []
        more = page is not None and page.more
        socket.reply(protocol.HistoryPage(room=room, messages=messages, more=more, ref=echo(request.ref)))


# -- events


def send(socket: Asker, request: protocol.Send) -> None:
    text = names.check_text(request.text, socket.hub.limits.text)
    tail = protocol.message_tail(request.id, socket.user.json, text)
    _publish(socket, request, "message", tail, protocol.fingerprint("message", text))
    socket.hub.typists.done(request.room, socket.user.id)


def edit(socket: Asker, request: protocol.Edit) -> None:
    text = names.check_text(request.text, socket.hub.limits.text)
    _change(socket, request, "edited", "edit", text=text)


def remove(socket: Asker, request: protocol.Remove) -> None:
    _change(socket, request, "removed", "remove")


def react(socket: Asker, request: protocol.React) -> None:
    _change(socket, request, "reacted", "react", emoji=names.check_emoji(request.emoji), on=request.on)


def _change(socket: Asker, request: Any, event: str, kind: str, **fields: Any) -> None:
    user = socket.user
    change = Change(kind, request.target, user.id, user.moderator, **fields)
    content = protocol.fingerprint(kind, request.target, *fields.values())
    tail = protocol.change_tail(request.id, request.target, user.json, **fields)
    _publish(socket, request, event, tail, content, change)


def _publish(socket: Asker, request: Any, kind: str, tail: bytes, content: str, change: Change | None = None) -> None:
    """Publish an event of this user; `sent` or an error follows. The broker refuses who is banned or muted."""
    hub, room, user = socket.hub, request.room, socket.user
    check_joined(socket, room)
    network = socket.guest_network
    hub.admission.check_slowed(room, user.id, network)
    hub.rates.check_send(user.id, socket.network)
    event = Event(room, user.id, request.id, protocol.event_head(kind, room), tail, change, content, network)
    hub.broker.log.publish(event, partial(_published, socket, request, time.monotonic()))


def _published(socket: Asker, request: Any, asked_at: float, receipt: Receipt | RequestError) -> None:
    if isinstance(receipt, RequestError):
        socket.answer_error(receipt, request.ref)
        return
    telemetry.hot.published += 1
    socket.answer(
        protocol.Sent(
            room=request.room,
            id=request.id,
            seq=receipt.seq,
            at=receipt.at,
            duplicate=receipt.duplicate,
            ref=echo(request.ref),
        ),
        asked_at,
    )


# -- the rest


def typing(socket: Asker, request: protocol.Typing) -> None:
    check_joined(socket, request.room)
    if socket.hub.moderation.holds("mute", request.room, socket.user.id, socket.guest_network):
        return
    if socket.hub.rates.may_type(socket.user.id, socket.network):
        socket.hub.typists.note(request.room, socket.user.person)


def read(socket: Asker, request: protocol.Read) -> None:
    check_joined(socket, request.room)
    # Not cut to this process's head: a page may have shown more. The broker cuts it to the log's end.
    socket.hub.reads.mark(request.room, socket.user.id, request.seq)


async def moderate(socket: Asker, request: protocol.Moderate) -> None:
    await socket.hub.moderation.moderate(socket.user, request)
    room = msgspec.UNSET if request.room is None else request.room
    socket.reply(protocol.Moderated(room=room, user=request.user, action=request.action, ref=echo(request.ref)))


async def renew(socket: Asker, request: protocol.Renew) -> None:
    try:
        user = await socket.hub.tickets.redeem(request.ticket, socket.network, socket.origin)
    except AuthError as error:
        raise RequestError(ErrorCode.FORBIDDEN, str(error)) from None
    if user.id != socket.user.id:
        raise RequestError(ErrorCode.FORBIDDEN, "the ticket is another user's")
    if not await socket.hub.admission.claim_name(user):
        raise RequestError(ErrorCode.FORBIDDEN, "name_taken")
    if socket.connection is None:  # the old token ran out meanwhile, or a moderator closed it
        return
    socket.become(user)
    left = 0 if user.expires_at is None else max(0, int(user.expires_at - CLOCK.now()))
    socket.reply(protocol.Renewed(expires_in=left, ref=echo(request.ref)))


def ping(socket: Asker, request: protocol.Ping) -> None:
    socket.reply(protocol.Pong(at=CLOCK.now_ms(), ref=echo(request.ref)))


def _later(work: Later) -> Callable[[Asker, Request], None]:
    return lambda socket, request: socket.later(work, request)


def _small(work: Callable[[Asker, Any], None]) -> Callable[[Asker, Request], None]:
    def limited(socket: Asker, request: Request) -> None:
        socket.hub.rates.check_small_frame(socket.user.id, socket.network)
        work(socket, request)

    return limited


ACTIONS: dict[type[Request], Callable[[Asker, Any], None]] = {
    protocol.Join: _later(join),
    protocol.Leave: _later(leave),
    protocol.History: _later(history),
    protocol.Moderate: _later(moderate),
    protocol.Renew: _later(renew),
    protocol.Send: send,
    protocol.Edit: edit,
    protocol.Remove: remove,
    protocol.React: react,
    protocol.Typing: _small(typing),
    protocol.Read: _small(read),
    protocol.Ping: _small(ping),
}
