"""The service as it is, and two things that its environment can't give it.

On SIGUSR1 it prints `tasks <number>`: what runs on its loop just then. With DESCRIPTORS it may open so many files.
"""

import asyncio
import os
import resource
import signal
import sys

from service import __main__ as command
from service import lifecycle


class _Watched(lifecycle.Service):
    async def start(self) -> None:
        await super().start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _tell)


def _tell() -> None:
    print(f"tasks {len(asyncio.all_tasks())}", flush=True)


if __name__ == "__main__":
    if descriptors := int(os.environ.get("DESCRIPTORS", 0)):
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    lifecycle.Service = _Watched  # type: ignore[misc]
    sys.exit(command.main())
