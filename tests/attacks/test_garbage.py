"""Garbage on Redis's channels, which anybody may publish who reaches Redis: dropped, counted, and all goes on."""

import asyncio
import json
import random
import re

import redis.asyncio

from ..harness import SECRET_KEY, UNIT, ChatClient, ServiceProcess

DEEP = 100_000

GARBAGE = (
    b"",
    b"\0",
    b"garbage",
    b"\xff\xfe\xfd",
    b"E",
    b"E:",
    b"Eabc",
    b"Eabc:1",
    b"Eabc:\n{}",
    b"Eabc:0\n{}",
    b"Eabc:-5\n{}",
    b"Eabc:1.5\n{}",
    b"Eabc:" + b"9" * 10_000 + b"\n{}",
    b"E\xff:1\n{}",
    b"S",
    b"S{",
    b"Snull",
    b"S[]",
    b"S" + b"[" * DEEP,
    b'S{"kind":"typing","user":' + b'{"a":' * DEEP,
    b'S{"kind":"typing","user":{"id":"a","name":"b","c":' + b"[" * DEEP + b"]" * DEEP + b"}}",
    b'S{"kind":1}',
    b'S{"kind":"none"}',
    b'S{"kind":"__init__"}',
    b'S{"kind":"typing"}',
    b'S{"kind":"typing","user":"Ada"}',
    b'S{"kind":"typing","user":{"id":"a","name":"\xff"}}',
    b'S{"kind":"presence","joined":5,"left":[],"count":1}',
    b'S{"kind":"presence","joined":[],"left":[],"count":1e999}',
    b'S{"kind":"presence","joined":[],"left":[],"count":true}',
    b'S{"kind":"read","reads":{"a":"b"}}',
    b'S{"kind":"read","reads":[]}',
    b'S{"kind":"moderate","action":"explode","user":"u1"}',
    b'S{"kind":"moderate","action":"kick"}',
)
# Publications in order by their form, of counts that the log doesn't know: looked up there, and not believed.
INVENTED = (
    b"Eabc:1\n{}",
    b"Eabc:1\ngarbage\n\n\xff",
    b"E:5\n{}",
    b"E%s:1000\ngarbage",
    b"E%s:99999999999999999999\n{}",
)


async def counted(service: ServiceProcess) -> int:
    """The metric of garbage."""
    _, _, body = await asyncio.to_thread(service.request, "GET", "/metrics")
    found = re.search(rb"^parley_garbage_total (\d+)", body, re.MULTILINE)
    assert found
    return int(found[1])


async def test_garbage_is_dropped_and_counted_and_all_goes_on(redis_url: str, long_form: bool, seed: int) -> None:
    """On a room's channel and on that of all processes; between real messages, none of which is lost."""
    choose = random.Random(seed)
    env = {"REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY, "SEND_RATE": "0", "SEND_RATE_ADDRESS": "0"}
    database = redis_url.rsplit("/", 1)[1]
    channels = [f"parley:{database}:{{lobby}}", f"parley:{database}:{{*}}"]
    with ServiceProcess(env) as service:
        async with (
            redis.asyncio.from_url(redis_url) as attacker,
            ChatClient.open(service.url, "Ada") as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await ada.join("lobby")
            epoch = (await bob.join("lobby"))["epoch"].encode()
            assert await attacker.publish(channels[0], b"garbage") == 1, "nobody listens to that channel"
            published = 1
            for number in range(2000 if long_form else 200):
                data = choose.choice(GARBAGE)
                if number < 2 * len(GARBAGE):
                    data = GARBAGE[number // 2]
                await attacker.publish(channels[number % 2], data)
                published += 1
                if number % 20 == 0:
                    await attacker.publish(channels[0], _mutation(choose, epoch))
                    await ada.send("lobby", f"in between {number}")
                    await bob.expect("message", text=f"in between {number}")
            for data in INVENTED:
                await attacker.publish(channels[0], data.replace(b"%s", epoch))
            await ada.send("lobby", "the last one")
            await bob.expect("message", text="the last one")
            seqs = [frame["seq"] for frame in bob.frames if frame["type"] == "message"]
            assert seqs == list(range(1, len(seqs) + 1))
            assert not [frame for frame in bob.frames if frame["type"] in ("reset", "error")]
            assert await counted(service) >= published
            assert service.ready()
            await asyncio.sleep(0.1 * UNIT)


def _mutation(choose: random.Random, epoch: bytes) -> bytes:
    """A signal in order but for some bytes."""
    data = bytearray(b"S" + json.dumps({"kind": "typing", "user": {"id": "x", "name": "y"}}).encode())
    for _ in range(choose.randint(1, 5)):
        data[choose.randrange(1, len(data))] = choose.randrange(256)
    return bytes(data)
