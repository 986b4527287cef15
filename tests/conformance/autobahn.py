"""Autobahn's fuzzing client: installed once into `.venv-autobahn/`, run against a WebSocket server.

The suite runs on CPython 2.7 alone, which current tools for virtual environments no longer serve; the last virtualenv
that does is installed beside it.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..harness import UNIT

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
FOLDER = ROOT / ".venv-autobahn"
REPORTS = FOLDER / "reports"
VIRTUALENV = "virtualenv==20.21.1"  # 20.22 dropped Python 2.7

INSTALL_SECONDS = 600 * UNIT
RUN_SECONDS = 300 * UNIT

_PROBE = (
    "import platform, sys; sys.exit((platform.python_implementation(), sys.version_info[:2]) != ('CPython', (2, 7)))"
)


class Outcome(NamedTuple):
    """What the fuzzing client says of one case: of the messages, and of how the connection ended."""

    behavior: str
    behavior_close: str


def find_python27() -> str:
    """A CPython 2.7: that of the variable PYTHON27, the PATH's, or pyenv's. RuntimeError says how to get one."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    given = os.environ.get("PYTHON27")
    candidates = [given] if given else ["python2.7", *map(str, sorted(pyenv.glob("versions/2.7*/bin/python2.7")))]
    for candidate in candidates:
        program = shutil.which(candidate)
        if program and subprocess.run([program, "-c", _PROBE], capture_output=True, check=False).returncode == 0:
            return program
    raise RuntimeError(
        f"no CPython 2.7 found (looked for {', '.join(candidates)}), and Autobahn's test suite runs on no other. "
        "Install one with: pyenv install 2.7.18, or give its path in the variable PYTHON27"
    )


def install() -> Path:
    """The suite's `wstest`, installed first if it is not there in these versions."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + VIRTUALENV.encode()).hexdigest()
    mark, wstest = FOLDER / "installed", FOLDER / "py27" / "bin" / "wstest"
    if wstest.exists() and mark.exists() and mark.read_text() == wanted:
        return wstest
    python27 = find_python27()
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        raise RuntimeError("a C compiler is not installed: sudo apt-get install gcc")
    shutil.rmtree(FOLDER, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(FOLDER / "tools")])
    tools, py27 = FOLDER / "tools" / "bin", FOLDER / "py27"
    _run([str(tools / "pip"), "install", "--quiet", VIRTUALENV])
    _run([str(tools / "virtualenv"), "--quiet", "--python", python27, str(py27)])
    _run([str(py27 / "bin" / "pip"), "install", "--quiet", "-r", str(REQUIREMENTS)])
    mark.write_text(wanted)
    return wstest


def fuzz(url: str, groups: Iterable[int]) -> dict[str, Outcome]:
    """Run the cases of `groups` against the server at `url` (ws://…): each case's outcome, by its number.

    A page for each case, with every byte that went over the wire, is left in `REPORTS`.
    """
    wstest = install()
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    specification = REPORTS / "fuzzingclient.json"
    specification.write_text(
        json.dumps(
            {
                "outdir": str(REPORTS),
                "servers": [{"agent": "parley", "url": url}],
                "cases": [f"{group}.*" for group in groups],
                "exclude-cases": [],
                "exclude-agent-cases": {},
            }
        )
    )
    command = [str(wstest), "--mode", "fuzzingclient", "--spec", str(specification)]
    _run(command, RUN_SECONDS)
    cases = json.loads((REPORTS / "index.json").read_text())["parley"]
    return {number: Outcome(case["behavior"], case["behaviorClose"]) for number, case in cases.items()}


def _run(command: list[str], seconds: float = INSTALL_SECONDS) -> None:
    # Not our packages: on this path an interpreter would take those of another version.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE_"))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=seconds, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"[-4000:])
