"""A JSON Web Key Set (RFC 7517) fetched over HTTP: which public keys check users' tokens right now.

Rotation: an unknown key is looked for anew, at most every `FETCH_INTERVAL` seconds; a key that left the set is refused
`KEYS_FRESH` seconds after the last fetch at the latest. A server that doesn't answer makes no key known: those
fetched before serve on for `KEPT` seconds, then none does.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError
from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest
from tornado.iostream import UnsatisfiableReadError
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from service.logs import fields

# RFC 8725 section 3.1: one algorithm a key, by its type. No symmetric one: a set of public keys is no secret.
_ALGORITHM_OF = {("RSA", ""): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
ALGORITHMS = frozenset(_ALGORITHM_OF.values())
FETCH_INTERVAL = 10.0  # seconds between two fetches
KEYS_FRESH = 600.0  # seconds for which a fetched set is used without asking again
KEPT = 3600.0  # seconds for which it is used while the server doesn't answer
FETCH_TIMEOUT = 5.0  # seconds for a whole fetch
SIZE_LIMIT_BYTES = 256 * 1024
KEYS_LIMIT = 100

# (kid, algorithm) to the key; a key without a kid has the kid "".
Keys = MappingProxyType[tuple[str, str], PyJWK]

_NONE: Keys = MappingProxyType({})
logger = logging.getLogger(__name__)


class _Jwk(msgspec.Struct, omit_defaults=True):
    """The public members of RFC 7518 section 6 and RFC 8037; private ones are not even read."""

    kty: str
    kid: str = ""
    use: str = ""
    alg: str = ""
    crv: str = ""
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""


class _Document(msgspec.Struct):
    keys: list[msgspec.Raw]


def parse(document: bytes) -> Keys:
    """The usable keys of a set; others are left out. Raises `ValueError` for what is no key set."""
    try:
        members = msgspec.json.decode(document, type=_Document).keys
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("not a JSON Web Key Set") from None
    if len(members) > KEYS_LIMIT:
        raise ValueError(f"over {KEYS_LIMIT} keys")
    keys = {}
    for member in members:
        try:
            jwk = msgspec.json.decode(member, type=_Jwk)
            algorithm = _ALGORITHM_OF.get((jwk.kty, jwk.crv))
            if algorithm is None or jwk.alg not in ("", algorithm) or jwk.use not in ("", "sig"):
                continue
            key = PyJWK(msgspec.to_builtins(jwk), algorithm)
        except (msgspec.DecodeError, PyJWTError, RecursionError):
            continue
        if not key.Algorithm.check_key_length(key.key):
            keys[jwk.kid, algorithm] = key
    return MappingProxyType(keys)


class KeySet:
    """The set at `url`. `timeout` is for a whole fetch; `clock` gives seconds, like `time.monotonic`."""

    def __init__(
        self, url: str, *, timeout: float = FETCH_TIMEOUT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout = timeout
        self._url = url
        self._clock = clock
        self._keys = _NONE
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._failed = False
        self._fetch: asyncio.Task[None] | None = None
        self._client: AsyncHTTPClient | None = None

    def fresh(self) -> Keys | None:
        """The keys if no fetch is due, else None. Each fetch makes a new object, so `is` will do."""
        return self._keys if self._clock() - self._fetched_at < KEYS_FRESH else None

    async def find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """The key that `kid` names, of `algorithm`; without a kid the only one of it. None: there is none."""
        if self.fresh() is None:
            fetch = self._begin_fetch()
            # A server known to be down is tried again beside the way, so that its time-outs delay nobody.
            if fetch and not (self._failed and self._known()):
                await asyncio.shield(fetch)
        key = self._look_up(kid, algorithm)
        if key is None and (fetch := self._begin_fetch()):
            await asyncio.shield(fetch)
            key = self._look_up(kid, algorithm)
        return key

    async def close(self) -> None:
        """Let a fetch under way end (within `FETCH_TIMEOUT`) and close the client."""
        if self._fetch:
            await self._fetch
        if self._client:
            self._client.close()

    def _known(self) -> Keys:
        return self._keys if self._clock() - self._fetched_at < KEPT else _NONE

    def _look_up(self, kid: str | None, algorithm: str) -> PyJWK | None:
        keys = self._known()
        if kid is not None:
            return keys.get((kid, algorithm))
        fitting = [key for (_, name), key in keys.items() if name == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    def _begin_fetch(self) -> asyncio.Task[None] | None:
        """The fetch under way, or a new one if `FETCH_INTERVAL` has passed since the last began; else None."""
        if self._fetch is None and self._clock() - self._tried_at >= FETCH_INTERVAL:
            self._tried_at = self._clock()
            self._fetch = asyncio.create_task(self._run_fetch(), name="jwks fetch")
        return self._fetch

    async def _run_fetch(self) -> None:
        try:
            began = self._clock()
            self._keys = await self._get()
            self._fetched_at = began
            self._failed = False
            if not self._keys:
                extra = fields("key_set_empty", host=self._host)
                logger.warning("the key set at %s has no usable key: nobody's token passes", self._host, extra=extra)
        except (HTTPError, OSError, ValueError, UnsatisfiableReadError) as error:  # the last: headers without end
            # Never the URL or the text of the error: a URL may hold a password.
            self._failed = True
            reason = type(error).__name__ + (f" {error.code}" if isinstance(error, HTTPError) else "")
            extra = fields("key_set_failed", host=self._host, reason=reason)
            logger.warning("no key set from %s: %s", self._host, reason, extra=extra)
        finally:
            self._fetch = None

    @property
    def _host(self) -> str:
        return urlsplit(self._url).hostname or ""

    async def _get(self) -> Keys:
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(
                force_instance=True, max_body_size=SIZE_LIMIT_BYTES, max_buffer_size=SIZE_LIMIT_BYTES
            )
        response = await self._client.fetch(
            HTTPRequest(
                self._url,
                headers={"Accept": "application/jwk-set+json, application/json"},
                connect_timeout=self._timeout,
                request_timeout=self._timeout,
                follow_redirects=False,  # else whoever redirects it says whose keys count and what we ask
                decompress_response=False,  # the size limit is then the limit of what is parsed
            )
        )
        if response.code != 200:
            raise ValueError("no 200")
        return parse(response.body)
