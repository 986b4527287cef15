"""A small frame for bots: commands, what is heard, each message answered once; until SIGTERM.

With a `store` that holds over restarts and kills: the file has how far each room was read, and what is to be said. What
was under way when the bot was killed is done again, and its replies have the same ids as before, made of the message
they answer, so the service stores each once.
"""

import asyncio
import hashlib
import inspect
import logging
import re
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from .chat import Chat
from .events import Refused
from .flow import Stream
from .protocol import PAGE_LIMIT, Joined, Message, Person, Since
from .sending import Sending
from .tickets import Token

GRACE = 5.0  # seconds after SIGTERM for the handlers under way, and as many for what they said
_USED = "this id was used for something else"
"""The service's words for a reply that was stored before, with another text."""

logger = logging.getLogger(__name__)


class Heard:
    """What a handler is given: a message, and a way to answer it."""

    def __init__(self, chat: Chat, message: Message, epoch: str, match: re.Match[str], args: str) -> None:
        self.chat = chat
        self.message = message
        self.match = match
        """Of the pattern, or of the command's name."""
        self.args = args
        """What stands behind a command's name."""
        self._epoch = epoch
        self._replies = 0

    @property
    def text(self) -> str:
        return self.message.text

    @property
    def user(self) -> Person:
        """Who said it."""
        return self.message.user

    @property
    def room(self) -> str:
        return self.message.room

    def reply(self, text: str) -> Sending:
        """Say something in the room. The nth reply to a message is stored once, however often it is said."""
        self._replies += 1
        place = f"{self.room} {self._epoch} {self.message.seq} {self._replies}"
        id = hashlib.blake2b(place.encode(), digest_size=16).hexdigest()
        return self.chat.send(self.room, text, id=id)


Handler = Callable[[Heard], Awaitable[str | None] | str | None]
"""What it gives is said in the room."""


class Bot:
    """`bot = Bot(url, token=…, rooms=["lobby"], store="bot.store")`, handlers, `bot.run()`.

    The first handler that fits has a message, commands before what is heard. A room's messages come one after the
    other, several rooms' at a time. Its own it doesn't hear.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token | None = None,
        name: str | None = None,
        rooms: Sequence[str] = ("lobby",),
        store: str | Path | None = None,
        prefix: str = "!",
    ) -> None:
        """`prefix`: what commands begin with. The rest is as `Chat` has it."""
        self._url, self._token, self._name, self._store = url, token, name, store
        self._rooms = tuple(rooms)
        self._prefix = prefix
        self._commands: list[tuple[re.Pattern[str], Handler]] = []
        self._heard: list[tuple[re.Pattern[str], Handler]] = []
        self._stopped = asyncio.Event()
        self._streams: list[Stream[Joined | Message]] = []

    # -- handlers

    def command(self, name: str) -> Callable[[Handler], Handler]:
        """A handler of `!name …`, in letters of any case."""
        pattern = re.compile(rf"\s*{re.escape(self._prefix)}{re.escape(name)}(?!\S)\s*", re.IGNORECASE)
        return self._add(self._commands, pattern)

    def hear(self, pattern: str | re.Pattern[str]) -> Callable[[Handler], Handler]:
        """A handler of texts in which the pattern is found."""
        return self._add(self._heard, re.compile(pattern))

    @staticmethod
    def _add(handlers: list[tuple[re.Pattern[str], Handler]], pattern: re.Pattern[str]) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            handlers.append((pattern, handler))
            return handler

        return add

    # -- its life

    def run(self) -> None:
        """Serve until SIGTERM or Ctrl-C. Raises `ChatError` where the service doesn't let it in, or sends it away."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, self.stop)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.stop))
        await self.serve()

    def stop(self) -> None:
        """End `serve`, once the handlers under way are done and what they said is stored, or after some seconds."""
        self._stopped.set()
        for stream in self._streams:
            stream.end()

    async def serve(self) -> None:
        """Answer until `stop`. Raises `ChatError` as `run` does."""
        chat = Chat(self._url, name=self._name, token=self._token, store=self._store)
        chat.on(Refused, _refused)
        chat.start()
        listening = [asyncio.ensure_future(self._listen(chat, room)) for room in self._rooms]
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            done, _ = await asyncio.wait([*listening, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in done.difference([stopped]):
                await task
            if chat.user is not None:
                await asyncio.wait(listening, timeout=GRACE)
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await chat.flush()
        finally:
            for task in (*listening, stopped):
                task.cancel()
            await asyncio.gather(*listening, stopped, return_exceptions=True)
            await chat.close()
            self._streams.clear()
            self._stopped.clear()

    async def _listen(self, chat: Chat, room: str) -> None:
        kept = chat.kept(f"bot.{room}")
        seen = msgspec.json.decode(kept, type=Since) if kept else None
        events: Stream[Joined | Message] = chat.events(Joined, Message, room=room)
        self._streams.append(events)
        await chat.join(room, limit=PAGE_LIMIT, since=seen)
        async for event in events:
            if isinstance(event, Message):
                assert seen is not None  # by the `Joined` before it
                await self._answer(chat, event, seen.epoch)
                seen = Since(seen.epoch, event.seq)
            elif event.resumed and seen is not None:
                continue
            else:
                # What the service can't resume from is known by its newest messages; of a first time none is for us.
                after = event.seq if seen is None else seen.seq if seen.epoch == event.epoch else 0
                for message in event.messages:
                    if message.seq > after:
                        await self._answer(chat, message, event.epoch)
                seen = Since(event.epoch, event.seq)
            chat.keep(f"bot.{room}", msgspec.json.encode(seen).decode())
            if self._stopped.is_set():
                return

    async def _answer(self, chat: Chat, message: Message, epoch: str) -> None:
        if message.removed or (chat.user is not None and message.user.id == chat.user.id):
            return
        for pattern, handler in self._commands:
            if match := pattern.match(message.text):
                await _handle(handler, Heard(chat, message, epoch, match, message.text[match.end() :].strip()))
                return
        for pattern, handler in self._heard:
            if match := pattern.search(message.text):
                await _handle(handler, Heard(chat, message, epoch, match, ""))
                return


async def _handle(handler: Handler, heard: Heard) -> None:
    try:
        answer = handler(heard)
        text = await answer if inspect.isawaitable(answer) else answer
        if text:
            heard.reply(text)
    except Exception:
        logger.exception("the handler of message %d in %s failed", heard.message.seq, heard.room)


def _refused(refusal: Refused) -> None:
    if refusal.message != _USED:
        logger.warning("what was to be said in %s was refused: %s", refusal.room, refusal.message)
