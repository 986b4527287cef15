"""All subjects, one after the other."""

from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from service import __version__, config
from service.doctor import database, door, keys, machine, redis_broker, settings, tls, webhooks
from service.doctor.context import PLACE_TIMEOUT, Context
from service.findings import Finding, status, unseen

Look = Callable[[Context], Awaitable[list[Finding]]]


class Examination(Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    version: str
    broker: str
    looked_at: list[str]
    findings: list[Finding]
    status: int


async def examine_all(
    environ: Mapping[str, str],
    url: str = "",
    *,
    timeout: float = PLACE_TIMEOUT,
    told: Callable[[str, int, int], None] = lambda title, number, count: None,
) -> Examination:
    """Look at everything. `told` hears of each subject before it is looked at: its title, its number, how many."""
    known, errors = config.examine(environ)
    variable = config.redis_variable(environ)
    context = Context(settings=known, redis_variable=variable, url=url, timeout=timeout)

    async def look_at_settings(context: Context) -> list[Finding]:
        return settings.look(context.settings, errors)

    subjects = {"settings": look_at_settings} | _subjects(context)
    found: list[Finding] = []
    for number, (title, look) in enumerate(subjects.items(), 1):
        told(title, number, len(subjects))
        try:
            found += await look(context)
        except (OSError, ValueError) as trouble:  # a file that is gone by now, or may not be read
            cause = f"{title}: {trouble}"
            found.append(unseen(title, cause, "the rest of it was not looked at", "run it as the service's own user"))
    found.sort(key=lambda finding: -status([finding]))
    return Examination(
        version=__version__,
        broker=known.broker_name,
        looked_at=[*subjects],
        findings=found,
        status=status(found),
    )


def _subjects(context: Context) -> dict[str, Look]:
    """By title, those that there are here."""
    known = context.settings
    subjects: dict[str, Look] = {"machine": machine.look}
    subjects |= {"Redis": redis_broker.look, "TLS": tls.look} if known.redis_url else {"database": database.look}
    subjects |= {"keys": keys.look} if known.jwt_jwks_url else {}
    subjects |= {"webhooks": webhooks.look} if known.webhook_url or known.webhook_ask_url else {}
    return subjects | ({context.url: door.look} if context.url else {})
