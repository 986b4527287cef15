"""The listening socket: accepts in bursts, and stops accepting while descriptors are used up instead of spinning.

Tornado's accept handler raises at EMFILE and is called again at once: 27,000 tracebacks in two seconds.
"""

import asyncio
import errno
import logging
import resource
import socket
from contextlib import suppress
from typing import Any, cast

from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPMessageDelegate
from tornado.iostream import IOStream

from service import metrics, protocol
from service.addresses import limit_key
from service.errors import ConfigError, StartError
from service.limits import Counts
from service.logs import fields
from service.samples import SAMPLES
from service.sockets import tornado_private
from service.sockets.connection import SEND_BUFFER

logger = logging.getLogger(__name__)

BACKLOG = 4096  # connections that the kernel completes before they are accepted; cut to net.core.somaxconn
BURST = 64  # accepted in one turn of the loop, so that open sockets get theirs during a rush
UNANSWERED_LOOK_INTERVAL = 0.01  # seconds between looks for connections without an answer, at a process's end
PAUSE = 0.5  # seconds without accepting when descriptors or memory are used up
# Descriptors that are no client's: standard streams, epoll, the broker, the database, HTTP requests in flight.
RESERVE = 256

Address = tuple[int, int, int, str, Any]  # as socket.getaddrinfo gives them
_TOO_MANY_BODY = protocol.encode(
    {"error": {"code": protocol.ErrorCode.RATE_LIMITED, "message": "Too many connections from this address."}}
)
# What a connection is told that is one too many for its address, before anything of it is read. Any page may read it:
# which one asks isn't known yet, and it tells nothing of anybody.
_TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: Retry-After\r\n"
    b"Content-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\nContent-Length: %d\r\n\r\n%b"
) % (len(_TOO_MANY_BODY), _TOO_MANY_BODY)

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def raise_descriptor_limit() -> int:
    """Raise the soft RLIMIT_NOFILE to the hard one; answers how many sockets that leaves for clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else 1 << 20
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (ValueError, OSError):  # a kernel that allows less than it says (fs.nr_open)
            pass
    if soft == resource.RLIM_INFINITY:
        soft = 1 << 20
    return max(soft - RESERVE, soft // 2)


def resolve(host: str, port: int) -> list[Address]:
    """What `host` stands for ("": every interface, both families), IPv4 first. Raises `ConfigError` naming HOST."""
    try:
        infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:  # UnicodeError: no name at all, a part of it is empty or too long
        reason = error.strerror if isinstance(error, OSError) else "no host name"
        raise ConfigError(
            f"HOST is {host!r}: {reason}; expected an address of this machine, or a name of one"
        ) from None
    return sorted(set(infos), key=lambda info: info[0] != socket.AF_INET)


def bind(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for `host` ("": every interface, both families).

    Raises `ConfigError` naming HOST or PORT, and `StartError` naming the address for what is neither's fault.
    """
    sockets: list[socket.socket] = []
    where = ""
    try:
        for family, kind, protocol, _, address in resolve(host, port):
            if sockets and port == 0:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            where = f"[{address[0]}]:{address[1]}" if family == socket.AF_INET6 else f"{address[0]}:{address[1]}"
            sock = _listening(family, kind, protocol, address, optional=bool(sockets))
            if sock is not None:
                sockets.append(sock)
    except OSError as error:
        for sock in sockets:
            sock.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):  # EACCES: below 1024, as a plain user
            raise ConfigError(f"PORT {port}: {where}: {error.strerror}; choose another") from None
        if error.errno in (errno.EADDRNOTAVAIL, errno.EINVAL, errno.ENODEV):
            raise ConfigError(f"HOST is {host!r}: {error.strerror}; expected an address of this machine") from None
        raise StartError(f"listening on {where}: {error.strerror}") from error
    if not sockets:
        raise ConfigError(f"HOST is {host!r}: this system has no such addresses; choose another")
    return sockets


def _listening(family: int, kind: int, protocol: int, address: Any, optional: bool) -> socket.socket | None:
    """One of them, or None where the system doesn't have that family. `optional`: there is another already."""
    try:
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:  # a container without IPv6
            return None
        raise
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Accepted sockets inherit it (Linux: socket(7)), which saves a system call a connection.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if optional and error.errno == errno.EADDRNOTAVAIL:  # IPv6 is built in but switched off
            return None
        raise
    return sock


def adopt(descriptor: int) -> socket.socket:
    """A listening socket that was opened by another program, and is shared with it. Raises OSError if it is none.

    Whoever closes it last ends it: connections that nobody has accepted wait for the others.
    """
    sock = socket.socket(fileno=descriptor)
    try:
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if not (listens and sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM):
            raise OSError(errno.EINVAL, "no listening TCP socket")
        sock.set_inheritable(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


class Server(HTTPServer):
    """Tornado's, which knows which HTTP connections are open, those that were not upgraded to sockets: how many of an
    address, and on how many the first request is still to come or to be answered."""

    def initialize(self, *args: Any, connections_per_address: int = 0, **options: Any) -> None:
        """0 means any number."""
        super().initialize(*args, **options)
        self._limit = connections_per_address
        self._open = Counts()
        self._first: dict[IOStream, bool] = {}  # connections without an answer yet: whether one is read for

    def full(self, address: str) -> bool:
        """Whether one more connection from this address is too many."""
        return 0 < self._limit <= self._open[limit_key(address)]

    def serve(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        """Read requests from an accepted connection."""
        stream = IOStream(connection, max_buffer_size=self.max_buffer_size, read_chunk_size=self.read_chunk_size)
        self.handle_stream(stream, address)

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        self._open.add(limit_key(address[0]))
        self._first[stream] = False
        super().handle_stream(stream, address)

    async def first_answered(self, longest: float) -> None:
        """Wait until every connection has had its first answer, or its upgrade; so many seconds at most."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + longest
        while self._first and loop.time() < deadline:
            await asyncio.sleep(UNANSWERED_LOOK_INTERVAL)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Begin with the next request, unless nobody is there for its answer.

        Tornado would work off all that was pipelined on a connection which is closed by now, and all at once.
        """
        stream = cast(HTTP1Connection, request_conn).stream
        if stream in self._first:  # asked before each request is read, so the second time one is answered
            if self._first[stream]:
                del self._first[stream]
            else:
                self._first[stream] = True
        if stream.closed():
            tornado_private.drop_received(stream)
        return super().start_request(server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """Its end, or its upgrade."""
        super().on_close(server_conn)
        connection = cast(HTTP1ServerConnection, server_conn)
        context: Any = connection.context
        self._open.remove(limit_key(context.address[0]))
        self._first.pop(connection.stream, None)


class Acceptor:
    """Feeds accepted connections to a `Server`."""

    def __init__(
        self, server: Server, sockets: list[socket.socket], *, burst: int = BURST, pause: float = PAUSE
    ) -> None:
        """`burst` connections in one turn of the loop; `pause` in seconds."""
        self._server = server
        self._sockets = sockets
        self._burst = burst
        self._pause_seconds = pause
        self._loop = asyncio.get_running_loop()
        self._resume: asyncio.TimerHandle | None = None
        self._start()

    @property
    def port(self) -> int:
        return int(self._sockets[0].getsockname()[1])

    def _start(self) -> None:
        self._resume = None
        for sock in self._sockets:
            self._loop.add_reader(sock, self._accept, sock)

    def _accept(self, sock: socket.socket) -> None:
        for _ in range(self._burst):
            try:
                connection, address = sock.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause(error)
                return
            connection.setblocking(False)
            if self._server.full(address[0]):
                metrics.REFUSALS.labels("connection", "rate_limited").inc()
                SAMPLES.note("rate", "too many connections from this address", network=limit_key(address[0]))
                _refuse(connection)
                continue
            self._server.serve(connection, address)

    def _pause(self, error: OSError) -> None:
        if self._resume is None:
            extra = fields("accept_paused", seconds=self._pause_seconds, reason=error.strerror)
            logger.warning("not accepting for %.1f s: %s", self._pause_seconds, error.strerror, extra=extra)
            for sock in self._sockets:
                self._loop.remove_reader(sock)
            self._resume = self._loop.call_later(self._pause_seconds, self._start)

    def close(self) -> None:
        """Stop accepting and free the port. May be called again."""
        if self._resume is not None:
            self._resume.cancel()
        for sock in self._sockets:
            if sock.fileno() >= 0:
                self._loop.remove_reader(sock)
                sock.close()


def _refuse(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.send(_TOO_MANY)
    connection.close()
