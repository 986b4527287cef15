"""A room's topic and beginning through real sockets, on both brokers; and clients that know nothing of them."""

import asyncio
from typing import Any

import pytest

from service import protocol

from .guides import heard
from .harness import NO_LIMITS, ChatClient, ChatError, ServiceProcess, make_jwt
from .serving import Served, fields, refused, serving

ADA, BOB = {"bearer": make_jwt("u-ada", "Ada")}, {"bearer": make_jwt("u-bob", "Bob")}
MODERATOR = {"bearer": make_jwt("u-mod", "Mo", role="moderator")}
PERSON = {"id": "u-ada", "name": "Ada"}
KNOWN = ["topic"]


def enter(it: Served, who: dict[str, str] = ADA, **options: Any) -> Any:
    return ChatClient.open(it.url, **who, **options)


async def set_topic(client: ChatClient, text: str, room: str = "lobby", id: str | None = None) -> dict[str, Any]:
    return await client.request("topic", room=room, id=id or client.new_id(), text=text)


async def test_a_topic_is_told_as_an_event(broker_env: dict[str, str]) -> None:
    """To everybody, with a seq of its own; `sent` has both, also a second time."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        for client in (ada, bob):
            await client.join("lobby", events=KNOWN)
        await ada.send("lobby", "hello")
        sent = await set_topic(ada, "  Tea: when, and where ", id="t1")
        assert fields(sent, "type", "room", "id", "seq", "duplicate") == {
            "type": "sent",
            "room": "lobby",
            "id": "t1",
            "seq": 2,
            "duplicate": False,
        }
        for client in (ada, bob):
            assert await client.recv("topic") == {
                "type": "topic",
                "room": "lobby",
                "seq": 2,
                "id": "t1",
                "user": PERSON,
                "text": "Tea: when, and where",
                "at": sent["at"],
            }
        again = await set_topic(ada, "Tea: when, and where", id="t1")
        assert again == sent | {"ref": again["ref"], "duplicate": True}
        so_already = await set_topic(ada, "Tea: when, and where")
        assert (so_already["seq"], so_already["duplicate"]) == (2, True)
        assert (await ada.send("lobby", "next"))["seq"] == 3


async def test_who_joins_is_told_topic_and_beginning(broker_env: dict[str, str]) -> None:
    """Each left out where there is none; a resume has them as well."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        first = await ada.join("lobby", events=KNOWN)
        assert "topic" not in first and "begun" not in first
        said = await ada.send("lobby", "hello")
        joined = await bob.join("lobby")
        assert "topic" not in joined and joined["begun"] == {"user": PERSON, "at": said["at"]}
        sent = await set_topic(ada, "tea")
        for since in (None, {"epoch": first["epoch"], "seq": 1}):
            joined = await bob.join("lobby", since=since)
            assert joined["resumed"] == (since is not None)
            assert joined["topic"] == {"text": "tea", "user": PERSON, "at": sent["at"], "seq": 2}
            assert joined["begun"] == {"user": PERSON, "at": said["at"]}
        await set_topic(ada, "")
        joined = await bob.join("lobby")
        assert "topic" not in joined and "begun" in joined
        assert [shown["type"] for shown in joined["messages"]] == ["message"]


async def test_who_may_set_a_topic(broker_env: dict[str, str]) -> None:
    """Moderators, and whoever began the room; in one where nothing is said, whoever is first."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob, enter(it, MODERATOR) as mod:
        for client in (ada, bob, mod):
            for room in ("lobby", "tea"):
                await client.join(room, events=KNOWN)
        await ada.send("lobby", "hello")
        code, frame = await refused(set_topic(bob, "mine"))
        assert (code, frame["message"]) == (
            "forbidden",
            "only moderators and who began the room may set its topic",
        )
        assert (await set_topic(mod, "the moderator's"))["seq"] == 2
        assert (await set_topic(ada, "Ada's"))["seq"] == 3
        assert (await set_topic(bob, "Bob's", "tea"))["seq"] == 1
        assert (await refused(set_topic(ada, "Ada's", "tea")))[0] == "forbidden"
        assert (await ada.join("tea"))["begun"]["user"] == {"id": "u-bob", "name": "Bob"}


async def test_moderators_are_told_that_they_are(broker_env: dict[str, str]) -> None:
    """So that a client need not offer others what they may not do."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, MODERATOR) as mod:
        assert mod.frames[0]["role"] == "moderator"
        assert "role" not in ada.frames[0]


async def test_topics_that_are_refused() -> None:
    """Where one isn't, of a muted author, and what can't be a topic."""
    async with serving() as it, enter(it) as ada, enter(it, MODERATOR) as mod:
        assert (await refused(set_topic(ada, "tea")))[0] == "not_joined"
        assert (await refused(set_topic(ada, "tea", "No Room")))[0] == "bad_room"
        await ada.join("lobby")
        for text, code in (("a\nb", "bad_request"), ("a\u202eb", "bad_request"), ("x" * 251, "too_large")):
            assert (await refused(set_topic(ada, text)))[0] == code
        await ada.send("lobby", "hello")
        await set_topic(ada, "x" * 250)
        await mod.request("moderate", room="lobby", user="u-ada", action="mute")
        code, frame = await refused(set_topic(ada, "tea"))
        assert (code, frame["message"]) == ("forbidden", "you are muted")
        await mod.request("moderate", room="lobby", user="u-ada", action="unmute")
        await mod.request("moderate", room="lobby", user="u-ada", action="slow")
        await set_topic(ada, "one")
        assert (await refused(set_topic(ada, "two")))[0] == "rate_limited"


async def test_a_topic_costs_what_a_message_does() -> None:
    """Of the user's rate, and of the address's."""
    async with serving({"SEND_BURST": "5", "SEND_RATE": "1"}) as it, enter(it) as ada:
        await ada.join("lobby")
        for number in range(3):
            await set_topic(ada, f"{number}")
        for number in range(2):
            await ada.send("lobby", f"{number}")
        code, frame = await refused(set_topic(ada, "more"))
        assert code == "rate_limited" and frame["retry_after"] > 0


async def test_a_client_that_knows_no_topics_finds_no_hole(broker_env: dict[str, str]) -> None:
    """Live, and resumed from anywhere: it counts by the kinds of release 1.0, and has nothing to do."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        await ada.join("lobby", events=[*KNOWN, "a kind of next year"])
        first = await bob.join("lobby")
        await ada.send("lobby", "one")
        sent = await set_topic(ada, "tea", id="t1")
        await ada.send("lobby", "two")
        await ada.recv("topic", seq=2)
        await bob.recv("message", seq=3)
        told = await bob.recv("reacted")
        assert told == {
            "type": "reacted",
            "room": "lobby",
            "seq": 2,
            "id": "t1",
            "target": 2,
            "user": PERSON,
            "emoji": "📌",
            "on": False,
            "at": sent["at"],
        }
        for seq in range(3):
            before = len(bob.frames)
            await bob.join("lobby", since={"epoch": first["epoch"], "seq": seq})
            await bob.recv("message", seq=3)
            durable = [frame for frame in bob.frames[before:] if frame["type"] in protocol.EVERYBODYS]
            assert [frame["seq"] for frame in durable] == list(range(seq + 1, 4))
            assert all(frame == told for frame in durable if frame["seq"] == 2)
        assert "topic" not in {frame["type"] for frame in bob.frames}


async def test_the_kinds_that_a_join_names_are_few() -> None:
    """More than there will ever be are refused."""
    async with serving() as it, enter(it) as ada:
        await ada.join("lobby", events=["x" * 32] * 32)
        for events in (["x"] * 33, ["x" * 33], "topic", [5], {"topic": True}):
            with pytest.raises(ChatError, match="bad_request"):
                await ada.request("join", room="lobby", events=events)


async def test_joined_and_the_events_behind_it_agree(broker_env: dict[str, str]) -> None:
    """While topics are set, whoever joins ends with the last one, by the rule of the highest seq."""
    async with serving(broker_env | NO_LIMITS) as it, enter(it) as ada:
        await ada.join("lobby", events=KNOWN)
        await set_topic(ada, "first")
        done = False

        async def change() -> None:
            number = 0
            while not done:
                number += 1
                await set_topic(ada, "" if number % 5 == 0 else f"topic {number}")

        changing = asyncio.ensure_future(change())
        readers: list[tuple[ChatClient, dict[str, Any]]] = []
        try:
            for _ in range(20):
                reader = await ChatClient.enter(it.url, bearer=make_jwt(f"u-{len(readers)}", f"N{len(readers)}"))
                readers.append((reader, await reader.join("lobby", events=KNOWN)))
        finally:
            done = True
            await changing
        last = await ada.send("lobby", "last")
        now = (await ada.join("lobby", events=KNOWN)).get("topic", {}).get("text", "")
        for reader, joined in readers:
            await reader.recv("message", seq=last["seq"])
            topic = joined.get("topic", {"seq": 0, "text": ""})
            told = [frame for frame in reader.frames if frame["type"] == "topic"]
            assert [frame["seq"] for frame in told] == list(range(joined["seq"] + 1, last["seq"]))
            for frame in told:
                if frame["seq"] >= topic["seq"]:
                    topic = frame
            assert topic["text"] == now
            await reader.close()


async def test_every_process_has_the_topic(redis_url: str) -> None:
    """Set on one, told on the other, to who is there and who comes."""
    env = NO_LIMITS | {"REDIS_URL": redis_url}
    with ServiceProcess(env) as one, ServiceProcess(env) as other:
        async with ChatClient.open(one.url, **ADA) as ada, ChatClient.open(other.url, **BOB) as bob:
            await ada.join("lobby", events=KNOWN)
            await bob.join("lobby", events=KNOWN)
            await set_topic(ada, "tea")
            assert (await bob.recv("topic"))["text"] == "tea"
            assert (await refused(set_topic(bob, "coffee")))[0] == "forbidden"
            joined = await bob.join("lobby", events=KNOWN)
            assert (joined["topic"]["text"], joined["begun"]["user"]) == ("tea", PERSON)


async def test_guides_hear_nothing_of_topics(broker_env: dict[str, str]) -> None:
    """They know messages alone."""
    async with serving(broker_env) as it, enter(it) as ada, it.socket("/receive") as guide:
        await ada.join("lobby")
        await set_topic(ada, "tea")
        await ada.send("lobby", "hello")
        assert await heard(guide) == {"handle": "Ada", "text": "hello"}
