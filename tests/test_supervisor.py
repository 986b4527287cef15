"""service/supervisor.py: several processes on one port, as a user starts them."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service import config, supervisor
from service.sockets import acceptor

from .harness import NO_LIMITS, UNIT, ChatClient, ServiceProcess, make_jwt, wait_until
from .harness.service_process import ROOT
from .serving import environment


def children(service: ServiceProcess) -> list[int]:
    """The processes that serve, eldest first."""
    return sorted(map(int, Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()))


@contextmanager
def two(redis_url: str, **environ: str) -> Iterator[ServiceProcess]:
    env = NO_LIMITS | {"REDIS_URL": redis_url, "WEB_CONCURRENCY": "2", "LOG_LEVEL": "info"} | environ
    with ServiceProcess(env) as service:
        wait_until(lambda: len(children(service)) == 2, "two processes")
        yield service


async def entered(service: ServiceProcess, number: int) -> list[ChatClient]:
    """So many clients of one room, on whichever process took them."""
    clients = [await ChatClient.enter(service.url, bearer=make_jwt(f"u{n}", f"U{n}")) for n in range(number)]
    for client in clients:
        await client.join("lobby")
    return clients


async def test_two_processes_share_a_port_and_the_chat(redis_url: str) -> None:
    """One start line; both take connections, and what is said on one is heard on the other."""
    with two(redis_url) as service:
        assert len(service.stdout) == 1
        assert re.search(rf":{service.port} \(redis .*, 2 processes\)$", service.stdout[0])
        clients = await entered(service, 24)
        await clients[0].send("lobby", "hello")
        for client in clients:
            assert (await client.recv("message"))["text"] == "hello"
        for client in clients:
            await client.close()
        assert service.stop() == 0
    assert len([line for line in service.stderr if "leaving:" in line]) == 2, "both drained"


@pytest.mark.expects_log("ended with -9; starting another")
async def test_a_process_that_dies_is_replaced(redis_url: str) -> None:
    """The port is served meanwhile by the other, and two serve again soon."""
    with two(redis_url) as service:
        before = children(service)
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: len(children(service)) == 2 and before[0] not in children(service), "another process")
        assert before[1] in children(service)
        wait_until(service.ready, "ready")
        clients = await entered(service, 4)
        await clients[0].send("lobby", "hello")
        assert (await clients[3].recv("message"))["text"] == "hello"
        for client in clients:
            await client.close()
        assert service.stop() == 0


def test_ctrl_c_ends_all_with_0(redis_url: str) -> None:
    """Passed on to each."""
    with two(redis_url) as service:
        pids = children(service)
        assert service.interrupt() == 0
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.expects_log("the parent process is gone; leaving")
def test_processes_whose_parent_is_killed_leave(redis_url: str) -> None:
    """Else they would hold the port, and nobody would replace them."""
    with two(redis_url) as service:
        pids = children(service)
        service.kill9()
        wait_until(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()], "both gone")


@pytest.mark.expects_log("ended with -9; starting another")
def test_a_signal_while_another_is_awaited_is_obeyed(redis_url: str) -> None:
    """Nobody is started any more."""
    with two(redis_url) as service:
        began = time.monotonic()
        os.kill(children(service)[0], signal.SIGKILL)
        wait_until(lambda: any("starting another" in line for line in service.stderr), "the death noticed")
        assert service.stop() == 0
        assert time.monotonic() - began < 10 * UNIT


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.05, 0.2])
def test_a_signal_at_any_moment_of_the_start_ends_all(redis_url: str, delay: float) -> None:
    """However early: no process is left behind."""
    service = ServiceProcess({"REDIS_URL": redis_url, "WEB_CONCURRENCY": "2"}, wait=False).start()
    wait_until(lambda: children(service), "the first process")
    time.sleep(delay)
    known = children(service)
    assert service.stop() == 0
    wait_until(lambda: not [pid for pid in known if Path(f"/proc/{pid}").exists()], "all gone")


_ENDING = """
import asyncio, os, signal, sys
from service import config, supervisor

async def serve(*_):
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    os.kill(os.getppid(), signal.SIGTERM)  # the first that is up ends all
    await ending.wait()
    if sys.argv[1] == "fault":
        raise ZeroDivisionError
    return int(sys.argv[1])

sys.exit(supervisor.run(config.load(), serve))
"""


@pytest.mark.parametrize(("status", "answered"), [("0", 0), ("3", 3), ("fault", 1)])
def test_the_worst_status_is_answered(status: str, answered: int) -> None:
    """Of the processes that ended after the signal; a fault is logged and counts as 1."""
    done = subprocess.run(
        [sys.executable, "-c", _ENDING, status],
        cwd=ROOT,
        env=environment({"REDIS_URL": "redis://127.0.0.1:1", "WEB_CONCURRENCY": "2"}) | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=20 * UNIT,
        check=False,
    )
    assert done.returncode == answered, done.stderr
    assert "2 processes" in done.stdout
    assert ("the process failed" in done.stderr) is (status == "fault")


def test_a_port_in_use_starts_nobody() -> None:
    """It is bound before anything is forked."""
    (taken,) = acceptor.bind("127.0.0.1", 0)
    port = str(taken.getsockname()[1])
    settings = config.load(environment({"REDIS_URL": "redis://127.0.0.1:1", "WEB_CONCURRENCY": "2", "PORT": port}))

    async def serve(*_: object) -> int:
        raise AssertionError("forked")

    with pytest.raises(config.ConfigError, match=r"^PORT .*in use"):
        supervisor.run(settings, serve)
    taken.close()
