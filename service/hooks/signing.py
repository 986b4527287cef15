"""Secrets and signatures as Standard Webhooks has them (https://www.standardwebhooks.com), of its scheme v1. No I/O."""

import base64
import binascii
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
KEY_SHORTEST, KEY_LONGEST = 24, 64  # bytes, as the specification has it
SECRETS_LIMIT = 2  # the new one and the one before, while a receiver changes over


def keys(secrets: str) -> tuple[bytes, ...]:
    """The keys of secrets with commas between. Raises `ValueError` for what is none."""
    parts = [part.strip() for part in secrets.split(",") if part.strip()]
    if len(parts) > SECRETS_LIMIT:
        raise ValueError(f"expected at most {SECRETS_LIMIT} secrets: the new one and the one before")
    return tuple(map(_key, parts))


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not secret.startswith(PREFIX) or not KEY_SHORTEST <= len(key) <= KEY_LONGEST:
        raise ValueError(
            f"expected {PREFIX} and the base64 of {KEY_SHORTEST} to {KEY_LONGEST} bytes "
            f"(make one with: echo {PREFIX}$(openssl rand -base64 32))"
        )
    return key


def headers(keys: Sequence[bytes], id: str, seconds: int, body: bytes) -> dict[str, str]:
    """What a request with this body brings, sent at `seconds` (Unix time): a signature by each key."""
    signed = b"%b.%d.%b" % (id.encode(), seconds, body)
    digests = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{digest}" for digest in digests),
    }
