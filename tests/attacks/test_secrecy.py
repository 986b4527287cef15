"""Tickets, tokens and texts stand in no log line, no URL and no error, however they are used or misused."""

import json
import secrets

from ..harness import ChatClient, ChatError, ServiceProcess, make_jwt, secrecy
from ..harness.chat_client import fetch_ticket
from .raw_socket import RawSocket, exchange, frame, handshake


class Told:
    """What the service told to anybody but the owner of a secret."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    async def http(self, service: ServiceProcess, start: str, headers: dict[str, str], body: bytes = b"") -> int:
        """A request that must not be answered with what it holds."""
        lines = [f"Host: 127.0.0.1:{service.port}", *(f"{name}: {value}" for name, value in headers.items())]
        request = "\r\n".join([f"{start} HTTP/1.1", *lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
        answer = await exchange(service.port, request)
        self.errors.append(f"{answer.status} {answer.headers} {answer.body.decode(errors='replace')}")
        return answer.status


async def test_secrets_stand_in_no_log_and_no_error(broker_env: dict[str, str]) -> None:
    """At LOG_LEVEL=debug: right uses, second uses, wrong places, forgeries, malformed requests."""
    told = Told()
    text = f"a text that nobody else may read {secrets.token_hex(8)}"
    with ServiceProcess(broker_env | {"LOG_LEVEL": "debug"}) as service:
        tokens = [
            make_jwt("u1", "Ada"),
            make_jwt("u1", "Ada", secret="x" * 40),
            make_jwt("u1", "Ada", exp=1),
            make_jwt("u1", "Ada", role="emperor"),
            make_jwt("u1", "Ada", aud="elsewhere"),
            make_jwt("m1", "Eve", role="moderator"),
            make_jwt("s1", "Robot", role="service"),
        ]
        given = [await fetch_ticket(service.url, name, {"Origin": service.url}) for name in ("Bob", "Cy", "Dee")]
        tickets = [answer["ticket"] for answer in given]
        hidden = [*tokens, *tickets, *(answer["guest"] for answer in given), text]
        secrecy.note(*hidden)

        async with (
            ChatClient.open(service.url, ticket=tickets[0]) as bob,
            ChatClient.open(service.url, bearer=tokens[0]) as ada,
        ):
            for client in (ada, bob):
                await client.join("lobby")
            sent = await bob.send("lobby", text)
            await ada.expect("message", text=text)
            await bob.request("edit", room="lobby", id="e1", target=sent["seq"], text=text + "!")
            for wrong in (
                {"type": "renew", "ticket": tickets[0]},
                {"type": "renew", "ticket": tickets[1]},  # another user's, and used up by this
                {"type": "renew", "ticket": tokens[1]},
                {"type": "send", "room": "lobby", "id": "x" * 65, "text": text},
                {"type": "send", "room": "elsewhere", "id": "y", "text": text},
                {"type": text, "ticket": tickets[2]},
                {"type": "send", "room": "lobby", "id": "z", "text": [text]},
                {"type": "send", "room": text, "id": "z", "text": text},
            ):
                try:
                    await ada.request(**wrong)
                except ChatError as error:
                    told.errors.append(str(error.frame))
                else:
                    raise AssertionError(f"not refused: {wrong}")
        for ticket in tickets[:2]:
            async with await RawSocket.connect(service.port) as raw:
                await raw.request(handshake(service.port, protocols=f"chat.v1, ticket.{ticket}"))
                assert await raw.closed() == 4401
                told.errors.append(str(raw.received))
        async with await RawSocket.open(service, "Fay") as raw:
            await raw.send(frame(b'{"type":"send","room":"lobby","text":"' + text.encode() + b"\xff\xfe"))
            assert await raw.closed() == 1007
            told.errors.append(str(raw.received))

        for path in (
            "/socket",
            "/tickets",
            "/rooms",
            "/",
            "/nowhere",
            "/static/x.js",
            "/rooms/lobby/messages",
            "/clock",
        ):
            for name, secret in (("ticket", tickets[2]), ("access_token", tokens[0]), ("before", "%ff")):
                await told.http(service, f"GET {path}?{name}={secret}&t={tokens[0]}", {})
        for token in [*tokens, *tickets, text.replace(" ", "."), tokens[0] + "\x01", tokens[0] + "é"]:
            for start in (
                "POST /tickets",
                "GET /rooms",
                "POST /rooms/lobby/messages",
                "POST /moderation",
                "GET /metrics",
            ):
                if start == "POST /tickets" and token in (tokens[0], tokens[5], tokens[6]):
                    continue  # answered with what is its owner's
                for scheme in ("Bearer", "Token"):
                    await told.http(service, start, {"Authorization": f"{scheme} {token}"}, json.dumps(text).encode())
        for body in (
            {"name": text * 3},
            {"name": "Ada", "guest": [tokens[0]]},
            {"name": f"{tokens[0]}\0"},
            {"name": 5, "guest": tokens[1]},
        ):
            await told.http(service, "POST /tickets", {"Origin": service.url}, json.dumps(body).encode())
        for line in (f"GET /?ticket={tickets[2]}", f"GET / HTTP/1.1 {tokens[0]}", f"{tokens[0]} / HTTP/1.1"):
            async with await RawSocket.connect(service.port) as raw:
                await raw.send(f"{line}\r\n{tokens[0]}\r\nCookie {tickets[2]}\r\n\r\n".encode())
                await raw.closed()
    lines = service.stdout + service.stderr
    assert any("level=debug" in line for line in lines), "the service logged nothing, so this proves nothing"
    assert not secrecy.leaks(lines)
    assert told.errors
    for answer in told.errors:
        assert not [secret for secret in hidden if secret in answer], answer


async def test_the_check_of_the_logs_can_fail() -> None:
    """A ticket, a token, a noted text in a line are each found; an ordinary line isn't."""
    ticket, token = "Ab3" + secrets.token_urlsafe(30), make_jwt("u1", "Ada")
    secrecy.note("between the two of us")
    shown = [f'msg="GET /socket?ticket={ticket}"', f'msg="Bearer {token}"', 'msg="said between the two of us"']
    assert len(secrecy.leaks(shown)) == 3
    assert not secrecy.leaks(['level=info msg="GET /socket 101"', f"at {'x' * 43}", "Parley on http://localhost:8000"])
