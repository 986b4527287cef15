"""The broker on a real Redis at each kind of place: TLS, unix sockets, passwords, rights, databases.

Two processes are at each: what one stores, enters and signals, the other reads and hears.
"""

import json
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio.connection import SSLConnection

from service.brokers import redis
from service.brokers.directory import Sanction
from service.brokers.redis.broker import RedisBroker
from service.brokers.redis.connection import Connector
from service.brokers.redis.url import parse

from .brokers import ADA, Recorder, change, message, opened, publish, store, until
from .harness import (
    UNIT,
    Authority,
    Certificate,
    ChatClient,
    RedisCluster,
    RedisSentinels,
    RedisServer,
    Sentinel,
    free_port,
)
from .serving import serving
from .test_redis_shards import half_moved, lent

OPERATIONS = (Path(__file__).resolve().parents[1] / "docs" / "operations.md").read_text()
loses_redis = pytest.mark.expects_log("WARNING redis (commands|channels): ")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whom the servers' certificates are of."""
    return Authority(tmp_path)


@contextmanager
def with_tls(authority: Authority, certificate: Certificate, clients: str = "no") -> Iterator[tuple[RedisServer, str]]:
    """A Redis with this certificate, and its address. `clients`: whether they need one of the same authority."""
    port = free_port()
    with RedisServer(tls_port=port, **tls_flags(authority, certificate, clients)) as server:
        yield server, f"rediss://127.0.0.1:{port}"


def tls_flags(authority: Authority, certificate: Certificate, clients: str = "no") -> dict[str, str | int]:
    """Lines of redis.conf, but for the port."""
    return {
        "tls_cert_file": str(certificate.certfile),
        "tls_key_file": str(certificate.keyfile),
        "tls_ca_cert_file": str(authority.certificate.certfile),
        "tls_auth_clients": clients,
    }


def at(url: str, **options: Any) -> RedisBroker:
    return RedisBroker(url, history_limit=10, history_days=1, **options)


async def serves(url: str, **options: Any) -> None:
    """Two processes share what there is to share, in a room of their own."""
    room = secrets.token_hex(4)
    async with opened(at(url, **options), room) as (here, _), opened(at(url, **options), room) as (there, heard):
        await store(here, message(room, "over there"))
        await until(lambda: heard.frames(room), "the event")
        page = await there.log.newest(room, 10)
        assert page is not None and [json.loads(frame)["text"] for frame in page.frames] == ["over there"]
        await here.presence.beat()
        await here.presence.enter(room, [ADA])
        await until(lambda: heard.signals, "the signal of who came")
        assert (await there.presence.roster(room)).members == [ADA]
        here.log.signal(room, b'{"from":"here"}')
        await until(lambda: (room, {"from": "here"}) in heard.signals, "the signal")


async def refused(url: str, caplog: pytest.LogCaptureFixture, words: str, **options: Any) -> None:
    """No connection is made, and both say why."""
    caplog.clear()
    broker = at(url, **options)
    await broker.open(Recorder())
    try:
        for connection in ("commands", "channels"):
            said = re.compile(f"redis {connection}: .*({words})")
            await until(lambda said=said: said.search(caplog.text), f"{words}, of {connection}")  # type: ignore[misc]
        assert not broker.available
    finally:
        await broker.close()


# -- TLS


@loses_redis
async def test_an_authority_of_ones_own(authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The server's certificate is checked against it; by another, or by the system's, it is refused."""
    other = Authority(tmp_path, "other").certificate.certfile
    with with_tls(authority, authority.issue("server")) as (server, url):
        await serves(f"{url}/0?ssl_ca_certs={authority.certificate.certfile}")
        # TLS takes its leave first: both sides say so before a socket is closed.
        await until(lambda: "name=parley-" not in server.cli("CLIENT", "LIST"), "the connections closed")
        for query in (f"?ssl_ca_certs={other}", ""):
            await refused(url + query, caplog, "CERTIFICATE_VERIFY_FAILED")


@loses_redis
async def test_a_certificate_names_its_host(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """One of another host is refused, unless the name is not to be checked."""
    with with_tls(authority, authority.issue("server", host="127.0.0.9")) as (_, url):
        url += f"?ssl_ca_certs={authority.certificate.certfile}"
        await refused(url, caplog, "certificate is not valid for '127.0.0.1'")
        await serves(url + "&ssl_check_hostname=no")


@loses_redis
async def test_a_redis_that_asks_for_certificates(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Ours is shown. Without one, or with another authority's, the server hangs up: with a word, if it arrives."""
    ours, theirs = authority.issue("client"), Authority(tmp_path, "other").issue("stranger")
    with with_tls(authority, authority.issue("server"), clients="yes") as (_, url):
        url += f"?ssl_ca_certs={authority.certificate.certfile}"
        shown = "&ssl_certfile={0.certfile}&ssl_keyfile={0.keyfile}"
        await serves(url + shown.format(ours))
        for query in ("", shown.format(theirs)):
            await refused(url + query, caplog, "ALERT|reset by peer|closed by server|Broken pipe")


@loses_redis
async def test_a_certificate_that_redis_signed_itself(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Taken on Heroku, where there is no other, unless it is said whom to trust. Elsewhere it could be anybody's."""
    other = Authority(tmp_path, "other").certificate.certfile
    with with_tls(authority, authority.certificate) as (_, url):
        await refused(url, caplog, "CERTIFICATE_VERIFY_FAILED")
        await serves(url, self_signed=True)
        await serves(url + "?ssl_cert_reqs=CERT_NONE")
        await serves(url + f"?ssl_ca_certs={authority.certificate.certfile}")
        for query in (f"?ssl_ca_certs={other}", "?ssl_cert_reqs=required"):
            await refused(url + query, caplog, "CERTIFICATE_VERIFY_FAILED", self_signed=True)


async def test_the_service_on_heroku(authority: Authority) -> None:
    """`DYNO` is what lets it take such a certificate; the rest of what it changes is set back here."""
    dyno = {"DYNO": "web.1", "HOST": "127.0.0.1", "FORCE_HTTPS": "0", "TRUSTED_PROXIES": "0"}
    with with_tls(authority, authority.certificate) as (_, url):
        async with serving(dyno | {"REDIS_TLS_URL": url}) as it, ChatClient.open(it.url, "Ada") as ada:
            await ada.join("lobby")
            sent = await ada.send("lobby", "hello")
            assert sent["seq"] == 1


# -- unix sockets


async def test_a_unix_socket(tmp_path: Path) -> None:
    """With a space in its path, a user, a password, and a database of its own."""
    path = tmp_path / "a redis.sock"
    shown = str(path).replace(" ", "%20")
    with RedisServer(unixsocket=f'"{path}"') as server:
        await serves(f"unix://{shown}")
        assert server.cli("-n", 0, "DBSIZE") != "0"
        server.cli("FLUSHALL")
        server.cli("ACL", "SETUSER", "ada", "on", ">w/rd", "~*", "&*", "+@all")
        await serves(f"unix://ada:w%2Frd@{shown}?db=2")
        assert server.cli("-n", 2, "DBSIZE") != "0"
        assert server.cli("-n", 0, "DBSIZE") == "0"


@loses_redis
async def test_a_socket_that_is_not_there_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By its path, with the system's words."""
    await refused(f"unix://{tmp_path}/r.sock", caplog, f"{tmp_path}/r.sock. No such file or directory")


# -- users and rights


@loses_redis
async def test_a_password_without_a_user(caplog: pytest.LogCaptureFixture) -> None:
    """The server's only one (`requirepass`). A wrong one, or none, is said, and nothing of it is shown."""
    with RedisServer() as server:
        server.cli("CONFIG", "SET", "requirepass", "w@rd")
        await serves(server.url.replace("://", "://:w%40rd@"))
        await serves(server.url.replace("://", "://default:w%40rd@"))
        await refused(server.url, caplog, "NOAUTH")
        await refused(server.url.replace("://", "://:hunter2@"), caplog, "WRONGPASS")
        await refused(server.url.replace("://", "://ada:hunter2@"), caplog, "WRONGPASS")
        assert "hunter2" not in caplog.text


def test_an_authority_that_is_named_is_the_only_one(authority: Authority) -> None:
    """The system's know of every host there is."""
    ours = authority.certificate.certfile

    def trusted(query: str) -> int:
        connection = Connector(parse(f"rediss://h{query}"), "name").make()
        assert isinstance(connection, SSLConnection)
        return len(connection.ssl_context.get().get_ca_certs())

    assert (trusted(f"?ssl_ca_certs={ours}"), trusted("?ssl_cert_reqs=none")) == (1, 0)


def rights() -> list[str]:
    """What docs/operations.md gives the service's user."""
    (words,) = re.findall(r"^ +ACL SETUSER (parley on .*?)\n\n", OPERATIONS, re.DOTALL | re.MULTILINE)
    return str(words).split()


@contextmanager
def modest(url: str, servers: Sequence[RedisServer]) -> Iterator[str]:
    """The URL of a user on all of them who has these rights and no more; nobody may be refused anything meanwhile."""
    for server in servers:
        server.cli("ACL", "SETUSER", *rights())
        server.cli("ACL", "LOG", "RESET")
    (password,) = (word[1:] for word in rights() if word.startswith(">"))
    yield url.replace("://", f"://parley:{password}@")
    refused = [server.cli("ACL", "LOG") for server in servers]
    for server in servers:
        server.cli("ACL", "DELUSER", "parley")
    assert not any(refused)


# Commands of which the service uses some subcommands only.
PARTS = {
    "cluster": ["cluster|slots"],
    "pubsub": ["pubsub|channels", "pubsub|shardchannels"],
    "script": ["script|load"],
}


def test_the_rights_are_those_of_the_code(redis_server: RedisServer) -> None:
    """Each command that the service uses, and no other, on its own keys and channels alone."""
    known = set(redis_server.cli("COMMAND", "LIST").split())
    used = set()
    for path in Path(redis.__file__).parent.iterdir():
        if path.suffix in (".py", ".lua") and path.name != "refusals.py":  # of what Redis answers
            used |= {word.lower() for word in re.findall(r"[\"']([A-Z]+)[\"']", path.read_text())} & known
    given = {word[1:] for word in rights() if word.startswith("+")}
    # At the begin of a connection redis-py gives it its name, and chooses the database.
    assert given == used - PARTS.keys() | {part for parts in PARTS.values() for part in parts} | {
        "client|setname",
        "select",
    }
    others = [word for word in rights() if word[0] not in "+>"]
    assert others == ["parley", "on", "~parley:*", "&parley:*", "-@all"]


async def test_a_user_who_has_the_rights_that_are_needed(redis_server: RedisServer, redis_url: str) -> None:
    """All that the contracts offer is done; Redis refuses nothing."""
    with modest(redis_url, [redis_server]) as url:
        await serves(url)
        await serves(url.replace("/0", "/1"))
        async with opened(at(url), "lobby") as (broker, _):
            await use(broker)


@pytest.mark.parametrize("copies", [0, 1])
async def test_the_rights_suffice_under_sentinels(
    redis_sentinels: RedisSentinels, sentinel_url: str, copies: int
) -> None:
    """`+role` is asked for with each connection, `+wait` with each batch; another database than 0 is selected."""
    with modest(sentinel_url, redis_sentinels.servers) as url:
        await serves(url.removesuffix("/0") + "/2", copies=copies, copies_seconds=10 * UNIT)
        assert redis_sentinels.master.cli("-n", 2, "DBSIZE") != "0"
        assert redis_sentinels.master.cli("-n", 0, "DBSIZE") == "0"
        async with opened(at(url, copies=copies, copies_seconds=10 * UNIT), "lobby") as (broker, _):
            await use(broker)


@pytest.mark.parametrize("copies", [0, 1])
async def test_the_rights_suffice_on_a_cluster(redis_cluster: RedisCluster, cluster_url: str, copies: int) -> None:
    """Sharded channels, and a room whose slot moves away and back under it: `+asking`."""
    with modest(cluster_url, redis_cluster.nodes) as url:
        await serves(url, copies=copies, copies_seconds=10 * UNIT)
        async with opened(at(url, copies=copies, copies_seconds=10 * UNIT), "lobby") as (broker, heard):
            await use(broker)
            await store(broker, first := message())
            asked = redis_cluster.refusals("ASK")
            with lent(redis_cluster, "lobby") as (slot, there):
                keys = int(redis_cluster.owner(slot).cli("CLUSTER", "COUNTKEYSINSLOT", slot))
                async with half_moved(redis_cluster, slot, there, keys):
                    assert await broker.log.knows(first)
                assert redis_cluster.refusals("ASK") > asked
            await store(broker, message(text="moved"))
            await until(lambda: "moved" in str(heard.frames("lobby")), "the event")


# -- Sentinels and clusters by credentials and TLS


@loses_redis
async def test_sentinels_with_users_of_their_own(
    redis_sentinels: RedisSentinels, sentinel_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One user for the Sentinels, another for the Redis, whose database is another than 0."""
    master = redis_sentinels.master
    lines = {"user watcher": "on >w/rd -@all +sentinel|get-master-addr-by-name", "requirepass": "other"}
    with watching(master.port, **lines) as sentinel:
        master.cli("ACL", "SETUSER", "ada", "on", ">a@b", "~*", "&*", "+@all")
        place = f"127.0.0.1:{sentinel.port}/watched/3"
        await serves(f"redis+sentinel://ada:a%40b@{place}?sentinel_username=watcher&sentinel_password=w%2Frd")
        assert master.cli("-n", 3, "DBSIZE") != "0"
        wrong = f"redis+sentinel://ada:a%40b@{place}?sentinel_username=watcher&sentinel_password=other"
        await refused(wrong, caplog, "WRONGPASS")
        await refused(f"redis+sentinel://watcher:w%2Frd@{place}?sentinel_password=other", caplog, "WRONGPASS")
        master.cli("ACL", "DELUSER", "ada")


async def test_a_cluster_with_a_user(redis_cluster: RedisCluster, cluster_url: str) -> None:
    """Each node knows the user; the map is asked for with the same credentials."""
    for node in redis_cluster.nodes:
        node.cli("ACL", "SETUSER", "ada", "on", ">a@b", "~*", "&*", "+@all")
    async with opened(at(cluster_url.replace("://", "://ada:a%40b@"))) as (broker, _):
        assert len(broker.shards.shards) == 3
        for node in redis_cluster.primaries():
            named = [line for line in node.cli("CLIENT", "LIST").splitlines() if "name=parley-" in line]
            assert len(named) == 2 and all(" user=ada " in line for line in named)
    await serves(cluster_url.replace("://", "://ada:a%40b@"))
    for node in redis_cluster.nodes:
        node.cli("ACL", "DELUSER", "ada")


@loses_redis
async def test_sentinels_by_tls(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """They and the Redis that they name are spoken to in the same way."""
    certificate, port = authority.issue("server"), free_port()
    with with_tls(authority, certificate) as (_, url):
        flags = tls_flags(authority, certificate) | {"tls_port": port, "tls_replication": "yes"}
        with watching(int(url.rpartition(":")[2]), **flags):
            place = f"rediss+sentinel://127.0.0.1:{port}/watched/1"
            await serves(f"{place}?ssl_ca_certs={authority.certificate.certfile}")
            await refused(place, caplog, "CERTIFICATE_VERIFY_FAILED")


async def test_a_cluster_by_tls(authority: Authority) -> None:
    """The map names the nodes' ports for TLS."""
    flags: dict[str, Any] = tls_flags(authority, authority.issue("server")) | {"tls_cluster": "yes"}
    with RedisCluster(replicas=0, **flags) as cluster:
        url = f"{cluster.tls_url}?ssl_ca_certs={authority.certificate.certfile}"
        rooms = [f"room-{number}" for number in range(20)]
        async with opened(at(url), *rooms) as (broker, heard):
            await store(broker, *map(message, rooms))
            await until(lambda: all(heard.frames(room) for room in rooms), "the events")
            assert len(broker.shards.shards) == 3
        await serves(url)


@contextmanager
def watching(port: int, **lines: str | int) -> Iterator[Sentinel]:
    """One that calls the server on this port `watched`, whatever it is, and does nothing about it."""
    watched: dict[str, str | int] = {
        "sentinel monitor watched": f"127.0.0.1 {port} 9",
        "sentinel down-after-milliseconds watched": 10**9,
    }
    with Sentinel(**watched, **lines) as sentinel:
        yield sentinel


async def use(broker: RedisBroker) -> None:
    """Each call of the contracts."""
    seq = (await store(broker, message()))[0].seq
    changes: list[tuple[str, dict[str, Any]]] = [("edit", {"text": "t"}), ("react", {"emoji": "👍"}), ("remove", {})]
    for kind, fields in changes:
        await store(broker, change(kind, seq, **fields))
    position = (await broker.log.positions(["lobby"]))["lobby"]
    assert position is not None and await broker.log.after("lobby", seq, 10) and await broker.log.newest("lobby", 10)
    assert await broker.log.newest("begun", 10, create=True)
    await broker.log.keep(["begun"])
    await broker.log.renew_epoch("lobby", position)
    await broker.try_write()
    for room in ("", "lobby"):
        await broker.presence.enter(room, [ADA])
        assert (await broker.presence.roster(room)).count == 1
        await broker.presence.depart(room, [ADA.id])
    await broker.presence.beat()
    directory = broker.directory
    await directory.put_ticket("key", b"record", 5)
    assert await directory.take_ticket("key") == b"record"
    assert await directory.claim_name("ada", ADA.id, 5)
    await directory.release_name(ADA.id)
    await directory.mark_read("lobby", {ADA.id: seq})
    assert await directory.reads("lobby", [ADA.id]) == {ADA.id: seq}
    assert await directory.unread(ADA.id) == {"lobby": 0}
    assert "lobby" in await directory.rooms() and await directory.room_count()
    ban = Sanction("ban", "lobby", "u9", 0, "mod", "")
    await directory.sanction(ban, lift=False)
    assert await directory.ban("lobby", "u9") == ban and await directory.sanctions() == [ban]
    await directory.sanction(ban, lift=True)
    await directory.note_networks([(ADA.id, "192.0.2.1")])
    assert await directory.networks(ADA.id) == ["192.0.2.1"]
    assert await directory.charge(ADA.id, 1, 10, 10) == 0
    deliveries = broker.deliveries
    assert not await deliveries.begun()
    await deliveries.begin()
    await deliveries.skip({"lobby": position})
    assert await deliveries.take("lobby", "a", 5) and await deliveries.save("lobby", "a", position, 5)
    await deliveries.release("lobby", "a")
    assert await deliveries.settle("key", b"{}", 5) == await deliveries.settle("key", b"", 5) == b"{}"
    assert not await broker.log.knows(message())


# -- databases


@pytest.mark.parametrize(("other", "apart"), [("?db=2", True), ("/2", True), ("?db=0", False), ("/", False)])
async def test_databases_of_one_server_are_apart(redis_server: RedisServer, other: str, apart: bool) -> None:
    """Names, people, signals and messages, however the database is written: keys and channels are of one source."""
    redis_server.cli("FLUSHALL")
    place = f"redis://127.0.0.1:{redis_server.port}"
    async with AsyncExitStack() as stack:
        here, heard = await stack.enter_async_context(opened(at(place + "/0"), "lobby"))
        there, _ = await stack.enter_async_context(opened(at(place + other), "lobby"))
        there.log.signal("lobby", b'{"from":"there"}')
        await publish(there, message("lobby"))
        await there.presence.beat()
        await there.presence.enter("lobby", [ADA])
        here.log.signal("lobby", b'{"from":"here"}')
        await until(lambda: ("lobby", {"from": "here"}) in heard.signals, "our own signal")
        assert (len(heard.signals) == 1) is apart
        assert (heard.frames("lobby") == []) is apart
        assert ((await here.presence.roster("lobby")).count == 0) is apart
        assert await there.directory.claim_name("ada", "u1", 5)
        assert await here.directory.claim_name("ada", "u2", 5) is apart


# -- what Redis does at its memory's end


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "noeviction"])
@pytest.mark.expects_log("maxmemory-policy is|redis (commands|channels): ")
async def test_a_policy_that_deletes_is_warned_of(policy: str, caplog: pytest.LogCaptureFixture) -> None:
    """Once, not at every connection."""

    def said(words: str) -> list[str]:
        return [record.message for record in caplog.records if words in record.message]

    with RedisServer(maxmemory_policy=policy) as server:
        async with opened(RedisBroker(server.url, history_limit=10, history_days=1)) as (broker, _):
            server.cli("CLIENT", "KILL", "TYPE", "normal")
            await until(lambda: said("redis commands: "), "the connection lost")
            await until(lambda: broker.available, "back")
    warned = said("maxmemory-policy is")
    assert len(warned) == (0 if policy == "noeviction" else 1)
    assert all(policy in line for line in warned)


async def test_a_user_who_may_not_ask_for_the_policy(redis_server: RedisServer) -> None:
    """Serves all the same, and nothing is said."""
    redis_server.cli("ACL", "SETUSER", "modest", "on", ">word", "~*", "&*", "+@all", "-info", "-config")
    url = redis_server.url.replace("://", "://modest:word@")
    async with opened(RedisBroker(url, history_limit=10, history_days=1)) as (broker, _):
        await until(lambda: broker.available, "available")
        await broker.directory.put_ticket("key", b"record", 5)
        assert await broker.directory.take_ticket("key") == b"record"
