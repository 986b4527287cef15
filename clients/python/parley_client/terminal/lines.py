"""What the terminal shows, as pieces of text with a style each. No input or output."""

import hashlib
import time
import unicodedata

from ..events import Gap, Refused
from ..link import State
from ..protocol import Edited, Message, Person, Presence, Reacted, Removed, TopicEvent

Line = list[tuple[str, str]]
"""Pieces: a style of `COLOURS`, "dim", "bold" or "", and a text."""

COLOURS = ("ansired", "ansigreen", "ansiyellow", "ansiblue", "ansimagenta", "ansicyan")
"""Those that every terminal has, also over SSH."""
_JOINERS = "\u200c\u200d"  # that scripts and emoji need
_TAGS = range(0xE0020, 0xE0080)  # of which flags are made


def clean(text: str) -> str:
    """Without what moves the cursor, hides text or turns its direction: what others write is no order to a terminal."""
    return "".join(character if _harmless(character) else _shown(character) for character in text)


def _harmless(character: str) -> bool:
    if character in _JOINERS or ord(character) in _TAGS:
        return True
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _shown(character: str) -> str:
    """A picture of a control character, or a mark that something was here."""
    return chr(0x2400 + ord(character)) if ord(character) < 0x20 else "\ufffd"


def colour(user: Person) -> str:
    """The same for a user wherever they write."""
    return COLOURS[hashlib.blake2b(user.id.encode(), digest_size=1).digest()[0] % len(COLOURS)]


def name(user: Person) -> tuple[str, str]:
    return colour(user), clean(user.name)


def notice(text: str) -> Line:
    return [("dim", f"— {text}")]


def message(one: Message, room: str | None = None) -> Line:
    """`room`: where it isn't the one that is in front."""
    where = [("dim", f"#{one.room} ")] if room is not None else []
    head: Line = [("dim", time.strftime("%H:%M ", time.localtime(one.at / 1000))), *where, name(one.user), ("", " ")]
    if one.removed:
        return [*head, ("dim", "(removed)")]
    text = "\n      ".join(clean(line) for line in one.text.split("\n"))
    edited = [("dim", " (edited)")] if one.edited_at is not None else []
    marks = [("dim", f" {emoji}{len(users)}") for emoji, users in (one.reactions or {}).items()]
    return [*head, ("", text), *edited, *marks]


def event(one: object) -> Line | None:
    """Any other event; None for what isn't shown."""
    match one:
        case Edited():
            return [("dim", f"— #{one.target} is edited by "), name(one.user), ("dim", ": "), ("", clean(one.text))]
        case Removed():
            return [("dim", f"— #{one.target} is removed by "), name(one.user)]
        case Reacted():
            verb = "reacts with" if one.on else "takes back"
            return [("dim", "— "), name(one.user), ("dim", f" {verb} {clean(one.emoji)} at #{one.target}")]
        case TopicEvent():
            return [("dim", "— "), name(one.user), ("dim", f" sets the topic: {clean(one.text) or 'none'}")]
        case Presence():
            return _presence(one)
        case Gap():
            return notice("messages are missing here: the service no longer has them")
        case Refused(type="send"):  # whoever asked for something else is told by its error
            return [("ansired", f"! refused ({one.type}): {clean(one.message)}")]
        case State():
            return _state(one)
    return None


def _presence(one: Presence) -> Line | None:
    line: Line = [("dim", "— ")]
    for person in one.joined or ():
        line += [name(person), ("dim", " is here ")]
    return line if len(line) > 1 else None


def _state(one: State) -> Line | None:
    match one.state:
        case "waiting":
            return notice(f"cut off ({clean(one.reason) or one.code}); again in {one.retry_in or 0:.0f} s")
        case "open":
            return notice("connected")
        case "stopped":
            return [("ansired", f"! sent away: {clean(one.reason) or one.code}")]
    return None
