"""`parley-chat URL [ROOM]`: on a terminal by prompt_toolkit, in a pipe by lines."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..about import VERSION
from ..chat import Chat
from ..errors import ChatError
from ..events import Gap, Refused
from ..link import State
from ..protocol import Edited, Message, Presence, Reacted, Removed, TopicEvent
from . import lines
from .conversation import Conversation, Quit
from .lines import Line

if TYPE_CHECKING:
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.styles import BaseStyle

SHOWN = (State, Gap, Message, Edited, Removed, Reacted, TopicEvent, Presence, Refused)
WELL, SENT_AWAY, NO_START = 0, 1, 2


def main(argv: Sequence[str] | None = None, command: str = "parley-chat") -> int:
    """Talk until the end of the input, /quit or Ctrl-C. Exit status: 0; 1 sent away; 2 for what can't begin."""
    options = _parser(command).parse_args(argv)
    token = os.environ.get("PARLEY_TOKEN") or None
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if terminal and not _has_prompt():
        sys.stderr.write("parley-chat: a terminal needs prompt_toolkit: pip install 'parley-client[terminal]'\n")
        return NO_START
    url = options.url if "://" in options.url else f"https://{options.url}"
    name = None if token else options.name or os.environ.get("USER") or "Guest"
    try:
        return asyncio.run(_talk(url, name, token, options.store, options.room, terminal))
    except (ChatError, ValueError) as error:
        advice = getattr(error, "advice", "")
        sys.stderr.write(f"parley-chat: {lines.clean(str(error))} {advice}".rstrip() + "\n")
        return SENT_AWAY if isinstance(error, ChatError) else NO_START
    except KeyboardInterrupt:
        return WELL


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=command,
        description="Talk on a terminal, or by lines in a pipe. /help lists what can be typed beside messages.",
        epilog="PARLEY_TOKEN is a user's token, instead of a guest's name. NO_COLOR leaves colours out.",
    )
    parser.add_argument("url", metavar="URL", help="of the service: https://chat.example.com")
    parser.add_argument("room", metavar="ROOM", nargs="?", default="lobby", help="to begin in (lobby)")
    parser.add_argument("--name", help="a guest's name; by default that of the system's user")
    parser.add_argument("--store", type=Path, help="a file that keeps the guest and what isn't sent yet")
    parser.add_argument("--version", action="version", version=f"parley-client {VERSION}")
    return parser


def _has_prompt() -> bool:
    try:
        import prompt_toolkit  # noqa: F401  # an extra
    except ImportError:
        return False
    return True


async def _talk(url: str, name: str | None, token: str | None, store: Path | None, room: str, terminal: bool) -> int:
    async with Chat(url, name=name, token=token, store=store) as chat:
        conversation = Conversation(chat, _show if terminal else _print)
        await conversation.join(room)
        hearing = asyncio.ensure_future(_hear(chat, conversation))
        typing = asyncio.ensure_future(_type(conversation) if terminal else _read(conversation))
        try:
            await asyncio.wait((hearing, typing), return_when=asyncio.FIRST_COMPLETED)
            if typing.done():
                typing.result()
                await chat.flush()
        except Quit:
            pass
        finally:
            for task in (hearing, typing):
                task.cancel()
            await asyncio.gather(hearing, typing, return_exceptions=True)
        return SENT_AWAY if chat.state.state == "stopped" else WELL


async def _hear(chat: Chat, conversation: Conversation) -> None:
    try:
        async for event in chat.events(*SHOWN):
            conversation.hear(event)
    except ChatError:
        pass  # its state was shown


# -- a pipe


async def _read(conversation: Conversation) -> None:
    """Each line is a message, or a command."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    except ValueError:  # a file
        reader.feed_data(sys.stdin.buffer.read())
        reader.feed_eof()
    while line := await reader.readline():
        await conversation.say(line.decode(errors="replace").rstrip("\r\n"))


def _print(line: Line) -> None:
    sys.stdout.write("".join(text for _, text in line) + "\n")
    sys.stdout.flush()


# -- a terminal


async def _type(conversation: Conversation) -> None:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.patch_stdout import patch_stdout

    session: PromptSession[str] = PromptSession(
        "> ",
        completer=_completer(conversation),
        complete_while_typing=False,
        bottom_toolbar=lambda: _standing(conversation),
        refresh_interval=1.0,
        erase_when_done=True,
        style=_style(),
    )
    with patch_stdout(raw=True):
        while True:
            try:
                typed = await session.prompt_async()
            except (EOFError, KeyboardInterrupt):
                return
            await conversation.say(typed)


def _completer(conversation: Conversation) -> "Completer":
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document

    class Names(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
            for text, length in conversation.completions(document.text_before_cursor):
                yield Completion(text, start_position=-length)

    return Names()


def _standing(conversation: Conversation) -> str:
    """The line below: where one is, as whom, and how it stands."""
    chat, room = conversation.chat, conversation.front
    who = lines.clean(chat.user.name) if chat.user else ""
    waiting = f" · {len(chat.outbox)} to be sent" if len(chat.outbox) else ""
    where = f"#{room.name} · {room.count} here" if room else "no room"
    return f" {where} · {who} · {chat.state.state}{waiting} "


def _coloured() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _style() -> "BaseStyle":
    from prompt_toolkit.styles import Style

    return Style.from_dict({} if _coloured() else {"bottom-toolbar": "noreverse"})


def _show(line: Line) -> None:
    from prompt_toolkit import print_formatted_text
    from prompt_toolkit.formatted_text import FormattedText
    from prompt_toolkit.output import ColorDepth

    styles = {"dim": "ansibrightblack", "bold": "bold"} if _coloured() else {}
    pieces: FormattedText = FormattedText(
        (styles.get(style, style if _coloured() else ""), text) for style, text in line
    )
    depth = ColorDepth.DEPTH_4_BIT if _coloured() else ColorDepth.DEPTH_1_BIT
    print_formatted_text(pieces, color_depth=depth)
