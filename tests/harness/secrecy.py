"""That no ticket, token or message text stands in a log: `leaks` over every line of every service a test started.

What a test's clients sent and were given is noted by the harness as it passes (`note`), so that a test need not think
of it. Tickets and tokens that nobody noted are known by their shape.
"""

import re
from collections import deque
from collections.abc import Iterable

_KEPT = 2000
_SHORTEST = 8  # characters: "hello" may well stand in a log for another reason

# 43 characters of base64url (a ticket) with upper case, lower case and digits, or the first two parts of a JWT.
_TICKET = re.compile(r"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])(?=[\w-]*[0-9])[A-Za-z0-9_-]{43}(?![\w-])", re.ASCII)
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+")

_noted: deque[str] = deque(maxlen=_KEPT)


def note(*secrets: str | None) -> None:
    """Remember what must not be logged: tickets, tokens, texts. Short ones and None are passed over."""
    _noted.extend(secret for secret in secrets if secret is not None and len(secret) >= _SHORTEST)


def leaks(lines: Iterable[str]) -> list[str]:
    """The lines in which something secret stands, as a reason and the line."""
    lines = list(lines)
    whole = "\n".join(lines)
    present = [secret for secret in set(_noted) if secret in whole]
    found = []
    for line in lines:
        if _TICKET.search(line):
            found.append(f"a ticket: {line}")
        elif _TOKEN.search(line):
            found.append(f"a token: {line}")
        elif any(secret in line for secret in present):
            found.append(f"what a client sent or was given: {line}")
    return found


def forget() -> None:
    """Begin a test with nothing noted."""
    _noted.clear()
