"""What a start waits for or goes on without, and `--check` does not: Redis, and the server of users' keys.

Both come back by themselves, so that neither stops a service; whoever sets one up wants to know before.
"""

import asyncio
from collections.abc import Sequence

from service import app
from service.brokers.base import Fault
from service.brokers.log import Publication, Subscriber
from service.brokers.readiness import Readiness
from service.config import Settings
from service.identity.jwks import KeySet

TIMEOUT = 5.0  # seconds for a connection to be made and a write to be done
LOOK_INTERVAL = 0.05  # seconds
# What may be over in a moment; a cluster is down until its map is known.
_PASSING = (Fault.AWAY, Fault.SILENT, Fault.LOADING, Fault.CLUSTER)
_ADVICE = {
    Fault.CREDENTIALS: "correct the user and the password in it",
    Fault.PERMISSION: "grant its user the rights that stand in docs/operations.md",
    Fault.READ_ONLY: "it must lead to the primary",
    Fault.FULL: "it needs more memory (maxmemory)",
    Fault.COPIES: "REDIS_COPIES wants more replicas than it has",
}


async def findings(settings: Settings, redis_variable: str, timeout: float = TIMEOUT) -> list[str]:
    """What is wrong, a sentence each that begins with the variable. Redis gets a key for ten seconds, nothing else."""
    looks = (_redis(settings, redis_variable, timeout), _keys(settings))
    return [found for found in await asyncio.gather(*looks) if found]


async def _redis(settings: Settings, variable: str, timeout: float) -> str:
    if not settings.redis_url:
        return ""
    fault = await _fault(settings, timeout)
    if fault is None:
        return ""
    advice = _ADVICE.get(fault, "is it up, and is the address right? A start would serve without it until it comes")
    return f"{variable}: {settings.broker_name} takes no write: {fault}; {advice}"


async def _fault(settings: Settings, timeout: float) -> Fault | None:
    """Why Redis takes no write, after `timeout` seconds at the most if that may yet change; None: it took one."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    broker = app.make_broker(settings)
    readiness = Readiness(broker, fresh=0.0)
    await broker.open(_Nobody())
    try:
        while (fault := await readiness.fault()) in _PASSING and loop.time() < deadline:
            await asyncio.sleep(LOOK_INTERVAL)
        return fault
    finally:
        await broker.close()


class _Nobody(Subscriber):
    """Who is told what others say, and doesn't listen."""

    def on_publication(self, publication: Publication) -> None:
        pass

    def on_signal(self, room: str, payload: bytes) -> None:
        pass

    def on_subscribed(self, rooms: Sequence[str]) -> None:
        pass


async def _keys(settings: Settings) -> str:
    if not settings.jwt_jwks_url:
        return ""
    key_set = KeySet(settings.jwt_jwks_url)
    await key_set.find(None, "RS256")  # whatever comes of it, it was fetched
    keys = key_set.fresh()
    await key_set.close()
    if keys is None:
        return f"JWT_JWKS_URL is {settings.jwt_jwks_url!r}: no key set comes from there; is the address right?"
    if not keys:
        expected = "RSA of 2048 bits or more, P-256 or Ed25519"
        return f"JWT_JWKS_URL is {settings.jwt_jwks_url!r}: none of its keys can be used; expected {expected}"
    return ""
