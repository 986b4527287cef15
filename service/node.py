"""What a process has one of: made by app.py, and found by the handlers through `NodeHandler`."""

import asyncio
from collections.abc import Callable

import msgspec
from msgspec import Struct
from tornado.web import RequestHandler

from service.admission import Admission, Rates
from service.brokers.broker import Broker
from service.brokers.log import Done, Event
from service.brokers.readiness import Readiness
from service.hooks.hooks import Hooks
from service.identity.auth import Authenticator
from service.identity.headers import Origins, Proxies
from service.identity.networks import Networks
from service.identity.tickets import Tickets
from service.mailbox import Mailbox
from service.protocol import Limits
from service.rooms.moderation import Moderation
from service.rooms.presence import PresenceTracker
from service.rooms.reads import ReadPositions
from service.rooms.rooms import Rooms
from service.rooms.trail import Trail
from service.rooms.typists import Typists
from service.sockets.heartbeat import Heartbeat
from service.sockets.limits import SocketLimits

PAGES_AT_ONCE = 16  # history pages that are read and written at the same time; further ones wait
ANSWER_TIMEOUT = 5.0  # seconds that a request waits for the broker before it is `unavailable`
RETRY_WAIT = 1.0  # seconds between attempts at what the broker doesn't do, where nobody asks again
REFUSAL_PAUSE = 2.0  # seconds, about, before a 429 that isn't the first: they must not all come again together
PURGE_SECONDS = 10.0  # after which the answer to a purge says where to go on: routers wait for 30 s


class Node(Struct, kw_only=True):
    """The parts of a running service."""

    broker: Broker
    readiness: Readiness
    rooms: Rooms
    presence: PresenceTracker
    reads: ReadPositions
    moderation: Moderation
    trail: Trail
    typists: Typists
    networks: Networks
    proxies: Proxies
    origins: Origins
    authenticator: Authenticator
    tickets: Tickets
    rates: Rates
    admission: Admission
    heartbeat: Heartbeat
    limits: Limits  # as clients are told them
    socket_limits: SocketLimits
    mailbox: Mailbox
    hooks: Hooks | None = None
    publish: Callable[[Event, Done], None] | None = None  # in the place of the log's, for what people say
    answer_timeout: float = ANSWER_TIMEOUT
    retry_wait: float = RETRY_WAIT
    refusal_pause: float = REFUSAL_PAUSE
    purge_seconds: float = PURGE_SECONDS
    # From its reading until it is written a page is in memory several times over: in JSON, as a frame.
    pages: asyncio.Semaphore = msgspec.field(default_factory=lambda: asyncio.Semaphore(PAGES_AT_ONCE))

    def audience(self, room: str) -> int:
        """To how many an event of the room goes, as far as it is known here: sockets of this process, people of all."""
        return max(self.rooms.sockets(room), self.presence.size(room))


class NodeHandler(RequestHandler):
    """A handler has its node from the application, which was given it by app.py."""

    @property
    def node(self) -> Node:
        found: Node = self.application.settings["node"]
        return found
