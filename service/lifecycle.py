"""One process's service from its start to its end: parts kept running, sockets sent away, everything let go of."""

import asyncio
import gc
import logging
import random
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from msgspec import UNSET, Struct

from service import __version__, app, figures, metrics, protocol, totals
from service.brokers.outages import Outages
from service.chat import ChatHandler
from service.config import DRAIN_CLOSES, DRAIN_LONGEST, Settings
from service.errors import naming
from service.guides.handler import GuideHandler
from service.guides.voice import Voice
from service.logs import fields
from service.node import Node
from service.pages import STATIC
from service.protocol import CloseCode
from service.samples import SAMPLES
from service.session import Session
from service.sockets import acceptor
from service.sockets.answers import AnswerHandler
from service.sockets.connection import Connection

logger = logging.getLogger(__name__)

HEADER_LIMIT = 16384  # bytes of a request's headers
# Objects made before the collector looks: its pauses grow with what lives, and sockets are freed by reference counts.
GC_THRESHOLD = (50_000, 50, 1000)


class Waits(Struct, frozen=True, kw_only=True):
    """Seconds."""

    ready: float = 5.0  # that a start waits for the broker before it serves without
    restart_first: float = 0.1  # before a part that failed runs again
    restart_longest: float = 30.0  # the same, after it has failed again and again
    restart_well: float = 1.0  # that it must then have run, at least, to count as well
    handshakes: float = 1.0  # for the first requests of who was accepted before the port was left to others
    close: float = 2.0  # for the last close frames to be answered, and the last requests
    gathering: app.Gathering = app.DEFAULT_GATHERING


DEFAULT_WAITS = Waits()


def run(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run it on a loop of its own, as `asyncio.run` does; the process is to end then, whatever signals still come.

    Raises `StartError` where there can be no loop.
    """
    runner = asyncio.Runner()
    with naming("the event loop"):
        runner.get_loop()
    with runner:
        try:
            return runner.run(main())
        finally:
            # The loop closes the pipe that its handlers write to, and then takes them away: a second SIGTERM would be
            # complained of, and then be the end that it is without a handler.
            signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))


class Service:
    """One process's service: `start`, then `drain` or not, then `close`."""

    node: Node

    def __init__(
        self,
        settings: Settings,
        sockets: list[socket.socket] | None = None,
        waits: Waits = DEFAULT_WAITS,
        static: Path = STATIC,
    ) -> None:
        """`sockets`: bound already, where several processes share them. `static`: the folder of what browsers get."""
        self.settings = settings
        self._sockets = sockets
        self._waits = waits
        self._static = static
        self._stack = AsyncExitStack()
        self._acceptor: acceptor.Acceptor | None = None
        self._server: acceptor.Server | None = None

    @property
    def port(self) -> int:
        assert self._acceptor is not None
        return self._acceptor.port

    async def start(self) -> None:
        """Serve. Raises `ConfigError` for a setting that can't hold, an address that can't be had among them.

        Raises `StartError` for what the system refuses.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _start(self) -> None:
        settings, stack = self.settings, self._stack
        available = acceptor.raise_descriptor_limit()
        limit = min(settings.connections_limit or available, available)
        broker = app.make_broker(settings)
        node = self.node = app.make_node(settings, broker, limit, self._waits.gathering)
        stack.push_async_callback(node.rooms.close)
        self._measure(node)
        outages = Outages(broker, node.readiness)
        broker.on_trouble = outages.on_trouble
        with naming(settings.broker_name):
            await broker.open(node.rooms)
        stack.push_async_callback(broker.close)
        stack.callback(SAMPLES.flush)
        stack.push_async_callback(node.authenticator.close)
        if node.hooks is not None:
            stack.push_async_callback(node.hooks.close)
            for name, work in node.hooks.parts.items():
                self._run(name, work)
        # Unwound in reverse: sockets close first, then their people leave, then the broker goes.
        for part in (node.rooms, node.reads, node.typists, node.moderation, node.rates, node.networks):
            self._run(type(part).__name__.lower(), part.run)
        self._run("upkeep", node.rates.upkeep)
        self._run("outages", outages.run)
        if settings.metrics_log_seconds:
            self._run("figures", lambda: figures.run(settings.metrics_log_seconds))
        stack.push_async_callback(node.presence.close)
        self._run("presence", node.presence.run)
        stack.callback(node.heartbeat.stop)
        node.heartbeat.start()
        await self._wait_for_broker(node)
        body_limit = app.body_limit(settings)
        self._server = server = acceptor.Server(
            app.make_application(node, settings, self._static),
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
        with naming(f"listening on {settings.shown_host}:{sockets[0].getsockname()[1]}"):
            self._acceptor = acceptor.Acceptor(server, sockets)
        stack.callback(self._acceptor.close)
        metrics.STARTS.inc()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)
        self._say_started(limit)

    def _say_started(self, connections: int) -> None:
        settings, broker = self.settings, self.node.broker
        kind = "redis" if settings.redis_url else "sqlite"
        extra = fields(
            "started",
            version=__version__,
            broker=kind,
            broker_version=broker.version or None,
            processes=settings.web_concurrency,
            connections=connections,
            rooms=settings.rooms_limit,
            text=settings.text_limit,
            history=settings.history_limit,
            send_rate=settings.send_rate,
        )
        said = "started: Parley %s on %s %s, one of %d processes, for %d sockets"
        version = broker.version or "(of no known version)"
        logger.info(said, __version__, kind, version, settings.web_concurrency, connections, extra=extra)

    def _measure(self, node: Node) -> None:
        """Metrics that are asked for rather than counted."""
        unsent, rooms = node.socket_limits.unsent_total, node.rooms.by_name  # what outlives the service is small
        metrics.UNSENT_BYTES.set_function(lambda: unsent.held_bytes)
        metrics.ROOMS.set_function(lambda: len(rooms))
        metrics.BEHIND.set_function(lambda: sum(len(room.cursors.behind) for room in rooms.values()))
        metrics.DRAINING.set(0)
        metrics.DELIVERY.clock = node.broker.now
        self._stack.callback(setattr, metrics.DELIVERY, "clock", lambda: None)

        async def refresh() -> None:
            metrics.BROKER_UP.set(not await node.readiness.fault())

        totals.current.refresh = refresh
        self._stack.callback(setattr, totals.current, "refresh", totals.nothing)

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
        loop, waits, wait = asyncio.get_running_loop(), self._waits, self._waits.restart_first
        while True:
            began = loop.time()
            well = loop.call_later(max(wait, waits.restart_well), self.node.admission.failed.discard, name)
            try:
                await work()
                return
            except Exception:
                logger.exception("a part of the service failed: %s", name, extra=fields("part_failed", part=name))
            finally:
                well.cancel()
            self.node.admission.failed.add(name)
            if loop.time() - began > waits.restart_longest:
                wait = waits.restart_first
            await asyncio.sleep(wait)
            wait = min(2 * wait, waits.restart_longest)

    async def _wait_for_broker(self, node: Node) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._waits.ready
        while not self._settled(node) and loop.time() < deadline:
            await asyncio.sleep(0.01)
        if not node.broker.available:
            logger.warning("the broker is away; serving without it until it comes", extra=fields("broker_away"))

    @staticmethod
    def _settled(node: Node) -> bool:
        """Whether all is known that must be before somebody is let in."""
        return node.broker.available and node.moderation.known and (node.hooks is None or node.hooks.ready)

    # -- the end

    async def drain(self) -> None:
        """Tell balancers, and wait for them. Then send every socket away in its own moment, with a ticket for its next.

        Who comes during the wait is let in, for balancers go on sending until they have looked; nobody is sent away in
        it, for they would send them back to here. And they are sent away last, for they have hardly arrived. The last
        moment leaves time for closes that nobody answers, so that the process has ended after `DRAIN_LONGEST`.
        """
        loop = asyncio.get_running_loop()
        last = loop.time() + DRAIN_LONGEST - DRAIN_CLOSES
        delay, seconds = self.settings.drain_delay, self.settings.drain_seconds
        self.node.admission.draining = True
        metrics.DRAINS.inc()
        metrics.DRAINING.set(1)
        settled = set(ChatHandler.sessions)
        logger.info("leaving: new sockets are taken for %g s more", delay, extra=fields("drain_began", seconds=delay))
        await asyncio.sleep(delay)
        await self._leave_port()
        sessions = list(ChatHandler.sessions)
        over = min(seconds, max(0.0, last - loop.time())) if sessions else 0.0
        extra = fields("drain", connections=len(sessions), seconds=over)
        logger.info("leaving: %d sockets over %.3g s", len(sessions), over, extra=extra)
        random.shuffle(sessions)
        sessions.sort(key=lambda session: session not in settled)
        began = loop.time()
        spread = [random.random() for _ in sessions]  # noqa: S311  # jitter, no secret
        moments = [over * (index + part) / len(sessions) for index, part in enumerate(spread)]
        await asyncio.gather(*map(_send_away, sessions, moments))
        for session, moment in zip(sessions, moments, strict=True):
            await asyncio.sleep(max(0.0, began + moment - loop.time()))
            session.close(CloseCode.RESTART, "this process is leaving")
        late = set(ChatHandler.sessions).difference(sessions)  # on connections that were there before
        await asyncio.gather(*(_send_away(session, 0) for session in late))

    async def _leave_port(self) -> None:
        """Every new socket is answered 503 from here on. But a port that is shared is left to those that stay: they get
        who comes, and the few who were accepted before are let in, for they have nobody else to ask."""
        if self._sockets is None:
            self.node.admission.closed = True
        elif self._acceptor is not None and self._server is not None:
            self._acceptor.close()
            await self._server.first_answered(self._waits.handshakes)

    async def close(self) -> None:
        """Close what is open and let go of everything."""
        self.node.admission.draining = self.node.admission.closed = True
        if self._sockets is not None and self._acceptor is not None:
            self._acceptor.close()
        await self._stack.aclose()

    async def _close_sockets(self) -> None:
        for session in (*ChatHandler.sessions, *GuideHandler.sessions):
            session.close(CloseCode.RESTART, "this process is leaving")
        close = self._waits.close
        await asyncio.gather(Connection.all_closed(close), AnswerHandler.all_answered(close))
        await Voice.all_silent(self._waits.close)


async def _send_away(session: Session, moment: float) -> None:
    """Tell a client when to come back, with a ticket made in advance where the broker has one for the next process."""
    ticket = await session.next_ticket() if session.node.broker.directory.outlives_process else UNSET
    session.reply(protocol.Reconnect(in_ms=round(1000 * moment), ticket=ticket))


metrics.SOCKETS.set_function(lambda: len(ChatHandler.sessions))
