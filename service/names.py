"""What names and texts may be: rooms, people, messages, reactions (protocol.md, "Names"). No I/O.

Refusals are a `RequestError`, whose message says why. Characters are judged by the tables of `regex` and `emoji`, which
follow Unicode; the interpreter's own are as old as the interpreter.
"""

import re
import unicodedata
from collections.abc import Iterator

import emoji
import regex

from service.protocol import ErrorCode, RequestError

NAME_LIMIT = 32  # characters of a name as seen: grapheme clusters
CODE_POINTS_LIMIT = 4 * NAME_LIMIT  # of a name; a cluster may be of any length
FIT_LIMIT = 1024  # code points of a token's name that are looked at
TOPIC_LIMIT = 250  # code points

ROOM = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)

# Symbols and letters that are drawn as nothing, which no property tells: Braille without dots, a note without a head,
# blank hieroglyphs, the Khitan filler, the anchors of annotations.
_BLANK_SYMBOLS = r"\u2800\U0001d159\U00013441\U00013442\U00016fe4\ufff9-\ufffb"
_BLANK_TEXT = regex.compile(rf"[\s\p{{Z}}\p{{Cc}}\p{{Default_Ignorable_Code_Point}}{_BLANK_SYMBOLS}]*")
_UNPRINTABLE = regex.compile(r"[\p{C}\p{Zl}\p{Zp}[\p{Zs}--\x20]]", regex.V1)

_CLUSTER = regex.compile(r"\X")
_INVISIBLE = regex.compile(r"[\p{C}\p{Zl}\p{Zp}]")
_BROAD_SPACE = regex.compile(r"\p{Zs}")
_FILLER = r"[\p{Default_Ignorable_Code_Point}--[\p{C}\p{M}]]"  # Hangul's
_SPACE_ALIKE = regex.compile(rf"[\p{{Zs}}{_FILLER}\u034f{_BLANK_SYMBOLS}--\x20]", regex.V1)
_SPACE = regex.compile(rf"[\s\p{{Z}}{_FILLER}\u034f{_BLANK_SYMBOLS}]", regex.V1)
_SEEN = regex.compile(r"[^\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}\s]")
# Not the tags, which tell flags apart and stand in no other place.
_UNSEEN = regex.compile(r"[\p{Default_Ignorable_Code_Point}--[\U000e0020-\U000e007f]]", regex.V1)
_JOINERS = regex.compile(r"([\u200c\u200d])[\u200c\u200d]+")

# Where U+200C and U+200D stand in words, after RFC 5892 appendix A and UAX #31 section 2.3.1: between letters that join
# (Arabic and its like), and about a virama between letters (Indic scripts).
_CURSIVE = r"[\p{Joining_Type=D}\p{Joining_Type=L}\p{Joining_Type=R}]"
_JOINER = regex.compile(
    rf"(?<={_CURSIVE}\p{{M}}*)[\u200c\u200d](?=\p{{M}}*{_CURSIVE})"
    r"|(?<=\p{L}\p{M}*\p{ccc=9})(?:\u200c(?=\p{L})|\u200d(?![\p{M}\u200c\u200d]))"
    r"|(?<=\p{L}\p{M}*)\u200d(?=\p{ccc=9}\p{L})"
)

_PRESENTATION = regex.compile(r"[\ufe0e\ufe0f]")  # asks for a drawing as text or as emoji
# Every emoji of Unicode's list, without its presentation selectors, and as the list writes it in full.
_EMOJI = {
    _PRESENTATION.sub("", text): text
    for text, entry in emoji.EMOJI_DATA.items()
    if entry["status"] == emoji.STATUS["fully_qualified"]
}


def check_room(room: str) -> str:
    """The room's name, or `RequestError` bad_room."""
    if not ROOM.fullmatch(room):
        raise RequestError(
            ErrorCode.BAD_ROOM, "a room's name is 1 to 64 of a-z, 0-9, - and _, and starts with a-z or 0-9"
        )
    return room


def check_text(text: str, limit: int) -> str:
    """The text trimmed, or `RequestError`: bad_request with nothing to see in it, too_large past `limit` characters."""
    text = text.strip()
    if _BLANK_TEXT.fullmatch(text):
        raise RequestError(ErrorCode.BAD_REQUEST, "text is empty")
    if len(text) > limit:
        raise RequestError(ErrorCode.TOO_LARGE, f"text is over {limit} characters")
    if "\0" in text:
        raise RequestError(ErrorCode.BAD_REQUEST, "text holds a NUL character")
    return text


def check_topic(text: str) -> str:
    """The topic in NFC, trimmed, its spaces U+0020, "" for none; or `RequestError`: too_large, or bad_request.

    Refused is what else is refused in a name: so it is one line, and nothing in it is invisible or turns it round.
    """
    text = _BROAD_SPACE.sub(" ", unicodedata.normalize("NFC", text)).strip()
    if len(text) > TOPIC_LIMIT:
        raise RequestError(ErrorCode.TOO_LARGE, f"topic is over {TOPIC_LIMIT} characters")
    for index, what in _faults(text):
        raise RequestError(ErrorCode.BAD_REQUEST, f"topic holds {what} (U+{ord(text[index]):04X})")
    if text and not _SEEN.search(text):
        raise RequestError(ErrorCode.BAD_REQUEST, "topic shows nothing")
    return text


def check_emoji(text: str) -> str:
    """The one emoji that `text` is, as Unicode's list writes it (❤ as ❤️), or `RequestError` bad_request."""
    known = _EMOJI.get(_PRESENTATION.sub("", text))
    if known is None:
        raise RequestError(ErrorCode.BAD_REQUEST, "emoji is not an emoji")
    return known


def printable(text: str) -> bool:
    """Whether nothing in `text` is invisible, turns it round, or is a space other than U+0020."""
    return not _UNPRINTABLE.search(text)


def check_name(name: str) -> str:
    """The name in NFC, trimmed, or `RequestError` bad_request that says why.

    Refused: control, format and bidi characters, line and paragraph separators, every space but U+0020, and blanks
    that fonts draw as nothing. Emoji may hold what they need, and words the joiners that their script needs.
    """
    name = unicodedata.normalize("NFC", name).strip(" ")
    if not name:
        raise RequestError(ErrorCode.BAD_REQUEST, "name is empty")
    if _is_plain(name):
        return name
    if len(name) <= CODE_POINTS_LIMIT:
        for index, what in _faults(name):
            raise RequestError(ErrorCode.BAD_REQUEST, f"name holds {what} (U+{ord(name[index]):04X})")
    if not _SEEN.search(name) or _too_long(name):
        raise RequestError(ErrorCode.BAD_REQUEST, f"name is not 1 to {NAME_LIMIT} characters")
    return name


def fit_name(wish: object) -> str:
    """What of `wish` can be a name, for one that is not refused; "" if there is nothing to see in it, or no text.

    Other spaces become U+0020, what may not stand in a name is left out, and what is too long ends in "…".
    """
    if not isinstance(wish, str):
        return ""
    if _is_plain(wish.strip(" ")):
        return wish.strip(" ")
    name = _fitted(_JOINERS.sub(r"\1", _SPACE.sub(" ", wish[:FIT_LIMIT])))
    if _too_long(name):
        name = _cut(name)
    return name if _SEEN.search(name) else ""


def _is_plain(name: str) -> bool:
    """Whether it is one of most names, told in a hundredth of the time that the tables take."""
    return 0 < len(name) <= NAME_LIMIT and name.isascii() and name.isprintable()


def _fitted(name: str) -> str:
    name = unicodedata.normalize("NFC", name).strip(" ")
    while faults := {index for index, _ in _faults(name)}:  # again, for what stood apart may now be one
        kept = "".join(character for index, character in enumerate(name) if index not in faults)
        name = unicodedata.normalize("NFC", kept).strip(" ")
    return name


def with_ending(name: str, ending: str) -> str:
    """A name with `ending` (ASCII) behind it; the name gives way where both are too long."""
    clusters, points = NAME_LIMIT - len(ending), CODE_POINTS_LIMIT - len(ending)
    return (_cut(name, clusters, points) if _too_long(name, clusters, points) else name) + ending


def _cut(name: str, clusters: int = NAME_LIMIT, points: int = CODE_POINTS_LIMIT) -> str:
    kept = ""
    for cluster in _CLUSTER.findall(name)[: clusters - 1]:
        if len(kept) + len(cluster) >= points:
            kept = kept or cluster[: points - 1]  # a letter under a heap of marks
            break
        kept += cluster
    return kept.rstrip(" \u200c\u200d") + "…"


def _too_long(name: str, clusters: int = NAME_LIMIT, points: int = CODE_POINTS_LIMIT) -> bool:
    return len(name) > points or len(_CLUSTER.findall(name)) > clusters


def _faults(name: str) -> Iterator[tuple[int, str]]:
    """Where something is that may not stand in a name, and what."""
    joiners = {match.start() for match in _JOINER.finditer(name)}
    for cluster in _CLUSTER.finditer(name):
        if _PRESENTATION.sub("", cluster[0]) in _EMOJI:
            continue
        for index in range(*cluster.span()):
            if index in joiners:
                continue
            if _INVISIBLE.match(name, index):
                yield index, "an invisible or control character"
            elif _SPACE_ALIKE.match(name, index):
                yield index, "a look-alike of a space"


def name_key(name: str) -> str:
    """What two names that look the same have in common: the key under which a name is claimed."""
    folded = unicodedata.normalize("NFKC", _UNSEEN.sub("", name)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())  # casefold takes some letters apart
