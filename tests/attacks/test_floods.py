"""Thousands of frames a second from a socket: told to wait, then closed, and others notice nothing."""

import asyncio
import json
import time
from collections import Counter

import pytest

from ..harness import NO_LIMITS, UNIT, ChatClient, ServiceProcess
from .crowding import crowding
from .raw_socket import BINARY, CLOSE, PING, PONG, TEXT, RawSocket, frame
from .vitals import MIB, Pulse, memory_bytes

pytestmark = pytest.mark.alone

SEND = b'{"type":"send","room":"lobby","id":"%d","text":"flood"}'


async def joined(raw: RawSocket) -> None:
    """Enter the lobby."""
    await raw.send_json({"type": "join", "room": "lobby"})
    while (await raw.read_json())["type"] != "joined":
        pass


async def flood(raw: RawSocket, frames: list[bytes], rate: float) -> Counter[str]:
    """Send frames, `rate` a second, until closed or all are out; what came back: types, codes of errors, the close."""
    reading = asyncio.ensure_future(_read_to_the_end(raw))
    began = time.monotonic()
    for start in range(0, len(frames), 100):
        await raw.send(b"".join(frames[start : start + 100]))
        await asyncio.sleep(max(0.0, began + (start + 100) / rate - time.monotonic()))
        if reading.done():
            break
    return await asyncio.wait_for(reading, 10 * UNIT)


async def _read_to_the_end(raw: RawSocket) -> Counter[str]:
    seen: Counter[str] = Counter()
    while (received := await raw.read_frame()) is not None:
        opcode, payload = received
        if opcode == CLOSE:
            seen[f"close {int.from_bytes(payload[:2], 'big')}"] += 1
            break
        if opcode == TEXT:
            answer = json.loads(payload)
            seen[answer.get("code", answer["type"])] += 1
            assert answer.get("code") != "rate_limited" or answer["retry_after"] > 0
    raw.cut()
    return seen


async def test_a_flood_of_messages_is_slowed_then_closed(broker_env: dict[str, str]) -> None:
    """10,000 a second from one socket: a burst of 100, `rate_limited` with `retry_after`, 1008. Others' sends go on."""
    with ServiceProcess(broker_env) as service:
        async with ChatClient.open(service.url, "Ada") as ada, await RawSocket.open(service) as raw:
            await ada.join("lobby")
            await joined(raw)
            with Pulse(service) as pulse:
                sending = asyncio.ensure_future(_converse(ada))
                seen = await flood(raw, [frame(SEND % n) for n in range(30_000)], 10_000)
                slowest = await sending
            pulse.check()
            assert slowest < 1.0 * UNIT
            # As the room has it: the flooder may be cut off before its own messages come back.
            page = (await ada.history("lobby", before=2**53 - 1, limit=200))["messages"]
        assert seen["close 1008"] == 1
        assert seen["rate_limited"] >= 100
        taken = [message["text"] for message in page].count("flood")
        assert 100 <= taken <= 150  # the burst, and what came due


async def test_without_limits_the_same_flood_passes() -> None:
    """What stops it above is the limit: with SEND_RATE=0 nothing is refused."""
    with ServiceProcess(NO_LIMITS) as service:
        async with await RawSocket.open(service) as raw:
            await joined(raw)
            frames = [frame(SEND % n) for n in range(1_000)] + [frame((1000).to_bytes(2, "big"), CLOSE)]
            seen = await flood(raw, frames, 10_000)
        assert seen["close 1000"] == 1
        assert not seen["rate_limited"]


async def _converse(client: ChatClient) -> float:
    """The longest that one of ten messages waited for its acknowledgement."""
    waits = []
    for number in range(10):
        began = time.monotonic()
        await client.send("lobby", f"in peace {number}")
        waits.append(time.monotonic() - began)
        await asyncio.sleep(0.05)
    return max(waits)


FLOODS = {
    "pings that are frames": (b'{"type":"ping"}', "rate_limited"),
    "typing": (b'{"type":"typing","room":"lobby"}', "rate_limited"),
    "read": (b'{"type":"read","room":"lobby","seq":0}', "rate_limited"),
    "joins": (b'{"type":"join","room":"lobby"}', "rate_limited"),
    "history": (b'{"type":"history","room":"lobby"}', "rate_limited"),
    "renewals": (b'{"type":"renew","ticket":"none"}', "forbidden"),
    "bans": (b'{"type":"moderate","user":"u","action":"ban"}', "forbidden"),
    "rooms that are none": (b'{"type":"join","room":"../etc"}', "bad_room"),
    "what is no request": (b"{}", "bad_request"),
    "types that are none": (b'{"type":"x"}', "unknown_type"),
    "empty messages": (b"", "bad_request"),
}


async def test_floods_of_anything_else_are_closed_as_well() -> None:
    """Every kind of frame has a limit or is an error: 1008 within 3,000 of them, and others don't wait."""
    with ServiceProcess({"TICKET_RATE": "0", "JOIN_RATE": "5"}) as service:
        for name, (data, code) in FLOODS.items():
            async with await RawSocket.open(service) as raw:
                await joined(raw)
                with Pulse(service, quiet=0.1 * UNIT) as pulse:
                    seen = await flood(raw, [frame(data)] * 30_000, 10_000)
                pulse.check()
            assert seen["close 1008"] == 1, f"{name}: {seen}"
            assert seen[code] >= 50, f"{name}: {seen}"


@pytest.mark.parametrize(("limits", "code"), [({"SEND_RATE": "0"}, "bad_request"), ({}, "rate_limited")])
async def test_a_flood_of_edits_is_closed(limits: dict[str, str], code: str) -> None:
    """Refused by the broker, for their target is none; and before it is asked once the user's rate is used up."""
    with ServiceProcess({"SEND_BURST": "1"} | limits) as service:
        async with await RawSocket.open(service) as raw:
            await joined(raw)
            with Pulse(service, quiet=0.1 * UNIT) as pulse:
                edit = frame(b'{"type":"edit","room":"lobby","id":"a","target":1,"text":"b"}')
                seen = await flood(raw, [edit] * 30_000, 10_000)
            pulse.check()
        assert seen["close 1008"] == 1
        assert seen[code] >= 50


async def test_floods_of_the_guides_sockets_are_closed() -> None:
    """They know no errors: the frames are dropped, and the socket is closed 1008 as well."""
    with ServiceProcess() as service:
        for path, data in (
            ("/submit", b'{"handle":"Ada","text":"flood"}'),
            ("/submit", b"{}"),
            ("/", b'{"handle":"Ada","text":"flood"}'),
            ("/receive", b"a"),
            ("/clock", b"a"),
        ):
            async with await RawSocket.open(service, path=path) as raw:
                with Pulse(service, quiet=0.1 * UNIT) as pulse:
                    await raw.send(frame(data) * 5_000)
                    assert await raw.closed() == 1008, path
                pulse.check()


def test_a_crowd_of_flooders_is_closed_too() -> None:
    """20 sockets at once, as fast as they can, with requests that are well formed. Others' median as above."""
    data = frame(b'{"type":"ping"}')
    with ServiceProcess() as service, crowding(service, 20, data=data * 800) as crowd:
        with Pulse(service, quiet=1.0 * UNIT) as pulse:
            crowd.begin()
            ended = crowd.ended()
            pulse.gather()
        assert ended == {"closed": {"1008": 20}, "open": 0}
        assert pulse.ratio() <= 2


async def test_a_flood_of_ping_frames_is_answered_in_part() -> None:
    """RFC 6455 section 5.5.3 asks for the latest pong only. Memory stays, others don't wait, without FRAME_RATE too."""
    with ServiceProcess({"FRAME_RATE": "0"}) as service:
        async with await RawSocket.open(service) as raw:
            with Pulse(service) as pulse:
                start = memory_bytes(service)
                while pulse.answers < 100:
                    await raw.send(frame(b"", PING) * 5_000)
                grown = memory_bytes(service) - start
            pulse.check()
            await raw.send_json({"type": "ping", "ref": "alive"})
            assert (await raw.read_json())["ref"] == "alive"
        assert grown <= MIB


async def test_a_peer_that_asks_and_never_reads_is_not_read_either() -> None:
    """Its answers fill UNSENT_LIMIT once; then its requests stay in its own kernel's buffers, and 4413 ends it."""
    env = {"SEND_RATE": "0", "SEND_RATE_ADDRESS": "0", "JOIN_RATE": "0", "UNSENT_DEADLINE": "2", "PING_INTERVAL": "1"}
    with ServiceProcess(env | {"PING_TIMEOUT": "1"}) as service:
        async with ChatClient.open(service.url, "Ada") as ada, await RawSocket.open(service) as raw:
            await ada.join("lobby")
            for number in range(50):
                await ada.send("lobby", f"{number} " + "long " * 700)
            await joined(raw)
            with Pulse(service) as pulse:
                start = memory_bytes(service)
                raw.pause()
                # 60 pages of 170 KiB: more than both kernels' buffers, and fewer requests than may wait.
                await raw.send(frame(b'{"type":"history","room":"lobby"}') * 60)
                await asyncio.sleep(0.5 * UNIT)
                flooding = asyncio.ensure_future(raw.send(frame(b'{"type":"ping"}') * 10**6))
                await asyncio.sleep(1.0 * UNIT)
                assert not flooding.done(), "all was read"
                assert memory_bytes(service) - start <= 2 * MIB
                await asyncio.sleep(2.0 * UNIT)
            pulse.check()
            flooding.cancel()
            raw.resume()
            assert await raw.closed() == 4413
        pages = [data for opcode, data in raw.received if opcode == TEXT and b'"history"' in data[:20]]
        assert 1 <= len(pages) < 60


@pytest.mark.parametrize("limit", ["user", "process"])
async def test_sockets_past_the_limit_are_told_why(limit: str) -> None:
    """Of one user: 4429; of the process: 1013. Those inside stay, and one that leaves makes room."""
    env = {"CONNECTIONS_PER_USER": "3"} if limit == "user" else {"CONNECTIONS_LIMIT": "3"}
    with ServiceProcess(env) as service:
        ada = await ChatClient.enter(service.url, "Ada")
        clients = [ada]
        try:
            clients += [await ChatClient.enter(service.url, "Ada", guest=ada.guest) for _ in range(2)]
            late = await ChatClient.enter(service.url, "Ada", guest=ada.guest, welcome=False)
            assert (await late.closed())[0] == (4429 if limit == "user" else 1013)
            await late.close()
            await clients.pop().close()
            clients.append(await ChatClient.enter(service.url, "Ada", guest=ada.guest))
            for client in clients:
                assert (await client.ping())["type"] == "pong"
        finally:
            for client in clients:
                await client.close()


# -- frames that no other limit counts

# A text that is nothing is an error as well: what closes it first may be either limit.
FLOODS_OF_FRAMES = {
    "pings": frame(b"", PING),
    "pongs": frame(b"", PONG),
    "long pings": frame(b"x" * 125, PING),
    "empty texts": frame(b""),
    "tiny texts": frame(b"a"),
    "empty fragments": frame(b"", final=False) + 500 * frame(b"", 0x0, final=False) + frame(b"", 0x0),
    "empty binaries": frame(b"", BINARY),
}
CROWD = 100


def batch(data: bytes) -> bytes:
    """As much as a socket is given at once, in whole pieces."""
    return data * max(1, 16_384 // len(data))


def test_a_hundred_sockets_flooding_frames_of_any_kind_are_closed(
    broker_env: dict[str, str], addresses: list[str], long_form: bool
) -> None:
    """1008, every one of them; the median that others wait stays within twice what it was before, in the same run."""
    kinds = FLOODS_OF_FRAMES if long_form else ("pings", "empty texts", "empty fragments")
    for kind in kinds:
        options = {"data": batch(FLOODS_OF_FRAMES[kind]), "addresses": addresses}
        with ServiceProcess(broker_env) as service, crowding(service, CROWD, **options) as crowd:
            with Pulse(service, quiet=1.0 * UNIT) as pulse:
                crowd.begin()
                ended = crowd.ended()
                pulse.gather()
            assert ended == {"closed": {ended_by(ended): CROWD}, "open": 0}, kind
            assert pulse.ratio() <= 2, kind


def ended_by(ended: dict[str, dict[str, int]]) -> str:
    """1008, or 1003 for the one kind that is closed for what it is."""
    return "1003" if set(ended["closed"]) == {"1003"} else "1008"


def test_without_the_price_of_frames_others_wait() -> None:
    """The control: nobody is closed, and everybody's median is more than twice what it was."""
    with ServiceProcess({"FRAME_RATE": "0"}) as service:
        with crowding(service, 20, data=batch(FLOODS_OF_FRAMES["pongs"]), most=1.0 * UNIT) as crowd:
            with Pulse(service, quiet=1.0 * UNIT) as pulse:
                crowd.begin()
                ended = crowd.ended()
            assert ended == {"closed": {}, "open": 20}
        assert pulse.ratio(least=1) > 2
        service.kill9()  # the kernel holds more of it than a stop should wait for


def test_many_bytes_have_a_price_too(broker_env: dict[str, str], addresses: list[str]) -> None:
    """100 sockets that send messages of 64 KiB as fast as they can, each of them in the contract."""
    message = b'{"type":"send","room":"lobby","id":"a","text":"' + b"x" * 3900 + b'","pad":"' + b"y" * 60_000 + b'"}'
    env = broker_env | {"SEND_RATE": "0", "SEND_RATE_ADDRESS": "0"}
    with ServiceProcess(env) as service, crowding(service, CROWD, data=frame(message), addresses=addresses) as crowd:
        crowd.begin()
        ended = crowd.ended()
    assert ended == {"closed": {"1008": CROWD}, "open": 0}


async def test_a_busy_client_within_the_limits_is_not_hurt() -> None:
    """Ten messages of 64 KiB a second, and a ping as often."""
    with ServiceProcess() as service:
        async with await RawSocket.open(service) as raw:
            await joined(raw)
            for number in range(30):
                text = '{"type":"send","room":"lobby","id":"%d","text":"%s","pad":"%s"}'
                await raw.send(frame((text % (number, "x" * 3900, "y" * 60_000)).encode()) + frame(b"p", PING))
                seen: set[str] = set()
                while not {"sent", "message"} <= seen:
                    seen.add((await raw.read_json())["type"])
                    assert "error" not in seen
                await asyncio.sleep(0.1)
