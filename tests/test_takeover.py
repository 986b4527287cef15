"""An upgrade without a gap: the next process takes a passed listening socket over while the one before leaves.

Somebody new comes in all the time, and the probe judges by the contract what those who are there get.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from service import systemd
from service.errors import ConfigError
from service.probe.door import Door
from service.probe.report import Report, Thresholds, report
from service.probe.run import Plan, Run

from .harness import (
    NO_LIMITS,
    UNIT,
    ChatClient,
    ServiceProcess,
    free_port,
    make_jwt,
    require_tool,
    service_env,
    wait_until,
)
from .harness.service_process import ROOT

AROUND = 0.5  # seconds of load before and after a takeover
TALKERS = 6
ENV = NO_LIMITS | {"DRAIN_DELAY": "0", "DRAIN_SECONDS": "1"}


class Comers:
    """People who come in one after the other, some at a time, until `end`."""

    def __init__(self, url: str, at_once: int = 6) -> None:
        self._url = url
        self.entered, self.refused = 0, list[str]()
        self.longest = 0.0  # seconds
        self._over = False
        self._tasks = [asyncio.ensure_future(self._come(number)) for number in range(at_once)]

    async def _come(self, number: int) -> None:
        token = make_jwt(f"comer-{number}", f"Comer {number}")
        while not self._over:
            began = time.monotonic()
            try:
                client = await ChatClient.enter(self._url, bearer=token)
            except Exception as error:  # noqa: BLE001  # whatever it is, they are not in
                self.refused.append(repr(error))
                await asyncio.sleep(0.05)
                continue
            self.entered += 1
            self.longest = max(self.longest, time.monotonic() - began)
            await client.close()

    async def end(self) -> None:
        self._over = True
        await asyncio.gather(*self._tasks)


@asynccontextmanager
async def judged(url: str) -> AsyncIterator[list[Report]]:
    """The probe's people talk while the block runs; then the list has what the probe says of it."""
    door, found = Door(url), list[Report]()
    plan = Plan(seconds=600, rate=40, clients=TALKERS, rooms=("takeover",), cut=0)
    run = Run(door, plan, asyncio.get_running_loop().time, lambda _: None)
    talking = asyncio.ensure_future(run.do())
    try:
        async with asyncio.timeout(20 * UNIT):
            while run.away_now:
                await asyncio.sleep(0.01)
        yield found
        run.stop.set()
        await talking
        found.append(report(url, run, Thresholds(p99_ms=1e6, reconnect_s=15 * UNIT, missing=0)))
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        door.close()


async def replaced(old: ServiceProcess, new: ServiceProcess, *, overlap: bool) -> tuple[Comers, Report]:
    """Under load `new` takes the place of `old`, before that leaves or behind it."""
    try:
        url = old.start().url
        async with judged(url) as found:
            comers = Comers(url)
            await asyncio.sleep(AROUND)
            for step in (new.start, old.stop) if overlap else (old.stop, new.start):
                await asyncio.to_thread(step)
            await asyncio.sleep(AROUND)
            await comers.end()
        assert comers.entered
        assert found[0].closes == {"1012": TALKERS}, "everybody who was there moved once"
        return comers, found[0]
    finally:
        assert (old.stop(), new.stop()) == (0, 0)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """What systemd would hold."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as sock:
        yield sock


async def test_nobody_is_refused_while_one_takes_over_from_another(redis_url: str, listening: socket.socket) -> None:
    """On Redis both serve for a while; the next may be several processes."""
    env = ENV | {"REDIS_URL": redis_url}
    old = ServiceProcess(env, listening=listening)
    new = ServiceProcess(env | {"WEB_CONCURRENCY": "2"}, listening=listening)
    comers, probed = await replaced(old, new, overlap=True)
    assert comers.refused == []
    assert (probed.failures, probed.refusals) == ((), {})


async def test_on_the_embedded_broker_who_comes_waits(tmp_path: Path, listening: socket.socket) -> None:
    """One process has the file and refuses a second, so the next starts behind it; the socket keeps who comes."""
    env = ENV | {"SQLITE_PATH": str(tmp_path / "parley.db")}
    old, new = ServiceProcess(env, listening=listening), ServiceProcess(env, listening=listening)
    comers, probed = await replaced(old, new, overlap=False)
    assert comers.refused == []
    assert (probed.failures, probed.refusals) == ((), {})
    with ServiceProcess(env, listening=listening):
        second = ServiceProcess(env, listening=listening)
        with pytest.raises(RuntimeError, match="another process has it open; one process serves a file"):
            second.start()
        assert second.exit_code == 2


async def test_control_without_the_socket_people_are_refused(tmp_path: Path) -> None:
    """The same load over a plain restart."""
    env, port = ENV | {"SQLITE_PATH": str(tmp_path / "parley.db")}, free_port()
    comers, _ = await replaced(ServiceProcess(env, port=port), ServiceProcess(env, port=port), overlap=False)
    assert comers.refused


def test_who_was_accepted_before_is_let_in(listening: socket.socket) -> None:
    """However late the handshake comes on a connection that only this process can answer; who connects is others'."""
    env = ENV | {"DRAIN_SECONDS": "2", "LOG_LEVEL": "info"}
    token = make_jwt("early", "Early")
    request = (
        f"GET /socket HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: chat.v1\r\n\r\n"
    ).encode()
    with ServiceProcess(env, listening=listening) as service:
        with socket.create_connection(listening.getsockname()) as early, socket.socket() as late:
            early.sendall(request[:10])
            assert service.ready()  # on a later connection, so the first is accepted
            service.send_signal(signal.SIGTERM)
            wait_until(lambda: any("event=drain_began" in line for line in service.stderr), "it leaves")
            time.sleep(0.2)
            early.sendall(request[10:])
            early.settimeout(10 * UNIT)
            assert early.recv(12) == b"HTTP/1.1 101"
            late.connect(listening.getsockname())
            late.sendall(request)
            late.settimeout(0.3)
            with pytest.raises(TimeoutError):
                late.recv(12)
        assert service.stop() == 0
    connection, _ = listening.accept()
    with connection:
        assert connection.recv(len(request)) == request


# -- what is passed


def test_systemd_s_own_tool_passes_it() -> None:
    """systemd-socket-activate starts its program at the first connection, which is answered then."""
    tool, port = require_tool("systemd-socket-activate", "systemd"), free_port()
    env = service_env()
    passed_on = [f"--setenv={name}" for name in env]
    command = [tool, f"--listen=127.0.0.1:{port}", *passed_on, sys.executable, "-m", "service"]
    service = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port), "it serves", 20 * UNIT)
        service.terminate()
        assert service.wait(20 * UNIT) == 0
    finally:
        service.kill()
        service.wait()


def answers(port: int) -> bool:
    with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10 * UNIT) as answer:
        return bool(answer.status == 200)
    return False


def test_what_is_passed_to_another_process_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a shell that it was passed to starts the service; and nothing that is started later may take it."""
    monkeypatch.setenv("LISTEN_PID", str(os.getppid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert systemd.listening_sockets() is None
    assert not [name for name in os.environ if name.startswith("LISTEN_")]


@pytest.mark.parametrize("kind", ["words", "pipe", "unix", "datagram", "connected"])
def test_what_can_t_be_served_on_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is expected; the descriptor's owner keeps it."""
    ends = os.pipe()
    made = {
        "unix": lambda: socket.socket(socket.AF_UNIX),
        "datagram": lambda: socket.socket(type=socket.SOCK_DGRAM),
        "connected": socket.socket,
    }
    descriptor = made[kind]().detach() if kind in made else os.dup(ends[0])
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "some" if kind == "words" else "1")
    try:
        with pytest.raises(ConfigError, match=r"LISTEN_FDS is .*expected .*socket"):
            systemd.listening_sockets(first=descriptor)
    finally:
        for end in (*ends, descriptor):
            with suppress(OSError):
                os.close(end)


@pytest.mark.parametrize("abstract", [False, True])
def test_who_asks_is_told_that_it_serves(abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a path or a name of Linux's own; and nobody who isn't there any more is waited for."""
    name = f"@parley-{os.getpid()}" if abstract else str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    systemd.notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name[1:] if abstract else name)
        systemd.notify("READY=1")
        sock.settimeout(5 * UNIT)
        assert sock.recv(100) == b"READY=1"
