"""The embedded broker's own promises: its file survives kills and full disks, belongs to one process, stays small."""

import asyncio
import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from service import metrics
from service.brokers.base import Fault, Unavailable
from service.brokers.broker import Broker
from service.brokers.directory import READERS_LIMIT, UNREAD_ROOMS, Deed, Sanction
from service.brokers.log import About, Position, Publication, Receipt
from service.brokers.sqlite import migration
from service.brokers.sqlite.broker import SqliteBroker
from service.brokers.sqlite.file import File, Work
from service.brokers.sqlite.opening import PRAGMAS, SCHEMA_VERSION, open_database
from service.clock import BELIEVED, CLOCK, Clock
from service.errors import ConfigError
from service.protocol import Begun, Person, RequestError, Topic

from .brokers import ADA, BOB, Recorder, change, message, opened, publish, refusal, store, topic, until
from .disks import file_size_limit
from .harness import UNIT, require_tool
from .metrics import total

ROOT = Path(__file__).resolve().parents[1]
DAY = 24 * 3600.0
SCHEMA = (ROOT / "service/brokers/sqlite/schema.sql").read_text()
UNLOCKED = tuple(pragma for pragma in PRAGMAS if "locking_mode" not in pragma)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "parley.db")


def make(path: str, limit: int = 1000, days: float = 30, **options: Any) -> SqliteBroker:
    return SqliteBroker(path, history_limit=limit, history_days=days, **options)


def rows(path: str, table: str) -> int:
    """How many there are, in a file that nobody has open."""
    (row,) = query(path, f"SELECT count(*) FROM {table}")
    return int(row[0])


def query(path: str, statement: str) -> list[Any]:
    """What a file that nobody has open answers."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def integrity(path: str) -> list[Any]:
    """What SQLite says of the file once nobody has it open."""
    return query(path, "PRAGMA integrity_check")


def edit_file(path: str, *statements: str) -> None:
    """Change a file that nobody has open."""
    connection = sqlite3.connect(path)
    try:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    finally:
        connection.close()


def damaged(kind: str) -> float:
    """How many records of the kind could not be read so far."""
    return total(metrics.DAMAGED.labels(kind))


# -- kill -9


def run_and_kill(path: str, run: int, seconds: float, guard: str = "on") -> list[tuple[str, str, int]]:
    """Start the publisher, kill it after `seconds` of acknowledgements; what it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.sqlite_publisher", path, str(run), guard],
        stdout=subprocess.PIPE,
        cwd=ROOT,
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
        for room in await broker.directory.rooms():
            seq, more = 0, True
            while more:
                page = await broker.log.after(room, seq, 10**6)
                assert page is not None and page.seq == seq + 1
                for seq, frame in enumerate(page.frames, page.seq):
                    assert b'"seq":%d,' % seq in frame
                    key = (room, frame.split(b'"id":"', 1)[1].split(b'"', 1)[0].decode())
                    assert key not in found, "stored twice"
                    found[key] = seq
                more = page.more
    return found


@pytest.mark.timeout(seconds=300)
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


def test_the_disk_is_waited_for(path: str) -> None:
    """Write-ahead log, and a sync at each commit: acknowledged holds through a loss of power."""
    db = open_database(path)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    db.close()


# -- a disk that refuses


async def fill(broker: Broker, fault: Fault, batch: int = 50) -> int:
    """Publish batches until one is refused, for `fault`; how many events were acknowledged."""
    stored = 0
    for _ in range(2000):
        outcomes = await publish(broker, *(message(text="x" * 4000) for _ in range(batch)))
        refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
        if refused:
            assert {(error.code, error.retry_after, error.fault) for error in refused} == {("unavailable", 1.0, fault)}
            assert len(refused) == batch, "a batch is taken as a whole or not at all"
            return stored
        stored += batch
    raise AssertionError("never refused")


@pytest.mark.expects_log("SQLite can't store: database or disk is full")
async def test_a_full_database_is_unavailable_and_still_reads(path: str) -> None:
    """SQLITE_FULL: nothing is acknowledged or broadcast, history reads on, and room makes it go on, without a gap."""

    class Cramped(File):
        pages = 200

        def transact(self, works: Sequence[Work]) -> list[Any]:
            self.db.execute(f"PRAGMA max_page_count = {self.pages}")
            return super().transact(works)

    async with opened(make(path, file=Cramped(path, CLOCK)), "lobby") as (broker, heard):
        stored = await fill(broker, Fault.FULL)
        assert stored > 0 and not broker.available
        newest, after = await broker.log.newest("lobby", 20), await broker.log.after("lobby", 0, 10)
        assert newest is not None and after is not None
        assert (newest.position.seq, len(newest.frames), len(after.frames)) == (stored, 20, 10)
        assert len(heard.frames("lobby")) == stored
        assert await broker.log.newest("new", 1, create=True) is not None
        assert await broker.log.positions(["lobby"]) == {"lobby": newest.position}
        Cramped.pages = 1_000_000
        assert [receipt.seq for receipt in await store(broker, message())] == [stored + 1]
        assert broker.available
    assert integrity(path) == [("ok",)]


@pytest.mark.expects_log("SQLite can't store: ")
async def test_a_refusing_disk_is_unavailable_until_it_takes_more(path: str) -> None:
    """Writes fail in the kernel; the upkeep finds out that they no longer do."""
    async with opened(make(path), "lobby") as (broker, heard):
        await store(broker, message())
        with file_size_limit(2**20):
            stored = await fill(broker, Fault.DISK) + await fill(broker, Fault.DISK, batch=1) + 1
            assert not broker.available
            seq = 0
            while (page := await broker.log.after("lobby", seq, 10_000)) and page.frames:
                seq += len(page.frames)
            assert seq == stored
        with file_size_limit(4096):  # the files are larger, so that nothing at all can be written
            with pytest.raises(RequestError) as refused:
                await broker.directory.mark_read("lobby", {"u1": 1})
            assert refused.value.code == "unavailable"
            assert await broker.directory.reads("lobby", ["u1"]) == {}
        assert not broker.available
        await broker.upkeep()
        assert broker.available
        assert [receipt.seq for receipt in await store(broker, message())] == [stored + 1]
        assert len(heard.frames("lobby")) == stored + 1
    async with opened(make(path)) as (broker, _):
        position = (await broker.log.positions(["lobby"]))["lobby"]
        assert position is not None and position.seq == stored + 1
    assert integrity(path) == [("ok",)]


class Slow(File):
    """Reads take a while each; the next write may hang."""

    hangs = 0.0
    read_seconds = 0.0

    def transact(self, works: Sequence[Work]) -> list[Any]:
        time.sleep(self.hangs)
        return super().transact(works)

    def answer(self, works: Sequence[Work]) -> list[Any]:
        time.sleep(self.read_seconds * len(works))
        return super().answer(works)


async def test_a_stalled_disk_is_unavailable_at_once(path: str) -> None:
    """While a batch hangs, nothing is queued behind it for long; afterwards all goes on."""

    class Hanging(Slow):
        hangs = 0.5 * UNIT

    async with opened(make(path, file=Hanging(path, CLOCK, stall=0.1))) as (broker, _):
        hanging = asyncio.ensure_future(store(broker, message()))
        await until(lambda: not broker.available, "unavailable")
        (outcome,) = await publish(broker, message())
        assert isinstance(outcome, RequestError) and outcome.code == "unavailable"
        with pytest.raises(RequestError):
            await broker.log.positions(["lobby"])
        assert not hanging.done(), "neither waited for the disk"
        await hanging
        await until(lambda: broker.available, "available")
        Hanging.hangs = 0.0
        await store(broker, message())


async def test_what_waits_to_be_written_is_bounded(path: str) -> None:
    """Past the limit the rest is refused; what was taken is stored."""
    async with opened(make(path, events_limit=100)) as (broker, _):
        outcomes = await publish(broker, *(message() for _ in range(150)))
        assert [isinstance(outcome, Receipt) for outcome in outcomes] == [True] * 100 + [False] * 50
        assert broker.available


async def test_reads_have_a_limit_of_their_own(path: str) -> None:
    """However many wait, and are refused, sends are taken."""
    async with opened(make(path, file=File(path, CLOCK, reads_limit=100))) as (broker, _):
        reading = [asyncio.ensure_future(broker.log.positions(["lobby"])) for _ in range(150)]
        await asyncio.sleep(0)
        assert broker.available
        await store(broker, message())
        answers = await asyncio.gather(*reading, return_exceptions=True)
        assert [isinstance(answer, dict) for answer in answers] == [True] * 100 + [False] * 50


async def test_sends_do_not_wait_for_the_reads_before_them(path: str) -> None:
    """Of many slow reads only those of a batch or two come before a send; all come in the end, and once."""

    class Reading(Slow):
        read_seconds = 0.002

    async with opened(make(path, file=Reading(path, CLOCK))) as (broker, _):
        reading = [asyncio.ensure_future(broker.log.positions([f"room{number}"])) for number in range(500)]
        await until(lambda: reading[0].done(), "a first answer")
        await store(broker, message())
        assert sum(read.done() for read in reading) < 100
        assert await asyncio.gather(*reading) == [{f"room{number}": None} for number in range(500)]


# -- faults of the program


@pytest.mark.expects_log("a call of the broker failed")
async def test_a_fault_is_raised_where_it_is_awaited(path: str) -> None:
    """It costs itself only, and what it had written is taken back; the others of its batch are stored."""
    file = File(path, CLOCK)
    ban = "INSERT INTO sanctions VALUES ('u1', 0, '', 'ban', 0, 'm', '', '')"

    def fail_after_writing() -> None:
        file.db.execute(ban)
        raise ZeroDivisionError

    async with opened(make(path, file=file), "lobby") as (broker, heard):
        publishing = asyncio.ensure_future(publish(broker, message(), message()))
        await asyncio.sleep(0)
        with pytest.raises(ZeroDivisionError):
            await file.write(fail_after_writing)
        assert [outcome.seq for outcome in await publishing if isinstance(outcome, Receipt)] == [1, 2]
        assert await broker.directory.ban("lobby", "u1") is None
        assert broker.available  # the disk is not at fault
        assert [receipt.seq for receipt in await store(broker, message())] == [3]
        assert len(heard.frames("lobby")) == 3
        with pytest.raises(ZeroDivisionError):
            await file.read(lambda: 1 // 0)


@pytest.mark.expects_log("the SQLite thread failed")
async def test_a_fault_on_the_thread_leaves_nobody_waiting(path: str) -> None:
    """All that was under way is answered `unavailable`."""

    class Failing(File):
        def transact(self, works: Sequence[Work]) -> list[Any]:
            raise ValueError("a fault")

    async with opened(make(path, file=Failing(path, CLOCK))) as (broker, _):
        outcomes, position = await asyncio.gather(
            publish(broker, message(), message()), broker.log.positions(["lobby"]), return_exceptions=True
        )
        assert isinstance(outcomes, list) and position == {"lobby": None}
        for outcome in outcomes:
            assert isinstance(outcome, RequestError) and outcome.code == "unavailable"


class Clumsy(Recorder):
    def on_publication(self, publication: Publication) -> None:
        super().on_publication(publication)
        raise ValueError("clumsy")


@pytest.mark.expects_log("Exception in callback")
async def test_a_failing_callback_costs_nobody_else(path: str) -> None:
    """The others of its batch get their answers and their events."""
    broker, heard = make(path), Clumsy()
    await broker.open(heard)
    broker.log.subscribe("one")
    broker.log.subscribe("two")
    outcomes: list[Receipt | RequestError] = []

    def fail(outcome: Receipt | RequestError) -> None:
        raise ValueError("clumsy")

    broker.log.publish(message("one"), fail)
    broker.log.publish(message("two"), outcomes.append)
    await until(lambda: outcomes and len(heard.publications) == 2, "the other's answer and both broadcasts")
    await broker.close()


async def test_a_caller_may_go_away(path: str) -> None:
    """A cancelled call is done all the same, and harms nobody."""
    async with opened(make(path)) as (broker, _):
        call = asyncio.ensure_future(broker.log.newest("lobby", 1, create=True))
        await asyncio.sleep(0)
        call.cancel()
        assert [receipt.seq for receipt in await store(broker, message())] == [1]
        await broker.close()
        await broker.close()  # once is enough, twice is harmless


# -- the file


def open_elsewhere(path: str) -> subprocess.CompletedProcess[str]:
    """Another process opens the file as the broker does."""
    code = "import sys; from service.brokers.sqlite.opening import open_database; open_database(sys.argv[1]).close()"
    command = [sys.executable, "-c", code, path]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def count_elsewhere(path: str) -> subprocess.CompletedProcess[str]:
    """Another process reads the file as the `sqlite3` shell does: with no lock of its own that could be in the way."""
    code = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1], 0.1).execute('SELECT count(*) FROM messages'))"
    command = [sys.executable, "-c", code, path]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


async def test_the_file_belongs_to_one_process(path: str) -> None:
    """A second one is told which setting to look at; and nothing at all is read or written beside the first."""
    async with opened(make(path)) as (broker, _):
        second = await asyncio.to_thread(open_elsewhere, path)
        last = second.stderr.strip().splitlines()[-1]
        assert second.returncode == 1
        assert "ConfigError" in last and f"SQLITE_PATH is {path!r}: another process has it open" in last
        shell = await asyncio.to_thread(count_elsewhere, path)
        assert shell.returncode == 1 and "database is locked" in shell.stderr
        await store(broker, message())


async def test_without_the_lock_a_second_process_reads_beside_the_first(path: str) -> None:
    """The control run."""
    async with opened(make(path, file=File(path, CLOCK, pragmas=UNLOCKED))) as (broker, _):
        await store(broker, message())
        shell = await asyncio.to_thread(count_elsewhere, path)
        assert (shell.returncode, shell.stdout) == (0, "(1,)\n"), shell.stderr


async def test_a_successor_waits_for_its_predecessor(path: str) -> None:
    """In a restart the new process may come before the old one has closed."""
    first, second = make(path), make(path)
    async with opened(first):
        opening = asyncio.ensure_future(second.open(Recorder()))
        await asyncio.sleep(0.2)
        assert not opening.done()
    await opening
    await second.close()


async def test_the_file_is_its_owners(path: str) -> None:
    """Nobody else reads what people said."""
    async with opened(make(path)) as (broker, _):
        await store(broker, message())
        files = list(Path(path).parent.glob("parley.db*"))
        assert Path(path) in files
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def refused_open(path: str) -> str:
    with pytest.raises(ConfigError) as refused:
        open_database(path)
    return str(refused.value)


def test_a_path_that_can_not_be_opened_is_named(tmp_path: Path) -> None:
    """With the reason and the way out."""
    for path, reason in (
        (tmp_path / "missing" / "parley.db", "No such file or directory"),
        (tmp_path, "unable to open database file"),
        (Path("/proc/parley.db"), ""),  # where not even root can make a file
    ):
        said = refused_open(str(path))
        assert said.startswith(f"SQLITE_PATH is {str(path)!r}: {reason}") and "writable folder" in said


def test_another_file_is_left_alone(path: str, tmp_path: Path) -> None:
    """Other programs' databases, and files that are none."""
    edit_file(path, "CREATE TABLE notes (text)")
    assert "another program's database" in refused_open(path)
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be looked at by SQLite: " * 20)
    before = text.read_bytes()
    assert "SQLITE_PATH" in refused_open(str(text))
    assert text.read_bytes() == before


async def test_damage_that_sqlite_says_in_no_text_is_named_too(path: str) -> None:
    """Its words quote the file's bytes, which need not be UTF-8."""
    async with opened(make(path)):
        pass
    sound = Path(path).read_bytes()
    spoilt = sound.replace(b"CREATE TABLE rooms", b"CREATE TABL\xe9 rooms")
    assert spoilt != sound
    Path(path).write_bytes(spoilt)
    said = refused_open(path)
    assert said.startswith(f"SQLITE_PATH is {path!r}: ") and ".recover" in said


async def test_a_file_is_saved_by_the_documents_line_or_the_shell_can_not(path: str) -> None:
    """A shell without what it needs says what docs/operations.md says that it says, and makes an empty file."""
    require_tool("sqlite3", "sqlite3")
    async with opened(make(path)) as (broker, _):
        await store(broker, *(message() for _ in range(3)))
    document = (ROOT / "docs" / "operations.md").read_text()
    (line,) = re.findall(r"^    (sqlite3 parley.db .recover .*)$", document, re.MULTILINE)
    done = subprocess.run(["bash", "-ec", line], cwd=Path(path).parent, capture_output=True, text=True, check=True)
    saved = Path(path).with_name("saved.db")
    if done.stderr:
        assert done.stderr.strip().removeprefix("sql error: ").removesuffix(" (1)") in document
        assert saved.stat().st_size == 0
    else:
        assert rows(str(saved), "messages") == 3
        open_database(str(saved)).close()


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1])
async def test_tables_of_another_version_are_left_alone(path: str, version: int) -> None:
    """The message says which version the file has, and which one this is."""
    async with opened(make(path)) as (broker, _):
        await store(broker, message())
    edit_file(path, f"PRAGMA user_version = {version}")
    said = refused_open(path)
    assert f"version {version}, this program's are version {SCHEMA_VERSION}" in said
    edit_file(path, f"PRAGMA user_version = {SCHEMA_VERSION}")
    open_database(path).close()
    assert rows(path, "messages") == 1


def test_a_path_of_any_letters_works(tmp_path: Path) -> None:
    """Whatever the standard streams can write."""
    code = "import sys; from service.brokers.sqlite.opening import open_database; open_database(sys.argv[1]).close()"
    for name in ("dätä.db", "数据.db"):
        path = tmp_path / name
        environ = {"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"}
        subprocess.run([sys.executable, "-c", code, str(path)], env=environ, cwd=ROOT, check=True, timeout=60 * UNIT)
        assert path.exists()


async def test_memory_needs_no_file() -> None:
    """`:memory:` keeps the contract for as long as it lives."""
    async with opened(make(":memory:"), "lobby") as (broker, heard):
        await store(broker, message(), change("react", 1, emoji="👍", on=True))
        await until(lambda: len(heard.frames("lobby")) == 2, "the broadcast")
        await broker.upkeep()
    async with opened(make(":memory:")) as (broker, _):
        assert await broker.log.positions(["lobby"]) == {"lobby": None}
    assert not Path(":memory:").exists()


# -- files of earlier versions


def write_old(path: str, version: int) -> dict[str, Any]:
    """A file that the code of that version wrote, and what it answered then."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript((ROOT / f"tests/files/version-{min(version, 4)}.sql").read_text())
    if version == 5:  # version 4's, with one table more
        (deliveries,) = re.findall(r"^CREATE TABLE deliveries .*?;$", SCHEMA, re.DOTALL | re.MULTILINE)
        connection.executescript(f"{deliveries} PRAGMA user_version = 5;")
    connection.close()
    # Files from version 3 on were made of version 2's, whose answers they keep.
    answers = ROOT / f"tests/files/version-{min(version, 2)}.json"
    known: dict[str, Any] = json.loads(answers.read_text())
    return known


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
async def test_an_older_file_is_brought_along(path: str, version: int) -> None:
    """Pages, positions, dedupe, marks, reads, sanctions stay what they were; what was removed is nowhere any more."""
    known = write_old(path, version)
    assert (b"SECRET" in Path(path).read_bytes()) == (version < 3)
    for more in range(2):
        async with opened(make(path, limit=40)) as (broker, _):
            for room in ("lobby", "tea"):
                after, newest = await broker.log.after(room, 0, 1000), await broker.log.newest(room, 1000)
                assert after is not None and newest is not None
                assert [*known[room]["position"]] == [after.position.epoch, after.position.seq]
                assert after.seq == known[room]["first"]
                assert [frame.decode() for frame in after.frames] == known[room]["after"]
                assert [frame.decode() for frame in newest.frames] == known[room]["newest"]
            again = await store(broker, message(id="m1", person=BOB), message(id="m64"))
            assert [[receipt.seq, receipt.at] for receipt in again] == known["receipts"][:2]
            assert await broker.directory.reads("tea", ["u1", "u2"]) == {"u1": 3, "u2": 1}
            assert await broker.directory.unread("u2") == {"tea": more}  # before, one was his own and one removed
            assert sorted(await broker.directory.sanctions(), key=str) == [
                Sanction("ban", "tea", "u9", 0, "mod", "spam"),
                Sanction("mute", "", "u8", 4102444800000, "mod", ""),
            ]
            assert "empty" not in await broker.directory.rooms()
            (receipt,) = await store(broker, message("tea", text=f"more {more}"))
            assert receipt.seq == known["tea"]["position"][1] + 1
            for pages in ("after", "newest"):
                page = await broker.log.newest("tea", 1)
                assert page is not None
                known["tea"][pages].append(page.frames[0].decode())
            known["tea"]["position"][1] += 1
    assert b"SECRET" not in Path(path).read_bytes()
    assert integrity(path) == [("ok",)]


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
async def test_an_older_file_gets_the_tables_of_this_version(tmp_path: Path, path: str, version: int) -> None:
    """Word for word. Who began its rooms is known to nobody, so their topics are for moderators."""
    write_old(path, version)
    async with opened(make(path)) as (broker, _):
        assert await broker.log.about("tea") == About()
        assert (await refusal(broker, topic("x", room="tea")))[0] == "forbidden"
        (set_,) = await store(broker, topic("x", BOB, room="tea", moderator=True))
        assert await broker.log.about("tea") == About(Topic("x", BOB, set_.at, set_.seq))
        (said,) = await store(broker, message("new"))
        assert await broker.log.about("new") == About(begun=Begun(ADA, said.at))
    new = str(tmp_path / "new.db")
    open_database(new).close()
    tables = "SELECT type, name, sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name"
    assert query(path, tables) == query(new, tables)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
async def test_edits_of_older_files_lose_their_texts_too(path: str, version: int) -> None:
    """A message that was edited before the file was taken over, and is removed after."""
    write_old(path, version)
    async with opened(make(path)) as (broker, _):
        await store(broker, change("remove", 1, room="tea"))
        await broker.upkeep()
        page = await broker.log.after("tea", 0, 100)
        assert page is not None and not any(b"tea, edited" in frame or b"tea 1" in frame for frame in page.frames)
    assert b"tea, edited" not in Path(path).read_bytes()


async def test_a_migration_says_how_far_it_is(path: str, caplog: Any) -> None:
    """A large file takes a while."""
    write_old(path, 2)
    db = sqlite3.connect(path, isolation_level=None)
    with caplog.at_level("INFO"):
        migration.migrate(db, 2, SCHEMA, said_every=20)
    db.close()
    assert "20 events are taken over" in caplog.text and "40 events are taken over" in caplog.text


async def test_a_failed_migration_leaves_the_file_as_it_was(path: str) -> None:
    """It is one transaction."""
    known = write_old(path, 1)
    edit_file(path, "ALTER TABLE sanctions RENAME COLUMN reason TO why")  # found after the events were taken over
    with pytest.raises(ConfigError, match="no such column: reason"):
        open_database(path)
    assert query(path, "PRAGMA user_version") == [(1,)]
    assert query(path, "SELECT count(*) FROM events")[0][0] > 30
    edit_file(path, "ALTER TABLE sanctions RENAME COLUMN why TO reason")
    async with opened(make(path)) as (broker, _):
        assert await broker.log.positions(["tea"]) == {"tea": Position(*known["tea"]["position"])}


# -- damage


@pytest.mark.expects_log("damaged record|SQLite can't store")
async def test_a_flipped_byte_is_said_or_costs_what_it_hit(path: str, seed: int) -> None:
    """Wherever it is: the start names the setting and the way out, or goes on and refuses with `unavailable`."""
    choose = random.Random(seed)
    async with opened(make(path)) as (broker, _):
        for number in range(60):
            await store(broker, *(message(f"room{number % 3}", "x" * choose.randint(1, 900)) for _ in range(3)))
        await broker.directory.mark_read("room1", {"u1": 3})
    sound = Path(path).read_bytes()
    refused = 0
    for number in range(200):
        at = number if number < 100 else choose.randrange(len(sound))  # the header each time, the rest by chance
        Path(path).write_bytes(sound[:at] + bytes([sound[at] ^ (1 << choose.randrange(8))]) + sound[at + 1 :])
        Path(path + "-wal").unlink(missing_ok=True)
        broker = make(path)
        try:
            await broker.open(Recorder())
        except ConfigError as error:
            assert str(error).startswith(f"SQLITE_PATH is {path!r}: ")
            assert any(way in str(error) for way in (".recover", "another file", "writable folder"))
            refused += 1
        else:
            await use(broker)
            await broker.close()
    assert refused > 20


async def use(broker: SqliteBroker) -> None:
    """Everything that a file may be asked; only a `RequestError` may come of it."""
    calls = [
        broker.directory.rooms(),
        broker.directory.room_count(),
        broker.directory.sanctions(),
        broker.directory.trail(),
        broker.directory.unread("u1"),
        broker.log.age(),
        broker.upkeep(),
    ]
    for number in range(3):
        room = f"room{number}"
        calls += [
            publish(broker, message(room)),
            broker.log.positions([room]),
            broker.log.newest(room, 50),
            broker.log.after(room, 0, 50),
            broker.directory.reads(room, ["u1"]),
        ]
    for answer in await asyncio.gather(*calls, return_exceptions=True):
        assert not isinstance(answer, BaseException) or isinstance(answer, RequestError), answer


@pytest.mark.expects_log("damaged record")
async def test_damage_found_while_running_costs_its_room(path: str) -> None:
    """A page of the file is overwritten under the broker: counted, `unavailable` for that room, the others go on."""

    class Forgetful(File):
        def answer(self, works: Sequence[Work]) -> list[Any]:
            self.db.execute("PRAGMA shrink_memory")
            return super().answer(works)

        def transact(self, works: Sequence[Work]) -> list[Any]:
            self.db.execute("PRAGMA shrink_memory")
            return super().transact(works)

    async with opened(make(path)) as (broker, _):
        for _ in range(40):
            await store(broker, *(message("bad", "x" * 900) for _ in range(10)))
        await store(broker, *(message("between", "x" * 900) for _ in range(10)))
        await store(broker, *(message("good") for _ in range(10)))
    ((root,),) = query(path, "SELECT rootpage FROM sqlite_master WHERE name = 'messages'")
    before = damaged("database")
    async with opened(make(path, file=Forgetful(path, CLOCK))) as (broker, _):
        content = bytearray(Path(path).read_bytes())
        for start in range(0, len(content), 4096):
            if (
                content[start] == 0x0D
                and b'"room":"bad"' in content[start : start + 4096]
                and start // 4096 != root - 1
            ):
                content[start : start + 8] = b"\xff" * 8
        with open(path, "r+b") as raw:
            raw.write(content)
        with pytest.raises(RequestError) as refused:
            await broker.log.newest("bad", 50)
        assert (refused.value.code, refused.value.message) == ("unavailable", "the database is damaged")
        assert damaged("database") > before
        page = await broker.log.newest("good", 5)
        assert page is not None and len(page.frames) == 5
        assert [receipt.seq for receipt in await store(broker, message("fine"))] == [1]
        assert broker.available


GARBAGE = ("NULL", "'text'", "x'00ff'", "-1.5", "9223372036854775807", "''")


@pytest.mark.expects_log("damaged record")
@pytest.mark.parametrize("column", ["epoch", "floor", "at"])
async def test_a_bad_room_costs_itself(path: str, column: str) -> None:
    """Whatever is in its row, nothing but `unavailable` comes of it, and the others are served."""
    for garbage in GARBAGE[1:]:  # the table refuses NULL
        async with opened(make(path)) as (broker, _):
            await store(broker, message("good"), message("bad"))
        edit_file(path, f"UPDATE rooms SET {column} = {garbage} WHERE name = 'bad'")
        async with opened(make(path)) as (broker, _):
            outcomes = await publish(broker, message("bad"), message("good"))
            assert isinstance(outcomes[1], Receipt)
            assert isinstance(outcomes[0], Receipt) or outcomes[0].code == "unavailable"
            for call in (
                broker.log.newest("bad", 5),
                broker.log.after("bad", 0, 5),
                broker.directory.mark_read("bad", {"u1": 1}),
            ):
                try:
                    await call
                except RequestError as refused:
                    assert refused.code == "unavailable"
            assert (await broker.log.positions(["good", "bad"]))["good"] is not None
            assert set(await broker.directory.rooms()) == {"good", "bad"}
            await broker.upkeep()
            assert broker.available
        edit_file(path, "UPDATE rooms SET epoch = 'e', floor = 0, at = 1 WHERE name = 'bad'")


@pytest.mark.expects_log("damaged record")
async def test_other_bad_rows_cost_what_they_stand_for(path: str) -> None:
    """Frames, marks, ids, reads, sanctions, deeds, what a room is about: of each type of garbage."""
    for garbage in GARBAGE[1:]:
        Path(path).unlink(missing_ok=True)
        async with opened(make(path)) as (broker, _):
            await store(broker, *(message(text=str(number), id=f"m{number}") for number in range(1, 6)))
            await store(broker, *(change("edit", target, text=f"edited {target}") for target in (1, 2)))
            await store(broker, topic("x"), message("tea"), topic("y", room="tea"))
            await broker.directory.mark_read("lobby", {"u1": 1, "u2": 2})
            for user in ("u8", "u9"):
                await broker.directory.sanction(Sanction("ban", "", user, 0, "m", ""), lift=False)
                await broker.directory.record(Deed(user, 1, "ban", ADA, Person(user, ""), ""))
        edit_file(
            path,
            f"UPDATE messages SET frame = {garbage} WHERE seq = 3",
            f"UPDATE marks SET marks = {garbage} WHERE target = 1",
            f"UPDATE ids SET seq = {garbage} WHERE id = 'm4'",
            f"UPDATE reads SET seq = {garbage} WHERE user = 'u1'",
            f"UPDATE sanctions SET by = {garbage}, until = x'00' WHERE user = 'u8'",
            f"UPDATE trail SET deed = {garbage} WHERE user = 'u8'",
            f"UPDATE about SET begun = {garbage} WHERE room = (SELECT id FROM rooms WHERE name = 'lobby')",
            f"UPDATE about SET topic = {garbage} WHERE room = (SELECT id FROM rooms WHERE name = 'tea')",
        )
        async with opened(make(path)) as (broker, _):
            newest = await broker.log.newest("lobby", 50)
            assert newest is not None
            assert [json.loads(frame)["text"] for frame in newest.frames] == ["1", "edited 2", "4", "5"]
            first, rest = await broker.log.after("lobby", 0, 50), await broker.log.after("lobby", 2, 50)
            assert first is not None and rest is not None
            assert (first.seq, len(first.frames), first.more) == (1, 2, True)
            assert (rest.seq, len(rest.frames), rest.more) == (4, 5, False)  # as if it were trimmed
            lobby, tea = await broker.log.about("lobby"), await broker.log.about("tea")
            assert lobby.begun is None and lobby.topic is not None and lobby.topic.text == "x"
            assert tea.topic is None and tea.begun is not None and tea.begun.user == ADA
            assert (await refusal(broker, topic("z")))[0] == "forbidden"
            await store(broker, topic("z", room="tea"))
            assert await refusal(broker, change("edit", 3, text="x")) == ("bad_request", "no such message")
            await store(broker, change("edit", 1, text="again"), message(text="4", id="m4"))
            reads = await broker.directory.reads("lobby", ["u1", "u2"])
            assert reads["u2"] == 2
            assert "lobby" in await broker.directory.unread("u2")
            assert [sanction.user for sanction in await broker.directory.sanctions()] == ["u9"]
            assert [deed.id for deed in await broker.directory.trail()] == ["u9"]
            assert (
                await broker.directory.ban("lobby", "u8") is None
                and await broker.directory.ban("lobby", "u9") is not None
            )
            await broker.upkeep()
            assert broker.available


async def test_a_log_goes_on_from_its_highest_seq(path: str) -> None:
    """Wherever that stands: there is no number beside the log that could be behind it."""
    async with opened(make(path)) as (broker, _):
        await store(broker, message(), message(), change("react", 1, emoji="👍", on=True))
        assert [receipt.seq for receipt in await store(broker, message())] == [4]
    edit_file(path, "DELETE FROM messages WHERE seq = 4")
    async with opened(make(path)) as (broker, _):
        assert [receipt.seq for receipt in await store(broker, message())] == [4]


# -- what was removed


def found(path: str, text: bytes) -> dict[str, int]:
    """How often the text stands in each of the file's parts."""
    return {part.name: part.read_bytes().count(text) for part in Path(path).parent.glob("parley.db*")}


async def test_a_removed_text_is_nowhere_in_the_files(path: str, seed: int) -> None:
    """Of messages long and short, of their edits, also of those that a reaction moved; within a beat."""
    choose = random.Random(seed)
    async with opened(make(path)) as (broker, _):
        await store(broker, *(message(text="plain") for _ in range(50)))
        seqs = []
        for _ in range(30):
            padding = "y" * choose.choice([0, 10, 300, 4000, 9000])
            (receipt,) = await store(broker, message(text="SECRET one " + padding))
            await store(
                broker,
                change("edit", receipt.seq, text="SECRET two"),
                change("edit", receipt.seq, text="SECRET three " + padding),
                *(change("react", receipt.seq, BOB, emoji=emoji, on=True) for emoji in "👍🎉"),
            )
            seqs.append(receipt.seq)
            if choose.random() < 0.3:
                await broker.upkeep()
        assert sum(found(path, b"SECRET").values()) > 0
        await store(broker, *(change("remove", seq) for seq in seqs))
        await broker.upkeep()
        assert set(found(path, b"SECRET").values()) == {0}
        page = await broker.log.after("lobby", seqs[0] - 1, 5)
        assert page is not None and b'"removed":true' in page.frames[0]
        assert page.frames[0].endswith(b'"removed":true}')
        await store(broker, *(message(text="plain") for _ in range(50)))
    assert set(found(path, b"SECRET").values()) == {0}


async def test_without_overwriting_a_removed_text_would_be_found(path: str) -> None:
    """The control run: SQLite leaves what it deletes where it was."""
    forgiving = (*PRAGMAS, "secure_delete = OFF")
    async with opened(make(path, file=File(path, CLOCK, pragmas=forgiving))) as (broker, _):
        for _ in range(20):
            seq = (await store(broker, message(text="SECRET one"), message(text="plain")))[0].seq
            await store(broker, change("edit", seq, text="SECRET two" + "y" * 500), change("remove", seq))
    assert sum(found(path, b"SECRET").values()) > 0


# -- upkeep


class Time:
    """A clock in the test's hand: `wall` is set, `elapsed` only goes on."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.elapsed = 0.0
        self.clock = Clock(lambda: self.wall, lambda: self.elapsed)

    def go_on(self, seconds: float) -> None:
        self.wall += seconds
        self.elapsed += seconds


async def test_rooms_without_events_leave_nothing(path: str) -> None:
    """They have an epoch for a while, and no row; the file doesn't grow by them, and memory lets go."""
    open_database(path).close()
    before = Path(path).stat().st_size
    async with opened(make(path)) as (broker, _):
        for number in range(500):
            await broker.log.newest(f"room{number}", 50, create=True)
            await broker.log.after(f"asked{number}", 0, 50)
            await broker.log.positions([f"asked{number}"])
        assert await broker.directory.room_count() == 500
        assert await broker.directory.rooms() == {}
    assert Path(path).stat().st_size == before
    assert rows(path, "rooms") == 0


async def test_an_empty_room_lasts_while_it_is_held(path: str) -> None:
    """`empty_seconds` from the last word of it; then it is another room of that name."""
    async with opened(make(path, empty_seconds=0.5 * UNIT)) as (broker, _):
        page = await broker.log.newest("new", 1, create=True)
        assert page is not None and page.position.seq == 0
        for _ in range(4):
            await asyncio.sleep(0.2 * UNIT)
            await broker.log.keep(["new", "never"])
            await broker.upkeep()
        assert await broker.log.positions(["new", "never"]) == {"new": page.position, "never": None}
        await asyncio.sleep(0.6 * UNIT)
        assert await broker.log.positions(["new"]) == {"new": None}
        await broker.upkeep()
        assert await broker.directory.room_count() == 0
        again = await broker.log.newest("new", 1, create=True)
        assert again is not None and again.position.epoch != page.position.epoch
        await store(broker, message("new"))
        assert await broker.directory.room_count() == 1  # once, though it was without events a moment ago
        await asyncio.sleep(0.6 * UNIT)
        await broker.upkeep()
        assert await broker.log.positions(["new"]) == {"new": Position(again.position.epoch, 1)}
        assert await broker.directory.room_count() == 1


async def test_trimming_keeps_the_limits(path: str) -> None:
    """Also one that was lowered; messages and changes are counted apart."""
    async with opened(make(path, limit=10_000)) as (broker, _):
        for number in range(6):
            await store(broker, *(message() for _ in range(500)))
            people = [Person(f"p{number}-{one}", "P") for one in range(100)]
            await store(broker, *(change("react", 1, person, emoji="👍", on=True) for person in people[:80]))
    assert (rows(path, "messages"), rows(path, "changes"), rows(path, "marks")) == (3000, 480, 1)
    async with opened(make(path, limit=50)) as (broker, _):
        await store(broker, *(message() for _ in range(200)))
        page = await broker.log.after("lobby", 0, 10_000)
        assert page is not None and page.seq + len(page.frames) - 1 == page.position.seq
    assert 50 <= rows(path, "messages") <= 50 + 100
    assert rows(path, "changes") == rows(path, "marks") == 0


async def aged(broker: SqliteBroker) -> None:
    """All that is due by age."""
    for _ in range(1000):
        if not await broker.log.age():
            return
    raise AssertionError("it never ends")


async def test_old_ids_are_forgotten(path: str) -> None:
    """Past 24 hours and so many events (in life 10,000), even if nothing else happens; not before both."""
    hands = Time()
    async with opened(make(path, clock=hands.clock, ids_limit=100)) as (broker, _):

        async def known(id: str) -> bool:
            await aged(broker)
            return (await store(broker, message(id=id)))[0].duplicate

        await store(broker, message(id="first"), *(message() for _ in range(150)))
        hands.go_on(DAY - 1)
        assert await known("first")  # beyond 100 events, but young
        hands.go_on(2)
        await store(broker, message(id="second"))
        assert not await known("first")
        await store(broker, *(message() for _ in range(50)))
        hands.go_on(2 * DAY)
        assert await known("second")  # old, but among 100 events
        await store(broker, *(message() for _ in range(100)))
        assert not await known("second")
    assert rows(path, "ids") <= 202


async def test_silent_rooms_are_forgotten(path: str) -> None:
    """Log, epoch, topic, marks, read positions, ids: all rows go, in steps; busy rooms stay."""
    hands = Time()
    async with opened(make(path, limit=5000, days=2, clock=hands.clock)) as (broker, _):
        await store(broker, *(message("silent") for _ in range(2500)))
        await store(broker, change("edit", 1, room="silent", text="x"), topic("x", room="silent"))
        await broker.directory.mark_read("silent", {"u1": 5})
        before = (await broker.log.positions(["silent"]))["silent"]
        hands.go_on(2 * DAY - 1)
        await store(broker, message("busy"))
        await aged(broker)
        assert await broker.log.positions(["silent"]) == {"silent": before}
        hands.go_on(2)
        assert await broker.log.age()
        assert await broker.log.positions(["silent"]) == {"silent": None}
        file = broker.log.file
        (left,) = await file.read(lambda: file.db.execute("SELECT count(*) FROM messages").fetchone())
        assert left > 1000  # nothing that is written waits for more than a step
        await aged(broker)
        await store(broker, message("silent"))
        after = (await broker.log.positions(["silent"]))["silent"]
        assert before is not None and after is not None and after.epoch != before.epoch and after.seq == 1
        assert await broker.directory.reads("silent", ["u1"]) == {} and await broker.directory.unread("u1") == {}
        assert (await broker.log.about("silent")).topic is None
    counts = {table: rows(path, table) for table in ("rooms", "about", "messages", "changes", "marks", "ids", "reads")}
    assert counts == {"rooms": 2, "about": 2, "messages": 2, "changes": 0, "marks": 0, "ids": 2, "reads": 0}


@pytest.mark.expects_log("the clock")
@pytest.mark.parametrize("step", [3600.0, 365 * DAY, 12 * 365 * DAY, -3600.0, -365 * DAY])
async def test_a_step_of_the_clock_deletes_nothing(path: str, step: float) -> None:
    """For ten seconds, and for good; times follow the clock once the step is believed, and never run ahead of it."""
    hands = Time()
    ban = Sanction("ban", "tea", "u7", int((hands.wall + DAY) * 1000), "m", "")
    async with opened(make(path, days=2, clock=hands.clock)) as (broker, _):
        await broker.directory.sanction(ban, lift=False)
        (receipt,) = await store(broker, message(id="first"))
        began = receipt.at
        hands.go_on(1000)
        for seconds in (0, 10):
            hands.wall += step if seconds == 0 else -step
            for _ in range(3):
                hands.go_on(3)
                await broker.upkeep()
                (receipt,) = await store(broker, message())
                assert abs(receipt.at - (began + hands.elapsed * 1000)) < 3000, "stamped by the step"
            assert await broker.directory.sanctions() == [ban] and list(await broker.directory.rooms()) == ["lobby"]
            assert (await store(broker, message(id="first")))[0].duplicate
        hands.wall += step
        await broker.upkeep()
        hands.go_on(BELIEVED + 1)
        await broker.upkeep()
        for wait in (1, 500, 90):
            hands.go_on(wait)
            await broker.upkeep()
            (receipt,) = await store(broker, message())
            assert abs(receipt.at - hands.wall * 1000) < 3000, "not the clock's time again"
        assert list(await broker.directory.rooms()) == ["lobby"]
        assert (await store(broker, message(id="first")))[0].duplicate


async def test_what_is_old_goes_once_the_clock_is_steady(path: str) -> None:
    """The control run: a room that is silent for longer than it may be."""
    hands = Time()
    async with opened(make(path, days=2, clock=hands.clock)) as (broker, _):
        await store(broker, message("old"))
        hands.go_on(2 * DAY + 1)
        await broker.upkeep()
        assert await broker.directory.rooms() == {}


async def test_a_correction_of_the_clock_does_not_show(path: str) -> None:
    """Times of a room stay in order over a small step back."""
    hands = Time()
    at = 0
    async with opened(make(path, clock=hands.clock)) as (broker, _):
        for step in (1.0, -1.5, 0.2, -0.1, 1.0):
            hands.go_on(0.1)
            hands.wall += step
            (receipt,) = await store(broker, message())
            assert receipt.at >= at
            at = receipt.at


async def test_read_positions_are_bounded(path: str) -> None:
    """For a user the rooms read in last; in a room those who read furthest."""
    hands = Time()
    async with opened(make(path, clock=hands.clock)) as (broker, _):
        for number in range(UNREAD_ROOMS + 20):
            hands.go_on(1)
            await store(broker, message(f"room{number}", person=BOB))
            await broker.directory.mark_read(f"room{number}", {"u1": 1})
        kept = await broker.directory.unread("u1")
        assert list(kept) == [f"room{number}" for number in range(UNREAD_ROOMS + 19, 19, -1)]
        await store(broker, *(message("large", person=BOB) for _ in range(10)))
        for start in range(0, READERS_LIMIT + 2000, 500):
            far = {f"p{number}": 1 + number % 10 for number in range(start, start + 500)}
            await broker.directory.mark_read("large", far)
        furthest = [f"p{number}" for number in range(9, READERS_LIMIT + 2000, 10)]
        assert len(await broker.directory.reads("large", furthest)) == 1200
    assert READERS_LIMIT <= rows(path, "reads") - UNREAD_ROOMS <= READERS_LIMIT * 1.1


@pytest.mark.expects_log("the upkeep failed")
async def test_the_upkeep_comes_by_itself(path: str) -> None:
    """Again and again, whatever becomes of one round."""
    rounds = []

    class Failing(File):
        def answer(self, works: Sequence[Work]) -> list[Any]:
            rounds.append(len(works))
            return [ZeroDivisionError()] * len(works) if len(rounds) == 1 else super().answer(works)

    file = Failing(path, CLOCK)
    async with opened(make(path, file=file, upkeep_interval=0.02)) as (broker, _):
        await until(lambda: rounds, "a first round")
        file.writable = False  # as a refusing disk leaves it
        await until(lambda: broker.available, "the disk tried again")


async def test_the_upkeep_clears_what_ran_out(path: str) -> None:
    """Names that nobody holds are free and tickets gone; what it leaves is what is still true."""
    async with opened(make(path)) as (broker, _):
        await broker.presence.enter("", [ADA])
        assert not await broker.directory.claim_name("ada", "u2", 0.01)
        await broker.directory.claim_name("gone", "u2", 0.01)
        await broker.directory.put_ticket("t", b"x", 0.01)
        assert await broker.directory.charge("u1", 10, 0, 0) == 0  # switched off
        await asyncio.sleep(0.05)
        await broker.upkeep()
        assert await broker.directory.take_ticket("t") is None
        assert await broker.directory.claim_name("gone", "u3", 0.01)
        assert not await broker.directory.claim_name("ada", "u3", 0.01)


async def test_a_broken_open_lets_go_of_the_file(path: str) -> None:
    """What fails after the file was locked."""
    write_old(path, 1)
    edit_file(path, "ALTER TABLE sanctions RENAME COLUMN reason TO why")
    for _ in range(2):
        assert "no such column: reason" in refused_open(path)
