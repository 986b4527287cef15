"""Several processes on one port: WEB_CONCURRENCY of them share the listening sockets; a dead one is replaced."""

import asyncio
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from socket import socket
from typing import Any, NoReturn

from msgspec import Struct

from service import __version__, lifecycle, logs, systemd, totals
from service.config import Settings
from service.errors import ConfigError, StartError, naming
from service.logs import fields
from service.sockets import acceptor

logger = logging.getLogger(__name__)

SERVING_LOOK_INTERVAL = 0.05  # seconds between looks for the first process that serves
REPORTED_REASON_BYTES = 16_384  # bytes of a reason, of which the end tells most; a pipe takes 65,536 without a reader
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_ASKED = (0, -signal.SIGTERM, -signal.SIGINT)  # exit codes of who was told to leave; the signals: before it could serve
_UP, _SETTING, _SYSTEM, _FAULT = b"+", b"C", b"S", b"F"  # what a process reports; behind the last three stands why

Serve = Callable[[Settings, list[socket], Callable[[int], None]], Coroutine[Any, Any, int]]
"""Serves on these sockets to its end, and calls the last once it does. Answers the exit status."""


class Restarts(Struct, frozen=True, kw_only=True):
    """How long dead processes wait to be replaced, in seconds. With these the end comes after two minutes."""

    first: float = 1.0  # before one is replaced, so that one that can't live doesn't spin; doubled each time
    longest: float = 30.0
    lived: float = 60.0  # who dies after so long did well before: the waits begin anew
    deaths: int = 8  # in a row (those of one wait count once); then the service ends


RESTARTS = Restarts()


class _Child(Struct):
    place: int  # from 0: of its figures in the memory that the processes share
    began: float
    reports: int  # the descriptor from which they are read
    said: bytes = b""

    def read(self) -> None:
        with suppress(BlockingIOError):
            while more := os.read(self.reports, 65536):
                self.said += more

    @property
    def up(self) -> bool:
        return self.said.startswith(_UP)

    @property
    def reason(self) -> tuple[bytes, str]:
        """Why it ended, if it said: the kind, and the words."""
        said = self.said.removeprefix(_UP)
        return said[:1], said[1:].decode()


def run(settings: Settings, serve: Serve, restarts: Restarts = RESTARTS, *, sockets: list[socket] | None = None) -> int:
    """Fork, watch, replace; pass SIGTERM and SIGINT on and wait. Answers the worst exit status of the processes.

    `sockets`: to serve on, where they were passed to this process; else HOST and PORT are bound.
    Raises `ConfigError` and `StartError` where no process could begin to serve.
    """
    return _Supervisor(settings, serve, restarts).run(sockets)


class _Supervisor:
    def __init__(self, settings: Settings, serve: Serve, restarts: Restarts) -> None:
        self._settings = settings
        self._serve = serve
        self._restarts = restarts
        self._children: dict[int, _Child] = {}
        self._up = False  # whether any has ever served
        self._leaving = False
        self._gave_up = False
        self._status = 0
        self._refusal: ConfigError | StartError | None = None
        self._reason = ""  # the last that was logged
        self._deaths = 0  # in a row
        self._restart_at: float | None = None

    def run(self, sockets: list[socket] | None) -> int:
        self._sockets = sockets or acceptor.bind(self._settings.host, self._settings.port)
        self._port = self._sockets[0].getsockname()[1]
        # Blocked for good and taken one by one below. A handler would be too late for a signal that comes between
        # Python's last look for one and the system call that waits: the call would go on waiting.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        with naming("a pipe to the processes"):
            self._figures = totals.SharedMemory(self._settings.web_concurrency)
            self._alive = os.pipe()  # who reads it is told when this process, and with it the writing end, is gone
        self._start_missing()
        while self._children or not self._leaving:
            number = self._next_signal()
            self._look()
            if number == signal.SIGCHLD:
                for pid, code in _ended():
                    if child := self._children.pop(pid, None):  # as a container's first process it inherits others
                        self._on_end(child, pid, code)
            elif number:
                self._leave(number)
            elif self._restart_at is not None and time.monotonic() >= self._restart_at:
                self._start_missing()
        for end in self._alive:
            os.close(end)
        self._figures.close()
        if self._refusal is not None:
            raise self._refusal
        return self._status

    def _next_signal(self) -> int:
        """0 where it is time for something else."""
        waits = [] if self._up or self._leaving else [SERVING_LOOK_INTERVAL]
        if self._restart_at is not None:
            waits.append(max(0.0, self._restart_at - time.monotonic()))
        found = signal.sigtimedwait(_SIGNALS, min(waits)) if waits else signal.sigwaitinfo(_SIGNALS)
        return 0 if found is None else found.si_signo

    def _look(self) -> None:
        """Say where it is once a first process serves."""
        if self._up:
            return
        for child in self._children.values():
            child.read()
        if any(child.up for child in self._children.values()):
            self._up = True
            settings = self._settings
            name = f"{settings.broker_name}, {settings.web_concurrency} processes"
            logs.announce(f"Parley {__version__} on http://{settings.shown_host}:{self._port} ({name})")
            systemd.notify("READY=1")

    def _leave(self, number: int) -> None:
        """Tell all; none is replaced any more. Again as often as it comes: who leaves already takes no notice."""
        self._leaving, self._restart_at = True, None
        for sock in self._sockets:  # theirs are their own, and once they take nobody any more nobody must wait here
            sock.close()
        for pid in self._children:
            os.kill(pid, number)  # one that has just ended keeps its pid until it is waited for

    # -- those that end

    def _on_end(self, child: _Child, pid: int, code: int) -> None:
        child.read()
        os.close(child.reports)
        self._figures.settle(child.place, 0)
        kind, reason = child.reason
        if self._leaving:
            self._say(kind, reason)
            if code not in _ASKED and not self._gave_up:
                self._status = max(self._status, abs(code))
        elif kind in (_SETTING, _SYSTEM) and not self._up:
            self._refuse(ConfigError(reason) if kind == _SETTING else StartError(reason))
        else:
            self._say(kind, reason)
            self._replace(f"process {pid} ended with {code}", code in _ASKED, time.monotonic() - child.began, kind)

    def _say(self, kind: bytes, reason: str) -> None:
        """Log why one ended, unless that of the one before did for the same reason."""
        if reason and reason != self._reason:
            self._reason = reason
            _log(kind, reason)

    def _refuse(self, refusal: ConfigError | StartError) -> None:
        """Nobody was ever served, and another process would fare no better."""
        if not self._leaving:
            self._refusal, self._reason = refusal, str(refusal)
            self._leave(signal.SIGTERM)

    def _replace(self, what: str, asked: bool, lived: float, kind: bytes) -> None:
        """Start another after a while, which grows with each that dies; after too many of them, leave."""
        restarts, now = self._restarts, time.monotonic()
        if self._restart_at is None:
            wait = restarts.first
            if not asked:
                self._deaths = 1 if lived >= restarts.lived else self._deaths + 1
                wait = min(restarts.first * 2 ** (self._deaths - 1), restarts.longest)
            if self._deaths > restarts.deaths:
                extra = fields("gave_up", count=restarts.deaths)
                died = "%s, as did those before, %d times in a row; leaving"
                logger.error(died, what, restarts.deaths, extra=extra)
                self._gave_up, self._status = True, 2 if kind == _SETTING else 1
                self._leave(signal.SIGTERM)
                return
            self._restart_at = now + wait
        level = logging.INFO if asked else logging.ERROR
        extra = fields("child_ended", seconds=self._restart_at - now)
        logger.log(level, "%s; starting another in %.3g s", what, self._restart_at - now, extra=extra)

    # -- those that begin

    def _start_missing(self) -> None:
        self._restart_at = None
        while not self._leaving and len(self._children) < self._settings.web_concurrency:
            try:
                with naming("another process"):
                    self._fork()
            except StartError as error:
                if not self._up:
                    self._refuse(error)
                    return
                self._say(_SYSTEM, str(error))
                self._replace("no process could be made", asked=False, lived=0.0, kind=_SYSTEM)
                return

    def _fork(self) -> None:
        place = min(set(range(self._figures.places)) - {child.place for child in self._children.values()})
        reports, writing = os.pipe()
        try:
            pid = os.fork()
        except BaseException:
            os.close(reports)
            os.close(writing)
            raise
        if pid == 0:
            os.close(reports)
            self._become(writing, place)
        os.close(writing)
        os.set_blocking(reports, False)
        self._children[pid] = _Child(place, time.monotonic(), reports)

    def _become(self, reports: int, place: int) -> NoReturn:
        """One of the processes that serve, until its end."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would raise KeyboardInterrupt
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        parent, parents_end = self._alive
        for descriptor in (parents_end, *(child.reports for child in self._children.values())):
            os.close(descriptor)
        status = 1
        try:
            status = lifecycle.run(lambda: self._serve_while_watched(parent, reports, place))
        except ConfigError as error:
            _report(reports, _SETTING, str(error))
        except StartError as error:
            _report(reports, _SYSTEM, str(error))
        except BaseException:  # noqa: BLE001  # whatever it is, the parent says it
            _report(reports, _FAULT, traceback.format_exc())
        sys.stdout.flush()
        os._exit(status)

    async def _serve_while_watched(self, parent: int, reports: int, place: int) -> int:
        loop = asyncio.get_running_loop()

        def leave() -> None:
            loop.remove_reader(parent)
            logger.error("the parent process is gone; leaving", extra=fields("parent_gone"))
            os.kill(os.getpid(), signal.SIGTERM)

        loop.add_reader(parent, leave)
        totals.current = shared = totals.SharedTotals(self._figures, place)
        shared.open()
        try:
            return await self._serve(self._settings, self._sockets, lambda port: _report(reports, _UP))
        finally:
            shared.close()


def _report(reports: int, kind: bytes, reason: str = "") -> None:
    """To the parent, which says it once for all of them; by ourselves if it is gone."""
    try:
        os.write(reports, kind + reason.encode(errors="replace")[-REPORTED_REASON_BYTES:])
    except OSError:
        if reason:
            _log(kind, reason)


def _log(kind: bytes, reason: str) -> None:
    if kind == _FAULT:
        logger.error("the process failed", extra=fields("child_failed") | {"traceback": reason})
    else:
        logger.error("a process could not start: %s", reason, extra=fields("start_failed", reason=reason))


def _ended() -> Iterator[tuple[int, int]]:
    """Pid and exit code of each process that has ended: one SIGCHLD may stand for several (signal(7))."""
    with suppress(ChildProcessError):  # there is none left
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended[0], os.waitstatus_to_exitcode(ended[1])
