"""Guests who would write over a room's topic, and one who began it and can't leave it alone."""

import asyncio

from websockets.exceptions import ConnectionClosed

from ..harness import NO_LIMITS, ChatClient, ChatError, ServiceProcess

GUESTS = 10


async def set_topic(client: ChatClient, text: str) -> str:
    """What comes of it: "sent", or the error's code."""
    try:
        await client.request("topic", room="lobby", id=client.new_id(), text=text)
    except ChatError as refused:
        return refused.code
    return "sent"


async def test_guests_can_not_write_over_a_topic(broker_env: dict[str, str]) -> None:
    """Ten, without limits of rates: each is refused until the socket is closed; nobody in the room hears of it."""
    with ServiceProcess(broker_env | NO_LIMITS) as service:
        async with ChatClient.open(service.url, "Ada") as ada:
            await ada.join("lobby", events=["topic"])
            await ada.send("lobby", "hello")
            assert await set_topic(ada, "tea") == "sent"

            async def insist(number: int) -> tuple[list[str], int | None]:
                async with ChatClient.open(service.url, f"Guest {number}") as guest:
                    await guest.join("lobby")
                    said = []
                    try:
                        for attempt in range(150):
                            said.append(await set_topic(guest, f"spam {number} {attempt}"))
                    except (ConnectionError, ConnectionClosed):
                        pass
                    return said, (await guest.closed())[0]

            outcomes = await asyncio.gather(*map(insist, range(GUESTS)))
            assert {answer for said, _ in outcomes for answer in said} == {"forbidden"}
            assert {code for _, code in outcomes} == {1008}
            assert [frame["text"] for frame in ada.frames if frame["type"] == "topic"] == ["tea"]
            assert (await ada.join("lobby"))["topic"]["text"] == "tea"
            assert (await ada.send("lobby", "after"))["seq"] == 3


async def test_who_began_a_room_sets_its_topic_no_faster_than_they_may_write(broker_env: dict[str, str]) -> None:
    """`rate_limited` past the user's burst; more changes than the log keeps push no message out."""
    with ServiceProcess(broker_env | {"SEND_BURST": "20", "SEND_RATE": "0.5"}) as service:
        async with ChatClient.open(service.url, "Ada") as ada:
            await ada.join("lobby")
            said = [await set_topic(ada, f"topic {number}") for number in range(40)]
            assert set(said[:20]) == {"sent"} and set(said[20:]) <= {"rate_limited", "sent"}
            assert said.count("rate_limited") >= 15
    with ServiceProcess(broker_env | NO_LIMITS | {"HISTORY_LIMIT": "60"}) as service:
        async with ChatClient.open(service.url, "Bob") as bob:
            await bob.join("tea")
            for number in range(60):
                await bob.send("tea", f"message {number}")
            for number in range(300):
                await bob.request("topic", room="tea", id=bob.new_id(), text=f"topic {number}")
            joined = await bob.join("tea", limit=200)
            assert [message["text"] for message in joined["messages"]] == [f"message {number}" for number in range(60)]
            assert joined["topic"]["text"] == "topic 299"


async def test_what_is_no_topic_is_refused_at_once() -> None:
    """A whole frame of what takes the longest to look at; others' answers don't wait for it."""
    with ServiceProcess(NO_LIMITS) as service:
        async with ChatClient.open(service.url, "Ada") as ada, ChatClient.open(service.url, "Bob") as bob:
            await ada.join("lobby")
            for text in ("x\u0323" * 5_000, "\u0301" * 10_000, "👨\u200d" * 2_500):
                asked = asyncio.get_running_loop().time()
                answers = await asyncio.gather(set_topic(ada, text), bob.ping())
                assert answers[0] == "too_large"
                assert asyncio.get_running_loop().time() - asked < 1
