"""One who talks on a terminal: the rooms they are in, which is in front, and what they type."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

from ..chat import Chat
from ..errors import ChatError
from ..protocol import Action, Event, Message, Presence
from ..room import Room
from ..sending import Sending
from . import lines
from .lines import Line

EVENT_TIMEOUT = 2.0  # seconds for an event to come behind the answer to who caused it

Show = Callable[[Line], None]


class Quit(Exception):
    """They leave."""


class Conversation:
    """`show` prints a line."""

    def __init__(self, chat: Chat, show: Show) -> None:
        self.chat = chat
        self.front: Room | None = None
        self.others: dict[str, Room] = {}
        """Rooms beside the one in front, by name."""
        self._show = show
        self._oldest: dict[str, int] = {}  # by room, the seq before which more can be read
        self._last: dict[str, Message] = {}  # by room, that others wrote or we did
        self._own: dict[str, Message] = {}  # by room, what we wrote last
        self._said: Sending | None = None  # what may not have come back yet

    # -- what happens

    def hear(self, one: object) -> None:
        """Show an event, if there is anything to be shown of it."""
        if isinstance(one, Message):
            self._remember(one)
            behind = self.front is None or one.room != self.front.name
            self._show(lines.message(one, one.room if behind else None))
            return
        elsewhere = isinstance(one, Event | Presence) and (self.front is None or one.room != self.front.name)
        mine = isinstance(one, Presence) and self.chat.user in (one.joined or ())
        line = lines.event(one)
        if line is not None and not elsewhere and not mine:
            self._show(line)

    def _remember(self, one: Message) -> None:
        self._last[one.room] = one
        if self.chat.user is not None and one.user.id == self.chat.user.id:
            self._own[one.room] = one

    # -- what is typed

    async def say(self, typed: str) -> None:
        """A message, or a command. Raises `Quit`."""
        try:
            if typed.startswith("/") and not typed.startswith("//"):
                await self._command(typed)
            elif typed.strip():
                room = self._room()
                self._said = self.chat.send(room.name, typed.removeprefix("/") if typed.startswith("//") else typed)
        except ChatError as error:
            self._show([("ansired", f"! {lines.clean(str(error))} {error.advice}".rstrip())])

    async def _command(self, typed: str) -> None:
        word, _, rest = typed[1:].partition(" ")
        command = COMMANDS.get(word)
        if command is None:
            self._show([("ansired", f"! there is no /{lines.clean(word)}; /help lists what there is")])
            return
        done = command(self, rest.strip())
        if inspect.isawaitable(done):
            await done

    async def _heard(self, sending: Sending | None) -> None:
        """Until what was said is back, which may be a moment behind its answer. Raises what the sending does."""
        if sending is None:
            return
        sent = await sending
        with suppress(TimeoutError):
            async with asyncio.timeout(EVENT_TIMEOUT):
                while (at := self.chat.position(sent.room)) is not None and at.seq < sent.seq:
                    await asyncio.sleep(0.01)

    def _room(self) -> Room:
        if self.front is None:
            raise ChatError("not_joined", "no room is in front: /join one")
        return self.front

    async def join(self, name: str) -> None:
        """Be in a room, and have it in front."""
        self._show(lines.notice(f"#{lines.clean(name)}"))
        new = self.front is None or name not in {self.front.name, *self.others}
        room = await self.chat.join(name)
        if self.front is not None and self.front is not room:
            self.others[self.front.name] = self.front
        self.others.pop(name, None)
        self.front = room
        if room.topic is not None:
            self._show(lines.notice(f"topic: {lines.clean(room.topic.text)}"))
        if new:
            self._page(room.name, room.messages)

    def _page(self, room: str, messages: list[Message]) -> None:
        for one in messages:
            self._show(lines.message(one))
        if messages:
            self._oldest[room] = min(messages[0].seq, self._oldest.get(room, messages[0].seq))
            for one in messages:
                if one.seq > (self._last[room].seq if room in self._last else 0):
                    self._remember(one)

    def leave(self, name: str) -> None:
        """The room in front, or another."""
        left = name or self._room().name
        self.chat.leave(left)
        self.others.pop(left, None)
        if self.front is not None and self.front.name == left:
            self.front = self.others.pop(next(iter(self.others))) if self.others else None
        where = f"#{self.front.name}" if self.front else "no room"
        self._show(lines.notice(f"left #{lines.clean(left)}; now in {where}"))

    async def list_rooms(self, _: str) -> None:
        for one in await self.chat.rooms() or ():
            unread = f", {one.unread} unread" if one.unread else ""
            self._show([("bold", f"#{one.room}"), ("dim", f" {one.count} here{unread}")])

    def who(self, _: str) -> None:
        room = self._room()
        named: Line = [piece for person in room.members.values() for piece in (lines.name(person), ("", " "))]
        self._show([("dim", f"— {room.count} here: "), *named])

    async def topic(self, text: str) -> None:
        if text:
            await self._heard(self.chat.set_topic(self._room().name, text))
        else:
            known = self._room().topic
            self._show(lines.notice(f"topic: {lines.clean(known.text) if known else 'none'}"))

    async def history(self, _: str) -> None:
        """What is older than what was shown."""
        room = self._room()
        page = await room.history(self._oldest.get(room.name))
        self._show(lines.notice("older" if page.messages else "there is nothing older"))
        self._page(room.name, page.messages)

    async def edit(self, text: str) -> None:
        await self._heard(self._said)
        own = self._own.get(self._room().name)
        if own is None or not text:
            self._show(lines.notice("/edit TEXT changes what you wrote last"))
        else:
            await self.chat.edit(own.room, own.seq, text)

    async def remove(self, _: str) -> None:
        await self._heard(self._said)
        own = self._own.pop(self._room().name, None)
        if own is None:
            self._show(lines.notice("/remove takes away what you wrote last"))
        else:
            await self.chat.remove(own.room, own.seq)

    async def react(self, emoji: str) -> None:
        await self._heard(self._said)
        last = self._last.get(self._room().name)
        if last is None or not emoji:
            self._show(lines.notice("/react EMOJI answers the last message with it"))
        else:
            await self.chat.react(last.room, last.seq, emoji)

    async def moderate(self, action: Action, called: str) -> None:
        """Somebody who is here, by name."""
        room = self._room()
        found = [person for person in room.members.values() if person.name == called.removeprefix("@")]
        if not found:
            self._show(lines.notice(f"nobody here is called {lines.clean(called) or '…'}"))
        for person in found:
            await self.chat.moderate(person.id, action, room.name)
            self._show([("dim", f"— {action} of "), lines.name(person)])

    async def rename(self, called: str) -> None:
        await self.chat.rename(called)

    def help(self, _: str) -> None:
        self._show([("dim", f"— {' '.join(f'/{word}' for word in COMMANDS)}; // begins a message with a slash")])

    def quit(self, _: str) -> None:
        raise Quit

    # -- what may be meant

    def completions(self, typed: str) -> Iterator[tuple[str, int]]:
        """What the word before the cursor may become, and how many characters that replaces."""
        word = typed.rpartition(" ")[2]
        if typed.startswith("/") and " " not in typed:
            yield from ((f"/{command} ", len(word)) for command in COMMANDS if f"/{command}".startswith(word))
        elif typed.startswith(("/join ", "/leave ")):
            yield from ((room, len(word)) for room in sorted(self.others) if room.startswith(word))
        elif word and self.front is not None:
            bare = word.removeprefix("@").casefold()
            for person in self.front.members.values():
                called = lines.clean(person.name)
                if called.casefold().startswith(bare) and (bare or word == "@"):
                    yield ("@" if word.startswith("@") else "") + called, len(word)


Command = Callable[[Conversation, str], Awaitable[None] | None]


def _moderation(action: Action) -> Command:
    return lambda conversation, called: conversation.moderate(action, called)


COMMANDS: dict[str, Command] = {
    "join": Conversation.join,
    "leave": Conversation.leave,
    "rooms": Conversation.list_rooms,
    "who": Conversation.who,
    "topic": Conversation.topic,
    "history": Conversation.history,
    "edit": Conversation.edit,
    "remove": Conversation.remove,
    "react": Conversation.react,
    "name": Conversation.rename,
    **{action.value: _moderation(action) for action in Action},
    "help": Conversation.help,
    "quit": Conversation.quit,
}
