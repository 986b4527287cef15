"""Guests who would empty a room's history: what changes nothing, and what changes again and again, costs only them."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from ..harness import NO_LIMITS, ChatClient, ChatError, ServiceProcess
from .crowding import SEVERAL

HISTORY = 60
GUESTS = 10


@asynccontextmanager
async def room(
    broker_env: dict[str, str], addresses: list[str], command: tuple[str, ...] = ("service",)
) -> AsyncIterator[tuple[ChatClient, list[ChatClient]]]:
    """In a service without limits of rates: Ada, whose messages fill it, and guests from the addresses in turn."""
    async with contextlib.AsyncExitStack() as stack:
        env = broker_env | NO_LIMITS | {"HISTORY_LIMIT": str(HISTORY)}
        service = stack.enter_context(ServiceProcess(env, command=command))
        ada = await stack.enter_async_context(ChatClient.open(service.url, "Ada"))
        await ada.join("lobby")
        for number in range(HISTORY):
            await ada.send("lobby", f"message {number}")
        guests = []
        for number, address in zip(range(GUESTS), itertools.cycle(addresses)):
            guest = await stack.enter_async_context(ChatClient.open(service.url, f"Guest {number}", address=address))
            await guest.join("lobby")
            guests.append(guest)
        yield ada, guests


async def texts(reader: ChatClient) -> list[str]:
    """All messages that the room's history has."""
    found: list[str] = []
    before = 2**53 - 1
    while True:
        page = await reader.history("lobby", before=before, limit=200)
        found = [message["text"] for message in page["messages"]] + found
        if not page["more"]:
            return found
        before = page["messages"][0]["seq"]


async def react(guest: ChatClient, target: int, on: bool) -> str:
    """A reaction; "sent", "duplicate" or why it is refused."""
    try:
        sent = await guest.request("react", room="lobby", id=guest.new_id(), target=target, emoji="👍", on=on)
    except ChatError as refused:
        return f"{refused.code}: {refused.frame['message']}"
    return "duplicate" if sent["duplicate"] else "sent"


async def all_do(guests: list[ChatClient], work: Callable[[ChatClient], Awaitable[None]]) -> None:
    await asyncio.gather(*map(work, guests))


async def test_what_changes_nothing_takes_nothing(broker_env: dict[str, str], addresses: list[str]) -> None:
    """Ten guests give the reaction that is there, a hundred times each: the messages and the log are as they were."""
    async with room(broker_env, addresses) as (ada, guests):
        said: list[str] = []

        async def insist(guest: ChatClient) -> None:
            said.extend([await react(guest, 1, on=True) for _ in range(101)])
            said.extend([await react(guest, 2, on=False) for _ in range(20)])

        await all_do(guests, insist)
        assert said.count("sent") == GUESTS and said.count("duplicate") == GUESTS * 120
        assert (await ada.send("lobby", "after"))["seq"] == HISTORY + GUESTS + 1
        assert (await texts(ada))[-HISTORY:] == [f"message {number}" for number in range(1, HISTORY)] + ["after"]


async def test_who_gives_and_takes_back_is_stopped(broker_env: dict[str, str], addresses: list[str]) -> None:
    """1,500 times by ten guests, on one message: all messages are there, and others' reactions to it are taken."""
    async with room(broker_env, addresses) as (ada, guests):
        said: list[str] = []

        async def toggle(guest: ChatClient) -> None:
            for _ in range(75):
                said.extend([await react(guest, 1, on=on) for on in (True, False)])

        await all_do(guests, toggle)
        assert said.count("sent") == GUESTS * 40
        refused = [answer for answer in said if answer not in ("sent", "duplicate")]
        assert set(refused) == {"bad_request: the message has been changed too often"}
        assert await react(ada, 1, on=True) == "sent"
        assert await texts(ada) == [f"message {number}" for number in range(HISTORY)]


async def like_all(guest: ChatClient) -> None:
    """More changes than the log keeps, if all guests do it."""
    for target in range(1, HISTORY + 1):
        if await react(guest, target, on=True) != "sent":
            break  # the message is gone


async def test_changes_of_many_messages_push_none_out(broker_env: dict[str, str], addresses: list[str]) -> None:
    """Each guest reacts to each message: more changes pass than the log keeps, its messages stay."""
    async with room(broker_env, addresses) as (ada, guests):
        await all_do(guests, like_all)
        page = await ada.history("lobby", before=2**53 - 1, limit=200)
        assert [message["text"] for message in page["messages"]] == [f"message {number}" for number in range(HISTORY)]
        assert [len(message["reactions"]["👍"]) for message in page["messages"]] == [GUESTS] * HISTORY


@pytest.mark.long
async def test_control_where_changes_count_as_messages_do_they_push_them_out(broker_env: dict[str, str]) -> None:
    """The guard off: the room has lost what was said in it first."""
    async with room(broker_env, SEVERAL, ("tests.faults.unguarded", "apart")) as (ada, guests):
        await all_do(guests, like_all)
        assert "message 0" not in await texts(ada)


async def test_messages_do_push_messages_out(broker_env: dict[str, str], addresses: list[str]) -> None:
    """The control: as many messages instead, and the first ones are gone."""
    async with room(broker_env, addresses) as (ada, guests):

        async def say(guest: ChatClient) -> None:
            for number in range(50):
                await guest.send("lobby", f"noise {number}")

        await all_do(guests, say)
        assert "message 0" not in await texts(ada)
