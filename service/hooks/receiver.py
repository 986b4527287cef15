"""The operator's receiver: one address, asked over HTTP with a deadline; nothing it answers leads anywhere else."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.iostream import UnsatisfiableReadError
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError, SimpleAsyncHTTPClient

from service import __version__, metrics
from service.clock import CLOCK
from service.hooks import signing
from service.logs import fields

logger = logging.getLogger(__name__)

ANSWER_BYTES = 65_536  # of an answer, and of its headers; more is none
REQUESTS_AT_ONCE = 64  # requests of a process that are under way; callers keep to less
WAIT_FIRST, WAIT_LONGEST = (
    1.0,
    60.0,
)  # seconds: what the time before another attempt is at most, at first and in the end
FAILURES_LOG_INTERVAL = 60.0  # seconds between two words of the log on one that fails, works, fails …

T = TypeVar("T")


class Failure(StrEnum):
    """Why it was not done: `reason` of the metric."""

    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    CUT = "cut"
    ANSWER = "answer"
    REDIRECT = "redirect"
    REFUSED = "refused"
    FAILED = "failed"


class Failed(Exception):
    """`code`: the status, where there was one. `retry_after`: seconds, if the receiver said so."""

    def __init__(self, reason: Failure, code: int = 0, retry_after: float = 0.0) -> None:
        super().__init__(f"{reason} ({code})" if code else str(reason))
        self.reason = reason
        self.retry_after = retry_after


class Backoff:
    """How long to wait after failures in a row: by full jitter, so that many who wait don't come back together."""

    def __init__(self, first: float = WAIT_FIRST, longest: float = WAIT_LONGEST) -> None:
        """Seconds, at most: after one failure, after many."""
        self._first = first
        self._longest = longest
        self.failures = 0
        self.until = 0.0  # by the loop's clock

    def fail(self, at_least: float = 0.0) -> None:
        longest = min(self._longest, self._first * 2 ** min(self.failures, 16))
        wait = max(random.uniform(0.0, longest), min(at_least, self._longest))  # noqa: S311  # jitter, no secret
        self.failures += 1
        self.until = asyncio.get_running_loop().time() + wait

    def succeed(self) -> None:
        self.failures, self.until = 0, 0.0

    async def passed(self) -> None:
        """It is time for another attempt."""
        loop = asyncio.get_running_loop()
        while (wait := self.until - loop.time()) > 0:
            await asyncio.sleep(wait)


class Receiver:
    """`url` is the operator's own; redirects aren't followed, and what is answered is small or refused."""

    def __init__(self, url: str, keys: Sequence[bytes], timeout: float, backoff: Backoff | None = None) -> None:
        """`timeout`: seconds for a whole attempt."""
        self.timeout = timeout
        self.backoff = backoff or Backoff()
        self._url = url
        self._keys = keys
        self._failing_since: float | None = None  # since when it is said to be
        self._silent_until = 0.0
        self._client: SimpleAsyncHTTPClient | None = None

    @property
    def host(self) -> str:
        """What may be said of the address, which may hold a secret."""
        return urlsplit(self._url).hostname or ""

    def close(self) -> None:
        """Cut what is under way."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def post(
        self, kind: str, id: str, body: bytes, *, read: Callable[[bytes], T], timeout: float | None = None
    ) -> T:
        """What `read` makes of a 2xx answer; it raises `ValueError` for what can't be. Raises `Failed`.

        Counted under `kind`. `timeout`: seconds, of the receiver's at most.
        """
        metrics.WEBHOOK_ATTEMPTS.labels(kind).inc()
        try:
            answer = read(await self._post(id, body, self.timeout if timeout is None else timeout))
        except (Failed, ValueError, RecursionError) as error:
            failed = error if isinstance(error, Failed) else Failed(Failure.ANSWER)
            metrics.WEBHOOK_FAILURES.labels(failed.reason).inc()
            self.backoff.fail(failed.retry_after)
            self._say_failing(failed)
            raise failed from None
        self.backoff.succeed()
        self._say_well()
        return answer

    async def _post(self, id: str, body: bytes, timeout: float) -> bytes:
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(
                force_instance=True,
                max_clients=REQUESTS_AT_ONCE,
                max_body_size=ANSWER_BYTES,
                max_header_size=ANSWER_BYTES,
                max_buffer_size=2 * ANSWER_BYTES,
            )
        request = HTTPRequest(
            self._url,
            method="POST",
            headers={"Content-Type": "application/json", "User-Agent": f"Parley/{__version__}"}
            | signing.headers(self._keys, id, int(CLOCK.now()), body),
            body=body,
            connect_timeout=timeout,
            request_timeout=timeout,
            follow_redirects=False,  # else whoever redirects it says where what people say goes
            decompress_response=False,  # so that what is limited is what is kept
        )
        try:
            # Whoever is cancelled leaves it to its end: Tornado would log what comes of it as an error.
            response = await asyncio.shield(self._client.fetch(request, raise_error=False))
        except (HTTPClientError, OSError, ValueError, UnsatisfiableReadError) as error:
            raise Failed(_reason(error)) from None
        return _body_of(response)

    def _say_failing(self, failed: Failed) -> None:
        now = asyncio.get_running_loop().time()
        if self._failing_since is None and now >= self._silent_until:
            self._failing_since, self._silent_until = now, now + FAILURES_LOG_INTERVAL
            extra = fields("webhook_failing", host=self.host, reason=str(failed))
            logger.warning("webhook: %s takes nothing: %s", self.host, failed, extra=extra)

    def _say_well(self) -> None:
        if self._failing_since is not None:
            seconds = asyncio.get_running_loop().time() - self._failing_since
            self._failing_since = None
            extra = fields("webhook_well", host=self.host, seconds=seconds)
            logger.info("webhook: %s answers again after %.1f s", self.host, seconds, extra=extra)


def _reason(error: Exception) -> Failure:
    if isinstance(error, HTTPTimeoutError | TimeoutError):
        return Failure.TIMEOUT
    if isinstance(error, ssl.SSLError | ssl.CertificateError):
        return Failure.TLS
    if isinstance(error, HTTPStreamClosedError | ConnectionResetError | BrokenPipeError):
        return Failure.CUT
    return Failure.UNREACHABLE if isinstance(error, OSError) else Failure.ANSWER


def _body_of(response: HTTPResponse) -> bytes:
    code = response.code
    if 200 <= code < 300:
        return response.body or b""
    if 300 <= code < 400:
        raise Failed(Failure.REDIRECT, code)
    said = response.headers.get("Retry-After", "")
    retry_after = float(said) if said.isascii() and said.isdigit() and len(said) < 9 else 0.0
    raise Failed(Failure.FAILED if code >= 500 else Failure.REFUSED, code, retry_after)
