"""The files around the code agree with each other, and the scripts are scripts."""

import configparser
import json
import os
import re
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import service
from service.config import SETTINGS

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("requirements.in", "requirements-dev.in")


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def project_files() -> list[Path]:
    """Every file but those that tools leave in folders of their own."""
    found = []
    left_out = (".", "__pycache__", "node_modules")
    for folder, names, files in os.walk(ROOT):
        names[:] = [name for name in names if name == ".ci" or not name.startswith(left_out)]
        found += [Path(folder, name) for name in files if not name.startswith(".coverage")]
    return found


def test_procfile_starts_the_service() -> None:
    """Heroku's web dyno runs what bin/serve runs."""
    assert (ROOT / "Procfile").read_text() == "web: python -m service\n"
    assert "exec .venv/bin/python -m service" in (ROOT / "bin" / "serve").read_text()


def test_app_json_describes_this_service() -> None:
    """The package's own name and sentence, a Redis, a secret that Heroku makes, variables that exist."""
    app = json.loads((ROOT / "app.json").read_text())
    metadata = setup_cfg()["metadata"]
    assert app["name"].lower() == metadata["name"]
    assert app["description"].rstrip(".") == metadata["description"]
    assert [addon.split(":")[0] for addon in app["addons"]] == ["heroku-redis"]
    assert app["env"]["SECRET_KEY"]["generator"] == "secret"
    assert set(app["env"]) <= SETTINGS.keys()
    for variable in app["env"].values():
        assert variable["description"].endswith(".")
        assert variable.keys() & {"value", "generator"} or variable["required"] is False


def test_python_versions_agree() -> None:
    """Heroku's Python is one the package says it runs on, and the oldest of those:

    what is tested is what runs.
    """
    version = (ROOT / ".python-version").read_text().strip()
    assert re.fullmatch(r"3\.\d+", version)
    assert setup_cfg()["options"]["python_requires"] == f">={version}"
    assert setup_cfg()["mypy"]["python_version"] == version
    listed = re.findall(r"Programming Language :: Python :: (3\.\d+)", setup_cfg()["metadata"]["classifiers"])
    assert listed[0] == version
    assert f"Python {version} to {listed[-1]};" in (ROOT / "README.md").read_text()
    assert f'target-version = "py{version.replace(".", "")}"' in (ROOT / "ruff.toml").read_text()
    assert f"sys.version_info < ({version.replace('.', ', ')})" in (ROOT / "bin" / "setup.sh").read_text()


def test_version_is_kept_in_one_place() -> None:
    """setup.cfg reads it from the package."""
    assert setup_cfg()["metadata"]["version"] == "attr: service.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+", service.__version__)


def test_packages_are_those_of_the_tree() -> None:
    """Each folder of service/, and static/ as one."""
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "service").rglob("*.py")}
    found = {".".join(folder.parts) for folder in folders}
    assert set(setup_cfg()["options"]["packages"].split()) == found | {"service.static"}


def test_what_builds_it_is_what_tests_build_with() -> None:
    """The tests take setuptools as it is installed, so that they need no network."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        (needed,) = map(Requirement, tomllib.load(file)["build-system"]["requires"])
    assert all(map(needed.specifier.contains, pins("requirements-dev.txt")[needed.name]))


@pytest.mark.parametrize("name", SOURCES)
def test_requirements_are_bounded_and_explained(name: str) -> None:
    """Each has a lower and an upper bound, and the line above says why it is there."""
    lines = (ROOT / name).read_text().splitlines()
    requirements = [(above, line) for above, line in pairwise(lines) if re.match(r"\w", line)]
    assert requirements
    for above, line in requirements:
        assert re.fullmatch(r"[A-Za-z0-9-]+(\[\w+\])?(>=[\d.]+,<[\d.]+|~=\d+\.\d+\.\d+)", line), line
        assert above.startswith("# "), f"{line} has no reason"
        bounds = [tuple(map(int, bound.split("."))) for bound in re.findall(r"(?:>=|<)([\d.]+)", line)]
        assert bounds == sorted(set(bounds))


def test_development_begins_with_the_service() -> None:
    """The tests run with the versions that the service runs with."""
    service, development = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: development.get(name) for name in service} == service


def pins(name: str) -> dict[str, set[str]]:
    """Package to the versions that a lock file pins, for one Python or another; each with hashes, and nothing else."""
    found: dict[str, set[str]] = {}
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    for line in text.splitlines():
        pinned = re.fullmatch(
            r"([a-z0-9-]+)(?:\[[a-z,]+\])?==([\w.]+)( ; [^#]*?)?(\s+--hash=sha256:[0-9a-f]{64})+", line
        )
        assert pinned, line
        found.setdefault(pinned[1], set()).add(pinned[2])
    return found


@pytest.mark.parametrize("name", SOURCES)
def test_locks_fit_what_they_are_made_from(name: str) -> None:
    """Each requirement is pinned to a version within its bounds: bin/lock was run after the last change."""
    pinned = pins(name.replace(".in", ".txt"))
    lines = [line for line in (ROOT / name).read_text().splitlines() if re.match(r"\w", line)]
    for requirement in map(Requirement, lines):
        versions = pinned.get(canonicalize_name(requirement.name), set())
        assert versions and all(map(requirement.specifier.contains, versions)), f"run bin/lock: {requirement}"


@pytest.mark.parametrize("name", ["bin/lock", "bin/serve", "bin/test", "bin/setup.sh"])
def test_shell_scripts_are_posix(name: str) -> None:
    """They parse as POSIX sh, and those that are called can be called."""
    script = ROOT / name
    subprocess.run(["sh", "-n", str(script)], check=True)
    if not name.endswith(".sh"):
        assert script.read_text().startswith("#!/bin/sh\n")
        assert os.access(script, os.X_OK)


def test_what_tests_require_is_installed() -> None:
    """Each program that a test asks for is one that bin/test looks for, or is in the package of one."""
    script = (ROOT / "bin" / "test").read_text()
    (some,), (others,) = (
        re.findall(r'^tools="(.*)"$', script, re.M),
        re.findall(r"^for tool in \$tools (.*); do$", script, re.M),
    )
    looked_for = {*some.split(), *others.split()}
    renamed = re.findall(r'missing="\$missing ([\w-]+)"', script)
    packages = {*looked_for, *renamed, "redis-tools"}  # the last comes with redis-server
    sources = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    asked = set(re.findall(r'require_tool\(\s*"([\w-]+)", "([\w-]+)"', sources)) - {("no-such-program", "some-package")}
    assert len(asked) > 10
    assert [one for one in sorted(asked) if one[0] not in looked_for and one[1] not in packages] == []


def test_ci_script_parses() -> None:
    """.ci/run is bash, and calls bin/test."""
    script = ROOT / ".ci" / "run"
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert os.access(script, os.X_OK)
    assert "bin/test" in script.read_text()


def test_hooks_are_what_bin_test_checks() -> None:
    """Before a commit runs what stands before the tests, on tools that are there: nothing is fetched."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (.*)", hooks) == ["local"]
    assert re.findall(r"entry: (.*)", hooks) == ["bin/test check"]
    script = (ROOT / "bin" / "test").read_text()
    assert re.search(r"^''\)\n    check\n", script, re.MULTILINE)
    assert re.search(r"^check\)\n    check\n", script, re.MULTILINE)


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the machine's own setting: a mirror or a cache must go on working."""
    # Put together here, or this file would name them.
    hosts = [b"py" + b"pi.org", b"python" + b"hosted.org", b"npm" + b"js.", b"--index" + b"-url"]
    named = [
        f"{path.relative_to(ROOT)}: {host.decode()}"
        for path in project_files()
        for host in hosts
        if host in path.read_bytes()
    ]
    assert not named


def test_scripts_keep_unix_line_ends() -> None:
    """A carriage return in a script's first line is a 'not found' that nobody understands."""
    assert not [path for path in project_files() if path.suffix != ".png" and b"\r\n" in path.read_bytes()]
