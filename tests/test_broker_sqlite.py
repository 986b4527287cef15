"""The embedded broker's own promises: its file survives kills and full disks, belongs to one process, stays small."""

import asyncio
import gc
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service import broker_sqlite, sqlite_log, sqlite_migration, sqlite_rooms, sqlite_store
from service.broker import Broker, Page, Position, Publication, Receipt
from service.broker_sqlite import SqliteBroker
from service.config import ConfigError
from service.protocol import RequestError
from service.sqlite_store import Store

from .brokers import ADA, Recorder, change, message, opened, publish, store, until
from .harness import UNIT

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "parley.db")


def make(path: str, limit: int = 1000, days: float = 30) -> SqliteBroker:
    return SqliteBroker(path, history_limit=limit, history_days=days)


async def query(broker: Broker, sql: str) -> Any:
    """The first row that the broker's own connection answers; the file is locked for others."""
    assert isinstance(broker, SqliteBroker)
    return await broker._call(lambda store: store._db.execute(sql).fetchone(), reads=True)


def integrity(path: str) -> list[Any]:
    """What SQLite says of the file once nobody has it open."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchall()
    finally:
        connection.close()


# -- kill -9


def run_and_kill(path: str, run: int, seconds: float, guard: str = "on") -> list[tuple[str, str, int]]:
    """Start the publisher, kill it after `seconds` of acknowledgements; what it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.sqlite_publisher", path, str(run), guard],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[1],
    )
    assert process.stdout is not None
    with process:
        watchdog = None
        lines = []
        for line in process.stdout:
            if watchdog is None:
                watchdog = time.monotonic() + seconds
            if line.endswith(b"\n"):
                room, id, seq = line.decode().split()
                lines.append((room, id, int(seq)))
            if time.monotonic() > watchdog:
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return lines


async def ids_in_log(path: str) -> dict[tuple[str, str], int]:
    """Every (room, id) in the file with its seq. Fails on a hole or a repeat."""
    found: dict[tuple[str, str], int] = {}
    async with opened(make(path, limit=10**6)) as (broker, _):
        for room in await broker.rooms():
            page = await broker.after(room, 0, 10**6)
            assert page is not None and not page.more
            for seq, frame in enumerate(page.frames, 1):
                assert b'"seq":%d,' % seq in frame
                key = (room, frame.split(b'"id":"', 1)[1].split(b'"', 1)[0].decode())
                assert key not in found, "stored twice"
                found[key] = seq
    return found


@pytest.mark.timeout(300)
async def test_what_was_acknowledged_survives_kill_9(path: str, seed: int, long_form: bool) -> None:
    """Killed in the middle of its work again and again, the file holds every acknowledged event once, at its seq."""
    choose = random.Random(seed)
    acknowledged: dict[tuple[str, str], int] = {}
    for run in range(50 if long_form else 4):
        lines = await asyncio.to_thread(run_and_kill, path, run, choose.uniform(0.02, 0.4))
        assert lines
        acknowledged |= {(room, id): seq for room, id, seq in lines}
    found = await ids_in_log(path)
    assert {key: found.get(key) for key in acknowledged} == acknowledged
    assert integrity(path) == [("ok",)]


async def test_an_early_acknowledgement_would_be_seen(path: str) -> None:
    """The control run: acknowledged before it was stored, something is missing after a kill."""
    for run in range(20):  # a kill may fall into the moment when all is stored
        lines = await asyncio.to_thread(run_and_kill, path, run, 0.1, guard="off")
        found = await ids_in_log(path)
        if any((room, id) not in found for room, id, _ in lines):
            return
    raise AssertionError("nothing was missing")


async def test_the_disk_is_waited_for(path: str) -> None:
    """Write-ahead log, and a sync at each commit: acknowledged holds through a loss of power."""
    async with opened(make(path)) as (broker, _):
        assert await query(broker, "PRAGMA journal_mode") == ("wal",)
        assert await query(broker, "PRAGMA synchronous") == (2,)  # FULL


# -- a disk that refuses


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process may grow past `size` bytes: writes fail in the kernel, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def fill(broker: Broker, batch: int = 50) -> int:
    """Publish batches until one is refused; how many events were acknowledged."""
    stored = 0
    for _ in range(2000):
        outcomes = await publish(broker, *(message(text="x" * 4000) for _ in range(batch)))
        refused = [outcome for outcome in outcomes if isinstance(outcome, RequestError)]
        if refused:
            assert {(error.code, error.retry_after) for error in refused} == {("unavailable", 1.0)}
            assert len(refused) == batch, "a batch is taken as a whole or not at all"
            return stored
        stored += batch
    raise AssertionError("never refused")


@pytest.mark.expects_log("SQLite can't store: database or disk is full")
async def test_a_full_database_is_unavailable_and_still_reads(path: str) -> None:
    """SQLITE_FULL: nothing is acknowledged or broadcast, history reads on, and room makes it go on, without a gap."""
    async with opened(make(path), "lobby") as (broker, heard):
        (pages,) = await query(broker, "PRAGMA page_count")
        await query(broker, f"PRAGMA max_page_count = {pages + 200}")
        stored = await fill(broker)
        assert stored > 0 and not broker.available
        newest, after = await broker.newest("lobby", 50), await broker.after("lobby", 0, 10)
        assert newest is not None and after is not None
        assert (newest.position.seq, len(newest.frames), len(after.frames)) == (stored, 50, 10)
        assert len(heard.frames("lobby")) == stored
        assert await broker.newest("lobby", 1, create=True) is not None
        assert await broker.positions(["lobby"]) == [newest.position]
        await query(broker, "PRAGMA max_page_count = 1000000")
        assert [receipt.seq for receipt in await store(broker, message())] == [stored + 1]
        assert broker.available
    assert integrity(path) == [("ok",)]


@pytest.mark.expects_log("SQLite can't store: ")
async def test_a_refusing_disk_is_unavailable_until_it_takes_more(path: str) -> None:
    """Writes fail in the kernel; a beat finds out that they no longer do."""
    async with opened(make(path), "lobby") as (broker, heard):
        await store(broker, message())
        with file_size_limit(2**20):
            stored = await fill(broker) + await fill(broker, batch=1) + 1
            assert not broker.available
            page = await broker.after("lobby", 0, 10_000)
            assert page is not None and len(page.frames) == stored
            with pytest.raises(RequestError) as refused:
                await broker.mark_read("lobby", {"u1": 1})
            assert refused.value.code == "unavailable"
            assert await broker.reads("lobby", ["u1"]) == {}
        assert not broker.available
        await broker.beat()
        assert broker.available
        await broker.beat()
        assert await broker.sanctions() == []
        assert [receipt.seq for receipt in await store(broker, message())] == [stored + 1]
        assert len(heard.frames("lobby")) == stored + 1
    async with opened(make(path)) as (broker, _):
        assert [position.seq for position in await broker.positions(["lobby"]) if position] == [stored + 1]
    assert integrity(path) == [("ok",)]


async def test_a_stalled_disk_is_unavailable_at_once(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a batch hangs, nothing is queued behind it for long; afterwards all goes on."""
    monkeypatch.setattr(broker_sqlite, "STALL", 0.1)
    async with opened(make(path)) as (broker, _):
        assert isinstance(broker, SqliteBroker)
        hanging = asyncio.ensure_future(broker._call(lambda store: time.sleep(0.5 * UNIT)))
        await until(lambda: not broker.available, "unavailable")
        start = time.monotonic()
        (outcome,) = await publish(broker, message())
        assert isinstance(outcome, RequestError) and outcome.code == "unavailable"
        with pytest.raises(RequestError):
            await broker.positions(["lobby"])
        assert time.monotonic() - start < 0.2 * UNIT
        await hanging
        assert broker.available
        await store(broker, message())


async def test_what_waits_is_bounded(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limit the rest is refused; what was taken is stored."""
    monkeypatch.setattr(broker_sqlite, "PENDING_LIMIT", 100)
    async with opened(make(path)) as (broker, _):
        outcomes = await publish(broker, *(message() for _ in range(150)))
        assert [isinstance(outcome, Receipt) for outcome in outcomes] == [True] * 100 + [False] * 50
        assert broker.available


# -- faults of the program


@pytest.mark.expects_log("a batch failed")
async def test_a_fault_is_raised_where_it_is_awaited(path: str) -> None:
    """Nobody is left waiting; its batch is taken back; the next one is as if nothing had been."""
    async with opened(make(path), "lobby") as (broker, heard):
        assert isinstance(broker, SqliteBroker)
        publishing = asyncio.ensure_future(publish(broker, message(), message()))
        reading = asyncio.ensure_future(broker.positions(["lobby"]))
        await asyncio.sleep(0)
        with pytest.raises(ZeroDivisionError):
            await broker._call(lambda store: 1 // 0)
        outcomes = await publishing
        assert [outcome.code for outcome in outcomes if isinstance(outcome, RequestError)] == ["unavailable"] * 2
        assert await reading == [None]
        assert broker.available  # the disk is not at fault
        assert [receipt.seq for receipt in await store(broker, message())] == [1]
        assert len(heard.frames("lobby")) == 1
        with pytest.raises(ZeroDivisionError):
            await broker._call(lambda store: 1 // 0, reads=True)


@pytest.mark.expects_log("SQLite can't store: disk I/O error")
async def test_memory_follows_the_file_again_after_any_failure(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If not even reading works when a batch is taken back, the next one reads first."""
    failing = [sqlite3.OperationalError("disk I/O error")] * 3
    reload = sqlite_log.Log.reload

    def fail(log: sqlite_log.Log) -> None:
        if failing:
            raise failing.pop()
        reload(log)

    def break_down(store: Store) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(sqlite_log.Log, "reload", fail)
    async with opened(make(path)) as (broker, _):
        assert isinstance(broker, SqliteBroker)
        await store(broker, message())
        outcomes, broken = await asyncio.gather(
            publish(broker, message(), message()), broker._call(break_down), return_exceptions=True
        )
        assert isinstance(outcomes, list) and isinstance(broken, RequestError)
        assert [type(outcome) for outcome in outcomes] == [RequestError] * 2
        (outcome,) = await publish(broker, message())
        assert isinstance(outcome, RequestError) and not failing
        assert [receipt.seq for receipt in await store(broker, message())] == [2]
        assert broker.available


@pytest.mark.expects_log("the SQLite thread failed")
async def test_a_dead_thread_leaves_nobody_waiting(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that was under way is answered `unavailable`, and readiness says so from then on."""

    def fail(store: Store, batch: object) -> None:
        raise ValueError("a fault")

    async with opened(make(path)) as (broker, _):
        await store(broker, message())
        monkeypatch.setattr(Store, "run", fail)
        outcomes, position = await asyncio.gather(
            publish(broker, message(), message()), broker.positions(["lobby"]), return_exceptions=True
        )
        assert isinstance(outcomes, list)
        for outcome in (*outcomes, position):
            assert isinstance(outcome, RequestError) and outcome.code == "unavailable"
        assert not broker.available


class Clumsy(Recorder):
    def on_publication(self, publication: Publication) -> None:
        super().on_publication(publication)
        raise ValueError("clumsy")


@pytest.mark.expects_log("a callback of the broker failed")
async def test_a_failing_callback_costs_nobody_else(path: str) -> None:
    """The others of its batch get their answers and their events."""
    broker, heard = make(path), Clumsy()
    await broker.open(heard)
    broker.subscribe("one")
    broker.subscribe("two")
    outcomes: list[Receipt | RequestError] = []

    def fail(outcome: Receipt | RequestError) -> None:
        raise ValueError("clumsy")

    broker.publish(message("one"), fail)
    broker.publish(message("two"), outcomes.append)
    await until(lambda: outcomes and len(heard.publications) == 2, "the other's answer and both broadcasts")
    await broker.close()


async def test_a_caller_may_go_away(path: str) -> None:
    """A cancelled call is done all the same, and harms nobody."""
    async with opened(make(path)) as (broker, _):
        call = asyncio.ensure_future(broker.newest("lobby", 1, create=True))
        await asyncio.sleep(0)
        call.cancel()
        assert [receipt.seq for receipt in await store(broker, message())] == [1]
        await broker.close()
        await broker.close()  # once is enough, twice is harmless


# -- the file


async def test_the_file_belongs_to_one_process(path: str) -> None:
    """A second one is told which setting to look at; it can't count beside the first."""
    code = (
        "import asyncio, sys; from service.broker_sqlite import SqliteBroker\n"
        "asyncio.run(SqliteBroker(sys.argv[1], history_limit=9, history_days=9).open(None))"
    )
    async with opened(make(path)) as (broker, _):
        second = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", code, path],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).resolve().parents[1],
        )
        last = second.stderr.strip().splitlines()[-1]
        assert second.returncode == 1
        assert "ConfigError" in last and f"SQLITE_PATH is {path!r}: another process has it open" in last
        await store(broker, message())


async def test_a_successor_waits_for_its_predecessor(path: str) -> None:
    """In a restart the new process may come before the old one has closed."""
    first = make(path)
    async with opened(first):
        second = make(path)
        opening = asyncio.ensure_future(second.open(Recorder()))
        await asyncio.sleep(0.2)
    await opening
    await second.close()


async def test_the_file_is_its_owners(path: str) -> None:
    """Nobody else reads what people said."""
    async with opened(make(path)) as (broker, _):
        await store(broker, message())
        files = list(Path(path).parent.glob("parley.db*"))
        assert Path(path) in files
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def refused_open(path: str) -> str:
    with pytest.raises(ConfigError) as refused:
        await make(path).open(Recorder())
    return str(refused.value)


async def test_a_path_that_can_not_be_opened_is_named(tmp_path: Path) -> None:
    """With the reason and the way out."""
    for path, reason in (
        (tmp_path / "missing" / "parley.db", "No such file or directory"),
        (tmp_path, "unable to open database file"),
        (Path("/proc/parley.db"), ""),  # where not even root can make a file
    ):
        said = await refused_open(str(path))
        assert said.startswith(f"SQLITE_PATH is {str(path)!r}: {reason}") and "writable folder" in said


async def test_another_file_is_left_alone(path: str, tmp_path: Path) -> None:
    """Other programs' databases, and files that are none."""
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE notes (text)")
    other.commit()
    other.close()
    assert "another program's database" in await refused_open(path)
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be looked at by SQLite: " * 20)
    before = text.read_bytes()
    assert "SQLITE_PATH" in await refused_open(str(text))
    assert text.read_bytes() == before


@pytest.mark.parametrize("version", [0, sqlite_store.VERSION + 1])
async def test_tables_of_another_version_are_left_alone(path: str, version: int) -> None:
    """The message says which version the file has, and which one this is."""
    async with opened(make(path)) as (broker, _):
        await store(broker, message())
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    said = await refused_open(path)
    assert f"version {version}, this program's are version {sqlite_store.VERSION}" in said
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM tail").fetchone() == (1,)
    connection.close()


_VERSION_1 = """
    CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT UNIQUE, epoch TEXT NOT NULL, created INTEGER NOT NULL);
    CREATE TABLE tail (n INTEGER PRIMARY KEY, room INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
        user TEXT NOT NULL, id TEXT NOT NULL, frame BLOB NOT NULL);
    CREATE TABLE events (room INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, frame BLOB NOT NULL,
        PRIMARY KEY (room, seq)) WITHOUT ROWID;
    CREATE TABLE ids (room INTEGER NOT NULL, user TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL,
        at INTEGER NOT NULL, PRIMARY KEY (room, user, id)) WITHOUT ROWID;
    CREATE TABLE marks (room INTEGER NOT NULL, target INTEGER NOT NULL, marks TEXT NOT NULL,
        PRIMARY KEY (room, target)) WITHOUT ROWID;
    CREATE TABLE reads (room INTEGER NOT NULL, user TEXT NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (room, user)) WITHOUT ROWID;
    CREATE INDEX reads_by_user ON reads (user);
    CREATE TABLE sanctions (kind TEXT NOT NULL, room TEXT NOT NULL, user TEXT NOT NULL, until INTEGER NOT NULL,
        by TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (kind, room, user)) WITHOUT ROWID;
"""
"""The tables of Parley 1.0.0."""


def write_version_1(path: str) -> dict[str, list[bytes]]:
    """A file of Parley 1.0.0 whose rooms' logs begin at 11; the rooms' frames."""
    frames: dict[str, list[bytes]] = {"lobby": [], "quiet": []}
    connection = sqlite3.connect(path)
    connection.executescript(_VERSION_1)
    for number, (room, count, tail) in enumerate((("lobby", 300, 4), ("quiet", 1, 1)), 7):
        connection.execute("INSERT INTO rooms VALUES (?, ?, ?, 1)", (number, room, f"epoch-{room}"))
        for seq in range(11, 11 + count):
            head = f'{{"type":"message","room":"{room}","seq":{seq},"id":"m{seq}",'
            frame = f'{head}"user":{{"id":"u1"}},"text":"x","at":{1000 + seq}}}'.encode()
            frames[room].append(frame)
            if seq < 11 + count - tail:
                connection.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (number, seq, 1000 + seq, frame))
                connection.execute("INSERT INTO ids VALUES (?, 'u1', ?, ?, ?)", (number, f"m{seq}", seq, 1000 + seq))
            else:
                row = (number, seq, 1000 + seq, "u1", f"m{seq}", frame)
                connection.execute("INSERT INTO tail (room, seq, at, user, id, frame) VALUES (?, ?, ?, ?, ?, ?)", row)
    connection.execute("""INSERT INTO marks VALUES (7, 20, '{"text":"y","edited_at":5}')""")
    connection.execute(f"PRAGMA application_id = {sqlite_store.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    return frames


async def test_a_file_of_version_1_is_brought_along(path: str) -> None:
    """Pages, positions, dedupe and marks stay what they were, of what was folded and of what was not."""
    frames = write_version_1(path)
    for more in range(2):
        async with opened(make(path)) as (broker, _):
            for room, known in frames.items():
                assert await broker.after(room, 0, 1000) == Page(
                    Position(f"epoch-{room}", 10 + len(known)), 11, known, more=False
                )
            edited = await broker.newest("lobby", 1, before=21)
            assert edited is not None and b'"text":"y"' in edited.frames[0]
            for id, seq in (("m11", 11), ("m306", 306), ("m310", 310)):
                assert await store(broker, message(id=id)) == [Receipt(seq, 1000 + seq, duplicate=True)]
            (receipt,) = await store(broker, message("quiet"))
            assert receipt.seq == 12 + more
            page = await broker.after("quiet", 11 + more, 1)
            assert page is not None
            frames["quiet"] += page.frames
    assert integrity(path) == [("ok",)]


def test_a_failed_migration_leaves_the_file_as_it_was(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one transaction."""
    frames = write_version_1(path)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_migration, "BLOCK_EVENTS", None)  # after the tables are made
        with pytest.raises(TypeError):
            Store(path, history_limit=1, history_days=1)
    gc.collect()  # the error's traceback holds a cursor, and that the file
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (len(frames["lobby"]) - 4,)
    connection.close()


async def test_memory_needs_no_file() -> None:
    """`:memory:` keeps the contract for as long as it lives."""
    async with opened(make(":memory:"), "lobby") as (broker, heard):
        await store(broker, message(), change("react", 1, emoji="👍", on=True))
        await until(lambda: len(heard.frames("lobby")) == 2, "the broadcast")
    async with opened(make(":memory:")) as (broker, _):
        assert await broker.positions(["lobby"]) == [None]
    assert not Path(":memory:").exists()


# -- upkeep


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folds, trims and sweeps come every few events, so that a test sees them all."""
    monkeypatch.setattr(sqlite_rooms, "FOLD_EVENTS", 20)
    monkeypatch.setattr(sqlite_rooms, "STEP_EVENTS", 8)
    monkeypatch.setattr(sqlite_rooms, "BLOCK_EVENTS", 5)
    monkeypatch.setattr(sqlite_log, "SLACK", 5)
    monkeypatch.setattr(sqlite_log, "STEP", 30)
    monkeypatch.setattr(sqlite_log, "ROOMS_STEP", 2)
    monkeypatch.setattr(sqlite_log, "IDS_LIMIT", 100)


class Clock:
    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The broker's clock, in the test's hand."""
    clock = Clock()
    monkeypatch.setattr(sqlite_store, "now_ms", clock)
    monkeypatch.setattr(broker_sqlite, "now_ms", clock)
    return clock


@pytest.mark.usefixtures("small_steps")
async def test_upkeep_changes_nothing_but_what_is_old(path: str, seed: int) -> None:
    """However the steps fall between batches, pages, positions and dedupe stay what they were, also after a restart."""
    choose = random.Random(seed)
    sent: dict[str, list[tuple[str, Receipt]]] = {f"room{number}": [] for number in range(4)}
    for _ in range(3):
        async with opened(make(path, limit=50)) as (broker, _):
            for _ in range(25):
                events = [message(choose.choice(list(sent))) for _ in range(choose.randint(1, 25))]
                for event, receipt in zip(events, await store(broker, *events), strict=True):
                    assert not receipt.duplicate and receipt.seq == len(sent[event.room]) + 1
                    sent[event.room].append((event.id, receipt))
                for room, known in sent.items():
                    page = await broker.after(room, 0, 1000)
                    assert page is None or page.position.seq == len(known)
                    if page is not None:
                        assert page.seq + len(page.frames) == len(known) + 1
                        assert len(page.frames) >= min(50, len(known))
                        for (id, receipt), frame in zip(known[page.seq - 1 :], page.frames, strict=True):
                            assert frame.endswith(b'"at":%d}' % receipt.at) and f'"id":"{id}"'.encode() in frame
                        before = choose.randint(page.seq, len(known) + 1)
                        older = await broker.newest(room, 7, before)
                        assert older is not None and older.more == (before - 7 > page.seq)
                        assert older.frames == page.frames[max(0, before - 7 - page.seq) : before - page.seq]
                room, known = choose.choice([item for item in sent.items() if item[1]])
                id, receipt = choose.choice(known[-100:])
                again = Receipt(receipt.seq, receipt.at, duplicate=True)
                assert await store(broker, message(room, id=id)) == [again]
            for what, table, most in (
                ("count(*)", "tail", 25),
                ("ifnull(sum(last - first + 1), 0)", "events", 4 * (50 + 5 + 60)),
                ("count(*)", "ids", 4 * 100 * 3),
            ):
                assert (await query(broker, f"SELECT {what} FROM {table}"))[0] <= most, table
            # What was folded has its id, also what is trimmed since: nothing of it is 24 hours old.
            folded = "SELECT sum(last) FROM (SELECT max(last) AS last FROM events GROUP BY room)"
            assert await query(broker, "SELECT count(*) FROM ids") == await query(broker, folded)


@pytest.mark.usefixtures("small_steps")
async def test_old_ids_are_forgotten(path: str, clock: Clock) -> None:
    """Past 24 hours and 100 events (in life 10,000), in beats, even if nothing else happens; not before both."""
    async with opened(make(path)) as (broker, _):

        async def known(id: str) -> bool:
            for _ in range(20):  # a whole walk through the table
                await broker.beat()
            return (await store(broker, message(id=id)))[0].duplicate

        await store(broker, message(id="first"))
        await store(broker, *(message() for _ in range(150)))
        clock.ms += DAY_MS - 1
        assert await known("first")  # beyond 100 events, but young
        clock.ms += 2
        await store(broker, message(id="second"))
        assert not await known("first")
        await store(broker, *(message() for _ in range(50)))
        clock.ms += 2 * DAY_MS
        assert await known("second")  # old, but among 100 events
        (left,) = await query(broker, "SELECT count(*) FROM ids")
        assert left <= 101
        await store(broker, *(message() for _ in range(100)))
        assert not await known("second")


@pytest.mark.usefixtures("small_steps")
async def test_silent_rooms_are_forgotten(path: str, clock: Clock) -> None:
    """Log, epoch, marks, read positions, ids: all rows go, in steps; busy rooms stay."""
    async with opened(make(path, days=2)) as (broker, _):
        for room in ("silent", "empty", "busy", "also", "third"):
            await broker.newest(room, 0, create=True)
        await store(broker, *(message("silent") for _ in range(100)), message("busy"))
        await store(broker, change("edit", 1, room="silent", text="x"))
        await broker.mark_read("silent", {"u1": 5})
        (before,) = await broker.positions(["silent"])
        clock.ms += 2 * DAY_MS
        await store(broker, message("busy"))
        clock.ms += 1
        for _ in range(3):
            await broker.beat()
        assert await broker.rooms() == {"busy": 0}
        assert await broker.positions(["silent", "empty"]) == [None, None]
        assert await broker.reads("silent", ["u1"]) == {} == await broker.unread("u1")
        again = await broker.newest("silent", 10, create=True)
        assert before is not None and again is not None
        assert again.position.epoch != before.epoch and again.frames == []
    async with opened(make(path, days=2)) as (broker, _):
        assert [position.seq for position in await broker.positions(["busy", "silent"]) if position] == [2, 0]
        for _ in range(20):
            await broker.beat()
        assert await query(broker, "SELECT count(*) FROM rooms") == (2,)
        for table in ("marks", "reads"):
            assert await query(broker, f"SELECT count(*) FROM {table}") == (0,)
        assert (await query(broker, "SELECT count(*) FROM events"))[0] <= 2
        assert (await query(broker, "SELECT count(*) FROM ids"))[0] <= 2


@pytest.mark.parametrize(
    ("events", "text", "blocks", "moved"),
    [
        (7999, "", 0, 0),
        (8000, "", 4, 500),
        (9000, "", 12, 1500),
        (250, "x" * 16_800, 5, 18),
        (300, "x" * 16_000, 12, 57),
    ],
)
async def test_a_fold_goes_in_steps(path: str, events: int, text: str, blocks: int, moved: int) -> None:
    """It begins with so many events or bytes; a step moves some, and more of them the more there are."""
    async with opened(make(path, limit=20_000)) as (broker, _):
        await store(broker, *(message(text=text) for _ in range(events)))
        count = "SELECT count(*), ifnull(sum(last - first + 1), 0) FROM events"
        assert await query(broker, count) == (blocks, moved)


@pytest.mark.usefixtures("small_steps")
async def test_a_clock_set_back_does_not_show(path: str, clock: Clock) -> None:
    """A room's times stay in order, also over a restart, of what was folded and of what was not."""
    at = 0
    for folds in (True, True, False, False):
        async with opened(make(path)) as (broker, _):
            for _ in range(19):
                (receipt,) = await store(broker, message())
                assert receipt.at >= at
                at = receipt.at
                clock.ms += 1000
            clock.ms -= 3_600_000
            if folds:  # the twentieth begins it, and is its last
                (receipt,) = await store(broker, message())
                assert receipt.at == at
                while await query(broker, "SELECT count(*) FROM tail") != (0,):
                    await broker.beat()


async def test_a_beat_clears_what_ran_out(path: str) -> None:
    """Tickets, names and buckets that nobody asked for again don't stay in memory."""
    async with opened(make(path)) as (broker, _):
        assert isinstance(broker, SqliteBroker)
        await broker.enter("", [ADA])
        await broker.claim_name("ada", "u1", 0.01)
        await broker.claim_name("gone", "u2", 0.01)
        await broker.put_ticket("t", b"x", 0.01)
        await broker.charge("u1", 1, 100, 10)
        assert await broker.charge("u1", 10, 0, 0) == 0  # switched off
        await asyncio.sleep(0.05)
        await broker.beat()
        assert (list(broker._names._claims), broker._tickets, broker._charges) == (["ada"], {}, {})


def test_a_broken_file_is_no_open_file(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails after opening lets go of the file."""

    class Broken:
        def __init__(self, *_: object) -> None:
            raise ValueError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_store, "Log", Broken)
        with pytest.raises(ValueError, match="broken"):
            Store(path, history_limit=1, history_days=1)
    Store(path, history_limit=1, history_days=1).close()
