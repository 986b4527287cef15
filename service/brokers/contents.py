"""What a store keeps of an event's content beside its id, to tell the same thing sent again from another. No I/O.

A text that is short or known could be found by anybody with the store who tries texts, even after it was removed: so
what is kept is made with a secret.
"""

import hashlib
import hmac
from binascii import b2a_base64

TAG_LENGTH = 3  # characters that say by which secret; publish.lua knows it


class Contents:
    """What is kept under one secret."""

    def __init__(self, secret: str) -> None:
        key = hmac.digest(secret.encode(), b"parley content 2", hashlib.sha256)
        self._tag = _text(hmac.digest(key, b"tag", hashlib.sha256))[:TAG_LENGTH]
        self._keyed = hashlib.blake2b(digest_size=6, key=key)  # to begin anew takes twice as long as a copy

    def kept(self, content: bytes) -> str:
        """Of `content` (protocol.event_content); "" of an empty one, which is not known."""
        if not content:
            return ""
        digest = self._keyed.copy()
        digest.update(content)
        return self._tag + _text(digest.digest())


def _text(digest: bytes) -> str:
    return b2a_base64(digest, newline=False).decode()


def differ(one: str, other: str) -> bool:
    """Whether two that were kept are of different contents.

    Under another secret, of another form (until November 2026 it was made without one, and longer) or of what is not
    known that can't be told: then they aren't.
    """
    comparable = len(one) == len(other) and one[:TAG_LENGTH] == other[:TAG_LENGTH]
    return comparable and one != other
