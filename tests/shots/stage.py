"""What a scene plays on, and the list of scenes."""

import itertools
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser

from ..browser import Person, expect, person
from ..harness import ChatClient, RedisServer, make_jwt

SIZES: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1280, "height": 800}},
    "narrow": {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True},
}

LOCALES = {"en": "en-GB", "de": "de-DE", "ar": "ar-EG", "ja": "ja-JP"}
"""A browser's, by the language that the page speaks there."""

_numbers = itertools.count(1)


class Stage:
    """A browser with windows of one size, and a service that nobody else uses."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        size: str,
        stack: AsyncExitStack,
        redis: RedisServer | None = None,
        locale: str = LOCALES["en"],
    ) -> None:
        """Whoever comes leaves with `stack`. `redis` is the service's broker, if it isn't the embedded one.

        `locale`: of the browsers, whose language the page speaks. So scenes find things by no word of it.
        """
        self.browser = browser
        self.url = url
        self.size = size
        self.redis = redis
        self.locale = locale
        self._stack = stack

    @property
    def narrow(self) -> bool:
        return self.size == "narrow"

    async def visitor(self) -> Person:
        """Somebody with a browser, who has not opened the page yet."""
        options = SIZES[self.size] | {"reduced_motion": "reduce", "locale": self.locale}
        return await self._stack.enter_async_context(person(self.browser, self.url, **options))

    async def ada(self, room: str = "lobby") -> Person:
        """A guest who is in a room."""
        ada = await self.visitor()
        await ada.enter("Ada", room)
        return ada

    async def account(self, room: str = "lobby", name: str = "Ada", **claims: Any) -> Person:
        """Somebody with an account who is in a room."""
        someone = await self.visitor()
        await someone.page.goto(f"{self.url}/r/{room}#token={make_jwt(name.lower(), name, **claims)}")
        await someone.online()
        return someone

    async def client(self, name: str, *rooms: str, **claims: Any) -> ChatClient:
        """Somebody without a browser, who is in these rooms."""
        token = make_jwt(name.lower(), name, **claims)
        client = await self._stack.enter_async_context(ChatClient.open(self.url, jwt=token))
        for room in rooms:
            await client.join(room)
        return client


async def say(somebody: Person, *texts: str) -> None:
    """By the button: on a touch screen Enter breaks the line."""
    for text in texts:
        await somebody.box.fill(text)
        await somebody.page.locator("#send").click()


async def go(somebody: Person, room: str) -> None:
    """Into another room."""
    await say(somebody, f"/join {room}")
    await expect(somebody.page.locator("h1#room-name")).to_have_text(f"#{room}")


async def told(somebody: Person, text: str) -> Person:
    """Once the banner says it; in another language than English, once it says anything."""
    banner = somebody.page.locator("#banner")
    await expect(banner).to_be_visible()
    if await somebody.page.locator("html").get_attribute("lang") == "en":
        await expect(banner).to_contain_text(text)
    return somebody


async def react(client: ChatClient, room: str, seq: int, emoji: str) -> None:
    await client.request("react", room=room, id=f"reaction-{next(_numbers)}", target=seq, emoji=emoji, on=True)


Play = Callable[[Stage], Awaitable[Person]]


@dataclass(frozen=True, slots=True)
class Scene:
    """How the page comes into a state: `play` gives whose page is looked at."""

    name: str
    about: str
    play: Play
    settings: Mapping[str, str]


SCENES: dict[str, Scene] = {}
"""By name, in the order in which they are shown."""


def scene(name: str, about: str, settings: Mapping[str, str] | None = None) -> Callable[[Play], Play]:
    """Makes a function a scene; `settings` are those of its service."""

    def add(play: Play) -> Play:
        assert name not in SCENES, name
        SCENES[name] = Scene(name, about, play, settings or {})
        return play

    return add
