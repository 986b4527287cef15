"""Many guests who use an id again for something else, and users whose names and ids read alike when put together."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from ..harness import NO_LIMITS, ChatClient, ChatError, ServiceProcess, make_jwt
from .crowding import SEVERAL

GUESTS = 12
SEPARATORS = (":", "\n", "\0", "\x1f", " ", "/", "|", "#", "\\", '"', "\u2028", "1:")
UNGUARDED = "tests.faults.unguarded"


@asynccontextmanager
async def crowd(
    env: dict[str, str], addresses: list[str], command: tuple[str, ...] = ("service",)
) -> AsyncIterator[tuple[ChatClient, list[ChatClient]]]:
    """A reader and guests, from the addresses in turn, in the lobby."""
    async with AsyncExitStack() as stack:
        service = stack.enter_context(ServiceProcess(env | NO_LIMITS, command=command))
        places = zip(range(GUESTS + 1), itertools.cycle(addresses))
        entering = [ChatClient.open(service.url, f"Guest {number}", address=place) for number, place in places]
        reader, *guests = [await stack.enter_async_context(client) for client in entering]
        for client in (reader, *guests):
            await client.join("lobby")
        yield reader, guests


async def outcome(work: Any) -> str:
    """ "sent", "duplicate", or why it is refused."""
    try:
        return "duplicate" if (await work)["duplicate"] else "sent"
    except ChatError as refused:
        return f"{refused.code}: {refused.frame['message']}"


async def misuse(guest: ChatClient) -> tuple[list[str], str]:
    """Say something, then everything else under its id; then the same once more. What was answered."""
    own = guest.user["name"]
    target = (await guest.send("lobby", own, id="mine"))["seq"]
    others: list[dict[str, Any]] = [
        {"type": "send", "text": f"{own} again"},
        {"type": "edit", "target": target, "text": f"{own}, edited"},
        {"type": "remove", "target": target},
        {"type": "react", "target": target, "emoji": "👍", "on": True},
        {"type": "topic", "text": own},
    ]
    answers = [await outcome(guest.request(room="lobby", id="mine", **other)) for other in others]
    return answers, await outcome(guest.send("lobby", own, id="mine"))


async def said(reader: ChatClient) -> list[dict[str, Any]]:
    return list((await reader.history("lobby", before=2**53 - 1, limit=200))["messages"])


async def test_an_id_that_was_used_is_refused_for_anything_else(
    broker_env: dict[str, str], addresses: list[str]
) -> None:
    """Twelve guests under one id: none is in another's way, each has said one thing, and nothing changed."""
    async with crowd(broker_env, addresses) as (reader, guests):
        found = await asyncio.gather(*map(misuse, guests))
        assert {again for _, again in found} == {"duplicate"}
        answers = {answer for refused, _ in found for answer in refused}
        assert len(answers) == 1 and answers.pop().startswith("bad_request: "), found
        messages = await said(reader)
        assert sorted(message["text"] for message in messages) == sorted(guest.user["name"] for guest in guests)
        assert not [message for message in messages if {"edited_at", "removed", "reactions"} & message.keys()]


async def test_an_id_of_a_change_is_refused_for_anything_else(broker_env: dict[str, str], addresses: list[str]) -> None:
    """The other way round: a removal under the id of an edit, an edit under that of a reaction."""
    async with crowd(broker_env, addresses) as (reader, guests):

        async def change(guest: ChatClient) -> list[str]:
            target = (await guest.send("lobby", "first"))["seq"]
            about = {"room": "lobby", "target": target}
            await guest.request("edit", id="e", text="second", **about)
            await guest.request("react", id="r", emoji="👍", on=True, **about)
            return [
                await outcome(guest.request("remove", id="e", **about)),
                await outcome(guest.request("edit", id="e", text="third", **about)),
                await outcome(guest.request("edit", id="r", text="third", **about)),
                await outcome(guest.request("react", id="r", emoji="👍", on=False, **about)),
                await outcome(guest.send("lobby", "second", id="e")),
            ]

        for answers in await asyncio.gather(*map(change, guests)):
            assert all(answer.startswith("bad_request: ") for answer in answers), answers
        messages = await said(reader)
        assert [message["text"] for message in messages] == ["second"] * GUESTS
        assert all(len(message["reactions"]["👍"]) == 1 for message in messages)


@pytest.mark.long
async def test_control_without_the_guard_something_else_is_a_duplicate(broker_env: dict[str, str]) -> None:
    """What was asked for is acknowledged, and not done."""
    async with crowd(broker_env, SEVERAL, (UNGUARDED, "contents")) as (_, guests):
        answers, again = await misuse(guests[0])
        assert {*answers, again} == {"duplicate"}


async def say_alike(service: ServiceProcess) -> list[bool]:
    """Pairs of a user and an id that come to the same text by each separator: who was told that it is a duplicate."""
    told = []
    for number, by in enumerate(SEPARATORS):
        pairs = [(f"u{number}", f"a{by}b"), (f"u{number}{by}a", "b")]
        for user, id in pairs:
            if not user.isprintable():
                async with ChatClient.open(service.url, bearer=make_jwt(user, "Ada"), welcome=False) as refused:
                    assert (await refused.closed())[0] == 4401
                continue
            async with ChatClient.open(service.url, bearer=make_jwt(user, "Ada")) as client:
                await client.join("lobby", limit=0)
                sent = await client.send("lobby", f"the pair {number}", id=id)
                assert (await client.send("lobby", f"the pair {number}", id=id))["seq"] == sent["seq"]
                told.append(sent["duplicate"])
    return told


async def test_users_and_ids_that_read_alike_together_are_told_apart(broker_env: dict[str, str]) -> None:
    """Whatever stands in an id; in a user's no control character may."""
    with ServiceProcess(broker_env | NO_LIMITS) as service:
        told = await say_alike(service)
        assert len(told) > len(SEPARATORS) and not any(told)


@pytest.mark.long
async def test_control_without_lengths_they_are_taken_for_each_other(redis_url: str) -> None:
    """A user and an id with a colon between them: what the second says is a duplicate that nobody hears."""
    with ServiceProcess({"REDIS_URL": redis_url} | NO_LIMITS, command=(UNGUARDED, "lengths")) as service:
        assert any(await say_alike(service))
