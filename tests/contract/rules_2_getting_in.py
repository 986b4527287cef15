"""Section 2 of docs/protocol.md: tickets, guests, tokens, the handshake."""

import asyncio
import time
import unicodedata
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets import InvalidStatus

from ..harness.chat_client import ChatClient, ChatError, fetch_ticket
from ..harness.event_stream import StreamRefused
from .target import Target, answer, ask, code_of, error_code, new_room, patiently

FOREIGN = "https://elsewhere.example"


async def handshake(target: Target, *lines: str) -> str:
    """The status line that answers a request with these headers."""
    place = urlsplit(target.url)
    secure = place.scheme == "https"
    reader, writer = await asyncio.open_connection(
        place.hostname, place.port or (443 if secure else 80), ssl=secure or None
    )
    head = "\r\n".join([f"GET {place.path}/socket HTTP/1.1", f"Host: {place.netloc}", f"Origin: {target.url}", *lines])
    writer.write(head.encode() + b"\r\n\r\n")
    status = (await asyncio.wait_for(reader.readline(), 10)).decode()
    writer.close()
    return status


async def closed_with(target: Target, **options: Any) -> int | None:
    """The code with which a handshake that completes is closed."""
    async with target.open(welcome=False, **options) as client:
        return (await client.closed())[0]


async def refused_with(target: Target, **options: Any) -> int:
    """The status that answers a handshake which does not complete."""
    try:
        client = await target.enter(**options)
    except InvalidStatus as error:
        return error.response.status_code
    except StreamRefused as error:
        return error.status
    await client.close()
    raise AssertionError("it completed")


async def rule_2_1(target: Target) -> None:
    """A guest's ticket has its time, the user and the token that brings them back."""
    response = await target.fetch("/tickets", "POST", {"name": "Kit"}, Origin=target.url)
    if response.code == 409:
        pytest.skip("somebody is called Kit")
    assert response.code == 201
    body = answer(response)
    assert body["ticket"] and body["guest"] and body["expires_in"] == 30
    assert body["user"]["name"] == "Kit" and body["user"]["id"].startswith("g-")


async def rule_2_2(target: Target) -> None:
    """A ticket opens one socket, and a second try is closed with 4401."""
    body = await patiently(lambda: fetch_ticket(target.url, f"T {time.time_ns()}", {"Origin": target.url}))
    async with target.open(ticket=body["ticket"]) as client:
        assert client.user == body["user"]
        assert await closed_with(target, ticket=body["ticket"]) == 4401


async def rule_2_3(target: Target) -> None:
    """A credential that is missing or unknown completes the handshake and is closed with 4401."""
    assert await closed_with(target, ticket="none-of-yours") == 4401
    assert await closed_with(target, bearer="none-of-yours") == 4401


async def rule_2_4(target: Target) -> None:
    """A guest's token brings the same guest back, also without a name, and each answer has a fresh one."""
    async with target.open() as client:
        user, guest = client.user, client.guest
    async with target.open(None, guest=guest) as again:
        assert again.user == user and again.guest


async def rule_2_5(target: Target) -> None:
    """A guest's token serves as a bearer token on the handshake."""
    async with target.open() as client:
        user, guest = client.user, client.guest
    async with target.open(bearer=guest) as again:
        assert again.user == user


async def rule_2_6(target: Target) -> None:
    """A name in use is 409 name_taken for guests, also in another spelling that looks the same."""
    async with target.open() as client:
        name = str(client.user["name"])
        for taken in (name, name.upper(), f"  {name} ", unicodedata.normalize("NFKD", name)):
            response = await target.fetch("/tickets", "POST", {"name": taken}, Origin=target.url)
            assert (response.code, error_code(response)) == (409, "name_taken"), taken


async def rule_2_7(target: Target) -> None:
    """A foreign Origin gets 403, of a ticket and of a handshake, before a token is read."""
    response = await target.fetch("/tickets", "POST", {"name": "Kit"}, Origin=FOREIGN, token="none-of-yours")
    assert response.code == 403
    assert await refused_with(target, bearer="none-of-yours", headers={"Origin": FOREIGN}) == 403


async def rule_2_8(target: Target) -> None:
    """A ticket asked for without an Origin serves one handshake without one; none else passes without."""
    async with target.open(headers={"Origin": None}) as client:
        assert client.user
    body = await patiently(lambda: fetch_ticket(target.url, f"T {time.time_ns()}", {"Origin": target.url}))
    assert await refused_with(target, ticket=body["ticket"], headers={"Origin": None}) == 403


async def rule_2_9(target: Target) -> None:
    """The subprotocol chat.v1 is answered where it was offered, and none else."""
    target.of_sockets()
    async with target.open() as client:
        assert client.connection.subprotocol == "chat.v1"
        guest = client.guest
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    lines = ["Upgrade: websocket", "Connection: Upgrade", key, "Sec-WebSocket-Version: 13"]
    assert " 101 " in await handshake(target, *lines, f"Authorization: Bearer {guest}")


async def rule_2_10(target: Target) -> None:
    """What is no handshake of RFC 6455 gets 400, or 426 for another version than 13."""
    upgrade = ["Upgrade: websocket", "Connection: Upgrade"]
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    assert " 426 " in await handshake(target, *upgrade, key, "Sec-WebSocket-Version: 8")
    assert " 400 " in await handshake(target, *upgrade, "Sec-WebSocket-Key: short", "Sec-WebSocket-Version: 13")


async def rule_2_11(target: Target) -> None:
    """A token's user has its sub and its name; for a bearer on the handshake no ticket is needed."""
    token = target.token(sub="kit-user", name="Kit User")
    response = await target.fetch("/tickets", "POST", {}, token=token, Origin=target.url)
    assert response.code == 201
    assert answer(response)["user"] == {"id": "kit-user", "name": "Kit User"} and "guest" not in answer(response)
    async with target.open(bearer=token) as client:
        assert client.user == {"id": "kit-user", "name": "Kit User"}


async def rule_2_12(target: Target) -> None:
    """A token that ran out is 401, and so is one whose sub looks like a guest's."""
    for token in (target.token(exp=int(time.time()) - 3600), target.token(sub="g-kit")):
        response = await target.fetch("/tickets", "POST", {}, token=token, Origin=target.url)
        assert (response.code, error_code(response)) == (401, "unauthenticated")


async def rule_2_13(target: Target) -> None:
    """A token's `rooms` say which it opens."""
    room = new_room()
    async with target.open(jwt=target.token(rooms=["kit-*"])) as client:
        await ask(client, "join", room=room)
        assert await code_of(client, "join", room="lobby") == "forbidden"


async def rule_2_14(target: Target) -> None:
    """A guest has one name: who asks for another lets go of the one before, on all sockets."""
    async with target.open() as client:
        before = client.user["name"]
        body = await patiently(lambda: fetch_ticket(target.url, f"N {time.time_ns()}", guest=client.guest))
        assert body["user"]["id"] == client.user["id"] and body["user"]["name"] != before
        async with ChatClient.open(target.url, ticket=None, name=None, guest=body["guest"]) as renamed:
            assert renamed.user["name"] == body["user"]["name"]
            async with target.open(str(before)) as another:
                assert another.user["id"] != client.user["id"]


async def rule_2_15(target: Target) -> None:
    """Without a name that can be, there is no ticket: 400."""
    for fields in ({}, {"name": ""}, {"name": "​"}, {"name": "x" * 200}, {"name": 7}):
        response = await target.fetch("/tickets", "POST", fields, Origin=target.url)
        assert (response.code, error_code(response)) == (400, "bad_request"), fields
    with pytest.raises(ChatError):
        await fetch_ticket(target.url, "two\nlines", {"Origin": target.url})
