"""The layers of service/:

a file imports only from layers below its own, so that each can be read and tested alone.
"""

import ast
from pathlib import Path

import pytest

SERVICE = Path(__file__).resolve().parents[1] / "service"

LAYERS: tuple[tuple[str, ...], ...] = (
    # Bytes, rates, counts: knows nothing of the rest.
    ("clock", "framing", "jwks", "limits", "protocol", "redis_url", "registry", "telemetry", "unsent"),
    ("config", "names"),
    # What a user, a broker, a connection is.
    ("answers", "auth", "broker", "headers", "marks", "writer"),
    # What these can do.
    (
        "listener",
        "moderation",
        "networks",
        "presence",
        "pulse",
        "reads",
        "redis_commands",
        "sqlite_log",
        "sqlite_migration",
        "sqlite_names",
        "tickets",
        "tokens",
        "typists",
        "upgrade",
    ),
    ("redis_channels", "redis_keys", "sqlite_memory", "sqlite_store", "supervisor"),
    ("redis_log", "redis_names", "redis_presence", "redis_reads", "redis_rooms", "redis_state"),
    # The two brokers.
    ("broker_redis", "broker_sqlite"),
    # What keeps events and connections going.
    ("heartbeat", "relay"),
    # What a process has one of.
    ("hub",),
    # What clients ask for, and the handlers they ask.
    ("actions", "guide_voice"),
    ("guide_sockets",),
    ("api", "chat", "guide_chat", "guide_clock", "guide_play"),
    ("pages",),
    # Routes, start, drain; the command line.
    ("app",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

PURE = ("limits", "names", "protocol", "pulse", "registry", "sqlite_names")
"""Sans I/O: time is a parameter, bytes come in and go out as values."""
OUTSIDE = {"asyncio", "os", "redis", "select", "socket", "sqlite3", "threading", "time", "tornado"}


def imported(source: str) -> set[str]:
    """Every module a file imports, at its top or inside:

    full dotted names, the package's own without `service.`.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = ("service." if node.level else "") + (node.module or "")
            names |= {f"{module.rstrip('.')}.{alias.name}" for alias in node.names} | {module.rstrip(".")}
    return names


def own(source: str) -> set[str]:
    """The files of service/ that a file imports."""
    parts = (name.split(".") for name in imported(source))
    return {name[1] for name in parts if name[0] == "service" and len(name) > 1 and name[1] in files()}


def files() -> set[str]:
    return {path.stem for path in SERVICE.glob("*.py")} - {"__init__"}


def test_every_file_has_one_layer() -> None:
    """A new file is given its layer here; a file that has gone leaves the table."""
    listed = [name for names in LAYERS for name in names]
    assert sorted(listed) == sorted(files())


@pytest.mark.parametrize("name", sorted(files()))
def test_imports_go_down(name: str) -> None:
    """No import from the file's own layer or from one above."""
    others = own((SERVICE / f"{name}.py").read_text())
    assert others <= {other for other in LEVEL if LEVEL[other] < LEVEL[name]}


@pytest.mark.parametrize("name", PURE)
def test_pure_files_do_no_input_or_output(name: str) -> None:
    """What decides about bytes, rates and order touches no clock, socket or disk."""
    roots = {module.split(".")[0] for module in imported((SERVICE / f"{name}.py").read_text())}
    assert not roots & OUTSIDE


def test_the_package_itself_imports_nothing() -> None:
    """`service/__init__.py` stands below every layer."""
    assert not own((SERVICE / "__init__.py").read_text())


def test_every_form_of_import_is_seen() -> None:
    """Relative, absolute, aliased, late: none slips through."""
    assert own("from service import chat as c") == {"chat"}
    assert own("from service.chat import ChatSocket") == {"chat"}
    assert own("import service.chat") == {"chat"}
    assert own("from . import chat") == {"chat"}
    assert own("def late():\n    from .chat import ChatSocket") == {"chat"}
    assert own("import os, service") == set()
