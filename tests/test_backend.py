"""service/backend/ over HTTP, on each broker: what an operator's own backend may ask for, and what it is answered."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from tornado.httpclient import HTTPResponse

from service.backend.messages import BATCH_MESSAGES_LIMIT, publishing
from service.backend.users import ROOMS_AT_ONCE
from service.brokers.base import unavailable
from service.brokers.log import Receipt
from service.protocol import ErrorCode, RequestError

from .brokers import message, redis_contents
from .harness import ChatClient, make_jwt
from .serving import Served, answer, fields, serving

ON_EACH = pytest.mark.parametrize("broker_env", ["redis", "sqlite", "cluster"], indirect=True)


def bearer(sub: str, name: str = "Ada", **claims: Any) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {make_jwt(sub, name, **claims)}"}


USER = bearer("u1")
SERVICE = bearer("s1", "Build", role="service")
PEN = {"id": "u9", "name": "Pen"}


def refusal(response: HTTPResponse) -> tuple[int, str, str]:
    """Status, code and sentence."""
    error = answer(response)["error"]
    return response.code, error["code"], error["message"]


async def ask(
    it: Served, method: str, path: str, body: Any = None, status: int = 200, by: dict[str, str] = SERVICE
) -> Any:
    """The JSON of an answer that must have this status."""
    response = await it.fetch(path, method, body, **by)
    assert response.code == status, (method, path, response.code, response.body)
    return answer(response)


async def say(it: Served, room: str = "lobby", text: str = "hello", id: str = "m1", **more: Any) -> Any:
    """Publish one."""
    response = await it.fetch(f"/rooms/{room}/messages", "POST", {"id": id, "text": text} | more, **SERVICE)
    assert response.code in (200, 201), response.body
    return answer(response)


# -- publishing


async def test_publishing_waits_for_the_brokers_word(broker_env: dict[str, str]) -> None:
    """A receipt with the seq; the same event again is a duplicate of it."""
    async with serving(broker_env) as it:
        log, event = it.node.broker.log, message()
        receipt = await publishing(log, event)
        assert isinstance(receipt, Receipt) and (receipt.seq, receipt.duplicate) == (1, False)
        assert await publishing(log, event) == Receipt(1, receipt.at, duplicate=True)


async def test_publishing_raises_what_the_broker_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is made up."""
    async with serving() as it:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(it.node.broker.log, "publish", lambda event, done: loop.call_soon(done, unavailable()))
        with pytest.raises(RequestError) as caught:
            await publishing(it.node.broker.log, message())
        assert caught.value.code == ErrorCode.UNAVAILABLE


async def test_a_caller_who_left_misses_nothing(broker_env: dict[str, str]) -> None:
    """The broker's word then goes nowhere, without a fault; the event is stored all the same."""
    async with serving(broker_env) as it:
        publishing(it.node.broker.log, message(id="left")).cancel()
        assert (await publishing(it.node.broker.log, message(id="left"))).duplicate


@ON_EACH
async def test_a_batch_is_answered_item_by_item(broker_env: dict[str, str]) -> None:
    """In its order, over several rooms; what is wrong with one costs that one, and says what it is."""
    async with serving(broker_env) as it, ChatClient.open(it.url, "Ada") as ada:
        await ada.join("lobby")
        await say(it, id="used")
        batch = [
            {"room": "lobby", "id": "a", "text": "one"},
            {"room": "annex", "id": "a", "text": "elsewhere", "user": PEN},
            {"room": "lobby", "id": "a", "text": "one"},
            {"room": "lobby", "id": "a", "text": "another"},
            {"room": "lobby", "id": "b", "text": "two"},
            {"room": "No Room", "id": "c", "text": "three"},
            {"room": "lobby", "id": "d", "text": "x" * 4001},
            {"room": "lobby", "id": "e"},
            {"room": "lobby", "id": "f", "text": " "},
            {"room": "lobby", "id": "g", "text": "x", "user": {"id": "\u200b", "name": "X"}},
            7,
            {"room": "lobby", "id": "used", "text": "hello"},
            {"room": "lobby", "id": "h", "text": "last"},
        ]
        results = (await ask(it, "POST", "/messages", {"messages": batch}))["results"]
        assert [fields(result, "room", "id", "seq", "duplicate") or result["error"]["code"] for result in results] == [
            {"room": "lobby", "id": "a", "seq": 2, "duplicate": False},
            {"room": "annex", "id": "a", "seq": 1, "duplicate": False},
            {"room": "lobby", "id": "a", "seq": 2, "duplicate": True},
            "bad_request",
            {"room": "lobby", "id": "b", "seq": 3, "duplicate": False},
            "bad_room",
            "too_large",
            "bad_request",
            "bad_request",
            "bad_request",
            "bad_request",
            {"room": "lobby", "id": "used", "seq": 1, "duplicate": True},
            {"room": "lobby", "id": "h", "seq": 4, "duplicate": False},
        ]
        reasons = [result["error"]["message"] for result in results if "error" in result]
        assert (
            reasons[0].startswith("the id a was used for something else by s1")
            and "`text`" in reasons[3]
            and "user.id" in reasons[5]
        )
        assert [(await ada.recv("message"))["text"] for _ in range(4)] == ["hello", "one", "two", "last"]
        again = (await ask(it, "POST", "/messages", {"messages": [batch[0], batch[1], batch[4]]}))["results"]
        assert [(result["seq"], result["duplicate"]) for result in again] == [(2, True), (1, True), (3, True)]


async def test_a_batch_reaches_only_rooms_that_the_token_opens() -> None:
    """Another is as one that isn't there; an author who is banned is refused by the broker."""
    mod = bearer("m1", role="moderator")
    async with serving() as it:
        await ask(it, "POST", "/moderation", {"user": "u9", "action": "ban", "room": "team-a"}, by=mod)
        items = [{"room": room, "id": "1", "text": "x", "user": PEN} for room in ("lobby", "team-a", "team-b")]
        token = bearer("s2", role="service", rooms=["team-*"])
        results = (await ask(it, "POST", "/messages", {"messages": items}, by=token))["results"]
        assert [result.get("error", {}).get("code") for result in results] == ["not_found", "forbidden", None]
        assert results[1]["error"]["message"].startswith("u9 is banned from team-a")


@pytest.mark.parametrize(
    "body", [{}, {"messages": []}, {"messages": 1}, {"messages": [{}] * (BATCH_MESSAGES_LIMIT + 1)}, []]
)
async def test_a_batch_that_is_none_is_400(body: Any) -> None:
    """As a whole."""
    async with serving() as it:
        assert refusal(await it.fetch("/messages", "POST", body, **SERVICE))[:2] == (400, "bad_request")


async def test_what_the_broker_can_not_take_is_said_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the wait, after which the same batch may be sent again whole."""
    async with serving() as it:
        loop = asyncio.get_running_loop()
        refuse = lambda event, done: loop.call_soon(done, unavailable())  # noqa: E731  # one line
        monkeypatch.setattr(it.node.broker.log, "publish", refuse)
        items = [{"room": "lobby", "id": id, "text": "x"} for id in "ab"]
        results = (await ask(it, "POST", "/messages", {"messages": items}))["results"]
        assert [result["error"]["code"] for result in results] == ["unavailable"] * 2
        assert all(result["error"]["retry_after"] > 0 for result in results)


# -- rights and rates


NEEDS_SERVICE: list[tuple[str, str, Any]] = [
    ("POST", "/rooms/lobby/messages", {"id": "m", "text": "x"}),
    ("POST", "/messages", {"messages": [{"room": "lobby", "id": "m", "text": "x"}]}),
    ("PATCH", "/rooms/lobby/messages/1", {"id": "e", "text": "x"}),
    ("GET", "/rooms/lobby", None),
    ("DELETE", "/users/u1/sockets", None),
    ("DELETE", "/users/u1", None),
    ("GET", "/rooms/lobby/export", None),
    ("DELETE", "/rooms/lobby", None),
]


@pytest.mark.parametrize(("method", "path", "body"), NEEDS_SERVICE)
async def test_only_backends_may(method: str, path: str, body: Any) -> None:
    """401 without a token; 403 says which role is needed, and which it is."""
    async with serving() as it:
        assert refusal(await it.fetch(path, method, body))[:2] == (401, "unauthenticated")
        for role in ("member", "moderator"):
            status, code, sentence = refusal(await it.fetch(path, method, body, **bearer("u1", role=role)))
            assert (status, code) == (403, "forbidden") and f"role service, and yours has the role {role}" in sentence
        ticket = await ask(it, "POST", "/tickets", {"name": "Guest"}, 201, by={})
        guest = {"Authorization": f"Bearer {ticket['guest']}"}
        assert refusal(await it.fetch(path, method, body, **guest))[:2] == (403, "forbidden")


async def test_backends_have_a_rate_of_their_own() -> None:
    """SERVICE_RATE: a message is 1, wherever it stands; people's rates are neither asked nor spent."""
    limits = {"SEND_RATE": "0.1", "SEND_BURST": "1", "JOIN_RATE": "0.1", "SERVICE_RATE": "0.5"}
    async with serving(limits) as it:
        for number in range(2):
            await say(it, id=f"m{number}")
        items = [{"room": "lobby", "id": f"b{number}", "text": "x"} for number in range(3)]
        for _ in range(2):
            response = await it.fetch("/messages", "POST", {"messages": items}, **SERVICE)
        assert refusal(response)[:2] == (429, "rate_limited") and int(response.headers["Retry-After"]) >= 1
        assert (await it.fetch("/rooms/lobby/messages?limit=1", **SERVICE)).code == 429
        assert (await it.fetch("/rooms/lobby/messages?limit=1", **USER)).code == 200
        async with ChatClient.open(it.url, bearer=SERVICE["Authorization"][7:]) as bot:
            await bot.join("lobby")  # on sockets it is one of the people
            await bot.send("lobby", "hi")


async def test_backends_of_one_address_share_a_rate() -> None:
    """SERVICE_RATE_ADDRESS, with ten seconds of it as the burst."""
    async with serving({"SERVICE_RATE_ADDRESS": "0.2"}) as it:
        one, two = SERVICE, bearer("s2", role="service")
        codes = []
        for number, who in enumerate((one, two, one)):
            body = {"id": f"{number}", "text": "x"}
            codes.append((await it.fetch("/rooms/lobby/messages", "POST", body, **who)).code)
        assert codes == [201, 201, 429]


# -- edits and removals


@ON_EACH
async def test_a_backend_edits_and_removes(broker_env: dict[str, str]) -> None:
    """Its own and, by the author's name, others'; all who are there see it, and a request given twice is done once."""
    async with serving(broker_env) as it, ChatClient.open(it.url, "Ada") as ada:
        await ada.join("lobby")
        own = (await say(it, text="buidl"))["seq"]
        pens = (await say(it, text="mine", id="m2", user=PEN))["seq"]
        path = "/rooms/lobby/messages"
        edit = await ask(it, "PATCH", f"{path}/{own}", {"id": "e1", "text": "build"})
        assert fields(edit, "room", "id", "seq", "duplicate") == {
            "room": "lobby",
            "id": "e1",
            "seq": 3,
            "duplicate": False,
        }
        again = await ask(it, "PATCH", f"{path}/{own}", {"id": "e1", "text": "build"})
        assert again == edit | {"duplicate": True}
        frame = await ada.recv("edited")
        assert fields(frame, "target", "text") == {"target": own, "text": "build"}
        refused = await it.fetch(f"{path}/{pens}", "PATCH", {"id": "e2", "text": "yours"}, **SERVICE)
        assert refusal(refused)[:2] == (403, "forbidden") and "give its author as user" in refusal(refused)[2]
        await ask(it, "PATCH", f"{path}/{pens}", {"id": "e2", "text": "ours", "user": PEN})
        removal = await ask(it, "DELETE", f"{path}/{pens}")
        assert await ask(it, "DELETE", f"{path}/{pens}") == removal | {"duplicate": True}
        assert fields(await ada.recv("removed"), "target", "seq") == {"target": pens, "seq": removal["seq"]}
        other = await it.fetch(f"{path}/{pens}?id=x", "DELETE", **SERVICE)
        assert refusal(other) == (400, "bad_request", "the message is removed")
        history = (await ask(it, "GET", path))["messages"]
        assert [one.get("text") for one in history] == ["build", None]


@ON_EACH
async def test_what_is_no_message_can_not_be_changed(broker_env: dict[str, str]) -> None:
    """404 names the room and the seq; an id that can't be is 400."""
    async with serving(broker_env) as it:
        await say(it)
        for seq in (2, 999):
            for method, body in (("PATCH", {"id": f"e{seq}", "text": "x"}), ("DELETE", None)):
                response = await it.fetch(f"/rooms/lobby/messages/{seq}", method, body, **SERVICE)
                assert refusal(response)[:2] == (404, "not_found")
                assert f"no message {seq} in lobby" in refusal(response)[2]
        long = await it.fetch(f"/rooms/lobby/messages/1?id={'x' * 65}", "DELETE", **SERVICE)
        assert refusal(long)[:2] == (400, "bad_request")
        assert (await it.fetch("/rooms/lobby/messages/0", "DELETE", **SERVICE)).code == 404


# -- history


@ON_EACH
async def test_history_is_read_forwards_and_backwards(broker_env: dict[str, str]) -> None:
    """From a cursor, all of it and each once; the answer says where the room stands, and what is no longer there."""
    async with serving(broker_env | {"HISTORY_LIMIT": "100"}) as it:
        path = "/rooms/lobby/messages"
        for start in range(0, 10, 5):
            items = [{"room": "lobby", "id": f"{n}", "text": f"{n}"} for n in range(start, start + 5)]
            await ask(it, "POST", "/messages", {"messages": items})
        await ask(it, "PATCH", f"{path}/3", {"id": "e", "text": "edited"})
        forwards, cursor = [], 0
        while True:
            page = await ask(it, "GET", f"{path}?after={cursor}&limit=4")
            forwards += page["messages"]
            assert (page["seq"], page["trimmed"]) == (11, False)
            if not page["more"]:
                break
            cursor = page["messages"][-1]["seq"]
        assert [one["seq"] for one in forwards] == list(range(1, 11)) and forwards[2]["text"] == "edited"
        backwards: list[Any] = []
        page = {"more": True}
        while page["more"]:
            before = f"&before={backwards[0]['seq']}" if backwards else ""
            page = await ask(it, "GET", f"{path}?limit=4{before}")
            backwards = page["messages"] + backwards
        assert backwards == forwards and "trimmed" not in page
        assert (await ask(it, "GET", f"{path}?after=11"))["messages"] == []
        refused = await it.fetch(f"{path}?after=1&before=5", **SERVICE)
        assert refusal(refused) == (400, "bad_request", "before and after exclude each other: a page goes one way")
        for start in range(0, 800, 400):
            items = [{"room": "lobby", "id": f"m{n}", "text": f"{n}"} for n in range(start, start + 400)]
            await ask(it, "POST", "/messages", {"messages": items})
        page = await ask(it, "GET", f"{path}?after=11&limit=1")
        assert page["trimmed"] and page["messages"][0]["seq"] > 12
        last = await ask(it, "GET", f"{path}?after={page['seq'] - 1}")
        assert not last["trimmed"] and len(last["messages"]) == 1


async def test_people_read_forwards_too() -> None:
    """Whoever may enter; a room that isn't there is 404 in either direction."""
    async with serving() as it:
        await say(it)
        assert len((await ask(it, "GET", "/rooms/lobby/messages?after=0", by=USER))["messages"]) == 1
        assert (await it.fetch("/rooms/elsewhere/messages?after=0", **USER)).code == 404


# -- rooms and people


@ON_EACH
async def test_a_room_says_how_it_stands(broker_env: dict[str, str]) -> None:
    """Its log's end, how many are there, its topic and beginning; who they are, a part at a time."""
    mod = make_jwt("m1", "Mo", role="moderator")
    async with serving(broker_env) as it, ChatClient.open(it.url, jwt=mod) as mo, ChatClient.open(it.url, "Bo") as bo:
        assert (await it.fetch("/rooms/lobby", **SERVICE)).code == 404
        for client in (mo, bo):
            joined = await client.join("lobby")
        empty = await ask(it, "GET", "/rooms/lobby")
        assert fields(empty, "seq", "topic", "begun") == {"seq": 0, "topic": None, "begun": None}
        await mo.send("lobby", "hello")
        await mo.request("topic", room="lobby", id="t", text="Builds")
        for _ in range(100):
            room = await ask(it, "GET", "/rooms/lobby")
            if room["count"] == 2:
                break
            await asyncio.sleep(0.02)
        assert fields(room, "room", "epoch", "seq", "count") == {
            "room": "lobby",
            "epoch": joined["epoch"],
            "seq": 2,
            "count": 2,
        }
        assert (room["topic"]["text"], room["begun"]["user"]["id"]) == ("Builds", "m1")
        members = await ask(it, "GET", "/rooms/lobby/members")
        by_id = sorted(members["members"], key=lambda person: person["id"])
        assert members | {"members": by_id} == {
            "room": "lobby",
            "count": 2,
            "members": sorted([mo.user, bo.user], key=lambda person: person["id"]),
            "next": None,
        }
        for path in ("/rooms/elsewhere", "/rooms/No%20Room", "/rooms/No%20Room/members"):
            assert (await it.fetch(path, **SERVICE)).code == 404
        limited = bearer("s2", role="service", rooms=["team-*"])
        for path in ("/rooms/lobby", "/rooms/lobby/members"):
            assert (await it.fetch(path, **limited)).code == 404


async def test_members_are_asked_for_in_parts() -> None:
    """`next` leads to the rest."""
    async with serving() as it, ChatClient.open(it.url, "Ada") as ada, ChatClient.open(it.url, "Bo") as bo:
        for client in (ada, bo):
            await client.join("lobby")
        await asyncio.sleep(0.1)
        first = await ask(it, "GET", "/rooms/lobby/members?limit=1")
        rest = await ask(it, "GET", f"/rooms/lobby/members?limit=1&after={first['next']}")
        assert {first["members"][0]["name"], rest["members"][0]["name"]} == {"Ada", "Bo"} and rest["next"] is None


@ON_EACH
async def test_what_holds_against_whom_is_listed(broker_env: dict[str, str]) -> None:
    """Bans, mutes and slowings by room, a part at a time, without the address of any network."""
    mod = bearer("m1", role="moderator")
    async with serving(broker_env) as it, ChatClient.open(it.url, "Guest") as guest:
        await asyncio.sleep(0.7)  # for it to be known where the guest comes from
        for body in (
            {"user": "u1", "action": "ban", "room": "lobby", "reason": "spam"},
            {"user": "u1", "action": "mute"},
            {"user": "u2", "action": "slow", "room": "annex", "seconds": 60},
            {"user": guest.user["id"], "action": "mute", "room": "lobby", "network": True},
        ):
            await ask(it, "POST", "/moderation", body, by=mod)
        answered = await ask(it, "GET", "/moderation")
        listed = answered["sanctions"]
        assert [(one["room"], one["kind"], one["user"], one["network"]) for one in listed] == [
            (None, "mute", "u1", False),
            ("annex", "slow", "u2", False),
            ("lobby", "ban", "u1", False),
            ("lobby", "mute", guest.user["id"], True),
        ]
        assert listed[2] == {
            "kind": "ban",
            "room": "lobby",
            "user": "u1",
            "network": False,
            "until": None,
            "by": "m1",
            "reason": "spam",
        }
        assert listed[1]["until"] > 1.7e12 and answered["next"] is None
        first = await ask(it, "GET", "/moderation?limit=3", by=mod)
        rest = await ask(it, "GET", f"/moderation?limit=3&after={first['next'].replace(' ', '%20')}", by=mod)
        assert first["sanctions"] + rest["sanctions"] == listed and rest["next"] is None
        for query, count in (("kind=mute", 2), ("room=lobby", 2), ("user=u1", 2), ("kind=ban&user=u2", 0)):
            assert len((await ask(it, "GET", f"/moderation?{query}"))["sanctions"]) == count, query
        team = bearer("m2", role="moderator", rooms=["annex"])
        assert [one["room"] for one in (await ask(it, "GET", "/moderation", by=team))["sanctions"]] == [None, "annex"]
        assert (await it.fetch("/moderation", **USER)).code == 403


@ON_EACH
async def test_a_users_sockets_are_closed(broker_env: dict[str, str]) -> None:
    """All of them, with the reason, and nobody else's; whoever it is may come back."""
    async with serving(broker_env) as it:
        token = make_jwt("a|b/c", "Ada")
        async with (
            ChatClient.open(it.url, jwt=token) as one,
            ChatClient.open(it.url, jwt=token) as two,
            ChatClient.open(it.url, "Bo") as bo,
        ):
            path = "/users/a%7Cb%2Fc/sockets"
            assert await ask(it, "DELETE", path + "?reason=signed%20out", status=202) == {"user": "a|b/c"}
            assert [await client.closed() for client in (one, two)] == [(4401, "signed out")] * 2
            await bo.join("lobby")
        async with ChatClient.open(it.url, jwt=token):
            pass
        assert refusal(await it.fetch(path + "?reason=" + 124 * "x", "DELETE", **SERVICE))[:2] == (400, "bad_request")
        assert refusal(await it.fetch("/users/%E2%80%8B/sockets", "DELETE", **SERVICE))[:2] == (400, "bad_request")
        limited = bearer("s2", role="service", rooms=["*"])
        assert "without the claim rooms" in refusal(await it.fetch(path, "DELETE", **limited))[2]


async def test_who_speaks_by_a_guide_is_closed_too() -> None:
    """By the id that the chat shows."""
    async with serving() as it, ChatClient.open(it.url, "Bo") as bo, it.socket("/ws") as guide:
        await bo.join("lobby")
        await guide.send('{"handle":"Ada","text":"hi"}')
        user = (await bo.recv("message"))["user"]["id"]
        await ask(it, "DELETE", f"/users/{user}/sockets", status=202)
        await guide.wait_closed()
        assert guide.close_code == 4401


# -- purging somebody


@ON_EACH
async def test_a_user_is_purged(broker_env: dict[str, str], request: pytest.FixtureRequest) -> None:
    """Their sockets are closed, who is there sees their messages go, and nothing in the store speaks of them."""
    secret, text = "u-secret", "a word of theirs"
    async with serving(broker_env) as it, ChatClient.open(it.url, "Bo") as bo:
        async with ChatClient.open(it.url, jwt=make_jwt(secret, "Secretive")) as they:
            for room in ("lobby", "annex"):
                await they.join(room)
                for _ in range(3):
                    await they.send(room, text)
                await they.request("edit", room=room, id="e", target=1, text=text + ", again")
                await say(it, room, id=f"k-{room}", text="kept")
                await they.request("react", room=room, id="r", target=5, emoji="👍")
                await they.raw(f'{{"type":"read","room":"{room}","seq":3}}')
            await bo.join("lobby")
            await they.recv("read")
            await asyncio.sleep(0.2)  # for rooms to be in the index
            answered = await ask(it, "DELETE", f"/users/{secret}")
            assert answered == {"user": secret, "rooms": 2, "messages": 6, "next": None}
            assert await they.closed() == (4401, "this user is deleted")
        assert [(await bo.recv("removed"))["target"] for _ in range(3)] == [1, 2, 3]
        messages = (await ask(it, "GET", "/rooms/lobby/messages"))["messages"]
        assert [(one["user"]["id"], one.get("text"), "reactions" in one) for one in messages] == [
            ("g-gone", None, False),
            ("g-gone", None, False),
            ("g-gone", None, False),
            ("s1", "kept", False),
        ]
        assert (await ask(it, "DELETE", f"/users/{secret}")) == answered | {"messages": 0}
        await bo.send("lobby", "the room goes on, and so does its count")
        await asyncio.sleep(0.2)  # presence
    assert not traces(broker_env, request, secret, "Secretive", text)


def traces(environ: dict[str, str], request: pytest.FixtureRequest, *words: str) -> list[str]:
    """Which of the words stand in the broker's store."""
    if "SQLITE_PATH" in environ:
        contents = "".join(path.read_bytes().decode(errors="replace") for path in files_of(environ["SQLITE_PATH"]))
    elif "cluster" in environ["REDIS_URL"]:
        cluster = request.getfixturevalue("redis_cluster")
        contents = "".join(redis_contents(Redis(port=node.port)) for node in cluster.primaries())
    else:
        contents = redis_contents(Redis.from_url(environ["REDIS_URL"]))
    return [word for word in words if word in contents]


def files_of(path: str) -> list[Path]:
    """Of an embedded broker: the file, and those beside it."""
    return sorted(Path(path).parent.glob(Path(path).name + "*"))


async def test_a_purge_that_takes_long_says_where_to_go_on() -> None:
    """`next`, until nothing is left."""
    async with serving() as it:
        it.node.purge_seconds = 0.0
        rooms = 2 * ROOMS_AT_ONCE + 1
        items = [{"room": f"r{number}", "id": "1", "text": "x", "user": PEN} for number in range(rooms)]
        await ask(it, "POST", "/messages", {"messages": items})
        path, answers = "/users/u9", list[Any]()
        while not answers or answers[-1]["next"]:
            answers.append(await ask(it, "DELETE", path))
            path = f"/users/u9?after={answers[-1]['next']}"
        assert [(one["rooms"], one["messages"]) for one in answers] == [(ROOMS_AT_ONCE,) * 2] * 2 + [(1, 1)]


async def test_who_is_banned_stays_so_when_purged() -> None:
    """Else to be purged would be a way back."""
    async with serving() as it:
        await ask(it, "POST", "/moderation", {"user": "u9", "action": "ban"}, by=bearer("m1", role="moderator"))
        await ask(it, "DELETE", "/users/u9")
        assert [one["user"] for one in (await ask(it, "GET", "/moderation"))["sanctions"]] == ["u9"]
        assert (await it.fetch("/users/u9", "DELETE", **bearer("s2", role="service", rooms=["*"]))).code == 403


# -- export and end of a room


def lines(response: HTTPResponse) -> list[Any]:
    """Of an export."""
    return [json.loads(line) for line in response.body.splitlines()]


@ON_EACH
async def test_a_room_is_exported(broker_env: dict[str, str]) -> None:
    """A line for each message as it is now, between one that says what it is and one that says that it is all."""
    async with serving(broker_env) as it:
        for start in range(0, 1000, 250):
            items = [{"room": "lobby", "id": f"m{n}", "text": f"{n}: " + "x" * 300} for n in range(start, start + 250)]
            await ask(it, "POST", "/messages", {"messages": items})
        await ask(it, "PATCH", "/rooms/lobby/messages/2", {"id": "e", "text": "edited"})
        await ask(it, "DELETE", "/rooms/lobby/messages/3")
        response = await it.fetch("/rooms/lobby/export", **SERVICE)
        assert response.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
        head, *messages, end = lines(response)
        assert fields(head, "type", "room", "seq", "topic") == {
            "type": "room",
            "room": "lobby",
            "seq": 1002,
            "topic": None,
        }
        assert [one["seq"] for one in messages] == list(range(1, 1001))
        assert messages[1]["text"] == "edited" and messages[2]["removed"] and "text" not in messages[2]
        assert end == {"type": "end", "messages": 1000}
        assert (await it.fetch("/rooms/lobby/export", "HEAD", **SERVICE)).body == b""
        assert (await it.fetch("/rooms/elsewhere/export", **SERVICE)).code == 404


async def test_an_export_waits_for_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads no page ahead of who takes it, and ends with its room: then it has no last line."""
    async with serving() as it:
        for start in range(0, 1000, 25):
            items = [{"room": "lobby", "id": f"m{n}", "text": "x" * 4000} for n in range(start, start + 25)]
            await ask(it, "POST", "/messages", {"messages": items})
        pages = 0
        log, read = it.node.broker.log, it.node.broker.log.oldest

        async def counted(*args: Any) -> Any:
            nonlocal pages
            pages += 1
            return await read(*args)

        monkeypatch.setattr(log, "oldest", counted)
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port, limit=4096)
        token = SERVICE["Authorization"]
        writer.write(f"GET /rooms/lobby/export HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n\r\n".encode())
        await asyncio.sleep(0.3)
        waiting = pages
        await asyncio.sleep(0.3)
        assert 0 < waiting == pages < 35
        await ask(it, "DELETE", "/rooms/lobby")
        rest = await asyncio.wait_for(reader.read(-1), 10)
        assert b'"type":"room"' in rest and b'"type":"end"' not in rest and not rest.endswith(b"0\r\n\r\n")
        writer.close()


@ON_EACH
async def test_a_room_is_deleted(broker_env: dict[str, str]) -> None:
    """Who is there is told `reset`, and finds it empty, with another epoch, from seq 1 on."""
    async with serving(broker_env) as it, ChatClient.open(it.url, "Bo") as bo:
        joined = await bo.join("lobby")
        await say(it, text="of before")
        await bo.recv("message")
        assert await ask(it, "DELETE", "/rooms/lobby") == {"room": "lobby"}
        assert fields(await bo.recv("reset"), "room", "reason") == {"room": "lobby", "reason": "epoch"}
        again = await bo.join("lobby")
        assert (again["seq"], again["messages"]) == (0, []) and again["epoch"] != joined["epoch"]
        assert fields(await say(it, text="of now"), "seq", "duplicate") == {"seq": 1, "duplicate": False}
        assert (await bo.recv("message"))["text"] == "of now"
        assert (await it.fetch("/rooms/elsewhere", "DELETE", **SERVICE)).code == 404
