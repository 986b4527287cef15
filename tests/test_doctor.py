"""service/doctor/: each fault that is planted is found by name, on real parts; and nothing on what is well."""

import asyncio
import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from service.brokers.redis.url import parse
from service.config import load
from service.doctor import database, tls
from service.doctor.context import Context
from service.doctor.examination import Examination, examine_all
from service.doctor.redis_server import Primary
from service.findings import Finding

from .harness import (
    JWT_SECRET,
    SECRET_KEY,
    UNIT,
    Authority,
    RedisSentinels,
    RedisServer,
    ServiceProcess,
    SteppedClock,
    free_port,
    service_env,
)
from .harness.service_process import ROOT
from .jwks_server import jwks_server
from .serving import serving

pytestmark = pytest.mark.expects_log("WARNING (redis|service)")  # what the command itself keeps quiet of
METRICS_TOKEN = "a-token-for-tests-0123456789-abcdefgh"
WELL = {"PORT": "0", "SQLITE_PATH": ":memory:", "SECRET_KEY": SECRET_KEY}
BAD_KEY = "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----"
REDIS = {"REDIS_URL": "redis://127.0.0.1:1"}


async def report(environ: dict[str, str], url: str = "", timeout: float = 2 * UNIT) -> Examination:
    return await examine_all(WELL | environ, url, timeout=timeout)


async def named(environ: dict[str, str], url: str = "", timeout: float = 2 * UNIT) -> dict[str, Finding]:
    """What was found, by name; each says all that it should, and no secret."""
    findings = (await report(environ, url, timeout)).findings
    for finding in findings:
        assert finding.about and finding.cause and finding.consequence and finding.fix
        assert SECRET_KEY not in finding.sentence and JWT_SECRET not in finding.sentence
    return {finding.name: finding for finding in findings}


# -- settings


@pytest.mark.parametrize(
    ("name", "about", "environ"),
    [
        ("setting", "PING_INTERVAL", {"PING_INTERVAL": "100"}),
        ("setting", "TRUSTED_PROXIES", {"TRUSTED_PROXIES": "5"}),
        ("setting", "JWT_PUBLIC_KEY", {"JWT_PUBLIC_KEY": BAD_KEY}),
        ("setting", "WEB_CONCURRENCY", {"WEB_CONCURRENCY": "2"}),
        ("setting", "SQLITE_PATH", {"SQLITE_PATH": "/nonexistent/parley.db"}),
        ("setting", "HOST", {"HOST": "no.such.host.invalid"}),
        ("secret-weak", "SECRET_KEY", {"SECRET_KEY": "changeme" * 5}),
        ("secret-shared", "METRICS_TOKEN", {"METRICS_TOKEN": SECRET_KEY}),
        ("metrics-open", "METRICS_TOKEN", {"HOST": "0.0.0.0"}),
        ("https-endless", "FORCE_HTTPS", {"FORCE_HTTPS": "1"}),
        ("nobody-enters", "GUESTS", {"GUESTS": "0"}),
        ("ping-late", "PING_INTERVAL", {"PING_INTERVAL": "45", "TRUSTED_PROXIES": "1"}),
        ("no-effect", "JWT_AUDIENCE", {"JWT_AUDIENCE": "chat"}),
    ],
)
async def test_a_fault_of_settings_is_found(name: str, about: str, environ: dict[str, str]) -> None:
    """That one, and no other."""
    found = await named(environ)
    assert [(finding.name, finding.about) for finding in found.values()] == [(name, about)]


async def test_all_that_can_not_hold_is_found_at_once() -> None:
    """Nobody mends one to hear of the next; and what is around it is looked at all the same."""
    wrong = {"PING_INTERVAL": "100", "HISTORY_DAYS": "x", "JWT_SECRET": "short", "JWT_PUBLIC_KEY": BAD_KEY}
    said = await report(wrong | REDIS, timeout=0.2)
    assert said.status == 2
    abouts = [finding.about for finding in said.findings]
    assert sorted(abouts) == sorted([*wrong, "REDIS_URL"])
    together = await report({"DRAIN_SECONDS": "25", "TEXT_LIMIT": "9000"})
    assert [finding.fix for finding in together.findings] == [
        "unset DRAIN_DELAY DRAIN_SECONDS",
        "unset FRAME_LIMIT TEXT_LIMIT",
    ]


# -- Redis


@pytest.fixture(scope="module")
def clock() -> Iterator[SteppedClock]:
    with SteppedClock() as clock:
        yield clock


@pytest.fixture(scope="module")
def server(clock: SteppedClock) -> Iterator[RedisServer]:
    """A Redis as it should be, to do harm to; its clock can be set."""
    server = RedisServer(appendonly="yes")
    server.environ |= clock.environ
    with server:
        yield server


Undo = Callable[[], object]


def configured(name: str, value: str, before: str) -> Callable[[RedisServer], Undo]:
    def plant(server: RedisServer) -> Undo:
        server.cli("CONFIG", "SET", name, value)
        return lambda: server.cli("CONFIG", "SET", name, before)

    return plant


def nearly_full(server: RedisServer) -> Undo:
    used = int(server.cli("INFO", "memory").partition("used_memory:")[2].split()[0])
    server.cli("CONFIG", "SET", "maxmemory", int(used * 1.2))  # what is used goes up and down by some percents
    return lambda: server.cli("CONFIG", "SET", "maxmemory", 0)


def replica(server: RedisServer) -> Undo:
    server.cli("REPLICAOF", "127.0.0.1", server.port)  # of itself, which it never reaches
    return lambda: server.cli("REPLICAOF", "NO", "ONE")


def in_a_hurry(server: RedisServer) -> Undo:
    file = Path(server.environ["CLOCK_STEP"])
    with file.open("r+") as opened:
        opened.write("90\n")
    return lambda: file.write_text("0\n".ljust(24, "\n"))


def nothing(server: RedisServer) -> Undo:
    return lambda: None


@pytest.mark.parametrize(
    ("name", "plant", "environ"),
    [
        ("redis-eviction", configured("maxmemory-policy", "allkeys-lru", "noeviction"), {}),
        ("redis-persistence", configured("appendonly", "no", "yes"), {}),
        ("redis-memory", nearly_full, {}),
        ("redis-full", configured("maxmemory", "1", "0"), {}),
        ("redis-connections", configured("maxclients", "20", "10000"), {"WEB_CONCURRENCY": "8"}),
        ("redis-copies", nothing, {"REDIS_COPIES": "1", "REDIS_COPIES_SECONDS": "0.05"}),
        ("redis-read-only", replica, {}),
        ("redis-clock", in_a_hurry, {}),
    ],
)
async def test_a_fault_of_redis_is_found(
    server: RedisServer, name: str, plant: Callable[[RedisServer], Undo], environ: dict[str, str]
) -> None:
    """That one, and no other; and nothing before and after."""
    here = {"REDIS_URL": server.url}
    undo = await asyncio.to_thread(plant, server)
    try:
        assert list(await named(here | environ)) == [name]
    finally:
        await asyncio.to_thread(undo)
    assert await named(here) == {}


async def test_a_redis_that_is_away_and_a_password_that_is_wrong(server: RedisServer) -> None:
    """Each by its own name."""
    assert list(await named({"REDIS_URL": f"redis://127.0.0.1:{free_port()}"}, timeout=0.2)) == ["redis-away"]
    server.cli("ACL", "SETUSER", "ada", "on", ">theirs")
    assert list(await named({"REDIS_URL": server.url.replace("://", "://ada:ours@")})) == ["redis-credentials"]


async def test_a_user_who_may_not_ask_is_a_note(server: RedisServer) -> None:
    """What could not be looked at is said, and is nobody's fault."""
    server.cli("ACL", "SETUSER", "bob", "on", ">secret", "~*", "&*", "+@all", "-info")
    said = await report({"REDIS_URL": server.url.replace("://", "://bob:secret@")})
    assert [finding.name for finding in said.findings] == ["not-looked-at"] and said.status == 0


async def test_forms_of_redis_that_are_not_what_the_address_says(
    server: RedisServer, cluster_url: str, sentinel_url: str
) -> None:
    """A node of a cluster as one Redis, one Redis as a cluster, a Sentinel that isn't there."""
    node = cluster_url.removeprefix("redis+cluster://").partition(",")[0]
    assert "redis-is-cluster" in await named({"REDIS_URL": f"redis://{node}"})
    cluster = {"REDIS_URL": f"redis+cluster://127.0.0.1:{server.port}/"}
    assert list(await named(cluster, timeout=0.2)) == ["redis-cluster-down"]
    more = sentinel_url.replace("://", f"://127.0.0.1:{free_port()},")
    assert "sentinel-away" in await named({"REDIS_URL": more})


async def test_sentinels_that_are_too_few_for_a_failover(sentinel_url: str, redis_sentinels: RedisSentinels) -> None:
    """By the word of one of them, which wants more than there are."""
    sentinel = redis_sentinels.sentinels[0]
    sentinel.cli("SENTINEL", "SET", "mymaster", "quorum", 9)
    try:
        found = await named({"REDIS_URL": sentinel_url})
    finally:
        sentinel.cli("SENTINEL", "SET", "mymaster", "quorum", 2)
    assert found["sentinel-quorum"].about == f"127.0.0.1:{sentinel.port}"


async def test_a_public_way_without_tls_is_found() -> None:
    """By the address alone; nobody is asked there. A private one is nobody's business."""
    for host, names in (("8.8.8.8", ["redis-plain"]), ("10.0.0.1", []), ("[::1]", [])):
        context = Context(settings=load(WELL | {"REDIS_URL": f"redis://{host}"}))
        assert [finding.name for finding in await tls.look(context)] == names


@contextmanager
def persistent(servers: Iterable[RedisServer]) -> Iterator[None]:
    """The shared servers keep nothing on disk, which would be found."""
    servers = list(servers)
    try:
        for one in servers:
            one.cli("CONFIG", "SET", "appendonly", "yes")
        yield
    finally:
        for one in servers:
            one.cli("CONFIG", "SET", "appendonly", "no")


@pytest.mark.parametrize("form", ["sentinel", "cluster"])
async def test_nothing_is_found_where_all_is_well(form: str, request: pytest.FixtureRequest) -> None:
    """With Sentinels, and on a cluster, which have replicas."""
    url = request.getfixturevalue(f"{form}_url")
    fixture = request.getfixturevalue("redis_sentinels" if form == "sentinel" else "redis_cluster")
    servers = fixture.servers if form == "sentinel" else fixture.nodes
    with persistent(servers):
        said = await report({"REDIS_URL": url, "REDIS_COPIES": "1", "WEB_CONCURRENCY": "2"}, timeout=5 * UNIT)
    assert said.findings == [] and said.status == 0
    assert said.looked_at == ["settings", "machine", "Redis", "TLS"]


def test_what_a_server_says_of_itself() -> None:
    """An old one, one that could not write its file, replicas that are gone: without a server for each."""
    settings = load(WELL | {"REDIS_URL": "redis+cluster://h/", "SECRET_KEY": SECRET_KEY})

    def said(**info: str) -> list[str]:
        url = parse(settings.redis_url)
        return [one.name for one in Primary(settings, url, "h:6379", "redis-cli -h h -p 6379", info).findings()]

    online = {"slave0": "ip=h,port=1,state=online,offset=1,lag=0"}
    assert said(redis_version="7.0.15", aof_enabled="1", **online) == []
    assert said(redis_version="6.2.9", **online) == ["redis-version"]
    assert said(rdb_last_bgsave_status="err", aof_last_write_status="err", **online) == ["redis-unsaved"]
    assert said(slave0="ip=h,port=1,state=wait_bgsave,offset=1,lag=0") == ["redis-replicas"]
    assert said(slave0="ip=h,port=1,state=online,offset=1,lag=11") == ["redis-replicas"]
    assert said(used_memory="9", total_system_memory="10", **online) == ["redis-memory"]


# -- certificates


@contextmanager
def with_tls(folder: Path, days: int) -> Iterator[str]:
    """The address of a Redis whose certificate, and its authority's, hold for so many days."""
    authority = Authority(folder, days=days)
    issued = authority.issue("server")
    flags: dict[str, str | int] = {
        "appendonly": "yes",
        "tls_port": free_port(),
        "tls_cert_file": str(issued.certfile),
        "tls_key_file": str(issued.keyfile),
        "tls_ca_cert_file": str(authority.certificate.certfile),
        "tls_auth_clients": "no",
    }
    with RedisServer(**flags):
        yield f"rediss://127.0.0.1:{flags['tls_port']}?ssl_ca_certs={authority.certificate.certfile}"


async def test_certificates_are_looked_at(tmp_path: Path) -> None:
    """One that is about to run out, one of an authority that is not ours, one that nobody checks; and a good one."""
    with with_tls(tmp_path, days=1) as url:
        found = (await report({"REDIS_URL": url})).findings
        assert {finding.name for finding in found} == {"tls-expiring"} and len(found) == 2  # the authority's own, too
        assert "tls-unchecked" in await named({"REDIS_URL": url + "&ssl_cert_reqs=none&ssl_check_hostname=no"})
    other = tmp_path / "other"
    other.mkdir()
    with with_tls(other, days=90) as url:
        assert await named({"REDIS_URL": url}) == {}
        stranger = url.replace(str(other), str(tmp_path))
        assert {"tls-untrusted", "redis-away"} <= (await named({"REDIS_URL": stranger}, timeout=0.2)).keys()


# -- the embedded broker, the machine


async def test_files_are_looked_at(tmp_path: Path) -> None:
    """One that others may read, one of another program, a damaged one; and one that is well."""
    path = tmp_path / "parley.db"
    environ = {"SQLITE_PATH": str(path), "SECRET_KEY": SECRET_KEY}
    assert await named(environ) == {}
    async with serving(environ):
        pass
    assert await named(environ) == {}
    path.chmod(0o644)
    assert list(await named(environ)) == ["database-open"]
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[4096 + 100 :] = os.urandom(len(data) - 4096 - 100)
    path.write_bytes(data)
    assert list(await named(environ)) == ["database-unreadable"]
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    path.chmod(0o600)
    assert list(await named(environ)) == ["database-unreadable"]


def test_a_file_on_a_network_is_known_by_its_mount() -> None:
    """The longest mount point above it, the later of two at one place; a space in it is written \\040."""
    mounts = "\n".join(
        [
            "22 1 254:0 / / rw - ext4 /dev/vda rw",
            "30 22 0:31 / /srv/data rw shared:1 - nfs4 server:/x rw",
            "31 22 0:32 / /srv/data/own rw - xfs /dev/vdb rw",
            "32 22 0:33 / /srv/two\\040words rw - tmpfs none rw",
            "33 22 0:34 / /srv/two\\040words rw - fuse.sshfs ada@host: rw",
        ]
    )
    for path, kind in (
        ("/srv/parley.db", "ext4"),
        ("/srv/data/parley.db", "nfs4"),
        ("/srv/data/own/parley.db", "xfs"),
        ("/srv/database/parley.db", "ext4"),
        ("/srv/two words/parley.db", "fuse.sshfs"),
    ):
        assert database.file_system(path, mounts) == kind


async def test_a_port_that_is_taken_and_descriptors_that_are_few() -> None:
    """By who is no service of ours; and a limit that one address could use up."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert list(await named({"PORT": str(other.getsockname()[1])}, timeout=0.2)) == ["port-taken"]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY:
        assert list(await named({"CONNECTIONS_LIMIT": str(min(10**9, 2 * hard))})) == ["descriptors-few"]


# -- the command


def run(
    *args: str, environ: Mapping[str, str] = MappingProxyType({}), small_disk: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """The command to its end; `small_disk` is where it finds one of 8 MiB."""
    command = [sys.executable, "-m", "service", "doctor", *args]
    if small_disk is not None:
        mount = f'mount -t tmpfs -o size=8m none "{small_disk}" && exec "$@"'
        command = [
            "unshare",
            "--mount",
            *([] if os.geteuid() == 0 else ["--map-root-user"]),
            "sh",
            "-c",
            mount,
            "-",
            *command,
        ]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=service_env(environ),
        capture_output=True,
        text=True,
        timeout=20 * UNIT,
        check=False,
    )


def test_a_service_that_is_well_and_a_second_process(tmp_path: Path) -> None:
    """Beside the running service nothing is found, by its URL too; for another port its file is taken. In text."""
    environ = {"SQLITE_PATH": str(tmp_path / "parley.db"), "METRICS_TOKEN": METRICS_TOKEN, "PORT": "0"}
    with ServiceProcess(environ) as service:
        done = run(service.url, environ=environ | {"PORT": str(service.port)})
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[1:] == [
            f"looked at: settings, machine, database, {service.url}",
            "",
            "nothing found",
        ]
        done = run(environ=environ)
        assert done.returncode == 2
        _, _, body = done.stdout.partition("\n\n")
        assert body.startswith("error database-taken: SQLITE_PATH is ") and f"kill {service.pid} " in body
        assert body.endswith("\n\n1 error\n") and "    means: " in body and "    type:  " in body


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no Linux")
def test_a_disk_that_is_full_in_json(tmp_path: Path) -> None:
    """One object, with everything that the text has. Where mounts are forbidden it is on a disk that has room."""
    environ = {"SQLITE_PATH": str(tmp_path / "parley.db"), "PORT": "0"}
    done = run("--json", environ=environ, small_disk=tmp_path)
    if "permission denied" in done.stderr or "not permitted" in done.stderr:
        done = run("--json", environ=environ)
        assert json.loads(done.stdout)["findings"] == []
        return
    said = json.loads(done.stdout)
    assert (done.returncode, said["status"], done.stderr) == (2, 2, "")
    (finding,) = said["findings"]
    assert (finding["name"], finding["severity"], finding["about"]) == ("disk-full", "error", "SQLITE_PATH")
    assert finding.keys() == set(Finding.__struct_fields__) and said.keys() == set(Examination.__struct_fields__)


def test_a_word_that_is_no_address_is_refused() -> None:
    """As the options are."""
    for word in ("chat.example.com", "ftp://chat.example.com", "https://ada:secret@chat.example.com"):
        done = run(word)
        assert done.returncode == 2 and "expected an address as http://host" in done.stderr
    assert run("--help").stdout.startswith("usage: python -m service doctor ")


def test_a_terminal_sees_what_is_looked_at() -> None:
    """On one line that is gone in the end; only there."""
    master, slave = os.openpty()
    command = [sys.executable, "-m", "service", "doctor"]
    done = subprocess.run(
        command, cwd=ROOT, env=service_env({"PORT": "0"}), stdout=subprocess.PIPE, stderr=slave, check=True
    )
    os.close(slave)
    seen = os.read(master, 65536).decode()
    os.close(master)
    assert "looking at settings (1 of 3)" in seen and seen.endswith("\r\x1b[K") and "\n" not in seen
    assert done.stdout.endswith(b"nothing found\n")


# -- by its URL


@pytest.mark.parametrize(
    ("names", "served", "asked"),
    [
        ({"address-forged"}, {"TRUSTED_PROXIES": "1"}, {}),
        ({"scheme-forged", "not-looked-at"}, {"TRUSTED_PROXIES": "1", "FORCE_HTTPS": "1"}, {}),
        ({"origin-refused"}, {"ALLOWED_ORIGINS": "https://chat.example.com"}, {}),
        ({"metrics-open"}, {"METRICS_TOKEN": ""}, {}),
        ({"not-looked-at"}, {"TICKET_ADDRESS": "0"}, {}),
        ({"ticket-refused"}, {"GUESTS": "0"}, {"JWT_SECRET": "another-secret-0123456789-abcdefgh"}),
        (set(), {"GUESTS": "0"}, {}),
    ],
)
async def test_a_fault_on_the_way_is_found(names: set[str], served: dict[str, str], asked: dict[str, str]) -> None:
    """By asking as a client does: with headers that it makes up, as its page, without a token."""
    environ = {"METRICS_TOKEN": METRICS_TOKEN, "JWT_SECRET": JWT_SECRET, "SECRET_KEY": SECRET_KEY} | served
    async with serving(environ) as service:
        found = await named(environ | asked, service.url)
    assert found.keys() == names


class _Named(RequestHandler):
    """A proxy that names itself, passes on the health and no more."""

    def get(self) -> None:
        if self.request.path == "/healthz":
            self.finish({"status": "ok"})
        else:
            self.send_error(502)

    post = get


async def test_what_answers_in_the_place_of_the_service() -> None:
    """A proxy that isn't counted and doesn't reach it; another service; nobody."""
    listener, port = bind_unused_port()
    server = HTTPServer(Application([(".*", _Named)], log_function=lambda _: None))
    server.add_socket(listener)
    try:
        found = await named({}, f"http://127.0.0.1:{port}")
        assert found.keys() == {"proxies-few", "not-ready", "ticket-refused"}
    finally:
        server.stop()
        await server.close_all_connections()
    assert list(await named({}, f"http://127.0.0.1:{free_port()}")) == ["url-away"]
    async with jwks_server() as other:
        assert list(await named({}, other.url.removesuffix("/jwks.json"))) == ["url-foreign"]
