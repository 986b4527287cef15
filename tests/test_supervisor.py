"""service/supervisor.py: several processes on one port, as a user starts them."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from service import config, supervisor
from service.errors import ConfigError
from service.sockets import acceptor

from .brokers import until
from .harness import NO_LIMITS, UNIT, ChatClient, ServiceProcess, make_jwt, wait_until
from .harness.service_process import ROOT
from .serving import environment


@contextmanager
def two(redis_url: str, **environ: str) -> Iterator[ServiceProcess]:
    env = NO_LIMITS | {"REDIS_URL": redis_url, "WEB_CONCURRENCY": "2", "LOG_LEVEL": "info"} | environ
    with ServiceProcess(env) as service:
        wait_until(lambda: len(service.children) == 2, "two processes")
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
        wait_until(lambda: service.stdout, "the start line")
        assert len(service.stdout) == 1
        assert re.search(rf":{service.port} \(redis .*, 2 processes\)$", service.stdout[0])
        children = set(service.children)
        clients = await entered(service, 24)
        await clients[0].send("lobby", "hello")
        for client in clients:
            assert (await client.recv("message"))["text"] == "hello"
        for client in clients:
            await client.close()
        assert service.stop() == 0
    drained = [line for line in service.stderr if re.search(r"leaving: \d+ sockets", line)]
    assert {int(re.findall(r" pid=(\d+) ", line)[0]) for line in drained} == children, "each, as its lines say"


@pytest.mark.expects_log("ended with -9; starting another")
async def test_a_process_that_dies_is_replaced(redis_url: str) -> None:
    """The port is served meanwhile by the other, and two serve again soon."""
    with two(redis_url) as service:
        before = service.children
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: len(service.children) == 2 and before[0] not in service.children, "another process")
        assert before[1] in service.children
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
        pids = service.children
        assert service.interrupt() == 0
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.expects_log("the parent process is gone; leaving")
def test_processes_whose_parent_is_killed_leave(redis_url: str) -> None:
    """Else they would hold the port, and nobody would replace them."""
    with two(redis_url) as service:
        pids = service.children
        service.kill9()
        wait_until(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()], "both gone")


@pytest.mark.expects_log("ended with -9; starting another")
def test_a_signal_while_another_is_awaited_is_obeyed(redis_url: str) -> None:
    """Nobody is started any more."""
    with two(redis_url) as service:
        began = time.monotonic()
        os.kill(service.children[0], signal.SIGKILL)
        wait_until(lambda: any("starting another" in line for line in service.stderr), "the death noticed")
        assert service.stop() == 0
        assert time.monotonic() - began < 10 * UNIT


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.05, 0.2])
def test_a_signal_at_any_moment_of_the_start_ends_all(redis_url: str, delay: float) -> None:
    """However early after the first fork: no process is left behind."""
    service = ServiceProcess({"REDIS_URL": redis_url, "WEB_CONCURRENCY": "2"}, wait=False).start()
    wait_until(lambda: _listens(service.port) and service.children, "the first process")
    time.sleep(delay)
    known = service.children
    assert service.stop() == 0
    wait_until(lambda: not [pid for pid in known if Path(f"/proc/{pid}").exists()], "all gone")


def _listens(port: int) -> bool:
    """Whether the port is bound, which is the last thing before the first fork."""
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return any(fields[1].endswith(f":{port:04X}") and fields[3] == "0A" for fields in sockets)


_ENDING = """
import asyncio, os, signal, sys
from service import config, supervisor

async def serve(settings, sockets, started):
    started(0)
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    os.kill(os.getppid(), signal.SIGTERM)  # the first that is up ends all
    await ending.wait()
    if sys.argv[1] == "fault":
        raise ZeroDivisionError
    return int(sys.argv[1])

sys.exit(supervisor.run(config.load(), serve))
"""


def script(source: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A program to its end, with the settings of two processes."""
    return subprocess.run(
        [sys.executable, "-c", source, *arguments],
        cwd=ROOT,
        env=environment({"REDIS_URL": "redis://127.0.0.1:1", "WEB_CONCURRENCY": "2"}) | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=20 * UNIT,
        check=False,
    )


@pytest.mark.parametrize(("status", "answered"), [("0", 0), ("3", 3), ("fault", 1)])
def test_the_worst_status_is_answered(status: str, answered: int) -> None:
    """Of the processes that ended after the signal; a fault is logged and counts as 1."""
    done = script(_ENDING, status)
    assert done.returncode == answered, done.stderr
    assert "2 processes" in done.stdout
    assert ("the process failed" in done.stderr) is (status == "fault")


_INHERITING = """
import asyncio, os, signal, sys
from service import config, supervisor

if os.fork() == 0:
    os._exit(3)

async def serve(settings, sockets, started):
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    await asyncio.sleep(0.2)
    os.kill(os.getppid(), signal.SIGTERM)
    await ending.wait()
    return 0

sys.exit(supervisor.run(config.load(), serve))
"""


def test_other_peoples_children_are_passed_over() -> None:
    """The first process of a container inherits whoever lost a parent there, and is told of their ends too."""
    done = script(_INHERITING)
    assert (done.returncode, done.stderr) == (0, "")


_ENDED = """
import asyncio, os, signal, sys
from service import lifecycle

async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    return 0

status = lifecycle.run(main)
os.kill(os.getpid(), signal.SIGTERM)
sys.exit(status)
"""


def test_sigterm_changes_nothing_at_the_very_end() -> None:
    """When the loop that took it is gone."""
    done = script(_ENDED)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_port_in_use_starts_nobody() -> None:
    """It is bound before anything is forked."""
    (taken,) = acceptor.bind("127.0.0.1", 0)
    port = str(taken.getsockname()[1])
    settings = config.load(environment({"REDIS_URL": "redis://127.0.0.1:1", "WEB_CONCURRENCY": "2", "PORT": port}))

    async def serve(*_: object) -> int:
        raise AssertionError("forked")

    with pytest.raises(ConfigError, match=rf"^PORT {port}: 127\.0\.0\.1:{port}: .*in use"):
        supervisor.run(settings, serve)
    taken.close()


@pytest.mark.parametrize("whom", ["parent", "group"])
async def test_sigterm_may_come_to_all_and_again(redis_url: str, whom: str) -> None:
    """Heroku and systemd send it to every process, and the parent passes it on: each socket keeps its moment."""
    with two(redis_url, DRAIN_DELAY="0.2", DRAIN_SECONDS="2") as service:
        clients = await entered(service, 8)
        group = [service.pid, *service.children] if whom == "group" else [service.pid]

        def signal_all() -> None:
            for pid in group:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)

        async def leave(client: ChatClient) -> None:
            promised = (await client.recv("reconnect"))["in_ms"] / 1000
            signal_all()
            assert await client.closed() == (1012, "this process is leaving")
            assert time.monotonic() - began >= 0.2 + promised - 0.001  # it is rounded to a millisecond

        began = time.monotonic()
        signal_all()
        signal_all()
        await asyncio.gather(*map(leave, clients))
        assert service.stop() == 0


async def test_a_process_that_drains_leaves_the_port_to_the_other(redis_url: str) -> None:
    """Nobody new is refused while one of two leaves."""
    with two(redis_url, DRAIN_SECONDS="20") as service:
        clients = await entered(service, 16)
        eldest = service.children[0]
        os.kill(eldest, signal.SIGTERM)

        def leaves() -> bool:
            told = any(frame["type"] == "reconnect" for client in clients for frame in client.frames)
            return told or eldest not in service.children  # at once, if all are on the other

        await until(leaves, "it leaves")
        clients += await entered(service, 16)
        for client in clients:
            client.abort()
        assert service.interrupt() == 0


# -- starts that fail

_FAILING = """
import asyncio, os, signal, sys
from service import config, supervisor
from service.errors import ConfigError, StartError, naming
from service.supervisor import Restarts

how, after = sys.argv[1], sys.argv[2]

async def serve(settings, sockets, started):
    if after == "up":
        started(0)
        await asyncio.sleep(0.2)
    if how == "setting":
        raise ConfigError("JWT_PUBLIC_KEY: can't be read")
    if how == "system":
        with naming("the file"):
            raise OSError(28, "No space left on device")
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    raise ZeroDivisionError

if how == "fork":
    def refuse():
        raise BlockingIOError(11, "Resource temporarily unavailable")
    os.fork = refuse
restarts = Restarts(first=0.01, longest=0.05, deaths=5)
try:
    sys.exit(supervisor.run(config.load(), serve, restarts))
except (ConfigError, StartError) as error:
    print(type(error).__name__, error, file=sys.stderr)
    sys.exit(2)
"""


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("setting", "ConfigError JWT_PUBLIC_KEY: can't be read"),
        ("system", "StartError the file: No space left on device"),
        ("fork", "StartError another process: Resource temporarily unavailable"),
    ],
)
def test_a_start_that_is_refused_ends_all_with_2(how: str, said: str) -> None:
    """At once and said once, however many found it: nobody was served, and another process would fare no better."""
    done = script(_FAILING, how, "")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.splitlines() == [said]


@pytest.mark.parametrize(
    ("how", "after", "status"),
    [("fault", "", 1), ("fault", "up", 1), ("killed", "", 1), ("setting", "up", 2), ("system", "up", 1)],
)
def test_processes_that_keep_dying_meet_a_growing_wait_and_then_the_end(how: str, after: str, status: int) -> None:
    """The reason is said once, and the port is not held for ever by who serves nobody."""
    done = script(_FAILING, how, after)
    assert done.returncode == status, done.stderr
    # Who dies while another's replacement is waited for is replaced with it, after what is left of that wait.
    waits = [float(wait) for wait in re.findall(r"starting another in (\S+) s", done.stderr)]
    for wait in (0.01, 0.02, 0.04, 0.05, 0.05):
        waits = waits[waits.index(wait) + 1 :]
    assert done.stderr.count("5 times in a row; leaving") == 1
    reasons = {
        "fault": "the process failed",
        "setting": "JWT_PUBLIC_KEY",
        "system": "the file",
        "killed": "with -9, as",
    }
    assert done.stderr.count(reasons[how]) == 1


def test_who_was_told_to_leave_is_replaced_without_a_growing_wait(redis_url: str) -> None:
    """SIGTERM to one process: it ends well, so nothing counts it as a death."""
    with two(redis_url) as service:
        for _ in range(3):
            eldest = service.children[0]
            os.kill(eldest, signal.SIGTERM)
            wait_until(lambda gone=eldest: gone not in service.children, "it is gone")  # type: ignore[misc]
            wait_until(lambda: len(service.children) == 2, "another")
            wait_until(service.ready, "ready")
        assert service.stop() == 0
    said = [line for line in service.stderr if "starting another" in line]
    assert len(said) == 3 and all("ended with 0; starting another in 1 s" in line for line in said)
