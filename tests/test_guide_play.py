"""service/guides/play.py: what the Play guide's page does, frame by frame, on both brokers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection

from service.brokers.base import unavailable
from service.guides.handler import GuideHandler
from service.protocol import MEMBERS_LIMIT, Person

from .brokers import until
from .guides import heard, say, silent
from .harness import NO_LIMITS, UNIT, ChatClient, ServiceProcess, make_jwt
from .serving import Served, serving

ADA = make_jwt("u-ada", "Ada")


class Player:
    """The page of somebody in the room."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, text: str) -> None:
        """chatSocket.send(JSON.stringify({text: …}))"""
        await self.socket.send(json.dumps({"text": text}))

    async def next(self, kind: str = "", user: str = "") -> dict[str, Any]:
        """The next frame, of that kind and about that user if they are given."""
        while True:
            frame = await heard(self.socket)
            assert set(frame) == {"kind", "user", "message", "members"} and frame["kind"] in ("join", "talk", "quit")
            if kind in ("", frame["kind"]) and user in ("", frame["user"]):
                return dict(frame)


def path(username: str) -> str:
    return f"/room/chat?username={quote(username)}"


@asynccontextmanager
async def player(it: Served, username: str) -> AsyncIterator[Player]:
    """In the room under this name: its own join has come."""
    async with it.socket(path(username)) as socket:
        one = Player(socket)
        came = await one.next()
        assert (came["kind"], came["user"]) == ("join", username.strip())
        yield one


async def refused(it: Served, username: str) -> tuple[str, int | None]:
    """The error, and the code of the close behind it."""
    async with it.socket(path(username)) as socket:
        frame = await heard(socket)
        assert set(frame) == {"error"}
        async with asyncio.timeout(5 * UNIT):
            await socket.wait_closed()
        return frame["error"], socket.close_code


async def nobody_left(it: Served) -> None:
    await until(lambda: not GuideHandler.sessions, "gone")
    for room in ("lobby", ""):
        for _ in range(200):
            if not (await it.node.broker.presence.roster(room)).members:
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError(f"ghosts in {room!r}")


# -- the guide's own exchange


async def test_everybody_is_told_who_comes_speaks_and_goes(broker_env: dict[str, str]) -> None:
    """With the members as they are then; one's own join and words included."""
    async with serving(broker_env) as it:
        async with player(it, "Ada") as ada:
            async with player(it, "Bob") as bob:
                assert sorted((await ada.next("join", "Bob"))["members"]) == ["Ada", "Bob"]
                await bob.say("hello <b>")
                for one in (ada, bob):
                    told = await one.next("talk")
                    assert (told["user"], told["message"], sorted(told["members"])) == (
                        "Bob",
                        "hello <b>",
                        ["Ada", "Bob"],
                    )
            assert (await ada.next("quit", "Bob"))["members"] == ["Ada"]
        await nobody_left(it)


async def test_one_is_told_once_that_one_has_come(broker_env: dict[str, str]) -> None:
    """At once, though presence says it again later."""
    async with serving(broker_env) as it, player(it, "Ada") as ada, player(it, "Bob"):
        await ada.next("join", "Bob")
        assert await silent(ada.socket)


async def test_names_are_trimmed_and_may_be_anything_a_name_may_be(broker_env: dict[str, str]) -> None:
    async with serving(broker_env) as it, player(it, "Ada") as ada:
        for name in ("Zoë 🦊", "a&b=c", "<i onclick=alert(1)>"):
            async with player(it, f" {name} ") as one:
                await ada.next("join", name)  # else nobody would be told that they left
                await one.say("hello")
                told = await one.next("talk")
                assert (told["user"], sorted(told["members"])) == (name, sorted(["Ada", name]))
            await ada.next("quit", name)


@pytest.mark.parametrize(
    ("username", "reason"),
    [("", "name is empty"), ("%20", "name is empty"), ("a" * 33, "32 characters"), ("a\u202eb", "control character")],
)
async def test_a_name_that_can_not_be_is_an_error(username: str, reason: str) -> None:
    """Said in the guide's way; then the socket is closed."""
    async with serving() as it:
        error, code = await refused(it, username.replace("%20", " "))
        assert reason in error and code == 1000
        await until(lambda: not GuideHandler.sessions and not it.node.rooms.by_name, "gone")


async def test_without_a_username_there_is_an_error() -> None:
    async with serving() as it, it.socket("/room/chat") as socket:
        assert await heard(socket) == {"error": "name is empty"}


async def test_a_taken_name_is_an_error(broker_env: dict[str, str]) -> None:
    """Taken by another player, by a guest or a user of the chat, by another guide's speaker; however it is written."""
    async with serving(broker_env) as it, player(it, "Ada") as ada:
        for name in ("Ada", "ADA", "ａｄａ"):
            error, code = await refused(it, name)
            assert "has this name" in error and code == 1000
        async with ChatClient.open(it.url, "Bob") as bob, it.socket("/submit") as outbox:
            await bob.join("lobby")
            await say(outbox, "Cy", "hello")
            await ada.next("talk", "Cy")
            for name in ("bob", "cy"):
                assert "has this name" in (await refused(it, name))[0]
        assert ada.socket.close_code is None


async def test_one_of_many_at_once_gets_the_name(broker_env: dict[str, str]) -> None:
    async with serving(broker_env) as it:

        async def attempt() -> bool:
            async with it.socket(path("Ada")) as socket:
                frame = await heard(socket)
                if "error" in frame:
                    return False
                await asyncio.sleep(0.3)
                return True

        assert sum(await asyncio.gather(*(attempt() for _ in range(10)))) == 1


async def test_a_name_is_free_once_its_socket_has_closed(broker_env: dict[str, str]) -> None:
    """However it ended, and at once: a page that is loaded again comes back under its name."""
    async with serving(broker_env | {"PRESENCE_GRACE": "60"}) as it:
        for _ in range(3):
            async with player(it, "Ada") as ada:
                ada.socket.transport.abort()
            await until(lambda: not GuideHandler.sessions, "gone")
        await nobody_left(it)


async def test_trying_names_has_a_rate(broker_env: dict[str, str]) -> None:
    """That of tickets."""
    async with serving(broker_env | {"TICKET_RATE": "0.4"}) as it, player(it, "Ada"):
        async with asyncio.timeout(10 * UNIT):
            while "too many names" not in (await refused(it, "Ada"))[0]:
                pass


# -- the bridge


async def test_chat_and_play_hear_and_see_each_other(broker_env: dict[str, str]) -> None:
    """The chat's people come and go for the players too; players are marked in the chat."""
    async with serving(broker_env) as it, player(it, "Ada") as ada, ChatClient.open(it.url, "Bob") as bob:
        joined = await bob.join("lobby")
        assert sorted(member["name"] for member in joined["members"]) == ["Ada (guide)", "Bob"]
        assert sorted((await ada.next("join", "Bob"))["members"]) == ["Ada", "Bob"]
        await bob.send("lobby", "hello")
        assert (await ada.next("talk"))["message"] == "hello"
        await ada.say("hi")
        shown = await bob.recv("message", text="hi")
        assert shown["user"]["name"] == "Ada (guide)" and shown["user"]["id"].startswith("g-")
        await ada.socket.close()
        assert (await bob.recv("presence", left=[shown["user"]["id"]]))["count"] == 1


async def test_the_guides_hear_each_other(broker_env: dict[str, str]) -> None:
    """By their bare handles."""
    async with serving(broker_env) as it, player(it, "Ada") as ada, it.socket("/ws") as go:
        await ada.say("<i>")
        assert await heard(go) == {"handle": "Ada", "text": "<i>"}
        await say(go, "Bob", "hello")
        told = [await ada.next(user="Bob"), await ada.next(user="Bob")]
        assert sorted((frame["kind"], frame["message"]) for frame in told) == [("join", "joined"), ("talk", "hello")]
        await go.close()
        assert (await ada.next("quit"))["user"] == "Bob"


async def test_over_processes(redis_url: str) -> None:
    """Names, members and words are those of the whole deployment."""
    environ = NO_LIMITS | {"REDIS_URL": redis_url, "PRESENCE_GRACE": "0"}
    with ServiceProcess(environ) as other:
        async with serving(environ) as it, player(it, "Ada") as ada, ChatClient.open(other.url, "Bob") as bob:
            await bob.join("lobby")
            assert sorted((await ada.next("join", "Bob"))["members"]) == ["Ada", "Bob"]
            await bob.send("lobby", "hello")
            assert (await ada.next("talk"))["message"] == "hello"
            assert "has this name" in (await refused(it, "Bob"))[0]
            await bob.close()
            assert (await ada.next("quit", "Bob"))["members"] == ["Ada"]


# -- nothing lost, nothing out of order


async def test_what_is_said_before_one_is_in_is_said_then(broker_env: dict[str, str]) -> None:
    """Behind one's own join, in order."""
    async with serving(broker_env) as it, it.socket(path("Ada")) as socket:
        ada = Player(socket)
        for number in range(8):
            await ada.say(f"{number}")
        assert (await ada.next())["kind"] == "join"
        assert [(await ada.next("talk"))["message"] for _ in range(8)] == [f"{number}" for number in range(8)]


async def test_what_others_say_while_one_comes_in_is_heard_then(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said after the open and before the name was there."""
    async with serving(broker_env) as it, it.socket("/ws") as go:
        await say(go, "Bob", "before")
        await heard(go)
        claim, free = it.node.broker.directory.claim_name, asyncio.Event()

        async def slow(*args: Any) -> bool:
            await free.wait()
            return await claim(*args)

        monkeypatch.setattr(it.node.broker.directory, "claim_name", slow)
        async with it.socket(path("Ada")) as socket:
            for number in range(3):
                await say(go, "Bob", f"{number}")
                await heard(go)
            free.set()
            ada = Player(socket)
            assert (await ada.next())["kind"] == "join"
            assert [(await ada.next("talk"))["message"] for _ in range(3)] == ["0", "1", "2"]


@pytest.mark.parametrize("data", ["", "x", "[]", "{}", '{"text":5}', '{"text":" "}', '{"text":"' + "x" * 4001 + '"}'])
async def test_what_can_not_be_said_is_dropped(data: str) -> None:
    """As with the other guides."""
    async with serving() as it, player(it, "Ada") as ada:
        await ada.socket.send(data)
        await ada.say("next")
        assert (await ada.next("talk"))["message"] == "next"


async def test_binary_frames_close_1003() -> None:
    async with serving() as it, player(it, "Ada") as ada:
        await ada.socket.send(b"\x00")
        await ada.socket.wait_closed()
        assert ada.socket.close_code == 1003


# -- faults


async def test_with_the_broker_away_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """1013: another time."""
    async with serving() as it:

        async def away(*args: Any) -> bool:
            raise unavailable()

        with monkeypatch.context() as patch:
            patch.setattr(it.node.broker.directory, "claim_name", away)
            error, code = await refused(it, "Ada")
            assert "away" in error and code == 1013
        async with player(it, "Ada"):
            pass


async def test_who_goes_while_coming_in_leaves_nothing(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a name nor a presence, at whichever step they go."""
    async with serving(broker_env) as it:
        claim = it.node.broker.directory.claim_name
        for wait in (0.0, 0.01, 0.05):

            async def slow(*args: Any, wait: float = wait) -> bool:
                taken = await claim(*args)
                await asyncio.sleep(wait)
                return taken

            with monkeypatch.context() as patch:
                patch.setattr(it.node.broker.directory, "claim_name", slow)
                for pause in (0.0, 0.005, 0.03):
                    async with it.socket(path("Ada")) as socket:
                        await asyncio.sleep(pause)
                        socket.transport.abort()
                    await until(lambda: not GuideHandler.sessions, "gone")
        await nobody_left(it)
        async with player(it, "Ada"):
            pass
        await until(lambda: not it.node.rooms.by_name, "the lobby let go")


async def test_members_are_read_again_after_signals_were_missed(broker_env: dict[str, str]) -> None:
    """Until they have been, the frames have those known before."""
    async with serving(broker_env) as it, player(it, "Ada") as ada:
        it.node.presence.drop_roster("lobby")
        await ada.say("one")
        assert (await ada.next("talk"))["members"] == ["Ada"]
        async with player(it, "Bob"):
            assert sorted((await ada.next("join", "Bob"))["members"]) == ["Ada", "Bob"]


async def test_too_many_to_be_listed(broker_env: dict[str, str]) -> None:
    """Above the limit there are no members, and what is said comes all the same."""
    async with serving(broker_env) as it, player(it, "Ada") as ada:
        for number in range(MEMBERS_LIMIT):
            it.node.presence.enter("lobby", Person(f"u{number}", f"n{number}"))
        await ada.say("hello")
        assert (await ada.next("talk"))["members"] == []
        for number in range(MEMBERS_LIMIT):
            it.node.presence.leave("lobby", f"u{number}")


# -- rights


async def test_a_banned_or_muted_player(broker_env: dict[str, str]) -> None:
    """Mute: nothing they say is heard."""
    moderator = make_jwt("u-mod", "Mod", role="moderator")
    async with serving(broker_env) as it, ChatClient.open(it.url, bearer=moderator) as mod, player(it, "Ada") as ada:
        await mod.join("lobby")
        await ada.say("before")
        user = (await mod.recv("message"))["user"]["id"]
        await ada.next("talk")
        await mod.request("moderate", room="lobby", user=user, action="mute")
        await ada.say("muted")
        await mod.silence("message")


# -- the page


async def test_the_room_has_a_page_of_its_own() -> None:
    """With the policy of all pages; without a WebSocket handshake the socket's address is none."""
    async with serving() as it:
        for address in ("/room", "/room?username=Ada", "/room?username=%3Cscript%3E"):
            page = await it.fetch(address)
            assert page.code == 200 and page.headers["Content-Type"].startswith("text/html")
            assert "script-src 'self'" in page.headers["Content-Security-Policy"]
            assert b"<script>" not in page.body and b"Ada" not in page.body
        assert (await it.fetch("/room/chat?username=Ada")).code in (400, 426)
