"""Several processes on one port: WEB_CONCURRENCY of them share the listening sockets; a dead one is replaced."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from socket import socket
from types import FrameType
from typing import Any, NoReturn

from service import __version__, listener
from service.config import Settings

logger = logging.getLogger(__name__)

RESTART_DELAY = 1.0  # seconds before a dead process is replaced, so that one that can't live doesn't spin
_SIGNALS = (signal.SIGTERM, signal.SIGINT)

Serve = Callable[[Settings, list[socket]], Coroutine[Any, Any, int]]


def run(settings: Settings, serve: Serve) -> int:
    """Fork, watch, restart; pass SIGTERM and SIGINT on and wait. Answers the worst exit status of the processes."""
    sockets = listener.bind(settings.host, settings.port)
    children: set[int] = set()
    leaving = 0

    def pass_on(number: int, _: FrameType | None) -> None:
        nonlocal leaving
        leaving = number
        for child in children:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(child, number)

    def start() -> None:
        # A signal waits until the new process is among those that it is passed on to.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        if not leaving:
            children.add(_fork(settings, sockets, serve))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    for number in _SIGNALS:
        signal.signal(number, pass_on)
    for _ in range(settings.web_concurrency):
        start()
    port = sockets[0].getsockname()[1]
    name = f"{settings.broker_name}, {settings.web_concurrency} processes"
    print(f"Parley {__version__} on http://{settings.host or 'localhost'}:{port} ({name})", flush=True)
    worst = 0
    while children:
        child, status = os.wait()
        children.discard(child)
        code = os.waitstatus_to_exitcode(status)
        if leaving:
            if code != -leaving:  # else it had yet to set its handler, and nobody was served
                worst = max(worst, abs(code))
            continue
        logger.error("process %d ended with %d; starting another", child, code)
        time.sleep(RESTART_DELAY)
        start()
    for sock in sockets:
        sock.close()
    return worst


def _fork(settings: Settings, sockets: list[socket], serve: Serve) -> int:
    child = os.fork()
    if child == 0:
        _become(settings, sockets, serve)
    return child


def _become(settings: Settings, sockets: list[socket], serve: Serve) -> NoReturn:
    """One of the processes that serve, until its end."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    try:
        status = asyncio.run(serve(settings, sockets))
    except BaseException:
        logger.exception("the process failed")
        status = 1
    sys.stdout.flush()
    os._exit(status)
