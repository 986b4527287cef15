"""The chat on a command line: in a pipe, on a terminal, and what others write is no order to it."""

import asyncio
import os
import pty
import re
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from parley_client import Chat, Message, Person, Presence, __version__
from parley_client.terminal import lines
from parley_client.terminal.conversation import COMMANDS, Conversation

from ..harness import UNIT, make_jwt, service_env
from ..harness.service_process import ROOT
from .test_chat import CLIENT, service

ADA = Person("u1", "Ada")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain, ü, 漢字, علی\u200cرضا", "plain, ü, 漢字, علی\u200cرضا"),
        ("👩\u200d👩\u200d👧 🏴\U000e0067\U000e0062\U000e007f", "👩\u200d👩\u200d👧 🏴\U000e0067\U000e0062\U000e007f"),
        ("\x1b[2J\x1b]0;title\x07", "␛[2J␛]0;title␇"),
        ("over\rwritten\x08\ttab", "over␍written␈␉tab"),
        ("\x9b31m\x7f", "\ufffd31m\ufffd"),
        ("\u202egnp.exe\u2066\ufeff\u00ad\u2028", "\ufffdgnp.exe\ufffd\ufffd\ufffd\ufffd"),
    ],
)
def test_what_others_write_moves_nothing(written: str, shown: str) -> None:
    """Neither the cursor nor the direction; scripts and emoji stay as they are."""
    assert lines.clean(written) == shown
    said = Message(room="lobby", seq=1, id="1", user=Person("u", written), at=0, text=f"{written}\n{written}")
    text = "".join(piece for _, piece in lines.message(said, "den"))
    assert text.count("\n") == 1 and "\x1b" not in text and text.count(shown) == 3


def test_a_user_has_one_colour() -> None:
    assert lines.colour(ADA) == lines.colour(Person("u1", "Ada II")) and lines.colour(ADA) in lines.COLOURS


async def test_names_commands_and_rooms_are_completed() -> None:
    chat = Chat("http://localhost", name="Ada")
    conversation = Conversation(chat, lambda line: None)
    conversation.front = chat.room("lobby")
    conversation.others["den"] = chat.room("den")
    people = [ADA, Person("u2", "Adele"), Person("u3", "Bob")]
    conversation.front.on_presence(Presence(room="lobby", joined=people, count=3))
    assert list(conversation.completions("/ed")) == [("/edit ", 3)]
    assert {text for text, _ in conversation.completions("/")} == {f"/{word} " for word in COMMANDS}
    assert list(conversation.completions("/join d")) == [("den", 1)]
    assert [text for text, _ in conversation.completions("hello @ad")] == ["@Ada", "@Adele"]
    assert list(conversation.completions("b")) == [("Bob", 1)]
    assert len(list(conversation.completions("/ban @"))) == 3
    assert not list(conversation.completions("hello "))


def environ(**more: str) -> dict[str, str]:
    return service_env({"PYTHONPATH": str(CLIENT), "TERM": "xterm-256color"} | more)


async def test_it_talks_in_a_pipe() -> None:
    """Lines are messages or commands; what was said before stands first. It ends with its input, all of it stored."""
    typed = """hello
//slash
/edit /slashes
/topic about pipes
/topic
/react 👍
/remove
/who
/rooms
/history
/join den
two
/leave
/mute nobody
/nonsense
/join No-Room
/help
"""
    async with service() as process, Chat(process.url, name="Eve") as eve:
        await eve.join("lobby")
        await eve.send("lobby", "\x1b[31mbefore")
        command = (sys.executable, "-m", "parley_client", process.url)
        pipe = asyncio.subprocess.PIPE
        env = environ(PARLEY_TOKEN=make_jwt("ada", "Ada", role="moderator"))
        talk = await asyncio.create_subprocess_exec(*command, env=env, stdin=pipe, stdout=pipe, stderr=pipe)
        assert talk.stdin is not None and talk.stdout is not None
        seen: list[str] = []
        for line in typed.splitlines():
            talk.stdin.write(f"{line}\n".encode())
            if not line.startswith("/") or line.startswith("//"):  # a message is in the log once it is shown
                async with asyncio.timeout(20 * UNIT):
                    while line.replace("//", "/") not in "".join(seen[-1:]):
                        seen.append((await talk.stdout.readline()).decode())
        talk.stdin.close()
        told, trouble = await asyncio.wait_for(talk.communicate(), 20 * UNIT)
        assert (talk.returncode, trouble) == (0, b"")
        page = (await eve.history("lobby")).messages
    text = "".join(seen) + told.decode()
    assert "Eve ␛[31mbefore" in text and "\x1b" not in text
    assert [one.text for one in page[1:]] == ["hello", ""] and page[2].removed
    for shown in (
        r"Ada hello",
        r"edited by Ada: /slashes",
        r"Ada sets the topic: about pipes",
        r"— topic: about pipes",
        r"Ada reacts with 👍",
        r"removed by Ada",
        r"2 here: ",
        r"#lobby \d here",
        r"— there is nothing older",
        r"— #den",
        r"left #den; now in #lobby",
        r"nobody here is called nobody",
        r"there is no /nonsense",
        r"! a room's name is .* Rooms have 1 to 64",
        r"— /join /leave",
    ):
        assert re.search(shown, text), f"{shown} is not in:\n{text}"


class Terminal:
    """The other side of a pseudo terminal."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.seen = b""

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    async def shows(self, pattern: str, after: str = "") -> None:
        """Wait until it does; with `after`, behind what that makes of the screen."""
        deadline = time.monotonic() + 20 * UNIT
        before = len(self.seen) if after else 0
        self.type(after)
        while not re.search(pattern.encode(), self.seen[before:]):
            assert time.monotonic() < deadline, f"no {pattern} in {self.seen.decode(errors='replace')}"
            await asyncio.sleep(0.02)
            try:
                came = os.read(self.descriptor, 65536)
            except OSError:  # nothing yet
                continue
            self.seen += came
            if b"\x1b[6n" in came:  # where the cursor is
                self.type("\x1b[1;1R")


@asynccontextmanager
async def terminal(
    command: Sequence[str], env: dict[str, str]
) -> AsyncIterator[tuple[Terminal, asyncio.subprocess.Process]]:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 100))
    os.set_blocking(ours, False)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
    )
    os.close(theirs)
    try:
        yield Terminal(ours), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        os.close(ours)


@pytest.mark.parametrize("colours", [True, False])
async def test_it_talks_on_a_terminal(colours: bool) -> None:
    """`parley chat`, with completion, through a kill of the service; with NO_COLOR nothing is coloured."""
    async with service() as process:
        command = (sys.executable, "-m", "service", "chat", process.url, "--name", "Ada")
        more = {} if colours else {"NO_COLOR": "1"}
        async with Chat(process.url, name="Eve") as eve, terminal(command, environ(**more)) as (screen, talk):
            room = await eve.join("lobby")
            await screen.shows("open")
            screen.type("hello, Ev")
            await screen.shows("hello, Ev")
            await screen.shows("e", after="\t")
            await screen.shows("hello, Eve!", after="!\r")
            async for message in room:
                assert message.text == "hello, Eve!"
                break
            await room.send("\x1b]0;title\x07 seen")
            await screen.shows("␛]0;title␇ seen")
            assert b"\x1b]0;title" not in screen.seen
            if not colours:
                await asyncio.to_thread(process.kill9)
                await screen.shows("cut off")
                screen.type("meanwhile\r")
                await screen.shows("1 to be sent")
                await asyncio.to_thread(process.start)
                await screen.shows("connected")
            screen.type("/quit\r")
            assert await asyncio.wait_for(talk.wait(), 20 * UNIT) == 0
            assert bool(re.search(rb"\x1b\[[0-9;]*3[1-6]m", screen.seen)) is colours


def test_what_can_not_begin_says_why(tmp_path: Path) -> None:
    """No such address, nobody there, and a service whose client is not installed."""

    def told(*command: str, **more: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=environ(**more),
            input="",
            capture_output=True,
            text=True,
            check=False,
            timeout=60 * UNIT,
        )
        return done.returncode, done.stderr + done.stdout

    assert told("parley_client", "ftp://chat.example.com")[0] == 2
    status, text = told("service", "chat", "http://localhost", PYTHONPATH=str(tmp_path))
    assert status == 2 and "pip install 'parley-client[terminal]'" in text
    assert told("service", "chat", "--help")[1].startswith("usage: python -m service chat [-h]")
    assert told("parley_client", "--version") == (0, f"parley-client {__version__}\n")
