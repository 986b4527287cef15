"""The command line: `python -m service`."""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys

from service import __version__, app, config, lifecycle, supervisor, telemetry, tokens
from service.config import Settings
from service.errors import ConfigError

logger = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. Exit status: 0 after a clean end, 2 for a setting that can't hold."""
    argv = sys.argv[1:] if argv is None else argv
    telemetry.make_streams_safe()
    if argv[:1] == ["token"]:
        return tokens.main(argv[1:])
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="Parley, a chat service. Settings are read from the environment; README.md lists them.",
        epilog="`python -m service token --help` makes a user's token for tests and scripts.",
    )
    parser.add_argument("--port", help="instead of PORT")
    parser.add_argument("--host", help="instead of HOST")
    parser.add_argument("--check", action="store_true", help="print the settings that hold, secrets hidden, and stop")
    parser.add_argument("--version", action="version", version=f"parley {__version__}")
    options = parser.parse_args(argv)
    environ = dict(os.environ)
    environ |= {name: value for name, value in (("PORT", options.port), ("HOST", options.host)) if value is not None}
    try:
        settings = config.load(environ, keep_secret=not options.check)
        app.check(settings)
        if options.check:
            print(config.describe(settings))
            return 0
        telemetry.set_up_logging(settings.log_level, settings.log_format, timestamps=not settings.heroku)
        for warning in config.warnings(settings):
            logger.warning(warning)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # there is nothing to load anew, and it must not end the service
        if settings.web_concurrency > 1:
            return supervisor.run(settings, serve)
        return asyncio.run(serve(settings, None))
    except ConfigError as error:
        print(f"parley: {error}", file=sys.stderr)
    except OSError as error:  # no setting's fault: the system has no process or descriptor left, for example
        print(f"parley: the system refused the start: {error}", file=sys.stderr)
    return 2


async def serve(settings: Settings, sockets: list[socket.socket] | None) -> int:
    """Serve until a signal: SIGTERM drains, however often it comes; Ctrl-C (SIGINT) leaves at once, a drain too."""
    service = lifecycle.Service(settings, sockets)
    leave, now = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hurry() -> None:
        now.set()
        leave.set()

    loop.add_signal_handler(signal.SIGTERM, leave.set)
    loop.add_signal_handler(signal.SIGINT, hurry)
    await service.start()
    if sockets is None:
        where = f"http://{settings.shown_host}:{service.port}"
        telemetry.announce(f"Parley {__version__} on {where} ({settings.broker_name})")
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
