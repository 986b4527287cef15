"""Section 6 of docs/protocol.md: what is asked over HTTP."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from ..harness.chat_client import ChatClient
from .target import Target, answer, ask, error_code, events, new_room, presence, said


async def rule_6_1(target: Target) -> None:
    """Every answer has an X-Request-Id: the request's own, if it can be one, else a new one."""
    assert (await target.fetch("/healthz", X_Request_Id="kit-1")).headers["X-Request-Id"] == "kit-1"
    made = (await target.fetch("/healthz", X_Request_Id="no id at all")).headers["X-Request-Id"]
    assert made and made != "no id at all"


async def rule_6_2(target: Target) -> None:
    """It says that it is alive and ready, to GET and to HEAD; what isn't answered is 404 and 405."""
    health = await target.fetch("/healthz")
    assert (health.code, answer(health)) == (200, {"status": "ok"})
    ready = await target.fetch("/readyz")
    assert ready.code == 200 and answer(ready)["ready"] is True
    head = await target.fetch("/healthz", "HEAD")
    assert (head.code, head.body) == (200, b"")
    for path, method, status, code in (
        ("/nothing-here", "GET", 404, "not_found"),
        ("/rooms", "DELETE", 405, "method_not_allowed"),
    ):
        response = await target.fetch(path, method)
        assert (response.code, error_code(response)) == (status, code)
    assert "GET" in response.headers["Allow"]


async def rule_6_3(target: Target) -> None:
    """Without a bearer token that can be trusted, 401; with a foreign Origin, 403."""
    for token in (None, "none-of-yours"):
        response = await target.fetch("/rooms", token=token)
        assert (response.code, error_code(response)) == (401, "unauthenticated")
    async with target.open() as client:
        response = await target.fetch("/rooms", token=client.guest, Origin="https://elsewhere.example")
        assert (response.code, error_code(response)) == (403, "forbidden")


async def rule_6_4(target: Target) -> None:
    """Rooms are listed with who is there and what wasn't read; with `limit` and `after` in pages."""
    room = new_room()
    async with target.guests(2, room) as (one, _):
        await said(one, room, "hello")
        page = answer(await target.fetch(f"/rooms?limit=1&after={room[:-1]}", token=one.guest))
        (entry,) = page["rooms"]
        assert entry["room"] == room and entry["unread"] == 0 and entry["count"] in (0, 1, 2)
        assert isinstance(page["more"], bool)


async def rule_6_5(target: Target) -> None:
    """History over HTTP goes backwards and forwards, and says where the room stands."""
    room = new_room()
    async with target.guests(1, room) as (client,):
        seqs = await said(client, room, "a", "b", "c")
        path = f"/rooms/{room}/messages"
        newest = answer(await target.fetch(f"{path}?limit=2", token=client.guest))
        assert [one["seq"] for one in newest["messages"]] == seqs[1:] and newest["more"] is True
        assert (newest["seq"], newest["epoch"]) == (seqs[-1], client_epoch(client))
        before = answer(await target.fetch(f"{path}?limit=2&before={seqs[1]}", token=client.guest))
        assert [one["seq"] for one in before["messages"]] == seqs[:1] and before["more"] is False
        after = answer(await target.fetch(f"{path}?limit=1&after={seqs[0]}", token=client.guest))
        assert [one["seq"] for one in after["messages"]] == [seqs[1]]
        assert (after["more"], after["trimmed"]) == (True, False)


def client_epoch(client: ChatClient) -> str:
    return str(next(frame for frame in client.frames if frame["type"] == "joined")["epoch"])


async def rule_6_6(target: Target) -> None:
    """A room that isn't there and one that may not be entered are the same 404."""
    async with target.open() as client:
        missing = await target.fetch(f"/rooms/{new_room()}/messages", token=client.guest)
        assert (missing.code, error_code(missing)) == (404, "not_found")
        never = await target.fetch("/rooms/No%20Room/messages", token=client.guest)
        assert (never.code, error_code(never)) == (404, "bad_room")
    room = new_room()
    async with target.guests(1, room) as (client,):
        await said(client, room, "hello")
        hidden = await target.fetch(f"/rooms/{room}/messages", token=target.token(rooms=["other-*"]))
        assert (hidden.code, hidden.body) == (missing.code, missing.body)


async def rule_6_7(target: Target) -> None:
    """A body that can't be is 400, one over 128 KiB is 413."""
    for body, status in ((b"no JSON", 400), (b'{"name":7}', 400), (b'{"name":"' + 140_000 * b"x" + b'"}', 413)):
        response = await target.fetch("/tickets", "POST", body, Origin=target.url)
        assert response.code == status, body[:20]


# -- for backends


async def rule_6_8(target: Target) -> None:
    """For backends. Publishing is 201, again under the same id 200 and no second message; in anybody's name."""
    room, token = new_room(), target.token("service")
    async with target.guests(1, room) as (client,):
        post = {"id": "p1", "text": "hello", "user": {"id": "kit-nine", "name": "Nine"}}
        first, second = [await target.fetch(f"/rooms/{room}/messages", "POST", post, token=token) for _ in range(2)]
        assert (first.code, second.code) == (201, 200)
        assert answer(first) | {"duplicate": True} == answer(second)
        (message,) = await events(client, room, answer(first)["seq"])
        assert (message["text"], message["user"], message["id"]) == ("hello", post["user"], "p1")


async def rule_6_9(target: Target) -> None:
    """For backends. It needs the role `service`."""
    async with target.open() as client:
        for path in (f"/rooms/{new_room()}/messages", "/messages"):
            response = await target.fetch(path, "POST", {"id": "1", "text": "hello"}, token=client.guest)
            assert (response.code, error_code(response)) == (403, "forbidden")


async def rule_6_10(target: Target) -> None:
    """For backends. Many are answered item by item, in their order; one that is refused costs no other."""
    room, token = new_room(), target.token("service")
    items: list[dict[str, Any]] = [{"room": room, "id": f"b{number}", "text": "x"} for number in range(3)]
    items[1]["room"] = "No Room"
    response = await target.fetch("/messages", "POST", {"messages": items}, token=token)
    one, two, three = answer(response)["results"]
    assert response.code == 200 and (one["seq"], three["seq"]) == (1, 2) and two["error"]["code"] == "bad_room"


async def rule_6_11(target: Target) -> None:
    """For backends. Edits and removals reach the members; of what is no message they are 404."""
    room, token = new_room(), target.token("service")
    async with target.guests(1, room) as (client,):
        (one,) = await said(client, room, "one")
        edit = {"id": "e", "text": "One", "user": client.user}
        edited = await target.fetch(f"/rooms/{room}/messages/{one}", "PATCH", edit, token=token)
        removed = await target.fetch(f"/rooms/{room}/messages/{one}", "DELETE", token=token)
        assert (edited.code, removed.code) == (200, 200)
        frames = await events(client, room, answer(removed)["seq"])
        assert [frame["type"] for frame in frames] == ["message", "edited", "removed"]
        missing = await target.fetch(f"/rooms/{room}/messages/999", "DELETE", token=token)
        assert (missing.code, error_code(missing)) == (404, "not_found")


async def rule_6_12(target: Target) -> None:
    """For backends. How a room stands, and who is there."""
    room, token = new_room(), target.token("service")
    async with target.guests(2, room) as clients:
        await said(clients[0], room, "one")
        state = answer(await target.fetch(f"/rooms/{room}", token=token))
        assert (state["seq"], state["epoch"], state["topic"]) == (1, client_epoch(clients[0]), None)
        await presence(clients[0], joined=clients[1].user)
        members = answer(await target.fetch(f"/rooms/{room}/members", token=token))
        assert {one["id"] for one in members["members"]} == {client.user["id"] for client in clients}
        assert (members["count"], members["next"]) == (2, None)


async def rule_6_13(target: Target) -> None:
    """For backends. An export is the room, its messages and a last line; a deleted room is `reset`, and begins anew."""
    room, token = new_room(), target.token("service")
    async with target.guests(1, room) as (client,):
        await said(client, room, "a", "b")
        response = await target.fetch(f"/rooms/{room}/export", token=token)
        head, *messages, end = [json.loads(line) for line in response.body.decode().splitlines()]
        assert (head["type"], head["seq"], end) == ("room", 2, {"type": "end", "messages": 2})
        assert [message["text"] for message in messages] == ["a", "b"]
        assert (await target.fetch(f"/rooms/{room}", "DELETE", token=token)).code == 200
        assert (await client.recv("reset", room=room))["reason"] == "epoch"
        joined = await ask(client, "join", room=room)
        assert (joined["seq"], joined["messages"]) == (0, []) and joined["epoch"] != head["epoch"]
    missing = await target.fetch(f"/rooms/{new_room()}", "DELETE", token=token)
    assert (missing.code, error_code(missing)) == (404, "not_found")


async def rule_6_14(target: Target) -> None:
    """For backends. A user's sockets are closed with 4401 and the reason."""
    token = target.token("service")
    async with target.open() as client:
        path = f"/users/{quote(client.user['id'], safe='')}/sockets?reason=signed%20out"
        response = await target.fetch(path, "DELETE", token=token)
        assert response.code == 202
        assert await client.closed() == (4401, "signed out")


async def rule_6_15(target: Target) -> None:
    """For backends. A purged user's messages have neither text nor author, and keep their places in the count."""
    room, token = new_room(), target.token("service")
    async with target.guests(2, room) as (gone, other):
        seqs = await said(gone, room, "a") + await said(other, room, "b")
        after = ""
        while after is not None:
            path = f"/users/{quote(gone.user['id'], safe='')}?after={quote(after)}"
            body = answer(await target.fetch(path, "DELETE", token=token))
            after = body["next"]
        assert (await gone.closed())[0] == 4401
        first, second = (await ask(other, "history", room=room))["messages"]
        assert first["removed"] is True and "text" not in first and first["user"]["id"] == "g-gone"
        assert [first["seq"], second["seq"]] == seqs and second["text"] == "b"


async def rule_6_16(target: Target) -> None:
    """Moderation over HTTP is the socket's, and what holds is listed."""
    room, token = new_room(), target.token("moderator")
    async with target.guests(1, room) as (client,):
        post = {"user": client.user["id"], "action": "mute", "room": room, "seconds": 60, "reason": "kit"}
        response = await target.fetch("/moderation", "POST", post, token=token)
        assert response.code == 200
        assert answer(response) == {"user": post["user"], "action": "mute", "room": room}
        listed = answer(await target.fetch(f"/moderation?room={room}", token=token))
        (sanction,) = listed["sanctions"]
        assert (sanction["kind"], sanction["room"], sanction["user"]) == ("mute", room, post["user"])
        assert (sanction["network"], sanction["reason"], listed["next"]) == (False, "kit", None)
        await target.fetch("/moderation", "POST", post | {"action": "unmute"}, token=token)


async def rule_6_17(target: Target) -> None:
    """What it says of itself for programs is there: openapi.json and asyncapi.json."""
    for path, version in (("/openapi.json", "3.1."), ("/asyncapi.json", "3.0.")):
        response = await target.fetch(path)
        if response.code == 404:
            pytest.skip(f"no {path}")
        document = answer(response)
        assert str(document.get("openapi") or document.get("asyncapi")).startswith(version)
