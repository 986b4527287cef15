"""Taking somebody out of the rooms on Redis: forget.lua does each step."""

import re

from service.brokers.marks import GONE
from service.brokers.redis.commands import Lane
from service.brokers.redis.shards import Shards
from service.brokers.redis.steps import room_script, unless_damaged
from service.protocol import encode

FORGET_SCRIPT_STEP = 500  # messages, and changes, that a script looks at; some 2 ms
FORGET_COST = 16  # of such a step: two of them fill a pipeline of reads


async def messages_of(shards: Shards, room: str, user: str) -> list[int]:
    """Log.messages_of."""
    (key,) = shards.keys.room(room, "authors")
    start = b"[" + _prefix(user)  # a seq follows, in 16 digits
    first_and_last = (start + b"0" * 16, start + b"9" * 16)
    found = await unless_damaged(shards.call("ZRANGEBYLEX", key, *first_and_last, lane=Lane.READS), [], "author", key)
    return [int(member[-16:]) for member in found]


async def forget_user(shards: Shards, room: str, user: str) -> None:
    """Log.forget_user."""
    up_to = b"0"
    while up_to:
        args = (user, encode(user), encode(GONE), up_to, FORGET_SCRIPT_STEP)
        up_to = await room_script(shards, "forget", room, *args, lane=Lane.READS, cost=FORGET_COST)
    for key in shards.keys.room(room, "ids", "ids:old"):
        await unless_damaged(_forget_ids(shards, key, user), None)


async def _forget_ids(shards: Shards, key: str, user: str) -> None:
    match, cursor = re.sub(rb"[*?\[\]\\]", rb"\\\g<0>", _prefix(user)) + b"*", b"0"
    while True:
        scan = shards.call(
            "HSCAN", key, cursor, "MATCH", match, "COUNT", FORGET_SCRIPT_STEP, lane=Lane.READS, cost=FORGET_COST
        )
        cursor, found = await scan
        if found:
            await shards.call("HDEL", key, *found[::2])
        if cursor == b"0":
            return


def _prefix(user: str) -> bytes:
    """As log.lua has it before a seq or an id: no user's is the beginning of another's."""
    id = user.encode()
    return b"%d:%b" % (len(id), id)
