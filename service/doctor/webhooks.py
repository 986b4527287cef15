"""The operator's receivers: whether each takes a signed ping, and whether events wait for it."""

import secrets

from service.brokers.broker import Broker
from service.clock import CLOCK
from service.config import Settings
from service.doctor import redis_broker
from service.doctor.context import Context
from service.findings import Finding, error, warning
from service.hooks import payloads, pending, signing
from service.hooks.hooks import matcher
from service.hooks.receiver import Failed, Failure, Receiver
from service.protocol import RequestError

LATE = 60.0  # seconds that an event may wait before it is said
READ_LIMIT = 100  # rooms of which it is read how old what waits is

_AWAY = (Failure.UNREACHABLE, Failure.TLS, Failure.TIMEOUT, Failure.CUT)


async def look(context: Context, late: float = LATE) -> list[Finding]:
    """Both are asked; where there is a Redis it says what waits. The embedded broker's file is the service's alone."""
    settings = context.settings
    lost = {
        "WEBHOOK_URL": "events wait in the log, and what is trimmed meanwhile is never sent",
        "WEBHOOK_ASK_URL": f"each message waits for WEBHOOK_ASK_SECONDS; then it holds: {settings.webhook_ask_default}",
    }
    found = []
    for name, consequence in lost.items():
        url = getattr(settings, name.lower())
        if url:
            found += await _ping(context, name, url, consequence)
    if settings.webhook_url and settings.redis_url:
        async with redis_broker.asked(context) as (broker, fault):
            if fault is None:
                found += await _waiting(broker, settings, late)
    return found


async def _ping(context: Context, name: str, url: str, consequence: str) -> list[Finding]:
    receiver = Receiver(url, signing.keys(context.settings.webhook_secret), context.timeout)
    try:
        await receiver.post("ping", f"ping.{secrets.token_hex(8)}", payloads.ping(CLOCK.now_ms()), read=len)
    except Failed as failed:
        if failed.reason in _AWAY:
            fix = f"curl -i --data '{{}}' \"${name}\" shows what is there; is it up, and is the address right?"
            return [error("webhook-away", name, f"{name}: {receiver.host} gives no answer: {failed}", consequence, fix)]
        fix = "its log says why; does it check with WEBHOOK_SECRET, and answer 2xx to what it doesn't know?"
        return [error("webhook-refused", name, f"{name}: {receiver.host} takes no ping: {failed}", consequence, fix)]
    finally:
        receiver.close()
    return []


async def _waiting(broker: Broker, settings: Settings, late: float) -> list[Finding]:
    count, oldest = 0, 0
    try:
        if not await broker.deliveries.begun():
            return []
        rooms = matcher(settings.webhook_rooms)
        async for room, place, end in pending.pending(broker.log, broker.directory, broker.deliveries, rooms):
            count += 1
            if count <= READ_LIMIT:
                at = await pending.oldest_at(broker.log, room, place, end)
                oldest = min(oldest or at, at or oldest)
    except RequestError:  # it has gone meanwhile, which is said
        return []
    seconds = CLOCK.now() - oldest / 1000
    if not oldest or seconds < late:
        return []
    cause = f"WEBHOOK_URL: events of {count} rooms wait, the oldest for {seconds:.0f} s"
    fix = "parley_webhook_failures_total of /metrics says why; is the service running?"
    return [warning("webhook-behind", "WEBHOOK_URL", cause, "the receiver doesn't know what is said", fix)]
