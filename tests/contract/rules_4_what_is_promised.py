"""Section 4 of docs/protocol.md: order, resume, what acknowledged means."""

import asyncio

from .target import Target, ask, events, new_room, said


async def rule_4_1(target: Target) -> None:
    """After `joined` the durable frames are seq + 1, seq + 2, … for everybody, with no hole and no repeat."""
    room = new_room()
    async with target.guests(3, room) as clients:
        texts = [[f"{index}-{number}" for number in range(20)] for index in range(3)]
        seqs = await asyncio.gather(*(said(client, room, *own) for client, own in zip(clients, texts, strict=True)))
        last = max(map(max, seqs))
        seen = [await events(client, room, last) for client in clients]
        for client, frames in zip(clients, seen, strict=True):
            joined = next(frame for frame in client.frames if frame["type"] == "joined")
            assert [frame["seq"] for frame in frames] == list(range(joined["seq"] + 1, last + 1))
        assert seen[0] == seen[1] == seen[2]
        for index, own in enumerate(texts):
            sent = [frame["text"] for frame in seen[0] if frame["user"] == clients[index].user]
            assert sent == own, "an author's messages stand in the order in which they were sent"


async def rule_4_2(target: Target) -> None:
    """A socket that is cut resumes on another behind what it saw: all that was missed follows, once, then the live."""
    room = new_room()
    async with target.guests(2, room) as (author, reader):
        first = (await said(author, room, "one"))[-1]
        (seen,) = await events(reader, room, first)
        epoch = next(frame for frame in reader.frames if frame["type"] == "joined")["epoch"]
        reader.abort()
        missed = await said(author, room, *(f"missed {number}" for number in range(30)))
        async with target.open(guest=reader.guest) as again:
            joined = await ask(again, "join", room=room, since={"epoch": epoch, "seq": seen["seq"]})
            assert (joined["resumed"], joined["seq"], joined["messages"]) == (True, seen["seq"], [])
            live = (await said(author, room, "live"))[-1]
            frames = await events(again, room, live)
            assert [frame["seq"] for frame in frames] == [*missed, live]


async def rule_4_3(target: Target) -> None:
    """`resumed` is false for another epoch, and for a place that the room never had; then it is a join afresh."""
    room = new_room()
    async with target.guests(1, room) as (author,), target.open() as reader:
        await said(author, room, "one", "two")
        joined = await ask(reader, "join", room=room, since={"epoch": "another", "seq": 1})
        assert joined["resumed"] is False and [one["text"] for one in joined["messages"]] == ["one", "two"]
        ahead = await ask(reader, "join", room=room, since={"epoch": joined["epoch"], "seq": joined["seq"] + 1000})
        assert ahead["resumed"] is False and ahead["seq"] == joined["seq"]


async def rule_4_4(target: Target) -> None:
    """What was answered `sent` is there for whoever joins then."""
    room = new_room()
    async with target.guests(1, room) as (author,):
        sent = await ask(author, "send", room=room, text="stored")
        author.abort()
        async with target.open() as reader:
            (message,) = (await ask(reader, "join", room=room))["messages"]
            assert (message["seq"], message["text"], message["at"]) == (sent["seq"], "stored", sent["at"])


async def rule_4_5(target: Target) -> None:
    """The same user and id again, also on another socket, has the same seq with `duplicate`, and is broadcast once."""
    room = new_room()
    async with target.guests(2, room) as (author, reader):
        once = await ask(author, "send", room=room, id="twice", text="hello")
        assert once["duplicate"] is False
        again = await ask(author, "send", room=room, id="twice", text="hello")
        async with target.open(guest=author.guest) as other:
            await ask(other, "join", room=room)
            third = await ask(other, "send", room=room, id="twice", text="hello")
        assert [(one["seq"], one["duplicate"]) for one in (again, third)] == [(once["seq"], True)] * 2
        last = (await said(reader, room, "end"))[-1]
        assert [frame["text"] for frame in await events(reader, room, last)] == ["hello", "end"]


async def rule_4_6(target: Target) -> None:
    """Another user's same id is another message."""
    room = new_room()
    async with target.guests(2, room) as clients:
        sent = [await ask(client, "send", room=room, id="same", text="hello") for client in clients]
        assert sent[0]["seq"] != sent[1]["seq"] and not any(one["duplicate"] for one in sent)


async def rule_4_7(target: Target) -> None:
    """After `left` nothing of the room comes any more."""
    room = new_room()
    async with target.guests(2, room) as (author, reader):
        await ask(reader, "leave", room=room)
        number = len(reader.frames)
        await said(author, room, "unheard")
        await reader.ping()
        assert [frame["type"] for frame in reader.frames[number:]] == ["pong"]
