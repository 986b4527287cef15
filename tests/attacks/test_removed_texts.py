"""Whoever looks for a text that was removed: by every way of reading, from every place in the log, and in the store."""

import json
from pathlib import Path

import pytest
from redis import Redis

from service.protocol import fingerprint

from ..brokers import redis_contents, until
from ..harness import UNIT, ChatClient, make_jwt
from ..hook_receiver import Answer, Request, hook_receiver
from ..serving import Served, serving

HISTORY = 30
SECRET = "hunter2"


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
    token = make_jwt("u9", "Reader")
    page = await it.fetch("/rooms/lobby/messages?limit=200", Authorization=f"Bearer {token}")
    if SECRET.encode() in page.body:
        ways.add("http")
    return ways


async def write(ada: ChatClient, noise: int) -> tuple[int, int]:
    """A message and two edits of it, with the text in each, and `noise` before each; its seq, and the log's end."""
    for _ in range(noise):
        await ada.send("lobby", "noise")
    target = (await ada.send("lobby", f"{SECRET} one"))["seq"]
    for number in range(2):
        for _ in range(noise):
            await ada.send("lobby", "noise")
        edited = await ada.request("edit", room="lobby", id=ada.new_id(), target=target, text=f"{SECRET} {number + 2}")
    return target, edited["seq"]


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
        assert await found_by(it, epoch, head) == {"join", "history", "resume", "http"}, "the control"
        remover = ada if by == "author" else mod
        removed = await remover.request("remove", room="lobby", id=remover.new_id(), target=target)
        assert await found_by(it, epoch, removed["seq"]) == set()
        await until(lambda: not in_store(broker_env), "the text out of the store", 10 * UNIT)
        for _ in range(5):
            for _ in range(HISTORY):
                head = (await ada.send("lobby", "noise"))["seq"]
            assert await found_by(it, epoch, head) == set()
    assert not in_store(broker_env)


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
    assert not in_store(broker_env, fingerprint("message", SECRET))


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
        await write(ada, 1)
        for _ in range(10 * HISTORY):
            await ada.send("lobby", "noise")
    assert not in_store(broker_env)
