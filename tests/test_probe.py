"""service/probe/: a good service is found well, each broken promise is found, and what keeps it out is said."""

import asyncio
import io
import itertools
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from service.probe.arrivals import Arrivals
from service.probe.client import Client
from service.probe.command import NOT_PROBED, WANTING, WELL, Progress, main
from service.probe.door import Door
from service.probe.records import Records
from service.probe.report import Report, Thresholds, WaitPercentiles, waits

from .harness import UNIT, BlockingProxy, ServiceProcess, make_jwt
from .harness.service_process import ROOT
from .liar import Liar, Lie, on_message, truth
from .test_deploy import haproxy, proxied

QUICK = ("--seconds", "1", "--rate", "20", "--clients", "3", "--p99", "60000", "--reconnect", "60")


@pytest.fixture
def service() -> Iterator[ServiceProcess]:
    with ServiceProcess() as process:
        yield process


def probe(capsys: pytest.CaptureFixture[str], *arguments: str, **environ: str) -> tuple[int, dict[str, Any]]:
    """Exit status and what is printed with `--json`."""
    status = main([*arguments, "--json"], environ)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    return status, json.loads(printed)


# -- what is found


def test_a_good_service_is_well(service: ServiceProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """All that was sent came to all, once; who was cut came back; it says so in words, and again in the same rooms."""
    for _ in range(2):
        status, found = probe(capsys, service.url, *QUICK)
        assert (status, found["status"], found["failures"]) == (WELL, 0, [])
        assert set(found) == set(Report.__struct_fields__)
        assert set(found["delivery_ms"]) == set(WaitPercentiles.__struct_fields__)
        assert set(found["thresholds"]) == set(Thresholds.__struct_fields__)
        assert found["posted"] == found["acknowledged"] == 20 and found["received"] == 60
        assert found["delivery_ms"]["count"] == 60 - found["caught_up"]
        assert 0 < found["delivery_ms"]["p50"] <= found["delivery_ms"]["p99"] <= found["delivery_ms"]["longest"]
        assert found["enter_ms"]["count"] == 4 and found["reconnect_ms"]["count"] == found["cuts"] == 1
        assert (found["resumed"], found["afresh"], found["away"], found["unanswered"]) == (2, 0, 0, 0)
        assert not any(found[kind] for kind in ("lost", "repeated", "out_of_order", "holes", "conflicting", "missing"))
        assert not any(found[counts] for counts in ("errors", "closes", "refusals", "details"))
    assert main([service.url, *QUICK], {}) == WELL
    printed = capsys.readouterr()
    assert printed.out.endswith("\nwell\n") and "0 lost" in printed.out and printed.err == ""
    token = make_jwt("watcher", "Watcher")
    listed = json.loads(service.request("GET", "/rooms", headers={"Authorization": f"Bearer {token}"})[2])
    assert [room["room"] for room in listed["rooms"]] == ["probe-1", "probe-2"]


NAMES = itertools.count()
LIES: dict[str, tuple[Lie, set[str]]] = {
    "the truth": (truth, set()),
    "loses": (on_message(3, lambda two: two[1:]), {"lost", "holes"}),
    "repeats": (on_message(3, lambda two: two * 2 if len(two) == 1 else two[1:]), {"repeated"}),
    "reorders": (on_message(3, lambda two: two[::-1] if len(two) == 2 else []), {"out_of_order", "holes"}),
    "renames, for each another": (
        on_message(
            3, lambda two: [two[0].replace(b'"id":"', b'"id":"%d-' % next(NAMES))] if len(two) == 1 else two[1:]
        ),
        {"lost", "conflicting"},
    ),
}


def test_broken_promises_are_found(service: ServiceProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """Each by its name; and where nothing is broken on the way, nothing is found."""
    promises = ("lost", "repeated", "out_of_order", "holes", "conflicting")
    for number, (name, (lie, kinds)) in enumerate(LIES.items()):
        with Liar(service.port, lie) as liar:
            status, found = probe(capsys, liar.url, *QUICK, "--rooms", "1", "--room", f"liar-{number}", "--cut", "0")
        assert "error" not in found, (name, found["error"])
        assert {kind for kind in promises if found[kind]} == kinds, name
        assert status == found["status"] == (WANTING if kinds else WELL), name
        assert bool(found["failures"]) == bool(found["details"]) == bool(kinds), name


def test_thresholds_make_the_status(service: ServiceProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """What is over one of them is named, with the figure."""
    status, found = probe(capsys, service.url, *QUICK, "--p99", "0", "--reconnect", "0")
    assert status == WANTING
    assert [failure.rpartition(", ")[2] for failure in found["failures"]] == ["over 0", "over 0"]
    assert main([service.url, *QUICK, "--p99", "0"], {}) == WANTING
    assert "failed: delivery p99 " in capsys.readouterr().out


def test_a_kill_behind_a_proxy_costs_nothing_but_time(tmp_path: Path) -> None:
    """By https through haproxy: everybody comes back to the restarted process, and it is told how long that took."""
    env = {"TRUSTED_PROXIES": "1", "SQLITE_PATH": str(tmp_path / "parley.db")}
    with ServiceProcess(env) as service, proxied(haproxy, tmp_path, service.port) as proxy:
        command = [sys.executable, "-m", "service", "probe", f"https://127.0.0.1:{proxy.https}", "--json"]
        command += ["--seconds", str(6 * UNIT), "--clients", "4", "--cut", "0", "--p99", "60000", "--reconnect", "60"]
        assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).stderr.count(b"not trusted") == 1
        (trusted,) = [name for name in tmp_path.glob("*.pem") if name.stem in ("authority", "ca")]
        env = os.environ | {"SSL_CERT_FILE": str(trusted)}
        running = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        time.sleep(3 * UNIT)
        service.kill9()
        service.start()
        found = json.loads(running.communicate(timeout=60 * UNIT)[0])
    assert (running.returncode, found["failures"]) == (WELL, [])
    assert found["lost"] == found["missing"] == found["unanswered"] == 0
    assert found["posted"] == found["acknowledged"] > 0
    assert found["reconnect_ms"]["count"] == 4 == sum(found["closes"].values()) and found["resumed"] == 8
    assert found["reconnect_ms"]["longest"] > 0


def test_the_python_client_takes_part(service: ServiceProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """As guests and as users; who was cut comes back and resumes, and it is said whose run it was."""
    users = [f"--token={make_jwt(name, name)}" for name in ("u1", "u2", "u3")]
    for number, tokens in enumerate(([], users)):
        status, found = probe(capsys, service.url, *QUICK, "--library", f"--room=library-{number}", *tokens)
        assert (status, found["failures"]) == (WELL, [])
        assert (found["by_library"], found["by_events"]) == (True, 0)
        assert found["posted"] == found["acknowledged"] == 20 and found["received"] == 60
        assert found["enter_ms"]["count"] == 3 and found["reconnect_ms"]["count"] == found["cuts"] == 1
        assert (found["resumed"], found["afresh"], found["away"], found["unanswered"]) == (2, 0, 0, 0)
        assert not any(found[counts] for counts in ("errors", "closes", "refusals", "details"))
    assert main([service.url, *QUICK, "--library"], {}) == WELL
    assert f"{service.url}: 3 Python clients in " in capsys.readouterr().out


def test_where_websockets_are_blocked_the_python_client_goes_round(
    service: ServiceProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody else comes in there; of how many went round is told."""
    with BlockingProxy("127.0.0.1", service.port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        origin = ("--origin", service.url)
        assert probe(capsys, url, *QUICK, *origin)[0] == NOT_PROBED
        assert main([url, *QUICK, "--library", "--cut", "0"], {}) == WELL
        assert "way round    3 by event streams: WebSockets are blocked" in capsys.readouterr().out


def test_why_the_python_client_does_not_come_in(
    service: ServiceProcess, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody there, a token that is none, a room that can't be joined, an origin that it hasn't, no such package."""
    limited = make_jwt("u1", "Ada", rooms=["lobby"])
    for arguments, kind in (
        (("http://127.0.0.1:1",), "unreachable"),
        ((service.url, "--token", "none"), "unauthenticated"),
        ((service.url, "--token", limited), "forbidden"),
    ):
        status, found = probe(capsys, *arguments, *QUICK, "--library")
        assert (status, found["error"]["kind"]) == (NOT_PROBED, kind), arguments
        assert found["error"]["message"]
    for more, said in ((("--origin", service.url), "--origin: not with --library"), ((), "pip install 'parley-client")):
        monkeypatch.setitem(sys.modules, "parley_client", None)
        monkeypatch.delitem(sys.modules, "service.probe.library", raising=False)
        with pytest.raises(SystemExit) as ended:
            main([service.url, *QUICK, "--library", *more], {})
        assert ended.value.code == NOT_PROBED and said in capsys.readouterr().err


def test_ctrl_c_judges_what_there_is(service: ServiceProcess, capsys: pytest.CaptureFixture[str]) -> None:
    timer = threading.Timer(1.5 * UNIT, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    status, found = probe(capsys, service.url, *QUICK, "--seconds", "600")
    timer.join()
    assert status == WELL and found["posted"] == found["acknowledged"] < 600


# -- who does not come in


def test_tokens_open_what_is_closed_to_guests(capsys: pytest.CaptureFixture[str]) -> None:
    """401 without, well with them by the variable; past TICKET_RATE it is said that it is 429, and why."""
    with ServiceProcess({"GUESTS": "0", "TICKET_RATE": "1"}) as service:
        status, found = probe(capsys, service.url, *QUICK)
        assert (status, found["status"], found["error"]["kind"]) == (NOT_PROBED, NOT_PROBED, "unauthenticated")
        assert "PARLEY_TOKEN" in found["error"]["message"]
        tokens = f"{make_jwt('u1', 'Ada')} {make_jwt('u2', 'Bob')}"
        assert probe(capsys, service.url, *QUICK, PARLEY_TOKEN=tokens)[0] == WELL
        status, found = probe(capsys, service.url, *QUICK, "--clients", "19", PARLEY_TOKEN=tokens)
        assert (status, found["error"]["kind"]) == (NOT_PROBED, "rate_limited")
        assert "429" in found["error"]["message"] and "TICKET_RATE" in found["error"]["message"]


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("ftp://chat.example.com", "url", "expected http://host"),
        ("chat.example.com", "url", "expected http://host"),
        ("http://chat.example.com/r/lobby", "url", "without a path"),
        ("http://ada:secret@chat.example.com", "url", "without a path, query or user"),
        ("http://chat.example.com:99999", "url", "99999"),
        ("http://no-such-host.invalid", "dns", "not known"),
        ("http://127.0.0.1:1", "unreachable", "refused"),
    ],
)
def test_addresses_where_nothing_is(url: str, kind: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = probe(capsys, url, *QUICK)
    assert (status, found["url"], found["error"]["kind"]) == (NOT_PROBED, url, kind)
    assert said in found["error"]["message"]


def test_strangers_and_foreign_pages_are_told_why(service: ServiceProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """403 for an origin that may not, 401 for a token that is none, another version of the contract; also in words."""

    def other(frames: list[bytes]) -> list[bytes]:
        return [frames[-1].replace(b'"version":1', b'"version":2')]

    with Liar(service.port, other) as liar:
        assert probe(capsys, liar.url, *QUICK)[1]["error"]["kind"] == "version"
    assert probe(capsys, service.url, "--origin", "http://evil.example")[1]["error"]["kind"] == "forbidden"
    assert probe(capsys, service.url, "--token", "none")[1]["error"]["kind"] == "unauthenticated"
    assert main([service.url, "--token", "none"], {}) == NOT_PROBED
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("parley: /tickets is answered 401: ")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((404, {}, b"<p>Not here"), "not_parley"),
        ((200, {}, b"hello"), "not_parley"),
        ((301, {"Location": "https://chat.example.com/tickets"}, b""), "redirected"),
        ((403, {}, b'{"error":{"code":"https_required","message":"use https"}}'), "https_required"),
        ((502, {}, b"<p>Bad gateway"), "unavailable"),
    ],
)
def test_other_servers_are_told_apart(answer: Any, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Releases before tickets, other software, proxies with nobody behind them."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, headers, body = answer
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            status, found = probe(capsys, f"http://127.0.0.1:{server.server_port}", "--clients", "2")
        finally:
            server.shutdown()
            thread.join()
    assert (status, found["error"]["kind"]) == (NOT_PROBED, kind)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--seconds", "0"),
        ("--clients", "1.5"),
        ("--rate", "fast"),
        ("--room", "No Room"),
        ("--seconds", "3600", "--rate", "1000", "--clients", "1000"),
    ],
)
def test_options_that_can_not_be(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["http://127.0.0.1:1", *arguments], {})
    assert ended.value.code == NOT_PROBED and capsys.readouterr().out == ""


# -- parts


def test_options_are_those_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Each that --help has stands in docs/operations.md, and no other; so do the figures that need words."""
    with pytest.raises(SystemExit):
        main(["--help"], {})
    text = (ROOT / "docs" / "operations.md").read_text()
    section = text[text.index("## Probe") : text.index("## Metrics")]
    cells = " ".join(re.findall(r"^\| (`--.*?) \|", section, re.MULTILINE))
    assert set(re.findall(r"--\w+", cells)) == set(re.findall(r"--\w+", capsys.readouterr().out)) - {"--help"}
    figures = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`\w+`.*?) \|", section, re.MULTILINE))))
    assert figures <= set(Report.__struct_fields__) and len(figures) > 10


def test_what_is_ready_at_once_came_at_once(service: ServiceProcess) -> None:
    """At the moment when the loop found it, not when it was that socket's turn to be read."""
    arrivals = Arrivals()
    turned: list[float] = []

    async def talk() -> tuple[float, Records]:
        door, records = Door(service.url), Records()
        clients = [Client(door, records, lambda: arrivals.before, number, ["lobby"], None) for number in range(4)]
        for client in clients:
            client.task = asyncio.ensure_future(client.run())
            await client.entered.wait()
        loop = asyncio.get_running_loop()
        clients[0].post(records.post(loop.time()), "lobby")
        sockets = list(arrivals.get_map())
        deadline = loop.time() + 20 * UNIT
        while len(select.select(sockets, [], [], 0.01)[0]) < len(clients):  # the loop stands still meanwhile
            assert loop.time() < deadline
        began = loop.time()
        loop.call_soon(lambda: turned.append(loop.time()))  # before what is found is read
        async with asyncio.timeout(20 * UNIT):
            while len(records.deliveries) < len(clients):
                await asyncio.sleep(0)
        await asyncio.gather(*(client.end() for client in clients))
        door.close()
        return began, records

    with asyncio.Runner(loop_factory=arrivals.loop) as runner:
        began, records = runner.run(talk())
    ((wait, copies),) = Counter(records.deliveries).most_common(1)
    assert copies >= 3  # what its author has may be `sent` alone by then
    (due,) = records.due.values()
    assert began <= due + wait <= turned[0]


def test_waits_are_exact() -> None:
    """Nearest rank in milliseconds, whatever the order; none at all is all zeros."""
    assert waits([number / 1000 for number in range(1000, 0, -1)]) == WaitPercentiles(
        1000, 500.0, 900.0, 990.0, 999.0, 1000.0
    )
    assert waits([]) == WaitPercentiles()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals(service: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, written over and taken away at the end."""
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main([service.url, *QUICK], {}) == WELL
    shown = terminal.getvalue().split("\r")
    assert "\n" not in terminal.getvalue() and shown[-1] == "" and shown[-2].strip() == ""
    assert any(line.startswith("[####") and "copies" in line for line in shown)
    monkeypatch.setenv("TERM", "dumb")
    Progress(terminal).clear()
    assert terminal.getvalue().split("\r") == shown
