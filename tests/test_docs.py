"""docs/ says what the code does: frames, codes and numbers of the contract, metrics, keys, layers."""

import ast
import asyncio
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client.metrics_core import Metric

from service import admission, api, findings, handler, logs, metrics, names, protocol, session
from service.brokers import log, marks, readiness
from service.brokers.base import Fault
from service.brokers.redis import url as redis_url
from service.brokers.redis import url_parameters
from service.brokers.sqlite import log as sqlite_log
from service.config import SETTINGS
from service.identity import auth, headers, networks, tickets
from service.protocol import CloseCode, ErrorCode, encode
from service.sockets.connection import PONGS
from service.sockets.framing import FrameParser

from .harness import SECRET_KEY, UNIT, ChatClient, RedisServer, ServiceProcess, make_jwt
from .harness.chat_client import fetch_ticket
from .test_layers import FAMILIES, FILES, family

ROOT = Path(__file__).resolve().parents[1]
DOCS = {path.stem: path.read_text() for path in (ROOT / "docs").glob("*.md")}
PROTOCOL = DOCS["protocol"]
SERVICE = "\n".join(
    path.read_text() for path in sorted((ROOT / "service").rglob("*")) if path.suffix in (".py", ".lua", ".sql")
)

REQUESTS = {str(kind.__struct_config__.tag): kind for kind in get_args(protocol.REQUESTS)}
FRAMES = {str(kind.__struct_config__.tag): kind for kind in protocol.Frame.__subclasses__()}
EVENTS = {*protocol.EVERYBODYS, "topic"}


def table(document: str, head: str) -> list[list[str]]:
    """The cells of the one table whose head row begins with `head`."""
    lines = document.splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.startswith(f"| {head} |")]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def types(text: str) -> set[str]:
    """The frames that stand in a text."""
    return set(re.findall(r'\{"type":"(\w+)"', text))


def field_names(struct: Any) -> set[str]:
    return set(struct.__struct_fields__)


# -- the contract


def test_close_codes_are_those_of_the_code() -> None:
    """The table has every code that the service closes with, and no other, in its order."""
    codes = [int(code) for row in table(PROTOCOL, "code | meaning | the client") for code in row[0].split(", ")]
    assert sorted(codes) == sorted(CloseCode)
    assert len(codes) == len(set(codes))


def test_close_codes_are_those_of_the_page() -> None:
    """static/client/codes.js has the same names with the same numbers."""
    source = (ROOT / "static" / "client" / "codes.js").read_text()
    (body,) = re.findall(r"export const CloseCode = Object\.freeze\(\{(.*?)\}\)", source, re.DOTALL)
    assert {name: int(code) for name, code in re.findall(r"(\w+): (\d+)", body)} == dict(CloseCode.__members__)


def test_page_stays_away_as_the_contract_says() -> None:
    """Codes after which a client stays away are those after which the page does."""
    source = (ROOT / "static" / "client" / "codes.js").read_text()
    stays = {CloseCode[name] for name in re.findall(r"\[CloseCode\.(\w+), AfterClose\.STAY\]", source)}
    said = {
        int(code)
        for codes, _, client in table(PROTOCOL, "code | meaning | the client")
        if client.startswith("stays away")
        for code in codes.split(", ")
    }
    assert stays == said


def test_error_codes_are_those_of_the_code() -> None:
    """Every code of an `error` frame is explained, and no other."""
    explained = [row[0].strip("`") for row in table(PROTOCOL, "code | when | try again?")]
    assert explained == [code.value for code in ErrorCode]


def test_requests_are_those_of_the_code() -> None:
    """What the contract lets a client send is what the service decodes."""
    assert set().union(*(types(row[0]) for row in table(PROTOCOL, "client sends | server answers"))) == set(REQUESTS)


def test_frames_are_those_of_the_code() -> None:
    """What the contract says of the server's frames is what the service sends."""
    answers = set().union(*(types(row[1]) for row in table(PROTOCOL, "client sends | server answers")))
    own = set().union(*(types(row[0]) for row in table(PROTOCOL, "frame | meaning")))
    assert answers | own == set(FRAMES) | EVENTS


@pytest.mark.parametrize("name", sorted(REQUESTS))
def test_request_fields_are_named(name: str) -> None:
    """Each field of a request stands in its row."""
    (cell,) = [row[0] for row in table(PROTOCOL, "client sends | server answers") if name in types(row[0])]
    assert field_names(REQUESTS[name]) - {"ref"} <= set(re.findall(r"[\"`](\w+)[\"`]", cell))


@pytest.mark.parametrize("name", sorted(FRAMES))
def test_frame_fields_are_named(name: str) -> None:
    """Each field of a server's frame stands in it."""
    cells = [row[1] for row in table(PROTOCOL, "client sends | server answers")]
    cells += [row[0] for row in table(PROTOCOL, "frame | meaning")]
    (cell,) = [cell for cell in cells if name in types(cell)]
    assert field_names(FRAMES[name]) - ({"ref"} if name != "error" else set()) <= set(re.findall(r'"(\w+)"', cell))


def test_welcome_is_shown_with_the_default_limits() -> None:
    """The example's limits are the settings' defaults."""
    defaults = {name: setting.default for name, setting in SETTINGS.items()}
    shown = {name: defaults[f"{name.upper()}_LIMIT"] for name in protocol.Limits.__struct_fields__}
    example = re.findall(r'"limits":\{(.*?)\}', PROTOCOL)[0]
    assert dict(re.findall(r'"(\w+)":(\d+)', example)) == shown
    assert f'"heartbeat":{defaults["PING_INTERVAL"]},' in PROTOCOL


def test_numbers_are_those_of_the_code() -> None:
    """Limits that are no settings."""
    known: dict[str, float] = {
        "characters of `ref` and of a client's `id`": protocol.ID_LIMIT,
        "messages in a page by default": protocol.PAGE_DEFAULT,
        "messages in a page": protocol.PAGE_LIMIT,
        "members in a room that are listed": protocol.MEMBERS_LIMIT,
        "code points of an emoji": protocol.EMOJI_LIMIT,
        "code points of a topic": names.TOPIC_LIMIT,
        "kinds of events that a join names, and characters of each": protocol.KINDS_LIMIT,
        "different emoji at a message": marks.REACTIONS_LIMIT,
        "users of one emoji at a message": marks.REACTORS_LIMIT,
        "requests waiting on a socket": session.WAITING_REQUESTS_LIMIT,
        "errors at once": session.ERRORS_BURST,
        "errors a second": session.ERRORS_RATE,
        "typing frames at once": admission.TYPING_BURST,
        "typing frames a second": admission.TYPING_RATE,
        "WebSocket pings answered together": PONGS,
        "seconds that a ticket holds": tickets.TICKET_SECONDS,
        "days that a guest token holds": auth.GUEST_SECONDS / 86400,
        "events of a room remembered for dedupe": log.IDS_LIMIT,
        "hours remembered for dedupe (SQLite)": sqlite_log.IDS_MS / 3_600_000,
        "frames that one message may be cut into": FrameParser(0).fragments,
    }
    assert {what: float(limit.replace(",", "")) for what, limit in table(PROTOCOL, "what | limit")} == known


def test_both_brokers_hold_the_same_limits_of_changes() -> None:
    """The script's numbers are those of marks.py."""
    script = (ROOT / "service/brokers/redis/publish.lua").read_text()
    assert f"known > {marks.REACTIONS_LIMIT} or #users > {marks.REACTORS_LIMIT} " in script
    assert f"#edits >= {marks.EDITS_LIMIT} " in script
    assert f"(times or 0) >= {marks.RETRACTIONS_LIMIT} or others >= {marks.RETRACTORS_LIMIT} " in script
    assert f"elseif others < {marks.RETRACTORS_LIMIT} " in script


def test_http_errors_are_those_of_the_code() -> None:
    """Statuses and codes that HTTP answers with."""
    said = {int(row[0]): set(re.findall(r"`(\w+)`", row[1])) for row in table(PROTOCOL, "status | `code`")}
    expected: dict[int, set[str]] = {status: {code} for status, code in handler.CODES.items()}
    for code, status in api.STATUS.items():
        expected.setdefault(status, set()).add(code.value)
    for status_text, code_text in re.findall(r'ApiError\(\s*(\d{3}),\s*"(\w+)"', SERVICE):
        expected.setdefault(int(status_text), set()).add(code_text)
    assert said == expected


def test_endpoints_are_those_of_the_routes() -> None:
    """Every path that is routed stands in the table of endpoints."""
    source = (ROOT / "service" / "app.py").read_text()
    routed = {re.sub(r"\\|\(.*?\)\$?", "", path) for path in re.findall(r'\(rf?"(/[^"]+)"', source)}
    routed = {re.sub(r"\{(\w+)\}", r"<\1>", path) for path in routed}
    endpoints = " ".join(row[0] for row in table(PROTOCOL, "path | what"))
    elsewhere = {"/static/", "/"}  # the page's files; "/" stands there with and without an Upgrade
    assert {path for path in routed - elsewhere if path not in endpoints} == set()
    assert {"/socket", "/tickets", "/rooms/<room>/messages", "/clock.html"} <= routed


def test_room_names_are_those_of_the_code() -> None:
    assert f"Rooms: `{names.ROOM.pattern}`." in PROTOCOL
    assert f"1 to {names.NAME_LIMIT} characters seen" in PROTOCOL
    assert f"`Sec-WebSocket-Protocol: {protocol.SUBPROTOCOL}, {headers.TICKET_PREFIX}<ticket>`" in PROTOCOL


# -- operations


def sample_names(metric: Metric) -> str:
    """What Prometheus shows a metric as."""
    return metric.name + ("_total" if metric.type == "counter" else "")


def test_metrics_are_those_of_the_registry() -> None:
    """Each metric with its kind and a meaning, and none that isn't there."""
    documented = {row[0].strip("`"): row[1] for row in table(DOCS["operations"], "metric | kind | meaning")}
    assert documented == {sample_names(metric): metric.type for metric in metrics.REGISTRY.collect()}


def test_reasons_of_refused_sockets_are_those_of_the_code() -> None:
    """Each that is said, and no other."""
    listed = {
        name
        for row in table(DOCS["operations"], "`reason` | a socket was refused because")
        for name in re.findall(r"`(\w+)`", row[0])
    }
    made = set(re.findall(r'(?:Refusal\([^\n]*|refuse\(403, "[^"]*"), "(\w+)"\)', SERVICE)) | {"handshake"}
    assert listed == made


def test_alerts_name_metrics_that_exist() -> None:
    """No alert waits for a metric of another name."""
    known = {sample_names(metric) for metric in metrics.REGISTRY.collect()}
    named = set(re.findall(r"\b(?:parley|process|python)_[a-z_]+\b(?=[`{ ])", DOCS["operations"]))
    assert named and named <= known


LATER = {  # what there would be a thousand and ten thousand messages later, with webhooks, and after a loss
    "parley:{<room>}:floor": "string",
    "parley:{<room>}:ids:old": "hash",
    "parley:{<room>}:place": "string",
    "parley:{<room>}:sender": "string",
    "parley:{*}:place": "string",
    "parley:{*}:unsettled": "string",
    "parley:verdict:<digest>": "string",
}


async def test_keys_are_those_in_redis(redis_url: str, redis_server: RedisServer) -> None:
    """What a service in use keeps in Redis is in the table, with its type, and the table has nothing else."""
    env = {"REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY}
    with ServiceProcess(env) as service:
        moderator = make_jwt("mod", "Mod", role="moderator")
        async with ChatClient.open(service.url, "Ada") as ada, ChatClient.open(service.url, jwt=moderator) as mod:
            await ada.join("lobby")
            sent = await ada.send("lobby", "Hello, Redis")
            await ada.request("react", room="lobby", id=ada.new_id(), target=sent["seq"], emoji="👍")
            await ada.raw(encode({"type": "read", "room": "lobby", "seq": sent["seq"]}).decode())
            await ada.recv("read")
            for room in ("lobby", None):
                await mod.request("moderate", room=room, user="somebody", action="mute", seconds=60)
            await fetch_ticket(service.url, "Bob")
            async with ChatClient.open(service.url, "Cy"):
                await asyncio.sleep(2 * networks.NETWORKS_GATHER)
            for _ in range(40):  # so that the bucket is not full again before it is looked at
                await ada.send("lobby", "Hello again, Redis")
            patterns = documented_keys()
            found: dict[str, str] = {}
            async with asyncio.timeout(10 * UNIT):
                while len(found) < len(patterns) - len(LATER):
                    for key in redis_server.cli("KEYS", "*").split():
                        shapes = [shape for shape, (pattern, _) in patterns.items() if re.fullmatch(pattern, key)]
                        assert len(shapes) == 1, f"{key}: {shapes}"
                        kind = redis_server.cli("TYPE", key).strip()
                        if kind != "none":  # it ran out meanwhile
                            found[shapes[0]] = kind.replace("zset", "sorted set")
                    await asyncio.sleep(0.1)
    assert found | LATER == {shape: kind for shape, (_, kind) in patterns.items()}


@pytest.mark.parametrize("row", table(DOCS["operations"], "`REDIS_URL` | is"), ids=lambda row: row[0][:30])
def test_addresses_of_redis_are_understood(row: list[str]) -> None:
    """Each that stands as an example; the files of certificates are not there."""
    for text in re.findall(r"`(\w[^`]*://[^`]*)`", " ".join(row)):
        shown, _, query = text.partition("?")
        assert redis_url.parse(text if "ssl_" not in query else shown).place


def test_parameters_of_redis_urls_are_those_of_the_code() -> None:
    """Each, and no other, in its order."""
    rows = table(DOCS["operations"], "parameter | with | default | what")
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row[0])] == list(url_parameters.KNOWN)


def documented_keys() -> dict[str, tuple[str, str]]:
    """Shape of a key to its pattern and its type. A row's later names share the first one's beginning."""
    keys: dict[str, tuple[str, str]] = {}
    for cell, kinds, _ in table(DOCS["operations"], "key | type | lives"):
        shapes = re.findall(r"`([^`]+)`", cell)
        start = shapes[0].rpartition(":")[0]
        kind = kinds.split(", ")
        for number, shape in enumerate(shapes):
            whole = shape if number == 0 else start + shape
            pattern = re.sub(r"<(\w+)>", lambda name: KEY_PARTS[name[1]], re.escape(whole))
            keys[whole] = pattern, kind[min(number, len(kind) - 1)]
    return keys


KEY_PARTS = {
    "room": r"[a-z0-9][a-z0-9_-]*",
    "process": r"[0-9a-f]{16}",
    "hash": r"[0-9a-f]{64}",
    "id": r"[\w-]+",
    "digest": r"[0-9a-f]{32}",
}


def test_reasons_of_the_broker_are_those_of_the_code() -> None:
    """Each that /readyz may give, and no other."""
    rows = table(DOCS["operations"], "reason | what it is | what helps")
    assert sorted(row[0].strip("`") for row in rows) == sorted(Fault)
    assert f"it is waited\nfor up to {readiness.DEADLINE:g} s" in DOCS["operations"]


def test_findings_are_those_of_the_code() -> None:
    """Each that the doctor may have, in the table of them all once, and those of the tasks are among them."""
    sources = [ROOT / "service" / "config.py", *(ROOT / "service" / "doctor").glob("*.py")]
    source = "".join(path.read_text() for path in sources)
    known = set(re.findall(r'"((?:[a-z]+-)+[a-z]+)"', source)) - {"parley-doctor"} | {"setting", findings.NOT_SEEN}
    listed = [
        name for row in table(DOCS["operations"], "name | found if") for name in re.findall(r"`([a-z-]+)`", row[0])
    ]
    assert sorted(listed) == sorted(known)
    tasks = table(DOCS["operations"], "what is seen | findings | then")
    assert {name for row in tasks for name in re.findall(r"`([a-z-]+)`", row[1])} <= known


LINES = table(DOCS["operations"], "event | level | line | fields | means")


@pytest.mark.parametrize("row", LINES, ids=lambda row: row[0][:30])
def test_log_lines_are_those_of_the_code(row: list[str]) -> None:
    """The longest part of the line that is always the same stands in the code."""
    for line in re.findall(r"`([^`]+)`", row[2]):
        assert max(re.split(r"…|[0-9][0-9.]*", line), key=len).strip() in SERVICE, line


def logged() -> dict[str, set[str]]:
    """Events of the log to their fields, as the code gives them."""
    events: dict[str, set[str]] = {}
    for path in FILES.values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "fields":
                event = ast.literal_eval(node.args[0])
                events.setdefault(event, set()).update(str(keyword.arg) for keyword in node.keywords)
    return events


def test_events_of_the_log_are_those_of_the_code() -> None:
    """Each event is explained in one row, with its fields; rows of several have those of any."""
    events, rows = logged(), []
    for row in LINES:
        named = re.findall(r"`(\w+)`", row[0])
        assert set(re.findall(r"`(\w+)`", row[3])) == set().union(*(events.get(event, {"?"}) for event in named)), row
        rows += named
    assert sorted(rows) == sorted(events)


def test_fields_of_the_log_are_one_vocabulary() -> None:
    """Each that a line may have is explained, and none that none has."""
    rows = table(DOCS["operations"], "field | what it is")
    explained = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(explained) == sorted({*logs.Fields.__annotations__, "error"})
    assert set(logs.Fields.__annotations__) == set().union(*logged().values())


def test_every_line_of_ours_names_its_event() -> None:
    """No call of a logger goes without its fields."""
    for name, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            call = node.func if isinstance(node, ast.Call) else None
            if isinstance(call, ast.Attribute) and isinstance(call.value, ast.Name) and call.value.id == "logger":
                given = {keyword.arg for keyword in getattr(node, "keywords", [])}
                assert call.attr == "isEnabledFor" or "extra" in given, f"{name}:{call.lineno}"


# -- architecture, reliability


def test_families_are_those_that_are_held() -> None:
    """The table of families is what tests/test_layers.py holds the imports to, with each of their files in it."""
    rows = table(DOCS["architecture"], "family | files | what it owns")
    assert [row[0] for row in rows] == list(FAMILIES)
    for name, files, _ in rows:
        folder = re.match(r"`(\w+/)`: ", files)
        said = [(folder[1] if folder else "") + file for file in re.findall(r"`([\w/]+)\.py`", files)]
        assert sorted(said) == sorted(file.replace(".", "/") for file in FILES if family(file) == name)


@pytest.mark.parametrize("walk", ["A message's way", "A join's way"])
def test_a_walk_is_short(walk: str) -> None:
    """Whoever is new reads at most ten lines of a message, and of a join, in steps that are numbered."""
    lines = re.split(r"^## ", DOCS["architecture"].split(f"## {walk}\n\n")[1], flags=re.M)[0].strip().splitlines()
    steps = [line[0] for line in lines if not line.startswith("   ")]
    assert steps == list("12345")[: len(steps)] and len(steps) > 1
    assert len(lines) <= 10 and max(map(len, lines)) <= 130


def test_every_fault_has_a_row() -> None:
    """Each that has a run, in order, and a place for what was measured."""
    rows = table(DOCS["reliability"], "row | fault | what meets it")
    sources = "".join(path.read_text() for path in (ROOT / "tests" / "faults").glob("test_*.py"))
    runs = {int(number) for number in re.findall(r'table\.row\(\s*"F(\d+)"', sources)}
    assert runs >= set(range(1, 16))
    assert [row[0] for row in rows] == [f"F{number}" for number in sorted(runs)]
    assert DOCS["reliability"].count("<!-- rows: bin/test faults -->") == 1


@pytest.mark.parametrize(
    "name", ["api", "architecture", "client", "decisions", "embed", "operations", "protocol", "reliability", "scaling"]
)
def test_files_that_are_named_exist(name: str) -> None:
    """A path in backticks is one of the tree."""
    paths = set(re.findall(r"`((?:service|static|tests|docs|bin)/[\w./-]+)`", DOCS[name]))
    assert {path for path in paths if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize(
    "name", ["api", "architecture", "decisions", "operations", "protocol", "reliability", "scaling"]
)
def test_settings_that_are_named_exist(name: str) -> None:
    """A variable in backticks is one of ours, or of those that are no settings."""
    others = {
        "REDIS_TLS_URL",
        "DYNO",
        "SETTINGS",
        "RLIMIT_NOFILE",
        "NOAUTH",
        "NOPERM",
        "WRONGPASS",
        "CERTIFICATE_VERIFY_FAILED",
        "FLUSHALL",
        "GETDEL",
        "BGREWRITEAOF",
        "PARLEY_TOKEN",
        "SSL_CERT_FILE",
        "LISTEN_FDS",
        "LISTEN_PID",
        "NOTIFY_SOCKET",
        "READY",
    }
    named = set(re.findall(r"`([A-Z][A-Z_]{2,})(?:=[^`]*)?`", DOCS[name]))
    assert named - others - SETTINGS.keys() <= {"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"}
