"""Redis: whether it takes a write, as readiness asks, and what each primary says of itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from service import app
from service.brokers.base import Fault, Unavailable
from service.brokers.broker import Broker
from service.brokers.log import Publication, Subscriber
from service.brokers.readiness import Readiness
from service.brokers.redis import url as redis_url
from service.brokers.redis.broker import RedisBroker
from service.brokers.redis.commands import answer_of
from service.brokers.redis.shard import Shard
from service.brokers.redis.url import RedisUrl
from service.doctor import redis_server, sentinels
from service.doctor.context import Context
from service.findings import Finding, error, unseen, warning

FAULT_LOOK_INTERVAL = 0.05  # seconds
CLOCK_APART = 5.0  # seconds; tokens may be so far ahead, too
# What may be over in a moment; a cluster is down until its map is known.
_PASSING = (Fault.AWAY, Fault.SILENT, Fault.LOADING, Fault.CLUSTER)
_FINDINGS = {  # name and what to do, in which {cli} stands for redis-cli there
    Fault.AWAY: ("redis-away", "{cli} PING; is it up, and is the address right?"),
    Fault.SILENT: ("redis-silent", "{cli} --latency; is it frozen, or busy?"),
    Fault.LOADING: ("redis-loading", "{cli} INFO persistence says how far it is with reading its data"),
    Fault.CREDENTIALS: ("redis-credentials", "correct the user and the password in it; {cli} AUTH tries them"),
    Fault.PERMISSION: ("redis-permission", "{cli} ACL SETUSER, with the rights that stand in docs/operations.md"),
    Fault.READ_ONLY: ("redis-read-only", "{cli} ROLE says whose replica it is; the address must lead to the primary"),
    Fault.PRIMARY: ("redis-primary-away", "{cli} ROLE says whose replica it is; bring that back, or lead to another"),
    Fault.FULL: ("redis-full", "{cli} CONFIG SET maxmemory, with more than INFO memory says that it uses"),
    Fault.DISK: ("redis-disk", "{cli} INFO persistence, and df -h where it runs: it can't write its files"),
    Fault.COPIES: ("redis-copies", "{cli} INFO replication says which replicas it has; or lower REDIS_COPIES"),
    Fault.CLUSTER: ("redis-cluster-down", "{cli} CLUSTER NODES; slots have no primary, or no node can be asked"),
    Fault.REFUSED: ("redis-refused", "{cli} PING; the service's log has Redis's own words"),
}


async def write(context: Context) -> list[Finding]:
    """Why Redis takes no write, if it takes none. It gets a key for ten seconds, nothing else."""
    if not context.settings.redis_url:
        return []
    async with asked(context) as (_, fault):
        return _refused(context, fault, "")


async def look(context: Context) -> list[Finding]:
    """The same, and what each primary, and each Sentinel, says."""
    url = redis_url.parse(context.settings.redis_url)
    watched = await sentinels.look(context, url) if url.kind == "sentinel" else sentinels.Watched()
    found = [*watched.findings]
    async with asked(context) as (broker, fault):
        assert isinstance(broker, RedisBroker)
        for place, shard in broker.shards.by_place.items():
            if shard.commands.connected:
                found += await _primary(context, url, watched.primary or place, shard)
    # What a primary says of its memory and its replicas has why it refuses in it.
    known = {finding.name for finding in found}
    return [*(one for one in _refused(context, fault, watched.primary) if one.name not in known), *found]


@asynccontextmanager
async def asked(context: Context) -> AsyncIterator[tuple[Broker, Fault | None]]:
    """A broker, and why it takes no write after the context's time, at the most, if that may yet change."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + context.timeout
    broker = app.make_broker(context.settings)
    readiness = Readiness(broker, fresh=0.0)
    await broker.open(_Nobody())
    try:
        while (fault := await readiness.fault()) in _PASSING and loop.time() < deadline:
            await asyncio.sleep(FAULT_LOOK_INTERVAL)
        yield broker, fault
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


def _refused(context: Context, fault: Fault | None, primary: str) -> list[Finding]:
    if fault is None:
        return []
    variable, settings = context.redis_variable, context.settings
    name, fix = _FINDINGS.get(fault, _FINDINGS[Fault.REFUSED])
    cli = redis_server.cli(redis_url.parse(settings.redis_url), variable, primary)
    cause = f"{variable}: {settings.broker_name} takes no write: {fault}"
    consequence = "a start would serve without it until it comes, and answer every send `unavailable`"
    return [error(name, variable, cause, consequence, fix.format(cli=cli))]


async def _primary(context: Context, url: RedisUrl, place: str, shard: Shard) -> list[Finding]:
    """What is wrong with one, by its own words."""
    cli = redis_server.cli(url, context.redis_variable, place)
    try:
        answer = await _ask(shard, "INFO")
        began = time.time()
        seconds, microseconds = await _ask(shard, "TIME")
        ended = time.time()
    except Unavailable as refusal:
        if refusal.fault is not Fault.PERMISSION:  # it has gone meanwhile
            return []
        fix = f"{cli} ACL SETUSER, with the rights that stand in docs/operations.md"
        cause = f"the user at the Redis at {place} may not ask how it is (INFO, TIME)"
        return [unseen(place, cause, "memory, persistence, replicas and clock were not looked at", fix)]
    server = redis_server.Primary(context.settings, url, place, cli, redis_server.read_info(answer))
    apart = int(seconds) + int(microseconds) / 1e6 - (began + ended) / 2
    return [*server.findings(), *_clock(place, apart, CLOCK_APART + (ended - began) / 2)]


def _clock(place: str, apart: float, allowed: float) -> list[Finding]:
    if abs(apart) <= allowed:
        return []
    word = "ahead of" if apart > 0 else "behind"
    cause = f"the clock of the Redis at {place} is {abs(apart):.0f} s {word} this machine's"
    consequence = "times of messages are wrong, and from a minute on rooms are never forgotten"
    return [warning("redis-clock", place, cause, consequence, "timedatectl, or chronyc tracking, on both machines")]


async def _ask(shard: Shard, *command: str) -> Any:
    return await answer_of(partial(shard.commands.send, command))
