"""Where WebSockets are blocked: the same frames by an event stream and POST. docs/protocol.md, of that name."""

import asyncio
import re
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import msgspec

from .codes import BUFFERED, LOST
from .connection import CLOSE_TIMEOUT, FRAME_LIMIT, Closed, Connection
from .tickets import USER_AGENT, Offer, seconds

FIRST = 8.0  # seconds for the first event, which the service sends at once
AGAIN = 1.0  # seconds after a request that nobody answered
TIMEOUT = 15.0  # for the answer to a request with frames
BATCH = 50  # frames of one request,
BATCH_BYTES = 64 << 10  # or as many as are this long; one alone may be longer
AHEAD = 64  # frames that are read before anybody takes them

_DATA = re.compile(r"^data: (.*)$", re.MULTILINE)
_HELD = "something on the way holds answers back"


class _Welcome(msgspec.Struct):
    session: str


class _End(msgspec.Struct):
    code: int
    reason: str


class EventStream:
    """A `Connection`."""

    def __init__(self, client: httpx.AsyncClient, response: httpx.Response, both: AsyncExitStack) -> None:
        """`response`: the stream, as it begins; `both` closes it and the client."""
        self.heard = time.monotonic()
        self._client, self._response, self._both = client, response, both
        self._frames: deque[bytes] = deque()
        self._end: Closed | None = None
        self._changed = asyncio.Condition()
        self._waiting: deque[bytes] = deque()
        self._number = 0  # of the last request with frames
        self._reader = asyncio.ensure_future(self._read())
        self._sender: asyncio.Task[None] | None = None

    # -- what the service sends

    async def recv(self) -> bytes:
        async with self._changed:
            await self._changed.wait_for(lambda: self._frames or self._end)
            if not self._frames:
                assert self._end is not None
                raise self._end
            self._changed.notify_all()
            return self._frames.popleft()

    async def _read(self) -> None:
        end = Closed(LOST, "the stream was cut")
        try:
            async with asyncio.timeout(FIRST) as first:
                async for event in self._events():
                    await self._take(event)
                    first.reschedule(None)
        except TimeoutError:
            end = Closed(BUFFERED, _HELD)
        except (httpx.HTTPError, httpx.StreamError, msgspec.MsgspecError) as error:
            end = Closed(LOST, str(error) or type(error).__name__)
        finally:
            await self._finish(end)

    async def _events(self) -> AsyncIterator[str]:
        rest = ""
        async for part in self._response.aiter_text():
            self.heard = time.monotonic()
            *events, rest = (rest + part).split("\n\n")
            if len(rest) > FRAME_LIMIT:
                raise httpx.StreamError("an event is too long")
            for event in events:
                yield event

    async def _take(self, event: str) -> None:
        found = _DATA.search(event)
        data = found[1].encode() if found else b""
        if event.startswith("event: close"):
            end = msgspec.json.decode(data, type=_End)
            await self._finish(Closed(end.code, end.reason))
        elif data:  # else a comment, the service's ping
            if self._sender is None:
                secret = msgspec.json.decode(data, type=_Welcome).session
                self._sender = asyncio.ensure_future(self._send(secret))
            async with self._changed:
                self._frames.append(data)
                self._changed.notify_all()
                await self._changed.wait_for(lambda: len(self._frames) < AHEAD or self._end)

    async def _finish(self, end: Closed) -> None:
        """The first word on why it ended counts."""
        async with self._changed:
            self._end = self._end or end
            self._changed.notify_all()

    # -- what is sent to it

    async def send(self, frame: bytes) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._waiting) < BATCH or self._end)
            if self._end:
                raise self._end
            self._waiting.append(frame)
            self._changed.notify_all()

    async def _send(self, secret: str) -> None:
        """One request after the other, so that nothing is overtaken."""
        headers = {"Authorization": f"Bearer {secret}"}
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._waiting or self._end)
                if self._end:
                    return
                frames = self._batch()
            self._number += 1
            await self._deliver(b"\n".join(frames), headers)
            async with self._changed:
                for _ in frames:
                    self._waiting.popleft()
                self._changed.notify_all()

    def _batch(self) -> list[bytes]:
        """The next frames to send, which wait until they are there."""
        frames, size = [self._waiting[0]], len(self._waiting[0])
        for frame in list(self._waiting)[1:BATCH]:
            size += len(frame) + 1
            if size > BATCH_BYTES:
                break
            frames.append(frame)
        return frames

    async def _deliver(self, body: bytes, headers: dict[str, str]) -> None:
        """Until it is taken: whether a request whose answer was lost arrived, its number tells the service."""
        address = f"{self._response.url}/frames"
        while self._end is None:
            wait = AGAIN
            try:
                sent = await self._client.post(
                    address, params={"n": self._number}, content=body, headers=headers, timeout=TIMEOUT
                )
            except httpx.HTTPError:
                pass  # nobody answered
            else:
                if sent.is_success:
                    return
                if not sent.is_server_error and sent.status_code != httpx.codes.TOO_MANY_REQUESTS:
                    await asyncio.sleep(AGAIN)  # the stream's own word on why it ended comes first
                    await self._finish(Closed(LOST, f"frames were answered {sent.status_code}"))
                    return
                wait = seconds(sent.headers.get("Retry-After")) or AGAIN
            await asyncio.sleep(wait)

    # -- the end

    async def close(self) -> None:
        """There is no way to tell the service but to let go."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT), self._changed:
                await self._changed.wait_for(lambda: not self._waiting or self._end)
        except TimeoutError:
            pass
        tasks = [task for task in (self._reader, self._sender) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._both.aclose()

    def abort(self) -> None:
        self._reader.cancel()


async def open_stream(url: str, offer: Offer) -> Connection:
    """At the service at `url`, http or https. Raises `Closed`."""
    ticket = offer.subprotocols[-1].removeprefix("ticket.")
    headers = {"Authorization": f"Ticket {ticket}", "User-Agent": USER_AGENT} | offer.headers
    async with AsyncExitStack() as stack:
        # The system's authorities, as for the other ways. Each request has a time of its own.
        client = httpx.AsyncClient(headers=headers, verify=ssl.create_default_context(), timeout=None)  # noqa: S113
        await stack.enter_async_context(client)
        try:
            async with asyncio.timeout(FIRST):
                response = await client.send(client.build_request("POST", f"{url}/events"), stream=True)
        except TimeoutError:
            raise Closed(BUFFERED, _HELD) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Closed(LOST, str(error) or type(error).__name__) from None
        stack.push_async_callback(response.aclose)
        if response.status_code != httpx.codes.OK:
            raise Closed(LOST, f"HTTP {response.status_code}", seconds(response.headers.get("Retry-After")))
        return EventStream(client, response, stack.pop_all())
