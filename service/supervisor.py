"""Several processes on one port: WEB_CONCURRENCY of them share the listening sockets; a dead one is replaced."""

import asyncio
import functools
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from socket import socket
from typing import Any, NoReturn

from service import __version__, telemetry
from service.config import Settings
from service.sockets import acceptor

logger = logging.getLogger(__name__)

RESTART_DELAY = 1.0  # seconds before a dead process is replaced, so that one that can't live doesn't spin
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

Serve = Callable[[Settings, list[socket]], Coroutine[Any, Any, int]]


def run(settings: Settings, serve: Serve) -> int:
    """Fork, watch, restart; pass SIGTERM and SIGINT on and wait. Answers the worst exit status of the processes."""
    sockets = acceptor.bind(settings.host, settings.port)
    alive = os.pipe()  # who reads it is told when this process, and with it the writing end, is gone
    # Blocked for good and taken one by one below. A handler would be too late for a signal that comes between Python's
    # last look for one and the system call that waits: the call would go on waiting.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    start = functools.partial(_fork, settings, sockets, serve, alive)
    children = {start() for _ in range(settings.web_concurrency)}
    port = sockets[0].getsockname()[1]
    name = f"{settings.broker_name}, {settings.web_concurrency} processes"
    telemetry.announce(f"Parley {__version__} on http://{settings.shown_host}:{port} ({name})")
    leaving = worst = 0
    while children:
        number = signal.sigwait(_SIGNALS)
        if number != signal.SIGCHLD:
            leaving = number
            for child in children:
                os.kill(child, number)  # one that has just ended keeps its pid until it is waited for
            continue
        for child, code in _ended():
            children.discard(child)
            if not leaving:
                logger.error("process %d ended with %d; starting another", child, code)
            elif code != -leaving:  # else it had yet to set its handler, and nobody was served
                worst = max(worst, abs(code))
        if not leaving and len(children) < settings.web_concurrency:
            time.sleep(RESTART_DELAY)
            children |= {start() for _ in range(settings.web_concurrency - len(children))}
    for sock in sockets:
        sock.close()
    for end in alive:
        os.close(end)
    return worst


def _ended() -> Iterator[tuple[int, int]]:
    """Pid and exit code of each process that has ended: one SIGCHLD may stand for several (signal(7))."""
    with suppress(ChildProcessError):  # there is none left
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended[0], os.waitstatus_to_exitcode(ended[1])


def _fork(settings: Settings, sockets: list[socket], serve: Serve, alive: tuple[int, int]) -> int:
    child = os.fork()
    if child == 0:
        _become(settings, sockets, serve, alive)
    return child


def _become(settings: Settings, sockets: list[socket], serve: Serve, alive: tuple[int, int]) -> NoReturn:
    """One of the processes that serve, until its end."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would raise KeyboardInterrupt
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    parent, parents_end = alive
    os.close(parents_end)

    async def serve_while_watched() -> int:
        loop = asyncio.get_running_loop()

        def leave() -> None:
            loop.remove_reader(parent)
            logger.error("the parent process is gone; leaving")
            os.kill(os.getpid(), signal.SIGTERM)

        loop.add_reader(parent, leave)
        return await serve(settings, sockets)

    try:
        status = asyncio.run(serve_while_watched())
    except BaseException:
        logger.exception("the process failed")
        status = 1
    sys.stdout.flush()
    os._exit(status)
