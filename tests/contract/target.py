"""A service that is held to the rules, as its clients see it: by HTTP, and by sockets."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import jwt
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from ..harness.chat_client import ChatClient, ChatError, Frame
from ..harness.common import UNIT

DURABLE = ("message", "edited", "removed", "reacted", "topic")
PATIENCE = 30 * UNIT
"""Seconds for which a rule waits to be let on by a limit that isn't its subject."""


class Target(NamedTuple):
    url: str
    secret: str | None
    tokens: Mapping[str, str]
    events: bool = False
    """Whether clients come by event streams, in the place of WebSockets."""

    def token(self, role: str = "member", sub: str | None = None, **claims: Any) -> str:
        """A bearer token. With a secret it is a new user's, or that of `sub`; else the one that was given.

        A rule that can't have one is skipped.
        """
        if self.secret:
            given = {"sub": sub or f"u-{secrets.token_hex(6)}", "name": f"U {secrets.token_hex(4)}", "role": role}
            return jwt.encode(given | {"exp": int(time.time()) + 3600} | claims, self.secret, "HS256")
        if sub or claims or role not in self.tokens:
            pytest.skip(f"needs --jwt-secret{'' if sub or claims else f', or --bearer {role}=…'}")
        return self.tokens[role]

    def of_sockets(self) -> None:
        """The rule is about WebSockets alone."""
        if self.events:
            pytest.skip("is about WebSockets alone")

    async def enter(self, name: str | None = None, **options: Any) -> ChatClient:
        """A client, by default a guest with a name that nobody has."""
        options = {"events": self.events} | options
        if not {"jwt", "bearer", "guest", "ticket"} & options.keys():
            name = name or f"G {secrets.token_hex(6)}"
        client: ChatClient = await patiently(lambda: ChatClient.enter(self.url, name, **options))
        return client

    @asynccontextmanager
    async def open(self, name: str | None = None, **options: Any) -> AsyncIterator[ChatClient]:
        """`enter` for the length of a block."""
        client = await self.enter(name, **options)
        try:
            yield client
        finally:
            await client.close()

    @asynccontextmanager
    async def guests(self, number: int, room: str) -> AsyncIterator[list[ChatClient]]:
        """So many, all in `room`, each of whom knows topics."""
        clients: list[ChatClient] = []
        try:
            for _ in range(number):
                clients.append(await self.enter())
                await ask(clients[-1], "join", room=room, events=["topic"])
            yield clients
        finally:
            for client in clients:
                await client.close()

    async def fetch(
        self, path: str, method: str = "GET", body: Any = None, *, token: str | None = None, **headers: str
    ) -> HTTPResponse:
        """One request, again where it was too fast. `body` goes as JSON unless bytes; `X_Y=…` is the header X-Y."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Authorization": f"Bearer {token}"} if token else {}
        sent |= {} if body is None else {"Content-Type": "application/json"}
        client = AsyncHTTPClient(force_instance=True)
        end = time.monotonic() + PATIENCE
        try:
            while True:
                response = await client.fetch(
                    self.url + path,
                    method=method,
                    body=body if isinstance(body, bytes | None) else json.dumps(body).encode(),
                    headers=sent,
                    follow_redirects=False,
                    raise_error=False,
                    allow_nonstandard_methods=True,
                    request_timeout=10 * UNIT,
                )
                if response.code != 429 or time.monotonic() > end:
                    return response
                await asyncio.sleep(float(response.headers["Retry-After"]))
        finally:
            client.close()


def new_room() -> str:
    """The name of a room in which nothing was ever said."""
    return f"kit-{secrets.token_hex(8)}"


async def patiently(request: Any) -> Any:
    """What comes of `request()`, made again where it is too fast: a service may have any limits."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return await request()
        except ChatError as error:
            if error.code != "rate_limited" or time.monotonic() > end:
                raise
            await asyncio.sleep(error.frame.get("retry_after", 1))


async def ask(client: ChatClient, type: str, **fields: Any) -> Frame:
    """A request's answer; under an id of its own where it needs one and none is given."""
    if type in ("send", "edit", "remove", "react", "topic"):
        fields.setdefault("id", client.new_id())
    answer: Frame = await patiently(lambda: client.request(type, **fields))
    return answer


async def refusal(client: ChatClient, type: str, **fields: Any) -> Frame:
    """The `error` that answers a request."""
    try:
        answer = await ask(client, type, **fields)
    except ChatError as error:
        return error.frame
    raise AssertionError(f"{type} {fields} was not refused: {answer}")


async def code_of(client: ChatClient, type: str, **fields: Any) -> str:
    """Its code."""
    return str((await refusal(client, type, **fields))["code"])


async def said(client: ChatClient, room: str, *texts: str) -> list[int]:
    """Say these; their seqs."""
    return [(await ask(client, "send", room=room, text=text))["seq"] for text in texts]


async def events(client: ChatClient, room: str, last: int) -> list[Frame]:
    """The durable frames of a room that came on this socket, in their order, once that with the seq `last` has."""
    end = time.monotonic() + 10 * UNIT
    while True:
        found = [one for one in client.frames if one["type"] in DURABLE and one["room"] == room and "id" in one]
        if found and found[-1]["seq"] >= last:
            return found
        assert time.monotonic() < end, f"not seen: the event {last}, only {found[-3:]}"
        await asyncio.sleep(0.02)


async def presence(client: ChatClient, timeout: float = 20 * UNIT, **wanted: Any) -> Frame:
    """The next `presence` that nobody took with this among those who `joined`, or who `left`."""
    ((field, value),) = wanted.items()
    end = time.monotonic() + timeout
    while True:
        frame = await client.recv("presence", end - time.monotonic())
        if value in frame.get(field, ()):
            return frame


def answer(response: HTTPResponse) -> Any:
    return json.loads(response.body)


def error_code(response: HTTPResponse) -> str:
    """Of an error over HTTP, whose form is held, too."""
    error = answer(response)["error"]
    assert set(error) >= {"code", "message"} and error["message"]
    return str(error["code"])
