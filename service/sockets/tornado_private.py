"""Every part of Tornado that is used here and isn't its public interface, each behind a function of its own.

`requirements.in` therefore allows Tornado's patch releases alone; tests/test_tornado_private.py says which part a newer
Tornado has changed, and holds that no class made of Tornado's uses or overrides one elsewhere.
"""

import socket
from collections.abc import Callable
from typing import cast

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.iostream import IOStream
from tornado.platform.asyncio import BaseAsyncIOLoop
from tornado.util import _websocket_mask
from tornado.web import RequestHandler

mask = _websocket_mask
"""Mask or unmask: (four bytes, payload) to payload; in C where Tornado's speedups are built."""


def stream_of(request: HTTPServerRequest) -> IOStream:
    """The stream on which the request came."""
    return cast(HTTP1Connection, request.connection).stream


def take_socket(stream: IOStream) -> tuple[socket.socket, bytes]:
    """The socket of an open stream, and what was read from it; the stream is of no use then.

    Tornado forgets the socket, asyncio goes on watching it: its next `add_reader` replaces Tornado's callback, which
    saves the system calls of taking it out and putting it in again.
    """
    received, sock = bytes(stream._read_buffer), stream.socket
    if stream._state is not None:
        loop, fd = cast(BaseAsyncIOLoop, stream.io_loop), sock.fileno()
        loop.handlers.pop(fd)
        loop.readers.discard(fd)
        stream._state = None
    stream.socket = None  # type: ignore[assignment]
    return sock, received


def drop_received(stream: IOStream) -> None:
    """Forget what was read and not used, so that Tornado doesn't work it off."""
    stream._read_buffer.clear()


def unsent_bytes(stream: IOStream) -> int:
    """What Tornado keeps for the peer. Whole pieces: it holds each until the last byte of it is taken."""
    return sum(len(piece) for _, piece in stream._write_buffer._buffers)


def when_sent(stream: IOStream, callback: Callable[[object], None]) -> None:
    """Call back once all that is written so far is sent, or the stream closed. Only where `stream.writing()`.

    The stream's own future ends in any case; that of `RequestHandler.flush` doesn't where the connection is lost.
    """
    stream._write_futures[-1][1].add_done_callback(callback)


def answered(handler: RequestHandler) -> bool:
    """Whether the answer is complete: `finish` was called."""
    return handler._finished


def answer_headers(handler: RequestHandler) -> HTTPHeaders:
    """The headers that the answer has so far."""
    return handler._headers


def let_go(handler: RequestHandler) -> None:
    """Break the circle of references in a handler that `finish` is never called of, so that it is freed at once."""
    handler._break_cycles()


def begin_answer(handler: RequestHandler) -> None:
    """As RequestHandler.clear, without the Date, which costs 8 µs to format."""
    handler._headers = HTTPHeaders()
    handler.set_default_headers()
    handler._write_buffer = []
    handler.set_status(200)
