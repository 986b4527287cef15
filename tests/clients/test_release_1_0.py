"""Release 1.0.0's library (tests/release_1_0, as it was) against today's service: what it was promised still holds."""

import asyncio
import json
from typing import Any

import pytest

from ..harness import NO_LIMITS, UNIT, ChatClient, ServiceProcess, make_jwt
from .test_library import Library, library

EVENTS = ("message", "edited", "removed", "reacted")


def call(node: Library, method: str, *values: Any) -> None:
    node.say(json.dumps([method, *values]))


def told(node: Library, *events: str) -> list[dict[str, Any]]:
    return [value for event, value in node.told if event in events]


def mod(url: str) -> Any:
    """Somebody with a client of today."""
    return ChatClient.open(url, jwt=make_jwt("m1", "Mod", role="moderator"))


async def talk(node: Library, url: str) -> None:
    """It sends, edits, reacts and removes; so does somebody else, who also sets the room's topic twice."""
    call(node, "send", "lobby", "one")
    one = (await node.tells("message", text="one"))["seq"]
    call(node, "edit", "lobby", one, "one, edited")
    await node.tells("edited", target=one, text="one, edited")
    call(node, "react", "lobby", one, "👍")
    await node.tells("reacted", target=one, on=True)
    async with mod(url) as other:
        await other.join("lobby", events=["topic"])
        for text in ("what it is about", ""):
            await other.request("topic", room="lobby", id=other.new_id(), text=text)
        await other.send("lobby", "two")
        await node.tells("message", text="two")
        call(node, "remove", "lobby", one)
        await node.tells("removed", target=one)
        assert (await other.recv("removed"))["target"] == one


def hold(node: Library, joins: int) -> list[int]:
    """Nothing lost or repeated, and no join more than those; the events' seqs."""
    seqs = [value["seq"] for value in told(node, *EVENTS)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert [value["resumed"] for value in told(node, "joined")] == [False] + [True] * (joins - 1)
    assert not told(node, "gap", "problem", "refused")
    return seqs


@pytest.mark.timeout(seconds=120 * UNIT)
async def test_a_client_of_release_1_0_loses_nothing(broker_env: dict[str, str]) -> None:
    """Through an event of a kind that it doesn't know, a kill and a drain, each with words on the way."""
    env = NO_LIMITS | broker_env | {"DRAIN_SECONDS": "1"}
    with ServiceProcess(env) as service:
        async with library(service.url, "", "release_1_0_client.js") as node:
            await node.tells("joined")
            await talk(node, service.url)
            assert hold(node, joins=1)[-1] == 7  # of which two were topics
            assert [value["target"] for value in told(node, "reacted")] == [1, 4, 5]

            service.kill9()
            await node.tells("state", state="waiting")
            call(node, "send", "lobby", "said while it was away")
            await asyncio.to_thread(service.start)
            async with mod(service.url) as other:
                await other.join("lobby", events=["topic"])
                await other.request("topic", room="lobby", id=other.new_id(), text="another")
                await other.send("lobby", "three")
            await node.tells("joined", resumed=True)
            await both(node, "said while it was away", "three")
            hold(node, joins=2)

            ending = asyncio.create_task(asyncio.to_thread(service.stop))
            await node.tells("state", state="waiting", code=1012)
            assert await ending == 0
            call(node, "send", "lobby", "said during the drain")
            await asyncio.to_thread(service.start)
            await node.tells("joined", resumed=True)
            async with mod(service.url) as other:
                joined = await other.join("lobby", limit=50)
                await other.send("lobby", "the end")
            await both(node, "said during the drain", "the end")
            hold(node, joins=3)
            texts = {value["text"] for value in told(node, "message")}
            assert texts >= {message["text"] for message in joined["messages"] if "text" in message}
            assert node.process.stdin is not None
            node.process.stdin.close()
            _, trouble = await asyncio.wait_for(node.process.communicate(), 10 * UNIT)
            assert (node.process.returncode, trouble) == (0, b"")


async def both(node: Library, *texts: str) -> None:
    """Wait until these were told, in whichever order they were stored."""
    while not {*texts} <= {value["text"] for value in told(node, "message")}:
        await node.tells("message")
