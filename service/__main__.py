"""The command line: `python -m service`, or `parley` where it is installed."""

import gc

gc.disable()  # what is loaded stays, and to look through it again and again takes a fifth of a start

import argparse
import asyncio
import functools
import importlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from service import __version__, app, config, lifecycle, logs, supervisor, systemd, tokens
from service.config import Settings
from service.errors import ConfigError, StartError
from service.findings import Finding
from service.logs import fields

gc.freeze()
gc.enable()

logger = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. Exit status: 0 after a clean end, 2 for a start that could not be."""
    argv = sys.argv[1:] if argv is None else argv
    command = "parley" if Path(sys.argv[0]).name == "parley" else "python -m service"
    logs.make_streams_safe()
    if argv[:1] == ["token"]:
        return tokens.main(argv[1:], command=command)
    # What a start doesn't need is loaded where it is.
    if argv[:1] == ["doctor"]:
        from service.doctor import command as doctor

        return doctor.main(argv[1:], command=command)
    if argv[:1] == ["probe"]:
        from service.probe import command as probe

        return probe.main(argv[1:], command=command)
    if argv[:1] == ["chat"]:
        return _chat(argv[1:], command)
    parser = argparse.ArgumentParser(
        prog=command,
        description="Parley, a chat service. Settings are read from the environment; README.md lists them.",
        epilog=(
            f"`{command} doctor --help` looks at settings and surroundings, "
            f"`{command} probe --help` tries a running service from outside, "
            f"`{command} token --help` makes a user's token for tests and scripts, "
            f"`{command} chat --help` talks on a terminal, where the Python client is installed."
        ),
    )
    parser.add_argument("--port", help="instead of PORT")
    parser.add_argument("--host", help="instead of HOST")
    checks = "print the settings that hold, secrets hidden, see whether they serve and Redis is there, and stop"
    parser.add_argument("--check", action="store_true", help=checks)
    parser.add_argument("--version", action="version", version=f"parley {__version__}")
    options = parser.parse_args(argv)
    environ = dict(os.environ)
    environ |= {name: value for name, value in (("PORT", options.port), ("HOST", options.host)) if value is not None}
    try:
        settings = config.load(environ, keep_secret=not options.check)
        app.check(settings)
        if options.check:
            return _check(settings, config.redis_variable(environ))
        several = settings.web_concurrency > 1
        logs.set_up(settings.log_level, settings.log_format, timestamps=not settings.heroku, pids=several)
        _warn(settings)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # there is nothing to load anew, and it must not end the service
        with ExitStack() as stack:
            sockets = systemd.listening_sockets()
            for sock in sockets or ():
                stack.enter_context(sock)
            if several:
                return supervisor.run(settings, serve, sockets=sockets)
            return lifecycle.run(lambda: serve(settings, sockets, functools.partial(_announce, settings)))
    except ConfigError as error:
        print(f"parley: {error}", file=sys.stderr)
    except StartError as error:
        print(f"parley: the system refused the start: {error}", file=sys.stderr)
    return 2


def _chat(argv: list[str], command: str) -> int:
    """On a terminal, by the Python client: a package of its own, which need not be here."""
    try:
        terminal = importlib.import_module("parley_client.terminal.app")
    except ModuleNotFoundError:
        print("parley: chat needs the Python client: pip install 'parley-client[terminal]'", file=sys.stderr)
        return 2
    return int(terminal.main(argv, command=f"{command} chat"))


def _check(settings: Settings, redis_variable: str) -> int:
    """Print what holds, then what should not; 2 for what can't serve so, though a start would wait for it."""
    from service.doctor import keys, redis_broker
    from service.doctor.context import Context

    print(config.describe(settings), flush=True)
    logging.basicConfig(format="parley: warning: %(message)s", stream=sys.stderr, force=True)
    _warn(settings)
    context = Context(settings=settings, redis_variable=redis_variable)
    found: list[Finding] = []

    async def look() -> int:
        for findings in await asyncio.gather(redis_broker.write(context), keys.look(context)):
            found.extend(findings)
        return 2 if found else 0

    status = lifecycle.run(look)
    for finding in found:
        print(f"parley: {finding.sentence}", file=sys.stderr)
    return status


def _warn(settings: Settings) -> None:
    for finding in config.warnings(settings):
        logger.warning(finding.sentence, extra=fields("setting_risky", setting=finding.about))


def _announce(settings: Settings, port: int) -> None:
    logs.announce(f"Parley {__version__} on http://{settings.shown_host}:{port} ({settings.broker_name})")
    systemd.notify("READY=1")


async def serve(settings: Settings, sockets: list[socket.socket] | None, started: Callable[[int], None]) -> int:
    """Serve until a signal: SIGTERM drains, however often it comes; Ctrl-C (SIGINT) leaves at once, a drain too.

    `started` is called with the port once it serves.
    """
    service = lifecycle.Service(settings, sockets)
    leave, now = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hurry() -> None:
        now.set()
        leave.set()

    loop.add_signal_handler(signal.SIGTERM, leave.set)
    loop.add_signal_handler(signal.SIGINT, hurry)
    await service.start()
    started(service.port)
    await leave.wait()
    drain = asyncio.ensure_future(service.drain() if not now.is_set() else asyncio.sleep(0))
    stop = asyncio.ensure_future(now.wait())
    await asyncio.wait((drain, stop), return_when=asyncio.FIRST_COMPLETED)
    for task in (drain, stop):
        task.cancel()
    await asyncio.gather(drain, stop, return_exceptions=True)
    await service.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
