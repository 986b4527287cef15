"""The server of users' keys."""

from service.doctor.context import Context
from service.findings import Finding, error
from service.identity.jwks import KeySet


async def look(context: Context) -> list[Finding]:
    """A start goes on without them, and comes back to them by itself."""
    url = context.settings.jwt_jwks_url
    if not url:
        return []
    key_set = KeySet(url, timeout=context.timeout)
    await key_set.find(None, "RS256")  # whatever comes of it, it was fetched
    keys = key_set.fresh()
    await key_set.close()
    if keys is None:
        return [_finding("keys-away", f"JWT_JWKS_URL is {url!r}: no key set comes from there", url)]
    if not keys:
        expected = "RSA of 2048 bits or more, P-256 or Ed25519"
        return [_finding("keys-unusable", f"JWT_JWKS_URL is {url!r}: none of its keys is {expected}", url)]
    return []


def _finding(name: str, cause: str, url: str) -> Finding:
    consequence = "none of your users can enter; a start would serve without it until it comes"
    return error(
        name, "JWT_JWKS_URL", cause, consequence, f"curl -i '{url}' shows what it answers; is the address right?"
    )
