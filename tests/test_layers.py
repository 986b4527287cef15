"""The families of service/: a file imports only from its own family and from those below, and never in a circle.

So each family can be read and tested without those above it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import service

SERVICE = Path(__file__).resolve().parents[1] / "service"

FAMILIES: dict[str, tuple[str, ...]] = {
    # Top to bottom: each with its files, or the folder that holds them.
    "command line": ("__main__", "supervisor", "systemd", "tokens"),
    "probe": ("probe/",),
    "doctor": ("doctor/",),
    "application": ("app", "config", "figures", "files", "lifecycle", "traffic"),
    "handlers": (
        "actions",
        "admin/",
        "api",
        "assets/",
        "backend/",
        "chat",
        "guides/",
        "handler",
        "health",
        "pages",
        "session",
        "streams",
    ),
    "node": ("admission", "mailbox", "node"),
    "rooms": ("rooms/",),
    "hooks": ("hooks/",),
    "identity": ("identity/",),
    "brokers": ("brokers/",),
    "sockets": ("sockets/",),
    "base": (
        "addresses",
        "clock",
        "errors",
        "findings",
        "limits",
        "logs",
        "metrics",
        "names",
        "protocol",
        "samples",
        "signals",
        "telemetry",
        "totals",
    ),
}
BANDS: dict[str, tuple[str, ...]] = {
    "command line": ("command line",),
    "application and lifecycle": ("application",),
    "handlers and session": ("handlers",),
    "node and admission": ("node",),
    "families over base": ("rooms", "hooks", "identity", "brokers", "sockets", "base"),
}
"""Top to bottom, of families."""
BESIDE = ("probe", "doctor")
"""Commands of their own, which the command line calls and nothing else: what they may use `APART` and the order say."""
# Beside their order: who may not use a family that stands below it, but for the files named.
APART: dict[tuple[str, str], tuple[str, ...]] = {
    ("rooms", "hooks"): (),
    ("rooms", "sockets"): ("sockets.framing",),
    ("hooks", "identity"): (),
    ("hooks", "sockets"): (),
    ("identity", "sockets"): (),
    ("brokers", "sockets"): (),
    ("command line", "sockets"): ("sockets.acceptor",),
    # It judges from outside: of the service it knows the contract.
    **{("probe", name): () for name in FAMILIES if name not in ("command line", "probe", "base")},
}

PURE = (
    "addresses",
    "assets.modules",
    "assets.negotiation",
    "assets.reference",
    "brokers.events",
    "brokers.pulse",
    "brokers.sqlite.names",
    "doctor.redis_server",
    "findings",
    "hooks.payloads",
    "hooks.signing",
    "limits",
    "names",
    "probe.oracle",
    "probe.percentiles",
    "protocol",
    "rooms.cursors",
    "signals",
    "sockets.closing",
    "sockets.framing",
)
"""Sans I/O: time is a parameter, bytes come in and go out as values."""
OUTSIDE = {"asyncio", "os", "redis", "select", "socket", "sqlite3", "threading", "time"}


def files() -> dict[str, Path]:
    """Dotted name below `service` to path, without the packages' own files."""
    paths = sorted(path for path in SERVICE.rglob("*.py") if path.name != "__init__.py")
    return {".".join(path.relative_to(SERVICE).with_suffix("").parts): path for path in paths}


def imported(source: str, package: str = "service") -> set[str]:
    """Every module a file of `package` imports, at its top or inside: full dotted names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            names |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return names


def own(source: str, package: str = "service") -> set[str]:
    """The files of service/ that a file imports."""
    return {name.removeprefix("service.") for name in imported(source, package)} & FILES.keys()


FILES = files()
IMPORTS = {name: own(path.read_text(), ".".join(("service", *name.split(".")[:-1]))) for name, path in FILES.items()}


def family(name: str) -> str:
    """Whose file it is."""
    where = f"{name.split('.')[0]}/" if "." in name else name
    (found,) = [one for one, members in FAMILIES.items() if where in members]
    return found


def test_every_file_has_one_family() -> None:
    """A new file or folder is given its family here; one that has gone leaves the table."""
    listed = [member for members in FAMILIES.values() for member in members]
    there = {f"{name.split('.')[0]}/" if "." in name else name for name in FILES}
    assert sorted(listed) == sorted(there)


def test_every_family_has_one_band() -> None:
    """In the families' order. Of what stands beside the bands nobody knows but the command line, and its own files."""
    order = [name for names in BANDS.values() for name in names]
    assert order == [name for name in FAMILIES if name not in BESIDE]
    callers = {(family(name), family(other)) for name in FILES for other in IMPORTS[name] if family(other) in BESIDE}
    assert callers <= {(above, one) for one in BESIDE for above in ("command line", one)}


def test_loose_files_are_named_by_their_family() -> None:
    """service/__init__.py says of each file that lies beside the folders what family it is of."""
    said = dict(re.findall(r"to the ([a-z ]+): ([\w,\s]+?)(?=\n    to|\n$|\Z)", service.__doc__ or ""))
    loose = {name: [one for one in members if not one.endswith("/")] for name, members in FAMILIES.items()}
    assert {name: re.split(r",\s+", text.strip()) for name, text in said.items()} == {
        k: v for k, v in loose.items() if v
    }


@pytest.mark.parametrize("name", FILES)
def test_imports_go_down(name: str) -> None:
    """Nothing from a family above, and of those below nothing that is kept apart."""
    order = list(FAMILIES)
    here = family(name)
    for other in IMPORTS[name]:
        there = family(other)
        assert order.index(there) >= order.index(here), f"{name} imports {other}"
        assert other in APART.get((here, there), (other,)), f"{name} imports {other}"


def test_the_brokers_do_not_know_each_other() -> None:
    """Each can be left out."""
    for one, other in (("redis", "sqlite"), ("sqlite", "redis")):
        assert [name for name in FILES if name.startswith(f"brokers.{one}.") and _uses(name, f"brokers.{other}.")] == []


def _uses(name: str, prefix: str) -> bool:
    return any(other.startswith(prefix) for other in IMPORTS[name])


def circles(imports: dict[str, set[str]]) -> Iterator[list[str]]:
    """The ways that lead from a file back to it."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> Iterator[list[str]]:
        if name in path:
            yield path[path.index(name) :]
        elif name not in done:
            for other in sorted(imports[name]):
                yield from walk(other, [*path, name])
            done.add(name)

    for name in imports:
        yield from walk(name, [])


def test_no_circle_is_closed() -> None:
    """Within a family, too."""
    assert list(circles(IMPORTS)) == []
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == [["b", "c"]]


@pytest.mark.parametrize("name", PURE)
def test_pure_files_do_no_input_or_output(name: str) -> None:
    """What decides about bytes, rates and order touches no clock, socket or disk."""
    roots = {module.split(".")[0] for module in imported(FILES[name].read_text())}
    assert not roots & OUTSIDE


def test_packages_import_nothing_and_say_what_they_own() -> None:
    """To import a file is to import that file alone."""
    for path in SERVICE.rglob("__init__.py"):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        assert not imported(path.read_text()), path


def test_every_form_of_import_is_seen() -> None:
    """Relative, absolute, aliased, late: none slips through."""
    assert own("from service import chat as c") == {"chat"}
    assert own("from service.rooms.room import Room") == {"rooms.room"}
    assert own("from service.rooms import room") == {"rooms.room"}
    assert own("import service.chat") == {"chat"}
    assert own("from . import chat") == {"chat"}
    assert own("from .. import limits\nfrom .base import Broker", "service.brokers") == {"limits", "brokers.base"}
    assert own("def late():\n    from .chat import ChatHandler") == {"chat"}
    assert own("import os, service") == set()
