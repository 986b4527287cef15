"""service/api.py: every HTTP address and every error, on both brokers."""

import re
from typing import Any

import pytest

from service.broker import unavailable

from .brokers import until
from .harness import ChatClient, make_jwt
from .serving import Served, answer, fields, serving

ADA, BOB = make_jwt("u-ada", "Ada"), make_jwt("u-bob", "Bob")
SERVICE = make_jwt("u-bot", "Bot", role="service")
MODERATOR = make_jwt("u-mod", "Mo", role="moderator")


async def get(it: Served, path: str, token: str | None = ADA) -> tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    response = await it.fetch(path, **headers)
    return response.code, answer(response)


async def post(it: Served, path: str, body: Any, token: str | None = None) -> tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    response = await it.fetch(path, "POST", body, **headers)
    return response.code, answer(response)


def error(answered: tuple[int, Any]) -> tuple[int, str]:
    """Status and code; the message must say something."""
    status, body = answered
    assert set(body) == {"error"} and set(body["error"]) == {"code", "message"} and body["error"]["message"]
    return status, body["error"]["code"]


async def say(it: Served, room: str, *texts: str) -> None:
    for number, text in enumerate(texts):
        assert (await post(it, f"/rooms/{room}/messages", {"id": f"{room}{number}", "text": text}, SERVICE))[0] == 201


# -- tickets


async def test_a_guest_gets_a_ticket_by_name(broker_env: dict[str, str]) -> None:
    """201 with what the contract says; the name is trimmed, the id a guest's."""
    async with serving(broker_env) as it:
        status, body = await post(it, "/tickets", {"name": "  Ada "})
        assert status == 201 and set(body) == {"ticket", "expires_in", "user", "guest"}
        assert re.fullmatch(r"[\w-]{43}", body["ticket"]) and body["expires_in"] == 30
        assert body["user"]["name"] == "Ada" and body["user"]["id"].startswith("g-")
        status, again = await post(it, "/tickets", {"guest": body["guest"]})
        assert (status, again["user"]) == (201, body["user"])


async def test_a_user_gets_a_ticket_by_token(broker_env: dict[str, str]) -> None:
    """Theirs, without a guest's token; the body does not matter."""
    async with serving(broker_env) as it:
        status, body = await post(it, "/tickets", b"", ADA)
        assert status == 201 and set(body) == {"ticket", "expires_in", "user"}
        assert body["user"] == {"id": "u-ada", "name": "Ada"}
        async with ChatClient.open(it.url, ticket=body["ticket"], welcome=False) as client:
            # A ticket asked for without an Origin is bound to the service's own.
            assert (await client.recv("welcome"))["user"] == body["user"]


async def test_a_name_in_use_is_taken(broker_env: dict[str, str]) -> None:
    """For other guests, however it is written; not for its holder, not for a token's name, free again at the end."""
    async with serving(broker_env) as it, ChatClient.open(it.url, "Ada") as ada:
        for name in ("Ada", "ADA", "ａｄａ"):
            assert error(await post(it, "/tickets", {"name": name})) == (409, "name_taken")
        assert (await post(it, "/tickets", {"name": "Ada", "guest": ada.guest}))[0] == 201
        assert (await post(it, "/tickets", {}, ADA))[0] == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 33},
        {"name": "a\u202eb"},
        {"name": 5},
        [],
        b"",
        b"{",
        b"[" * 100_000,
        {"name": None},
    ],
)
async def test_bodies_that_are_refused(body: Any) -> None:
    """400 that says why."""
    async with serving() as it:
        assert error(await post(it, "/tickets", body)) == (400, "bad_request")


@pytest.mark.parametrize("token", ["x", make_jwt("u", "U", exp=1), make_jwt("u", "U", secret="y" * 32)])
async def test_bad_tokens_are_401(token: str) -> None:
    """At every address that takes one; so is none."""
    async with serving() as it:
        assert error(await post(it, "/tickets", {}, token)) == (401, "unauthenticated")
        for path in ("/rooms", "/rooms/lobby/messages"):
            assert error(await get(it, path, token)) == (401, "unauthenticated")
            assert error(await get(it, path, None)) == (401, "unauthenticated")


async def test_guests_may_be_shut_out() -> None:
    """GUESTS=0: users with a token enter, guests are 401."""
    async with serving({"GUESTS": "0"}) as it:
        assert error(await post(it, "/tickets", {"name": "Ada"})) == (401, "unauthenticated")
        assert (await post(it, "/tickets", {}, ADA))[0] == 201


async def test_tickets_have_a_rate() -> None:
    """429 with Retry-After, in whole seconds."""
    async with serving({"TICKET_RATE": "0.1"}) as it:
        assert (await post(it, "/tickets", {"name": "Ada"}))[0] == 201
        response = await it.fetch("/tickets", "POST", {"name": "Bob"})
        assert error((response.code, answer(response))) == (429, "rate_limited")
        assert 1 <= int(response.headers["Retry-After"]) <= 10


async def test_the_broker_s_absence_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    """With Retry-After."""
    async with serving() as it:

        async def away(*_: object) -> bool:
            raise unavailable()

        monkeypatch.setattr(it.hub.broker, "claim_name", away)
        response = await it.fetch("/tickets", "POST", {"name": "Ada"})
        assert error((response.code, answer(response))) == (503, "unavailable")
        assert response.headers["Retry-After"] == "1"


async def test_the_banned_get_nothing(broker_env: dict[str, str]) -> None:
    """403, for users and guests, until it is lifted."""
    async with serving(broker_env) as it:
        _, guest = await post(it, "/tickets", {"name": "Guest"})
        for user in ("u-bob", guest["user"]["id"]):
            assert (await post(it, "/moderation", {"user": user, "action": "ban"}, MODERATOR))[0] == 200
        assert error(await post(it, "/tickets", {}, BOB)) == (403, "forbidden")
        assert error(await get(it, "/rooms", BOB)) == (403, "forbidden")
        assert error(await post(it, "/tickets", {"guest": guest["guest"]})) == (403, "forbidden")
        await post(it, "/moderation", {"user": "u-bob", "action": "unban"}, MODERATOR)
        assert (await post(it, "/tickets", {}, BOB))[0] == 201


# -- rooms and messages


async def test_rooms_are_those_one_may_enter(broker_env: dict[str, str]) -> None:
    """By name, with how many people are in and how much is unread."""
    async with serving(broker_env) as it:
        await say(it, "lobby", "one", "two", "three")
        await say(it, "staff", "secret")
        async with ChatClient.open(it.url, bearer=ADA) as ada:
            await ada.join("lobby")
            await ada.raw('{"type":"read","room":"lobby","seq":1}')
            await ada.recv("read")
            await ada.recv("presence", count=1)
            assert await get(it, "/rooms") == (
                200,
                {"rooms": [{"room": "lobby", "count": 1, "unread": 2}, {"room": "staff", "count": 0, "unread": 0}]},
            )
        limited = make_jwt("u-cy", "Cy", rooms=["lo*"])
        assert [room["room"] for room in (await get(it, "/rooms", limited))[1]["rooms"]] == ["lobby"]
        await post(it, "/moderation", {"user": "u-ada", "action": "ban", "room": "lobby"}, MODERATOR)
        assert [room["room"] for room in (await get(it, "/rooms"))[1]["rooms"]] == ["staff"]


async def test_history_is_read_in_pages(broker_env: dict[str, str]) -> None:
    """As on the socket: oldest first, `before`, `limit`, `more`."""
    async with serving(broker_env) as it:
        await say(it, "lobby", *"12345")
        status, page = await get(it, "/rooms/lobby/messages?limit=2")
        assert (status, page["room"], page["more"]) == (200, "lobby", True)
        assert [message["text"] for message in page["messages"]] == ["4", "5"]
        _, page = await get(it, "/rooms/lobby/messages?before=3&limit=500")
        assert ([message["seq"] for message in page["messages"]], page["more"]) == ([1, 2], False)
        assert (await get(it, "/rooms/lobby/messages?limit=0"))[1]["messages"] == []


@pytest.mark.parametrize("query", ["before=x", "limit=-1", "limit=1.5", "before=99999999999999999", "limit=²"])
async def test_numbers_that_are_none(query: str) -> None:
    """400, named."""
    async with serving() as it:
        await say(it, "lobby", "x")
        answered = await get(it, f"/rooms/lobby/messages?{query.encode().decode('latin-1')}")
        assert error(answered) == (400, "bad_request")
        assert query.split("=")[0] in answered[1]["error"]["message"]


async def test_a_room_one_may_not_enter_is_not_there(broker_env: dict[str, str]) -> None:
    """The same 404 for one that is missing, one that is closed to the caller and one that can't be."""
    async with serving(broker_env) as it:
        await say(it, "staff", "secret")
        limited = make_jwt("u-cy", "Cy", rooms=["lobby"])
        answers = [await get(it, f"/rooms/{room}/messages", limited) for room in ("staff", "lobby", "nowhere")]
        assert [error(answered) for answered in answers] == [(404, "not_found")] * 3
        assert answers[0] == answers[1] == answers[2]
        assert error(await get(it, "/rooms/No%20Room/messages"))[0] == 404


async def test_a_server_publishes(broker_env: dict[str, str]) -> None:
    """201, and once however often it tries; to everybody in the room, under its own name or another's."""
    async with serving(broker_env) as it, ChatClient.open(it.url, bearer=ADA) as ada:
        await ada.join("lobby")
        message = {"id": "m1", "text": " Hello "}
        status, body = await post(it, "/rooms/lobby/messages", message, SERVICE)
        assert (status, fields(body, "room", "id", "seq", "duplicate")) == (
            201,
            {"room": "lobby", "id": "m1", "seq": 1, "duplicate": False},
        )
        shown = await ada.recv("message")
        assert fields(shown, "text", "user", "at") == {
            "text": "Hello",
            "user": {"id": "u-bot", "name": "Bot"},
            "at": body["at"],
        }
        status, again = await post(it, "/rooms/lobby/messages", message, SERVICE)
        assert (status, again) == (200, body | {"duplicate": True})
        other = {"id": "m2", "text": "Hi", "user": {"id": "u-eve", "name": " Eve "}}
        assert (await post(it, "/rooms/lobby/messages", other, SERVICE))[0] == 201
        assert (await ada.recv("message"))["user"] == {"id": "u-eve", "name": "Eve"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"id": "1", "text": "  "}, (400, "bad_request")),
        ({"id": "", "text": "x"}, (400, "bad_request")),
        ({"id": "x" * 65, "text": "x"}, (400, "bad_request")),
        ({"text": "x"}, (400, "bad_request")),
        ({"id": "1", "text": "x" * 4001}, (413, "too_large")),
        ({"id": "1", "text": "x", "user": {"id": "", "name": "Eve"}}, (400, "bad_request")),
        ({"id": "1", "text": "x", "user": {"id": "u", "name": ""}}, (400, "bad_request")),
    ],
)
async def test_what_a_server_can_not_publish(body: Any, expected: tuple[int, str]) -> None:
    """The same rules as on the socket."""
    async with serving() as it:
        assert error(await post(it, "/rooms/lobby/messages", body, SERVICE)) == expected


async def test_only_servers_publish_here() -> None:
    """People have sockets."""
    async with serving() as it:
        for token in (ADA, MODERATOR):
            answered = await post(it, "/rooms/lobby/messages", {"id": "1", "text": "x"}, token)
            assert error(answered) == (403, "forbidden")


async def test_servers_have_the_users_rate() -> None:
    """SEND_RATE."""
    async with serving({"SEND_RATE": "0.1", "SEND_BURST": "1"}) as it:
        await say(it, "lobby", "x")
        answered = await post(it, "/rooms/lobby/messages", {"id": "2", "text": "x"}, SERVICE)
        assert error(answered) == (429, "rate_limited")


async def test_reading_has_a_rate() -> None:
    """JOIN_RATE, for rooms and pages."""
    async with serving({"JOIN_RATE": "0.1"}) as it:
        assert (await get(it, "/rooms"))[0] == 200
        assert error(await get(it, "/rooms")) == (429, "rate_limited")
        assert error(await get(it, "/rooms/lobby/messages")) == (429, "rate_limited")


# -- moderation


async def test_moderation_over_http(broker_env: dict[str, str]) -> None:
    """As on the socket: the same fields, the same rights, the same effect."""
    async with serving(broker_env) as it, ChatClient.open(it.url, bearer=BOB) as bob:
        await bob.join("lobby")
        kick = {"user": "u-bob", "action": "kick", "room": "lobby", "reason": "enough"}
        assert error(await post(it, "/moderation", kick, ADA)) == (403, "forbidden")
        assert error(await post(it, "/moderation", kick, None)) == (401, "unauthenticated")
        assert error(await post(it, "/moderation", kick | {"action": "shout"}, MODERATOR)) == (400, "bad_request")
        assert error(await post(it, "/moderation", kick | {"room": "No"}, MODERATOR))[0] == 404
        assert await post(it, "/moderation", kick, MODERATOR) == (200, fields(kick, "user", "action", "room"))
        assert await bob.closed() == (4403, "enough")


# -- health and metrics


async def test_health_and_readiness(broker_env: dict[str, str]) -> None:
    """Alive while the loop runs; ready while the broker answers and the process stays."""
    async with serving(broker_env) as it:
        assert await get(it, "/healthz", None) == (200, {"status": "ok"})
        assert await get(it, "/readyz", None) == (200, {"ready": True, "broker": True, "draining": False})
        it.hub.draining = True
        assert await get(it, "/readyz", None) == (503, {"ready": False, "broker": True, "draining": True})
        assert (await get(it, "/healthz", None))[0] == 200
        it.hub.draining = False


async def test_a_dead_consumer_is_not_ready(redis_url: str) -> None:
    """Commands alone are not enough."""
    async with serving({"REDIS_URL": redis_url}) as it:
        it.hub.broker._channels.connected = False  # type: ignore[attr-defined]
        assert (await get(it, "/readyz", None))[0] == 503


async def test_metrics_count_what_is_there(broker_env: dict[str, str]) -> None:
    """Sockets, rooms, the broker; in Prometheus's text."""
    async with serving(broker_env) as it, ChatClient.open(it.url, bearer=ADA) as ada:
        await ada.join("lobby")
        response = await it.fetch("/metrics")
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = response.body.decode().splitlines()
        for line in ("parley_sockets 1.0", "parley_rooms 1.0", "parley_broker_available 1.0"):
            assert line in lines


async def test_metrics_may_need_a_token() -> None:
    """METRICS_TOKEN, as a bearer token."""
    async with serving({"METRICS_TOKEN": "a-metrics-token"}) as it:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert (await it.fetch("/metrics", **headers)).code == 401
        assert (await it.fetch("/metrics", Authorization="Bearer a-metrics-token")).code == 200


# -- errors and headers


async def test_other_addresses_and_methods_are_json_errors() -> None:
    """404 and 405, as every error."""
    async with serving() as it:
        for path in ("/nothing", "/rooms/", "/rooms/lobby", "/socket/x"):
            assert error(await get(it, path, None)) == (404, "not_found")
        assert error(await get(it, "/tickets", None)) == (405, "method_not_allowed")
        response = await it.fetch("/healthz", "DELETE")
        assert response.code == 405


async def test_answers_are_json_that_nobody_keeps() -> None:
    """And say nothing of the software."""
    async with serving() as it:
        for path in ("/healthz", "/nothing"):
            headers = (await it.fetch(path)).headers
            assert headers["Content-Type"] == "application/json; charset=utf-8"
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "Server" not in headers


async def test_while_it_leaves_it_gives_no_tickets() -> None:
    """503: another process will."""
    async with serving() as it:
        it.hub.draining = True
        response = await it.fetch("/tickets", "POST", {"name": "Ada"})
        assert error((response.code, answer(response))) == (503, "unavailable")
        assert response.headers["Retry-After"] == "1"


@pytest.mark.expects_log(r"^service.api ERROR GET /rooms failed\n")
@pytest.mark.expects_log(r"^service.app ERROR GET /rooms 500")
async def test_a_fault_of_ours_is_500_and_logged_by_path(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the query, which may hold what somebody put there by mistake."""
    async with serving() as it:

        async def broken() -> dict[str, int]:
            raise ZeroDivisionError

        monkeypatch.setattr(it.hub.broker, "rooms", broken)
        assert error(await get(it, "/rooms?token=abc")) == (500, "error")
        await until(lambda: caplog.records, "the log line")
        assert "abc" not in caplog.text
