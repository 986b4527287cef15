"""What a store keeps of an event's content beside its id, to tell the same thing sent again from another. No I/O.

A text that is short or known could be found by anybody with the store who tries texts, even after it was removed: so
what is kept is made with a secret.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode

TAG_LENGTH = 3  # characters that say by which secret; publish.lua knows it


class Contents:
    """What is kept under one secret."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"parley content 1", hashlib.sha256)
        self._tag = urlsafe_b64encode(hmac.digest(self._key, b"tag", hashlib.sha256)).decode()[:TAG_LENGTH]

    def kept(self, content: str) -> str:
        """Of `content` (protocol.fingerprint); "" of "", which is not known."""
        if not content:
            return ""
        digest = hashlib.blake2b(content.encode(), digest_size=6, key=self._key).digest()
        return self._tag + urlsafe_b64encode(digest).decode()


def differ(one: str, other: str) -> bool:
    """Whether two that were kept are of different contents.

    Under another secret, of another form (until November 2026 it was made without one, and longer) or of what is not
    known that can't be told: then they aren't.
    """
    comparable = len(one) == len(other) and one[:TAG_LENGTH] == other[:TAG_LENGTH]
    return comparable and one != other
