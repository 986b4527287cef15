"""README.md says what is there: its settings are those of config.py, its examples run, its layout and links hold."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from service import __version__
from service.config import DRAIN_CLOSES, DRAIN_DELAY_LONGEST, DRAIN_LONGEST, SETTINGS, load
from service.hooks.delivery import LEAVE_WAIT
from service.lifecycle import Waits

from . import readme
from .browser import chromium
from .harness import UNIT, ServiceProcess, service_env

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
PAGES = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))


def code(language: str) -> str:
    """The one example in a language."""
    (example,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return str(example)


def layout() -> dict[str, str]:
    """Path to description, as the layout lists them."""
    listed: dict[str, str] = {}
    folder = ""
    for line in code("text").splitlines():
        name, _, what = line.strip().partition(" ")
        if not line.startswith(" "):
            folder = name
        listed[name if name == folder else folder + name] = what.strip()
    return listed


def test_settings_table_is_that_of_the_code() -> None:
    """`python -m tests.readme` was run after the last change of config.py."""
    assert readme.made(README) == README
    assert [line.split("`")[1] for line in readme.rows().splitlines()] == [*SETTINGS]


def test_what_is_said_of_heroku_holds() -> None:
    """Its defaults, and a ping interval below the router's 55 seconds of silence."""
    settings = load({"DYNO": "web.1", "SECRET_KEY": "k" * 32, "WEB_CONCURRENCY": "2", "SQLITE_PATH": ":memory:"})
    assert (settings.host, settings.trusted_proxies, settings.force_https) == ("", 1, True)
    assert settings.ping_interval == 25 < 55
    assert settings.drain_delay + settings.drain_seconds <= DRAIN_LONGEST < 30
    assert Waits().close + LEAVE_WAIT <= DRAIN_CLOSES
    assert DRAIN_DELAY_LONGEST + Waits().handshakes + DRAIN_CLOSES <= DRAIN_LONGEST


async def test_python_example_runs(tmp_path: Path) -> None:
    """It enters, joins, and sees its own message come back; killed and run again it is the same guest."""
    with ServiceProcess() as service:
        example = code("python")
        assert example.count("localhost:8000") == 1
        for before in (b"before:\n", b"before: Hello\n"):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-uc",
                example.replace("localhost:8000", f"localhost:{service.port}"),
                cwd=tmp_path,
                env=service_env({"PYTHONPATH": str(ROOT / "clients" / "python")}),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            assert process.stdout is not None
            try:
                async with asyncio.timeout(20 * UNIT):
                    assert await process.stdout.readline() == before
                    assert await process.stdout.readline() == b"Ada Hello\n"
            finally:
                if process.returncode is None:
                    process.kill()
                # communicate() also closes the pipe, wait() would leave that to the collector
                await process.communicate()


def test_python_example_is_ten_lines() -> None:
    """As short as it is called."""
    assert len([line for line in code("python").splitlines() if line]) == 10


async def test_browser_example_runs() -> None:
    """It enters, joins, and sees its own message come back, on a page of the service's that has no chat of its own."""
    statement, example = code("js").split("\n", 1)
    imported = re.fullmatch(r'import \{ Chat \} from "(.+)";', statement)
    assert imported
    with ServiceProcess() as service:
        async with chromium() as browser:
            page = await browser.new_page()
            await page.goto(f"{service.url}/clock.html")
            lines: list[str] = []
            said = asyncio.Event()

            def hear(line: str) -> None:
                lines.append(line)
                if line == "Ada Hello":
                    said.set()

            page.on("console", lambda message: hear(message.text))
            await page.evaluate(f"async () => {{ const {{ Chat }} = await import('{imported[1]}');\n{example} }}")
            async with asyncio.timeout(10 * UNIT):
                await said.wait()
    assert lines.count("Ada Hello") == 1


def test_layout_is_the_tree() -> None:
    """What is listed exists; all that stands in service/ and every visible name at the top is listed, with a word."""
    listed = layout()
    assert [name for name, what in listed.items() if not what and name != "service/"] == []
    assert [name for name in listed if not (ROOT / name).exists()] == []
    inside = {f"service/{path.name}{'/' * path.is_dir()}" for path in (ROOT / "service").iterdir()}
    inside -= {"service/__init__.py", "service/__pycache__/"}
    assert {name for name in listed if name.startswith("service/") and name != "service/"} == inside
    top = {name.split("/")[0] for name in project_files() if not name.startswith(".")}
    assert top - {"README.md"} <= {name.split("/")[0] for name in listed}


def project_files() -> list[str]:
    """What git holds, for a database or a report may lie about; without a repository what is there."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    found = listing.stdout.splitlines() if listing.returncode == 0 else []
    return found or [path.name for path in ROOT.iterdir() if path.name != "__pycache__"]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Files that pages link to are there."""
    targets = [link or image for link, image in LINK.findall((ROOT / page).read_text())]
    missing = [
        target
        for target in targets
        if not target.startswith("https://") and not (ROOT / page).parent.joinpath(target.split("#")[0]).exists()
    ]
    assert not missing


def test_commands_are_those_of_the_scripts() -> None:
    """Each suite that README names is one of bin/test's, and each of bin/test's is named."""
    named = set(re.findall(r"bin/test (\w+)(?= )", README))
    script = (ROOT / "bin" / "test").read_text()
    suites = set(re.findall(r"^#   bin/test (\w+)\b(?! args)", script, re.MULTILINE))
    assert {"faults", "attacks", "conformance", "soak"} <= suites
    assert named & suites == suites


def test_token_command_runs() -> None:
    """The line for a test's token makes one."""
    (command,) = re.findall(r"^    python -m service (token .*)$", README, re.MULTILINE)
    arguments = [part.strip('"') for part in command.split()]
    made = subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        env=service_env(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", made.stdout)


def test_check_prints_every_setting(tmp_path: Path) -> None:
    """`--check` has a line for each row of the table, and no secret."""
    env = service_env({"SQLITE_PATH": str(tmp_path / "parley.db")})
    shown = subprocess.run(
        [sys.executable, "-m", "service", "--check"], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    ).stdout
    assert [line.split("=")[0] for line in shown.splitlines() if "=" in line] == [*SETTINGS]
    assert env["SECRET_KEY"] not in shown and env["JWT_SECRET"] not in shown


def test_changelog_begins_with_this_version() -> None:
    """The newest version of CHANGELOG.md is the package's."""
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == __version__
