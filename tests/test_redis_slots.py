"""service/brokers/redis/slots.py against real servers: the slot of a key, and who has which by a node's word."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from service.brokers.redis.connection import Connector
from service.brokers.redis.keys import EVERYWHERE_TAG, Keyspace
from service.brokers.redis.slots import SLOTS, NodeAddress, by_slot, read_map, slot_of, tag_of
from service.brokers.redis.url import parse

from .harness import ClusterNode, RedisCluster

ASKED = ("asked", 7000)
PIECES = ["{", "}", "{}", "{a}", "}{", "{{", "}}", "a", "room", "ü", "\0", "\n", "*", ":", "🙂", "{ü}", ""]


@pytest.fixture(scope="module")
def node() -> Iterator[redis.Redis]:
    """One node, which needs no others to count slots."""
    with ClusterNode() as node, redis.Redis(port=node.port) as client:
        yield client


def test_a_slot_is_what_redis_says(node: redis.Redis, seed: int) -> None:
    """Of a thousand keys with braces of every kind, in text and in bytes that are none."""
    chance = random.Random(seed)
    keys: list[bytes] = [b"", b"{", b"}", b"{}", b"{}{a}", b"a{b}c", b"{a}{b}", b"a{}b{c}", b"{{a}}", b"}{a}", b"{a"]
    for _ in range(700):
        keys.append("".join(chance.choices(PIECES, k=chance.randint(1, 8))).encode())
    for _ in range(300):
        keys.append(chance.randbytes(chance.randint(0, 12)) + chance.choice([b"", b"{", b"{x}", b"}"]))
    with node.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.execute_command("CLUSTER", "KEYSLOT", key)
        assert [slot_of(key) for key in keys] == pipeline.execute()
    for key in keys[:711]:
        assert slot_of(key.decode()) == slot_of(key)


def test_a_slot_has_a_tag(node: redis.Redis) -> None:
    """Short, and found quickly enough for a probe of each primary."""
    for slot in (0, 1, 5460, 5461, 8191, SLOTS - 1):
        tag = tag_of(slot)
        assert node.execute_command("CLUSTER", "KEYSLOT", f"x{{{tag}}}y") == slot
        assert tag.isdigit() and len(tag) <= 7


@pytest.mark.parametrize("prefix", ["parley", "a.b-c_d"])
def test_all_of_a_room_has_its_slot(node: redis.Redis, prefix: str) -> None:
    """Its keys and its channel: each step is one script, which also broadcasts."""
    keys = Keyspace(prefix)
    for room in ("lobby", "a-b_c", "0", EVERYWHERE_TAG):
        channel = keys.channel("" if room == EVERYWHERE_TAG else room)
        slot = node.execute_command("CLUSTER", "KEYSLOT", channel)
        named = (*keys.of_script(room), *keys.room(room, "sanctions", "barred", "people", "people:0123"))
        assert {slot_of(key) for key in named} == {slot} == {slot_of(channel)}
    assert {slot_of(keys.processes), slot_of(keys.noted("0123"))} == {slot_of(keys.channel(""))}


def test_keys_are_grouped_by_slot() -> None:
    """By their indices, in the order of asking."""
    assert list(by_slot([])) == []
    assert list(by_slot(["{a}1", "{b}1", "{a}2", "a", "{b}2"])) == [[0, 2, 3], [1, 4]]


# -- maps


async def answer(url: str, address: NodeAddress) -> Any:
    """What a node says to CLUSTER SLOTS, as shards.py asks for it."""
    connection = await Connector(parse(url), "parley-test").open(*address)
    try:
        await connection.send_command("CLUSTER", "SLOTS")
        return await connection.read_response(disable_decoding=True)
    finally:
        await connection.disconnect()


async def test_each_node_tells_the_same_map(redis_cluster: RedisCluster, cluster_url: str) -> None:
    """Every slot once, with its primary; and the nodes."""
    nodes = {("127.0.0.1", node.port) for node in redis_cluster.nodes}
    owners = {slot: redis_cluster.owner(slot).port for slot in (0, 5000, 9000, SLOTS - 1)}
    for node in redis_cluster.nodes:
        found = read_map(await answer(cluster_url, ("127.0.0.1", node.port)), ASKED)
        ranges = sorted(found.ranges)
        assert [first for first, _, _ in ranges] == [0, *(last + 1 for _, last, _ in ranges[:-1])]
        assert ranges[-1][1] == SLOTS - 1
        for slot, port in owners.items():
            assert ("127.0.0.1", port) in [address for first, last, address in ranges if first <= slot <= last]
        # A replica stands there once it has had some data.
        assert {address for _, _, address in ranges} <= set(found.nodes) <= nodes


async def test_a_node_that_was_never_met_knows_no_host_of_its_own() -> None:
    """So it is where it was asked; without any slots its map is none."""
    with ClusterNode() as node:
        url = f"redis+cluster://127.0.0.1:{node.port}/"
        with pytest.raises(ValueError, match="knows of no slots"):
            read_map(await answer(url, ("127.0.0.1", node.port)), ASKED)
        node.cli("CLUSTER", "ADDSLOTSRANGE", 0, 99, 200, 200)
        found = read_map(await answer(url, ("127.0.0.1", node.port)), ASKED)
        assert found.ranges == [(0, 99, ("asked", node.port)), (200, 200, ("asked", node.port))]


@pytest.mark.parametrize("host", [None, b"", b"?"])
def test_a_host_that_is_not_told_is_the_one_that_was_asked(host: bytes | None) -> None:
    """As `cluster-preferred-endpoint-type unknown-endpoint` has it, and `hostname` without one."""
    found = read_map([[0, 5, [host, 7001, b"id", []], [b"h2", 7002, b"id", []]], [6, 9, [b"h3", 7003]]], ASKED)
    assert found.ranges == [(0, 5, ("asked", 7001)), (6, 9, ("h3", 7003))]
    assert found.nodes == [("asked", 7001), ("h2", 7002), ("h3", 7003)]


@pytest.mark.parametrize(
    "garbage",
    [
        None, 0, b"OK", [], [[]], [None], [[0]], [[0, 5]], [[0, 5, None]], [[0, 5, []]], [[0, 5, [b"h"]]],
        [[0, 5, [b"h", b"x"]]], [[0, 5, [b"h", None]]], [[b"x", 5, [b"h", 1]]], [[0, None, [b"h", 1]]],
        [[0, 5, [b"\xff\xff", 1]]], [[0, 5, [7, 1]]], [[0, 5, b"h"]], [[0, SLOTS, [b"h", 1]]], [[-1, 5, [b"h", 1]]],
        [[5, 0, [b"h", 1]]], [[0, 5, [b"h", 1]], [6, 9]], {b"slots": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_map_is_refused(garbage: Any) -> None:
    """Another node is asked then."""
    with pytest.raises(ValueError, match=r"CLUSTER SLOTS|knows of no slots"):
        read_map(garbage, ASKED)
