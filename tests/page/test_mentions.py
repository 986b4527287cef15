"""The chat page in a real Chromium: speaking to somebody by name, and what is offered while one types."""

from typing import Any

import pytest

from ..browser import Person, chromium, expect, person, settle
from ..harness import NO_LIMITS, ChatClient, ServiceProcess

# A composition that ends, and after it the Enter that ended it.
_END = """node => {
    for (const when of ["start", "end"]) node.dispatchEvent(new CompositionEvent(`composition${when}`));
    node.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
}"""


def _offers(ada: Person) -> Any:
    return ada.page.get_by_role("option")


async def test_people_are_offered_behind_an_at_sign() -> None:
    """Those who spoke, the last first, then those who are here; by the beginning of any word of their names."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            ChatClient.open(service.url, "Bob Ross") as bob,
            ChatClient.open(service.url, "Bea") as bea,
            ChatClient.open(service.url, "Rosa") as rosa,
        ):
            for client in (bob, bea):
                await client.join("lobby")
            await rosa.join("lobby")
            await rosa.send("lobby", "I leave")
            await rosa.close()
            await ada.enter("Ada")
            await ada.reads("I leave")
            await ada.page.keyboard.type("hi @")
            await expect(_offers(ada)).to_have_count(3)
            await expect(_offers(ada).first).to_contain_text("Rosa")
            await ada.page.keyboard.type("b")
            await expect(_offers(ada)).to_have_count(2)
            await ada.page.keyboard.type("e")
            await expect(_offers(ada)).to_have_count(1)
            await ada.page.keyboard.press("Tab")
            await expect(ada.box).to_have_value("hi @Bea ")
            await expect(_offers(ada)).to_have_count(0)
            await ada.page.keyboard.type("and @ro")
            await expect(_offers(ada)).to_have_count(2)
            await ada.page.keyboard.press("ArrowUp")
            await expect(_offers(ada).nth(1)).to_have_attribute("aria-selected", "true")
            active = await ada.box.get_attribute("aria-activedescendant")
            assert active == await _offers(ada).nth(1).get_attribute("id")
            await ada.page.keyboard.press("Enter")
            await expect(ada.box).to_have_value("hi @Bea and @Bob Ross ")
            await ada.page.keyboard.press("Control+z")
            await expect(ada.box).to_have_value("hi @Bea and @ro")
            await ada.box.fill("@nobody")
            await expect(_offers(ada)).to_have_count(0)
            for typed in ("a@b", "mail ada@be", "x.@b"):
                await ada.box.fill("")
                await ada.page.keyboard.type(typed)
                await settle(0.1)
                await expect(_offers(ada)).to_have_count(0)
            await ada.box.fill("")
            await ada.page.keyboard.type("请@b")
            await _offers(ada).nth(0).click()
            await expect(ada.box).to_have_value("请@Bea ")
            await expect(ada.box).to_be_focused()


async def test_a_name_that_is_whole_is_sent_by_enter() -> None:
    """Nothing more is taken; Escape puts the offers away, and gives up no edit."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await bob.join("lobby")
            await ada.enter("Ada")
            await ada.box.press_sequentially("@bob")
            await expect(_offers(ada)).to_have_count(1)
            await ada.box.press("Enter")
            await ada.reads("@bob")
            await ada.box.press("ArrowUp")
            await ada.page.keyboard.type(" @b")
            await expect(_offers(ada)).to_have_count(1)
            await ada.page.keyboard.press("Escape")
            await expect(_offers(ada)).to_have_count(0)
            await ada.page.keyboard.type("o")
            await settle(0.1)
            await expect(_offers(ada)).to_have_count(0)
            await expect(ada.page.locator("#editing")).to_be_visible()
            await ada.page.keyboard.press("Escape")
            await expect(ada.page.locator("#editing")).to_be_hidden()


async def test_commands_are_offered_behind_a_slash() -> None:
    """At the beginning of the box alone; one that is whole is done by Enter."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.page.keyboard.type("/")
            await expect(_offers(ada)).to_have_count(5)
            await ada.page.keyboard.type("j")
            await ada.page.keyboard.press("Enter")
            await expect(ada.box).to_have_value("/join ")
            await ada.page.keyboard.type("garden")
            await ada.page.keyboard.press("Enter")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#garden")
            await ada.page.keyboard.type("so /")
            await settle(0.1)
            await expect(_offers(ada)).to_have_count(0)


MENTIONS = {
    "@Bob": ["@Bob"],
    "hi @bob, @BOB! (@Bob)": ["@bob", "@BOB", "@Bob"],
    "@Bob's": ["@Bob"],
    "@Bobby @Bob1 @Bob_": [],
    "bob@Bob.example a@Bob x.@Bob /@Bob": [],
    "请@Bob说": ["@Bob"],
    "@Ada Lovelace and @ada lovelaces": ["@Ada Lovelace"],
    "`@Bob` and ```\n@Bob\n```": [],
    "**@Bob** _so_": ["@Bob"],
    "> @Bob so": ["@Bob"],
    "https://example.com/@Bob": [],
    "https://example.com/a?@Bob": [],
    "@nobody @": [],
}


async def test_mentions_are_marked() -> None:
    """Names of people known in the room, whole, in text and not in code or addresses."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await bob.join("lobby")
            for text in MENTIONS:
                await bob.send("lobby", text)
            await ada.enter("Ada Lovelace")
            await expect(ada.page.locator(".message")).to_have_count(len(MENTIONS))
            for index, (text, wanted) in enumerate(MENTIONS.items()):
                message = ada.page.locator(".message").nth(index)
                found = await message.locator(".mention").all_text_contents()
                assert found == wanted, text
                speaks = await message.evaluate("node => node.classList.contains('mentioned')")
                assert speaks == ("@Ada Lovelace" in wanted)
            assert await ada.low_contrast() == []


async def test_mentions_are_counted_apart() -> None:
    """In the list of rooms, of what is not read; code mentions nobody, and what is removed counts no more."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await bob.join("garden")
            await bob.send("garden", "first")
            await ada.enter("Ada", "garden")
            await bob.recv("read")
            await ada.say("/join lobby")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")
            await bob.send("garden", "hello")
            mentions = ada.page.locator(".badge.mentions")
            unread = ada.page.locator(".badge:not(.mentions)")
            await expect(unread).to_have_text("1 unread")
            await expect(mentions).to_have_count(0)
            first = await bob.send("garden", "@Ada hello")
            await bob.send("garden", "so @ada?")
            await bob.send("garden", "`@Ada`")
            await bob.send("garden", "@Adam")
            await expect(unread).to_have_text("5 unread")
            await expect(mentions).to_have_text("@2 mention you")
            await bob.request("remove", room="garden", id="gone", target=first["seq"])
            await expect(mentions).to_have_text("@1 mentions you")
            await ada.reload()
            await expect(unread).to_have_text("4 unread")
            await expect(mentions).to_have_text("@1 mentions you")
            await ada.say("/join garden")
            await expect(ada.page.locator(".badge")).to_have_count(0)
            await expect(ada.page.locator(".message.mentioned")).to_have_count(1)


async def test_somebody_who_comes_later_is_marked_in_what_was_said_before() -> None:
    """A name is known from when its bearer is seen."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("where is @Bob?")
            await ada.reads("where is @Bob?")
            await expect(ada.page.locator(".mention")).to_have_count(0)
            async with ChatClient.open(service.url, "Bob") as bob:
                await bob.join("lobby")
                await expect(ada.page.locator(".mention")).to_have_text("@Bob")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_offers_are_accessible(scheme: Any) -> None:
    """To axe, in both schemes, and a reader is told that there are some."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url, color_scheme=scheme) as ada:
            await ada.enter("Ada")
            await ada.page.keyboard.type("/")
            await expect(_offers(ada)).to_have_count(5)
            await expect(ada.page.locator("#announcer")).to_contain_text("5 suggestions")
            assert await ada.axe() == []
            assert await ada.low_contrast() == []


async def test_people_are_offered_for_what_was_composed() -> None:
    """By an input method; the Enter that ends a composition takes none of them."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            ChatClient.open(service.url, "さくら") as sakura,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            for client in (sakura, bob):
                await client.join("lobby")
            await ada.enter("Ada")
            await ada.page.keyboard.type("hi @")
            await expect(_offers(ada)).to_have_count(2)
            keys = await ada.context.new_cdp_session(ada.page)
            await keys.send("Input.imeSetComposition", {"text": "さ", "selectionStart": 1, "selectionEnd": 1})
            await keys.send("Input.insertText", {"text": "さ"})
            await expect(_offers(ada)).to_have_count(1)
            await ada.box.evaluate(_END)
            await expect(ada.box).to_have_value("hi @さ")
            await settle(0.2)
            await ada.page.keyboard.press("Enter")
            await expect(ada.box).to_have_value("hi @さくら ")
