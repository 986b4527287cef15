"""service/api.py over HTTP, on both brokers: every endpoint, every refusal, and what each answer carries."""

import asyncio
import json
import re
import time
from typing import Any, cast

import pytest
from tornado.httpclient import HTTPResponse

from service import api
from service.brokers.base import unavailable
from service.brokers.directory import ROOMS_LISTED, Directory
from service.brokers.redis.broker import RedisBroker
from service.brokers.sqlite.file import File
from service.protocol import PAGE_LIMIT, RequestError

from .brokers import message, store
from .harness import ChatClient, ServiceProcess, make_jwt
from .serving import Served, answer, fields, serving


def bearer(sub: str, name: str = "Ada", **claims: Any) -> dict[str, str]:
    """The header of a token of one's own users."""
    return {"Authorization": f"Bearer {make_jwt(sub, name, **claims)}"}


USER = bearer("u1")
SERVICE = bearer("s1", "Build", role="service")
MODERATOR = bearer("m1", "Mo", role="moderator")


def error(response: HTTPResponse) -> tuple[int, str]:
    """Status and code of an error, whose form is checked."""
    body = answer(response)
    assert set(body) == {"error"} and set(body["error"]) == {"code", "message"}
    assert body["error"]["message"]
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    return response.code, body["error"]["code"]


async def post(it: Served, path: str, body: Any, **headers: str) -> HTTPResponse:
    return await it.fetch(path, "POST", body, **headers)


async def publish(it: Served, room: str = "lobby", text: str = "hello", id: str = "m1", **more: Any) -> HTTPResponse:
    return await post(it, f"/rooms/{room}/messages", {"id": id, "text": text} | more, **SERVICE)


# -- tickets


async def test_a_guest_gets_a_ticket(broker_env: dict[str, str]) -> None:
    """201 with the ticket, its life in seconds, who one is, and a token to stay that guest."""
    async with serving(broker_env) as it:
        response = await post(it, "/tickets", {"name": "Ada"}, Origin=it.url)
        body = answer(response)
        assert response.code == 201
        assert set(body) == {"ticket", "expires_in", "user", "guest"}
        assert body["expires_in"] == 30
        assert body["user"]["name"] == "Ada" and body["user"]["id"].startswith("g-")
        async with ChatClient.open(it.url, ticket=body["ticket"]) as client:
            assert client.user == body["user"]


async def test_a_guest_token_brings_the_guest_back(broker_env: dict[str, str]) -> None:
    """With its name, or under a new one; it is not refused the name it has itself."""
    async with serving(broker_env) as it:
        first = answer(await post(it, "/tickets", {"name": "Ada"}))
        again = answer(await post(it, "/tickets", {"guest": first["guest"]}))
        renamed = answer(await post(it, "/tickets", {"name": "Bea", "guest": first["guest"]}))
        assert again["user"] == first["user"]
        assert renamed["user"] == {"id": first["user"]["id"], "name": "Bea"}


async def test_a_guest_token_serves_as_a_bearer_token(broker_env: dict[str, str]) -> None:
    """Then nothing needs to stand in the body, and no new one is given."""
    async with serving(broker_env) as it:
        first = answer(await post(it, "/tickets", {"name": "Ada"}))
        response = await it.fetch("/tickets", "POST", b"", Authorization=f"Bearer {first['guest']}")
        assert response.code == 201
        assert answer(response)["user"] == first["user"] and "guest" not in answer(response)


async def test_a_name_in_use_is_taken(broker_env: dict[str, str]) -> None:
    """However it is written; a user's name comes from their own directory and is not refused."""
    async with serving(broker_env) as it, ChatClient.open(it.url, "Ada"):
        for name in ("Ada", "ada", " ADA "):
            assert error(await post(it, "/tickets", {"name": name})) == (409, "name_taken")
        assert (await post(it, "/tickets", {}, **bearer("u1", "Ada"))).code == 201


async def test_a_request_whose_answer_was_lost_may_be_repeated(broker_env: dict[str, str]) -> None:
    """Of those who ask for a name from one place, and never came, the last has it; from elsewhere it is taken."""
    here, there = {"X_Forwarded_For": "192.0.2.1"}, {"X_Forwarded_For": "192.0.2.2"}
    async with serving(broker_env | {"TRUSTED_PROXIES": "1", "TICKET_ADDRESS": "0"}) as it:
        lost = answer(await post(it, "/tickets", {"name": "Ada"}, Origin=it.url, **here))
        assert error(await post(it, "/tickets", {"name": "Ada"}, Origin=it.url, **there)) == (409, "name_taken")
        again = answer(await post(it, "/tickets", {"name": "ada"}, Origin=it.url, **here))
        assert again["user"]["id"] != lost["user"]["id"]
        async with ChatClient.open(it.url, ticket=lost["ticket"], welcome=False) as late:
            assert await late.closed() == (4401, "name_taken")
        async with ChatClient.open(it.url, ticket=again["ticket"]):
            for where in (here, there):
                response = await post(it, "/tickets", {"name": "Ada"}, Origin=it.url, **where)
                assert error(response) == (409, "name_taken")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"Ada"',
        b'{"name":1}',
        b'{"name":""}',
        b'{"name":"a\\u202eb"}',
        b'{"name":"\\ud800"}',
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"name":' + b"[" * 60_000,
    ],
)
async def test_bodies_that_are_none_are_400(body: bytes) -> None:
    """Said as an error, however deep or strange; nothing reaches the log."""
    async with serving() as it:
        assert error(await it.fetch("/tickets", "POST", body)) == (400, "bad_request")


async def test_without_guests_a_token_is_needed() -> None:
    """GUESTS=0: 401, and a token works as ever."""
    async with serving({"GUESTS": "0"}) as it:
        assert error(await post(it, "/tickets", {"name": "Ada"})) == (401, "unauthenticated")
        assert (await post(it, "/tickets", {}, **USER)).code == 201


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", make_jwt("u", "U", exp=1), make_jwt("g-x", "U")])
async def test_a_token_that_does_not_count_is_401(token: str) -> None:
    """Wherever one is asked for."""
    async with serving() as it:
        headers = {"Authorization": f"Bearer {token}"}
        assert error(await it.fetch("/tickets", "POST", b"{}", **headers)) == (401, "unauthenticated")
        assert error(await it.fetch("/rooms", **headers)) == (401, "unauthenticated")


async def test_tickets_have_a_rate() -> None:
    """429, and Retry-After says how many whole seconds to wait."""
    async with serving({"TICKET_RATE": "0.2"}) as it:
        for number in range(2):
            assert (await post(it, "/tickets", {"name": f"Ada {number}"})).code == 201
        response = await post(it, "/tickets", {"name": "Bob"})
        assert error(response) == (429, "rate_limited")
        assert response.headers["Retry-After"] == "5"


# -- rooms


async def test_rooms_are_listed_with_who_is_in_and_what_is_unread(broker_env: dict[str, str]) -> None:
    """In the order of their names; what others said is unread."""
    async with serving(broker_env) as it, ChatClient.open(it.url, bearer=USER["Authorization"][7:]) as ada:
        await ada.join("tea")
        await ada.join("lobby")
        for number in range(3):
            await publish(it, id=f"m{number}")
        await ada.recv("message", seq=3)
        await ada.raw('{"type":"read","room":"lobby","seq":1}')
        await ada.recv("read")
        for room in ("tea", "lobby"):  # Redis has heard of them
            await ada.recv("presence", room=room)
        expected = [{"room": "lobby", "count": 1, "unread": 2}, {"room": "tea", "count": 1, "unread": 0}]
        assert answer(await it.fetch("/rooms", **USER)) == {"rooms": expected}


class Rooms:
    """Of a directory, what lists its rooms: away at the first time."""

    def __init__(self) -> None:
        self.reads = 0

    async def rooms(self) -> dict[str, int]:
        self.reads += 1
        await asyncio.sleep(0.01)
        if self.reads == 1:
            raise unavailable()
        return {"lobby": self.reads}


async def test_a_list_is_read_once_for_all() -> None:
    """For so long, however many ask at once; a failure is nobody's but theirs who asked meanwhile."""
    listed = api.RoomList(cast(Directory, Rooms()), seconds=60)
    with pytest.raises(RequestError):
        await listed.get()
    assert await asyncio.gather(*(listed.get() for _ in range(20))) == [[("lobby", 2)]] * 20
    assert await listed.get() == [("lobby", 2)]
    listed = api.RoomList(cast(Directory, Rooms()), seconds=0)
    with pytest.raises(RequestError):
        await listed.get()
    assert [await listed.get() for _ in range(2)] == [[("lobby", 2)], [("lobby", 3)]]


async def test_rooms_are_listed_page_by_page(broker_env: dict[str, str]) -> None:
    """By name, after a name, so many; `more` until the last. Without either the answer is as it always was."""
    async with serving(broker_env) as it:
        names = [f"room-{number}" for number in range(7)]
        await store(it.node.broker, *map(message, names))
        seen: list[str] = []
        for more in (True, True, False):
            after = f"&after={seen[-1]}" if seen else ""
            page = answer(await it.fetch(f"/rooms?limit=3{after}", **USER))
            assert set(page) == {"rooms", "more"} and page["more"] is more
            seen += [room["room"] for room in page["rooms"]]
        assert seen == names
        assert answer(await it.fetch("/rooms?after=room-5", **USER)) == {
            "rooms": [{"room": "room-6", "count": 0, "unread": 0}],
            "more": False,
        }
        assert answer(await it.fetch("/rooms?limit=0", **USER)) == {"rooms": [], "more": True}
        assert answer(await it.fetch("/rooms?after=z&limit=5", **USER)) == {"rooms": [], "more": False}
        assert len(answer(await it.fetch("/rooms?limit=9999", **USER))["rooms"]) == 7
        assert set(answer(await it.fetch("/rooms", **USER))) == {"rooms"}
        for bad in ("limit=-1", "limit=x", "limit=1.5", "limit=٣"):
            path = f"/rooms?{bad}".encode().decode("ascii", "ignore") if bad.isascii() else "/rooms?limit=%D9%A3"
            assert error(await it.fetch(path, **USER)) == (400, "bad_request")


async def test_a_list_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rooms there are, and whatever is asked for."""
    async with serving() as it:

        async def many() -> dict[str, int]:
            return {f"r{number:05}": 1 for number in range(3000)}

        monkeypatch.setattr(it.node.broker.directory, "rooms", many)
        assert len(answer(await it.fetch("/rooms", **USER))["rooms"]) == ROOMS_LISTED
        assert len(answer(await it.fetch("/rooms?limit=100000", **USER))["rooms"]) == ROOMS_LISTED


async def test_reading_costs_by_its_size_for_users_and_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list or a page of a thousand is twenty of fifty; an address pays for all of its users."""
    for limits in ({"JOIN_RATE": "1"}, {"JOIN_RATE_ADDRESS": "1"}):
        async with serving(limits) as it:

            async def many() -> dict[str, int]:
                return {f"r{number:05}": 1 for number in range(450)}

            monkeypatch.setattr(it.node.broker.directory, "rooms", many)
            await store(it.node.broker, message())
            shared = "JOIN_RATE_ADDRESS" in limits
            other = bearer("u2") if shared else USER
            assert (await it.fetch("/rooms?limit=50", **USER)).code == 200  # 1 of 10
            assert (await it.fetch("/rooms", **USER)).code == 200  # 9, which empties the burst
            assert error(await it.fetch("/rooms?limit=50", **other)) == (429, "rate_limited")
            assert error(await it.fetch("/rooms/lobby/messages", **other)) == (429, "rate_limited")
            if not shared:
                assert (await it.fetch("/rooms/lobby/messages?limit=200", **bearer("u3"))).code == 200  # 4
                assert (await it.fetch("/rooms/lobby/messages?limit=200", **bearer("u3"))).code == 200
                assert error(await it.fetch("/rooms/lobby/messages?limit=200", **bearer("u3"))) == (429, "rate_limited")


async def test_rooms_that_may_not_be_entered_are_not_listed(broker_env: dict[str, str]) -> None:
    """Neither those outside the token's globs, nor those one is banned from."""
    async with serving(broker_env) as it:
        for room in ("lobby", "tea-1", "tea-2"):
            await store(it.node.broker, message(room))
        headers = bearer("u1", rooms=["tea-*"])
        ban = {"user": "u1", "action": "ban", "room": "tea-2"}
        assert (await post(it, "/moderation", ban, **MODERATOR)).code == 200
        assert [room["room"] for room in answer(await it.fetch("/rooms", **headers))["rooms"]] == ["tea-1"]


async def test_nobody_lists_rooms_without_a_token() -> None:
    """401."""
    async with serving() as it:
        assert error(await it.fetch("/rooms")) == (401, "unauthenticated")


# -- history


async def test_history_is_read_page_by_page(broker_env: dict[str, str]) -> None:
    """Oldest first, the newest page first; `more` until there is no older one."""
    async with serving(broker_env) as it:
        await store(it.node.broker, *(message(text=f"{number}") for number in range(1, 8)))
        newest = answer(await it.fetch("/rooms/lobby/messages?limit=3", **USER))
        assert (newest["room"], newest["more"]) == ("lobby", True)
        assert [shown["text"] for shown in newest["messages"]] == ["5", "6", "7"]
        middle = answer(await it.fetch("/rooms/lobby/messages?limit=3&before=5", **USER))
        assert [shown["seq"] for shown in middle["messages"]] == [2, 3, 4] and middle["more"]
        last = answer(await it.fetch("/rooms/lobby/messages?limit=3&before=2", **USER))
        assert [shown["seq"] for shown in last["messages"]] == [1] and not last["more"]
        assert set(last["messages"][0]) == {"type", "room", "seq", "id", "user", "text", "at"}


async def test_a_page_has_its_bounds(broker_env: dict[str, str]) -> None:
    """Fifty by default, two hundred at the most."""
    async with serving(broker_env) as it:
        await store(it.node.broker, *(message() for _ in range(PAGE_LIMIT + 20)))
        for query, length in (("", 50), ("?limit=100000", PAGE_LIMIT), ("?limit=", 50)):
            page = answer(await it.fetch("/rooms/lobby/messages" + query, **USER))
            assert len(page["messages"]) == length and page["more"]


@pytest.mark.parametrize(
    "query", ["limit=x", "limit=-1", "before=1.5", "before=1e3", "before=%C2%B2", "limit=" + 17 * "1"]
)
async def test_numbers_that_are_none_are_400(query: str) -> None:
    """Said, not guessed at."""
    async with serving() as it:
        await store(it.node.broker, message())
        assert error(await it.fetch(f"/rooms/lobby/messages?{query}", **USER)) == (400, "bad_request")


async def test_a_room_one_may_not_see_is_like_one_that_is_not(broker_env: dict[str, str]) -> None:
    """The same 404, byte for byte, for reading and for publishing."""
    async with serving(broker_env) as it:
        await store(it.node.broker, message("secret"))
        headers = bearer("u1", rooms=["lobby"])
        hidden, absent = [await it.fetch(f"/rooms/{room}/messages", **headers) for room in ("secret", "nothing")]
        assert error(hidden) == error(absent) == (404, "not_found")
        assert hidden.body == absent.body
        assert error(await it.fetch("/rooms/nothing/messages", **USER)) == (404, "not_found")
        limited = bearer("s1", role="service", rooms=["lobby"])
        body = {"id": "m", "text": "x"}
        assert error(await post(it, "/rooms/secret/messages", body, **limited)) == (404, "not_found")


async def test_a_room_that_can_not_be_is_404() -> None:
    """Whatever stands in the path; a preflight is answered all the same, or no page could read that."""
    async with serving() as it:
        for room in ("No%20Room", "%00", "..%2f..", "a" * 65, "%C3%BC" * 200):
            assert error(await it.fetch(f"/rooms/{room}/messages", **USER)) == (404, "bad_room"), room
            assert (await it.fetch(f"/rooms/{room}/messages", "OPTIONS")).code == 204


async def test_the_banned_see_nothing(broker_env: dict[str, str]) -> None:
    """Of the room: 404. Everywhere: 403, and no ticket either."""
    async with serving(broker_env) as it:
        await store(it.node.broker, message("lobby"), message("tea"))
        await post(it, "/moderation", {"user": "u1", "action": "ban", "room": "lobby"}, **MODERATOR)
        assert error(await it.fetch("/rooms/lobby/messages", **USER)) == (404, "not_found")
        assert (await it.fetch("/rooms/tea/messages", **USER)).code == 200
        await post(it, "/moderation", {"user": "u1", "action": "ban"}, **MODERATOR)
        assert error(await it.fetch("/rooms/tea/messages", **USER)) == (403, "forbidden")
        assert error(await post(it, "/tickets", {}, **USER)) == (403, "forbidden")


async def test_a_banned_guest_gets_no_ticket(broker_env: dict[str, str]) -> None:
    """As long as they come as the same guest."""
    async with serving(broker_env) as it:
        guest = answer(await post(it, "/tickets", {"name": "Ada"}))
        await post(it, "/moderation", {"user": guest["user"]["id"], "action": "ban"}, **MODERATOR)
        assert error(await post(it, "/tickets", {"guest": guest["guest"]})) == (403, "forbidden")


async def test_requests_have_a_rate(broker_env: dict[str, str]) -> None:
    """Pages and lists together, a user each; Retry-After is at least a second."""
    async with serving(broker_env | {"JOIN_RATE": "0.3"}) as it:
        await store(it.node.broker, message())
        assert (await it.fetch("/rooms", **USER)).code == 200
        for _ in range(2):
            assert (await it.fetch("/rooms/lobby/messages", **USER)).code == 200
        for path in ("/rooms", "/rooms/lobby/messages"):
            response = await it.fetch(path, **USER)
            assert error(response) == (429, "rate_limited")
            assert int(response.headers["Retry-After"]) >= 1
        assert (await it.fetch("/rooms", **bearer("u2"))).code == 200


# -- publishing


async def test_a_server_publishes(broker_env: dict[str, str]) -> None:
    """201 with seq and time, and the message is in the room as any other."""
    async with serving(broker_env) as it, ChatClient.open(it.url, "Ada") as ada:
        await ada.join("lobby")
        before = time.time() * 1000
        response = await publish(it, text="  built  ")
        body = answer(response)
        assert response.code == 201
        assert fields(body, "room", "id", "seq", "duplicate") == {
            "room": "lobby",
            "id": "m1",
            "seq": 1,
            "duplicate": False,
        }
        assert before - 1000 < body["at"] < before + 10_000
        heard = await ada.recv("message")
        assert fields(heard, "seq", "at", "id") == fields(body, "seq", "at", "id")
        assert (heard["user"], heard["text"]) == ({"id": "s1", "name": "Build"}, "built")


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", True),
        ("Root=1-67891233/abc:1@x+y._", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("two words", False),
        ("a,b", False),
        ('"quoted"', False),
        ("caf\xe9", False),
    ],
)
async def test_a_request_has_an_id(given: str, taken: bool) -> None:
    """Its own if that can be one, else a new one, in every answer; a handshake's, an error's and a page's too."""
    async with serving() as it:
        for path in ("/healthz", "/nowhere", "/", "/static/client.js", "/rooms"):
            answered = (await it.fetch(path, **{"X-Request-Id": given})).headers.get_list("X-Request-Id")
            assert len(answered) == 1
            assert (answered[0] == given) is taken
            assert taken or re.fullmatch(r"[0-9a-f]{32}", answered[0])


async def test_a_backend_finds_what_it_published_by_its_request() -> None:
    """Room, seq and the request's id on one line, at the level that shows requests; what others log has it too."""
    with ServiceProcess({"LOG_LEVEL": "debug", "LOG_FORMAT": "json"}) as service:
        headers = {"Authorization": SERVICE["Authorization"], "X-Request-Id": "deploy-42"}
        body = {"id": "m1", "text": "built and shipped"}
        status, answered, _ = service.request("POST", "/rooms/lobby/messages", body, headers)
        assert status == 201 and answered["X-Request-Id"] == "deploy-42"
        async with ChatClient.open(service.url, "Ada") as ada:
            await ada.join("lobby")
            await ada.send("lobby", "of a socket")
    lines = [json.loads(line) for line in service.stderr]
    (published,) = [line for line in lines if line.get("event") == "published"]
    said = {name: published[name] for name in ("level", "room", "seq", "user", "by", "duplicate", "request_id")}
    assert said == {
        "level": "debug",
        "room": "lobby",
        "seq": 1,
        "user": "s1",
        "by": "s1",
        "duplicate": False,
        "request_id": "deploy-42",
    }
    (request,) = [line for line in lines if line.get("path") == "/rooms/lobby/messages"]
    assert request["request_id"] == "deploy-42" and request["code"] == 201
    assert all(line["request_id"] for line in lines if line.get("event") == "request")
    assert not any(line.get("request_id") for line in lines if line.get("event") in ("drain", "drain_began"))


async def test_a_server_may_try_again(broker_env: dict[str, str]) -> None:
    """The same id is 200 with the same seq and time, and stored once."""
    async with serving(broker_env) as it:
        first, again = await publish(it), await publish(it)
        assert (first.code, again.code) == (201, 200)
        assert answer(again) == answer(first) | {"duplicate": True}
        assert len(answer(await it.fetch("/rooms/lobby/messages", **USER))["messages"]) == 1


async def test_a_server_speaks_for_others(broker_env: dict[str, str]) -> None:
    """`user` in the body is the author."""
    async with serving(broker_env) as it:
        assert (await publish(it, user={"id": "x-1", "name": "Deploy Bot"})).code == 201
        (shown,) = answer(await it.fetch("/rooms/lobby/messages", **USER))["messages"]
        assert shown["user"] == {"id": "x-1", "name": "Deploy Bot"}


@pytest.mark.parametrize("role", ["member", "moderator"])
async def test_only_servers_publish(role: str) -> None:
    """People have a socket for it."""
    async with serving() as it:
        body = {"id": "m", "text": "x"}
        assert error(await post(it, "/rooms/lobby/messages", body, **bearer("u1", role=role))) == (403, "forbidden")
        assert error(await it.fetch("/rooms/lobby/messages", **USER)) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"id": "m"}, 400, "bad_request"),
        ({"text": "x"}, 400, "bad_request"),
        ({"id": "", "text": "x"}, 400, "bad_request"),
        ({"id": "m", "text": "  "}, 400, "bad_request"),
        ({"id": "m", "text": "x" * 4001}, 413, "too_large"),
        ({"id": "m", "text": "x", "user": {"id": "", "name": "Bot"}}, 400, "bad_request"),
        ({"id": "m", "text": "x", "user": {"id": "b" * 129, "name": "Bot"}}, 400, "bad_request"),
        ({"id": "m", "text": "x", "user": {"id": "b\u200b", "name": "Bot"}}, 400, "bad_request"),
        ({"id": "m", "text": "x", "user": {"id": "b\u202e1", "name": "Bot"}}, 400, "bad_request"),
        ({"id": "m", "text": "x", "user": {"id": "b\n", "name": "Bot"}}, 400, "bad_request"),
        ({"id": "m", "text": "x", "user": {"id": "b\u00a0", "name": "Bot"}}, 400, "bad_request"),
        ({"id": "m", "text": "\u2800"}, 400, "bad_request"),
        ({"id": "m", "text": "x", "user": {"id": "b", "name": "\u202e"}}, 400, "bad_request"),
        ({"id": "m", "text": "x", "user": {"id": "b"}}, 400, "bad_request"),
    ],
)
async def test_messages_that_are_none_are_refused(body: Any, status: int, code: str) -> None:
    """By the rules that hold on sockets, too."""
    async with serving() as it:
        assert error(await post(it, "/rooms/lobby/messages", body, **SERVICE)) == (status, code)


async def test_what_the_broker_can_not_take_is_503(broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With Retry-After; not stored, and the next try is."""
    async with serving(broker_env) as it:
        broker = it.node.broker
        with monkeypatch.context() as patch:
            if isinstance(broker, RedisBroker):
                patch.setattr(broker.shards.shards[0].commands, "connected", False)
            else:
                patch.setattr(File, "accepting", False)
            response = await publish(it)
            assert error(response) == (503, "unavailable")
            assert response.headers["Retry-After"] == "1"
            assert error(await it.fetch("/rooms", **USER)) == (503, "unavailable")
        assert (await publish(it)).code == 201


# -- moderation


async def test_moderation_over_http(broker_env: dict[str, str]) -> None:
    """The socket's `moderate` with the same fields, and the same outcome."""
    async with serving(broker_env) as it:
        async with ChatClient.open(it.url, bearer=USER["Authorization"][7:]) as ada:
            await ada.join("lobby")
            body = {"user": "u1", "action": "ban", "room": "lobby", "seconds": 60, "reason": "spam"}
            response = await post(it, "/moderation", body, **MODERATOR)
            assert response.code == 200
            assert answer(response) == {"user": "u1", "action": "ban", "room": "lobby"}
            assert await ada.closed() == (4403, "spam")
        assert it.node.moderation.holds("ban", "lobby", "u1")


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        ({"user": "u1", "action": "ban"}, USER, 403, "forbidden"),
        ({"user": "u1", "action": "ban"}, {}, 401, "unauthenticated"),
        ({"user": "u1", "action": "praise"}, MODERATOR, 400, "bad_request"),
        ({"action": "ban"}, MODERATOR, 400, "bad_request"),
        ({"user": "u1", "action": "ban", "seconds": -1}, MODERATOR, 400, "bad_request"),
        ({"user": "u1", "action": "ban", "room": "No Room"}, MODERATOR, 404, "bad_room"),
    ],
)
async def test_moderation_that_is_refused(body: Any, headers: dict[str, str], status: int, code: str) -> None:
    """Said why; nothing holds."""
    async with serving() as it:
        assert error(await post(it, "/moderation", body, **headers)) == (status, code)
        assert not it.node.moderation.holds("ban", "", "u1")


# -- health and metrics


async def test_health_is_of_the_process_alone(broker_env: dict[str, str]) -> None:
    """It runs its loop; the broker's absence or a drain is no reason to kill it."""
    async with serving(broker_env) as it:
        it.node.admission.draining = True
        response = await it.fetch("/healthz")
        assert (response.code, answer(response)) == (200, {"status": "ok"})


async def test_readiness_is_of_broker_drain_and_parts(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 while one of them says no, with which."""
    well = {"ready": True, "broker": True, "draining": False, "failed": [], "reason": []}
    ill = well | {"ready": False}
    async with serving(broker_env) as it:
        response = await it.fetch("/readyz")
        assert (response.code, answer(response)) == (200, well)
        with monkeypatch.context() as patch:
            patch.setattr(type(it.node.broker), "available", False)
            response = await it.fetch("/readyz")
            assert (response.code, answer(response)) == (503, ill | {"broker": False, "reason": ["broker: away"]})
        it.node.admission.failed.add("rooms")
        response = await it.fetch("/readyz")
        assert (response.code, answer(response)) == (503, ill | {"failed": ["rooms"], "reason": ["failed: rooms"]})
        it.node.admission.failed.clear()
        it.node.admission.draining = True
        response = await it.fetch("/readyz")
        assert (response.code, answer(response)) == (503, ill | {"draining": True, "reason": ["draining"]})
        it.node.admission.failed |= {"rooms", "reads"}
        response = await it.fetch("/readyz")
        assert answer(response)["reason"] == ["draining", "failed: reads", "failed: rooms"]


async def test_metrics_say_what_is_open() -> None:
    """In the Prometheus text format."""
    async with serving() as it, ChatClient.open(it.url, "Ada") as ada:
        await ada.join("lobby")
        response = await it.fetch("/metrics")
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        lines = response.body.decode().splitlines()
        assert {"parley_sockets 1.0", "parley_rooms 1.0", "parley_broker_available 1.0"} <= set(lines)


async def test_metrics_may_be_guarded() -> None:
    """METRICS_TOKEN, as a bearer token."""
    async with serving({"METRICS_TOKEN": "a-token-for-metrics"}) as it:
        for headers in ({}, {"Authorization": "Bearer another"}, USER):
            assert error(await it.fetch("/metrics", **headers)) == (401, "unauthenticated")
        assert (await it.fetch("/metrics", Authorization="Bearer a-token-for-metrics")).code == 200


# -- origins


async def test_a_foreign_page_gets_403() -> None:
    """Before anything else is looked at; the page's own origin and no origin may."""
    async with serving() as it:
        for path, method in (("/tickets", "POST"), ("/rooms", "GET"), ("/moderation", "POST")):
            response = await it.fetch(path, method, b"" if method == "POST" else None, Origin="http://evil.example")
            assert error(response) == (403, "forbidden")
            assert "Access-Control-Allow-Origin" not in response.headers
        for headers in ({}, {"Origin": it.url}):
            response = await post(it, "/tickets", {"name": f"Ada {len(headers)}"}, **headers)
            assert response.code == 201
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_pages_elsewhere_that_are_allowed_may_read() -> None:
    """ALLOWED_ORIGINS: CORS names the one that asked, and the preflight what it may send."""
    page = "https://shop.example"
    async with serving({"ALLOWED_ORIGINS": f"{page},http://127.0.0.1"}) as it:
        preflight = await it.fetch("/tickets", "OPTIONS", Origin=page, Access_Control_Request_Method="POST")
        assert preflight.code == 204 and preflight.body == b""
        assert preflight.headers["Access-Control-Allow-Methods"] == "GET, POST, PATCH, DELETE"
        assert preflight.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, X-Request-Id"
        response = await post(it, "/tickets", {"name": "Ada"}, Origin=page)
        assert response.code == 201
        for allowed in (preflight, response):
            assert allowed.headers["Access-Control-Allow-Origin"] == page
            assert "Origin" in allowed.headers["Vary"]
            assert "Access-Control-Allow-Credentials" not in allowed.headers
        assert error(await post(it, "/tickets", {"name": "Bob"}, Origin=page + ".evil")) == (403, "forbidden")


async def test_a_leaving_process_takes_no_requests() -> None:
    """503 with Retry-After: the router asks another."""
    async with serving() as it:
        it.node.admission.closed = True
        response = await post(it, "/tickets", {"name": "Ada"})
        assert error(response) == (503, "unavailable")
        assert response.headers["Retry-After"] == "1"


# -- errors


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("POST", "/nothing", 404, "not_found"),
        ("GET", "/rooms/", 404, "not_found"),
        ("GET", "/tickets", 405, "method_not_allowed"),
        ("DELETE", "/rooms", 405, "method_not_allowed"),
        ("PUT", "/healthz", 405, "method_not_allowed"),
    ],
)
async def test_errors_are_json(method: str, path: str, status: int, code: str) -> None:
    """Those that Tornado finds, too."""
    async with serving() as it:
        body = b"" if method in ("POST", "PUT") else None
        assert error(await it.fetch(path, method, body)) == (status, code)


@pytest.mark.expects_log("GET /rooms failed")
@pytest.mark.expects_log("GET /rooms 500")
async def test_a_fault_of_ours_is_500_and_logged_by_path(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer says nothing of it, the log nothing of the query, where somebody may have put a secret."""
    async with serving() as it:

        async def broken() -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(it.node.broker.directory, "rooms", broken)
        response = await it.fetch("/rooms?ticket=hidden", **USER)
        assert error(response) == (500, "error")
        assert b"ZeroDivision" not in response.body
        assert "ZeroDivisionError" in caplog.text and "hidden" not in caplog.text


async def test_an_argument_given_twice_or_badly_encoded_is_no_fault() -> None:
    """What a client writes is answered and not logged."""
    async with serving() as it:
        await store(it.node.broker, message())
        assert (await it.fetch("/rooms/lobby/messages?limit=1&limit=2", **USER)).code == 200
        assert (await it.fetch("/rooms/lobby/messages?limit=%ff", **USER)).code == 400


async def test_json_says_its_type_and_is_not_kept() -> None:
    """By no cache on the way."""
    async with serving() as it:
        response = await it.fetch("/healthz")
        assert json.loads(response.body)
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store"
        assert "Server" not in response.headers


async def test_the_longest_text_may_come_by_http_too() -> None:
    """A body is bounded by what a frame may hold, where that is more than usual."""
    longest = "🩷" * 30_000  # 360 kB as Python writes it
    async with serving({"TEXT_LIMIT": "30000", "FRAME_LIMIT": "400000"}) as it:
        assert (await publish(it, text=longest)).code == 201
        assert error(await publish(it, text=longest + "!", id="m2")) == (413, "too_large")
