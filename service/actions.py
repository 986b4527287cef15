"""What a client may ask for on its socket: one function an action of the contract.

Synchronous ones are done while the frame is being read. Those that need the broker's answer first (`later`) are worked
off in order, one at a time; nothing awaits in between reading frames, for an await there would hold up the pongs.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, cast

import msgspec

from service import names, protocol, telemetry
from service.auth import AuthError, User
from service.broker import Change, Event, Page, Receipt, Roster
from service.hub import Hub
from service.protocol import ErrorCode, Request, RequestError, echo
from service.relay import Hall, Member
from service.writer import Connection


class Asker(Protocol):
    """The socket that asks, as an action sees it."""

    user: User
    hub: Hub
    rooms: dict[str, Hall]
    network: str
    origin: str | None
    connection: Connection | None

    def reply(self, answer: protocol.Frame) -> None: ...
    def answer(self, answer: protocol.Frame, asked_at: float) -> None: ...
    def answer_error(self, error: RequestError, ref: str | None) -> None: ...
    def later(self, work: "Later", request: Request) -> None: ...
    def forget(self, room: str) -> None: ...
    def become(self, user: User) -> None: ...
    def on_reset(self, room: str, reason: str) -> None: ...


Later = Callable[[Asker, Any], Awaitable[None]]


def may_enter(socket: Asker, room: str) -> None:
    """Raises `bad_room` or `forbidden`; one answer, whether the room exists or not."""
    names.check_room(room)
    if not socket.user.may_enter(room) or socket.hub.moderation.holds("ban", room, socket.user.id):
        raise RequestError(ErrorCode.FORBIDDEN, "you may not enter this room")


def joined(socket: Asker, room: str) -> Hall:
    """The room, or `not_joined` (`bad_room` for what can't be one)."""
    hall = socket.rooms.get(room)
    if hall is None:
        names.check_room(room)
        raise RequestError(ErrorCode.NOT_JOINED, "join the room first")
    return hall


# -- rooms


async def join(socket: Asker, request: protocol.Join) -> None:
    room, hub = request.room, socket.hub
    may_enter(socket, room)
    hub.rates.check(hub.rates.joins, socket.user.id, "joins")
    if room not in socket.rooms and len(socket.rooms) >= hub.settings.rooms_limit:
        raise RequestError(ErrorCode.TOO_MANY_ROOMS, f"more than {hub.settings.rooms_limit} rooms")
    hall = await hub.relay.hold(room)
    try:
        resumed, page, roster, reads = await _look(socket, request, hall)
    except BaseException:
        hub.relay.release(hall)
        raise
    if socket.connection is None:  # closed meanwhile
        hub.relay.release(hall)
        return
    since = request.since.seq if resumed and request.since else page.position.seq
    socket.forget(room)  # of an earlier join, which held until this one was sure
    socket.rooms[room] = hall
    hub.presence.enter(room, socket.user.person)
    socket.reply(
        protocol.Joined(
            room=room,
            epoch=page.position.epoch,
            seq=since,
            resumed=resumed,
            messages=[] if resumed else [msgspec.Raw(message) for message in page.frames],
            more=False if resumed else page.more,
            members=roster.members if roster.members is not None else [],
            count=roster.count,
            reads=reads,
            ref=echo(request.ref),
        )
    )
    if hall.epoch == page.position.epoch:
        hub.relay.attach(hall, cast(Member, socket), since)
    else:  # the count began again between the page and now
        socket.on_reset(room, "epoch")


async def _look(socket: Asker, request: protocol.Join, hall: Hall) -> tuple[bool, Page, Roster, dict[str, int]]:
    """What `joined` says: whether `since` can be resumed, the page, who is here, and what they have read."""
    hub, room = socket.hub, hall.name
    roster = await hub.presence.roster(room, socket.user.person)
    if request.since is not None:
        since = request.since
        page = await hub.broker.after(room, since.seq, 1)
        if page is not None and page.position.epoch == since.epoch and page.position.seq >= since.seq:
            if page.position.seq == since.seq or page.seq == since.seq + 1:
                return True, page, roster, await hub.reads.of(room, roster.members or ())
    newest = await hub.relay.newest(hall, min(request.limit, protocol.PAGE_LIMIT))
    return False, newest, roster, await hub.reads.of(room, roster.members or ())


async def leave(socket: Asker, request: protocol.Leave) -> None:
    joined(socket, request.room)
    socket.forget(request.room)
    socket.reply(protocol.Left(room=request.room, ref=echo(request.ref)))


async def history(socket: Asker, request: protocol.History) -> None:
    joined(socket, request.room)
    socket.hub.rates.check(socket.hub.rates.joins, socket.user.id, "pages")
    limit = min(request.limit, protocol.PAGE_LIMIT)
    page = await socket.hub.broker.newest(request.room, limit, request.before or 0)
    messages = [msgspec.Raw(message) for message in page.frames] if page else []
    more = page is not None and page.more
    socket.reply(protocol.HistoryPage(room=request.room, messages=messages, more=more, ref=echo(request.ref)))


# -- events


def send(socket: Asker, request: protocol.Send) -> None:
    text = names.check_text(request.text, socket.hub.settings.text_limit)
    tail = protocol.message_tail(request.id, socket.user.json, text)
    _publish(socket, request, "message", tail, protocol.fingerprint("message", text))


def edit(socket: Asker, request: protocol.Edit) -> None:
    text = names.check_text(request.text, socket.hub.settings.text_limit)
    _change(socket, request, "edited", "edit", text=text)


def remove(socket: Asker, request: protocol.Remove) -> None:
    _change(socket, request, "removed", "remove")


def react(socket: Asker, request: protocol.React) -> None:
    names.check_emoji(request.emoji)
    _change(socket, request, "reacted", "react", emoji=request.emoji, on=request.on)


def _change(socket: Asker, request: Any, event: str, kind: str, **fields: Any) -> None:
    user = socket.user
    change = Change(kind, request.target, user.id, user.moderator, **fields)
    content = protocol.fingerprint(kind, request.target, *fields.values())
    tail = protocol.change_tail(request.id, request.target, user.json, **fields)
    _publish(socket, request, event, tail, content, change)


def _publish(socket: Asker, request: Any, kind: str, tail: bytes, content: str, change: Change | None = None) -> None:
    """Publish an event of this user; `sent` or an error follows."""
    hub, room, user = socket.hub, request.room, socket.user
    joined(socket, room)
    if hub.moderation.holds("mute", room, user.id):
        raise RequestError(ErrorCode.FORBIDDEN, "you are muted")
    hub.rates.check_send(user.id, socket.network)
    network = socket.network if user.guest else ""
    event = Event(room, user.id, request.id, protocol.event_head(kind, room), tail, change, content, network)
    hub.broker.publish(event, partial(_published, socket, request, time.monotonic()))


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
    joined(socket, request.room)
    if socket.hub.moderation.holds("mute", request.room, socket.user.id):
        return
    if socket.hub.rates.may_type(socket.user.id, socket.network):
        signal = {"kind": "typing", "user": socket.user.person}
        socket.hub.broker.signal(request.room, protocol.encode(signal))


def read(socket: Asker, request: protocol.Read) -> None:
    hall = joined(socket, request.room)
    socket.hub.reads.mark(request.room, socket.user.id, min(request.seq, hall.head))


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
    socket.become(user)
    left = 0 if user.expires_at is None else max(0, int(user.expires_at - time.time()))
    socket.reply(protocol.Renewed(expires_in=left, ref=echo(request.ref)))


def ping(socket: Asker, request: protocol.Ping) -> None:
    socket.reply(protocol.Pong(at=int(time.time() * 1000), ref=echo(request.ref)))


def _later(work: Later) -> Callable[[Asker, Request], None]:
    return lambda socket, request: socket.later(work, request)


def _light(work: Callable[[Asker, Any], None]) -> Callable[[Asker, Request], None]:
    def limited(socket: Asker, request: Request) -> None:
        socket.hub.rates.check_light(socket.user.id, socket.network)
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
    protocol.Typing: _light(typing),
    protocol.Read: _light(read),
    protocol.Ping: _light(ping),
}
