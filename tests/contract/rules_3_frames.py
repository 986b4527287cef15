"""Section 3 of docs/protocol.md: what is asked and answered on a socket."""

import asyncio
import contextlib
import json
import time

import pytest
from websockets import ConnectionClosed

from ..harness.chat_client import ChatClient, Frame, fetch_ticket
from .target import Target, ask, code_of, events, new_room, patiently, presence, refusal, said


def welcome_of(client: ChatClient) -> Frame:
    return next(frame for frame in client.frames if frame["type"] == "welcome")


async def rule_3_1(target: Target) -> None:
    """Welcome. It is first on every socket, and says who one is and what holds."""
    async with target.open() as client:
        await client.ping()
        assert client.frames[0]["type"] == "welcome"
        welcome = client.frames[0]
        assert welcome["version"] == 1 and welcome["heartbeat"] > 0
        assert all(welcome["limits"][name] >= 1 for name in ("text", "frame", "rooms"))
        assert welcome["user"]["id"] and welcome["user"]["name"] and "role" not in welcome


async def rule_3_2(target: Target) -> None:
    """Refused frames. An answer echoes `ref`; unknown fields are ignored, unknown types are `unknown_type`."""
    async with target.open() as client:
        await client.raw('{"type":"ping","ref":"mine","more":{"of":["this"]}}')
        pong = await client.recv("pong", ref="mine")
        assert abs(pong["at"] / 1000 - time.time()) < 300
        assert await code_of(client, "shout") == "unknown_type"


async def rule_3_3(target: Target) -> None:
    """Refused frames. What is no object, lacks a field, has a wrong type or one field twice is `bad_request`."""
    async with target.open() as client:
        deep = '{"type":"ping","deep":' + 5000 * "[" + 5000 * "]" + "}"
        twice = '{"type":"join","room":"a","room":"b"}'
        nameless = [
            "7",
            "[]",
            '"ping"',
            "{",
            *([] if target.events else [""]),  # of which a request has none
            "null",
            twice,
            deep,
            '{"type":"ping","ref":' + json.dumps("x" * 65) + "}",
        ]
        named = [
            '{"type":"join","ref":"r"}',
            '{"type":"join","ref":"r","room":7}',
            '{"type":"join","ref":"r","room":"a","limit":-1}',
            '{"type":"join","ref":"r","room":"a","limit":1.5}',
            '{"type":"send","ref":"r","room":"a","text":"no id"}',
            '{"ref":"r"}',
        ]
        for frame in nameless:
            await client.raw(frame)
            assert (await client.recv("error"))["code"] == "bad_request", frame
        for frame in named:
            await client.raw(frame)
            assert (await client.recv("error", ref="r"))["code"] == "bad_request", frame


async def rule_3_4(target: Target) -> None:
    """Join. `joined` says where the room stands, what was said last and who is there."""
    room = new_room()
    async with target.guests(2, room) as (one, two):
        await said(one, room, "a", "b", "c")
        async with target.open() as three:
            joined = await ask(three, "join", room=room, limit=2)
            assert (joined["room"], joined["resumed"], joined["seq"]) == (room, False, 3) and joined["epoch"]
            assert [message["text"] for message in joined["messages"]] == ["b", "c"] and joined["more"] is True
            assert joined["count"] == 3
            people = [client.user for client in (one, two, three)]
            assert sorted(joined["members"], key=str) == sorted(people, key=str)
            assert joined["begun"]["user"] == one.user


async def rule_3_5(target: Target) -> None:
    """Join. A `limit` of 0 asks for no messages, one above 200 for 200, a second join replaces the first."""
    room = new_room()
    async with target.guests(1, room) as (client,):
        await said(client, room, "a", "b")
        assert (await ask(client, "join", room=room, limit=0))["messages"] == []
        joined = await ask(client, "join", room=room, limit=10_000)
        assert [message["text"] for message in joined["messages"]] == ["a", "b"] and joined["more"] is False
        last = (await said(client, room, "c"))[-1]
        await client.ping()
        assert [frame["seq"] for frame in client.frames if frame["type"] == "message"].count(last) == 1


async def rule_3_6(target: Target) -> None:
    """Join. A room's name that can't be is `bad_room`; what needs a room that was not joined is `not_joined`."""
    room = new_room()
    async with target.open() as client:
        for name in ("", "Lobby", "two words", "-a", "x" * 65, "ä"):
            assert await code_of(client, "join", room=name) == "bad_room", name
        assert await code_of(client, "send", room=room, text="hello") == "not_joined"
        assert await code_of(client, "history", room=room) == "not_joined"
        assert await code_of(client, "edit", room=room, target=1, text="hello") == "not_joined"


async def rule_3_7(target: Target) -> None:
    """Join. More rooms than `welcome.limits.rooms` are `too_many_rooms`; one that is left makes place."""
    async with target.open() as client:
        rooms = [new_room() for _ in range(welcome_of(client)["limits"]["rooms"])]
        if len(rooms) > 200:
            pytest.skip("it takes too many rooms")
        for room in rooms:
            await ask(client, "join", room=room, limit=0)
        assert await code_of(client, "join", room=new_room()) == "too_many_rooms"
        assert (await ask(client, "leave", room=rooms[0]))["type"] == "left"
        await ask(client, "join", room=new_room(), limit=0)


async def rule_3_8(target: Target) -> None:
    """Send. `sent` has the event's seq and time, and all who are there get the `message`, the author too."""
    room = new_room()
    async with target.guests(2, room) as (author, reader):
        sent = await ask(author, "send", room=room, id="mine", text="  héllo 👋 \n")
        expected = {"type": "sent", "room": room, "id": "mine", "seq": 1, "duplicate": False}
        assert sent == expected | {"ref": sent["ref"], "at": sent["at"]}
        message = {"type": "message", "room": room, "seq": 1, "id": "mine", "user": author.user, "text": "héllo 👋"}
        for client in (author, reader):
            assert await events(client, room, 1) == [message | {"at": sent["at"]}]


async def rule_3_9(target: Target) -> None:
    """Send. An empty text is `bad_request`, one over the limit `too_large`; an id stands for one thing alone."""
    room = new_room()
    async with target.guests(1, room) as (client,):
        limit = welcome_of(client)["limits"]["text"]
        for text in ("", "  \n", "\u200b\u3164"):
            assert await code_of(client, "send", room=room, text=text) == "bad_request", repr(text)
        assert await code_of(client, "send", room=room, text="x" * (limit + 1)) == "too_large"
        await ask(client, "send", room=room, text="x" * limit)
        await ask(client, "send", room=room, id="mine", text="one")
        error = await refusal(client, "send", room=room, id="mine", text="two")
        assert error["code"] == "bad_request" and "was used for something else" in error["message"]
        for id in ("", "x" * 65):
            assert await code_of(client, "send", room=room, id=id, text="hello") == "bad_request"


async def rule_3_10(target: Target) -> None:
    """History. Pages of messages, oldest first, as they are now; changes don't stand in it."""
    room = new_room()
    async with target.guests(1, room) as (client,):
        one, two, three = await said(client, room, "one", "two", "three")
        await ask(client, "edit", room=room, target=one, text="One")
        await ask(client, "remove", room=room, target=two)
        await ask(client, "react", room=room, target=three, emoji="👍")
        page = await ask(client, "history", room=room)
        assert [message["seq"] for message in page["messages"]] == [one, two, three] and page["more"] is False
        edited, removed, reacted = page["messages"]
        assert edited["text"] == "One" and edited["edited_at"] >= edited["at"]
        assert removed["removed"] is True and "text" not in removed
        assert reacted["text"] == "three" and reacted["reactions"] == {"👍": [client.user["id"]]}
        before = await ask(client, "history", room=room, before=three, limit=1)
        assert [message["seq"] for message in before["messages"]] == [two] and before["more"] is True


async def rule_3_11(target: Target) -> None:
    """Resume. Missed events come as they were sent, but for a removed text, in its message and in its edits."""
    room = new_room()
    async with target.guests(1, room) as (author,), target.open() as reader:
        joined = await ask(reader, "join", room=room)
        await ask(reader, "leave", room=room)
        (one,) = await said(author, room, "secret")
        await ask(author, "edit", room=room, target=one, text="secret, too")
        last = (await ask(author, "remove", room=room, target=one))["seq"]
        since = {"epoch": joined["epoch"], "seq": joined["seq"]}
        assert (await ask(reader, "join", room=room, since=since))["resumed"] is True
        message, edited, removed = await events(reader, room, last)
        assert [one["type"] for one in (message, edited, removed)] == ["message", "edited", "removed"]
        assert all(one["removed"] is True and "text" not in one for one in (message, edited))
        assert removed["target"] == one


async def rule_3_12(target: Target) -> None:
    """Changes. Each is an event with an id and a seq of its own, which all who are there get."""
    room = new_room()
    async with target.guests(2, room) as (author, reader):
        (one,) = await said(author, room, "one")
        edit = await ask(author, "edit", room=room, id="e", target=one, text="One")
        react = await ask(reader, "react", room=room, id="r", target=one, emoji="🎉")
        back = await ask(reader, "react", room=room, id="b", target=one, emoji="🎉", on=False)
        remove = await ask(author, "remove", room=room, id="d", target=one)
        assert [answer["type"] for answer in (edit, react, back, remove)] == ["sent"] * 4
        frames = (await events(reader, room, remove["seq"]))[1:]
        mine, theirs = {"target": one, "user": author.user}, {"target": one, "user": reader.user}
        expected = [
            mine | {"type": "edited", "id": "e", "text": "One"},
            theirs | {"type": "reacted", "id": "r", "emoji": "🎉", "on": True},
            theirs | {"type": "reacted", "id": "b", "emoji": "🎉", "on": False},
            mine | {"type": "removed", "id": "d"},
        ]
        for frame, fields, answer in zip(frames, expected, (edit, react, back, remove), strict=True):
            assert frame == fields | {"room": room, "seq": answer["seq"], "at": answer["at"]}


async def rule_3_13(target: Target) -> None:
    """Changes. An author changes their own messages only, nobody one that is removed or isn't there."""
    room = new_room()
    async with target.guests(2, room) as (author, other):
        one, two = await said(author, room, "one", "two")
        for change in ({"type": "edit", "text": "mine"}, {"type": "remove"}):
            assert await code_of(other, room=room, target=one, **change) == "forbidden"
        await ask(author, "remove", room=room, target=one)
        error = await refusal(author, "edit", room=room, target=one, text="back")
        assert (error["code"], error["message"]) == ("bad_request", "the message is removed")
        for target_seq in (two + 500, (await ask(author, "edit", room=room, target=two, text="Two"))["seq"]):
            error = await refusal(author, "edit", room=room, target=target_seq, text="x")
            assert (error["code"], error["message"]) == ("bad_request", "no such message")
        assert await code_of(author, "react", room=room, target=two, emoji="no emoji") == "bad_request"


async def rule_3_14(target: Target) -> None:
    """Changes. One that changes nothing is no event: its `sent` is a duplicate with the seq of the last event."""
    room = new_room()
    async with target.guests(1, room) as (client,):
        (one,) = await said(client, room, "one")
        last = (await ask(client, "react", room=room, target=one, emoji="👍"))["seq"]
        for change in (
            {"type": "react", "emoji": "👍"},
            {"type": "react", "emoji": "🎉", "on": False},
            {"type": "edit", "text": "one"},
        ):
            answer = await ask(client, room=room, target=one, **change)
            assert (answer["seq"], answer["duplicate"]) == (last, True), change
        assert (await said(client, room, "two")) == [last + 1]


async def rule_3_15(target: Target) -> None:
    """Topic. Whoever began the room may say it, others not; `joined` has it, and an empty one takes it away."""
    room = new_room()
    async with target.guests(2, room) as (founder, other):
        await said(founder, room, "one")
        assert await code_of(other, "topic", room=room, text="mine") == "forbidden"
        sent = await ask(founder, "topic", room=room, text=" about\u00a0tea ")
        frame = (await events(other, room, sent["seq"]))[-1]
        assert (frame["type"], frame["text"], frame["user"]) == ("topic", "about tea", founder.user)
        topic = (await ask(other, "join", room=room))["topic"]
        assert topic == {"text": "about tea", "user": founder.user, "at": sent["at"], "seq": sent["seq"]}
        assert (await ask(founder, "topic", room=room, text="about tea"))["duplicate"] is True
        await ask(founder, "topic", room=room, text="")
        assert "topic" not in await ask(other, "join", room=room)
        assert await code_of(founder, "topic", room=room, text="two\nlines") == "bad_request"


async def rule_3_16(target: Target) -> None:
    """Kinds of events. To one that doesn't know topics, one comes as a reaction of nobody's, and counts."""
    room = new_room()
    async with target.guests(1, room) as (founder,), target.open() as old:
        await said(founder, room, "one")
        await ask(old, "join", room=room)
        seq = (await ask(founder, "topic", room=room, text="tea"))["seq"]
        last = (await said(founder, room, "two"))[-1]
        reacted, message = await events(old, room, last)
        assert (reacted["type"], reacted["seq"], reacted["target"], reacted["on"]) == ("reacted", seq, seq, False)
        assert message["seq"] == seq + 1


async def rule_3_17(target: Target) -> None:
    """Typing. The others are told, oneself not."""
    room = new_room()
    async with target.guests(2, room) as (one, two):
        await one.raw(json.dumps({"type": "typing", "room": room}))
        assert await two.recv("typing", room=room) == {"type": "typing", "room": room, "user": one.user}
        await one.ping()
        assert not [frame for frame in one.frames if frame["type"] == "typing"]


async def rule_3_18(target: Target) -> None:
    """Read. A position moves forward, not past the last event; all are told, and `joined.reads` has it."""
    room = new_room()
    async with target.guests(2, room) as (one, two):
        _, second, third = await said(one, room, "a", "b", "c")
        for seq in (second, third + 1000, 1):
            await two.raw(json.dumps({"type": "read", "room": room, "seq": seq}))
            await two.ping()
            await asyncio.sleep(0.7)
        await one.recv("read", room=room, user=two.user["id"], seq=third)
        seqs = [frame["seq"] for frame in one.frames if frame["type"] == "read" and frame["user"] == two.user["id"]]
        assert seqs == sorted(set(seqs)) and seqs[-1] == third
        assert (await ask(one, "join", room=room))["reads"][two.user["id"]] == third


async def rule_3_19(target: Target) -> None:
    """Presence. Who comes and who goes is told with the count, by users, not by sockets."""
    room = new_room()
    async with target.guests(1, room) as (here,):
        async with target.open() as guest:
            await ask(guest, "join", room=room)
            assert (await presence(here, joined=guest.user))["count"] == 2
            async with target.open(guest=guest.guest) as again:
                await ask(again, "join", room=room)
                await ask(again, "leave", room=room)
            number = len(here.frames)
        assert (await presence(here, left=guest.user["id"]))["count"] == 1
        assert sum(frame["type"] == "presence" for frame in here.frames[number:]) == 1


async def rule_3_20(target: Target) -> None:
    """Moderate. A kick tells why, closes the user's sockets in the room with 4403, and holds nothing back."""
    room, token = new_room(), target.token("moderator")
    async with target.open(jwt=token) as moderator, target.guests(1, room) as (guest,):
        assert welcome_of(moderator)["role"] == "moderator"
        user = guest.user["id"]
        answer = await ask(moderator, "moderate", room=room, user=user, action="kick")
        assert (answer["type"], answer["room"], answer["user"], answer["action"]) == ("moderated", room, user, "kick")
        assert (await guest.closed())[0] == 4403
        assert guest.frames[-1] == {"type": "moderated", "room": room, "user": user, "action": "kick"}
        async with target.open(guest=guest.guest) as again:
            await ask(again, "join", room=room)


async def rule_3_21(target: Target) -> None:
    """Moderate. A ban answers later joins `forbidden` with its reason, until it is lifted."""
    room, token = new_room(), target.token("moderator")
    async with target.open(jwt=token) as moderator, target.guests(1, room) as (guest,):
        user = guest.user["id"]
        await ask(moderator, "moderate", room=room, user=user, action="ban", reason="spam", seconds=60)
        assert (await guest.closed())[0] == 4403
        async with target.open(guest=guest.guest) as again:
            error = await refusal(again, "join", room=room)
            assert (error["code"], error["message"]) == ("forbidden", "banned: spam")
            await ask(moderator, "moderate", room=room, user=user, action="unban")
            await ask(again, "join", room=room)


async def rule_3_22(target: Target) -> None:
    """Moderate. A mute answers what is said and changed with `forbidden`, until it is lifted."""
    room, token = new_room(), target.token("moderator")
    async with target.open(jwt=token) as moderator, target.guests(1, room) as (guest,):
        (one,) = await said(guest, room, "one")
        user = guest.user["id"]
        await ask(moderator, "moderate", room=room, user=user, action="mute", seconds=60)
        assert await code_of(guest, "send", room=room, text="two") == "forbidden"
        assert await code_of(guest, "react", room=room, target=one, emoji="👍") == "forbidden"
        await ask(moderator, "moderate", room=room, user=user, action="unmute")
        await said(guest, room, "two")


async def rule_3_23(target: Target) -> None:
    """Moderate. It needs the role."""
    room = new_room()
    async with target.guests(2, room) as (one, two):
        assert await code_of(one, "moderate", room=room, user=two.user["id"], action="kick") == "forbidden"


async def rule_3_24(target: Target) -> None:
    """Moderate. A moderator removes anybody's message and edits none but their own."""
    room, token = new_room(), target.token("moderator")
    async with target.open(jwt=token) as moderator, target.guests(1, room) as (guest,):
        (one,) = await said(guest, room, "one")
        await ask(moderator, "join", room=room)
        assert await code_of(moderator, "edit", room=room, target=one, text="mine") == "forbidden"
        await ask(moderator, "remove", room=room, target=one)


async def rule_3_25(target: Target) -> None:
    """Renew. A new ticket of the same user is taken; a bad one and another's are `forbidden`, and the socket lives."""
    token = target.token(sub="kit-renew", name="Kit Renew")
    async with target.open(jwt=token) as client, target.open() as other:
        headers = {"Origin": target.url, "Authorization": f"Bearer {token}"}
        own = await patiently(lambda: fetch_ticket(target.url, None, headers))
        renewed = await ask(client, "renew", ticket=own["ticket"])
        assert renewed["type"] == "renewed" and 0 < renewed["expires_in"] <= 3600
        again = await patiently(lambda: fetch_ticket(target.url, None, headers))
        assert await code_of(client, "renew", ticket="none-of-yours") == "forbidden"
        assert await code_of(other, "renew", ticket=again["ticket"]) == "forbidden"
        await client.ping()
        await other.ping()


async def rule_3_26(target: Target) -> None:
    """Floods. What is too fast is `rate_limited`, and who waits for `retry_after` is let on."""
    room = new_room()
    async with target.guests(1, room) as (client,):
        answers: list[Frame] = []
        while len(answers) < 600 and not any(answer["type"] == "error" for answer in answers):
            refs = [f"f{len(answers) + number}" for number in range(40)]
            await client.raw_together(
                [json.dumps({"type": "send", "ref": ref, "room": room, "id": ref, "text": "x"}) for ref in refs]
            )
            answers += [await client.recv(None, ref=ref) for ref in refs]
        refused = [answer for answer in answers if answer["type"] == "error"]
        if not refused:
            pytest.skip("there is no limit here that a rule could meet")
        assert {answer["code"] for answer in refused} == {"rate_limited"}
        assert all(answer["retry_after"] > 0 for answer in refused)
        await asyncio.sleep(refused[-1]["retry_after"])
        assert (await client.request("send", room=room, id=refused[-1]["ref"], text="x"))["type"] == "sent"


async def rule_3_27(target: Target) -> None:
    """Floods. Past 100 errors, at 5 a second, the socket is closed with 1008; 100 are borne."""
    async with target.open() as client:
        for _ in range(100):
            await client.raw('{"type":"shout"}')
        await client.ping()
        with contextlib.suppress(ConnectionClosed):
            for _ in range(60):
                await client.raw('{"type":"shout"}')
        assert (await client.closed())[0] == 1008
        assert 100 <= sum(frame["type"] == "error" for frame in client.frames) <= 150


async def rule_3_28(target: Target) -> None:
    """Welcome. `unread` counts what others said in rooms that one has read in."""
    room = new_room()
    async with target.guests(2, room) as (one, two):
        first = (await said(one, room, "a"))[-1]
        await events(two, room, first)
        await two.raw(json.dumps({"type": "read", "room": room, "seq": first}))
        await one.recv("read", user=two.user["id"], seq=first)
        await said(one, room, "b", "c")
        await said(two, room, "mine")
        async with target.open(guest=two.guest) as again:
            assert welcome_of(again)["unread"] == {room: 2}
