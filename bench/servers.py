"""Starts what is measured, each as a process of its own: the server on one core, Redis on the other, with the load."""

import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.crowd import Crowd
from bench.dialects import Chat, Dialect, Echo
from bench.machine import LOAD_CORE, SERVER_CORE, Gauge, raise_descriptor_limit
from tests.harness.redis_cluster import RedisCluster

ROOT = Path(__file__).resolve().parent.parent
SYSTEMS = ("redis", "sqlite", "naive", "websockets", "blaster")  # the first two are the service, by its broker
START_SECONDS = 20.0
NODE_SECONDS = 15.0  # for which a busy core may keep a node of a cluster from answering the others

# A public chat's limits would refuse what a benchmark does: a crowd of one address, publishing at full speed. Pings
# come after the runs that count bytes; the idle row sets its own interval.
_NO_LIMITS = {
    "FRAME_RATE": "1000000",  # not off: counting frames is a part of every message's way
    "FRAME_RATE_ADDRESS": "1000000",
    "SEND_RATE": "0",
    "SEND_RATE_ADDRESS": "0",
    "JOIN_RATE": "0",
    "JOIN_RATE_ADDRESS": "0",
    "ROOM_RATE": "0",
    "TICKET_RATE": "0",
    "CONNECTIONS_PER_USER": "0",
    "CONNECTIONS_PER_ADDRESS": "0",
    "CONNECTIONS_LIMIT": "0",
    "LOG_LEVEL": "warning",
}
PINGS_LATER = {"PING_INTERVAL": "50"}


class ServerError(Exception):
    """A server did not start, or died; the message ends with what it wrote."""


@dataclass(slots=True)
class Target:
    """A running server and what it takes to load it. `addresses`: of each of its processes, whose ids `pids` are."""

    pids: list[int]
    addresses: list[tuple[str, int]]
    dialect: Dialect
    gauge: Gauge
    redis_ports: list[int]

    @property
    def pid(self) -> int:
        """Of the first, which is the only one but where several were asked for."""
        return self.pids[0]

    def crowd(self) -> Crowd:
        """A load generator with no sockets yet."""
        return Crowd(self.addresses, self.dialect)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def target(
    system: str,
    env: Mapping[str, str] = PINGS_LATER,
    *,
    processes: int = 1,
    primaries: int = 1,
    redis_options: Sequence[str] = (),
) -> Iterator[Target]:
    """One of `SYSTEMS`, ready; with a Redis of its own where it needs one. `env` adds to the service's settings.

    The service on Redis may have several processes, each on a port of its own, and several primaries, which are a
    cluster then. `redis_options` are redis-server's.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        gauged: dict[str, list[int]] = {"server": []}
        secret = secrets.token_hex(32)
        settings = {"PYTHONPATH": str(ROOT)}
        redis_ports: list[int] = []
        if system not in ("sqlite", "blaster"):
            redis_ports, gauged["redis"], settings["REDIS_URL"] = stack.enter_context(
                _redis(folder, redis_options) if primaries == 1 else _cluster(primaries)
            )
        dialect: Dialect = Echo()
        module = f"bench.baselines.{'websockets_broadcast' if system == 'websockets' else system}"
        if system in ("redis", "sqlite"):
            dialect, module = Chat(secret), "service"
            settings |= {"SECRET_KEY": secret, "JWT_SECRET": secret, "SQLITE_PATH": str(folder / "bench.db")}
            settings |= {**_NO_LIMITS, **env}
        addresses, logs = [], []
        for number in range(processes):
            port, log = free_port(), folder / f"server-{number}.log"
            command, own = [sys.executable, "-m", module], {**settings, "PORT": str(port)}
            gauged["server"].append(stack.enter_context(process(command, SERVER_CORE, log, own, port)))
            addresses.append(("127.0.0.1", port))
            logs.append(log)
            if module == "service":
                _wait_ready(port, log)
        yield Target(gauged["server"], addresses, dialect, Gauge(gauged), redis_ports)
        for log in logs:
            if module == "service" and "Traceback" in log.read_text(errors="replace"):
                raise ServerError(f"{module} went through its run with errors:\n{tail(log)}")


@contextmanager
def _redis(folder: Path, options: Sequence[str]) -> Iterator[tuple[list[int], list[int], str]]:
    """Port, process and URL of a Redis that keeps nothing on disk, unless `options` say otherwise."""
    port = free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with process([*command, "--dir", str(folder), *options], LOAD_CORE, folder / "redis.log", {}, port) as pid:
        yield [port], [pid], f"redis://127.0.0.1:{port}/0"


@contextmanager
def _cluster(primaries: int) -> Iterator[tuple[list[int], list[int], str]]:
    """Ports, processes and URL of a cluster without replicas, on this process's core."""
    with RedisCluster(primaries, replicas=0, node_timeout=NODE_SECONDS) as cluster:
        yield [node.port for node in cluster.nodes], [node.pid for node in cluster.nodes], cluster.url


@contextmanager
def process(command: list[str], core: int, log: Path, env: Mapping[str, str], port: int) -> Iterator[int]:
    """A process pinned to a core, listening; killed at the end, for nothing of it is kept."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with log.open("wb") as output:
        started = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**clean, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=_pin(core),
        )
    try:
        _wait(started, port, log)
        yield started.pid
        if started.poll() is not None:
            raise ServerError(f"{' '.join(command)} died:\n{tail(log)}")
    finally:
        started.send_signal(signal.SIGKILL)
        started.wait()


def _pin(core: int) -> Callable[[], None]:
    def in_child() -> None:
        os.sched_setaffinity(0, {core})
        raise_descriptor_limit()

    return in_child


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerError(f"{process.args!r} did not start:\n{tail(log)}") from None
            time.sleep(0.02)


def _wait_ready(port: int, log: Path) -> None:
    """Until /readyz says that the broker answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        if time.monotonic() > deadline:
            raise ServerError(f"the service is not ready:\n{tail(log)}")
        time.sleep(0.02)


def tail(log: Path, lines: int = 20) -> str:
    """The end of what a process wrote."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
