"""Plays scenes and takes their pictures."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser
from playwright.async_api import Error as PlaywrightError

from ..browser import Person, SharedBrowser, settle
from ..harness import ChatError, RedisServer
from ..serving import serving
from . import admin, breaks, entering, messages, shell, states  # noqa: F401  # whose scenes are added by importing them
from .gallery import gallery, picture
from .stage import SCENES, SIZES, Scene, Stage

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

_STICKS_OUT = """() => [...document.querySelectorAll("html, body, #log, #sidebar, #people, dialog, [role=dialog]")]
    .filter((node) => node.scrollWidth > node.clientWidth ||
        (node === document.documentElement && node.scrollHeight > innerHeight))
    .map(({ id, className }) => id || className)"""


@contextmanager
def redis_for(settings: dict[str, str]) -> Iterator[RedisServer | None]:
    """A Redis, where one is asked for: its address goes into the settings."""
    if "REDIS_URL" not in settings:
        yield None
        return
    with RedisServer() as redis:
        settings["REDIS_URL"] = redis.url
        yield redis
        redis.sigcont()


async def shoot(browser: Browser, scene: Scene, size: str, folder: Path) -> list[str]:
    """Play a scene and take its pictures; what was found wrong."""
    settings = dict(scene.settings)
    with redis_for(settings) as redis:
        async with AsyncExitStack() as stack:
            served = await stack.enter_async_context(serving(settings))
            stage = Stage(browser, served.url, size, stack, redis)
            try:
                somebody = await scene.play(stage)
                await settle()  # what a tap lit up is dark again
                return [line for scheme in SCHEMES for line in await take(somebody, scene.name, size, scheme, folder)]
            finally:
                if redis:
                    redis.sigcont()


async def take(somebody: Person, name: str, size: str, scheme: Literal["light", "dark"], folder: Path) -> list[str]:
    """One picture."""
    await somebody.page.emulate_media(color_scheme=scheme)
    await somebody.page.screenshot(path=folder / picture(name, size, scheme), animations="disabled", caret="hide")
    low = [f"contrast {line}" for line in await somebody.low_contrast()]
    axe = [f"axe {line}" for line in await somebody.axe()]
    wide = [f"sticks out: {selector}" for selector in await somebody.page.evaluate(_STICKS_OUT)]
    return [f"{size}, {scheme}: {line}" for line in low + axe + wide]


async def make(shared: SharedBrowser, folder: Path, names: list[str]) -> dict[str, list[str]]:
    """All pictures of these scenes; what was found wrong, by scene."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[str]] = {}
    browser = await shared.browser()
    for name, size in product(names, SIZES):
        print(f"{name}, {size}", flush=True)
        try:
            wrong = await shoot(browser, SCENES[name], size, folder)
        except (AssertionError, ChatError, PlaywrightError, OSError) as error:
            wrong = [f"{size}: not played: {error}"]
        if wrong:
            found.setdefault(name, []).extend(wrong)
            print(*wrong, sep="\n", flush=True)
    page = gallery([SCENES[name] for name in names], product(SIZES, SCHEMES), found)
    (folder / "index.html").write_text(page)
    return found
