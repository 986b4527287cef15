"""`python -m service` as a user runs it: options, settings that can't hold, signals, exit statuses."""

import asyncio
import json
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from service import __version__, lifecycle
from service.__main__ import main
from service.config import DRAIN_LONGEST, SETTINGS
from service.errors import StartError

from .attacks.raw_socket import RawSocket, handshake
from .harness import JWT_SECRET, SECRET_KEY, UNIT, ChatClient, RedisServer, ServiceProcess, service_env, wait_until
from .harness.chat_client import fetch_ticket
from .harness.service_process import ROOT

BAD_KEY = "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----"


def run(*args: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """The command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "service", *args],
        cwd=ROOT,
        env=service_env(environ),
        capture_output=True,
        text=True,
        timeout=20 * UNIT,
        check=False,
    )


def test_what_a_start_does_not_need_is_not_loaded() -> None:
    """Redis's library without a Redis, the doctor and the probe: they would take a fifth of its time."""
    code = "import sys, service.__main__, service.lifecycle; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "service.app" in loaded.split() and not {"redis", "service.doctor", "service.probe"} & {*loaded.split()}


def test_help_names_the_options() -> None:
    """And where the settings stand."""
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    for word in ("--port", "--host", "--check", "--version", "README.md", "token", "doctor"):
        assert word in done.stdout


def test_version() -> None:
    """One line."""
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"parley {__version__}\n")


def test_check_prints_what_holds_and_hides_secrets(redis_server: RedisServer) -> None:
    """Options before variables before defaults; nothing is started."""
    secrets = {
        # A Redis without passwords takes any, with a warning of its own.
        "REDIS_URL": f"redis://:the-password@127.0.0.1:{redis_server.port}/1",
        "METRICS_TOKEN": "the-metrics-token",
    }
    done = run("--check", "--port", "1234", "--host", "0.0.0.0", PORT="9", TEXT_LIMIT="77", **secrets)
    lines = done.stdout.splitlines()
    for line in ("PORT=1234", "HOST=0.0.0.0", "TEXT_LIMIT=77", "PING_INTERVAL=25.0", "SECRET_KEY=(set)"):
        assert line in lines
    assert f"# broker: redis 127.0.0.1:{redis_server.port}" in lines
    for secret in (SECRET_KEY, JWT_SECRET, "the-password", "the-metrics-token"):
        assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize("variable", ["REDIS_URL", "REDIS_TLS_URL"])
def test_check_names_a_redis_that_is_away(variable: str) -> None:
    """With the way out, behind what holds; a start would wait for it, and says so."""
    done = run("--check", **{variable: "redis://:the-password@127.0.0.1:1"})
    assert done.returncode == 2 and "PORT=8000" in done.stdout.splitlines()
    *warnings, finding = done.stderr.splitlines()
    assert all(line.startswith("parley: warning: redis ") for line in warnings)
    assert re.fullmatch(rf"parley: {variable}: redis 127\.0\.0\.1:1 takes no write: away; a start would .*", finding)
    assert "the-password" not in done.stdout + done.stderr


def test_check_warns_of_what_a_start_warns_of() -> None:
    """It is allowed, so the exit status is that of a start."""
    done = run("--check", SECRET_KEY="short-secret", TRUSTED_PROXIES="3")
    assert done.returncode == 0
    assert re.match(r"parley: warning: SECRET_KEY is shorter .*\nparley: warning: TRUSTED_PROXIES is 3, ", done.stderr)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "redis+sentinel://ada:hunter2@h1,h2:7/main/3?sentinel_password=hunter3",
            "redis sentinel h1:26379,h2:7/main",
        ),
        ("rediss+cluster://ada:hunter2@h1,h2:7/", "redis cluster h1:6379,h2:7"),
    ],
)
def test_check_shows_every_host_and_no_password(url: str, shown: str) -> None:
    """Of Sentinels, with the master's name, and of a cluster."""
    done = run("--check", REDIS_URL=url)
    assert done.returncode == 2 and f"# broker: {shown}" in done.stdout.splitlines()
    assert f"parley: REDIS_URL: {shown} takes no write: " in done.stderr
    assert "hunter" not in done.stdout + done.stderr


def test_check_writes_nothing(tmp_path: Path) -> None:
    """Not even the secret that a start would make."""
    done = run("--check", SQLITE_PATH=str(tmp_path / "parley.db"), SECRET_KEY="")
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "environ", "named"),
    [
        ([], {"PORT": "http"}, "PORT"),
        (["--port", "70000"], {}, "PORT"),
        ([], {"REDIS_URL": "http://redis"}, "REDIS_URL"),
        ([], {"SECRET_KEY": "short"}, "SECRET_KEY"),
        ([], {"REDIS_URL": "redis://127.0.0.1:1", "SECRET_KEY": ""}, "SECRET_KEY"),
        ([], {"WEB_CONCURRENCY": "2"}, "WEB_CONCURRENCY"),
        ([], {"JWT_PUBLIC_KEY": BAD_KEY}, "JWT_PUBLIC_KEY"),
        ([], {"SQLITE_PATH": "/nonexistent/parley.db"}, "SQLITE_PATH"),
        ([], {"SQLITE_PATH": "/nonexistent/parley.db", "SECRET_KEY": ""}, "SQLITE_PATH"),
        ([], {"SQLITE_PATH": "/"}, "SQLITE_PATH"),
        ([], {"SQLITE_PATH": __file__}, "SQLITE_PATH"),
        ([], {"HOST": "x86_64-conda-linux-gnu"}, "HOST"),
        ([], {"HOST": "a" * 64}, "HOST"),
        ([], {"REDIS_URL": "redis://127.0.0.1:1", "WEB_CONCURRENCY": "2", "HOST": "no.such.host.invalid"}, "HOST"),
        ([], {"REDIS_URL": "redis://127.0.0.1:1", "WEB_CONCURRENCY": "2", "JWT_PUBLIC_KEY": BAD_KEY}, "JWT_PUBLIC_KEY"),
        ([], {"TEXT_LIMIT": "100000"}, "FRAME_LIMIT"),
        ([], {"DRAIN_DELAY": "5.5", "DRAIN_SECONDS": "20"}, "DRAIN_DELAY"),
        ([], {"DRAIN_DELAY": "", "DRAIN_SECONDS": "21"}, r"DRAIN_DELAY is 5 and DRAIN_SECONDS 21:"),
        ([], {"REDIS_URL": "redis://hunter2#secret@h:6379/0"}, "REDIS_URL"),
        ([], {"REDIS_TLS_URL": "rediss://h/0?foo=bar"}, "REDIS_TLS_URL"),
        ([], {"REDIS_URL": "redis+sentinel://h1,h2"}, "REDIS_URL: expected the master's name"),
        ([], {"REDIS_URL": "redis+cluster://h1/3"}, "REDIS_URL: expected database 0"),
        ([], {"PING_INTERVAL": "100"}, "PING_INTERVAL is '100': expected .* to 50, .*; leave it out, or lower it"),
        ([], {"TRUSTED_PROXIES": "5"}, "TRUSTED_PROXIES is '5': expected .* to 4, .*; count the proxies"),
        ([], {"METRICS_TOKEN": "two words"}, "METRICS_TOKEN: expected letters"),
        ([], {"SECRET_KEY": " " * 40}, "SECRET_KEY: expected at least"),
        ([], {"JWT_SECRET": "-----BEGIN RSA PRIVATE KEY-----\nMIIE"}, "JWT_SECRET: is a key"),
        ([], {"JWT_PUBLIC_KEY": BAD_KEY}, "JWT_PUBLIC_KEY: can't be read .*openssl"),
        ([], {"JWT_PUBLIC_KEY": f"{BAD_KEY}\n{BAD_KEY}"}, "JWT_PUBLIC_KEY: expected one key, .*JWT_JWKS_URL"),
    ],
)
def test_a_setting_that_can_not_hold_ends_with_2(
    args: list[str],
    environ: dict[str, str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line that names the variable, the same of a start and of `--check`; no traceback."""
    with monkeypatch.context() as patch:
        for name in os.environ.keys() - service_env(environ).keys():
            patch.delenv(name)
        for name, value in service_env(environ).items():
            patch.setenv(name, value)
        statuses = [main([*args, *more]) for more in ([], ["--check"])]
    told = capsys.readouterr()
    lines = told.err.splitlines()
    assert statuses == [2, 2] and told.out == ""
    assert len(lines) == 2 and lines[0] == lines[1] and re.match(rf"parley: {named}(?!\w)", lines[0]), told.err


def test_a_start_that_can_not_be_ends_the_program_with_2() -> None:
    """And `--check` does."""
    for more in ([], ["--check"]):
        done = run(*more, PORT="http")
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch("parley: PORT .*\n", done.stderr)


def test_an_address_of_another_machine_is_named() -> None:
    """Only listening tells, so `--check` can't."""
    done = run("--host", "198.51.100.7", PORT="0")
    assert done.returncode == 2 and done.stdout == ""
    assert re.fullmatch(r"parley: HOST is '198\.51\.100\.7': .*\n", done.stderr), done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "ascii:strict", "utf-8:strict"])
def test_a_path_that_the_terminal_can_not_show_is_served_all_the_same(tmp_path: Path, encoding: str) -> None:
    """By `--check`, the start line and the log: what can't be encoded is escaped."""
    name = "dät☃" + os.fsdecode(b"\xe4.db")  # neither is ASCII, and the last is no text
    env = {"SQLITE_PATH": str(tmp_path / name), "PYTHONIOENCODING": encoding, "SECRET_KEY": ""}
    checked = run("--check", **env)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr
    with ServiceProcess(env) as service:
        wait_until(lambda: service.stdout, "the line")
        assert service.stdout[0].startswith(f"Parley {__version__} on http://localhost:{service.port} (sqlite ")
        assert service.request("GET", "/readyz")[0] == 200
        assert service.stop() == 0
    assert service.troubles() == []
    assert (tmp_path / name).exists()
    refused = run(**env, PORT="http")
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    refused = run(**env | {"SQLITE_PATH": str(tmp_path / name / "below.db")})
    assert refused.returncode == 2 and refused.stderr.startswith("parley: SQLITE_PATH"), refused.stderr


def test_a_start_line_that_can_not_be_written_stops_nothing() -> None:
    """A full disk behind standard output is said in the log."""
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "service"],
            cwd=ROOT,
            env=service_env({"PORT": "0"}),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        first = process.stderr.readline()
        process.terminate()
        rest = first + process.stderr.read()
        assert process.wait(10 * UNIT) == 0
        assert "standard output can't be written: No space left on device" in rest
        assert "Exception" not in rest
        process.stderr.close()


def test_an_unknown_option_ends_with_2() -> None:
    """As command lines do."""
    done = run("--fly")
    assert done.returncode == 2 and "--fly" in done.stderr


def test_a_port_in_use_is_said() -> None:
    """With the way out, for one process and for several."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        redis = {"REDIS_URL": "redis://127.0.0.1:1", "WEB_CONCURRENCY": "2"}
        for environ in ({}, redis):
            done = run("--port", str(port), **environ)
            assert done.returncode == 2, done.stderr
            assert f"PORT {port}" in done.stderr and "choose another" in done.stderr
            assert "Traceback" not in done.stderr


def test_a_disk_that_takes_no_secret_is_named(tmp_path: Path) -> None:
    """With the file; none is left that would be taken for a broken secret next time."""
    environ = service_env({"SQLITE_PATH": str(tmp_path / "parley.db"), "SECRET_KEY": ""})
    done = subprocess.run(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        # Not measured: the measure couldn't be written either.
        env={name: value for name, value in environ.items() if not name.startswith("COVERAGE")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        capture_output=True,
        text=True,
        timeout=20 * UNIT,
        check=False,
    )
    said = rf"parley: SQLITE_PATH: can't write {tmp_path}/parley\.db\.secret \(File too large\); .*\n"
    assert done.returncode == 2 and re.fullmatch(said, done.stderr), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_the_system_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no setting's fault, so none is blamed."""

    def refuse(*_: object) -> None:
        raise OSError(24, "Too many open files")

    async def nothing() -> int:
        raise AssertionError("there is no loop")

    monkeypatch.setattr(asyncio.Runner, "get_loop", refuse)
    with pytest.raises(StartError, match=r"^the event loop: Too many open files$"):
        lifecycle.run(nothing)


def test_the_start_line_says_where_and_on_what(tmp_path: Path) -> None:
    """Address, broker, version; once, on standard output."""
    path = tmp_path / "parley.db"
    with ServiceProcess({"SQLITE_PATH": str(path)}) as service:
        wait_until(lambda: service.stdout, "the line")
        assert service.stdout == [f"Parley {__version__} on http://localhost:{service.port} (sqlite {path})"]


@pytest.mark.expects_log("SECRET_KEY is shorter")
def test_weak_secrets_are_warned_of() -> None:
    """It starts all the same."""
    with ServiceProcess({"SECRET_KEY": "short-secret"}) as service:
        pass
    warned = [line for line in service.stderr if "level=warning" in line]
    assert len(warned) == 1 and "SECRET_KEY is shorter than" in warned[0]


def test_the_log_is_one_line_an_event_in_the_chosen_form() -> None:
    """logfmt or JSON, on standard error; without the time where the platform adds its own."""
    with ServiceProcess({"LOG_FORMAT": "json", "LOG_LEVEL": "debug"}) as service:
        service.request("GET", "/healthz")
    lines = [json.loads(line) for line in service.stderr]
    assert any(line["name"] == "service.app" and "/healthz" in line["msg"] for line in lines)
    assert all(set(line) >= {"at", "level", "name", "msg"} for line in lines)
    (started,) = [line for line in lines if line.get("event") == "started"]
    assert (started["version"], started["broker"], started["processes"]) == (__version__, "sqlite", 1)
    assert started["broker_version"] == sqlite3.sqlite_version and started["connections"] > 0
    with ServiceProcess({"DYNO": "web.1", "FORCE_HTTPS": "0", "HOST": "127.0.0.1", "DRAIN_SECONDS": "1"}) as service:
        pass
    assert service.stderr and all(line.startswith("level=") for line in service.stderr)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_with_0(how: signal.Signals) -> None:
    """Nobody is connected, so there is nothing to wait for."""
    with ServiceProcess({"DRAIN_SECONDS": "20"}) as service:
        began = time.monotonic()
        assert (service.stop if how is signal.SIGTERM else service.interrupt)() == 0
        assert time.monotonic() - began < 5 * UNIT
    assert service.troubles() == []


async def test_sigterm_lets_everybody_go_in_their_moment() -> None:
    """The clients are told, closed 1012 within DRAIN_SECONDS, and the exit is 0."""
    service = ServiceProcess({"DRAIN_SECONDS": "1"}).start()
    try:
        async with ChatClient.open(service.url, "Ada") as ada:
            service.send_signal(signal.SIGTERM)
            frame = await ada.recv("reconnect")
            assert 0 <= frame["in_ms"] <= 1000
            assert (await ada.closed())[0] == 1012
    finally:
        assert service.stop() == 0


async def stopped_after(answering: bool) -> float:
    """Seconds from SIGTERM to the exit, by the default drain, where sockets answer their close or don't."""
    with ServiceProcess({"DRAIN_DELAY": "", "DRAIN_SECONDS": "", "TICKET_RATE": "0"}) as service:
        async with AsyncExitStack() as stack:
            if answering:
                for number in range(20):
                    await stack.enter_async_context(ChatClient.open(service.url, f"Guest {number}"))
            else:
                for number in range(20):
                    ticket = (await fetch_ticket(service.url, f"Guest {number}", {"Origin": service.url}))["ticket"]
                    raw = await stack.enter_async_context(await RawSocket.connect(service.port))
                    answer = await raw.request(handshake(service.port, protocols=f"chat.v1, ticket.{ticket}"))
                    assert answer.status == 101
            began = time.monotonic()
            assert await asyncio.to_thread(service.stop) == 0
            return time.monotonic() - began


@pytest.mark.timeout(seconds=120 * UNIT)
async def test_a_stop_at_the_defaults_takes_25_seconds_at_the_most() -> None:
    """From SIGTERM to the exit, as platforms are told, also where nobody answers a close; most of it is the drain."""
    answering, silent = await asyncio.gather(stopped_after(answering=True), stopped_after(answering=False))
    settings = SETTINGS["DRAIN_DELAY"], SETTINGS["DRAIN_SECONDS"]
    assert sum(float(setting.default) for setting in settings) == DRAIN_LONGEST == 25
    for seconds in (answering, silent):
        assert 15 < seconds <= DRAIN_LONGEST * UNIT


@pytest.mark.parametrize("delay", ["0", "21"])
async def test_ctrl_c_cuts_the_drain_short(delay: str) -> None:
    """And the wait before it: whoever sits there is impatient."""
    service = ServiceProcess({"DRAIN_DELAY": delay, "DRAIN_SECONDS": "0" if delay == "21" else "25"}).start()
    try:
        async with ChatClient.open(service.url, "Ada") as ada, ChatClient.open(service.url, "Bob") as bob:
            service.send_signal(signal.SIGTERM)
            if delay == "0":
                for client in (ada, bob):
                    await client.recv("reconnect")
            else:
                await asyncio.to_thread(wait_until, lambda: not service.ready(), "it leaves")
            service.send_signal(signal.SIGINT)
            for client in (ada, bob):
                assert (await client.closed())[0] == 1012
    finally:
        assert service.interrupt() == 0


async def test_sigterm_again_changes_nothing() -> None:
    """Platforms send it to every process, and again: each socket keeps the moment that it was promised."""
    service = ServiceProcess({"DRAIN_DELAY": "0.2", "DRAIN_SECONDS": "2"}).start()
    try:
        async with ChatClient.open(service.url, "Ada") as ada, ChatClient.open(service.url, "Bob") as bob:

            async def leave(client: ChatClient) -> None:
                promised = (await client.recv("reconnect"))["in_ms"] / 1000
                service.send_signal(signal.SIGTERM)
                assert (await client.closed())[0] == 1012
                assert time.monotonic() - began >= 0.2 + promised - 0.001  # it is rounded to a millisecond

            began = time.monotonic()
            service.send_signal(signal.SIGTERM)
            service.send_signal(signal.SIGTERM)
            await asyncio.gather(leave(ada), leave(bob))
    finally:
        assert service.stop() == 0


async def test_sighup_does_no_harm() -> None:
    """Those who are in stay in, and others come."""
    with ServiceProcess() as service:
        async with ChatClient.open(service.url, "Ada") as ada:
            await ada.join("lobby")
            service.send_signal(signal.SIGHUP)
            await ada.send("lobby", "still here")
            async with ChatClient.open(service.url, "Bob") as bob:
                await bob.join("lobby")
                service.send_signal(signal.SIGHUP)
                assert (await bob.send("lobby", "me too"))["seq"] == 2
        assert service.stop() == 0
    assert service.troubles() == []


async def test_ctrl_c_leaves_at_once() -> None:
    """With a close frame, and without a drain."""
    service = ServiceProcess({"DRAIN_SECONDS": "25"}).start()
    try:
        async with ChatClient.open(service.url, "Ada") as ada:
            service.send_signal(signal.SIGINT)
            assert (await ada.closed())[0] == 1012
            assert not [frame for frame in ada.frames if frame["type"] == "reconnect"]
    finally:
        assert service.stop() == 0


def test_the_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    """So a guest's token holds through a restart; nobody else may read it."""
    env = {"SQLITE_PATH": str(tmp_path / "parley.db"), "SECRET_KEY": ""}
    guests: list[Any] = []
    for body in ({"name": "Ada"}, None):
        with ServiceProcess(env) as service:
            _, _, data = service.request("POST", "/tickets", body or {"guest": guests[0]["guest"]})
            guests.append(json.loads(data))
    assert guests[0]["user"] == guests[1]["user"]
    assert (tmp_path / "parley.db.secret").stat().st_mode & 0o777 == 0o600


def test_a_token_can_be_made() -> None:
    """`python -m service token`, which the service takes."""
    done = run("token", "--sub", "7", "--name", "Ada")
    assert done.returncode == 0
    with ServiceProcess() as service:
        status, _, body = service.request("POST", "/tickets", {}, {"Authorization": f"Bearer {done.stdout.strip()}"})
    assert (status, json.loads(body)["user"]) == (201, {"id": "7", "name": "Ada"})
