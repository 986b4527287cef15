"""The chat page in a real Chromium: each room says whether messages of it are missing, and since when none is."""

import re

import pytest
from playwright.async_api import Locator

from ..browser import Person, chromium, expect, person
from ..harness import NO_LIMITS, ChatClient, RedisServer, ServiceProcess

WHEN = r"Today, \d\d:\d\d"


def _mark(visitor: Person) -> Locator:
    return visitor.page.locator("#completeness")


async def _says(visitor: Person, text: str) -> None:
    """The mark, and what lies above it."""
    await expect(_mark(visitor)).to_have_accessible_name(re.compile(f"^{text}$"))
    await expect(visitor.page.locator("#open-about")).to_have_attribute("title", re.compile(f"^{text}$"))


async def test_a_room_that_is_known_from_its_beginning_says_so() -> None:
    """An empty one, too; while cut off what comes is not known, and afterwards nothing is missing again."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await ada.enter("Ada", "garden")
            await _says(ada, r"No message is missing since this room began\.")
            await bob.enter("Bob", "garden")
            await bob.say("one")
            await ada.reads("one")
            await _says(ada, r"No message is missing since this room began\.")
            await ada.wire.cut()
            await bob.say("two")
            await _says(ada, rf"What came after {WHEN} is not known yet\.")
            await ada.page.locator("#open-about").click()
            said = ada.page.get_by_role("dialog").locator("#about-completeness")
            await expect(said).to_have_text(re.compile(rf"^What came after {WHEN} is not known yet\.$"))
            await ada.reconnect()
            await expect(said).to_have_text("No message is missing since this room began.")
            await ada.page.keyboard.press("Escape")
            await ada.reads("one", "two")
            await _says(ada, r"No message is missing since this room began\.")


async def test_the_people_are_those_of_when_the_connection_was_lost() -> None:
    """And said to be: who comes meanwhile is seen again once there is a connection."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            people = ada.page.get_by_role("complementary")
            told = people.get_by_text(re.compile(rf"^As of {WHEN}: who came or went since is not known\.$"))
            await expect(people.locator(".person")).to_have_count(1)
            await expect(told).to_have_count(0)
            await ada.wire.cut()
            await expect(told).to_be_visible()
            assert await ada.axe() == []
            async with ChatClient.open(service.url, "Bob") as bob:
                await bob.join("garden")
                await expect(people.locator(".person")).to_have_count(1)
                await ada.reconnect()
                await expect(people.locator(".person")).to_have_count(2)
            await expect(told).to_have_count(0)


async def test_a_long_room_says_since_when_it_is_known() -> None:
    """Since the oldest message that is loaded, and since its beginning once that is."""
    with ServiceProcess(NO_LIMITS) as service:
        async with ChatClient.open(service.url, "Bob") as bob:
            await bob.join("lobby")
            for number in range(200):
                await bob.send("lobby", f"n{number}")
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await _says(ada, rf"No message is missing since {WHEN}\.")
            await ada.page.locator("#log").hover()
            while await _mark(ada).get_attribute("title") != "No message is missing since this room began.":
                await ada.page.mouse.wheel(0, -2000)
                await ada.page.wait_for_timeout(50)


async def test_a_reload_while_cut_off_claims_no_completeness() -> None:
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.wire.cut()
            await ada.reload()
            await _says(ada, r"Nothing is known of this room yet\.")


async def test_missing_messages_are_marked_beside_the_room_s_name() -> None:
    """Of who was away for longer than the room remembers; those of other rooms are not."""
    with ServiceProcess(NO_LIMITS | {"HISTORY_LIMIT": "5"}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("before")
            await ada.reads("before")
            await ada.page.get_by_role("textbox", name="Join another room").fill("garden")
            await ada.page.keyboard.press("Enter")
            await ada.wire.cut()
            async with ChatClient.open(service.url, "Bob") as bob:
                await bob.join("lobby")
                for number in range(400):  # history is cut to its limit not at every message, but in steps
                    await bob.send("lobby", f"n{number}")
            await ada.reconnect()
            await _says(ada, r"No message is missing since this room began\.")
            await ada.page.locator(".room-link", has_text="lobby").click()
            await _says(ada, rf"Some messages before {WHEN} are missing\.")
            await expect(_mark(ada)).to_have_class(re.compile("missing"))
            assert await ada.low_contrast() == []


@pytest.mark.expects_log("redis (commands|channels): ")
async def test_without_its_broker_a_room_is_not_said_to_be_complete() -> None:
    """The connection stands, but what others write elsewhere may not come."""
    with RedisServer() as redis, ServiceProcess(NO_LIMITS | {"REDIS_URL": redis.url}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("before")
            await ada.reads("before")
            redis.sigstop()
            await ada.say("waits")
            await _says(ada, rf"What came after {WHEN} is not known yet\.")
            redis.sigcont()
            await ada.reads("before", "waits")
            await _says(ada, r"No message is missing since this room began\.")
