"""What is installed: a wheel has all of the service in it and needs nothing of the tree."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from service import __version__

from .harness import ServiceProcess
from .harness.service_process import ROOT

BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def build(kind: str, source: Path, place: Path) -> Path:
    """The sdist or wheel of `source`, as pip has it built, with the setuptools that is here."""
    command = [sys.executable, "-W", "error::DeprecationWarning", "-c", BUILD, f"build_{kind}", str(place)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "SetuptoolsDeprecationWarning" not in done.stderr
    return place / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built of an sdist's content, so that each has what the next needs."""
    place = tmp_path_factory.mktemp("dist")
    tree = place / "tree"
    for name in ("service", "static"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.cfg", "requirements.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    with tarfile.open(build("sdist", tree, place)) as sdist:
        sdist.extractall(place, filter="data")
    return build("wheel", place / f"parley-{__version__}", place)


def test_the_wheel_has_all_of_the_service_and_nothing_else(wheel: Path) -> None:
    """Modules, scripts, tables, the page's files; one name at the top, beside its metadata."""
    wanted = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "service").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    } | {f"service/{path.relative_to(ROOT)}" for path in (ROOT / "static").rglob("*") if path.is_file()}
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"parley-{__version__}.dist-info/METADATA").decode()
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == wanted
    needed = re.findall(r"^Requires-Dist: (\S+?)[<>=~]", metadata, re.MULTILINE)
    assert needed == re.findall(r"^([\w-]+(?:\[\w+\])?)[<>=~]", (ROOT / "requirements.in").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that has the wheel; what it requires is that of this one."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, symlinks=True)
    python = place / "bin" / "python"
    options = ["--no-deps", "--no-index", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, "install", *options, wheel], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "required.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "bin"


def ways(installed: Path) -> list[list[str]]:
    """The two commands that start it."""
    return [[str(installed / "parley")], [str(installed / "python"), "-m", "service"]]


def test_it_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    """`parley` and `python -m service`: the page, a script, the release, a ticket; its database is put there."""
    for program in ways(installed):
        with ServiceProcess({"SQLITE_PATH": "parley.db"}, program=program, cwd=tmp_path) as service:
            status, _, page = service.request("GET", "/")
            assert status == 200
            (script,) = re.findall(r'<script type="module" src="(/static/v-[^"]+)">', page.decode())
            for path in (script, "/static/client.js", "/static/vendor/markdown-it.js", "/static/icons/512.png"):
                status, _, body = service.request("GET", path)
                assert status == 200 and body, path
            assert service.request("POST", "/tickets", {"name": "Ada"})[0] == 201
            assert (tmp_path / "parley.db").exists()
        assert service.exit_code == 0
        assert service.troubles() == []


def test_it_says_what_it_is_called(installed: Path, tmp_path: Path) -> None:
    """In its help and that of `token`, by the name it was started with."""
    for program in ways(installed):
        called = "parley" if len(program) == 1 else "python -m service"
        for argument, usage in ((["--help"], called), (["token", "--help"], f"{called} token")):
            done = subprocess.run([*program, *argument], cwd=tmp_path, capture_output=True, text=True, check=True)
            assert done.stdout.startswith(f"usage: {usage} [-h]"), done.stdout
            assert "python -m service" not in done.stdout.replace(called, "")
        done = subprocess.run([*program, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == f"parley {__version__}\n"


def test_its_scripts_for_redis_are_found(installed: Path) -> None:
    """Those are read when a broker is made, the tables of SQLite when it is opened, as above."""
    made = "RedisBroker('redis://127.0.0.1:1', history_limit=1, history_days=1)"
    code = f"from service.brokers.redis.broker import RedisBroker; {made}; print('made')"
    done = subprocess.run([installed / "python", "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "made\n", done.stderr
