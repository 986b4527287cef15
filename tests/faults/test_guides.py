"""The guides' sockets through a Redis that dies and comes back, and a process that dies with its speakers."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from service.guides.voice import CLAIM_SECONDS
from tests.guides import heard, say
from tests.harness import UNIT, ServiceProcess

from .client import ORIGIN
from .parts import RECOVERY, own_redis, readiness, service

pytestmark = [
    pytest.mark.timeout(seconds=300 * UNIT),
    pytest.mark.expects_log(r"redis (commands|channels): |redis refused"),
]


def opened(process: ServiceProcess, path: str) -> connect:
    """A socket of an allowed page."""
    url = process.url.replace("http", "ws", 1) + path
    return connect(url, origin=Origin(ORIGIN), proxy=None, open_timeout=30 * UNIT)


async def told(player: ClientConnection, kind: str, user: str) -> dict[str, Any]:
    """Play's next frame of that kind about that user."""
    async with asyncio.timeout(60 * UNIT):
        while True:
            frame = json.loads(await player.recv())
            if (frame.get("kind"), frame.get("user")) == (kind, user):
                return dict(frame)


async def quit_of(player: ClientConnection) -> dict[str, Any]:
    """Play's next quit."""
    async with asyncio.timeout(60 * UNIT):
        while True:
            frame = json.loads(await player.recv())
            if frame.get("kind") == "quit":
                return dict(frame)


async def test_redis_dies_and_comes_back() -> None:
    """Who is in hears on and keeps the name; who comes meanwhile is heard, and hears, from its return on.

    A player who comes meanwhile is told to come another time.
    """
    async with own_redis(appendonly="yes", appendfsync="always") as redis:
        with service(redis.url) as process:
            async with opened(process, "/ws") as go, opened(process, "/room/chat?username=Pia") as pia:
                await told(pia, "join", "Pia")
                await say(go, "Ada", "before")
                assert await heard(go) == {"handle": "Ada", "text": "before"}
                for _ in ("join", "talk"):
                    assert (await heard(pia))["user"] == "Ada"
                await asyncio.to_thread(redis.kill9)
                await readiness(process, False, RECOVERY)
                async with opened(process, "/room/chat?username=Rob") as rob:
                    assert "away" in (await heard(rob))["error"]
                async with opened(process, "/") as ruby:
                    await asyncio.to_thread(redis.start)
                    await readiness(process, True, RECOVERY)
                    await say(ruby, "Cy", "back")
                    for socket in (ruby, go):
                        assert await heard(socket) == {"handle": "Cy", "text": "back"}
                    await say(go, "Ada", "after")
                    for socket in (ruby, go):
                        assert await heard(socket) == {"handle": "Ada", "text": "after"}
                    assert sorted((await told(pia, "talk", "Ada"))["members"]) == ["Ada", "Cy", "Pia"]
                async with opened(process, "/room/chat?username=Pia") as other:
                    assert "error" in await heard(other)


async def test_a_process_that_is_killed_leaves_no_speakers() -> None:
    """Its people are gone, and their names free, once it would have had to beat."""
    async with own_redis() as redis:
        with service(redis.url, "short") as steady:
            async with opened(steady, "/room/chat?username=Pia") as pia:
                await told(pia, "join", "Pia")
                brief = service(redis.url, "short")
                await asyncio.to_thread(brief.start)
                async with opened(brief, "/room/chat?username=Rob") as rob, opened(brief, "/ws") as go:
                    await told(rob, "join", "Rob")
                    await say(go, "Ada", "hello")
                    await told(pia, "join", "Rob")
                    await told(pia, "join", "Ada")
                    await asyncio.to_thread(brief.kill9)
                # Both at once, in whichever order.
                gone = [await quit_of(pia), await quit_of(pia)]
                assert sorted(frame["user"] for frame in gone) == ["Ada", "Rob"] and gone[-1]["members"] == ["Pia"]
                await asyncio.sleep(CLAIM_SECONDS)
                async with opened(steady, "/room/chat?username=Rob") as again:
                    await told(again, "join", "Rob")
