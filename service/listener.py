"""The listening socket: accepts in bursts, and stops accepting while descriptors are used up instead of spinning.

Tornado's accept handler raises at EMFILE and is called again at once: 27,000 tracebacks in two seconds.
"""

import asyncio
import errno
import logging
import resource
import socket

from tornado.httpserver import HTTPServer

from service.writer import SEND_BUFFER

logger = logging.getLogger(__name__)

BACKLOG = 4096  # connections that the kernel completes before they are accepted; cut to net.core.somaxconn
BURST = 64  # accepted in one turn of the loop, so that open sockets get theirs during a rush
PAUSE = 0.5  # seconds without accepting when descriptors or memory are used up
# Descriptors that are no client's: standard streams, epoll, the broker, the database, HTTP requests in flight.
RESERVE = 256

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


def bind(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for `host` ("": every interface, both families). Raises OSError."""
    sockets: list[socket.socket] = []
    infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, kind, protocol, _, address in sorted(set(infos), key=lambda info: info[0] != socket.AF_INET):
        if sockets and port == 0:
            address = (address[0], sockets[0].getsockname()[1], *address[2:])
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT:  # a container without IPv6
                continue
            raise
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Accepted sockets inherit it (Linux: socket(7)), which saves a system call a connection.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        sock.setblocking(False)
        try:
            sock.bind(address)
        except OSError as error:
            sock.close()
            if sockets and error.errno == errno.EADDRNOTAVAIL:  # IPv6 is built in but switched off
                continue
            for other in sockets:
                other.close()
            raise
        sock.listen(BACKLOG)
        sockets.append(sock)
    return sockets


class Listener:
    """Feeds accepted connections to an `HTTPServer`."""

    def __init__(self, server: HTTPServer, sockets: list[socket.socket]) -> None:
        self._server = server
        self._sockets = sockets
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
        for _ in range(BURST):
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
            self._server._handle_connection(connection, address)

    def _pause(self, error: OSError) -> None:
        if self._resume is None:
            logger.warning("not accepting for %.1f s: %s", PAUSE, error.strerror)
            for sock in self._sockets:
                self._loop.remove_reader(sock)
            self._resume = self._loop.call_later(PAUSE, self._start)

    def close(self) -> None:
        """Stop accepting and free the port. May be called again."""
        if self._resume is not None:
            self._resume.cancel()
        for sock in self._sockets:
            if sock.fileno() >= 0:
                self._loop.remove_reader(sock)
                sock.close()
