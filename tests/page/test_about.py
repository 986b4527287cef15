"""What a room is about, on the page: its line in the header, the dialog behind it, the beginning above the messages."""

import re

from ..browser import Person, chromium, expect, person
from ..harness import NO_LIMITS, ChatClient, ServiceProcess

CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}
NARROW = {"viewport": {"width": 380, "height": 700}, "has_touch": True}


async def open_about(somebody: Person) -> None:
    await somebody.page.get_by_role("button", name="About this room").click()


async def set_topic(somebody: Person, text: str) -> None:
    await open_about(somebody)
    await somebody.page.get_by_role("textbox", name="Topic").fill(text)
    await somebody.page.get_by_role("button", name="Set the topic").click()


async def test_who_began_a_room_sets_its_topic_and_everybody_sees_it() -> None:
    """In the header, at once and after a reload; behind it stand whose it is and who began the room."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await ada.enter("Ada", "garden")
            await expect(ada.page.locator("#about-line")).to_have_text("Set a topic")
            await ada.say("hello")
            await ada.reads("hello")
            await bob.enter("Bob", "garden")
            await expect(bob.page.locator("#about-line")).to_have_text(re.compile(r"^Begun by Ada · Today, \d\d:\d\d$"))
            await set_topic(ada, "  Beds, borders and https://example.org/plan  ")
            for somebody in (ada, bob):
                line = somebody.page.locator("#about-line")
                await expect(line).to_have_text("Beds, borders and https://example.org/plan")
            await open_about(bob)
            dialog = bob.page.get_by_role("dialog", name="#garden")
            await expect(dialog.get_by_role("link")).to_have_attribute("href", "https://example.org/plan")
            await expect(dialog).to_contain_text(re.compile(r"Topic by Ada · Today, .*Begun by Ada · Today, "))
            await bob.page.keyboard.press("Escape")
            await expect(dialog).to_be_hidden()
            await bob.reload()
            await expect(bob.page.locator("#about-line")).to_have_text("Beds, borders and https://example.org/plan")
            await set_topic(ada, "")
            await expect(ada.page.locator("#about-line")).to_have_text("Set a topic")
            await expect(bob.page.locator("#about-line")).to_have_text(re.compile("^Begun by Ada"))


async def test_others_are_not_offered_what_they_may_not_do() -> None:
    """They read the topic, and there is no field."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as bob,
            ChatClient.open(service.url, "Ada") as ada,
        ):
            await ada.join("garden")
            await ada.send("garden", "hello")
            await ada.request("topic", room="garden", id="t1", text="<b>Beds</b>")
            await bob.enter("Bob", "garden")
            await expect(bob.page.locator("#about-line")).to_have_text("<b>Beds</b>")
            await open_about(bob)
            dialog = bob.page.get_by_role("dialog", name="#garden")
            await expect(dialog).to_contain_text("<b>Beds</b>")
            await expect(dialog.get_by_role("textbox")).to_have_count(0)
            await expect(dialog.get_by_role("button", name="Set the topic")).to_have_count(0)
            await ada.request("topic", room="garden", id="t2", text="Borders")
            await expect(dialog).to_contain_text("Borders")
            assert await dialog.locator("b").count() == 0


async def test_a_topic_that_is_too_long_is_not_sent() -> None:
    """The dialog says by how much, and keeps the words."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            await set_topic(ada, "🫖" * 251)
            await expect(ada.page.get_by_role("alert").filter(has_text="1 character too many")).to_be_visible()
            await ada.page.get_by_role("textbox", name="Topic").fill("🫖" * 250)
            await ada.page.get_by_role("textbox", name="Topic").press("Enter")
            await expect(ada.page.locator("#about-line")).to_have_text("🫖" * 250)


async def test_a_topic_of_several_lines_becomes_one() -> None:
    """As it is pasted from elsewhere."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            await set_topic(ada, "Beds\n\nand\u2028borders\n")
            await expect(ada.page.locator("#about-line")).to_have_text("Beds and borders")


async def test_a_refused_topic_is_said() -> None:
    """With the service's reason; the line shows what holds."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            await set_topic(ada, "beds\u202eand")
            await expect(ada.page.locator(".toast")).to_contain_text("The topic was not set. Topic holds an invisible")
            await expect(ada.page.locator("#about-line")).to_have_text("Set a topic")


async def test_a_topic_that_waits_is_shown_as_such() -> None:
    """Set while cut off: there it is, marked, and it is sent once the service is back."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            await ada.say("hello")
            await ada.reads("hello")
            await ada.wire.cut()
            await set_topic(ada, "Beds")
            line = ada.page.locator("#about-line")
            await expect(line).to_have_text("Beds")
            await expect(line).to_have_class("waiting")
            await set_topic(ada, "")
            await expect(line).to_have_text("Set a topic")
            await set_topic(ada, "Borders")
            await ada.reconnect()
            await expect(line).not_to_have_class("waiting")
            await expect(line).to_have_text("Borders")


async def test_a_room_has_a_beginning() -> None:
    """Above its first message stand who began it and when; in one without messages what to do first."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url, **CLIPBOARD) as ada:
            await ada.enter("Ada", "garden")
            start = ada.page.locator(".row-note.start")
            await expect(start).to_contain_text("Nobody has said anything in #garden yet")
            await start.get_by_role("button", name="Copy the link").click()
            await expect(ada.page.locator(".toast")).to_have_text("The link to this room is copied.")
            await ada.say("hello")
            await expect(start).to_contain_text(re.compile("This is where #garden begins.*Begun by Ada · Today"))


async def test_a_topic_before_the_first_message_is_no_message_lost() -> None:
    """The first message is then not the room's first event; nothing is said to be gone."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            await set_topic(ada, "Beds")
            await expect(ada.page.locator("#about-line")).not_to_have_class("waiting")
            await ada.say("hello")
            await ada.reads("hello")
            start = ada.page.locator(".row-note.start")
            await expect(start).to_have_text(re.compile("^No older messages are kept here.Begun by Ada"))


async def test_the_link_to_a_room_can_be_copied() -> None:
    """From the dialog; the page says that it did."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url, **CLIPBOARD) as ada:
            await ada.enter("Ada", "garden")
            await open_about(ada)
            await ada.page.get_by_role("dialog").get_by_role("button", name="Copy the link").click()
            await expect(ada.page.locator(".toast")).to_have_text("The link to this room is copied.")
            assert await ada.page.evaluate("navigator.clipboard.readText()") == f"{service.url}/r/garden"


async def test_rooms_have_topics_of_their_own() -> None:
    """The header changes with the room. Back closes an open dialog before it leaves one."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            await set_topic(ada, "Beds")
            await expect(ada.page.locator("#about-line")).to_have_text("Beds")
            await ada.page.get_by_role("textbox", name="Join another room").fill("kitchen")
            await ada.page.get_by_role("textbox", name="Join another room").press("Enter")
            await expect(ada.page.locator("#about-line")).to_have_text("Set a topic")
            await open_about(ada)
            await ada.page.go_back()
            await expect(ada.page.get_by_role("dialog")).to_have_count(0)
            await expect(ada.page.locator("#about-line")).to_have_text("Set a topic")
            await ada.page.go_back()
            await expect(ada.page.locator("#about-line")).to_have_text("Beds")


async def test_a_long_topic_leaves_the_header_as_it_is() -> None:
    """On a phone, too: one line, and a target that a finger finds."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url, **NARROW) as ada:
            await ada.enter("Ada", "garden")
            before = await ada.page.locator(".top").bounding_box()
            await set_topic(ada, "Beds and borders " * 14)
            await expect(ada.page.locator("#about-line")).to_have_text(re.compile("^Beds and borders"))
            assert await ada.page.locator(".top").bounding_box() == before
            assert await ada.page.evaluate("document.documentElement.scrollWidth") == 380
            target = await ada.page.evaluate(
                """() => {
                    const { left, width, top, height } = document.querySelector(".heading").getBoundingClientRect();
                    const hits = (y) => document.elementFromPoint(left + width / 2, y)?.closest("#open-about") !== null;
                    let tall = 0;
                    for (let y = top - 20; y < top + height + 20; y += 1) tall += hits(y);
                    return tall;
                }"""
            )
            assert target >= 44, f"{target} px"
            assert await ada.low_contrast() == []
