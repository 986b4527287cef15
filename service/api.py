"""HTTP for clients: what all requests have, tickets, the list of rooms."""

import asyncio
import time
from types import TracebackType
from typing import Any

import msgspec

from service import names
from service.admission import page_cost, unread_cost
from service.brokers.directory import ROOMS_LISTED, Directory
from service.brokers.outages import COSTS
from service.handler import ApiError, Handler
from service.identity import headers
from service.identity.auth import AuthError, User
from service.identity.tickets import TICKET_SECONDS
from service.protocol import NUMBER_LIMIT, ErrorCode, RequestError
from service.rooms.moderation import banned
from service.samples import SAMPLES
from service.sockets.tornado_private import answered
from service.sockets.upgrade import Refusal

STATUS = {
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.BAD_ROOM: 404,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.UNAVAILABLE: 503,
}
OVERSEERS = ("moderator", "service")  # roles of those who look after rooms
LIST_SECONDS = 1.0  # for which a list of rooms serves everybody


class Api(Handler):
    """What needs an allowed Origin (or none) and mostly a bearer token; the contract's errors become statuses."""

    def prepare(self) -> None:
        super().prepare()
        if answered(self):
            return
        refusal = self.refusal()
        if refusal is not None:
            status, sentence, _ = refusal
            raise ApiError(
                status,
                "forbidden" if status == 403 else "unavailable",
                sentence,
                1.0 if status == 503 else None,
            )

    def refusal(self) -> Refusal | None:
        """Why the request may not even show its credentials."""
        return self.node.admission.refusal(self.request, guests=True)

    @property
    def sends(self) -> bool:
        """Whether something is being said by this request."""
        return False

    def options(self, *args: str) -> None:
        self.answer_preflight()

    def log_exception(self, typ: Any, value: BaseException | None, tb: TracebackType | None) -> None:
        if not isinstance(value, RequestError | AuthError):
            super().log_exception(typ, value, tb)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        error = self._as_status(kwargs.get("exc_info", (None, None, None))[1])
        if error is not None:
            status_code, kwargs["exc_info"] = error.status_code, (ApiError, error, None)
        super().send_error(status_code, **kwargs)

    def _as_status(self, error: BaseException | None) -> ApiError | None:
        """What an error of the contract is over HTTP; None for any other."""
        if isinstance(error, RequestError):
            if error.code is ErrorCode.UNAVAILABLE:
                COSTS.refuse(send=self.sends)
            return ApiError(STATUS[error.code], error.code, error.message, error.retry_after)
        if isinstance(error, AuthError):
            SAMPLES.note("token", str(error), network=self.node.proxies.network(self.request))
            return ApiError(401, "unauthenticated", str(error))
        return None

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
        if text and not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= NUMBER_LIMIT):
            raise RequestError(ErrorCode.BAD_REQUEST, f"{name} is not a whole number of at most {NUMBER_LIMIT}")
        return int(text) if text else default

    async def caller(self) -> User:
        """Whose bearer token this is, or 401."""
        token = headers.bearer(self.request.headers)
        if token is None:
            raise AuthError("a bearer token is missing")
        user = await self.node.authenticator.verify(token)
        self.check_ban("", user)
        return user

    async def caller_as(self, *roles: str) -> User:
        """The same, of one of these roles, or 403."""
        user = await self.caller()
        self._check_role(user, roles)
        return user

    @staticmethod
    def _check_role(user: User, roles: tuple[str, ...]) -> None:
        if roles and user.role not in roles:
            needed = " or ".join(roles)
            raise RequestError(
                ErrorCode.FORBIDDEN, f"this needs a token with the role {needed}, and yours has the role {user.role}"
            )

    def check_ban(self, room: str, user: User) -> None:
        """Raises `forbidden` for who is banned there, or as a guest of their network."""
        self.node.moderation.check_ban(room, user.id, self.guest_network(user))

    async def ask_ban_everywhere(self, user: User) -> None:
        """The same of a ban of everywhere, by the broker's word. Beside what is asked anyway it costs no time."""
        held = await self.node.moderation.find_everywhere(user.id, self.guest_network(user))
        if held is not None:
            raise RequestError(ErrorCode.FORBIDDEN, banned(held.reason))
        self.check_ban("", user)

    def guest_network(self, user: User) -> str:
        """Where a guest comes from, for sanctions; "" for everybody else."""
        return self.node.proxies.network(self.request) if user.guest else ""

    def charge_page(self, user: User, what: str, cost: float) -> None:
        """What `user` asks for, by its size in pages: at a person's rate, or a backend's. Raises `rate_limited`."""
        rates, network = self.node.rates, self.node.proxies.network(self.request)
        check = rates.check_service if user.role == "service" else rates.check_page
        check(user.id, network, what, cost)

    async def caller_in(self, room: str, *roles: str) -> User:
        """The same, who may enter `room`; a room that may not be entered is one that isn't there, whatever the role."""
        user = await self.caller()
        names.check_room(room)
        self.check_room(room, user)
        self._check_role(user, roles)
        return user

    def check_room(self, room: str, user: User) -> None:
        """Raises 404 unless the user may be there. Asked again after each wait."""
        if not user.may_enter(room) or self.node.moderation.holds("ban", room, user.id, self.guest_network(user)):
            raise no_such_room()

    def wanted(self, by: User, meant: dict[str, str]) -> bool:
        """Whether the query asks for what has these fields, and it is everywhere or of a room that `by` may enter."""
        room = meant["room"]
        asked = {name: self.get_query_argument(name, "") for name in meant}
        return (not room or by.may_enter(room)) and all(text in ("", meant[name]) for name, text in asked.items())

    async def ask_ban(self, room: str, user: User) -> None:
        """The same by the broker's word, which this process may be behind."""
        if await self.node.broker.directory.ban(room, user.id, self.guest_network(user)) is not None:
            raise no_such_room()
        self.check_room(room, user)


def no_such_room() -> ApiError:
    return ApiError(404, "not_found", "There is no such room, or none that you may enter.")


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
        _, named = await asyncio.gather(
            self.ask_ban_everywhere(user), self.node.admission.claim_name(user, "" if known else network)
        )
        if not named:
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
        self.charge_page(user, "requests", page_cost(min(limit, len(listed))))
        rooms = [
            (room, count)
            for room, count in listed
            if room > after and user.may_enter(room) and not self.node.moderation.holds("ban", room, user.id)
        ]
        shown = dict(rooms[:limit])

        def choose(read: list[str]) -> list[str]:
            chosen = [room for room in read if room in shown]
            self.charge_page(user, "requests", unread_cost(len(chosen)))
            return chosen

        _, unread = await asyncio.gather(self.ask_ban_everywhere(user), self.node.reads.unread(user.id, choose))
        page = [{"room": room, "count": count, "unread": unread.get(room, 0)} for room, count in shown.items()]
        paged = {"more": len(rooms) > limit} if {"after", "limit"} & self.request.query_arguments.keys() else {}
        self.write_json({"rooms": page} | paged)
