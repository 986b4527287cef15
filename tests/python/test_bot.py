"""The Python client's frame for bots: what handlers hear and say, and that each message is answered once."""

import asyncio
import re
import signal
import sys
from pathlib import Path

import pytest
from parley_client import Bot, Chat, ChatError, Heard, Message

from ..harness import NO_LIMITS, UNIT, ServiceProcess, make_jwt, service_env
from .test_chat import CLIENT, service

DICE = """
import os, random, sys
from parley_client import Bot

bot = Bot(sys.argv[1], token=os.environ["CHAT_TOKEN"], store=sys.argv[2])

@bot.command("roll")
async def roll(heard):
    print("asked", heard.args, flush=True)
    return f"{heard.user.name} rolls {random.random()} for {heard.args}"

bot.run()
"""


async def dice(url: str, store: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DICE, url, str(store)),
        env=service_env({"PYTHONPATH": str(CLIENT), "CHAT_TOKEN": make_jwt("dice", "Dice")}),
        stdout=asyncio.subprocess.PIPE,
    )


async def test_each_message_is_answered_once_over_kills_and_restarts(tmp_path: Path) -> None:
    """SIGKILL whenever it is, SIGTERM, the service's death; what is asked while it is away is answered, too."""
    kept = {"SQLITE_PATH": str(tmp_path / "parley.db")}
    async with service(kept) as process, Chat(process.url, name="Ada") as ada:
        room = await ada.join("lobby")
        await room.send("!roll before it was there")
        bot = await dice(process.url, tmp_path / "dice")
        async with asyncio.timeout(20 * UNIT):
            while not any(person.id == "dice" for person in room.members.values()):
                await asyncio.sleep(0.02)
        for number in range(30):
            await room.send(f"!roll {number}")
            if number in (7, 15):
                bot.kill()
                await bot.communicate()
                bot = await dice(process.url, tmp_path / "dice")
        answered: list[str] = []
        async with asyncio.timeout(40 * UNIT):
            async for message in room:
                if message.user.id == "dice":
                    answered.append(message.text.rpartition(" for ")[2])
                    if answered[-1] == "29":
                        break
        await room.send("!roll last")
        async for message in room:
            if message.user.id == "dice":
                answered.append(message.text.rpartition(" for ")[2])
                break
        bot.send_signal(signal.SIGTERM)
        await asyncio.wait_for(bot.communicate(), 20 * UNIT)
        assert bot.returncode == 0
        page = (await room.history(limit=200)).messages
        assert len(page) == 1 + 2 * 31
    assert answered == [*map(str, range(30)), "last"]


async def test_handlers_hear_what_they_are_for() -> None:
    """Commands in any case, with what stands behind; patterns; not its own words; one handler a message."""
    async with service() as process, Chat(process.url, name="Ada") as ada:
        bot = Bot(process.url, token=make_jwt("bot", "Bot"), rooms=["lobby", "den"], prefix="?")

        @bot.command("echo")
        def echo(heard: Heard) -> str:
            return f"{heard.user.name} says ?echo [{heard.args}]"

        @bot.hear(re.compile(r"\b(hello|good \w+)\b", re.IGNORECASE))
        async def greet(heard: Heard) -> None:
            heard.reply(f"{heard.match[1]}, {heard.user.name}")
            await heard.reply(f"in {heard.room}: {heard.text}")

        @bot.hear("never|hello")
        def fail(heard: Heard) -> None:
            raise ZeroDivisionError(heard.text)

        serving = asyncio.ensure_future(bot.serve())
        lobby, den = await ada.join("lobby"), await ada.join("den")
        async with asyncio.timeout(20 * UNIT):
            while not all(any(one.id == "bot" for one in room.members.values()) for room in (lobby, den)):
                await asyncio.sleep(0.02)
        heard = ada.events(Message)
        for room, text in ((lobby, "?ECHO  a  b "), (lobby, "?echoes"), (den, "oh, Good evening"), (lobby, "?echo")):
            await room.send(text)
        said: list[str] = []
        async with asyncio.timeout(20 * UNIT):
            while len(said) < 4:
                message = await anext(heard)
                if message.user.id == "bot":
                    said.append(message.text)
        assert sorted(said) == sorted(
            ["Ada says ?echo [a  b]", "Ada says ?echo []", "Good evening, Ada", "in den: oh, Good evening"]
        )
        bot.stop()
        await asyncio.wait_for(serving, 20 * UNIT)


@pytest.mark.expects_log("handler of message 1 in lobby failed")
async def test_a_handler_that_fails_costs_its_message_alone() -> None:
    async with service() as process, Chat(process.url, name="Ada") as ada:
        bot = Bot(process.url, name="Bot")

        @bot.command("divide")
        def divide(heard: Heard) -> str:
            return str(1 / int(heard.args))

        serving = asyncio.ensure_future(bot.serve())
        room = await ada.join("lobby")
        async with asyncio.timeout(20 * UNIT):
            while room.count < 2:
                await asyncio.sleep(0.02)
        await room.send("!divide 0")
        await room.send("!divide 4")
        loop = aiter(room)
        async with asyncio.timeout(20 * UNIT):
            assert [(await anext(loop)).text for _ in range(3)][-1] == "0.25"
        bot.stop()
        await asyncio.wait_for(serving, 20 * UNIT)


async def test_a_bot_that_is_not_let_in_says_why() -> None:
    with ServiceProcess(NO_LIMITS | {"GUESTS": "0"}) as process, pytest.raises(ChatError) as raised:
        await Bot(process.url, name="Bot").serve()
    assert raised.value.code == "unauthenticated"
