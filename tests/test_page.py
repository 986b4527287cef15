"""The chat page in a real Chromium: what people see and do."""

import asyncio
import json
import re
from itertools import product
from typing import Literal

from .browser import Person, chromium, expect, person, settle
from .harness import NO_LIMITS, UNIT, ChatClient, ServiceProcess

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SHOWN = ".message:not(.pending) .text"


async def test_two_people_talk() -> None:
    """What one types stands in the other's browser in order, under its author's name; a reload shows it again."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await ada.enter("Ada")
            await bob.enter("Bob")
            await ada.say("one", "two")
            await bob.reads("one", "two")
            await bob.say("three")
            await ada.reads("one", "two", "three")
            await expect(bob.page.locator(".message .name")).to_have_text(["Ada", "You"])
            await expect(bob.message("three")).to_have_class(re.compile("own"))
            await expect(ada.message("three").locator(".name")).to_have_text("Bob")
            await ada.reload()
            await ada.reads("one", "two", "three")


async def test_markup_and_script_are_text() -> None:
    """Names, texts and addresses of others are data: shown as written, never run."""
    script = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    links = "javascript:alert(3) http://[ https://example.org/a?b=1(c). <a href='https://e.org' onclick='alert(4)'>"
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            async with ChatClient.open(service.url, "<b onx=1>Eve</b>") as eve:
                await eve.join("lobby")
                await eve.send("lobby", script)
                await eve.send("lobby", links)
                await ada.reads(script, links)
            assert await ada.page.locator("#messages .name").all_text_contents() == ["<b onx=1>Eve</b>"]
            assert await ada.page.locator("#messages").locator("script, img, b, [onerror], [onclick]").count() == 0
            await expect(ada.page.locator(".text a")).to_have_count(2)  # once what makes them has come
            found = await ada.page.locator(".text a").evaluate_all("all => all.map(a => [a.href, a.rel, a.target])")
            rel = "noopener noreferrer nofollow"
            assert found == [
                ["https://example.org/a?b=1(c)", rel, "_blank"],
                ["https://e.org/", rel, "_blank"],
            ]


async def test_a_name_in_use_is_refused_at_the_door() -> None:
    """Who comes second under a name is asked for another, and enters with that."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as other:
            await ada.enter("Ada")
            await other.page.goto(service.url)
            await other.name_box.fill("ada")
            await other.page.get_by_role("button", name="Join the room").click()
            await expect(other.page.get_by_role("alert").first).to_have_text("Somebody who is here has this name.")
            await other.name_box.fill("Ada L.")
            await other.page.get_by_role("button", name="Join the room").click()
            await other.online()


async def test_several_rooms() -> None:
    """Rooms are listed, entered and left; what comes in another room is counted there and marked on return."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await bob.enter("Bob", "garden")
            await ada.enter("Ada")
            await ada.page.get_by_role("button", name="garden").click()
            await expect(ada.page.locator("h1#room-name")).to_have_text("#garden")
            assert ada.page.url.endswith("/r/garden")
            await bob.say("seen")
            await ada.reads("seen")
            await ada.box.fill("begun")
            await ada.page.get_by_role("button", name="lobby", exact=False).first.click()
            await expect(ada.box).to_have_value("")
            await bob.say("unseen")
            await expect(ada.page.locator(".badge")).to_have_text("1 unread")
            await expect(ada.page).to_have_title("(1) #lobby · Parley")
            await ada.page.go_back()
            await ada.reads("seen", "unseen")
            await expect(ada.box).to_have_value("begun")
            await expect(ada.page.locator(".separator.new + .message .text")).to_have_text("unseen")
            await expect(ada.page).to_have_title("#garden · Parley")
            await ada.choose("garden", "Leave #garden")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")
            await expect(bob.page.locator("#people-title")).to_have_text("1 person here")


async def test_two_rooms_read_within_a_second_are_both_told() -> None:
    """Read positions are told once a second, of every room that was looked at."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            await ada.page.get_by_role("textbox", name="Join another room").fill("lobby")
            await ada.page.keyboard.press("Enter")
            await expect(ada.page).to_have_title("#lobby · Parley")
            async with ChatClient.open(service.url, "Cem") as cem:
                for room in ("garden", "lobby"):
                    await cem.join(room)
                    await cem.send(room, f"to the {room}")
            await ada.reads("to the lobby")
            await ada.page.get_by_role("button", name="garden").first.click()
            await ada.reads("to the garden")
            await settle(1.5)
            told = [frame for frame in map(json.loads, ada.wire.sent) if frame["type"] == "read"]
            assert {frame["room"] for frame in told} == {"garden", "lobby"}


async def _bring_together(ada: Person, bob: Person) -> None:
    await ada.enter("Ada")
    await bob.enter("Bob")
    await ada.say("helo")
    await bob.reads("helo")


async def test_edit_react_and_remove() -> None:
    """One's own messages can be changed and removed, all can be reacted to, and everybody sees it."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await _bring_together(ada, bob)
            await ada.box.press("ArrowUp")
            await ada.box.press("Escape")
            await expect(ada.page.locator("#editing")).to_be_hidden()
            await ada.box.press("ArrowUp")
            await ada.say("hello")
            await bob.reads("hello")
            await expect(bob.message("hello").locator(".edited")).to_have_text("edited")
            await bob.message("hello").hover()
            await expect(bob.page.get_by_role("button", name="Edit")).to_be_hidden()
            await bob.page.get_by_role("button", name="React with 👍").click()
            await expect(ada.page.locator(".chip")).to_have_attribute("aria-label", "👍 1, by Bob")
            await ada.page.locator(".chip").click()
            await expect(bob.page.locator(".chip")).to_have_text("👍2")
            await bob.page.locator(".chip").click()
            await expect(bob.page.locator(".chip")).to_have_attribute("aria-pressed", "false")
            await ada.reload()
            await expect(ada.page.locator(".chip")).to_have_attribute("aria-pressed", "true")
            await ada.message("hello").hover()
            await ada.page.get_by_role("button", name="Remove").click()
            await ada.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
            await expect(bob.page.locator(".bubble.gone")).to_have_text("Message removed")
            await expect(ada.page.locator(".bubble.gone")).to_have_text("Message removed")
            await bob.reads()


async def test_who_is_here_types_and_has_read() -> None:
    """The page shows the people of the room, who types, and how far others have read."""
    with ServiceProcess(NO_LIMITS | {"PRESENCE_GRACE": "0.1"}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            async with person(browser, service.url) as bob:
                await _bring_together(ada, bob)
                await expect(ada.page.locator("#members .name")).to_have_text(["Ada", "Bob"])
                await expect(ada.message("helo").locator(".readers")).to_have_text("BRead up to here by Bob")
                await bob.box.press_sequentially("well")
                await expect(ada.page.locator("#typing")).to_have_text("Bob is typing…")
                await bob.box.press("Enter")
                await expect(ada.page.locator("#typing")).to_have_text("")
            await expect(ada.page.locator("#members .name")).to_have_text(["Ada"])
            await expect(ada.page.locator("#people-title")).to_have_text("1 person here")


async def test_nothing_sticks_out() -> None:
    """No width from 320 px on scrolls sideways, whatever is written; the composer and its button are in sight."""
    with ServiceProcess(NO_LIMITS) as service:
        async with ChatClient.open(service.url, "W" * 32) as bob:
            await bob.join("lobby")
            await bob.send("lobby", "w" * 300)
            await bob.send("lobby", "https://example.org/" + "a" * 200)
            await bob.request("react", room="lobby", id="r", target=1, emoji="👍", on=True)
            async with chromium() as browser, person(browser, service.url) as ada:
                await ada.enter("A" * 32)
                await ada.say("x" * 200, "y\n" * 30)
                await expect(ada.page.locator(SHOWN)).to_have_count(4)
                for width, scheme in product((320, 360, 720, 1280), SCHEMES):
                    await ada.page.set_viewport_size({"width": width, "height": 640})
                    await ada.page.emulate_media(color_scheme=scheme)
                    for selector in ("html", "body", "#log", "#sidebar"):
                        over = await ada.page.locator(selector).evaluate("node => node.scrollWidth - node.clientWidth")
                        assert over <= 0, f"{selector} is {over} px too wide at {width} px"
                    over = await ada.page.locator("html").evaluate("node => node.scrollHeight - node.clientHeight")
                    assert over <= 0, f"the page is {over} px higher than the window"
                    await expect(ada.page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)


async def test_texts_stand_out_from_what_lies_behind_them() -> None:
    """Light and dark, every text has the contrast that WCAG asks for, in every state of a message."""
    with ServiceProcess(NO_LIMITS) as service:
        async with ChatClient.open(service.url, "Bob") as bob:
            await bob.join("lobby")
            for number in range(8):  # people of many colours
                async with ChatClient.open(service.url, f"Guest {number}") as guest:
                    await guest.join("lobby")
                    await guest.send("lobby", f"https://example.org/{number}")
            await bob.request("react", room="lobby", id="r", target=8, emoji="👍", on=True)
            async with chromium() as browser, person(browser, service.url) as ada:
                await ada.enter("Ada")
                await ada.say("mine, with https://example.org")
                await ada.page.locator(".chip").click()
                await expect(ada.page.locator(".chip")).to_have_attribute("aria-pressed", "true")
                await ada.wire.cut()
                await ada.say("pending")
                await expect(ada.page.locator("#banner-text")).to_contain_text("The service can’t be reached")
                for scheme in SCHEMES:
                    await ada.page.emulate_media(color_scheme=scheme)
                    assert await ada.low_contrast() == []
                await ada.page.evaluate("document.documentElement.style.setProperty('--muted', 'gray')")
                assert await ada.low_contrast() != []


async def test_everything_has_a_name() -> None:
    """Every control has an accessible name, and the keyboard reaches messages and what can be done with them."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.whole()
            await ada.say("hello")
            await ada.reads("hello")
            nameless = await ada.page.locator("button, input, textarea, [role=log]").evaluate_all("""all => all
                .filter(n => n.checkVisibility())
                .filter(n => !(n.ariaLabel || n.labels?.[0]?.textContent || n.textContent.trim()))
                .map(n => n.outerHTML)""")
            assert nameless == []
            await ada.page.get_by_role("log").focus()
            await ada.page.keyboard.press("ArrowDown")
            await ada.page.keyboard.press("Tab")
            await expect(ada.page.get_by_role("button", name="React with 👍")).to_be_focused()
            for _ in range(4):
                await ada.page.keyboard.press("ArrowRight")
            await expect(ada.page.get_by_role("button", name="Edit")).to_be_focused()
            await ada.page.keyboard.press("ArrowLeft")
            await ada.page.keyboard.press("Enter")
            await expect(ada.page.get_by_role("combobox", name="Search emoji")).to_be_focused()
            await ada.page.keyboard.type("thumbs down")
            await ada.page.keyboard.press("Enter")
            await expect(ada.page.locator(".chip")).to_have_text("👎1")


async def test_the_clock_page_ticks() -> None:
    """The article's example shows the server's time, and it moves."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/clock.html")
            time = ada.page.locator("#server-time")
            await expect(time).to_have_text(re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"))
            shown = await time.text_content()
            assert shown is not None
            await expect(time).not_to_have_text(shown)
            service.kill9()
            await expect(ada.page.get_by_role("status")).to_have_text("No connection. Trying again…")
            await asyncio.to_thread(service.start)
            # Its waits grow while the service starts.
            await expect(ada.page.get_by_role("status")).to_have_text("", timeout=60_000 * UNIT)
