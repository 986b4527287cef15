"""The service as it is, and on SIGUSR1 a line `tasks <number>` on standard output: what runs on its loop just then."""

import asyncio
import signal
import sys

from service import __main__ as command
from service import app


class _Watched(app.Service):
    async def start(self) -> None:
        await super().start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _tell)


def _tell() -> None:
    print(f"tasks {len(asyncio.all_tasks())}", flush=True)


if __name__ == "__main__":
    app.Service = _Watched  # type: ignore[misc]
    sys.exit(command.main())
