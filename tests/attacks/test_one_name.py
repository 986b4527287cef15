"""One name, many who would have it, by every way in: one holder. One guest, many names: one of them."""

import asyncio
import itertools
from contextlib import AsyncExitStack
from typing import Any

from service.identity.auth import Authenticator

from ..harness import SECRET_KEY, UNIT, ChatClient, ChatError, ServiceProcess
from ..harness.chat_client import fetch_ticket
from .crowding import SEVERAL

RIVALS = 20  # for each way in
SETTINGS = {"TICKET_RATE": "0", "CONNECTIONS_PER_USER": "0", "SECRET_KEY": SECRET_KEY}


def tokens(name: str, number: int) -> list[str]:
    """Guest tokens of so many guests of that name, as they may have them from earlier."""
    maker = Authenticator(SECRET_KEY)
    return [maker.guest(name)[1] for _ in range(number)]


async def storm(service: ServiceProcess, stack: AsyncExitStack, addresses: list[str]) -> list[ChatClient]:
    """Who was welcomed of all that want to be Ada at once, by a ticket, by a guest token for one, and as a bearer."""
    places = itertools.cycle(addresses)

    async def come(**options: Any) -> ChatClient | None:
        try:
            client = await ChatClient.enter(service.url, address=next(places), **options)
        except ChatError as error:
            assert error.code == "name_taken"
            return None
        except ConnectionError as error:
            assert "4401 'name_taken'" in str(error)
            return None
        stack.push_async_callback(client.close)
        return client

    ways = [come(name="Ada"), *(come(name="ADA", guest=token) for token in tokens("Bob", 1))]
    ways += [come(name=name) for name in ("ada", "Ａｄａ", "A\ufe0fda") * (RIVALS // 3)]
    ways += [come(bearer=token) for token in tokens("Ada", RIVALS)]
    came = await asyncio.gather(*ways)
    came += await asyncio.gather(*(come(bearer=token) for token in tokens("aDa", RIVALS)))
    return [client for client in came if client is not None]


async def test_of_all_who_would_be_ada_one_is(broker_env: dict[str, str], addresses: list[str]) -> None:
    """By ticket, by guest token, on the handshake; at once and later."""
    with ServiceProcess(broker_env | SETTINGS) as service:
        async with AsyncExitStack() as stack:
            assert len(await storm(service, stack, addresses)) == 1


async def test_control_without_the_claim_all_are(broker_env: dict[str, str]) -> None:
    """By every way in."""
    with ServiceProcess(broker_env | SETTINGS, command=("tests.faults.unguarded", "names")) as service:
        async with AsyncExitStack() as stack:
            assert len(await storm(service, stack, SEVERAL)) > RIVALS


async def test_one_guest_has_one_name(broker_env: dict[str, str], addresses: list[str]) -> None:
    """Whoever asks for a hundred has the last; the others are free, and no socket of theirs goes by them."""
    with ServiceProcess(broker_env | SETTINGS) as service:
        async with ChatClient.open(service.url, "Ada") as ada:
            await ada.join("lobby")
            origin = {"Origin": service.url}
            for number, address in zip(range(100), itertools.cycle(addresses)):
                await fetch_ticket(service.url, f"Ada {number}", origin, address, guest=ada.guest)
            async with AsyncExitStack() as stack:
                names = ["Ada", *(f"Ada {number}" for number in range(100))]
                refused = []
                for name in names:
                    try:
                        await stack.enter_async_context(ChatClient.open(service.url, name))
                    except ChatError as error:
                        assert error.code == "name_taken"
                        refused.append(name)
                assert refused == ["Ada 99"]
                async with asyncio.timeout(5 * UNIT):
                    await ada.send("lobby", "x")
                    assert (await ada.recv("message"))["user"]["name"] == "Ada 99"
