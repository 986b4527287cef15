"""The checks that fail a careless test do fail it, by the settings that hold for all tests."""

import re
import subprocess
import sys
from pathlib import Path

from .harness import UNIT, service_env

ROOT = Path(__file__).resolve().parents[1]

_CHECKED = {
    "log": ('import logging\ndef test(): logging.getLogger("x").warning("oops")', "unexpected log lines"),
    "task": ("import asyncio\nasync def test(): asyncio.create_task(asyncio.sleep(9))", "tasks left pending"),
    "warning": ('import warnings\ndef test(): warnings.warn("old", DeprecationWarning)', "old"),
    "retrieved": (
        "import asyncio\nasync def fail(): raise KeyError\n"
        "async def test():\n    asyncio.create_task(fail())\n    await asyncio.sleep(0.01)",
        "never retrieved",
    ),
    "socket": ("import socket\nasync def test(): socket.socket()", "unclosed"),
    "coroutine": ("import asyncio\nasync def test(): asyncio.sleep(0)", "never awaited"),
    "seed": ("def test(seed): assert seed == 0", "repeat with --seed"),
    "secret": (
        "from tests.harness import ServiceProcess, secrecy\n"
        "def test():\n    secrecy.note('said in confidence')\n    process = ServiceProcess()\n"
        "    process.stderr.append('msg=\"said in confidence\"')\n    ServiceProcess.ended.append(process)",
        "secrets in the log",
    ),
    "hang": (
        "import asyncio, pytest\n@pytest.mark.timeout(seconds=0.1)\nasync def test(): await asyncio.sleep(9)",
        "timed out",
    ),
}


def test_carelessness_fails_a_test(tmp_path: Path) -> None:
    """What a test leaves behind or says unasked fails it, and no other."""
    done = _pytest(tmp_path, **{name: source for name, (source, _) in _CHECKED.items()}, careful="def test(): pass")
    assert done.returncode == 1, done.stdout
    assert set(re.findall(r"^(?:FAILED|ERROR) tests/test_(\w+)\.py", done.stdout, re.MULTILINE)) == _CHECKED.keys()
    for _, said in _CHECKED.values():
        assert said in done.stdout


def test_an_announced_log_line_passes(tmp_path: Path) -> None:
    """`expects_log` lets exactly the lines through that match."""
    source = (
        "import logging, pytest\n"
        '@pytest.mark.expects_log("redis lost")\n'
        'def test(): logging.getLogger("x").error("redis lost at 5")'
    )
    assert _pytest(tmp_path, source).returncode == 0
    done = _pytest(tmp_path, source.replace("lost at 5", "found at 5"))
    assert done.returncode == 1
    assert "redis found at 5" in done.stdout


def test_long_and_soak_forms_run_when_asked_for(tmp_path: Path) -> None:
    """Plain runs leave both out, --long brings the long ones, --soak the soak alone."""
    source = (
        "import pytest\n"
        "def test_short(): pass\n"
        "@pytest.mark.long\ndef test_long(long_form): assert long_form\n"
        "@pytest.mark.soak\ndef test_soak(long_form): assert long_form\n"
    )
    ran = {option: _pytest(tmp_path, source, "-v", *option.split()).stdout for option in ("", "--long", "--soak")}
    names = {
        option: [name for name in ("short", "long", "soak") if f"test_{name} PASSED" in out]
        for option, out in ran.items()
    }
    assert names == {"": ["short"], "--long": ["short", "long"], "--soak": ["soak"]}


def _pytest(folder: Path, source: str = "", *options: str, **sources: str) -> "subprocess.CompletedProcess[str]":
    """pytest on a file, or files by name, with this project's conftest.py and setup.cfg."""
    package = folder / "tests"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text("")
    for name in ("tests/conftest.py", "tests/browser.py", "tests/harness", "service"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    for name, text in (sources or {"it": source}).items():
        (package / f"test_{name}.py").write_text(text + "\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", str(ROOT / "setup.cfg")]
    return subprocess.run(
        [*command, f"--rootdir={folder}", str(package), *options],
        cwd=folder,
        env=service_env(),
        capture_output=True,
        text=True,
        timeout=60 * UNIT,
        check=False,
    )
