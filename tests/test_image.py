"""The Dockerfile is what it should be, and where no engine runs its own steps make an image that serves."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from .harness import SECRET_KEY, ServiceProcess
from .harness.service_process import ROOT

# Becomes a command in a folder as its root, with the base image's content below it: this machine's Debian, and this
# Python where the official image has its own. All mounts are this process's alone, and go with it.
_ENTER = """
set -eu
root=$1 python=$2 user=$3; shift 3
mkdir -p "$root/usr" "$root/etc" "$root/proc" "$root/dev" "$root/tmp"
mount --bind "$root" "$root"
mount --bind -o ro /usr "$root/usr"
mount --bind -o ro "$python" "$root/usr/local"
mount --bind -o ro /etc "$root/etc"
mount --bind /dev "$root/dev"
mount --bind /proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
exec chroot --userspec="$user" "$root" /usr/bin/env --chdir="$folder" "$@"
"""


class Step(NamedTuple):
    """An instruction of the Dockerfile."""

    word: str
    rest: str


def steps() -> list[list[Step]]:
    """Those of each stage, that with FROM first; lines that go on joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found = [Step(*line.split(maxsplit=1)) for line in text.splitlines() if line]
    starts = [index for index, step in enumerate(found) if step.word == "FROM"]
    return [found[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def of(stage: list[Step], word: str) -> list[str]:
    return [step.rest for step in stage if step.word == word]


def sent(path: str) -> bool:
    """Whether .dockerignore lets a file of the tree be copied: the last line that fits decides."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern, keeps = line.removeprefix("!"), line.startswith("!")
            names = [path, *map(str, Path(path).parents)]
            anywhere = pattern.removeprefix("**/")
            if any(fnmatch.fnmatch(name, pattern) for name in names) or (
                anywhere != pattern and any(fnmatch.fnmatch(part, anywhere) for part in Path(path).parts)
            ):
                kept = keeps
    return kept


def test_the_image_is_locked_up() -> None:
    """Packages by their hashes, no root, no shell before the service, data in a volume of the user's."""
    packages, final = steps()
    assert all(step.rest.split()[0] == of(final, "FROM")[0] for step in (packages[0], final[0]))
    version = (ROOT / ".python-version").read_text().strip()
    assert of(final, "FROM")[0].startswith(f"python:{version}-slim")
    assert "--require-hashes" in of(packages, "RUN")[0] and "requirements.txt" in of(packages, "COPY")[0]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", of(final, "USER")[-1])
    (volume,) = of(final, "VOLUME")
    assert f"--mode 0700 {volume}" in of(final, "RUN")[0]
    assert of(final, "STOPSIGNAL") == ["SIGTERM"]
    assert json.loads(of(final, "CMD")[0]) == ["python", "-m", "service"]
    assert [step.word for step in final].index("USER") > max(
        index for index, step in enumerate(final) if step.word == "RUN"
    )


def test_the_image_gets_what_it_is_made_of_and_nothing_else() -> None:
    """No database, no secrets, no tests, whatever lies about."""
    for copied in [rest.split()[0] for stage in steps() for rest in of(stage, "COPY") if "--from" not in rest]:
        assert (ROOT / copied).exists() and sent(copied), copied
    for path in ("service/app.py", "service/brokers/redis/log.lua", "static/page/log.js", "requirements.txt"):
        assert sent(path), path
    for path in (
        "parley.db",
        "parley.db.secret",
        ".git/config",
        ".env",
        "tests/conftest.py",
        "service/__pycache__/a.pyc",
    ):
        assert not sent(path), path


class Image:
    """A stage: its folder, and what holds for the commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": "/usr/local/lib"}
        self.user, self.workdir = "0:0", "/"
        folder.mkdir()
        folder.chmod(0o755)
        for name in ("bin", "lib", "lib64", "sbin"):
            (folder / name).symlink_to(f"usr/{name}")

    def command(self, *command: str) -> list[str]:
        """What runs it there, as the same process."""
        enter = _ENTER.replace("$folder", self.workdir)
        assigned = [f"{name}={value}" for name, value in self.env.items()]
        place = [str(self.folder), sys.base_prefix, self.user]
        return ["unshare", "--mount", "sh", "-c", enter, "enter", *place, *assigned, *command]

    def content(self) -> set[str]:
        """What it has beyond its base, at the top."""
        base = {"bin", "lib", "lib64", "sbin", "usr", "etc", "proc", "dev", "tmp"}
        return {path.name for path in self.folder.iterdir()} - base


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def built(place: Path) -> Image:
    """The image of the Dockerfile, by its own steps; the tree as .dockerignore lets it through."""
    context = place / "context"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(sent, listed.stdout.splitlines()):
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, context / name)
    stages: dict[str, Image] = {}
    for stage in steps():
        name = stage[0].rest.partition(" AS ")[2] or "final"
        image = stages[name] = Image(place / name)
        for word, rest in stage[1:]:
            if word == "RUN":
                done = subprocess.run(image.command("/bin/sh", "-c", rest), capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stdout + done.stderr
            elif word == "COPY":
                *options, source, target = shlex.split(rest)
                origin = stages[options[0].removeprefix("--from=")].folder if options else context
                there = image.folder / target.lstrip("/")
                there.parent.mkdir(parents=True, exist_ok=True)
                copy(origin / source.lstrip("/"), there)
            elif word == "ENV":
                image.env |= dict(part.split("=", 1) for part in shlex.split(rest.replace("$PATH", image.env["PATH"])))
            elif word == "USER":
                image.user = rest
            elif word == "WORKDIR":
                image.workdir = rest
            else:
                assert word in ("VOLUME", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "CMD"), word
    return stages["final"]


def test_its_content_serves(tmp_path: Path) -> None:
    """Copied as the Dockerfile says, run by its command and its variables, asked by its health check, ended."""
    (_, final) = steps()
    for rest in of(final, "COPY"):
        if "--from" not in rest:
            source, place = rest.split()
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, tmp_path / place.lstrip("/"), ignore=ignored)
    data = tmp_path / of(final, "WORKDIR")[0].lstrip("/")
    data.mkdir()
    env = dict(part.split("=", 1) for part in shlex.split(of(final, "ENV")[0]))
    env |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "app"), "SQLITE_PATH": str(data / "parley.db")}
    env |= {"SECRET_KEY": "", "METRICS_TOKEN": SECRET_KEY}
    command = [sys.executable, *json.loads(of(final, "CMD")[0])[1:]]
    (check,) = (json.loads(rest.split("CMD ")[1]) for rest in of(final, "HEALTHCHECK"))
    with ServiceProcess(env, program=command, cwd=data) as service:
        asked = [sys.executable, *check[1:]]
        assert subprocess.run(asked, env=env | {"PORT": str(service.port)}, check=False).returncode == 0
        assert {path.name for path in data.iterdir()} >= {"parley.db", "parley.db.secret"}
    assert service.exit_code == 0
    gone = subprocess.run(asked, env=env | {"PORT": str(service.port)}, capture_output=True, check=False)
    assert gone.returncode != 0


@pytest.mark.long
def test_its_own_steps_make_an_image_that_serves(tmp_path: Path) -> None:
    """With the packages of requirements.txt alone, as nobody in particular, by its command and its health check.

    `bin/test image`: it needs root, to make a folder the root of a process, and the network, for the packages.
    """
    assert os.geteuid() == 0, "only root may make a folder the root of a process: sudo bin/test image"
    tmp_path.chmod(0o755)
    image, final = built(tmp_path), steps()[-1]
    assert image.content() == {"app", "data", "venv"}
    (packages,) = (image.folder / "venv").glob("lib/python*/site-packages")
    names = {path.name.partition("-")[0].lower() for path in packages.glob("*.dist-info")}
    wanted = re.findall(r"^([\w.-]+)(?:\[\w+\])?==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert names <= {name.replace("-", "_").lower() for name in wanted} and {"tornado", "redis", "msgspec"} <= names
    image.env |= {"SECRET_KEY": "", "METRICS_TOKEN": SECRET_KEY}
    (check,) = (json.loads(rest.split("CMD ")[1]) for rest in of(final, "HEALTHCHECK"))
    command = image.command(*json.loads(of(final, "CMD")[0]))
    data = image.folder / image.workdir.lstrip("/")
    with ServiceProcess({}, program=command, cwd=tmp_path) as service:
        image.env["PORT"] = str(service.port)
        asked = image.command(*check)
        assert subprocess.run(asked, check=False).returncode == 0
        assert {path.name for path in data.iterdir()} >= {"parley.db", "parley.db.secret"}
        assert {path.stat().st_uid for path in (data, *data.iterdir())} == {10001}
        status = Path(f"/proc/{service.pid}/status").read_text()
        assert re.search(r"^Uid:\s+10001\s+10001\s", status, re.M) and re.search(r"^CapEff:\s+0+$", status, re.M)
        wrong = image.command("/bin/sh", "-c", "touch /app/x /venv/x 2>/dev/null || exit 7")
        assert subprocess.run(wrong, check=False).returncode == 7, "it can't write over itself"
    assert service.exit_code == 0
    assert subprocess.run(asked, capture_output=True, check=False).returncode != 0


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
