"""A wall clock that can be set while a program runs: for the service, and for redis-server."""

import subprocess
import tempfile
from pathlib import Path
from typing import Self

from .common import require_tool

SOURCE = Path(__file__).with_name("stepped_clock.c")


class SteppedClock:
    """`with SteppedClock() as clock: … start programs with clock.environ …; clock.step(3600)`."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="parley-clock-")
        folder = Path(self._folder.name)
        compiler = require_tool("tcc", "tcc")
        subprocess.run([compiler, "-shared", "-o", folder / "stepped_clock.so", SOURCE], check=True)
        self._file = folder / "step"
        self._file.write_text("0\n".ljust(24, "\n"))
        self.environ = {"LD_PRELOAD": str(folder / "stepped_clock.so"), "CLOCK_STEP": str(self._file)}
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def step(self, seconds: int) -> None:
        """Set the clock so far from the true time; 0 sets it back."""
        with self._file.open("r+") as file:  # in place and at once: the programs have it open
            file.write(f"{seconds}\n".ljust(24, "\n"))
