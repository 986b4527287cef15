"""The secrets by which frames are posted to an event stream: `<process>.<stream>.<seal>`.

The first part says which process has the stream, the second is 192 random bits, and the third shows that a process of
this deployment made it: nobody else's word sends processes looking for what was never there.
"""

import base64
import hashlib
import hmac
import secrets

_CONTEXT = b"parley event stream 1"


class StreamSecrets:
    """Of one process."""

    def __init__(self, secret_key: str, process: str) -> None:
        self._key = hmac.digest(secret_key.encode(), _CONTEXT, hashlib.sha256)
        self._process = process

    def make(self) -> tuple[str, str]:
        """A stream's name and its secret."""
        stream = secrets.token_urlsafe(24)
        named = f"{self._process}.{stream}"
        return stream, f"{named}.{self._seal(named)}"

    def read(self, secret: str) -> tuple[str, str] | None:
        """The process and the stream, or None for what no process of ours made."""
        named, _, seal = secret.rpartition(".")
        if not secret.isascii() or not hmac.compare_digest(seal, self._seal(named)):
            return None
        process, _, stream = named.partition(".")
        return process, stream

    def _seal(self, named: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, named.encode(), hashlib.sha256)).decode().rstrip("=")
