"""The Python client as a package: built, installed where nothing else is, its examples run; and what its page says."""

import asyncio
import inspect
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import parley_client
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from parley_client.advice import ADVICE

from service import __version__

from ..harness import NO_LIMITS, UNIT, ServiceProcess, make_jwt, service_env
from ..harness.service_process import ROOT
from ..test_packaging import pins
from ..test_wheel import build

CLIENT = ROOT / "clients" / "python"
PAGE = (ROOT / "docs" / "python.md").read_text()
PLACE = "https://chat.example.com"
EXAMPLES = {
    section.partition("\n")[0]: "".join(re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    for section in PAGE.split("\n## What it does")[0].split("\n### ")[1:]
}
README = "".join(re.findall(r"^```python\n(.*?)^```$", (CLIENT / "README.md").read_text(), re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("dist")
    left_out = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    tree = Path(shutil.copytree(CLIENT, place / "tree", ignore=left_out))
    return build("wheel", tree, place)


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment that has the wheel; what it requires is that of this one."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, symlinks=True)
    interpreter = place / "bin" / "python"
    options = ["--no-deps", "--no-index", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "--python", interpreter, "install", *options, wheel], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "required.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return interpreter


def test_the_wheel_has_the_client_and_nothing_else(wheel: Path) -> None:
    """Its modules and the mark of its types, its licence; two requirements, in versions that are tried here."""
    files = (path for path in (CLIENT / "parley_client").rglob("*") if path.is_file() and path.suffix != ".pyc")
    wanted = {str(path.relative_to(CLIENT)) for path in files}
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = archive.read(f"parley_client-{__version__}.dist-info/METADATA").decode()
    assert found == wanted and "parley_client/py.typed" in wanted
    assert (CLIENT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    needed = [Requirement(line) for line in re.findall(r"^Requires-Dist: (.*)", metadata, re.MULTILINE)]
    assert {one.name for one in needed if not one.marker} == {"websockets", "msgspec"}
    tried = pins("requirements-dev.txt")
    assert all(one.specifier.contains(version) for one in needed for version in tried[canonicalize_name(one.name)])
    with (CLIENT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    with_service = (ROOT / "setup.cfg").read_text()
    assert f"python_requires = {project['requires-python']}\n" in with_service
    listed = [line for line in project["classifiers"] if "Python" in line]
    assert all(line in with_service for line in listed)


async def ran(python: Path, example: str, url: str, cwd: Path) -> list[str]:
    """What an example prints in the environment that has the wheel; it ends by itself, with nothing to complain of."""
    assert PLACE in example
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(python, "-W", "error", "-c", example.replace(PLACE, url)),
        cwd=cwd,
        env=service_env({"CHAT_TOKEN": make_jwt("worker", "Worker")}),
        stdout=pipe,
        stderr=pipe,
    )
    try:
        told, trouble = await asyncio.wait_for(process.communicate(), 30 * UNIT)
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, trouble) == (0, b""), trouble.decode()
    return told.decode().splitlines()


async def test_its_examples_run(python: Path, tmp_path: Path) -> None:
    """Each section's, one after the other, as whoever reads the page would."""
    assert list(EXAMPLES) == [
        "A guest",
        "A user, and what must not be lost",
        "All that happens",
        "When something is refused",
        "A bot",
    ]
    with ServiceProcess(NO_LIMITS | {"PRESENCE_GRACE": "0"}) as service:
        told = {
            name: await ran(python, example.replace('"Ada"', f'"{name[:20]}"'), service.url, tmp_path)
            for name, example in EXAMPLES.items()
            if name != "A bot"
        }
    assert told["A guest"] == ["before: []", "stored as 1", "A guest Hello"]
    assert told["A user, and what must not be lost"] == ["kept: 1", "stored as 2"]
    assert told["All that happens"] == ["now it says Hello", "closed "]
    refused = told["When something is refused"]
    assert [line.partition(":")[0] for line in refused] == ["bad_room", "too_large"]
    assert all(ADVICE[line.partition(":")[0]] in line for line in refused)
    assert README.replace(', store="ada.store"', "").splitlines()[:5] == EXAMPLES["A guest"].splitlines()[:5]


async def test_the_bots_run(python: Path, tmp_path: Path) -> None:
    """The page's and the README's, side by side in one room, until SIGTERM."""
    bots = [EXAMPLES["A bot"], *re.findall(r"^from parley_client import Bot.*", README, re.MULTILINE | re.DOTALL)]
    with ServiceProcess(NO_LIMITS) as service:
        async with parley_client.Chat(service.url, name="Ada") as ada:
            room = await ada.join("lobby")
            started = [
                await asyncio.create_subprocess_exec(
                    *(python, "-W", "error", "-c", example.replace(PLACE, service.url)),
                    cwd=tmp_path,
                    env=service_env({"CHAT_TOKEN": make_jwt("dice", "Dice")}),
                )
                for example in bots
            ]
            try:
                async with asyncio.timeout(30 * UNIT):
                    while {person.name for person in room.members.values()} < {"Ada", "Dice", "Echo"}:
                        await asyncio.sleep(0.02)
                    said = []
                    for text in ("!roll 1", "Good morning", "!echo  this"):
                        await room.send(text)
                    async for message in room:
                        said += [message.text] if message.user.name != "Ada" else []
                        if len(said) == 3:
                            break
                    for process in started:
                        process.terminate()
                    assert [await process.wait() for process in started] == [0, 0]
            finally:
                for process in started:
                    if process.returncode is None:
                        process.kill()
                        await process.wait()
    assert len(started) == 2 and sorted(said) == ["Ada rolls 1", "Good morning, Ada!", "this"]


def test_it_has_a_command(python: Path) -> None:
    """`parley-chat`, beside the service's `parley`."""
    done = subprocess.run([python.parent / "parley-chat", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"parley-client {__version__}\n"
    assert not (python.parent / "parley").exists()


# -- the page


def named(head: str) -> set[str]:
    """What stands in the first cells of the table with this head, without arguments."""
    rows = PAGE.split(f"\n| {head} |", 1)[1].split("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)[^`]*`", row.split("|")[1])}


def public(kind: type) -> set[str]:
    own = {name for name in vars(kind) if not name.startswith("_")}
    return own | set(re.findall(r"^        self\.([a-z]\w*)\b[^=\n]* = ", inspect.getsource(kind), re.MULTILINE))


def test_the_page_has_all_that_a_chat_and_a_room_have() -> None:
    """And nothing else, with the arguments that there are."""
    assert named("of a chat | what") == public(parley_client.Chat)
    assert named("of a bot | what") == public(parley_client.Bot)
    assert named("of what is heard | what") == public(parley_client.Heard)
    told = {"on_joined", "on_presence", "on_message", "end", "take"}  # by the chat
    assert named("of a room | what") == public(parley_client.Room) - told
    cells = [row.split("|")[1] for row in PAGE.split("\n| of a chat |")[1].split("\n\n")[0].splitlines()[2:]]
    for name, arguments in re.findall(r"`(\w+)\(([^`]*)\)`", "".join(cells)):
        parameters = inspect.signature(getattr(parley_client.Chat, name)).parameters.values()
        there = [parameter.name for parameter in parameters if parameter.name != "self"]
        assert re.findall(r"\*?(\w+)(?:=[^,]+)?(?:, |$)", arguments.replace("*, ", "")) == there, name


def test_the_page_has_every_event_and_code() -> None:
    assert named("kind | when") == {kind.__name__ for kind in parley_client.EVENTS}
    codes = list(ADVICE)
    own = codes[codes.index("offline") :]
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.split("<!-- errors")[1], re.MULTILINE)
    assert rows == [(code, ADVICE[code]) for code in own]
