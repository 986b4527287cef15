"""The unit of time of all tests, and the small things every part of the harness needs."""

import itertools
import os
import random
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

UNIT = float(os.environ.get("TEST_UNIT", "1"))
"""Seconds. Deadlines are multiples of it, so that TEST_UNIT=3 gives a slow machine three times as long."""


WORKERS = 16
"""Whose ports differ: so a service that was killed finds its port free again, and its clients nobody else's there."""


def _ports() -> Iterator[int]:
    """Those of this worker of the test runner, from anywhere, round and round."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = range(10_000 + worker % WORKERS, 32_000, WORKERS)
    first = random.randrange(len(ports))
    return itertools.cycle([*ports[first:], *ports[:first]])


_candidates = _ports()


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago, given to nobody else for as long as others are left.

    Nor is it one of those that the system gives to whoever asks for any, connections too: from 32768 on.
    Who binds it must be ready to lose the race and ask again.
    """
    for port in _candidates:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("unreachable")


def require_tool(name: str, package: str) -> str:
    """The path of a program. Raises RuntimeError with the install command:

    a missing tool must not pass unseen.
    """
    # Debian keeps haproxy in /usr/sbin, which is not on a plain user's PATH.
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise RuntimeError(f"{name} is not installed: sudo apt-get install {package}")
    return path


def wait_until(condition: Callable[[], object], what: str, timeout: float = 5 * UNIT) -> None:
    """Block until `condition()` is true, looking every 10 ms.

    Raises TimeoutError naming `what` after `timeout` s.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout:g} s: {what}")
        time.sleep(0.01)
