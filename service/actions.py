"""What a client may ask for on its socket: one function an action of the contract.

Synchronous ones are done while the frame is being read. Those that need the broker's answer first (`later`) are worked
off in order, one at a time; nothing awaits in between reading frames, for an await there would hold up the pongs.
"""

import asyncio
import time
from collections.abc import Awaitable
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from service import metrics, names, protocol
from service.admission import page_cost
from service.brokers import events
from service.brokers.log import About, Event, Position, Receipt
from service.clock import CLOCK
from service.identity.auth import AuthError
from service.protocol import ErrorCode, Request, RequestError, echo
from service.rooms.room import Membership
from service.samples import SAMPLES
from service.session import ActionFunction, Later, Session

T = TypeVar("T")


def may_enter(session: Session, room: str) -> None:
    """Raises `bad_room` or `forbidden`; one answer, whether the room exists or not.

    Asked again after each wait: what was so before it says nothing about now.
    """
    names.check_room(room)
    if not session.user.may_enter(room):
        raise RequestError(ErrorCode.FORBIDDEN, "you may not enter this room")
    session.node.moderation.check_ban(room, session.user.id, session.guest_network)


async def _by_the_brokers_word(session: Session, room: str, work: Awaitable[T]) -> T:
    """What `work` gives, unless the broker knows of a ban that this process has yet to hear of. One round trip."""
    ban = session.node.moderation.ask_ban(room, session.user.id, session.guest_network)
    asked = asyncio.ensure_future(ban)
    try:
        result = await work
    except BaseException:
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        raise
    await asked
    may_enter(session, room)
    return result


def check_joined(session: Session, room: str) -> None:
    """Raises `not_joined` (`bad_room` for what can't be a room) for who has no membership."""
    if room not in session.rooms:
        names.check_room(room)
        raise RequestError(ErrorCode.NOT_JOINED, "join the room first")


# -- rooms


async def join(session: Session, request: protocol.Join) -> None:
    room, node = request.room, session.node
    may_enter(session, room)
    limit = min(request.limit, protocol.PAGE_LIMIT)
    node.rates.check_page(session.user.id, session.network, "joins", page_cost(limit))
    if room not in session.rooms and len(session.rooms) >= node.limits.rooms:
        raise RequestError(ErrorCode.TOO_MANY_ROOMS, f"more than {node.limits.rooms} rooms")
    since = Position(request.since.epoch, request.since.seq) if request.since else None
    may_begin = partial(node.admission.may_begin, session.network)
    session.entering = room
    try:
        membership = await node.rooms.join(room, session, since, limit, may_begin)
        membership.plain = "topic" not in request.events
        try:
            with node.reads.following(room) as moved:
                asked = _ask_for_state(session, room, membership)
                reads, about = await _by_the_brokers_word(session, room, asked)
                while node.presence.present(room) is None:  # it no longer agreed with the broker, and is read again
                    await node.presence.roster(room, session.user.person)
                    may_enter(session, room)
        except BaseException:
            membership.leave()
            raise
    finally:
        session.entering = None
    if session.connection is None:  # closed meanwhile
        membership.leave()
        return
    reads |= {user: seq for user, seq in moved.items() if seq > reads.get(user, 0)}
    _enter(session, request, membership, reads, about)


async def _ask_for_state(session: Session, room: str, membership: Membership) -> tuple[dict[str, int], About]:
    """What those have read who are here, and what the room is about; asked for together."""
    about = membership.ask_about()
    roster = await session.node.presence.roster(room, session.user.person)
    reads = await session.node.reads.of(room, roster.members or ())
    return reads, await asyncio.shield(about)


def _enter(
    session: Session, request: protocol.Join, membership: Membership, reads: dict[str, int], about: About
) -> None:
    """Say `joined`, and begin: nothing comes in between.

    Who is here is said as of now: those who came or went since the join began are told to nobody a second time.
    """
    node, room, page = session.node, request.room, membership.page
    if membership.resumed:  # what follows is read for this session
        node.rates.charge_missed(session.user.id, session.network, membership.missed)
    session.leave(room)  # an earlier join, which held until this one was sure
    session.rooms[room] = membership
    node.presence.enter(room, session.user.person)
    roster = node.presence.present(room)
    assert roster is not None
    session.reply(
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
            topic=about.topic or UNSET,
            begun=about.begun or UNSET,
            ref=echo(request.ref),
        )
    )
    membership.begin()


async def leave(session: Session, request: protocol.Leave) -> None:
    check_joined(session, request.room)
    session.leave(request.room)
    session.reply(protocol.Left(room=request.room, ref=echo(request.ref)))


async def history(session: Session, request: protocol.History) -> None:
    room, limit = request.room, min(request.limit, protocol.PAGE_LIMIT)
    check_joined(session, room)
    session.node.rates.check_page(session.user.id, session.network, "pages", page_cost(limit))
    async with session.node.pages:
        reading = session.node.broker.log.newest(room, limit, request.before or 0)
        page = await _by_the_brokers_word(session, room, reading)
        check_joined(session, room)
        messages = [msgspec.Raw(message) for message in page.frames] if page else []
        more = page is not None and page.more
        session.reply(protocol.HistoryPage(room=room, messages=messages, more=more, ref=echo(request.ref)))


# -- events


def send(session: Session, request: protocol.Send) -> None:
    text = names.check_text(request.text, session.node.limits.text)
    _publish(session, request, events.message(request.room, request.id, _author(session), text))
    session.node.typists.done(request.room, session.user.id)


def edit(session: Session, request: protocol.Edit) -> None:
    text = names.check_text(request.text, session.node.limits.text)
    _change(session, request, "edit", text=text)


def remove(session: Session, request: protocol.Remove) -> None:
    _change(session, request, "remove")


def react(session: Session, request: protocol.React) -> None:
    _change(session, request, "react", emoji=names.check_emoji(request.emoji), on=request.on)


def topic(session: Session, request: protocol.SetTopic) -> None:
    text = names.check_topic(request.text)
    _publish(session, request, events.topic(request.room, request.id, _author(session), text))


def _change(session: Session, request: Any, kind: str, **fields: Any) -> None:
    event = events.change(request.room, request.id, _author(session), kind, request.target, **fields)
    _publish(session, request, event)


def _author(session: Session) -> events.Author:
    user = session.user
    return events.Author(user.id, user.json, user.moderator, session.guest_network)


def _publish(session: Session, request: Any, event: Event) -> None:
    """Publish an event of this user; `sent` or an error follows. The broker refuses who is banned or muted."""
    node = session.node
    check_joined(session, event.room)
    node.admission.check_slowed(event.room, event.user, event.network)
    node.rates.check_send(event.user, session.network, node.audience(event.room))
    publish = node.broker.log.publish if node.publish is None else node.publish
    publish(event, partial(_published, session, request, time.monotonic()))


def _published(session: Session, request: Any, asked_at: float, receipt: Receipt | RequestError) -> None:
    if isinstance(receipt, RequestError):
        session.answer_error(receipt, request.ref, send=True)
        return
    metrics.hot.published += 1
    if isinstance(request, protocol.Remove) and session.user.moderator and not receipt.duplicate:
        node = session.node
        node.rooms.tasks.spawn(node.trail.try_removed(session.user, request.room, request.target))
    session.answer(
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


def typing(session: Session, request: protocol.Typing) -> None:
    check_joined(session, request.room)
    if session.node.moderation.holds("mute", request.room, session.user.id, session.guest_network):
        return
    if session.node.rates.may_type(session.user.id, session.network):
        session.node.typists.note(request.room, session.user.person)


def read(session: Session, request: protocol.Read) -> None:
    check_joined(session, request.room)
    # Not cut to this process's head: a page may have shown more. The broker cuts it to the log's end.
    session.node.reads.mark(request.room, session.user.id, request.seq)


async def moderate(session: Session, request: protocol.Moderate) -> None:
    await session.node.moderation.moderate(session.user, request)
    room = UNSET if request.room is None else request.room
    session.reply(protocol.Moderated(room=room, user=request.user, action=request.action, ref=echo(request.ref)))


async def renew(session: Session, request: protocol.Renew) -> None:
    try:
        user = await session.node.tickets.redeem(request.ticket, session.network, session.origin)
    except AuthError as error:
        SAMPLES.note("token", str(error), user=session.user.id, network=session.network)
        raise RequestError(ErrorCode.FORBIDDEN, str(error)) from None
    if user.id != session.user.id:
        raise RequestError(ErrorCode.FORBIDDEN, "the ticket is another user's")
    if not await session.node.admission.claim_name(user):
        raise RequestError(ErrorCode.FORBIDDEN, "name_taken")
    if session.connection is None:  # the old token ran out meanwhile, or a moderator closed it
        return
    session.become(user)
    left = 0 if user.expires_at is None else max(0, int(user.expires_at - CLOCK.now()))
    session.reply(protocol.Renewed(expires_in=left, ref=echo(request.ref)))


def ping(session: Session, request: protocol.Ping) -> None:
    session.reply(protocol.Pong(at=CLOCK.now_ms(), ref=echo(request.ref)))


def _later(work: Later) -> ActionFunction:
    return lambda session, request: session.later(work, request)


def _small(work: ActionFunction) -> ActionFunction:
    def limited(session: Session, request: Request) -> None:
        session.node.rates.check_small_frame(session.user.id, session.network)
        work(session, request)

    return limited


ACTIONS: dict[type[Request], ActionFunction] = {
    protocol.Join: _later(join),
    protocol.Leave: _later(leave),
    protocol.History: _later(history),
    protocol.Moderate: _later(moderate),
    protocol.Renew: _later(renew),
    protocol.Send: send,
    protocol.Edit: edit,
    protocol.Remove: remove,
    protocol.React: react,
    protocol.SetTopic: topic,
    protocol.Typing: _small(typing),
    protocol.Read: _small(read),
    protocol.Ping: _small(ping),
}
