"""Frames that are too large, too many or never whole: closed or cut, at no cost to memory or to others."""

import asyncio
import base64
import zlib

import pytest

from ..harness import UNIT, ServiceProcess
from .raw_socket import BINARY, CLOSE, PING, PONG, TEXT, RawSocket, crowd, frame, handshake, header
from .vitals import MIB, Pulse, memory_bytes

pytestmark = pytest.mark.alone

ZEROS = bytes(4)  # a mask
BIG = header(2**40, TEXT) + ZEROS

OFFENCES = {
    "an unmasked frame": (header(2, mask_bit=0) + b"{}", 1002),
    "a reserved bit (compression, which was not agreed)": (header(2, reserved=0x40) + ZEROS + b"{}", 1002),
    "the other reserved bits": (header(2, reserved=0x30) + ZEROS + b"{}", 1002),
    "an unknown opcode": (frame(b"", 0x3), 1002),
    "an unknown control opcode": (frame(b"", 0xB), 1002),
    "a fragmented ping": (frame(b"", PING, final=False), 1002),
    "a long ping": (header(126, PING) + ZEROS + bytes(126), 1002),
    "a continuation of nothing": (frame(b"", 0x0), 1002),
    "a message within a message": (frame(b"a", TEXT, final=False) + frame(b"b"), 1002),
    "a length in more bytes than it needs": (bytes((0x81, 0xFE, 0, 2)) + ZEROS + b"{}", 1002),
    "a negative length": (bytes((0x81, 0xFF)) + b"\xff" * 8 + ZEROS, 1002),
    "bad UTF-8": (frame(b'"\xc0\xaf"'), 1007),
    "UTF-8 that ends too soon": (frame(b"\xf0\x9f\x92"), 1007),
    "a surrogate as UTF-8": (frame(b'"\xed\xa0\x80"'), 1007),
    "bad UTF-8 over two fragments": (frame(b"\xf0\x9f", final=False) + frame(b"a", 0x0), 1007),
    "a close of one byte": (frame(b"\x03", CLOSE), 1002),
    "a close code that never goes over the wire": (frame((1005).to_bytes(2, "big"), CLOSE), 1002),
    "a close reason in bad UTF-8": (frame((1000).to_bytes(2, "big") + b"\xff", CLOSE), 1007),
    "2^40 bytes": (BIG, 1009),
    "2^63 - 1 bytes": (header(2**63 - 1) + ZEROS, 1009),
    "2^40 bytes of binary": (header(2**40, BINARY) + ZEROS, 1009),
    "2^40 bytes in a second fragment": (frame(b"a", final=False) + header(2**40, 0x0) + ZEROS, 1009),
    "one byte over the limit": (header(65537) + ZEROS, 1009),
    "one byte over, in fragments": (frame(b"a" * 65536, final=False) + frame(b"b", 0x0), 1009),
    "binary": (frame(b"{}", BINARY), 1003),
}


async def test_each_offence_is_closed_with_its_code() -> None:
    """RFC 6455 sections 5 and 7, on the chat's socket and on a guide's."""
    with ServiceProcess({"TICKET_RATE": "0"}) as service:
        for name, (data, code) in OFFENCES.items():
            for path in ("/socket", "/submit"):
                async with await RawSocket.open(service, path=path) as raw:
                    await raw.send(data)
                    assert await raw.closed() == code, f"{name} on {path}"


async def test_frames_of_a_terabyte_cost_nothing() -> None:
    """200 sockets declare 2^40 bytes and go on sending: 1009, +1 MiB at most."""
    with ServiceProcess({"TICKET_RATE": "0"}) as service:
        async with crowd(service, 200) as sockets:
            with Pulse(service) as pulse:
                start = memory_bytes(service)
                for raw in sockets:
                    await raw.send(BIG + bytes(65536))
                codes = {await raw.closed() for raw in sockets}
                grown = memory_bytes(service) - start
            pulse.check()
        assert codes == {1009}
        assert grown <= MIB


async def test_a_hundred_thousand_empty_fragments_are_cut_short() -> None:
    """A message may have 1,024 fragments: 1009, though it holds no byte, +1 MiB at most. With pings between, 1008."""
    with ServiceProcess() as service:
        for between, code in ((b"", 1009), (frame(b"", PING), 1008)):
            async with await RawSocket.open(service) as raw:
                with Pulse(service) as pulse:
                    start = memory_bytes(service)
                    await raw.send(frame(b"", TEXT, final=False))
                    await raw.send((frame(b"", 0x0, final=False) + between) * 100_000)
                    assert await raw.closed() == code
                    grown = memory_bytes(service) - start
                pulse.check()
            assert grown <= MIB


async def test_a_frame_that_never_ends_is_cut() -> None:
    """It drips in without an end. No pong comes from within a frame, so the peer counts as silent: 4408 or a cut."""
    with ServiceProcess({"PING_INTERVAL": "1", "PING_TIMEOUT": "1"}) as service:
        async with crowd(service, 2) as sockets:
            start = memory_bytes(service)
            for raw, declared in zip(sockets, (100, 60_000), strict=True):
                await raw.send(header(declared) + ZEROS)
            dripping = [asyncio.ensure_future(_drip(raw)) for raw in sockets]
            try:
                assert {await raw.closed(8 * UNIT) for raw in sockets} <= {4408, None}
            finally:
                for task in dripping:
                    task.cancel()
            assert memory_bytes(service) - start <= MIB


async def _drip(raw: RawSocket) -> None:
    while True:
        await raw.send(b" ")
        await asyncio.sleep(0.1)


async def test_a_frame_in_single_bytes_is_understood() -> None:
    """The other side of the same coin: slow is no offence while it ends, and pongs between fragments keep it alive."""
    message = b'{"type":"ping","ref":"slow"}'
    with ServiceProcess({"PING_INTERVAL": "1", "PING_TIMEOUT": "1"}) as service:
        async with await RawSocket.open(service) as raw:
            for byte in frame(message, mask=b"abcd"):
                await raw.send(bytes((byte,)))
                await asyncio.sleep(0.005)
            assert (await raw.read_json())["ref"] == "slow"
            for index, byte in enumerate(message):
                opcode = TEXT if index == 0 else 0x0
                await raw.send(frame(bytes((byte,)), opcode, final=index == len(message) - 1) + frame(b"", PONG))
                await asyncio.sleep(0.08)
            assert (await raw.read_json())["ref"] == "slow"


async def test_half_sent_frames_hold_little_memory() -> None:
    """100 sockets keep back the last byte of the largest frame: a frame's worth each, given back when they are cut."""
    limit = 65536
    with ServiceProcess({"TICKET_RATE": "0", "PING_INTERVAL": "1", "PING_TIMEOUT": "1"}) as service:
        async with crowd(service, 100) as sockets:
            start = memory_bytes(service)
            with Pulse(service) as pulse:
                for raw in sockets:
                    await raw.send(header(limit) + ZEROS + b" " * (limit - 1))
                await asyncio.sleep(0.3 * UNIT)
                held = memory_bytes(service) - start
                codes = {await raw.closed() for raw in sockets}
            pulse.check()
        assert held <= 1.5 * len(sockets) * limit + MIB
        assert codes <= {4408, None}


async def test_compression_is_not_agreed_to() -> None:
    """A bomb needs permessage-deflate; offered in any form, it is left out of the answer, and its frames are 1002."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bomb.compress(bytes(50 * MIB)) + bomb.flush(zlib.Z_SYNC_FLUSH)[:-4]
    with ServiceProcess() as service:
        for offer in ("permessage-deflate", "permessage-deflate; client_max_window_bits", "x-webkit-deflate-frame"):
            async with await RawSocket.connect(service.port) as raw:
                request = handshake(
                    service.port, "/submit", protocols=None, extra=[("Sec-WebSocket-Extensions", offer)]
                )
                answer = await raw.request(request)
                assert answer.status == 101
                assert "sec-websocket-extensions" not in answer.headers
                start = memory_bytes(service)
                await raw.send(header(len(packed), reserved=0x40) + ZEROS + packed)
                assert await raw.closed() == 1002
                assert memory_bytes(service) - start <= MIB


HANDSHAKES = {
    "hixie-76": (
        "Upgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n"
        "Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\r\n^n:ds[4U",
        426,
    ),
    "version 8": ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n", 426),
    "two versions": (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n",
        426,
    ),
    "no upgrade": ("Sec-WebSocket-Version: 13\r\nConnection: Upgrade\r\n", 400),
    "another protocol": ("Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", 400),
    "no connection": ("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", 400),
    "no key": ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", 400),
    "a short key": (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(b'short').decode()}\r\n",
        400,
    ),
    "no base64": (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: !!\r\n",
        400,
    ),
    "two keys": (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        400,
    ),
}


async def test_old_and_broken_handshakes_get_a_sentence() -> None:
    """400 or 426 with the version that is spoken (section 4.4), on each socket."""
    with ServiceProcess() as service:
        for name, (lines, status) in HANDSHAKES.items():
            for path in ("/socket", "/clock", "/submit", "/"):
                if path == "/" and "Upgrade: websocket" not in lines:
                    continue  # the page: an Upgrade to anything else may be ignored (RFC 9110 section 7.8)
                head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nOrigin: {service.url}\r\n"
                async with await RawSocket.connect(service.port) as raw:
                    answer = await raw.request((head + lines + ("" if "\r\n\r\n" in lines else "\r\n")).encode())
                assert answer.status == status, f"{name} on {path}: {answer}"
                assert answer.headers["sec-websocket-version"] == "13"
                assert answer.body.decode().strip().endswith(".")


async def test_other_methods_do_not_upgrade() -> None:
    """RFC 6455 section 4.1: GET. Anything else is answered with an HTTP error and no traceback."""
    with ServiceProcess() as service:
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"):
            async with await RawSocket.connect(service.port) as raw:
                request = handshake(service.port, "/socket").replace(b"GET ", method.encode() + b" ", 1)
                assert (await raw.request(request.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"))).status == 405
