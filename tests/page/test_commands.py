"""The chat page in a real Chromium: what begins with a slash, of which nothing is sent that is not meant to be."""

import json
import re

import pytest

from ..browser import Person, chromium, expect, person, settle
from ..harness import NO_LIMITS, ChatClient, ServiceProcess


def _sent(ada: Person) -> list[str]:
    """The texts that went over the wire."""
    frames = [json.loads(frame) for frame in ada.wire.sent]
    return [frame["text"] for frame in frames if frame["type"] in ("send", "edit")]


async def test_unknown_commands_are_held_back() -> None:
    """With a word, and what was typed stays; nothing of them goes anywhere, not even that somebody types."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await bob.join("lobby")
            await ada.enter("Ada")
            for typed in ("/unknowncmd secret", "/nickBob", "/Passwort geheim", "/msg Bob so", "/ñu"):
                await ada.box.fill("")
                await ada.box.press_sequentially(typed)
                await ada.box.press("Enter")
                await expect(ada.page.get_by_role("alert").filter(has_text="There is no command")).to_be_visible()
                await expect(ada.box).to_have_value(typed)
            await ada.box.press("End")
            await ada.page.keyboard.type("!")
            await expect(ada.page.get_by_text("There is no command")).to_have_count(0)
            await settle()
            assert _sent(ada) == []
            await bob.silence("typing")


async def test_two_slashes_make_a_text_of_a_command() -> None:
    """One of them is sent; what is no command is sent as it is."""
    typed = {
        "//help": "/help",
        "//unknown so": "/unknown so",
        "///help": "//help",
        "/usr/bin/env": "/usr/bin/env",
        "/ or": "/ or",
        "//": "//",
        "// a comment": "// a comment",
        "//example.com/a": "//example.com/a",
        "/1 of 2": "/1 of 2",
        "and/or": "and/or",
    }
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say(*typed)
            await ada.reads(*typed.values())
            assert _sent(ada) == list(typed.values())
            await ada.say("//leave")
            await ada.reads(*typed.values(), "/leave")
            await ada.box.press("ArrowUp")
            await expect(ada.box).to_have_value("//leave")
            await ada.say("//leave it")
            await ada.reads(*typed.values(), "/leave it")


async def test_me_says_what_somebody_does() -> None:
    """It is sent as typed, and shown with the name before it; with a second slash it is a text."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            person(browser, service.url) as bob,
        ):
            await ada.enter("Ada")
            await bob.enter("Bob")
            await ada.say("/me", "/ME  waves at **all**", "//me so", "/meh so")
            await expect(ada.box).to_have_value("/meh so")
            await expect(bob.page.locator(".message .text")).to_have_text(["Ada waves at all", "/me so"])
            await expect(bob.page.locator(".action")).to_have_text("Ada waves at all")
            await expect(bob.page.locator(".action strong")).to_have_text("all")
            assert _sent(ada) == ["/me waves at **all**", "//me so"]
            await ada.box.fill("")
            await ada.box.press("ArrowUp")
            await expect(ada.box).to_have_value("//me so")
            await ada.say("/me nods")
            await expect(bob.page.locator(".action")).to_have_text(["Ada waves at all", "Ada nods"])


async def test_me_alone_asks_for_more() -> None:
    """As do the others without what they need."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            for typed, word in {
                "/me": "Say what you do",
                "/me \u200b": "Say what you do",
                "/nick": "Say how you want to be called",
                "/nick " + "a" * 33: "A name has 1 to 32 characters",
                "/join": "Name a room",
                "/join a+b": "A room’s name has only",
                "/leave": "You are in no other room",
                "/leave garden": "You are not in #garden",
            }.items():
                await ada.say(typed)
                await expect(ada.page.locator("#composer-objection")).to_contain_text(word)
                await expect(ada.box).to_have_value(typed)
            assert _sent(ada) == []


async def test_nick_changes_the_name() -> None:
    """For everybody, and for the next visit."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await ada.enter("Ada")
            await bob.enter("Bob")
            await ada.say("/nick Ada Lovelace")
            await expect(ada.page.locator("#me-name")).to_have_text("Ada Lovelace")
            await ada.say("hello")
            await expect(bob.page.locator(".head .name")).to_have_text("Ada Lovelace")
            await ada.reload()
            await expect(ada.page.locator("#me-name")).to_have_text("Ada Lovelace")


async def test_join_and_leave_go_from_room_to_room() -> None:
    """Each with its own draft."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("/join #Tea Time")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#tea-time")
            await expect(ada.page).to_have_url(re.compile("/r/tea-time$"))
            await expect(ada.box).to_have_value("")
            await ada.box.fill("begun")
            await ada.page.go_back()
            await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")
            await expect(ada.box).to_have_value("")
            await ada.say("/join tea-time")
            await expect(ada.box).to_have_value("begun")
            await ada.say("/leave")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")
            await expect(ada.page.locator("#rooms .room-name")).to_have_text(["lobby"])
            assert _sent(ada) == []


async def test_help_shows_what_can_be_written() -> None:
    """Every command of the page, in a dialog that the keyboard closes; then one writes on."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("/help")
            help_ = ada.page.get_by_role("dialog", name="Writing here")
            commands = await ada.page.evaluate("import('/static/page/commands.js').then(({ COMMANDS }) => COMMANDS)")
            assert len(commands) == 5
            for command in commands:
                await expect(help_.get_by_text(re.compile(rf"^/{command}\b"))).to_have_count(1)
            await ada.page.keyboard.press("Escape")
            await expect(help_).to_have_count(0)
            await expect(ada.box).to_be_focused()
            await expect(ada.box).to_have_value("")


@pytest.mark.parametrize("typed", ["/help", "/unknown words", "/nick Bob"])
async def test_an_edit_takes_no_command(typed: str) -> None:
    """It would stand in the message: it is held back with a word."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("first words")
            await ada.reads("first words")
            await ada.box.press("ArrowUp")
            await ada.say(typed)
            await expect(ada.page.locator("#composer-objection")).to_contain_text("is not for messages")
            await expect(ada.box).to_have_value(typed)
            await ada.reads("first words")
