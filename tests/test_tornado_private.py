"""service/sockets/tornado_private.py: a test for each private part of Tornado, which says what a release changed."""

import ast
import asyncio
import importlib
import inspect
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from textwrap import dedent
from types import ModuleType
from typing import Any, cast

import pytest
import tornado
from tornado import util
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.iostream import IOStream
from tornado.platform.asyncio import BaseAsyncIOLoop
from tornado.web import Application, RequestHandler

from service.sockets import tornado_private

from .brokers import until
from .test_layers import FILES


def part(owner: Any, name: str, kind: type | tuple[type, ...]) -> Any:
    """What `owner` calls `name`, or a failure that says what to do."""
    who = f"Tornado {tornado.version}: {type(owner).__name__}.{name}"
    assert hasattr(owner, name), f"{who} is gone; service/sockets/tornado_private.py needs another way"
    found = getattr(owner, name)
    assert isinstance(found, kind), f"{who} is {found!r}, no {kind}; see service/sockets/tornado_private.py"
    return found


@contextmanager
def streams() -> Iterator[tuple[IOStream, socket.socket]]:
    """A stream of Tornado's, and the peer's end, which doesn't block."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        ours = socket.create_connection(listening.getsockname())
        peer, _ = listening.accept()
    peer.setblocking(False)
    stream = IOStream(ours)
    try:
        yield stream, peer
    finally:
        if stream.socket is not None:
            stream.close()
        peer.close()


def handler() -> RequestHandler:
    """One whose request came from nowhere."""

    class Nowhere:
        def set_close_callback(self, callback: object) -> None: ...

    return RequestHandler(Application(), request(cast(Any, Nowhere())))


def request(connection: HTTPConnection) -> HTTPServerRequest:
    line = RequestStartLine("GET", "/", "HTTP/1.1")
    return HTTPServerRequest(start_line=line, headers=HTTPHeaders({"Host": "localhost"}), connection=connection)


async def test_received_bytes() -> None:
    """IOStream._read_buffer: what was read and not used is taken along, or dropped."""
    with streams() as (stream, peer):
        assert part(stream, "_read_buffer", bytearray) == b""
        reading = stream.read_until(b"\n")
        peer.send(b"line\nbehind it")
        assert await reading == b"line\n"
        assert part(stream, "_read_buffer", bytearray) == b"behind it"
        tornado_private.drop_received(stream)
        reading = stream.read_until(b"\n")
        peer.send(b"next\nlast")
        assert await reading == b"next\n"
        sock, received = tornado_private.take_socket(stream)
        sock.close()
        assert received == b"last"


async def test_the_socket_of_a_stream() -> None:
    """IOStream._state, BaseAsyncIOLoop.handlers and .readers: the socket leaves Tornado and stays with asyncio."""
    with streams() as (stream, peer):
        reading = stream.read_until(b"\n")
        peer.send(b"line\n")
        await reading
        asking = stream.read_until(b"\n")  # so that Tornado watches the socket
        await asyncio.sleep(0)
        loop = cast(BaseAsyncIOLoop, stream.io_loop)
        assert part(stream, "_state", int)
        handlers, readers = part(loop, "handlers", dict), part(loop, "readers", set)
        fd = stream.socket.fileno()
        assert fd in handlers and fd in readers
        sock, _ = tornado_private.take_socket(stream)
        assert sock.fileno() == fd and fd not in handlers and fd not in readers
        assert part(stream, "_state", type(None)) is None and stream.socket is None
        asking.cancel()
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(fd, lambda: heard.done() or heard.set_result(sock.recv(100)))
        peer.send(b"to the new owner")
        assert await asyncio.wait_for(heard, 5) == b"to the new owner"
        asyncio.get_running_loop().remove_reader(fd)
        sock.close()


async def test_a_stream_that_tornado_does_not_watch() -> None:
    """IOStream._state is None then, and no handler is asked for."""
    with streams() as (stream, _):
        assert part(stream, "_state", type(None)) is None
        sock, received = tornado_private.take_socket(stream)
        sock.close()
        assert received == b""


async def test_unsent_bytes() -> None:
    """IOStream._write_buffer._buffers: whole pieces, each until its last byte is taken."""
    with streams() as (stream, _):
        piece = bytes(10_000_000)
        stream.write(piece).add_done_callback(lambda future: future.exception())
        assert stream.writing()
        buffer = part(stream, "_write_buffer", object)
        assert len(part(buffer, "_buffers", object)) == 1
        assert tornado_private.unsent_bytes(stream) == len(piece)


@pytest.mark.parametrize("end", ["sent", "closed"])
async def test_when_sent(end: str) -> None:
    """IOStream._write_futures: the last one's end is the end of all that was written, or of the stream."""
    with streams() as (stream, peer):
        size = 10_000_000
        stream.write(bytes(size)).add_done_callback(lambda future: future.exception())
        (entry,) = part(stream, "_write_futures", object)
        assert isinstance(entry[1], asyncio.Future), f"Tornado {tornado.version}: IOStream._write_futures changed"
        calls: list[object] = []
        tornado_private.when_sent(stream, calls.append)
        await asyncio.sleep(0)
        assert calls == []
        if end == "sent":
            while size > 0:
                size -= len(await asyncio.get_running_loop().sock_recv(peer, 1 << 20))
        else:
            stream.close()
        await until(lambda: len(calls) == 1, "the call")


async def test_the_stream_of_a_request() -> None:
    """HTTP1Connection.stream."""
    with streams() as (stream, _):
        connection = HTTP1Connection(stream, is_client=False)
        part(connection, "stream", IOStream)
        assert tornado_private.stream_of(request(connection)) is stream


def test_whether_a_request_is_answered() -> None:
    """RequestHandler._finished."""
    one = handler()
    assert part(one, "_finished", bool) is False
    assert not tornado_private.answered(one)
    one._finished = True
    assert tornado_private.answered(one)


def test_the_headers_of_an_answer() -> None:
    """RequestHandler._headers."""
    one = handler()
    part(one, "_headers", HTTPHeaders)
    one.set_header("X-One", "1")
    assert tornado_private.answer_headers(one)["X-One"] == "1"


def test_an_answer_begins_without_a_date() -> None:
    """RequestHandler._headers and ._write_buffer: as Tornado's own beginning, but for the headers."""
    one = handler()
    assert {"Server", "Content-Type", "Date"} == set(part(one, "_headers", HTTPHeaders))
    one.write("something")
    one.set_status(404)
    assert part(one, "_write_buffer", list) == [b"something"]
    tornado_private.begin_answer(one)
    assert (list(one._headers), one._write_buffer, one.get_status()) == ([], [], 200)


def test_the_mask() -> None:
    """tornado.util._websocket_mask: XOR with four bytes, in C where Tornado was built with it."""
    assert hasattr(util, "_websocket_mask"), f"Tornado {tornado.version}: util._websocket_mask is gone"
    payload = bytes(range(256)) * 5 + b"odd"
    expected = bytes(byte ^ b"\x12\x34\x56\x78"[index % 4] for index, byte in enumerate(payload))
    assert tornado_private.mask(b"\x12\x34\x56\x78", payload) == expected


@cache
def privates(owner: type) -> set[str]:
    """The names with one underscore that a class has, and those that it takes from `self`, or sets there."""
    return private_names(ast.parse(dedent(inspect.getsource(owner))))


def private_names(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Call):
            if re.fullmatch(r"self|cls|super\(.*\)", ast.unparse(node.value)):
                found.add(node.attr)
        elif isinstance(node, ast.ClassDef):
            for one in node.body:
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                    found.add(one.name)
                elif isinstance(one, ast.Assign | ast.AnnAssign):
                    targets = one.targets if isinstance(one, ast.Assign) else [one.target]
                    found |= {ast.unparse(target) for target in targets}
    return {name for name in found if name.startswith("_") and not name.endswith("__")}


def made_of_tornados(module: ModuleType) -> list[type]:
    """The classes that a module makes of Tornado's."""
    classes = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    return [one for one in classes if any(base.__module__.startswith("tornado.") for base in one.__mro__)]


def test_what_is_derived_from_tornado_leaves_its_private_parts_alone() -> None:
    """In a class made of Tornado's, `self._finished` is as private as `handler._finished`, and no linter sees it."""
    modules = [importlib.import_module(f"service.{name}") for name in FILES if name != "__main__"]
    derived = [one for module in modules for one in made_of_tornados(module)]
    assert len(derived) > 20
    for one in derived:
        bases = [base for base in one.__mro__ if base.__module__.startswith("tornado.")]
        theirs: set[str] = set().union(*map(privates, bases))
        assert privates(one) & theirs == set(), one


def test_a_private_part_is_seen_in_every_form() -> None:
    """Taken, set, overridden, called of the base: and only what is private."""
    assert private_names(ast.parse("self._a = cls._b + super()._c() + other._d + self.e")) == {"_a", "_b", "_c"}
    body = "class A:\n    _a = 1\n    _b: int\n    def _c(): ...\n    def __init__(): ..."
    assert private_names(ast.parse(body)) == {"_a", "_b", "_c"}
    assert "_handle_request_exception" in privates(RequestHandler)
