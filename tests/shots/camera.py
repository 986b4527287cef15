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
from .stage import LOCALES, SCENES, SIZES, Scene, Stage

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

STICKS_OUT = """() => [...document.querySelectorAll("html, body, #log, #sidebar, #people, dialog, [role=dialog]")]
    .filter((node) => node.scrollWidth > node.clientWidth ||
        (node === document.documentElement && node.scrollHeight > innerHeight))
    .map(({ id, className }) => id || className)"""


# Texts in sight that are cut, or that another one lies over.
CUT = """() => {
    const cut = [...document.querySelectorAll("button, label, h1, h2, .state, #banner-text, .note")]
        .filter((node) => node.checkVisibility() && !node.closest(".hidden, [inert]") && node.clientWidth > 0)
        .filter((node) => node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== "inline")
        .map((node) => `cut: ${node.id || node.className} ${node.textContent.slice(0, 40)}`);
    const boxes = [...document.querySelectorAll("#messages .message:not(:has(.tools)) :is(.who, .head, .bubble)")]
        .map((node) => ({ node, box: node.getBoundingClientRect() }))
        .filter(({ box }) => box.width > 1 && box.height > 1);
    for (const [index, one] of boxes.entries()) {
        for (const other of boxes.slice(index + 1, index + 4)) {
            const over = one.box.left < other.box.right - 1 && one.box.right > other.box.left + 1
                && one.box.top < other.box.bottom - 1 && one.box.bottom > other.box.top + 1;
            if (over) cut.push(`over: ${one.node.textContent} ${other.node.textContent}`);
        }
    }
    return cut;
}"""


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


async def shoot(browser: Browser, scene: Scene, size: str, folder: Path, locale: str = LOCALES["en"]) -> list[str]:
    """Play a scene and take its pictures; what was found wrong."""
    settings = dict(scene.settings)
    with redis_for(settings) as redis:
        async with AsyncExitStack() as stack:
            served = await stack.enter_async_context(serving(settings))
            stage = Stage(browser, served.url, size, stack, redis, locale)
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
    wide = [f"sticks out: {selector}" for selector in await somebody.page.evaluate(STICKS_OUT)]
    cut = await somebody.page.evaluate(CUT)
    return [f"{size}, {scheme}: {line}" for line in low + axe + wide + cut]


async def make(shared: SharedBrowser, folder: Path, names: list[str], language: str = "en") -> dict[str, list[str]]:
    """All pictures of these scenes in a language of the page's; what was found wrong, by scene."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[str]] = {}
    browser = await shared.browser()
    for name, size in product(names, SIZES):
        print(f"{name}, {size}", flush=True)
        try:
            wrong = await shoot(browser, SCENES[name], size, folder, LOCALES[language])
        except (AssertionError, ChatError, PlaywrightError, OSError) as error:
            wrong = [f"{size}: not played: {error}"]
        if wrong:
            found.setdefault(name, []).extend(wrong)
            print(*wrong, sep="\n", flush=True)
    page = gallery([SCENES[name] for name in names], product(SIZES, SCHEMES), found)
    (folder / "index.html").write_text(page)
    return found
