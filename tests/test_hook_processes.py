"""Webhooks of whole processes: a sender that is killed, a Redis that comes back; and a receiver that is away."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from .brokers import until
from .harness import UNIT, RedisServer, ServiceProcess, make_jwt
from .harness.service_process import NO_LIMITS, SECRET_KEY
from .hook_receiver import hook_receiver
from .metrics import samples

TOKEN = {"Authorization": f"Bearer {make_jwt('s1', 'Build', role='service')}"}
MESSAGES = 150


async def elsewhere(work: Callable[..., Any], *args: Any) -> Any:
    """What blocks, in a thread: the receiver answers on this loop."""
    return await asyncio.get_running_loop().run_in_executor(None, work, *args)


def say(service: ServiceProcess, room: str, ids: range, stop: threading.Event | None = None) -> set[str]:
    """Publish, one after the other; the ids that were acknowledged."""
    stored = set()
    for number in ids:
        body = {"id": f"m{number}", "text": str(number)}
        try:
            status, _, _ = service.request("POST", f"/rooms/{room}/messages", body, TOKEN)
        except OSError:
            if stop is not None and stop.is_set():
                break
            raise
        if status in (200, 201):
            stored.add(f"m{number}")
    return stored


@pytest.mark.expects_log("redis (commands|channels)|webhook: ")
async def test_no_event_is_missing_after_kills_of_the_sender_and_of_redis() -> None:
    """What was acknowledged comes, in order, whoever has to send it; what comes twice has the id that it had."""
    async with hook_receiver() as receiver:

        def ids() -> set[str]:
            return {request.data["id"] for request in receiver.taken}

        receiver.behave = receiver.slowly(0.005)
        with RedisServer(appendonly="yes", appendfsync="always") as redis:
            env = NO_LIMITS | {"REDIS_URL": redis.url, "SECRET_KEY": SECRET_KEY} | receiver.env(WEBHOOK_SECONDS="1")
            one, two = ServiceProcess(env), ServiceProcess(env)
            await asyncio.gather(elsewhere(one.start), elsewhere(two.start))
            try:
                killed = threading.Event()
                saying = asyncio.ensure_future(elsewhere(say, one, "lobby", range(MESSAGES), killed))
                await until(lambda: len(receiver.taken) >= 30, "a part of it", 20 * UNIT)
                killed.set()
                await elsewhere(one.kill9)
                stored = await saying
                assert len(stored) >= 30
                await elsewhere(lambda: redis.restart(kill=True))
                await until(two.ready, "Redis found again", 20 * UNIT)
                stored |= await elsewhere(say, two, "lobby", range(MESSAGES, 2 * MESSAGES))
                await until(lambda: stored <= ids(), "every event, the dead one's room taken over", 40 * UNIT)
                seqs = receiver.seqs("lobby")
                assert seqs == list(range(1, len(seqs) + 1)), "in order, without a hole"
                assert all(request.verified() for request in receiver.requests)
                shown = samples((await elsewhere(two.request, "GET", "/metrics"))[2])
                assert shown["parley_webhook_attempts_total", (("kind", "event"),)] > 0
            finally:
                await asyncio.gather(elsewhere(one.stop), elsewhere(two.stop))


@pytest.mark.expects_log("webhook: ")
async def test_a_dead_receiver_is_seen_in_the_metrics_and_costs_no_message() -> None:
    """Two processes: the figures of both, the oldest by the one that tries."""
    async with hook_receiver() as receiver:
        await receiver.stop()
        with RedisServer() as redis:
            env = {"REDIS_URL": redis.url, "SECRET_KEY": SECRET_KEY, "WEB_CONCURRENCY": "2"}
            service = ServiceProcess(NO_LIMITS | env | receiver.env())
            await elsewhere(service.start)
            try:
                stored = await elsewhere(say, service, "lobby", range(20))
                assert len(stored) == 20

                async def shown() -> dict[Any, float]:
                    return samples((await elsewhere(service.request, "GET", "/metrics"))[2])

                failed = ("parley_webhook_failures_total", (("reason", "unreachable"),))
                figures = await shown()
                async with asyncio.timeout(30 * UNIT):
                    while not figures.get(failed):
                        await asyncio.sleep(0.2)
                        figures = await shown()
                assert figures["parley_webhook_rooms", ()] >= 1
                assert 0 < figures["parley_webhook_oldest_seconds", ()] < 60
                await receiver.start()
                await until(lambda: receiver.seqs("lobby") == list(range(1, 21)), "all of it", 60 * UNIT)
            finally:
                await elsewhere(service.stop)
