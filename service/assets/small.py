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

_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)+")
_TOKEN = re.compile(r'#?[\w$]+|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|=>|\+\+|--|.')
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
    while True:
        gap = _SPACE.match(source, place)
        place = gap.end() if gap else place
        if place == len(source):
            return
        if source[place] == "`" or (source[place] == "}" and depths and depths[-1] == 0):
            if source[place] == "}":
                depths.pop()
            found = _TEMPLATE.match(source, place + 1)
        elif source[place] == "/" and not _divides(before):
            found = _PATTERN.match(source, place)
        else:
            found = _TOKEN.match(source, place)
        if found is None:
            raise ValueError(f"no JavaScript that can be read: {source[place : place + 40]!r}")
        part = source[place : found.end()]
        if part.endswith("${"):
            depths.append(0)
        elif depths and part in "{}":
            depths[-1] += 1 if part == "{" else -1
        yield gap[0] if gap else "", part
        place, before = found.end(), part


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
