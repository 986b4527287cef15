"""The unit of time of all tests, and the small things every part of the harness needs."""

import os
import shutil
import socket
import time
from collections.abc import Callable

UNIT = float(os.environ.get("TEST_UNIT", "1"))
"""Seconds. Deadlines are multiples of it, so that TEST_UNIT=3 gives a slow machine three times as long."""


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago.

    Who binds it must be ready to lose the race and ask again.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
