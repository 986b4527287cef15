"""Redis's Sentinels: who answers, whom they name, and whether they are enough for a failover."""

import asyncio
from typing import Any

from msgspec import Struct
from redis.exceptions import RedisError, ResponseError

from service.brokers.redis.connection import Connector, hang_up
from service.brokers.redis.refusals import describe_error
from service.brokers.redis.url import RedisUrl
from service.doctor.context import Context
from service.findings import Finding, warning


class Watched(Struct):
    """What the Sentinels say: the primary's place, "" if none names it."""

    primary: str = ""
    findings: list[Finding] = []


async def look(context: Context, url: RedisUrl) -> Watched:
    """Ask each of those that the address names."""
    connector = Connector(url, "parley-doctor", self_signed=context.settings.heroku)
    answers = await asyncio.gather(*(_ask(connector, url.master, *host, context.timeout) for host in url.hosts))
    watched = Watched()
    for (host, port), answer in zip(url.hosts, answers, strict=True):
        place = f"{host}:{port}"
        if isinstance(answer, str):
            cause = f"the Sentinel at {place} names no primary: {answer}"
            consequence = "fewer are left to agree on a failover, or to start by"
            fix = f"redis-cli -h {host} -p {port} SENTINEL MASTERS; is the address right?"
            watched.findings.append(warning("sentinel-away", place, cause, consequence, fix))
            continue
        watched.primary = watched.primary or answer[0]
        if answer[1]:
            cause = f"the Sentinel at {place} says: {answer[1]}"
            fix = f"redis-cli -h {host} -p {port} SENTINEL SENTINELS {url.master}"
            consequence = "when the primary fails nothing takes over"
            watched.findings.append(warning("sentinel-quorum", place, cause, consequence, fix))
    return watched


async def _ask(connector: Connector, master: str, host: str, port: int, timeout: float) -> tuple[str, str] | str:
    """The primary's place, and what is in the way of a failover; or why there is no answer."""
    try:
        async with asyncio.timeout(timeout):
            connection = await connector.open_sentinel(host, port)
            try:
                await connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master)
                named: Any = await connection.read_response(disable_decoding=True)
                if named is None:
                    return f"it knows of no {master!r}"
                await connection.send_command("SENTINEL", "CKQUORUM", master)
                missing = ""
                try:
                    await connection.read_response(disable_decoding=True)
                except ResponseError as refusal:  # NOQUORUM, or a user who may not ask
                    missing = describe_error(refusal) if "NOQUORUM" in describe_error(refusal) else ""
                return f"{named[0].decode()}:{int(named[1])}", missing
            finally:
                await hang_up(connection)
    except TimeoutError:
        return "no answer"
    except (RedisError, OSError) as trouble:
        return describe_error(trouble)
