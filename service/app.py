"""The service put together: parts, routes, start, drain, end."""

import asyncio
import gc
import logging
import random
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, cast

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, PathMatches, Rule
from tornado.web import Application, RequestHandler, stream_request_body

from service import api, files, protocol, telemetry
from service.brokers.broker import Broker
from service.brokers.directory import Sanction
from service.brokers.redis.broker import RedisBroker
from service.brokers.sqlite.broker import SqliteBroker
from service.chat import ChatSocket
from service.config import Settings
from service.guides import chat as guide_chat
from service.guides import clock as guide_clock
from service.guides import play as guide_play
from service.guides.sockets import GuestSocket, GuideSocket
from service.guides.voice import Voice
from service.hub import Hub, Rates, buckets
from service.identity import headers
from service.identity.auth import Authenticator
from service.identity.headers import Origins, Proxies
from service.identity.networks import Networks
from service.identity.tickets import Tickets
from service.limits import Buckets, Tally
from service.pages import PAGES, STATIC, Elsewhere, Page, Static
from service.protocol import CloseCode, encode
from service.rooms.moderation import Moderation
from service.rooms.presence import Presence
from service.rooms.reads import ReadPositions
from service.rooms.relay import Relay
from service.rooms.typists import Typists
from service.sockets import acceptor
from service.sockets.connection import Connection
from service.sockets.framing import frame
from service.sockets.heartbeat import Heartbeat
from service.sockets.limits import SocketLimits
from service.sockets.unsent import Budget
from service.sockets.upgrade import asks_for_websocket

logger = logging.getLogger(__name__)

HEADER_LIMIT = 16384  # bytes of a request's headers
BODY_LIMIT = 131072  # bytes of a request's body, at least
BODY_DROPPED = 64  # times that: bytes of a body that are read only to answer 413; more is cut
BODY_PATIENCE = 2.0  # seconds for such a body to go by
READY_TIMEOUT = 5.0  # seconds that a start waits for the broker before it serves without
RESTART_FIRST, RESTART_LONGEST = 0.1, 30.0  # seconds before a part that failed runs again: the first, the longest
RESTART_WELL = 1.0  # seconds that it must then have run, at least, to count as well
FAREWELL = 2.0  # seconds for the last close frames to be answered
# Objects made before the collector looks: its pauses grow with what lives, and sockets are freed by reference counts.
GC_THRESHOLD = (50_000, 50, 1000)

ROOT_SOCKETS = {"chat": guide_chat.EscapedSocket, "clock": guide_clock.ClockSocket}  # by ROOT_SOCKET


class _Upgrade(PathMatches):
    """The path, if an Upgrade header asks for a WebSocket there."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return super().match(request) if asks_for_websocket(request) else None


class Routes(Application):
    """Tornado's, for targets in each form that a server must take."""

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        headers.to_origin_form(request)
        return super().find_handler(request, **kwargs)


class _LargeBody(Matcher):
    """A body over the limit that is still worth reading to its end, so that the answer can be read."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        length = request.headers.get("Content-Length", "")
        known = length.isascii() and length.isdigit() and len(length) < 10
        return {} if known and self._limit_bytes < int(length) <= BODY_DROPPED * self._limit_bytes else None


@stream_request_body
class TooLarge(api.Handler):
    """413 for a large body, at once. The connection ends once the body has gone by: an earlier end loses the answer."""

    def initialize(self, limit_bytes: int) -> None:  # type: ignore[override]
        super().initialize()
        self._limit_bytes = limit_bytes

    def prepare(self) -> None:
        connection = cast(HTTP1Connection, self.request.connection)
        connection.set_max_body_size(BODY_DROPPED * self._limit_bytes)
        self._end = asyncio.get_running_loop().call_later(BODY_PATIENCE, connection.stream.close)
        answer = encode({"error": {"code": "too_large", "message": f"The body is over {self._limit_bytes} bytes."}})
        self.set_status(413)
        for name, value in (("Connection", "close"), ("Content-Length", str(len(answer))), *api.JSON_HEADERS):
            self.set_header(name, value)
        self.write(answer)
        self.flush()

    def data_received(self, chunk: bytes) -> None:
        """It is not kept."""

    def gone_by(self, *args: str) -> None:
        self.finish()

    get = head = post = put = patch = delete = options = gone_by

    def on_finish(self) -> None:
        self._end.cancel()
        super().on_finish()


def _body_limit(settings: Settings) -> int:
    return max(BODY_LIMIT, settings.frame_limit)  # the longest text may also come by HTTP


def make_application(hub: Hub) -> Application:
    """The routes."""
    body_limit = _body_limit(hub.settings)
    room = r"([^/]{1,256})"
    rules: list[Any] = [
        (r"/socket", ChatSocket),  # first, for rules are tried one after the other
        Rule(_LargeBody(body_limit), TooLarge, {"limit_bytes": body_limit}),
        Rule(_Upgrade(r"/"), ROOT_SOCKETS[hub.settings.root_socket]),
        *((path, Page) for path in PAGES),
        (r"/receive", guide_chat.ReceiveSocket),
        (r"/submit", guide_chat.SubmitSocket),
        (r"/ws", guide_chat.BothWaysSocket),
        (r"/room", Page, {"file": "room.html"}),
        (r"/room/chat", guide_play.PlaySocket),
        (r"/clock\.html", Page, {"file": "clock.html"}),
        (r"/clock", guide_clock.ClockSocket),
        (r"/pingWs", guide_clock.PingSocket),
        (r"/tickets", api.TicketsHandler),
        (r"/rooms", api.RoomsHandler),
        (rf"/rooms/{room}/messages", api.MessagesHandler),
        (r"/moderation", api.ModerationHandler),
        (r"/healthz", api.HealthHandler),
        (r"/readyz", api.ReadyHandler),
        (r"/metrics", api.MetricsHandler),
        (r"/static/(.*)", Static, {"path": str(STATIC)}),
    ]
    return Routes(
        rules,
        hub=hub,
        rooms=api.RoomList(hub.broker.directory),
        refusals=Buckets(api.REFUSAL_RATE, api.REFUSAL_BURST),
        page="index.html",
        default_handler_class=Elsewhere,
        log_function=_log_request,
    )


def _log_request(handler: RequestHandler) -> None:
    """Paths only: a query may hold what somebody put there by mistake."""
    status = handler.get_status()
    if status == 101:
        return
    level = logging.ERROR if status >= 500 and status != 503 else logging.DEBUG
    request = handler.request
    elapsed_ms = 1000 * request.request_time()
    logger.log(level, "%s %s %d %.1f ms", request.method, request.path, status, elapsed_ms)


def make_broker(settings: Settings) -> Broker:
    """Redis where there is a URL, else the embedded broker."""
    limits = {"history_limit": settings.history_limit, "history_days": settings.history_days}
    if settings.redis_url:
        return RedisBroker(settings.redis_url, self_signed=settings.heroku, **limits)  # type: ignore[arg-type]
    return SqliteBroker(settings.sqlite_path, **limits)  # type: ignore[arg-type]


def make_authenticator(settings: Settings) -> Authenticator:
    """Raises `ConfigError` for keys that can't serve."""
    return Authenticator(
        settings.secret_key,
        guests=settings.guests,
        jwt_secret=settings.jwt_secret,
        jwt_public_key=settings.jwt_public_key,
        jwt_jwks_url=settings.jwt_jwks_url,
        jwt_audience=settings.jwt_audience,
        jwt_issuer=settings.jwt_issuer,
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


def check(settings: Settings) -> None:
    """Raise the `ConfigError` that a start would raise, as far as one can tell without listening or writing."""
    make_authenticator(settings)
    acceptor.resolve(settings.host, settings.port)
    if not settings.redis_url:
        files.check_sqlite_path(settings.sqlite_path)


class Service:
    """One process's service: `start`, then `drain` or not, then `close`."""

    hub: Hub

    def __init__(self, settings: Settings, sockets: list[socket.socket] | None = None) -> None:
        """`sockets`: bound already, where several processes share them."""
        self.settings = settings
        self._sockets = sockets
        self._stack = AsyncExitStack()
        self._acceptor: acceptor.Acceptor | None = None

    @property
    def port(self) -> int:
        assert self._acceptor is not None
        return self._acceptor.port

    async def start(self) -> None:
        """Serve. Raises `ConfigError` for a setting that can't hold, an address that can't be had among them."""
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _start(self) -> None:
        settings, stack = self.settings, self._stack
        available = acceptor.raise_descriptor_limit()
        limit = min(settings.connections_limit or available, available)
        broker = make_broker(settings)
        relay = Relay(broker.log)
        stack.push_async_callback(relay.close)
        hub = self.hub = self._make_hub(broker, relay, limit)
        unsent = hub.socket_limits.unsent_total
        telemetry.UNSENT_BYTES.set_function(lambda: unsent.held_bytes)
        await broker.open(relay)
        stack.push_async_callback(broker.close)
        stack.push_async_callback(hub.authenticator.close)
        # Unwound in reverse: sockets close first, then their people leave, then the broker goes.
        for part in (relay, hub.reads, hub.typists, hub.moderation, hub.rates, hub.networks):
            self._run(type(part).__name__.lower(), part.run)
        self._run("upkeep", hub.rates.upkeep)
        stack.push_async_callback(hub.presence.close)
        self._run("presence", hub.presence.run)
        stack.callback(hub.heartbeat.stop)
        hub.heartbeat.start()
        await self._wait_for_broker(hub)
        body_limit = _body_limit(settings)
        server = acceptor.Server(
            make_application(hub),
            # Behind a proxy all connections are the proxy's; there requests are counted, by their clients.
            connections_per_address=0 if settings.trusted_proxies else settings.connections_per_address,
            idle_connection_timeout=settings.handshake_timeout,
            body_timeout=settings.handshake_timeout,
            max_header_size=HEADER_LIMIT,
            max_body_size=body_limit,
            max_buffer_size=2 * body_limit,
        )
        stack.push_async_callback(server.close_all_connections)
        stack.push_async_callback(self._close_sockets)
        sockets = self._sockets or acceptor.bind(settings.host, settings.port)
        self._acceptor = acceptor.Acceptor(server, sockets)
        stack.callback(self._acceptor.close)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)

    def _make_hub(self, broker: Broker, relay: Relay, limit: int) -> Hub:
        settings = self.settings

        def tell(room: str, *frames: protocol.Frame) -> None:
            relay.broadcast(room, b"".join(frame(encode(shown)) for shown in frames))

        presence = Presence(broker.presence, settings.presence_grace, tell)
        reads = ReadPositions(
            broker.directory,
            presence.size,
            lambda room, frames: tell(room, *frames),
            lambda room, frames: ChatSocket.show_own(hub, room, frames),
        )
        typists = Typists(broker.log, presence.size, lambda room, users: ChatSocket.show_typing(hub, room, users))
        moderation = Moderation(broker.directory, broker.log)
        relay.signals |= {
            "presence": presence.on_signal,
            "read": reads.on_signal,
            "typing": typists.on_signal,
            "named": lambda room, payload: ChatSocket.on_named(hub, room, payload),
            "moderate": moderation.on_signal,
        }
        relay.on_resync = lambda room: presence.forget(room) if room else moderation.resync()
        moderation.on_removal = _remove
        proxies = Proxies(settings.trusted_proxies)
        hub: Hub = Hub(
            settings=settings,
            broker=broker,
            relay=relay,
            presence=presence,
            reads=reads,
            moderation=moderation,
            networks=Networks(broker.directory),
            typists=typists,
            heartbeat=Heartbeat(settings.ping_interval, settings.ping_timeout, settings.unsent_deadline),
            authenticator=make_authenticator(settings),
            tickets=Tickets(
                broker.directory.put_ticket, broker.directory.take_ticket, bind_address=settings.ticket_address
            ),
            proxies=proxies,
            origins=Origins(settings.allowed_origins, proxies, settings.host),
            rates=Rates(settings, broker.directory),
            addresses=Tally(),
            socket_limits=_socket_limits(settings),
            connections_limit=limit,
        )
        return hub

    def _run(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a part for as long as the service."""
        task = asyncio.ensure_future(self._keep_running(name, work))

        async def stop() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(stop)

    async def _keep_running(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a part again when it fails, after a wait that grows; until it has run for as long, it counts as failed.

        What fails again and again would otherwise fill the log and the processor; and one that is back for a moment
        only must not make the process look ready.
        """
        loop, wait = asyncio.get_running_loop(), RESTART_FIRST
        while True:
            began = loop.time()
            well = loop.call_later(max(wait, RESTART_WELL), self.hub.failed.discard, name)
            try:
                await work()
                return
            except Exception:
                logger.exception("a part of the service failed: %s", name)
            finally:
                well.cancel()
            self.hub.failed.add(name)
            if loop.time() - began > RESTART_LONGEST:
                wait = RESTART_FIRST
            await asyncio.sleep(wait)
            wait = min(2 * wait, RESTART_LONGEST)

    @staticmethod
    async def _wait_for_broker(hub: Hub) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_TIMEOUT
        while not (hub.broker.available and hub.moderation.known) and loop.time() < deadline:
            await asyncio.sleep(0.01)
        if not hub.broker.available:
            logger.warning("the broker is away; serving without it until it comes")

    # -- the end

    async def drain(self) -> None:
        """Send every socket away in its own moment of DRAIN_SECONDS, with a ticket for its next process."""
        hub, seconds = self.hub, self.settings.drain_seconds
        hub.draining = True  # readiness and every new socket are answered 503 from here on
        sockets = list(ChatSocket.sockets)
        logger.info("leaving: %d sockets over %.0f s", len(sockets), seconds if sockets else 0)
        random.shuffle(sockets)
        loop = asyncio.get_running_loop()
        began = loop.time()
        spread = [random.random() for _ in sockets]  # noqa: S311  # jitter, no secret
        moments = [seconds * (index + part) / len(sockets) for index, part in enumerate(spread)]
        await asyncio.gather(*map(_send_away, sockets, moments))
        for connection, moment in zip(sockets, moments, strict=True):
            await asyncio.sleep(max(0.0, began + moment - loop.time()))
            connection.close(CloseCode.RESTART, "this process is leaving")

    async def close(self) -> None:
        """Close what is open and let go of everything."""
        self.hub.draining = True
        await self._stack.aclose()

    @staticmethod
    async def _close_sockets() -> None:
        for open_socket in (*ChatSocket.sockets, *GuideSocket.all):
            open_socket.close(CloseCode.RESTART, "this process is leaving")
        await Connection.all_closed(FAREWELL)
        await Voice.all_silent(FAREWELL)


def _remove(sanction: Sanction, reason: str) -> None:
    ChatSocket.remove(sanction, reason)
    GuestSocket.remove(sanction, reason)


async def _send_away(open_socket: ChatSocket, moment: float) -> None:
    """Tell a socket when to come back, with a ticket made in advance where the broker has one to give."""
    ticket = await open_socket.next_ticket()
    open_socket.reply(protocol.Reconnect(in_ms=round(1000 * moment), ticket=ticket))


telemetry.SOCKETS.set_function(lambda: len(ChatSocket.sockets))
