"""HTTP for clients and servers: tickets, rooms, history, publishing, moderation."""

import asyncio
import logging
import time
from typing import Any

import msgspec

from service import metrics, names, protocol
from service.admission import page_cost
from service.brokers.directory import Directory
from service.brokers.log import Event, Log, Receipt
from service.brokers.outages import COSTS
from service.handler import ApiError, Handler
from service.identity import headers
from service.identity.auth import AuthError, User
from service.identity.tickets import TICKET_SECONDS
from service.logs import fields
from service.protocol import ErrorCode, Person, RequestError
from service.samples import SAMPLES
from service.sockets.tornado_private import answered

logger = logging.getLogger(__name__)

STATUS = {
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.BAD_ROOM: 404,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.UNAVAILABLE: 503,
}
ROOMS_LISTED = 1000  # rooms that are listed at most
LIST_SECONDS = 1.0  # for which a list of rooms serves everybody


class Api(Handler):
    """What needs an allowed Origin (or none) and mostly a bearer token; the contract's errors become statuses."""

    def prepare(self) -> None:
        super().prepare()
        if answered(self):
            return
        refusal = self.node.admission.refusal(self.request, guests=True)
        if refusal is not None:
            status, sentence, _ = refusal
            raise ApiError(
                status,
                "forbidden" if status == 403 else "unavailable",
                sentence,
                1.0 if status == 503 else None,
            )

    def options(self, *args: str) -> None:
        self.answer_preflight()

    def _handle_request_exception(self, e: BaseException) -> None:
        try:
            if isinstance(e, RequestError):
                if e.code is ErrorCode.UNAVAILABLE:
                    COSTS.refuse(send=isinstance(self, MessagesHandler) and self.request.method == "POST")
                raise ApiError(STATUS[e.code], e.code, e.message, e.retry_after) from None
            if isinstance(e, AuthError):
                SAMPLES.note("token", str(e), network=self.node.proxies.network(self.request))
                raise ApiError(401, "unauthenticated", str(e)) from None
        except ApiError as error:  # raised, because Tornado logs and answers what sys.exc_info() holds
            super()._handle_request_exception(error)
        else:
            super()._handle_request_exception(e)

    def body(self, kind: type[Any]) -> Any:
        """The request's JSON body as `kind`, or bad_request."""
        try:
            return msgspec.json.decode(self.request.body, type=kind)
        except (ValueError, RecursionError) as error:
            reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
            raise RequestError(ErrorCode.BAD_REQUEST, f"the body: {reason}") from None

    def number(self, name: str, default: int) -> int:
        """The whole number that a query names, or bad_request."""
        text = self.get_query_argument(name, "")
        if text and not (text.isascii() and text.isdigit() and len(text) <= 16):
            raise RequestError(ErrorCode.BAD_REQUEST, f"{name} is not a whole number")
        return int(text) if text else default

    async def caller(self) -> User:
        """Whose bearer token this is, or 401."""
        token = headers.bearer(self.request.headers)
        if token is None:
            raise AuthError("a bearer token is missing")
        user = await self.node.authenticator.verify(token)
        self.check_ban("", user)
        return user

    def check_ban(self, room: str, user: User) -> None:
        """Raises `forbidden` for who is banned there, or as a guest of their network."""
        self.node.moderation.check_ban(room, user.id, self.guest_network(user))

    def guest_network(self, user: User) -> str:
        """Where a guest comes from, for sanctions; "" for everybody else."""
        return self.node.proxies.network(self.request) if user.guest else ""

    async def caller_in(self, room: str) -> User:
        """The same, who may enter `room`; a room that may not be entered is one that isn't there."""
        user = await self.caller()
        names.check_room(room)
        self.check_room(room, user)
        return user

    def check_room(self, room: str, user: User) -> None:
        """Raises 404 unless the user may be there. Asked again after each wait."""
        if not user.may_enter(room) or self.node.moderation.holds("ban", room, user.id, self.guest_network(user)):
            raise no_such_room()

    async def ask_ban(self, room: str, user: User) -> None:
        """The same by the broker's word, which this process may be behind."""
        if await self.node.broker.directory.ban(room, user.id, self.guest_network(user)) is not None:
            raise no_such_room()
        self.check_room(room, user)


def no_such_room() -> ApiError:
    return ApiError(404, "not_found", "There is no such room.")


class TicketBody(msgspec.Struct):
    name: str | None = None
    guest: str | None = None


class TicketsHandler(Api):
    """`POST /tickets`: a one-use ticket, for a guest by name or for the bearer of a token."""

    async def post(self) -> None:
        network = self.node.proxies.network(self.request)
        self.node.rates.check(self.node.rates.tickets, network, "tickets")
        guest_token = None
        if headers.bearer(self.request.headers) is not None:
            user = await self.caller()
            known = True
        else:
            body = self.body(TicketBody)
            known = body.guest is not None
            user, guest_token = self.node.authenticator.guest(body.name, body.guest)
            self.check_ban("", user)
        if not await self.node.admission.claim_name(user, "" if known else network):
            raise ApiError(409, "name_taken", "Somebody who is here has this name.")
        if known and user.guest:
            self.node.admission.announce_name(user)
        ticket = await self.node.tickets.issue(user, network, self.request.headers.get("Origin"))
        answer = {"ticket": ticket, "expires_in": TICKET_SECONDS, "user": user.person}
        if guest_token is not None:
            answer["guest"] = guest_token
        self.write_json(answer, 201)


class RoomList:
    """The rooms and how many people are in each, by name: read once for all who ask within `seconds`."""

    def __init__(self, directory: Directory, seconds: float = LIST_SECONDS) -> None:
        self._directory = directory
        self._seconds = seconds
        self._list: asyncio.Future[list[tuple[str, int]]] | None = None
        self._asked_at = 0.0

    async def get(self) -> list[tuple[str, int]]:
        """Raises `RequestError` while the broker is away."""
        now = time.monotonic()
        if self._list is None or (self._list.done() and now - self._asked_at >= self._seconds):
            self._list, self._asked_at = asyncio.ensure_future(self._load()), now
            self._list.add_done_callback(self._drop_failed)
        return await asyncio.shield(self._list)

    async def _load(self) -> list[tuple[str, int]]:
        return sorted(list((await self._directory.rooms()).items())[:ROOMS_LISTED])

    def _drop_failed(self, done: "asyncio.Future[list[tuple[str, int]]]") -> None:
        if done.cancelled() or done.exception() is not None:
            self._list = None


class RoomsHandler(Api):
    """`GET /rooms`: what the caller may enter, with how many people are in and how much is unread."""

    def initialize(self, rooms: RoomList) -> None:  # type: ignore[override]
        super().initialize()
        self._rooms = rooms

    async def get(self) -> None:
        user = await self.caller()
        after, limit = self.get_query_argument("after", ""), self.number("limit", ROOMS_LISTED)
        listed = await self._rooms.get()
        cost = page_cost(min(limit, len(listed)))
        self.node.rates.check_page(user.id, self.node.proxies.network(self.request), "requests", cost)
        rooms = [
            (room, count)
            for room, count in listed
            if room > after and user.may_enter(room) and not self.node.moderation.holds("ban", room, user.id)
        ]
        unread = await self.node.reads.unread(user.id)
        page = [{"room": room, "count": count, "unread": unread.get(room, 0)} for room, count in rooms[:limit]]
        paged = {"more": len(rooms) > limit} if {"after", "limit"} & self.request.query_arguments.keys() else {}
        self.write_json({"rooms": page} | paged)


class Post(msgspec.Struct):
    id: protocol.ClientId
    text: str
    user: Person | None = None


class MessagesHandler(Api):
    """`/rooms/<room>/messages`: a page of history; publishing from a server."""

    async def get(self, room: str) -> None:
        user = await self.caller_in(room)
        before = self.number("before", 0)
        limit = min(self.number("limit", protocol.PAGE_DEFAULT), protocol.PAGE_LIMIT)
        self.node.rates.check_page(user.id, self.node.proxies.network(self.request), "pages", page_cost(limit))
        async with self.node.pages:
            page = await self.node.broker.log.newest(room, limit, before)
            await self.ask_ban(room, user)
            if page is None:
                raise no_such_room()
            messages = [msgspec.Raw(message) for message in page.frames]
            self.write_json({"room": room, "messages": messages, "more": page.more})

    async def post(self, room: str) -> None:
        user = await self.caller_in(room)
        if user.role != "service":
            raise RequestError(ErrorCode.FORBIDDEN, "only tokens with the role service may publish here")
        body = self.body(Post)
        text = names.check_text(body.text, self.node.limits.text)
        self.node.rates.check_send(user.id, self.node.proxies.network(self.request))
        author = user.person
        if body.user is not None:
            if not 1 <= len(body.user.id) <= 128 or not names.printable(body.user.id):
                raise RequestError(ErrorCode.BAD_REQUEST, "user.id is not 1 to 128 printable characters")
            author = Person(body.user.id, names.check_name(body.user.name))
        tail = protocol.message_tail(body.id, protocol.encode(author), text)
        head, content = protocol.event_head("message", room), protocol.fingerprint("message", text)
        receipt = await publish(self.node.broker.log, Event(room, author.id, body.id, head, tail, content=content))
        metrics.hot.published += 1
        logger.debug(
            "published: %s %d",
            room,
            receipt.seq,
            extra=fields(
                "published", room=room, seq=receipt.seq, user=author.id, by=user.id, duplicate=receipt.duplicate
            ),
        )
        answer = {
            "room": room,
            "id": body.id,
            "seq": receipt.seq,
            "at": receipt.at,
            "duplicate": receipt.duplicate,
        }
        self.write_json(answer, 200 if receipt.duplicate else 201)


async def publish(log: Log, event: Event) -> Receipt:
    """Publish and wait for the broker's word. Raises `RequestError`."""
    answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    def done(receipt: Receipt | RequestError) -> None:
        if not answer.done():
            if isinstance(receipt, RequestError):
                answer.set_exception(receipt)
            else:
                answer.set_result(receipt)

    log.publish(event, done)
    return await answer


class ModerationHandler(Api):
    """`POST /moderation`: the socket's `moderate` over HTTP, with the same fields."""

    async def post(self) -> None:
        user = await self.caller()
        request = self.body(protocol.Moderate)
        await self.node.moderation.moderate(user, request)
        self.write_json({"user": request.user, "action": request.action, "room": request.room})
