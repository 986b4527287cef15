"""What names and texts may be: rooms, people, messages, reactions (protocol.md, "Names"). No I/O.

Refusals are a `RequestError`, whose message says why.
"""

import re
import unicodedata

from service.protocol import ErrorCode, RequestError

NAME_LIMIT = 32  # characters of a name as seen

_ROOM = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)


def check_room(room: str) -> str:
    """The room's name, or `RequestError` bad_room."""
    if not _ROOM.fullmatch(room):
        raise RequestError(
            ErrorCode.BAD_ROOM, "a room's name is 1 to 64 of a-z, 0-9, - and _, and starts with a-z or 0-9"
        )
    return room


def check_text(text: str, limit: int) -> str:
    """The text trimmed, or `RequestError`: bad_request for an empty one, too_large past `limit` characters."""
    text = text.strip()
    if not text:
        raise RequestError(ErrorCode.BAD_REQUEST, "text is empty")
    if len(text) > limit:
        raise RequestError(ErrorCode.TOO_LARGE, f"text is over {limit} characters")
    if "\0" in text:
        raise RequestError(ErrorCode.BAD_REQUEST, "text holds a NUL character")
    return text


def check_emoji(emoji: str) -> None:
    """A reaction is a symbol or a sequence of them: no letters, spaces or control characters, or bad_request."""
    seen = False
    for character in emoji:
        category = unicodedata.category(character)
        # So: pictographs; Sk, Sm: skin tones, some arrows; Mn, Me, Nd, Po: parts of keycaps and flags.
        joins = character == "\u200d" or "\U000e0020" <= character <= "\U000e007f"  # others of Cf turn text round
        if not joins and category not in ("So", "Sk", "Sm", "Mn", "Me", "Nd", "Po"):
            raise RequestError(ErrorCode.BAD_REQUEST, "emoji is not an emoji")
        seen = seen or category in ("So", "Sm", "Me") or character in "\u203c\u2049\u303d"  # marks in category Po
    if not seen:
        raise RequestError(ErrorCode.BAD_REQUEST, "emoji is not an emoji")


def check_name(name: str) -> str:
    """The name in NFC, trimmed, or `RequestError` bad_request that says why.

    Refused: control, format and bidi characters (Unicode categories Cc, Cf, Cs, Co, Cn: zero-width and direction marks
    are Cf), line and paragraph separators, every space but U+0020, and blanks that fonts draw as nothing.
    """
    name = unicodedata.normalize("NFC", name).strip(" ")
    if not name:
        raise RequestError(ErrorCode.BAD_REQUEST, "name is empty")
    for character in name:
        category = unicodedata.category(character)
        if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            raise RequestError(
                ErrorCode.BAD_REQUEST,
                f"name holds an invisible or control character (U+{ord(character):04X})",
            )
        if (category == "Zs" and character != " ") or character in "\u115f\u1160\u2800\u3164\uffa0\u034f":
            raise RequestError(ErrorCode.BAD_REQUEST, f"name holds a look-alike of a space (U+{ord(character):04X})")
    seen = sum(1 for character in name if unicodedata.category(character) not in ("Mn", "Me"))
    if seen == 0 or seen > NAME_LIMIT or len(name) > 4 * NAME_LIMIT:
        raise RequestError(ErrorCode.BAD_REQUEST, f"name is not 1 to {NAME_LIMIT} characters")
    return name


# Marks that are drawn as nothing: variation selectors and the like (emoji and some Japanese names need them).
_UNSEEN_MARKS = re.compile("[\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def name_key(name: str) -> str:
    """What two names that look the same have in common: the key under which a name is claimed."""
    folded = unicodedata.normalize("NFKC", _UNSEEN_MARKS.sub("", name)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())  # casefold takes some letters apart
