"""The chat page in a real Chromium: what waits to be sent is shown, with its fate, and can be changed until then."""

from playwright.async_api import Locator

from ..browser import Person, chromium, expect, person, settle
from ..harness import NO_LIMITS, ChatClient, ServiceProcess, make_jwt


def _queue(visitor: Person) -> Locator:
    return visitor.page.locator("#queue")


def _entry(visitor: Person, text: str) -> Locator:
    return visitor.page.locator("#queue-list > li").filter(has_text=text)


async def test_the_queue_says_how_much_waits_and_why() -> None:
    """Over all rooms; what goes out at once is never in it."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            await ada.say("goes out at once")
            await ada.reads("goes out at once")
            await expect(_queue(ada)).to_be_hidden()
            await ada.wire.cut()
            await ada.say("one")
            await expect(_queue(ada)).to_have_text("1 message waits until there is a connection.", use_inner_text=True)
            await ada.say("two")
            await ada.page.get_by_role("textbox", name="Join another room").fill("lobby")
            await ada.page.keyboard.press("Enter")
            await ada.say("three")
            await expect(_queue(ada)).to_have_text("3 messages wait until there is a connection.", use_inner_text=True)
            await _queue(ada).locator("summary").click()
            await expect(ada.page.locator("#queue-list .entry-text")).to_have_text(["one", "two", "three"])
            await expect(ada.page.locator("#queue-list .entry-fate")).to_have_text(
                ["#garden · Waiting", "#garden · Waiting", "Waiting"]
            )
            await ada.reconnect()
            await expect(_queue(ada)).to_be_hidden()
            await ada.reads("three")


async def test_what_waits_can_be_changed_and_thrown_away() -> None:
    """It is sent as it was changed, in its place; what was discarded is never sent."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await ada.enter("Ada")
            await bob.enter("Bob")
            await ada.wire.cut()
            await ada.say("first", "secnd", "third")
            await _queue(ada).locator("summary").click()
            await _entry(ada, "third").get_by_role("button", name="Discard").click()
            await _entry(ada, "secnd").get_by_role("button", name="Edit").click()
            box = ada.page.get_by_role("textbox", name="New text")
            await expect(box).to_be_focused()
            await box.fill("second")
            await ada.reconnect()
            await bob.reads("first")  # what is being changed is kept back
            await ada.say("after it")
            await settle()
            await bob.reads("first")
            await ada.page.get_by_role("button", name="Save").click()
            await bob.reads("first", "second", "after it")
            await ada.reads("first", "second", "after it")
            await expect(_queue(ada)).to_be_hidden()


async def test_a_change_that_is_given_up_changes_nothing() -> None:
    """Escape, or Cancel; and in a reload the text is as it was, and not sent by itself."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.wire.cut()
            await ada.say("as it was")
            await _queue(ada).locator("summary").click()
            await ada.page.get_by_role("button", name="Edit").click()
            await ada.page.get_by_role("textbox", name="New text").fill("otherwise")
            await ada.page.keyboard.press("Escape")
            await expect(_entry(ada, "as it was")).to_contain_text("Waiting")
            await ada.page.get_by_role("button", name="Edit").click()
            await ada.reload()
            await expect(ada.message("as it was")).to_contain_text("Not sent")
            await ada.page.locator("#queue summary").click()
            await _entry(ada, "as it was").get_by_role("button", name="Send again").click()
            await ada.reconnect()
            await ada.reads("as it was")


async def test_what_was_refused_can_be_changed_and_sent() -> None:
    """It is said how many were not sent, and why, and what was mended goes out."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            async with ChatClient.open(service.url, jwt=make_jwt("mod", "Mod", role="moderator")) as mod:
                members = (await mod.join("lobby"))["members"]
                user = next(member["id"] for member in members if member["name"] == "Ada")
                await mod.request("moderate", room="lobby", user=user, action="mute")
                await ada.say("rude")
                await expect(_queue(ada)).to_have_text("1 message was not sent.", use_inner_text=True)
                await _queue(ada).locator("summary").click()
                await expect(_entry(ada, "rude")).to_contain_text("Not sent. You are muted.")
                await mod.request("moderate", room="lobby", user=user, action="unmute")
            await _entry(ada, "rude").get_by_role("button", name="Edit").click()
            await ada.page.get_by_role("button", name="Cancel").click()
            await settle()
            await expect(_entry(ada, "rude")).to_contain_text("Not sent. You are muted.")
            await _entry(ada, "rude").get_by_role("button", name="Edit").click()
            await ada.page.get_by_role("textbox", name="New text").fill("polite")
            await ada.page.get_by_role("button", name="Save").click()
            await ada.reads("polite")
            await expect(_queue(ada)).to_be_hidden()


async def test_a_command_is_no_text_in_what_waits_either() -> None:
    """What is a command in the box to write in is held back there, too; with two slashes it is a text."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.wire.cut()
            await ada.say("//help is a command")
            await _queue(ada).locator("summary").click()
            await _entry(ada, "help").get_by_role("button", name="Edit").click()
            box = ada.page.get_by_role("textbox", name="New text")
            await expect(box).to_have_value("//help is a command")
            await box.fill("/msg Bob secret")
            await ada.page.get_by_role("button", name="Save").click()
            await expect(_queue(ada).get_by_role("alert")).to_contain_text("/msg is not for messages")
            await expect(box).to_have_value("/msg Bob secret")
            await box.fill("//msg is none")
            await expect(_queue(ada).get_by_role("alert")).to_be_hidden()
            await ada.page.get_by_role("button", name="Save").click()
            await ada.reconnect()
            await ada.reads("/msg is none")
