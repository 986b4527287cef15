"""`/messages`, `/rooms/<room>/messages` and each of them: history, publishing one or many, edits, removals."""

import asyncio
import logging
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from service import metrics, names, protocol
from service.admission import page_cost
from service.api import OVERSEERS, no_such_room
from service.backend.handler import BackendHandler, error_of
from service.brokers import events
from service.brokers.base import settle
from service.brokers.directory import BANNED, MUTED
from service.brokers.log import FOREIGN, ID_USED, NO_MESSAGE, Event, Log, Receipt
from service.brokers.outages import COSTS
from service.handler import ApiError
from service.identity.auth import User
from service.logs import fields
from service.protocol import ErrorCode, Person, RequestError

logger = logging.getLogger(__name__)

BATCH_MESSAGES_LIMIT = 500  # messages of one request


class Post(Struct):
    id: protocol.ClientId
    text: str
    user: Person | None = None


class RoomPost(Post, kw_only=True):
    room: str


class Batch(Struct):
    messages: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=BATCH_MESSAGES_LIMIT)]


class Correction(Struct):
    id: protocol.ClientId
    text: str
    user: Person | None = None


def publishing(log: Log, event: Event) -> "asyncio.Future[Receipt]":
    """Publish now; the broker's word, or the `RequestError` that it refuses with."""
    answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    def done(receipt: Receipt | RequestError) -> None:
        if not isinstance(receipt, RequestError):
            metrics.hot.published += 1
        settle(answer, receipt)

    log.publish(event, done)
    return answer


def stored(by: User, event: Event, receipt: Receipt) -> dict[str, Any]:
    """What is answered of an event that the log holds; the log of ours has it by the request that said it."""
    extra = fields(
        "published", room=event.room, seq=receipt.seq, user=event.user, by=by.id, duplicate=receipt.duplicate
    )
    logger.debug("published: %s %d", event.room, receipt.seq, extra=extra)
    where = {"room": event.room, "id": event.id}
    return where | {"seq": receipt.seq, "at": receipt.at, "duplicate": receipt.duplicate}


def explained(refusal: RequestError, event: Event) -> RequestError | ApiError:
    """What the broker refused, in words for who publishes in many names, and by which each thing is called."""
    room, seq = event.room, event.change.target if event.change else 0
    if refusal.message == NO_MESSAGE:
        sentence = f"There is no message {seq} in {room}: it is no longer kept, or the event of that seq is no message."
        return ApiError(404, "not_found", sentence)
    sentences = {
        FOREIGN: f"message {seq} is somebody else's: give its author as user, as the history has it",
        ID_USED: f"the id {event.id} was used for something else by {event.user}: what is new needs an id of its own",
        BANNED: f"{event.user} is banned from {room} or from everywhere: lift that, or say it in another name",
        MUTED: f"{event.user} is muted in {room} or everywhere: lift that, or say it in another name",
    }
    sentence = sentences.get(refusal.message, refusal.message)
    return RequestError(refusal.code, sentence, refusal.retry_after)


def author_of(user: User) -> events.Author:
    """Tokens of both roles remove what anybody wrote; one of role service may publish in anybody's name, too."""
    return events.Author(user.id, user.json, moderator=user.role in OVERSEERS)


class PublishHandler(BackendHandler):
    """What publishing has in common."""

    @property
    def sends(self) -> bool:
        return self.request.method not in ("GET", "HEAD")

    def message(self, user: User, room: str, post: Post) -> Event:
        """Raises `RequestError` for what no message can be."""
        text = names.check_text(post.text, self.node.limits.text)
        return events.message(room, post.id, author_of(self.author(user, post.user)), text)

    async def publish(self, event: Event) -> Receipt:
        """The broker's word. Raises what it refuses with."""
        try:
            return await publishing(self.node.broker.log, event)
        except RequestError as refusal:
            raise explained(refusal, event) from None


class MessagesHandler(PublishHandler):
    """`/rooms/<room>/messages`: a page of history, for all who may enter; publishing one."""

    async def get(self, room: str) -> None:
        user = await self.caller_in(room)
        before, after = self.number("before", 0), self.number("after", 0)
        forwards = "after" in self.request.query_arguments
        if before and forwards:
            raise RequestError(ErrorCode.BAD_REQUEST, "before and after exclude each other: a page goes one way")
        limit = min(self.number("limit", protocol.PAGE_DEFAULT), protocol.PAGE_LIMIT)
        self.charge_page(user, "pages", page_cost(limit))
        log = self.node.broker.log
        async with self.node.pages:
            page = await (log.oldest(room, limit, after) if forwards else log.newest(room, limit, before))
            more = {"trimmed": await self._trimmed(room, after)} if forwards else {}
            await self.ask_ban(room, user)
            if page is None:
                raise no_such_room()
            messages = [msgspec.Raw(message) for message in page.frames]
            where = {"epoch": page.position.epoch, "seq": page.position.seq}
            self.write_json({"room": room, "messages": messages, "more": page.more} | where | more)

    async def _trimmed(self, room: str, after: int) -> bool:
        """Whether an event behind `after` is no longer kept: asked last, so that what goes meanwhile is said."""
        page = await self.node.broker.log.after(room, after, 1)
        return page is not None and bool(page.frames) and page.seq > after + 1

    async def post(self, room: str) -> None:
        user = await self.service_in(room)
        event = self.message(user, room, self.body(Post))
        self.charge(user, "messages")
        receipt = await self.publish(event)
        self.write_json(stored(user, event, receipt), 200 if receipt.duplicate else 201)


class BatchHandler(PublishHandler):
    """`POST /messages`: many, of one room or of several; each is answered by itself, in their order."""

    async def post(self) -> None:
        user = await self.service()
        batch = self.body(Batch)
        self.charge(user, "messages", len(batch.messages))
        begun = [self._begin(user, item) for item in batch.messages]
        # In one turn of the loop, so that those of a room keep their order, and are one step of the broker.
        receipts = await asyncio.gather(*(receipt for _, receipt in begun), return_exceptions=True)
        results = [_result(user, event, receipt) for (event, _), receipt in zip(begun, receipts, strict=True)]
        self.write_json({"results": results})

    def _begin(self, user: User, item: msgspec.Raw) -> "tuple[Event | None, asyncio.Future[Receipt]]":
        try:
            post = msgspec.json.decode(item, type=RoomPost)
            names.check_room(post.room)
            self.check_room(post.room, user)
            event = self.message(user, post.room, post)
        except (ValueError, RecursionError) as error:
            reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
            return None, _refused(RequestError(ErrorCode.BAD_REQUEST, f"the message: {reason}"))
        except (RequestError, ApiError) as refusal:
            return None, _refused(refusal)
        return event, publishing(self.node.broker.log, event)


def _refused(refusal: RequestError | ApiError) -> "asyncio.Future[Receipt]":
    answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    answer.set_exception(refusal)
    return answer


def _result(user: User, event: Event | None, receipt: Receipt | BaseException) -> dict[str, Any]:
    if isinstance(receipt, RequestError) and event is not None:
        if receipt.code is ErrorCode.UNAVAILABLE:
            COSTS.refuse(send=True)
        receipt = explained(receipt, event)
    if isinstance(receipt, RequestError | ApiError):
        return {"error": error_of(receipt)}
    if isinstance(receipt, BaseException):
        raise receipt
    assert event is not None
    return stored(user, event, receipt)


class MessageHandler(PublishHandler):
    """`/rooms/<room>/messages/<seq>`: its text is changed, or taken away."""

    async def patch(self, room: str, seq: str) -> None:
        user = await self.service_in(room)
        body = self.body(Correction)
        text = names.check_text(body.text, self.node.limits.text)
        author = author_of(self.author(user, body.user))
        event = events.change(room, body.id, author, "edit", int(seq), text=text)
        self.charge(user, "messages")
        self.write_json(stored(user, event, await self.publish(event)))

    async def delete(self, room: str, seq: str) -> None:
        user = await self.overseer_in(room)
        # Under an id of its own each removal of a message is the same one.
        id = self.get_query_argument("id", "") or f"remove-{seq}"
        if len(id) > protocol.ID_LIMIT:
            raise RequestError(ErrorCode.BAD_REQUEST, f"id is longer than {protocol.ID_LIMIT} characters")
        event = events.change(room, id, author_of(user), "remove", int(seq))
        self.charge_page(user, "messages", 1)
        receipt = await self.publish(event)
        if not receipt.duplicate:
            await self.node.trail.try_removed(user, room, int(seq))
        self.write_json(stored(user, event, receipt))
