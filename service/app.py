"""The service put together: its parts, made of the settings, and its routes."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches, Rule
from tornado.web import Application, RequestHandler

from service import api, files, health, protocol, signals, traffic
from service.admin import moderation as admin_moderation
from service.admin import state as admin_state
from service.admission import Admission, Rates, buckets
from service.assets import release
from service.backend import messages as backend_messages
from service.backend import rooms as backend_rooms
from service.backend import users as backend_users
from service.brokers.broker import Broker
from service.brokers.directory import Directory, Sanction
from service.brokers.readiness import Readiness
from service.brokers.sqlite.broker import SqliteBroker
from service.chat import ChatHandler
from service.config import Settings
from service.guides import chat as guide_chat
from service.guides import clock as guide_clock
from service.guides import play as guide_play
from service.guides.handler import GuestHandler, GuideHandler
from service.handler import LargeBody, TooLarge
from service.hooks import signing
from service.hooks.hooks import Hooks
from service.identity import headers
from service.identity.auth import Authenticator
from service.identity.headers import Origins, Proxies
from service.identity.jwks import KeySet
from service.identity.networks import Networks
from service.identity.tickets import Tickets
from service.logs import fields
from service.mailbox import Mailbox
from service.node import Node
from service.pages import PAGES, STATIC, Elsewhere, EmbedHandler, PageHandler, Static
from service.protocol import encode
from service.rooms import presence, reads, typists
from service.rooms.moderation import Moderation
from service.rooms.presence import PresenceTracker
from service.rooms.reads import ReadPositions
from service.rooms.rooms import Rooms
from service.rooms.trail import Trail
from service.rooms.typists import Typists
from service.sockets import acceptor
from service.sockets.framing import frame
from service.sockets.heartbeat import Heartbeat
from service.sockets.limits import SocketLimits
from service.sockets.unsent import Budget
from service.sockets.upgrade import asks_for_websocket
from service.streams import FramesHandler, StreamHandler

if TYPE_CHECKING:
    from service.brokers.redis.broker import RedisBroker

logger = logging.getLogger(__name__)

BODY_LIMIT = 131072  # bytes of a request's body, at least

ROOT_SOCKETS: dict[str, tuple[type[GuideHandler], dict[str, Any]]] = {  # by ROOT_SOCKET
    "chat": (GuestHandler, {"kind": guide_chat.EscapedSession}),
    "clock": (GuideHandler, {"kind": guide_clock.ClockSession}),
}


class _Upgrade(PathMatches):
    """The path, if an Upgrade header asks for a WebSocket there."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return super().match(request) if asks_for_websocket(request) else None


class Routes(Application):
    """Tornado's, for targets in each form that a server must take."""

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        headers.to_origin_form(request)
        return super().find_handler(request, **kwargs)


def body_limit(settings: Settings) -> int:
    """Bytes of a request's body: the longest text may also come by HTTP."""
    return max(BODY_LIMIT, settings.frame_limit)


def make_application(node: Node, settings: Settings, static: Path = STATIC) -> Application:
    """The routes; `static`: the folder of what browsers get."""
    limit_bytes = body_limit(settings)
    room, seq, user = r"([^/]+)", r"([1-9][0-9]{0,14})", r"([^/]+)"
    rules: list[Any] = [
        (r"/socket", ChatHandler),  # first, for rules are tried one after the other
        (r"/events", StreamHandler),
        Rule(LargeBody(limit_bytes), TooLarge, {"limit_bytes": limit_bytes}),
        Rule(_Upgrade(r"/"), *ROOT_SOCKETS[settings.root_socket]),
        *((path, PageHandler) for path in PAGES),
        (r"/receive", GuestHandler, {"kind": guide_chat.ReceiveSession}),
        (r"/submit", GuestHandler, {"kind": guide_chat.SubmitSession}),
        (r"/ws", GuestHandler, {"kind": guide_chat.BothWaysSession}),
        (r"/room", PageHandler, {"file": "room.html"}),
        (r"/room/chat", guide_play.PlayHandler, {"kind": guide_play.PlaySession}),
        (r"/clock\.html", PageHandler, {"file": "clock.html"}),
        (r"/clock", GuideHandler, {"kind": guide_clock.ClockSession}),
        (r"/pingWs", GuideHandler, {"kind": guide_clock.PingSession}),
        (r"/events/frames", FramesHandler),
        (r"/tickets", api.TicketsHandler),
        (r"/rooms", api.RoomsHandler, {"rooms": api.RoomList(node.broker.directory)}),
        (rf"/rooms/{room}/messages", backend_messages.MessagesHandler),
        (rf"/rooms/{room}/messages/{seq}", backend_messages.MessageHandler),
        (rf"/rooms/{room}", backend_rooms.RoomHandler),
        (rf"/rooms/{room}/export", backend_rooms.ExportHandler),
        (rf"/rooms/{room}/members", backend_rooms.MembersHandler),
        (rf"/users/{user}", backend_users.UserHandler),
        (rf"/users/{user}/sockets", backend_users.SocketsHandler),
        (r"/messages", backend_messages.BatchHandler),
        (r"/moderation", admin_moderation.ModerationHandler),
        (r"/moderation/trail", admin_moderation.TrailHandler),
        *_admin(settings),
        (r"/healthz", health.HealthHandler),
        (r"/readyz", health.ReadyHandler),
        (r"/metrics", health.MetricsHandler, {"token": settings.metrics_token}),
        (r"/docs", PageHandler, {"file": release.REFERENCE}),
        (r"/openapi\.json", PageHandler, {"file": release.DOCUMENT}),
        (r"/asyncapi\.json", PageHandler, {"file": release.ASYNCAPI}),
        (r"/manifest\.webmanifest", PageHandler, {"file": release.MANIFEST}),
        (r"/worker\.js", PageHandler, {"file": release.WORKER if settings.service_worker else release.WORKER_OFF}),
        (r"/embed\.js", EmbedHandler),
        (r"/static/(.*)", Static),
    ]
    assets = _assets(settings, static)
    return Routes(rules, node=node, assets=assets, default_handler_class=Elsewhere, log_function=_log_request)


def _admin(settings: Settings) -> list[Any]:
    """Where it is switched off there is nothing at these addresses, as at any other."""
    if not settings.admin:
        return []
    broker = "redis" if settings.redis_url else "sqlite"
    return [
        (r"/admin", PageHandler, {"file": release.ADMIN}),
        (r"/admin/state", admin_state.StateHandler, {"broker": broker}),
    ]


def _assets(settings: Settings, static: Path = STATIC) -> release.Assets:
    """What browsers get; the chat page is told who may come in, and how (static/page/identity.js), as is /admin."""
    told = {} if settings.guests else {"data-guests": "0"}
    told |= {"data-sign-in": settings.sign_in_url} if settings.sign_in_url else {}
    return release.load(static, tuple(told.items()))


def _log_request(handler: RequestHandler) -> None:
    """Paths only: a query may hold what somebody put there by mistake."""
    status = handler.get_status()
    if status == 101:
        return
    traffic.count(handler)
    level = logging.ERROR if status >= 500 and status != 503 else logging.DEBUG
    if not logger.isEnabledFor(level):
        return
    request = handler.request
    elapsed = request.request_time()
    extra = fields(
        "request",
        method=request.method,
        path=request.path,
        code=status,
        seconds=elapsed,
    )
    logger.log(level, "%s %s %d %.1f ms", request.method, request.path, status, 1000 * elapsed, extra=extra)


def _redis_broker() -> "type[RedisBroker]":
    """Not loaded for those who have no Redis: redis-py takes a fifth of a start."""
    from service.brokers.redis.broker import RedisBroker

    return RedisBroker


def make_broker(settings: Settings) -> Broker:
    """Redis where there is a URL, else the embedded broker."""
    history_limit, history_days = settings.history_limit, settings.history_days
    if not settings.redis_url:
        return SqliteBroker(
            settings.sqlite_path,
            history_limit=history_limit,
            history_days=history_days,
            secret=settings.secret_key,
        )
    return _redis_broker()(
        settings.redis_url,
        history_limit=history_limit,
        history_days=history_days,
        secret=settings.secret_key,
        prefix=settings.redis_prefix,
        copies=settings.redis_copies,
        copies_seconds=settings.redis_copies_seconds,
        self_signed=settings.heroku,
    )


def make_authenticator(settings: Settings) -> Authenticator:
    """Raises `ConfigError` for keys that can't serve."""
    return Authenticator(
        settings.secret_key,
        guests=settings.guests,
        jwt_secret=settings.jwt_secret,
        jwt_public_key=settings.jwt_public_key,
        key_set=KeySet(settings.jwt_jwks_url) if settings.jwt_jwks_url else None,
        jwt_audience=settings.jwt_audience,
        jwt_issuer=settings.jwt_issuer,
    )


def make_hooks(settings: Settings, broker: Broker) -> Hooks | None:
    """None where no receiver is set."""
    if not (settings.webhook_url or settings.webhook_ask_url):
        return None
    return Hooks(
        broker,
        signing.keys(settings.webhook_secret),
        url=settings.webhook_url,
        kinds=settings.webhook_events,
        rooms=settings.webhook_rooms,
        seconds=settings.webhook_seconds,
        ask_url=settings.webhook_ask_url,
        ask_seconds=settings.webhook_ask_seconds,
        ask_otherwise=settings.webhook_ask_default,
        text_limit=settings.text_limit,
    )


def _check_database(settings: Settings) -> None:
    if not settings.redis_url:
        files.check_sqlite_path(settings.sqlite_path)


CHECKS: tuple[Callable[[Settings], object], ...] = (
    make_authenticator,
    _assets,  # kept: the processes that are forked share it, and so are of one release
    lambda settings: settings.redis_url and _redis_broker(),  # once, for all of them
    lambda settings: acceptor.resolve(settings.host, settings.port),
    _check_database,
)
"""Each raises the `ConfigError` that a start would raise, as far as one can tell without listening or writing."""


def check(settings: Settings) -> None:
    """Raise the first of them."""
    for look in CHECKS:
        look(settings)


class Gathering(Struct, frozen=True, kw_only=True):
    """Seconds in which changes are gathered before other processes are told of them."""

    presence: float = presence.PRESENCE_GATHER
    reads: float = reads.READS_GATHER
    typing: float = typists.TYPING_GATHER


DEFAULT_GATHERING = Gathering()


def make_node(settings: Settings, broker: Broker, connections: int, gathering: Gathering = DEFAULT_GATHERING) -> Node:
    """The parts, and who tells whom. `connections`: sockets that there may be."""
    rooms = Rooms(broker.log)

    def show(room: str, *frames: protocol.Frame) -> None:
        rooms.broadcast(room, b"".join(frame(encode(shown)) for shown in frames))

    present = PresenceTracker(broker.presence, settings.presence_grace, show, gathering.presence)
    positions = ReadPositions(
        broker.directory,
        present.size,
        lambda room, frames: show(room, *frames),
        lambda room, frames: ChatHandler.sessions.show_own(node.rooms, room, frames),
        gathering.reads,
    )
    typing = Typists(
        broker.log,
        present.size,
        lambda room, users: ChatHandler.sessions.show_typing(node.rooms, room, users),
        gathering.typing,
    )
    moderation = Moderation(broker.directory, broker.log)
    limits = _socket_limits(settings)
    mailbox = Mailbox(broker.log, settings.secret_key, limits.address_frames, shared=bool(settings.redis_url))
    trail = Trail(broker.directory, broker.presence, broker.log)
    moderation.on_deed = trail.moderated
    rooms.handlers |= {
        signals.Presence: present.on_signal,
        signals.Read: positions.on_signal,
        signals.Typing: typing.on_signal,
        signals.Named: ChatHandler.sessions.on_named,
        signals.Moderate: moderation.on_signal,
        signals.Deleted: rooms.on_deleted,
        signals.Disconnect: _disconnect,
        signals.Posted: mailbox.on_posted,
        signals.Taken: mailbox.on_taken,
    }

    def resync(room: str) -> None:
        if room.startswith(signals.MAILBOX):
            mailbox.on_subscribed(room)
        elif room:
            present.drop_roster(room)
        else:
            moderation.resync()

    rooms.on_resync = resync
    moderation.on_removal = _remove
    proxies = Proxies(settings.trusted_proxies)
    origins = Origins(settings.allowed_origins, proxies, settings.host)
    rates = _rates(settings, broker.directory)
    admission = Admission(
        directory=broker.directory,
        log=broker.log,
        moderation=moderation,
        rates=rates,
        proxies=proxies,
        origins=origins,
        connections=connections,
        connections_per_user=settings.connections_per_user,
        connections_per_address=settings.connections_per_address,
        rooms_total=settings.rooms_total,
        force_https=settings.force_https,
    )
    hooks = make_hooks(settings, broker)
    if hooks is not None and hooks.notices is not None:
        notices = hooks.notices
        moderation.on_moderated = lambda by, done: notices.on_moderated(by.id, done)
    node: Node = Node(
        broker=broker,
        hooks=hooks,
        publish=None if hooks is None else hooks.publish,
        readiness=Readiness(broker),
        rooms=rooms,
        presence=present,
        reads=positions,
        moderation=moderation,
        trail=trail,
        typists=typing,
        networks=Networks(broker.directory),
        proxies=proxies,
        origins=origins,
        authenticator=make_authenticator(settings),
        tickets=Tickets(
            broker.directory.put_ticket, broker.directory.take_ticket, bind_address=settings.ticket_address
        ),
        rates=rates,
        admission=admission,
        heartbeat=Heartbeat(settings.ping_interval, settings.ping_timeout, settings.unsent_deadline),
        limits=protocol.Limits(settings.text_limit, settings.frame_limit, settings.rooms_limit),
        socket_limits=limits,
        mailbox=mailbox,
    )
    return node


def _rates(settings: Settings, directory: Directory) -> Rates:
    return Rates(
        directory,
        shared=bool(settings.redis_url),
        send_rate=settings.send_rate,
        send_burst=settings.send_burst,
        send_rate_address=settings.send_rate_address,
        join_rate=settings.join_rate,
        join_rate_address=settings.join_rate_address,
        service_rate=settings.service_rate,
        service_rate_address=settings.service_rate_address,
        room_rate=settings.room_rate,
        ticket_rate=settings.ticket_rate,
        history_limit=settings.history_limit,
    )


def _socket_limits(settings: Settings) -> SocketLimits:
    return SocketLimits(
        frame_bytes=settings.frame_limit,
        fragments=settings.fragments_limit,
        frame_rate=settings.frame_rate,
        address_frames=buckets(settings.frame_rate_address),
        unsent_bytes=settings.unsent_limit,
        unsent_total=Budget(settings.unsent_total),
        answer_deadline=settings.unsent_deadline,
    )


def _remove(sanction: Sanction, reason: str) -> None:
    ChatHandler.sessions.remove(sanction, reason)
    GuestHandler.remove(sanction, reason)


def _disconnect(room: str, signal: signals.Disconnect) -> None:
    ChatHandler.sessions.disconnect(signal.user, signal.reason)
    GuestHandler.disconnect(signal.user, signal.reason)
