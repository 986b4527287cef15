"""The slots of a Redis Cluster (redis.io, "Redis cluster specification"): of keys, and of primaries. No I/O."""

import binascii
import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

SLOTS = 16384

NodeAddress = tuple[str, int]
"""Host and port."""
NO_HOST = ("", "?")
"""What stands in the place of one that a node doesn't know, or isn't to say."""


@lru_cache(8192)
def slot_of(key: str | bytes) -> int:
    """CRC16 of the part between the first braces, or of the whole key where there is nothing between them."""
    data = key.encode() if isinstance(key, str) else key
    start = data.find(b"{")
    end = data.find(b"}", start + 1) if start >= 0 else -1
    return _slot(data[start + 1 : end] if end > start + 1 else data)


def _slot(tag: bytes) -> int:
    return binascii.crc_hqx(tag, 0) % SLOTS


@lru_cache(64)
def tag_of(slot: int) -> str:
    """A tag whose keys are in the slot; found by trial, in some ten thousand steps."""
    return str(next(number for number in itertools.count() if _slot(b"%d" % number) == slot))


class Map(Struct, frozen=True):
    """Who has which slots: ranges, both ends included, and their primary; and every node that is known."""

    ranges: list[tuple[int, int, NodeAddress]]
    nodes: list[NodeAddress]


def read_map(answer: Any, asked: NodeAddress) -> Map:
    """CLUSTER SLOTS as a node has it; without a host it is `asked`. Raises ValueError for what is none.

    So it does for an empty one: a node that was never in a cluster, or is in none any more, knows nothing of it.
    """

    def address(node: Any) -> NodeAddress:
        host = node[0].decode() if node[0] else ""
        return (asked[0] if host in NO_HOST else host), int(node[1])

    try:
        ranges = [(int(first), int(last), address(primary)) for first, last, primary, *_ in answer]
        nodes = dict.fromkeys(address(node) for _, _, *nodes in answer for node in nodes)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError(f"not an answer to CLUSTER SLOTS: {error}") from None
    if any(not 0 <= first <= last < SLOTS for first, last, _ in ranges):
        raise ValueError("not an answer to CLUSTER SLOTS: slots out of range")
    if not ranges:
        raise ValueError("it knows of no slots")
    return Map(ranges, list(nodes))


def by_slot(keys: Sequence[str]) -> Iterator[list[int]]:
    """The indices of keys that share a slot: what one command may name."""
    groups: dict[int, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(slot_of(key), []).append(index)
    yield from groups.values()
