"""Fixtures of all tests, and what fails a test beside its own assertions.

A test also fails when it logs a WARNING or more that it did not announce
(`@pytest.mark.expects_log("regex")`), when a service process it started did so, when it leaves a task pending
on its loop or a process running.
"""

import asyncio
import gc
import inspect
import logging
import os
import random
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
from tornado.platform.asyncio import AsyncIOLoop

from service.brokers.broker import Broker
from service.brokers.redis.broker import RedisBroker
from service.brokers.sqlite.broker import SqliteBroker

from .browser import SharedBrowser, shared_browsers
from .harness import SECRET_KEY, UNIT, RedisCluster, RedisSentinels, RedisServer, ServiceProcess, secrecy

hypothesis.settings.register_profile("any machine", deadline=None)  # how long an example takes says nothing of the code
hypothesis.settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests in their long form, and those marked long")
    parser.addoption(
        "--middle",
        action="store_true",
        help="with --long: without controls, the Python client's faults and streams', and what takes long for minutes",
    )
    parser.addoption("--soak", action="store_true", help="run the tests marked soak and no others")
    parser.addoption("--seed", type=int, help="repeat a run whose failure printed this seed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what this form of the run is for, and give each async test a loop of its own."""
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        if config.getoption("--soak"):
            wanted = item.get_closest_marker("soak") is not None
        else:
            wanted = item.get_closest_marker("soak") is None and (
                config.getoption("--long") or item.get_closest_marker("long") is None
            )
            # Other tests beside it would spoil what it measures.
            wanted = wanted and not (item.get_closest_marker("alone") and "PYTEST_XDIST_WORKER" in os.environ)
            # A control shows that its fault would be seen, which doesn't change from one commit to the next; and what
            # the libraries and event streams stand in full is seldom changed by one that their short form passes.
            in_full = re.search(r"control|\[(events|(python|javascript)(_detour)?)\]", item.name)
            wanted = wanted and not (config.getoption("--middle") and in_full)
        (kept if wanted else left_out).append(item)
        for mark in item.iter_markers("timeout"):  # of which pytest-tornasync reads the one argument by its name
            if mark.args or mark.kwargs.keys() != {"seconds"}:
                raise pytest.UsageError(f"{item.nodeid}: expected timeout(seconds=…)")
        if inspect.iscoroutinefunction(getattr(item, "obj", None)):
            names = item.fixturenames  # type: ignore[attr-defined]
            if "io_loop" not in names:
                names.append("io_loop")
    items[:] = kept
    if left_out:
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish() -> None:
    """What is imported by now lives as long as the run: keep it out of the collections after each test."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    seed = getattr(item, "funcargs", {}).get("seed")
    if report.failed and seed is not None:
        report.sections.append(("seed", f"repeat with --seed {seed}"))
    return report


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(autouse=True)
def unexpected_logs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test on unannounced log lines of WARNING and above, here or in a service process,

    and on a ticket, a token or a message's text in any line of such a process.
    """
    records = _Records()
    logging.getLogger().addHandler(records)
    ServiceProcess.ended.clear()
    secrecy.forget()
    yield
    logging.getLogger().removeHandler(records)
    running = list(ServiceProcess.running)
    for process in running:
        process.kill9()
    lines = records.lines + [line for process in ServiceProcess.ended for line in process.troubles()]
    expected = [mark.args[0] for mark in request.node.iter_markers("expects_log")]
    unexpected = [line for line in lines if not any(re.search(regex, line) for regex in expected)]
    assert not unexpected, "unexpected log lines:\n" + "\n".join(unexpected[:20])
    assert not running, f"left running: {len(running)} service processes"
    leaks = secrecy.leaks(line for process in ServiceProcess.ended for line in process.stdout + process.stderr)
    assert not leaks, "secrets in the log:\n" + "\n".join(leaks[:20])


@pytest.fixture(scope="session")
def browser_loop() -> Iterator[AsyncIOLoop]:
    """The loop that tests with a browser share, as they share the browser."""
    loop = AsyncIOLoop(make_current=False)
    asyncio_loop: asyncio.AbstractEventLoop = loop.asyncio_loop
    shared_browsers[asyncio_loop] = SharedBrowser(asyncio_loop)
    yield loop
    shared_browsers.pop(asyncio_loop).close()
    _close(loop)


@pytest.fixture
def io_loop(request: pytest.FixtureRequest, unexpected_logs: None) -> Iterator[AsyncIOLoop]:
    """A loop for one test, or the one with the browser; it fails the test that leaves a task pending on it.

    Replaces pytest-tornasync's own.
    """
    shared = "chromium" in vars(request.module)
    loop = request.getfixturevalue("browser_loop") if shared else AsyncIOLoop(make_current=False)
    asyncio_loop: asyncio.AbstractEventLoop = loop.asyncio_loop
    asyncio.set_event_loop(asyncio_loop)
    before = asyncio.all_tasks(asyncio_loop)
    yield loop
    pending = _pending(asyncio_loop, before)
    asyncio.set_event_loop(None)
    if not shared:
        _close(loop)
    # Exceptions nobody asked for and sockets nobody closed speak up when they are collected: here, not in
    # another test.
    gc.collect()
    assert not pending, "tasks left pending:\n" + "\n".join(pending)


def _close(loop: AsyncIOLoop) -> None:
    asyncio_loop: asyncio.AbstractEventLoop = loop.asyncio_loop
    asyncio_loop.run_until_complete(asyncio_loop.shutdown_asyncgens())
    asyncio_loop.run_until_complete(asyncio_loop.shutdown_default_executor())
    loop.close()


def _pending(loop: asyncio.AbstractEventLoop, before: "set[asyncio.Task[object]]") -> list[str]:
    """Tasks since `before` that don't end by themselves in a unit, as text; they are cancelled."""
    tasks = asyncio.all_tasks(loop) - before
    if not tasks:
        return []

    async def end() -> list[str]:
        _, pending = await asyncio.wait(tasks, timeout=UNIT)
        named = [repr(task) for task in pending]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return named

    return loop.run_until_complete(end())


@pytest.fixture
def long_form(request: pytest.FixtureRequest) -> bool:
    """Whether to run at the sizes of the fault and attack tables (--long) or in seconds."""
    return bool(request.config.getoption("--long") or request.config.getoption("--soak"))


@pytest.fixture
def middle_form(request: pytest.FixtureRequest) -> bool:
    """Whether a long form is to be one of minutes, as in CI (--middle)."""
    return bool(request.config.getoption("--middle"))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of a test's random choices; printed when it fails, given by --seed."""
    given = request.config.getoption("--seed")
    return random.SystemRandom().randrange(2**32) if given is None else int(given)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The Redis that all tests share which do it no harm; a fault test starts its own."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def redis_sentinels() -> Iterator[RedisSentinels]:
    """A master with two replicas and three sentinels, shared as `redis_server` is; starts in half a second."""
    with RedisSentinels() as servers:
        yield servers


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisCluster]:
    """Three primaries with a replica each, shared as `redis_server` is; starts in two seconds and a half."""
    with RedisCluster() as cluster:
        yield cluster


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The shared Redis, emptied."""
    redis_server.cli("FLUSHALL")
    return redis_server.url


@pytest.fixture
def unix_url(redis_server: RedisServer) -> str:
    """The shared Redis by its socket in the file system, emptied."""
    redis_server.cli("FLUSHALL")
    return redis_server.unix_url


@pytest.fixture
def sentinel_url(redis_sentinels: RedisSentinels) -> str:
    """The shared Redis with sentinels, emptied."""
    redis_sentinels.master.cli("FLUSHALL")
    return redis_sentinels.url


@pytest.fixture
def cluster_url(redis_cluster: RedisCluster) -> str:
    """The shared cluster, emptied."""
    redis_cluster.flushall()
    return redis_cluster.url


@pytest.fixture
def broker_urls(redis_url: str, tmp_path: Path) -> dict[str, str]:
    """Where each broker keeps its data: `redis` a URL, `sqlite` a file."""
    return {"redis": redis_url, "sqlite": str(tmp_path / "parley.db")}


@pytest.fixture(params=["redis", "sqlite"])
def broker_env(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The service's environment for each broker in turn; any of tests.brokers.FORMS by indirect parametrization."""
    if request.param == "sqlite":
        return {"SQLITE_PATH": str(tmp_path / "parley.db"), "SECRET_KEY": SECRET_KEY}
    return {"REDIS_URL": request.getfixturevalue(f"{request.param}_url"), "SECRET_KEY": SECRET_KEY}


@pytest.fixture(params=["redis", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Broker]:
    """Makes brokers of one deployment, as `broker_env`; SQLite takes one after the other only."""
    if request.param == "sqlite":
        path = str(tmp_path / "parley.db")
        return lambda limit=1000, days=30.0, **more: SqliteBroker(path, history_limit=limit, history_days=days, **more)
    url = request.getfixturevalue(f"{request.param}_url")
    return lambda limit=1000, days=30.0, **more: RedisBroker(url, history_limit=limit, history_days=days, **more)
