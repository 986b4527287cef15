"""The chat page in a real Chromium: how its messages look. Densities, themes, names, and where tools stand."""

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import ViewportSize

from ..browser import Person, chromium, expect, person
from ..harness import NO_LIMITS, ChatClient, ServiceProcess
from ..test_page import SCHEMES

WINDOW: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 780}
LONG = "They hung beside the door yesterday, as far as I remember; perhaps somebody took them along. " * 3

# The messages that are wholly in sight, and where their parts stand.
_ROWS = """() => {
    const frame = document.getElementById("log").getBoundingClientRect();
    const box = (node) => {
        const { left, right, top, bottom } = node.getBoundingClientRect();
        return { left, right, top, bottom };
    };
    return [...document.querySelectorAll("#messages .message")].filter((row) => {
        const { top, bottom } = row.getBoundingClientRect();
        return top >= frame.top && bottom <= frame.bottom;
    }).map((row) => ({
        row: box(row),
        time: box(row.querySelector("time")),
        name: row.querySelector(".name")?.textContent ?? null,
        named: row.querySelector(".name") && box(row.querySelector(".name")),
        text: box(row.querySelector(".text")),
        frame: { left: frame.left, right: frame.right, top: frame.top, bottom: frame.bottom },
    }));
}"""

# Where the toolbar lies over letters, of whatever row.
_COVERED = """() => {
    const bar = document.querySelector(".tools").getBoundingClientRect();
    const found = [];
    for (const text of document.querySelectorAll("#messages :is(.text, .head, .hover-time)")) {
        const range = document.createRange();
        range.selectNodeContents(text);
        for (const { left, right, top, bottom } of range.getClientRects()) {
            const over = left < bar.right && right > bar.left && top < bar.bottom && bottom > bar.top;
            if (over) found.push(text.textContent);
        }
    }
    return found;
}"""

# Where the letters of an element are.
_BOX = """node => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return range.getBoundingClientRect().toJSON();
}"""


async def _rows(somebody: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await somebody.page.evaluate(_ROWS)
    return found


async def _choose(somebody: Person, *labels: str) -> None:
    """In the settings."""
    await somebody.page.get_by_role("button", name="How it looks").click()
    for label in labels:
        await somebody.page.get_by_role("radio", name=label).check()
    await somebody.page.get_by_role("button", name="Close").last.click()
    await expect(somebody.page.get_by_role("dialog")).to_have_count(0)


def _middle(box: dict[str, float]) -> float:
    return (box["top"] + box["bottom"]) / 2


async def test_density_and_theme_are_chosen_and_stay_chosen() -> None:
    """In a dialog, by keyboard, at once, in other tabs too, after a reload; Back closes it. So many messages fit."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url, viewport=WINDOW) as ada,
            ChatClient.open(service.url, "Bob") as bob,
            ChatClient.open(service.url, "Cem") as cem,
        ):
            await asyncio.gather(bob.join("lobby"), cem.join("lobby"))
            for number in range(20):  # in turns, which takes the most room
                await bob.send("lobby", f"{number} of Bob's")
                await cem.send("lobby", f"{number} of Cem's")
            await ada.enter("Ada")
            page = ada.page
            root = page.locator("html")
            rows = await _rows(ada)
            assert len(rows) >= 12, "cosy"
            assert all(row["row"]["right"] - row["row"]["left"] > 0.9 * 792 for row in rows), "the window is half empty"

            await page.get_by_role("button", name="How it looks").click()
            await expect(page.get_by_role("radio", name="System")).to_be_focused()
            await page.keyboard.press("ArrowDown")
            await page.keyboard.press("ArrowDown")
            await expect(page.get_by_role("radio", name="Dark")).to_be_checked()
            await page.keyboard.press("Tab")
            await page.keyboard.press("ArrowDown")
            await expect(page.get_by_role("radio", name="Compact")).to_be_checked()
            assert await ada.axe() == []
            assert await ada.low_contrast() == []
            await page.go_back()
            await expect(page.get_by_role("dialog")).to_have_count(0)
            await expect(page.get_by_role("button", name="How it looks")).to_be_focused()
            assert page.url == f"{service.url}/r/lobby"
            dark = await page.locator("body").evaluate("node => getComputedStyle(node).backgroundColor")
            assert dark == "rgb(21, 26, 26)"

            other = await ada.context.new_page()
            ada.watch(other)
            await other.goto(f"{service.url}/r/lobby")
            await expect(other.locator("html")).to_have_attribute("data-density", "compact")
            await page.reload()
            await ada.online()
            await expect(root).to_have_attribute("data-theme", "dark")
            await expect(ada.message("19 of Cem's")).to_be_in_viewport(ratio=1)
            rows = await _rows(ada)
            assert len(rows) >= 20, "compact"
            for row in rows:
                assert row["time"]["right"] < row["named"]["left"] < row["named"]["right"] < row["text"]["left"]
                assert max(abs(_middle(row[part]) - _middle(row["text"])) for part in ("time", "named")) < 4
            await _choose(ada, "Light", "Cosy")
            for shown in (root, other.locator("html")):
                await expect(shown).to_have_attribute("data-theme", "light")
                await expect(shown).to_have_attribute("data-density", "cosy")
            await other.close()

            await page.set_viewport_size(PHONE)
            await page.get_by_role("button", name="Show the room list").click()
            await _choose(ada, "Compact")
            await expect(root).to_have_attribute("data-density", "compact")
            await page.get_by_role("button", name="Change your name").click()  # a dialog beside an open drawer
            await page.get_by_role("textbox", name="New name").fill("Ada L")
            await page.go_back()
            await page.go_back()
            await expect(page.locator("#sidebar")).to_be_hidden()
            rows = await _rows(ada)
            assert all(row["row"]["right"] - row["row"]["left"] > 0.93 * PHONE["width"] for row in rows)


async def test_a_name_has_its_own_colour_and_comes_again_in_a_long_run() -> None:
    """The colour is the same in every browser, in one's own too, and stands out from all that lies behind names."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as eve:
            await ada.enter("Ada")
            for number in range(12):  # people of many colours
                async with ChatClient.open(service.url, f"Guest {number}") as guest:
                    await guest.join("lobby")
                    await guest.send("lobby", f"Hello, @Ada: {number}" if number % 2 else f"Hello: {number}")
            await ada.say("mine")
            await expect(ada.message("mine")).not_to_have_class("pending")
            async with ChatClient.open(service.url, "Bob") as bob:
                await bob.join("lobby")
                for number in range(30):
                    await bob.send("lobby", f"b{number}")
            await eve.enter("Eve")
            await expect(ada.message("b29")).to_have_count(1)
            colours = """all => Object.fromEntries(all.map((name) => [
                name.title, /hue-[0-9]+/.exec(name.className)[0] + getComputedStyle(name).color]))"""
            seen = [await who.page.locator(".message .name").evaluate_all(colours) for who in (ada, eve)]
            assert seen[0] == seen[1] and len(set(seen[0].values())) > 5
            await expect(ada.page.locator(".own .name")).to_have_text("You")

            of_bob = await ada.page.locator(".message").evaluate_all("""all => all
                .filter((row) => row.querySelector(".text").textContent.startsWith("b"))
                .map((row) => row.querySelector(".name") !== null)""")
            named = [at for at, is_named in enumerate(of_bob) if is_named]
            assert len(of_bob) == 30 and named[0] == 0
            runs = [later - at for at, later in itertools.pairwise([*named, len(of_bob)])]
            assert all(3 <= run <= 9 for run in runs[:-1]) and runs[-1] <= 9, runs

            for scheme, density in itertools.product(SCHEMES, ("cosy", "compact")):
                await ada.page.emulate_media(color_scheme=scheme)
                await ada.page.locator("html").evaluate("(root, density) => root.dataset.density = density", density)
                assert await ada.low_contrast() == []
                for text in ("Hello, @Ada: 1", "b3"):
                    await ada.message(text).hover()
                    assert await ada.low_contrast() == []


async def _with_tools(ada: Person, text: str, show: Callable[[Any], Awaitable[None]]) -> None:
    await show(ada.message(text))
    bar = ada.message(text).get_by_role("toolbar")
    await expect(bar).to_be_visible()
    await expect(bar).to_be_in_viewport(ratio=1)
    assert await ada.page.evaluate(_COVERED) == [], text


async def test_what_can_be_done_with_a_message_stands_over_no_text() -> None:
    """In the free corner of its row; on narrow screens below the text, once tapped. One's own time is beside it."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url, viewport=WINDOW) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await bob.join("lobby")
            for text in ("of Bob's", LONG.strip(), "again"):
                await bob.send("lobby", text)
            await ada.enter("Ada")
            await ada.say("mine", LONG.strip() + " Mine.", "last")
            await ada.reads("of Bob's", LONG.strip(), "again", "mine", LONG.strip() + " Mine.", "last")
            texts = ("of Bob's", LONG.strip(), "again", "mine", LONG.strip() + " Mine.", "last")
            for density in ("cosy", "compact"):
                await ada.page.locator("html").evaluate("(root, density) => root.dataset.density = density", density)
                height = await ada.page.locator("#log").evaluate("log => log.scrollHeight")
                for text in texts:
                    await _with_tools(ada, text, lambda row: row.hover())
                assert await ada.page.locator("#log").evaluate("log => log.scrollHeight") == height
                last = ada.message("last")
                time, words = await last.locator("time").bounding_box(), await last.locator(".text").bounding_box()
                assert time and words and 0 < words["x"] - time["x"] < 200
                assert abs(time["y"] + time["height"] / 2 - words["y"] - words["height"] / 2) < 5
            await ada.page.set_viewport_size(PHONE)
            for density in ("cosy", "compact"):
                await ada.page.locator("html").evaluate("(root, density) => root.dataset.density = density", density)
                for text in texts:
                    await _with_tools(ada, text, lambda row: row.locator(".text").click(position={"x": 3, "y": 6}))
            assert await ada.axe() == []


async def test_tools_stand_in_one_row() -> None:
    """Also those of one's own messages, which are the most: in a wide window, and below the text on a phone."""
    touch = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser:
            for name, options in (("Ada", {"viewport": WINDOW}), ("Bob", touch)):
                async with person(browser, service.url, **options) as somebody:
                    await somebody.enter(name)
                    await somebody.box.fill(f"of {name}'s")
                    await somebody.page.get_by_role("button", name="Send", exact=True).click()
                    await expect(somebody.page.locator(".pending")).to_have_count(0)
                    row = somebody.message(f"of {name}'s")
                    await (row.tap() if name == "Bob" else row.hover())
                    bar = somebody.page.get_by_role("toolbar")
                    await expect(bar).to_be_in_viewport(ratio=1)
                    tops = await bar.locator("button:visible").evaluate_all(
                        "all => all.map((one) => one.getBoundingClientRect().top)"
                    )
                    assert len(tops) == 7 and len(set(tops)) == 1, name


async def test_a_clock_of_twelve_hours_lies_over_no_text() -> None:
    """In either density, in a wide window and on a phone."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url, locale="en-US", viewport=WINDOW) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await bob.join("lobby")
            for text in ("first", "second"):
                await bob.send("lobby", text)
            await ada.enter("Ada")
            await expect(ada.message("first").locator("time")).to_have_text(re.compile(r"^\d\d:\d\d\s[AP]M$"))
            for density, size in itertools.product(("cosy", "compact"), (WINDOW, PHONE)):
                await ada.page.locator("html").evaluate("(root, density) => root.dataset.density = density", density)
                await ada.page.set_viewport_size(size)
                for text in ("first", "second")[density == "cosy" :]:
                    row = ada.message(text)
                    await row.hover()
                    time = row.locator("time")
                    shown, words = await time.evaluate(_BOX), await row.locator(".text").evaluate(_BOX)
                    log = await ada.page.locator("#log").evaluate(_BOX)
                    assert log["left"] <= shown["left"] and shown["right"] < words["left"], (density, size, text)


async def test_what_waits_says_so_once_and_what_is_awaited_is_not_blank() -> None:
    """Below the last of several; and before a room is known there are shapes where its messages will be."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            ada.wire.open = False
            await ada.page.goto(f"{service.url}/r/lobby")
            await ada.name_box.fill("Ada")
            await ada.name_box.press("Enter")
            log = ada.page.get_by_role("log")
            await expect(log).to_have_attribute("aria-busy", "true")
            shapes = "getComputedStyle(document.getElementById('messages')).backgroundImage"
            assert "gradient" in await ada.page.evaluate(shapes)
            await ada.reconnect()
            await ada.online()
            await expect(log).to_have_attribute("aria-busy", "false")
            assert await ada.page.evaluate(shapes) == "none"
            await ada.wire.cut()
            await ada.say("one", "two", "three")
            await expect(ada.page.locator(".status")).to_have_text("Waiting to be sent")
            await expect(ada.message("three").locator(".status")).to_be_visible()
            for text in ("one", "two"):
                await expect(ada.message(text)).to_contain_text("Waiting to be sent")  # for who listens


async def test_forced_colours_show_where_one_is() -> None:
    """Backgrounds are gone there: the room that is looked at, and who is meant, have lines around them."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url, forced_colors="active") as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await bob.join("garden")
            await ada.enter("Ada", "garden")
            await ada.page.get_by_role("textbox", name="Join another room").fill("lobby")
            await ada.page.keyboard.press("Enter")
            await bob.send("garden", "@Ada look")
            link = ada.page.locator(".room-link")
            outline = "node => getComputedStyle(node).outlineStyle"
            await expect(link.filter(has_text="garden")).to_contain_text("@1")
            assert await link.filter(has_text="lobby").evaluate(outline) == "solid"
            assert await link.filter(has_text="garden").evaluate(outline) == "none"
            await link.filter(has_text="garden").click()
            assert await ada.message("@Ada look").evaluate(outline) == "solid"
            border = "node => getComputedStyle(node).borderTopStyle"
            assert await ada.page.locator(".mention").evaluate(border) == "solid"
            assert await ada.axe() == []


async def test_at_400_percent_one_reads_and_writes() -> None:
    """A window of 1280 × 1024 px has 320 × 256 there: nothing goes beyond it, and a message is seen beside the box."""
    with ServiceProcess(NO_LIMITS) as service:
        size: ViewportSize = {"width": 320, "height": 256}
        async with chromium() as browser, person(browser, service.url, viewport=size) as ada:
            await ada.enter("Ada")
            await ada.box.fill("\n".join(["many", "lines", "of", "one", "message"] * 4))
            await expect(ada.page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
            await ada.box.press("Enter")
            await ada.say("the last")
            await expect(ada.message("the last")).to_be_in_viewport(ratio=1)
            for node in (ada.box, ada.page.get_by_role("button", name="Send")):
                await expect(node).to_be_in_viewport(ratio=1)
            root = await ada.page.evaluate(
                "(({ scrollWidth, scrollHeight }) => [scrollWidth, scrollHeight])(document.documentElement)"
            )
            assert root == [320, 256]
            assert await ada.axe() == []
