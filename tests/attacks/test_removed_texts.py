"""Whoever looks for a text that was removed: by every way of reading, from every place in the log, and in the store."""

import asyncio
import hashlib
import itertools
import json
from base64 import b64encode
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from redis import Redis

from service.protocol import event_content

from ..brokers import redis_contents, until
from ..harness import UNIT, ChatClient, make_jwt
from ..harness.event_stream import EventStream
from ..hook_receiver import Answer, Request, hook_receiver
from ..serving import Served, serving

HISTORY = 30
SECRET = "hunter2"
WAYS = {"join", "history", "resume", "http", "after", "export", "events"}


def in_store(broker_env: dict[str, str], text: str = SECRET) -> bool:
    """Whether the broker's store holds the text anywhere."""
    if "REDIS_URL" in broker_env:
        return text in redis_contents(Redis.from_url(broker_env["REDIS_URL"]))
    path = Path(broker_env["SQLITE_PATH"])
    return any(text.encode() in file.read_bytes() for file in path.parent.glob(path.name + "*"))


async def found_by(it: Served, epoch: str, head: int) -> set[str]:
    """The ways of reading by which somebody who comes now finds the text."""
    ways: set[str] = set()
    async with ChatClient.open(it.url, bearer=make_jwt("u9", "Reader")) as reader:
        joined = await reader.join("lobby", limit=200)
        if SECRET in json.dumps(joined):
            ways.add("join")
        for before in range(1, head + 2, 5):
            if SECRET in json.dumps(await reader.history("lobby", before=before, limit=200)):
                ways.add("history")
        for since in sorted({*range(0, head, 10), *range(min(20, head))}):
            await reader.leave("lobby")
            reader.frames.clear()
            resumed = await reader.join("lobby", since={"epoch": epoch, "seq": since})
            if resumed["resumed"]:
                await reader.recv(seq=head)
            if SECRET in json.dumps(reader.frames if resumed["resumed"] else []):
                ways.add("resume")
    return ways | await found_over_http(it, epoch, head)


async def found_over_http(it: Served, epoch: str, head: int) -> set[str]:
    """The same by requests: pages in both directions, the export, streams that go on from any place."""
    ways: set[str] = set()
    token = make_jwt("u9", "Reader")
    paths = {"http": ["/rooms/lobby/messages?limit=200"], "export": ["/rooms/lobby/export"]}
    paths["after"] = [f"/rooms/lobby/messages?limit=200&after={after}" for after in range(0, head + 1, 5)]
    for way, asked in paths.items():
        asker = make_jwt("s1", "Archive", role="service") if way == "export" else token
        for path in asked:
            answer = await it.fetch(path, Authorization=f"Bearer {asker}")
            assert answer.code == 200, answer.body
            if SECRET.encode() in answer.body:
                ways.add(way)
    for since in range(0, head, 5):
        query = {"since": f"lobby:{epoch}:{since}"}
        headers = {"Origin": it.url, "Authorization": f"Bearer {token}"}
        stream = await EventStream.open(it.url, headers, rooms=["lobby"], method="GET", query=query)
        async with asyncio.timeout(10 * UNIT):
            async for frame in stream:
                if SECRET in frame:
                    ways.add("events")
                # A place that was trimmed is told so, with the newest page; from any other all comes that followed.
                heard = json.loads(frame)
                if heard.get("seq") == head and (heard["type"] != "joined" or not heard["resumed"]):
                    break
        await stream.close()
    return ways


async def write(ada: ChatClient, noise: int) -> tuple[int, int]:
    """A message and edits of it, with the text in each, and `noise` before each; its seq, and the log's end."""
    for _ in range(noise):
        await ada.send("lobby", "noise")
    target = (await ada.send("lobby", f"{SECRET} one"))["seq"]
    for number in range(2):
        for _ in range(noise):
            await ada.send("lobby", "noise")
        edited = await ada.request("edit", room="lobby", id=ada.new_id(), target=target, text=f"{SECRET} {number + 2}")
    return target, edited["seq"]


async def edit_by_backend(it: Served, author: ChatClient, target: int) -> int:
    """Another edit with the text, by PATCH in its author's name; its seq."""
    token = make_jwt("s1", "Archive", role="service")
    edit = {"id": "by-patch", "text": f"{SECRET} by a backend", "user": author.user}
    answer = await it.fetch(f"/rooms/lobby/messages/{target}", "PATCH", edit, Authorization=f"Bearer {token}")
    assert answer.code == 200, answer.body
    return int(json.loads(answer.body)["seq"])


@pytest.mark.parametrize("by", ["author", "moderator"])
async def test_a_removed_text_is_found_nowhere(broker_env: dict[str, str], by: str) -> None:
    """Before its message is trimmed, and when it is and its edits aren't; nor in the store."""
    async with (
        serving(broker_env | {"HISTORY_LIMIT": str(HISTORY)}) as it,
        ChatClient.open(it.url, "Ada") as ada,
        ChatClient.open(it.url, jwt=make_jwt("m1", "Mod", role="moderator")) as mod,
    ):
        epoch = (await ada.join("lobby"))["epoch"]
        await mod.join("lobby")
        target, head = await write(ada, 5)
        head = await edit_by_backend(it, ada, target)
        assert await found_by(it, epoch, head) == WAYS, "the control"
        remover = ada if by == "author" else mod
        removed = await remover.request("remove", room="lobby", id=remover.new_id(), target=target)
        assert await found_by(it, epoch, removed["seq"]) == set()
        await until(lambda: not in_store(broker_env), "the text out of the store", 10 * UNIT)
        for _ in range(5):
            for _ in range(HISTORY):
                head = (await ada.send("lobby", "noise"))["seq"]
            assert await found_by(it, epoch, head) == set()
    assert not in_store(broker_env)


async def test_texts_that_a_crowd_removes_at_once_are_found_nowhere(
    broker_env: dict[str, str], addresses: list[str]
) -> None:
    """Ten say it, edit and remove it in the same batches: each text goes, and no other."""
    async with serving(broker_env) as it, AsyncExitStack() as stack:
        crowd = []
        for number, address in zip(range(10), itertools.cycle(addresses)):
            guest = ChatClient.open(it.url, f"Guest {number}", address=address)
            crowd.append(await stack.enter_async_context(guest))
        joined = [await guest.join("lobby") for guest in crowd]
        await crowd[0].send("lobby", "stays")
        written = await asyncio.gather(*(write(guest, 0) for guest in crowd))
        epoch, head = joined[0]["epoch"], max(edited for _, edited in written)
        assert await found_by(it, epoch, head) == WAYS, "the control"
        removals = (
            guest.request("remove", room="lobby", id=guest.new_id(), target=target)
            for guest, (target, _) in zip(crowd, written, strict=True)
        )
        head = max(removed["seq"] for removed in await asyncio.gather(*removals))
        assert await found_by(it, epoch, head) == set()
        page = await crowd[0].history("lobby", before=2**53 - 1)
        assert [message.get("text") for message in page["messages"]] == ["stays"] + [None] * len(crowd)
        await until(lambda: not in_store(broker_env), "the texts out of the store", 10 * UNIT)


async def test_a_text_of_the_receivers_is_found_nowhere_once_it_is_removed(broker_env: dict[str, str]) -> None:
    """With a question configured: not in the verdict either. The control: before the removal the log has it."""
    async with hook_receiver() as receiver:

        async def reword(request: Request) -> Answer:
            return 200, json.dumps({"verdict": "change", "text": f"{SECRET} {request.data['kind']}"}).encode()

        receiver.behave = reword
        async with serving(receiver.ask_env(**broker_env)) as it, ChatClient.open(it.url, "Ada") as ada:
            await ada.join("lobby")
            target = (await ada.send("lobby", "hello"))["seq"]
            await ada.request("edit", room="lobby", id=ada.new_id(), target=target, text="hello again")
            assert in_store(broker_env), "the control"
            await ada.request("remove", room="lobby", id=ada.new_id(), target=target)
            await until(lambda: not in_store(broker_env), "the text out of the store", 10 * UNIT)


async def test_a_removed_text_can_not_be_found_by_trying(broker_env: dict[str, str]) -> None:
    """What is kept of it for dedupe is nothing that can be made of a text without the secret."""
    async with serving(broker_env) as it, ChatClient.open(it.url, "Ada") as ada:
        await ada.join("lobby")
        target = (await ada.send("lobby", SECRET))["seq"]
        await ada.request("remove", room="lobby", id=ada.new_id(), target=target)
    digest = hashlib.blake2b(event_content("message", SECRET), digest_size=6)
    assert not in_store(broker_env, digest.hexdigest())
    assert not in_store(broker_env, b64encode(digest.digest()).decode())


async def test_a_text_that_stays_is_in_the_store(broker_env: dict[str, str]) -> None:
    """The control of the search in the store."""
    async with serving(broker_env) as it, ChatClient.open(it.url, "Ada") as ada:
        await ada.join("lobby")
        await ada.send("lobby", f"{SECRET} stays")
    assert in_store(broker_env)


async def test_a_trimmed_text_is_gone_from_the_store(broker_env: dict[str, str]) -> None:
    """Of a message and of its edits, once as many others have come."""
    async with serving(broker_env | {"HISTORY_LIMIT": str(HISTORY)}) as it, ChatClient.open(it.url, "Ada") as ada:
        await ada.join("lobby")
        target, _ = await write(ada, 1)
        await edit_by_backend(it, ada, target)
        for _ in range(10 * HISTORY):
            await ada.send("lobby", "noise")
    assert not in_store(broker_env)
