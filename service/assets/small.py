"""JavaScript in fewer bytes, for what browsers are sent: no comment, no space that means nothing, short private names.

It is read token by token, and no further: what a name stands for isn't known, so no names but private ones are
shortened, which mean nothing outside of their class. A parser reads the same of it as of what was written; that is held
by tests/javascript/test_modules.py.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import count, product
from string import ascii_letters

# Space and comments, and the token behind them, but for what begins as a template, its rest, a pattern or a division.
_TOKEN = re.compile(
    r"""((?:\s+|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*)"""
    r"""(#?[\w$]+|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|=>|\+\+|--|[^`/}"'\s])?"""
)
_PATTERN = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
_TEMPLATE = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*(?:`|\$\{)", re.DOTALL)
_WORDS = re.compile(r"[\w$#]")
_VALUE_ENDS = (")", "]", "}", "`")  # behind which a slash divides; so it does behind names and numbers, but not these:
_OPERATORS = re.compile("return|typeof|case|in|of|delete|void|instanceof|else|do|throw|new|await|yield")
_GOES_ON = frozenset([*"{([,;:?=&|*<>.!~^%", "=>"])  # behind and before these no line's end can end a statement
_WENT_ON = frozenset(")]},;.:?=&|*%<>")
_LINE = 500  # characters, on average: somebody has made it small already


def small(source: str) -> str:
    """The same program."""
    if len(source) > _LINE * (source.count("\n") + 1):
        return source
    tokens = list(_tokens(source))
    names = _private_names(tokens)
    parts: list[str] = []
    before = ""
    for gap, token in tokens:
        if gap and before:
            parts.append(_between(before, token, gap))
        parts.append(names.get(token, token))
        before = token
    return "".join(parts) + "\n"


def _tokens(source: str) -> Iterator[tuple[str, str]]:
    """Each token, with the space and the comments before it. A template is several: its text, and what is between."""
    place = 0
    before = ""
    depths: list[int] = []  # open braces in each `${` that is open
    while found := _TOKEN.match(source, place):
        gap, part = found.groups()
        place = found.end()
        if part is None:
            if place == len(source):
                return
            part = _token(source, place, before, depths)
            place += len(part)
        if depths and part in "{}":
            depths[-1] += 1 if part == "{" else -1
        elif part.endswith("${"):
            depths.append(0)
        yield gap, part
        before = part


def _token(source: str, place: int, before: str, depths: list[int]) -> str:
    """That which begins there with a character that may begin several kinds."""
    found: re.Match[str] | None = None
    match source[place]:
        case "`":
            found = _TEMPLATE.match(source, place + 1)
        case "}" if depths and depths[-1] == 0:
            depths.pop()
            found = _TEMPLATE.match(source, place + 1)
        case "/" if not _divides(before):
            found = _PATTERN.match(source, place)
        case "}" | "/" as character:
            return character
    if found is None:
        raise ValueError(f"no JavaScript that can be read: {source[place : place + 40]!r}")
    return source[place : found.end()]


def _divides(before: str) -> bool:
    """Whether a slash behind this token divides, and begins no pattern."""
    if _WORDS.match(before):
        return not _OPERATORS.fullmatch(before)
    return before.endswith(_VALUE_ENDS) or before[:1] in ("'", '"')


def _between(before: str, token: str, gap: str) -> str:
    """What has to stay of the space between two tokens."""
    last, first = before[-1], token[0]
    if "\n" in gap and before not in _GOES_ON and first not in _WENT_ON:
        return "\n"
    if _WORDS.match(first) and (_WORDS.match(last) or last == "/"):
        return " "
    return " " if last == first and last in "+-/" else ""


def _private_names(tokens: list[tuple[str, str]]) -> dict[str, str]:
    """Short ones for them, the shortest for the most frequent."""
    uses = Counter(token for _, token in tokens if token.startswith("#"))
    short = ("".join(letters) for length in count(1) for letters in product(ascii_letters, repeat=length))
    return {name: f"#{letters}" for (name, _), letters in zip(uses.most_common(), short, strict=False)}
