"""The client library as a package: packed, installed in an empty project, run, bundled, checked; and its examples."""

import asyncio
import gzip
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from service import __version__

from ..attacks.test_elsewhere import other_origin
from ..browser import chromium
from ..harness import NO_LIMITS, UNIT, ChatClient, ServiceProcess, make_jwt, require_tool

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "static" / "client"
TOOLS = ROOT / "tests" / "javascript" / "node_modules"
PLACE = "https://chat.example.com"
PAGE = (ROOT / "docs" / "client.md").read_text()
EXAMPLES = {
    section.partition("\n")[0]: "".join(re.findall(r"^```(?:js|html)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    for section in PAGE.split("\n## Options")[0].split("\n### ")[1:]
}


def run(*command: Any, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty project that has the package, and a WebSocket as Node 20 needs one."""
    folder = tmp_path_factory.mktemp("project")
    npm = [require_tool("npm", "npm"), "--offline", "--no-audit", "--no-fund", "--cache", folder / "cache"]
    packed = json.loads(run(*npm, "pack", "--json", "--pack-destination", folder, cwd=LIBRARY))[0]
    (folder / "package.json").write_text('{"type": "module"}')
    run(*npm, "install", folder / packed["filename"], cwd=folder)
    (folder / "node_modules" / "ws").symlink_to(ROOT / "tests" / "clients" / "node_modules" / "ws")
    return folder


def test_the_package_has_what_it_needs_and_nothing_else(project: Path) -> None:
    """The modules, the bundle with its map, the types, the licence; of the service's version, with no dependency."""
    package = project / "node_modules" / "parley-client"
    wanted = {path.name for path in LIBRARY.iterdir()} - {"protocol.d.ts"}
    assert {path.name for path in package.iterdir()} == wanted
    assert (LIBRARY / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    about = json.loads((package / "package.json").read_text())
    assert about["version"] == __version__
    assert not about.keys() & {"dependencies", "peerDependencies", "scripts"}
    mapped = json.loads((package / "bundle.js.map").read_text())["sources"]
    modules = {path.name for path in package.glob("*.js")} - {"bundle.js"}
    assert set(mapped) == modules


def test_it_is_small() -> None:
    assert len(gzip.compress((LIBRARY / "bundle.js").read_bytes(), 9)) < 12_000


def test_both_forms_export_the_same(project: Path) -> None:
    """By the package's names and by the service's plain one."""
    names = 'Object.keys(await import("{}")).sort().join()'
    forms = ["parley-client", "parley-client/bundle", str(ROOT / "static" / "client.js")]
    script = f"console.log([{', '.join(names.format(form) for form in forms)}].join('\\n'))"
    told = run("node", "--input-type=module", "--eval", script, cwd=project).splitlines()
    assert len(told) == 3 and len(set(told)) == 1
    assert told[0].split(",") == [
        "AfterClose",
        "Chat",
        "ChatError",
        "CloseCode",
        "HttpError",
        "OutboxFullError",
        "RequestError",
        "adviceFor",
    ]


@pytest.mark.parametrize("resolution", ["bundler", "nodenext"])
def test_its_types_are_found(project: Path, resolution: str) -> None:
    """By each way in which TypeScript looks for them; library.ts is the program."""
    source = (ROOT / "tests" / "javascript" / "library.ts").read_text()
    (project / "library.ts").write_text(source.replace("../../static/client/client.js", "parley-client"))
    options = json.loads((ROOT / "tests" / "javascript" / "tsconfig.json").read_text())["compilerOptions"]
    module = "esnext" if resolution == "bundler" else "nodenext"
    options |= {"allowJs": False, "checkJs": False, "moduleResolution": resolution, "module": module}
    (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["library.ts"]}))
    run("node", TOOLS / "typescript" / "bin" / "tsc", "--project", ".", cwd=project)


# -- the examples of docs/client.md


def test_each_example_is_run() -> None:
    """Each section has one, and there is a test for each below."""
    assert list(EXAMPLES) == ["In Node", "In a page", "With a bundler", "A bot", "When something is refused"]
    assert PAGE.count("\n```js\n") + PAGE.count("\n```html\n") == len(EXAMPLES)
    assert all(PLACE in example for example in EXAMPLES.values())


def written(project: Path, name: str, url: str) -> Path:
    """The example as a file of the project."""
    file = project / f"{name.lower().replace(' ', '-')}.js"
    file.write_text(EXAMPLES[name].replace(PLACE, url))
    return file


async def ran(file: Path, env: dict[str, str] | None = None) -> str:
    """What it prints; it ends by itself, with nothing to complain of."""
    pipe = asyncio.subprocess.PIPE
    command = (require_tool("node", "nodejs"), str(file))
    process = await asyncio.create_subprocess_exec(*command, cwd=file.parent, stdout=pipe, stderr=pipe, env=env)
    try:
        told, trouble = await asyncio.wait_for(process.communicate(), 30 * UNIT)
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, trouble) == (0, b"")
    return told.decode()


async def test_the_examples_for_node_run(project: Path) -> None:
    """The first one twice, then as a bundler makes it: it sees what was said. Its own may come after its end."""
    with ServiceProcess(NO_LIMITS) as service:
        first = written(project, "In Node", service.url)
        assert sorted(set((await ran(first)).splitlines()) - {"Ada Hello"}) == ["before: ", "stored as 1"]
        bundle = project / "bundled.js"
        file = project / "another.js"
        file.write_text(first.read_text().replace('"Ada"', '"Bob"'))
        esbuild = [TOOLS / ".bin" / "esbuild", file, "--bundle", "--format=esm", "--external:ws"]
        run(*esbuild, f"--outfile={bundle}", cwd=project)
        assert "parley-client" not in bundle.read_text().replace("node_modules/parley-client", "")
        assert sorted(set((await ran(bundle)).splitlines()) - {"Bob Hello"}) == ["before: Hello", "stored as 2"]

        refused = written(project, "When something is refused", service.url)
        refused.write_text(refused.read_text().replace('"Ada"', '"Eve"'))
        told = await ran(refused)
        assert re.fullmatch(r"bad_room: .+ Rooms have 1 .+\ntoo_large: .+ Shorten the text: .+\n", told)


async def test_the_bot_rolls(project: Path) -> None:
    """By a token that goes with the handshake, and without an Origin."""
    with ServiceProcess(NO_LIMITS) as service:
        env = {"CHAT_TOKEN": make_jwt("bot", "Dice")}
        bot = asyncio.ensure_future(ran(written(project, "A bot", service.url), env))
        async with ChatClient.open(service.url, "Ada") as ada:
            members = (await ada.join("lobby"))["members"]
            while not any(member["id"] == "bot" for member in members):
                members = (await ada.recv("presence")).get("joined", [])
            await ada.send("lobby", "!roll")
            said = [(await ada.recv("message"))["text"] for _ in range(2)]
            assert said[0] == "!roll" and re.fullmatch("Ada rolls [1-6]", said[1])
            await ada.send("lobby", "!bye")
            assert await bot == ""


@pytest.mark.timeout(seconds=120 * UNIT)
async def test_the_examples_for_pages_run(project: Path) -> None:
    """From another origin that is allowed: by the service's own file, and by what a bundler makes of the package."""
    async with other_origin() as origin, chromium() as browser:
        with ServiceProcess(NO_LIMITS | {"ALLOWED_ORIGINS": f"http://127.0.0.1,http://localhost,{origin}"}) as service:
            page = await browser.new_page()
            lines: list[str] = []
            page.on("console", lambda message: lines.append(message.text))
            await page.goto(origin)
            (script,) = re.findall(r'<script type="module">(.*)</script>', EXAMPLES["In a page"], re.S)
            await page.add_script_tag(type="module", content=script.replace(PLACE, service.url))
            await page.wait_for_function("document.body.textContent.includes('Ada: Hello')", timeout=20_000 * UNIT)

            bundle = project / "page.js"
            file = written(project, "With a bundler", service.url)
            file.write_text(file.read_text().replace('"Ada"', '"Bob"'))
            run(TOOLS / ".bin" / "esbuild", file, "--bundle", "--format=esm", f"--outfile={bundle}", cwd=project)
            await page.add_script_tag(type="module", content=bundle.read_text())
            async with asyncio.timeout(20 * UNIT):
                while not any(line.startswith("closed") for line in lines):
                    await asyncio.sleep(0.01)
            assert [line.strip() for line in lines] == ["connecting", "open", "in as Bob", "closed"]
