"""All JavaScript of ours is checked, that of the tests too, and the checks find something."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from ..harness import require_tool

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
STATIC = ROOT / "static"
LIBRARY = STATIC / "client"
BUNDLED = "run: node tests/javascript/bundle.js"
PROJECTS = ("tsconfig.json", "tsconfig.worker.json", "tsconfig.tools.json")
OPTIONS = json.loads((FOLDER / "tsconfig.json").read_text())["compilerOptions"]


def node(script: str, *arguments: str, source: str | None = None) -> subprocess.CompletedProcess[str]:
    """One of Node's programs, run from the top of the tree; `source` is what it reads."""
    command = [require_tool("node", "nodejs"), str(FOLDER / script), *arguments]
    return subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, check=False)


def node_source(module: str) -> str:
    """What a module that stands in the tree's top prints."""
    command = [require_tool("node", "nodejs"), "--input-type=module", "--eval", module]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def tsc(*arguments: str) -> str:
    """What the type checker has to say."""
    return node("node_modules/typescript/bin/tsc", *arguments).stdout


def eslint(source: str) -> set[str]:
    """The rules that this source of the page breaks."""
    options = ("--config", "tests/javascript/eslint.config.js", "--format", "json", "--stdin")
    told = node("node_modules/eslint/bin/eslint.js", *options, "--stdin-filename", "static/x.js", source=source).stdout
    return {message["ruleId"] for message in json.loads(told)[0]["messages"]}


def scripts() -> list[Path]:
    """What is served and what the tests run, but for the code of others, what is made of ours, and a past release."""
    served = (path for path in STATIC.rglob("*.js") if path.parent.name != "vendor" and path != LIBRARY / "bundle.js")
    tools = (path for path in (ROOT / "tests").glob("*/*.js") if path.parent.name != "release_1_0")
    return sorted([*served, *tools])


def test_tools_are_pinned_and_their_lock_names_no_registry() -> None:
    """Whoever installs them has a registry of their own."""
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    lock = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert not [name for name, package in lock.items() if "resolved" in package]


def test_every_script_is_checked_strictly() -> None:
    """The type checker reads each file that is served, and each that runs in Node, by options that none takes back."""
    read: set[str] = set()
    for project in PROJECTS:
        read |= set(tsc("--project", f"tests/javascript/{project}", "--listFilesOnly").splitlines())
        options = json.loads(tsc("--project", f"tests/javascript/{project}", "--showConfig"))["compilerOptions"]
        assert options["strict"] and options["checkJs"]
    assert {str(path) for path in scripts()} <= read


WAYS_OUT = ("@ts-ignore", "@ts-nocheck", "@ts-expect-error", "eslint-disable", r"\bany\b[\]})>|]")


@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_nothing_is_hidden_from_the_checks(way_out: str) -> None:
    """No file and no line is left out, and no type is given up."""
    found = [path.name for path in [*scripts(), LIBRARY / "protocol.d.ts"] if re.search(way_out, path.read_text())]
    assert not found


def test_the_linter_finds_mistakes() -> None:
    """Those that the recommended rules know, and those added to them."""
    assert eslint("if (location == null) location.reload();\n") == {"eqeqeq"}
    assert eslint("const unused = [1].map(() => {});\n") == {"no-unused-vars", "array-callback-return"}
    assert eslint("document.title = missing;\n") == {"no-undef"}
    assert eslint("try { close(); } catch {}\n") == {"no-empty"}


def test_what_is_vendored_is_what_the_lock_file_names(tmp_path: Path) -> None:
    """static/vendor/ is what its generator makes of the libraries, and its README names each of their versions."""
    node("vendor.js", str(tmp_path)).check_returncode()
    made = sorted(path.name for path in tmp_path.iterdir())
    libraries = {"emoji-en.js": "emojibase-data", "markdown-it.js": "markdown-it"}
    kept = [path for path in sorted((STATIC / "vendor").iterdir()) if path.suffix not in (".ts", ".md")]
    assert made == [path.name for path in kept] == sorted(libraries)
    about = (STATIC / "vendor" / "README.md").read_text()
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    for path in kept:
        assert path.read_text() == (tmp_path / path.name).read_text(), "run: node tests/javascript/vendor.js"
        assert f"| `{path.name}` | {libraries[path.name]} {wanted[libraries[path.name]]} |" in about


def test_the_declarations_are_those_of_the_client(tmp_path: Path) -> None:
    """static/client/client.d.ts is what its generator makes of client.js as it is now."""
    written = tmp_path / "client.d.ts"
    node("declarations.js", str(written)).check_returncode()
    assert written.read_text() == (LIBRARY / "client.d.ts").read_text(), "run: node tests/javascript/declarations.js"


def test_the_bundle_is_the_client_s_modules(tmp_path: Path) -> None:
    """static/client/bundle.js is what its generator makes of them as they are now; its map names each of them."""
    node("bundle.js", str(tmp_path)).check_returncode()
    assert (tmp_path / "bundle.js").read_text() == (LIBRARY / "bundle.js").read_text(), BUNDLED
    kept, made = (json.loads((folder / "bundle.js.map").read_text()) for folder in (LIBRARY, tmp_path))
    assert (kept["mappings"], kept["names"]) == (made["mappings"], made["names"]), BUNDLED
    assert {path.name for path in LIBRARY.glob("*.js")} - {"bundle.js"} == set(kept["sources"])
    assert [path.rsplit("/", 1)[-1] for path in made["sources"]] == kept["sources"]


def test_the_library_s_page_has_its_types(tmp_path: Path) -> None:
    """The tables of docs/client.md are what their generator makes of client.d.ts as it is now."""
    written = tmp_path / "client.md"
    node("reference.js", str(written)).check_returncode()
    assert written.read_text() == (ROOT / "docs" / "client.md").read_text(), "run: node tests/javascript/reference.js"


def test_the_declarations_serve_a_program_and_need_no_other_file(tmp_path: Path) -> None:
    """library.ts is checked beside client.d.ts alone; each of its expected errors is one."""
    (tmp_path / "client.d.ts").write_text((LIBRARY / "client.d.ts").read_text())
    source = (FOLDER / "library.ts").read_text().replace("../../static/client/client.js", "./client.js")
    (tmp_path / "library.ts").write_text(source)
    (tmp_path / "unexpected.ts").write_text(source.replace("@ts-expect-error", "expected:"))
    options = OPTIONS | {"allowJs": False, "checkJs": False}
    order = {"compilerOptions": options, "files": ["library.ts", "unexpected.ts"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(order))
    expected = [
        ("unexpected", number + 2) for number, line in enumerate(source.splitlines()) if "@ts-expect-error" in line
    ]
    told = re.findall(r"(\w+)\.ts\((\d+),\d+\): error", tsc("--project", str(tmp_path)))
    assert len(expected) > 10
    assert [(file, int(line)) for file, line in told] == expected
