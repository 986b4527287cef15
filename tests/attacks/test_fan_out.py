"""What a message costs is what it brings about: in a large room an address may say less than in a small one."""

import asyncio

import pytest

from ..harness import UNIT, ChatClient, ChatError, make_jwt
from ..serving import serving

pytestmark = pytest.mark.timeout(seconds=120 * UNIT)

SOCKETS, FREE = 30, 10  # of the room, and those that a token pays for


@pytest.mark.parametrize("people", [1, SOCKETS], ids=["many sockets of one", "many people"])
@pytest.mark.parametrize("charged", [True, False], ids=["", "control"])
async def test_an_address_pays_for_the_size_of_the_room(broker_env: dict[str, str], charged: bool, people: int) -> None:
    """A burst of 60 is one of 20 in a room three times as large as a token pays for; in a small one it is whole."""
    async with serving(broker_env | {"SEND_RATE_ADDRESS": "6"}) as it:
        if charged:
            it.node.rates.fan_out = FREE
        tokens = [make_jwt(f"u-{number % people}", f"U {number % people}") for number in range(SOCKETS)]
        crowd = await asyncio.gather(*(ChatClient.enter(it.url, bearer=token) for token in tokens))
        try:
            await asyncio.gather(*(client.join("hall") for client in crowd))
            await crowd[0].join("corner")
            began = asyncio.get_running_loop().time()
            said = await say(crowd[0], "hall")
            due = 6 * (asyncio.get_running_loop().time() - began)
            if charged:
                assert 20 <= said <= 20 + due / 3
                assert await say(crowd[0], "corner") <= 2 + due, "the address has one purse for all rooms"
            else:
                assert 60 <= said <= 60 + due
        finally:
            await asyncio.gather(*(client.close() for client in crowd))


async def say(client: ChatClient, room: str) -> int:
    """How many messages pass before one is refused."""
    for number in range(1000):
        try:
            await client.send(room, f"hear, hear {number}")
        except ChatError as error:
            assert error.code == "rate_limited" and "this address" in error.frame["message"]
            assert error.frame["retry_after"] > 0
            return number
    raise AssertionError("there is no end")
