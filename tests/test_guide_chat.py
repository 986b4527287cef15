"""service/guides/chat.py: what the pages of the Python, Ruby and Go guides do, frame by frame, on both brokers."""

import asyncio
import json
import socket as socketlib
from contextlib import AsyncExitStack
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.typing import Origin

from service.brokers.base import unavailable
from service.guides import session as guide_session
from service.guides.handler import GuideHandler
from service.guides.voice import Voice
from service.names import name_key
from service.rooms.rooms import Rooms

from .brokers import until
from .guides import heard, say, silent
from .harness import NO_LIMITS, UNIT, ChatClient, RedisServer, ServiceProcess, make_jwt
from .serving import Served, serving

ADA = make_jwt("u-ada", "Ada")
BOTH_WAYS = ("/", "/ws")


# -- the guide with an inbox and an outbox


async def test_what_is_submitted_is_received(broker_env: dict[str, str]) -> None:
    """By every inbox, with exactly the two fields that the page shows; the outbox hears nothing."""
    async with (
        serving(broker_env) as it,
        it.socket("/receive") as one,
        it.socket("/receive") as two,
        it.socket("/submit") as outbox,
    ):
        await say(outbox, "ada", "<b>hello</b>")
        await say(outbox, "ada", "again")
        for socket in (one, two):
            assert [await heard(socket), await heard(socket)] == [
                {"handle": "ada", "text": "<b>hello</b>"},
                {"handle": "ada", "text": "again"},
            ]
        assert await silent(outbox)


async def test_an_inbox_says_nothing_and_is_not_listened_to(broker_env: dict[str, str]) -> None:
    """What comes on /receive is of no interest, and no offence."""
    async with serving(broker_env) as it, it.socket("/receive") as socket, it.socket("/submit") as outbox:
        await say(socket, "ada", "into the wrong socket")
        await say(outbox, "ada", "hello")
        assert (await heard(socket))["text"] == "hello"


# -- the guides with one socket


@pytest.mark.parametrize("path", BOTH_WAYS)
async def test_one_socket_for_both_ways(broker_env: dict[str, str], path: str) -> None:
    """It speaks and hears, itself included."""
    async with serving(broker_env) as it, it.socket(path) as ada, it.socket(path) as bob:
        await say(ada, "ada", "hello")
        assert await heard(ada) == await heard(bob) == {"handle": "ada", "text": "hello"}


async def test_the_root_without_an_upgrade_is_the_page() -> None:
    """ROOT_SOCKET changes nothing about that."""
    for speaks in ("chat", "clock"):
        async with serving({"ROOT_SOCKET": speaks}) as it:
            page = await it.fetch("/")
            assert page.code == 200 and page.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("order", [("/", "/ws", "/receive"), ("/receive", "/ws", "/")])
async def test_the_root_escapes_as_the_ruby_guides_server_does(
    broker_env: dict[str, str], order: tuple[str, ...]
) -> None:
    """Each value, once, whoever else is told the same before; the pages of the other guides escape for themselves."""
    hostile = """<img src=x onerror="alert('1')">&amp;"""
    escaped = "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;"
    with ServiceProcess(NO_LIMITS | broker_env) as service:  # one in which nobody was told anything yet
        async with AsyncExitStack() as stack:
            ears = {path: await stack.enter_async_context(socket(service, path)) for path in order}
            chat = await stack.enter_async_context(ChatClient.open(service.url, bearer=make_jwt("u", "<b>&")))
            outbox = await stack.enter_async_context(socket(service, "/submit"))
            await chat.join("lobby")
            for mouth in (ears["/"], ears["/ws"], outbox):
                await say(mouth, "<i>", hostile)
                assert await heard(ears["/"]) == {"handle": "&lt;i&gt;", "text": escaped}
                for path in ("/ws", "/receive"):
                    assert await heard(ears[path]) == {"handle": "<i>", "text": hostile}
                assert (await chat.recv("message"))["text"] == hostile
            await chat.send("lobby", hostile)
            assert await heard(ears["/"]) == {"handle": "&lt;b&gt;&amp;", "text": escaped}
            for path in ("/ws", "/receive"):
                assert await heard(ears[path]) == {"handle": "<b>&", "text": hostile}


def socket(service: ServiceProcess, path: str) -> connect:
    """A socket of the service's own page."""
    return connect(service.url.replace("http", "ws", 1) + path, origin=Origin(service.url), proxy=None)


# -- from the open on


@pytest.mark.parametrize("path", BOTH_WAYS)
async def test_what_is_sent_right_behind_the_handshake_is_heard(broker_env: dict[str, str], path: str) -> None:
    """By whoever sent it, in order, however long the lobby takes to be in step."""
    texts = [f"{number}" for number in range(8)]
    for _ in range(3):
        async with serving(broker_env) as it, it.socket(path) as socket:
            for text in texts:
                await say(socket, "ada", text)
            assert [(await heard(socket))["text"] for _ in texts] == texts


async def test_what_others_say_after_the_open_is_heard(redis_url: str) -> None:
    """Said on another process while this one has yet to hold the lobby: it answers the handshake only then."""
    environ = NO_LIMITS | {"REDIS_URL": redis_url}
    with ServiceProcess(environ) as other:
        async with ChatClient.open(other.url, bearer=ADA) as ada:
            await ada.join("lobby")
            async with serving(environ) as it:
                for number in range(8):
                    async with it.socket("/receive") as inbox:
                        await ada.send("lobby", f"{number}")
                        assert (await heard(inbox))["text"] == f"{number}"
                    await until(lambda: not it.node.rooms.by_name, "the lobby let go")


async def test_holding_the_lobby_only_after_the_open_would_lose_it(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the two tests before this."""

    async def late(*_: Any) -> Any:
        raise unavailable()

    async with serving({"REDIS_URL": redis_url}) as it, it.socket("/submit") as outbox:
        with monkeypatch.context() as patch:
            patch.setattr(Rooms, "join", late)
            it.node.retry_wait = 0.05
            async with it.socket("/receive") as inbox:
                await say(outbox, "ada", "early")
                await until(lambda: it.node.presence.present("lobby"), "said")
                patch.undo()
                await until(lambda: it.node.rooms.by_name, "held")
                assert await silent(inbox)


async def test_what_is_said_while_the_broker_is_away_waits_for_the_lobby(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that opened meanwhile says it, in order, once it can hear it."""
    async with serving() as it:
        it.node.retry_wait = 0.02
        join, attempts = it.node.rooms.join, 0

        async def away(*args: Any) -> Any:
            nonlocal attempts
            attempts += 1
            if attempts < 5:
                raise unavailable()
            return await join(*args)

        monkeypatch.setattr(it.node.rooms, "join", away)
        async with it.socket("/ws") as guide:
            await say(guide, "ada", "one")
            await say(guide, "bob", "two")
            assert [await heard(guide), await heard(guide)] == [
                {"handle": "ada", "text": "one"},
                {"handle": "bob", "text": "two"},
            ]


# -- the bridge to the chat


async def test_guides_and_chat_hear_each_other(broker_env: dict[str, str]) -> None:
    """In the room `lobby`: a chat's message has its author's name as handle, a guide's handle a mark in the chat."""
    async with serving(broker_env) as it, it.socket("/") as guide, ChatClient.open(it.url, bearer=ADA) as ada:
        await ada.join("lobby")
        await ada.send("lobby", "from the chat")
        assert await heard(guide) == {"handle": "Ada", "text": "from the chat"}
        await ada.recv("message")
        await say(guide, " grace ", " from a guide ")
        shown = await ada.recv("message")
        assert (shown["text"], shown["user"]["name"], shown["seq"]) == ("from a guide", "grace (guide)", 2)
        assert shown["user"]["id"].startswith("g-")
        assert await heard(guide) == {"handle": "grace", "text": "from a guide"}


async def test_one_socket_is_one_guest(broker_env: dict[str, str]) -> None:
    """Whatever handles it uses; another socket is another."""
    async with serving(broker_env) as it, ChatClient.open(it.url, bearer=ADA) as ada:
        await ada.join("lobby")
        async with it.socket("/submit") as one, it.socket("/submit") as two:
            await say(one, "a", "x")
            await say(one, "b", "x")
            await say(two, "a", "x")
            users = [(await ada.recv("message"))["user"]["id"] for _ in range(3)]
        assert len(set(users)) == 2


async def test_guides_know_messages_alone(broker_env: dict[str, str]) -> None:
    """Edits, removals, reactions and other rooms don't reach them."""
    async with serving(broker_env) as it, it.socket("/receive") as guide, ChatClient.open(it.url, bearer=ADA) as ada:
        for room in ("lobby", "other"):
            await ada.join(room)
        await ada.send("other", "elsewhere")
        await ada.send("lobby", "one")
        await ada.request("edit", room="lobby", id="e", target=1, text="uno")
        await ada.request("react", room="lobby", id="r", target=1, emoji="👍")
        await ada.request("remove", room="lobby", id="d", target=1)
        await ada.send("lobby", "two")
        assert [(await heard(guide))["text"] for _ in range(2)] == ["one", "two"]


async def test_the_lobby_is_held_while_somebody_listens(broker_env: dict[str, str]) -> None:
    """By the first inbox until the last has gone, and again by the next."""
    async with serving(broker_env) as it:
        for _ in range(2):
            async with it.socket("/receive") as one, it.socket("/receive"):
                await one.close()
                assert "lobby" in it.node.rooms.by_name
            await until(lambda: not it.node.rooms.by_name, "the lobby let go")
        assert not GuideHandler.sessions


async def test_a_slow_inbox_misses_nothing(broker_env: dict[str, str]) -> None:
    """Past UNSENT_LIMIT it is fed from the log, as the chat's own sockets are."""
    texts = [f"{number} " + "x" * 3000 for number in range(400)]
    async with serving(broker_env | {"UNSENT_LIMIT": "4096"}) as it, AsyncExitStack() as stack:
        narrow = stack.enter_context(socketlib.socket())
        narrow.setsockopt(socketlib.SOL_SOCKET, socketlib.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", it.port))
        inbox = await stack.enter_async_context(it.socket("/receive", max_queue=1, sock=narrow))
        outbox = await stack.enter_async_context(it.socket("/submit"))
        await say(outbox, "ada", "first")  # a hundred may wait for a name, no more
        assert (await heard(inbox))["text"] == "first"
        for text in texts:
            await say(outbox, "ada", text)
        (ear,) = [open for open in GuideHandler.sessions if isinstance(open, guide_session.LobbySession)]
        behind = it.node.rooms.by_name["lobby"].cursors.behind
        await until(lambda: ear.congested and ear in behind, "more than it takes")
        assert [(await heard(inbox))["text"] for _ in texts] == texts


@pytest.mark.expects_log("new epoch")
async def test_a_lobby_that_begins_anew_is_heard_on(redis_server: RedisServer, redis_url: str) -> None:
    """The guides have no word for it."""
    async with serving({"REDIS_URL": redis_url}) as it, it.socket("/ws") as guide:
        await say(guide, "ada", "before")
        assert (await heard(guide))["text"] == "before"
        epoch = it.node.rooms.by_name["lobby"].cursors.epoch
        redis_server.cli("FLUSHALL")
        await until(lambda: it.node.rooms.by_name["lobby"].cursors.epoch != epoch, "another life")
        await say(guide, "ada", "after")
        assert (await heard(guide))["text"] == "after"


# -- what can't be said


@pytest.mark.parametrize(
    "data",
    [
        "",
        "hello",
        "[]",
        '{"handle":"ada"}',
        '{"handle":"","text":"x"}',
        '{"handle":"ada","text":"  "}',
        '{"handle":"ada","text":5}',
        '{"handle":"a\\u202eb","text":"x"}',
        json.dumps({"handle": "ada", "text": "x" * 4001}),
        "[" * 50_000,
    ],
)
async def test_what_can_not_be_said_is_dropped(data: str) -> None:
    """The guides know no errors; the socket stays."""
    async with serving() as it, it.socket("/ws") as guide:
        await guide.send(data)
        await say(guide, "ada", "next")
        assert (await heard(guide))["text"] == "next"


async def test_many_that_say_nothing_are_abuse() -> None:
    """1008, as on the chat's own socket."""
    async with serving() as it, it.socket("/submit") as outbox:
        with pytest.raises(websockets.ConnectionClosed):
            for _ in range(10_000):
                await outbox.send("nonsense")
                await asyncio.sleep(0)
        assert outbox.close_code == 1008


@pytest.mark.parametrize("path", ["/submit", "/", "/ws"])
async def test_binary_frames_close_1003(path: str) -> None:
    """The guides are text."""
    async with serving() as it, it.socket(path) as guide:
        await guide.send(b"\x00")
        await guide.wait_closed()
        assert guide.close_code == 1003


async def test_guides_have_the_users_rate() -> None:
    """Past SEND_BURST their frames are dropped."""
    async with serving({"SEND_RATE": "0.01", "SEND_BURST": "2"}) as it, it.socket("/") as guide:
        for number in range(4):
            await say(guide, "ada", f"{number}")
        assert [(await heard(guide))["text"] for _ in range(2)] == ["0", "1"]
        assert await silent(guide)


async def test_what_the_broker_does_not_take_is_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """There is nobody to tell; the log says so, without the text."""
    async with serving() as it, it.socket("/") as guide:
        with monkeypatch.context() as patch, caplog.at_level("INFO"):
            patch.setattr(it.node.broker.log, "publish", lambda event, done: done(unavailable()))
            await say(guide, "ada", "lost words")
            await until(lambda: "was not stored" in caplog.text, "the log line")
        assert "lost words" not in caplog.text
        await say(guide, "ada", "next")
        assert (await heard(guide))["text"] == "next"


# -- as whom they speak


async def people(it: Served, room: str = "lobby") -> set[str]:
    """The names of those who are there, over all processes."""
    return {person.name for person in (await it.node.broker.presence.roster(room)).members or ()}


async def are_here(it: Served, expected: set[str]) -> None:
    """Wait until exactly these are in the lobby."""
    async with asyncio.timeout(5 * UNIT):
        while await people(it) != expected:
            await asyncio.sleep(0.02)


async def test_a_speaker_is_here_under_a_marked_name_until_the_socket_closes(broker_env: dict[str, str]) -> None:
    """From the first word on; a socket that only hears is nobody. Grace or no grace: nobody can come back as them."""
    async with serving(broker_env | {"PRESENCE_GRACE": "60"}) as it, ChatClient.open(it.url, bearer=ADA) as ada:
        joined = await ada.join("lobby")
        assert [member["name"] for member in joined["members"]] == ["Ada"]
        await ada.recv("presence")
        async with it.socket("/receive"), it.socket("/submit") as outbox:
            await say(outbox, "grace", "hello")
            shown = await ada.recv("message")
            came = await ada.recv("presence")
            assert came["joined"] == [shown["user"]] and shown["user"]["name"] == "grace (guide)"
            assert "grace (guide)" in await people(it) and "grace (guide)" in await people(it, "")
        assert (await ada.recv("presence"))["left"] == [shown["user"]["id"]]
        assert await people(it) == {"Ada"}


async def test_a_handle_that_is_taken_gets_a_number(broker_env: dict[str, str]) -> None:
    """Guides' frames show the bare handle all the same; the chat's own Ada is another."""
    async with serving(broker_env) as it, it.socket("/receive") as inbox, ChatClient.open(it.url, "Ada") as ada:
        await ada.join("lobby")
        async with it.socket("/submit") as one, it.socket("/submit") as two, it.socket("/ws") as three:
            names = []
            for socket in (one, two, three):
                await say(socket, "Ada", "hello")
                names.append((await ada.recv("message"))["user"]["name"])
                assert await heard(inbox) == {"handle": "Ada", "text": "hello"}
            assert names == ["Ada (guide)", "Ada (guide 2)", "Ada (guide 3)"]


async def test_a_name_is_free_once_its_socket_has_closed(broker_env: dict[str, str]) -> None:
    """Soon after: the next speaker needs no number."""
    async with serving(broker_env) as it, ChatClient.open(it.url, bearer=ADA) as ada:
        await ada.join("lobby")
        for _ in range(3):
            async with it.socket("/submit") as outbox:
                await say(outbox, "grace", "hello")
                assert (await ada.recv("message"))["user"]["name"] == "grace (guide)"
            await until(lambda: not GuideHandler.sessions, "gone")
            await Voice.all_silent(5 * UNIT)
            for room in ("", "lobby"):  # of both the process tells in its next round
                while len((await it.node.broker.presence.roster(room)).members or ()) > 1:
                    await asyncio.sleep(0.02)


async def test_a_speaker_has_one_name_at_a_time(broker_env: dict[str, str]) -> None:
    """Many handles are one guest, present once; what was said under them keeps its order."""
    async with serving(broker_env) as it, it.socket("/receive") as inbox, it.socket("/submit") as outbox:
        handles = [f"h{number % 7}" for number in range(40)]
        for number, handle in enumerate(handles):
            await say(outbox, handle, f"{number}")
        got = [await heard(inbox) for _ in handles]
        assert got == [{"handle": handle, "text": f"{number}"} for number, handle in enumerate(handles)]
        await are_here(it, {f"{handles[-1]} (guide)"})
        for handle in set(handles[:-1]) - {handles[-1]}:
            assert await it.node.broker.directory.claim_name(name_key(f"{handle} (guide)"), "g-other", 1)
        assert not await it.node.broker.directory.claim_name(name_key(f"{handles[-1]} (guide)"), "g-other", 1)


async def test_what_is_said_right_before_the_close_is_said(broker_env: dict[str, str]) -> None:
    """Though the name is still being claimed when the socket closes; then nobody is left."""
    async with serving(broker_env) as it, it.socket("/receive") as inbox:
        for number in range(5):
            async with it.socket("/submit") as outbox:
                await say(outbox, "ada", f"{number}")
            assert (await heard(inbox))["text"] == f"{number}"
        await until(lambda: len(GuideHandler.sessions) == 1, "the outbox gone")
        await are_here(it, set())
        assert not await people(it, "")


async def test_a_long_handle_is_fitted(broker_env: dict[str, str]) -> None:
    """32 characters are a name's limit, mark included."""
    async with serving(broker_env) as it, it.socket("/ws") as guide, ChatClient.open(it.url, bearer=ADA) as ada:
        await ada.join("lobby")
        for handle in ("x" * 24, "x" * 25, "x" * 32):
            await say(guide, handle, "hello")
            name = (await ada.recv("message"))["user"]["name"]
            assert len(name) <= 32 and name.endswith(" (guide)")
            shown = (await heard(guide))["handle"]
            assert shown == (handle if len(handle) == 24 else "x" * 23 + "…")


async def test_a_guest_of_the_chat_is_not_taken_for_a_speaker(broker_env: dict[str, str]) -> None:
    """Who calls themselves "Ada (guide)" in the chat is not Ada to the guides."""
    async with (
        serving(broker_env) as it,
        it.socket("/receive") as inbox,
        ChatClient.open(it.url, "Ada (guide)") as guest,
    ):
        await guest.join("lobby")
        await guest.send("lobby", "hello")
        assert (await heard(inbox))["handle"] == "Ada (guide)"


async def test_a_crowd_of_one_handle_costs_each_a_few_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers by chance past the first few; with all of them taken the message is dropped."""
    async with serving() as it, it.socket("/receive") as inbox:
        claims = 0

        async def taken(name: str, user: str, seconds: float, network: str = "") -> bool:
            nonlocal claims
            claims += 1
            return False

        with monkeypatch.context() as patch:
            patch.setattr(it.node.broker.directory, "claim_name", taken)
            async with it.socket("/submit") as outbox:
                await say(outbox, "ada", "crowded out")
                await until(lambda: claims >= 8, "as many as are tried")
        async with it.socket("/submit") as outbox:
            await say(outbox, "ada", "next")
            assert (await heard(inbox))["text"] == "next"
        assert claims == 8


async def test_a_name_costs_its_address_what_a_ticket_does(broker_env: dict[str, str]) -> None:
    """What is said under names past that is dropped; who has a name goes on."""
    async with (
        serving(broker_env | {"TICKET_RATE": "0.3"}) as it,
        it.socket("/receive") as inbox,
        it.socket("/submit") as one,
        it.socket("/submit") as two,
    ):
        await say(one, "ada", "1")
        assert (await heard(inbox))["text"] == "1"
        for number in range(5):
            await say(two, f"h{number}", f"h{number}")
        passed = 0
        while not await silent(inbox):
            passed += 1
        await say(one, "ada", "2")
        while (await heard(inbox))["text"] != "2":
            passed += 1
        assert passed <= 2


# -- rights


MODERATOR = make_jwt("u-mod", "Mod", role="moderator")


async def test_a_muted_speaker_is_not_heard(broker_env: dict[str, str]) -> None:
    """By id, in the lobby or everywhere."""
    async with serving(broker_env) as it, it.socket("/ws") as guide, ChatClient.open(it.url, bearer=MODERATOR) as mod:
        await mod.join("lobby")
        await say(guide, "ada", "before")
        user = (await mod.recv("message"))["user"]["id"]
        assert (await heard(guide))["text"] == "before"
        await mod.request("moderate", room="lobby", user=user, action="mute")
        await say(guide, "ada", "muted")
        assert await silent(guide)
        await mod.request("moderate", room="lobby", user=user, action="unmute")
        await say(guide, "ada", "after")
        assert (await heard(guide))["text"] == "after"


@pytest.mark.parametrize("room", ["lobby", None])
@pytest.mark.parametrize("action", ["kick", "ban"])
async def test_a_speaker_who_is_removed_is_closed_4403(
    broker_env: dict[str, str], action: str, room: str | None
) -> None:
    """And nobody is left of them."""
    async with serving(broker_env) as it, it.socket("/ws") as guide, ChatClient.open(it.url, bearer=MODERATOR) as mod:
        await mod.join("lobby")
        await say(guide, "ada", "hello")
        user = (await mod.recv("message"))["user"]["id"]
        await are_here(it, {"Mod", "ada (guide)"})
        where: dict[str, Any] = {"room": room} if room else {}
        await mod.request("moderate", user=user, action=action, **where)
        async with asyncio.timeout(5 * UNIT):
            await guide.wait_closed()
        assert guide.close_code == 4403
        await are_here(it, {"Mod"})


@pytest.mark.parametrize("path", ["/receive", "/submit", "/", "/ws", "/room/chat?username=Eve"])
async def test_a_banned_network_is_kept_from_the_guides(broker_env: dict[str, str], path: str) -> None:
    """Those who are in are closed 4403 and so is whoever comes; the clocks go on."""
    async with (
        serving(broker_env) as it,
        it.socket("/submit") as outbox,
        it.socket(path) as other,
        it.socket("/clock") as clock,
        ChatClient.open(it.url, bearer=MODERATOR) as mod,
    ):
        await mod.join("lobby")
        await say(outbox, "ada", "hello")
        user = (await mod.recv("message"))["user"]["id"]
        await network_known(it, user)
        await mod.request("moderate", room="lobby", user=user, action="ban", network=True)
        for socket in (outbox, other):
            async with asyncio.timeout(5 * UNIT):
                await socket.wait_closed()
            assert socket.close_code == 4403
        async with it.socket(path) as again:
            async with asyncio.timeout(5 * UNIT):
                await again.wait_closed()
            assert again.close_code == 4403
        await heard(clock)
        assert clock.close_code is None


@pytest.mark.parametrize("network", [False, True])
async def test_the_broker_refuses_the_muted_itself(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, network: bool
) -> None:
    """In the step that stores: a process that hasn't heard of a sanction yet lets nothing through."""
    async with serving(broker_env) as it, it.socket("/ws") as guide, ChatClient.open(it.url, bearer=MODERATOR) as mod:
        await mod.join("lobby")
        await say(guide, "ada", "before")
        user = (await mod.recv("message"))["user"]["id"]
        await heard(guide)
        await network_known(it, user)
        monkeypatch.setattr(Voice, "check_rights", lambda self: None)
        await mod.request("moderate", room="lobby", user=user, action="mute", network=network)
        with caplog.at_level("INFO"):
            await say(guide, "ada", "muted")
            await until(lambda: "was not stored" in caplog.text, "the refusal")
        assert await silent(guide)


async def network_known(it: Served, user: str) -> None:
    """Where a guest comes from is told to the broker now and then."""
    for _ in range(200):
        if await it.node.broker.directory.networks(user):
            return
        await asyncio.sleep(0.05 * UNIT)
    raise AssertionError("the network of a speaker is not known")
