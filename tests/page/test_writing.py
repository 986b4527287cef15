"""The chat page in a real Chromium: the box in which one writes, with input methods, on touch screens, in two tabs."""

import re
import sys
import unicodedata
from typing import Any

import pytest
from playwright.async_api import Locator

from service.names import check_text
from service.protocol import RequestError

from ..browser import Person, chromium, expect, person, settle
from ..harness import NO_LIMITS, ChatClient, ServiceProcess

# The orders in which browsers tell that Enter took a candidate: the key before the composition's end, as most do; after
# it with the input method's own code, as Safari does; after it as a plain Enter, as some input methods make it.
ORDERS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "most": [("keydown", {"key": "Enter", "keyCode": 229, "isComposing": True}), ("compositionend", {"data": "半"})],
    "process": [
        ("keydown", {"key": "Process", "keyCode": 229, "isComposing": True}),
        ("compositionend", {"data": "半"}),
    ],
    "safari": [("compositionend", {"data": "半"}), ("keydown", {"key": "Enter", "keyCode": 229, "isComposing": False})],
    "plain": [("compositionend", {"data": "半"}), ("keydown", {"key": "Enter", "keyCode": 13, "isComposing": False})],
    "composing": [
        ("keydown", {"key": "Enter", "keyCode": 13, "isComposing": True}),
        ("compositionend", {"data": "半"}),
    ],
    "no code": [("compositionend", {"data": "半"}), ("keydown", {"key": "Enter", "keyCode": 0, "isComposing": False})],
}

_DISPATCH = """(node, events) => {
    node.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true, composed: true }));
    const taken = events.map(([type, how]) => {
        const Kind = type.startsWith("composition") ? CompositionEvent : KeyboardEvent;
        return !node.dispatchEvent(new Kind(type, { bubbles: true, cancelable: true, composed: true, ...how }));
    });
    node.dispatchEvent(new KeyboardEvent("keyup", { bubbles: true, key: "Enter", keyCode: 13 }));
    return taken;
}"""


async def compose(field: Locator, text: str) -> None:
    """Text that stays where it is, whatever Enter ends its compositions."""
    await field.fill(text)
    for events in ORDERS.values():
        await field.evaluate(_DISPATCH, events)
    await settle()
    await expect(field).to_be_visible()
    await expect(field).to_have_value(text)


async def _sent(ada: Person) -> int:
    return await ada.page.locator(".message").count()


async def test_the_enter_that_ends_a_composition_sends_nothing() -> None:
    """In every order of events; the next one sends."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await compose(ada.box, "half a word")
            assert await _sent(ada) == 0
            await ada.box.press("Enter")
            await ada.reads("half a word")


async def test_nor_does_it_take_an_emoji_or_a_room_or_set_a_topic() -> None:
    """In every order again; the next one does."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "meadow")

            await ada.page.get_by_role("button", name="Emoji", exact=True).click()
            await compose(ada.page.get_by_role("combobox", name="Search"), "wave")
            await ada.page.keyboard.press("Enter")
            await expect(ada.box).to_have_value("👋")
            await ada.box.fill("")
            await ada.page.get_by_role("button", name="About this room").click()
            await compose(ada.page.get_by_role("textbox", name="Topic"), "Beds and borders")
            await ada.page.keyboard.press("Enter")
            await expect(ada.page.locator("#about-line")).to_have_text("Beds and borders")
            await ada.page.keyboard.press("Control+k")
            await compose(ada.page.get_by_role("combobox", name="Go to a room"), "garden")
            await ada.page.keyboard.press("Enter")
            await expect(ada.page).to_have_title("#garden · Parley")


async def test_a_real_composition() -> None:
    """By Chromium's own input method, key by key."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.box.focus()
            keys = await ada.context.new_cdp_session(ada.page)
            await keys.send("Input.imeSetComposition", {"text": "ni", "selectionStart": 2, "selectionEnd": 2})
            enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229, "text": ""}
            await keys.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
            await keys.send("Input.insertText", {"text": "你"})
            await keys.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
            await settle()
            await expect(ada.box).to_have_value("你")
            assert await _sent(ada) == 0
            await ada.box.press("Enter")
            await ada.reads("你")


async def test_enter_breaks_the_line_on_a_touch_screen() -> None:
    """The button sends; with a keyboard beside it, Ctrl+Enter does too. Elsewhere Enter sends."""
    with ServiceProcess(NO_LIMITS) as service:
        touch = {"has_touch": True, "is_mobile": True, "viewport": {"width": 400, "height": 800}}
        async with (
            chromium() as browser,
            person(browser, service.url, **touch) as ada,
            person(browser, service.url) as bob,
        ):
            await ada.enter("Ada")
            await bob.enter("Bob")
            assert await ada.page.evaluate("matchMedia('(pointer: coarse)').matches")
            await ada.box.fill("one")
            await ada.box.press("Enter")
            await ada.page.keyboard.type("two")
            await expect(ada.box).to_have_value("one\ntwo")
            await settle()
            assert await _sent(ada) == 0
            await ada.page.get_by_role("button", name="Send").tap()
            await ada.reads("one\ntwo")
            await ada.box.fill("three")
            await ada.box.press("Control+Enter")
            await ada.reads("one\ntwo", "three")
            await bob.say("four")
            await ada.reads("one\ntwo", "three", "four")
            hints = [await visitor.box.get_attribute("enterkeyhint") for visitor in (ada, bob)]
            assert hints == ["enter", "send"]


async def _height(locator: Locator) -> float:
    box = await locator.bounding_box()
    assert box is not None
    return box["height"]


async def _second_tab(ada: Person) -> Any:
    page = await ada.context.new_page()
    ada.watch(page)
    await page.goto(f"{ada.url}/r/lobby")
    await expect(page.locator(".message.own")).to_have_count(1)
    return page


async def _remove(page: Any) -> None:
    await page.locator(".message.own").hover()
    await page.get_by_role("button", name="Remove").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(page.locator(".bubble.gone")).to_have_count(1)


async def test_a_message_removed_while_it_is_written_anew() -> None:
    """In one tab it is removed; in the other the new words stay, as a draft, before what stood there."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("first words")
            await ada.reads("first words")
            other = await _second_tab(ada)
            await ada.box.press("ArrowUp")
            await ada.box.fill("quite other words")
            await _remove(other)
            await expect(ada.page.locator("#editing")).to_be_hidden()
            await expect(ada.box).to_have_value("quite other words")
            await expect(ada.page.locator(".toast")).to_contain_text("Your words stay here")
            await ada.reload()
            await expect(ada.box).to_have_value("quite other words")
            await ada.box.press("Enter")
            await expect(other.locator(".message.own .text")).to_have_text("quite other words")


@pytest.mark.parametrize("changed", [True, False])
async def test_what_stood_in_the_box_before_is_kept_too(changed: bool) -> None:
    """A draft from before the edit; what was only looked at and not changed is gone with the message."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("first words")
            await ada.reads("first words")
            other = await _second_tab(ada)
            await ada.box.fill("begun")
            await ada.message("first words").hover()
            await ada.page.get_by_role("button", name="Edit").click()
            if changed:
                await ada.box.fill("new words")
            await _remove(other)
            await expect(ada.page.locator("#editing")).to_be_hidden()
            await expect(ada.box).to_have_value("new words\nbegun" if changed else "begun")


async def test_words_that_show_nothing_are_not_sent() -> None:
    """As the service would refuse them: blanks of every kind leave the button off."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            for blank in ("", " \n\t", "\u2800", "\u200b\u2060", "\u3164\u00ad", "\ufe0f"):
                await ada.box.fill(blank)
                await expect(ada.page.get_by_role("button", name="Send")).to_be_disabled()
                await ada.box.press("Enter")
            await settle()
            assert await _sent(ada) == 0
            await ada.say("\u2800.")
            await ada.reads("\u2800.")


async def test_page_and_service_agree_on_what_shows_nothing() -> None:
    """Of each character alone, in the classes of all but the youngest Unicode."""
    characters = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point <= 0xDFFF]
    characters = [character for character in characters if unicodedata.category(character) != "Cn"]
    refused = [character for character in characters if _refused(character)]
    assert len(refused) > 100
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/clock.html")
            blank = await ada.page.evaluate(
                """async (characters) => {
                    const { isBlank } = await import("/static/page/format.js");
                    return characters.filter(isBlank);
                }""",
                characters,
            )
            assert blank == refused


def _refused(text: str) -> bool:
    try:
        check_text(text, 4000)
    except RequestError as error:
        return error.message == "text is empty"
    return False


async def test_a_rewrite_survives_a_look_into_another_room() -> None:
    """And a reload: as a draft, before what stood there; what was not changed leaves nothing."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("first words")
            await ada.reads("first words")
            for words, kept in (("first words", ""), ("new words", "new words")):
                await ada.box.press("ArrowUp")
                await ada.box.fill(words)
                await ada.page.evaluate(
                    "history.pushState(null, '', '/r/garden'); dispatchEvent(new Event('popstate'))"
                )
                await expect(ada.page.locator("h1#room-name")).to_have_text("#garden")
                await expect(ada.box).to_have_value("")
                await ada.page.go_back()
                await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")
                await expect(ada.box).to_have_value(kept)
            await ada.reload()
            await expect(ada.box).to_have_value("new words")


async def test_an_edit_that_is_refused_keeps_its_words() -> None:
    """It was sent while the message was being removed elsewhere: the service refuses it, and the words come back."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("first words")
            await ada.reads("first words")
            state = await ada.context.storage_state()
            await ada.wire.cut()
            await ada.box.press("ArrowUp")
            await ada.say("late words")
            async with person(browser, service.url, storage_state=state) as elsewhere:  # whose wire is another
                await _remove(await _second_tab(elsewhere))
            await ada.reconnect()
            await expect(ada.page.locator(".toast").first).to_contain_text("Your change was not taken")
            await expect(ada.box).to_have_value("late words")


async def test_what_changes_nothing_new_is_not_unread() -> None:
    """Reactions, edits, removals and one's own words from elsewhere count nothing; others' messages do, while there."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await ada.enter("Ada", "garden")
            await ada.say("of Ada")
            await ada.reads("of Ada")
            await bob.enter("Bob", "garden")
            await ada.page.get_by_role("textbox", name="Join another room").fill("lobby")
            await ada.page.keyboard.press("Enter")
            await expect(ada.page).to_have_title("#lobby · Parley")
            await bob.message("of Ada").hover()
            for emoji in ("👍", "❤️", "😂"):
                await bob.page.get_by_role("button", name=f"React with {emoji}").first.click()
            await expect(bob.page.locator(".chip")).to_have_count(3)
            own = await ada.context.new_page()
            ada.watch(own)
            await own.goto(f"{service.url}/r/garden")
            await own.get_by_role("textbox", name="Message").fill("of Ada, elsewhere")
            await own.keyboard.press("Enter")
            await bob.reads("of Ada", "of Ada, elsewhere")
            await own.close()
            async with ChatClient.open(service.url, "Cem") as cem:
                await cem.join("lobby")
                await cem.send("lobby", "the control")
            await ada.reads("the control")
            await expect(ada.page.locator(".badge")).to_have_count(0)
            await expect(ada.page).to_have_title("#lobby · Parley")
            await bob.say("one", "two")
            await expect(ada.page.locator(".badge")).to_have_text("2 unread")
            await bob.message("one").hover()
            await bob.page.get_by_role("button", name="Remove").click()
            await bob.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
            await expect(ada.page.locator(".badge")).to_have_text("1 unread")
            await bob.box.press("ArrowUp")
            await bob.say("two, better")
            await expect(bob.page.locator(".edited")).to_have_count(1)
            await settle()
            await expect(ada.page.locator(".badge")).to_have_text("1 unread")
            await expect(ada.page).to_have_title(re.compile(r"^\(1\)"))


async def test_drafts_are_shared_by_all_tabs() -> None:
    """As they are typed, by room; what one tab sends is begun in none, and what a crash leaves is there again."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            other = await ada.context.new_page()
            ada.watch(other)
            await other.goto(f"{service.url}/r/lobby")
            box = other.get_by_role("textbox", name="Message")
            await ada.box.press_sequentially("begun")
            await expect(box).to_have_value("begun")
            await box.press("End")
            await box.press_sequentially(" here")
            await expect(ada.box).to_have_value("begun here")
            await ada.say("/join garden")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#garden")
            await expect(box).to_have_value("")
            await ada.box.fill("of the garden")
            await settle()
            await expect(box).to_have_value("")
            await box.fill("of the lobby")
            await ada.page.go_back()
            await expect(ada.box).to_have_value("of the lobby")
            await other.reload()
            await expect(box).to_have_value("of the lobby")
            await box.press("Enter")
            await expect(box).to_have_value("")
            await ada.reads("of the lobby")
            await expect(ada.box).to_have_value("")
            await ada.page.go_forward()
            await expect(ada.box).to_have_value("of the garden")


async def test_a_draft_is_no_part_of_what_another_tab_writes_anew() -> None:
    """The tab that edits a message keeps the draft behind it; an edit is no draft."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("first words")
            await ada.reads("first words")
            other = await _second_tab(ada)
            box = other.get_by_role("textbox", name="Message")
            await ada.box.press("ArrowUp")
            await ada.page.keyboard.type(" and more")
            await settle()
            await expect(box).to_have_value("")
            await box.fill("begun elsewhere")
            await expect(ada.box).to_have_value("first words and more")
            await ada.box.press("Escape")
            await expect(ada.box).to_have_value("begun elsewhere")


async def test_drafts_live_without_storage() -> None:
    """Where it is full or switched off they live as long as the page, in every room."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.context.add_init_script(
                "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"
            )
            await ada.enter("Ada")
            await ada.box.fill("begun")
            await ada.say("/join garden")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#garden")
            await ada.box.fill("of the garden")
            await ada.page.go_back()
            await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")
            await ada.page.go_forward()
            await expect(ada.box).to_have_value("of the garden")


async def test_too_long_a_paste_keeps_its_text() -> None:
    """It says by how much it is too long, aloud too; shortened, it is sent."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.context.grant_permissions(["clipboard-read", "clipboard-write"])
            await ada.enter("Ada")
            await ada.page.evaluate("navigator.clipboard.writeText('👍'.repeat(4001))")
            await ada.box.press("Control+v")
            await expect(ada.page.locator("#composer-note")).to_have_text("1 character too many")
            await expect(ada.page.locator("#announcer")).to_contain_text("1 character too many")
            await expect(ada.page.get_by_role("button", name="Send")).to_be_disabled()
            await ada.box.press("Enter")
            await settle()
            assert await _sent(ada) == 0
            assert len(await ada.box.input_value()) == 4001
            await ada.box.press("Backspace")
            await expect(ada.page.locator("#composer-note")).to_have_text("0 characters left")
            await ada.box.press("Enter")
            await ada.reads("👍" * 4000)
            await ada.page.evaluate("navigator.clipboard.writeText('words '.repeat(50_000))")
            await ada.box.press("Control+v")
            await expect(ada.page.locator("#composer-note")).to_have_text("295,999 characters too many")
            assert len(await ada.box.input_value()) == 300_000


async def test_several_lines_are_written_and_read() -> None:
    """Shift+Enter breaks a line; blanks and empty lines stay where they were typed, and the box grows with them."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            low = await _height(ada.box)
            for line in ("one", "", "  two"):
                await ada.page.keyboard.type(line)
                await ada.page.keyboard.press("Shift+Enter")
            await ada.page.keyboard.type("three")
            assert await _height(ada.box) > 2 * low
            await ada.page.keyboard.press("Enter")
            await ada.reads("one\n\n  two\nthree")
            assert await ada.page.locator(".message .text").inner_text() == "one\n\n  two\nthree"
            assert await _height(ada.box) == low


async def test_keys_put_marks_around_what_is_selected() -> None:
    """And take them away; both can be undone."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.page.keyboard.type("so it is")
            for _ in range(2):
                await ada.page.keyboard.press("Shift+ArrowLeft")
            await ada.page.keyboard.press("Control+b")
            await expect(ada.box).to_have_value("so it **is**")
            await ada.page.keyboard.press("Control+i")
            await expect(ada.box).to_have_value("so it **_is_**")
            await ada.page.keyboard.press("Control+i")
            await expect(ada.box).to_have_value("so it **is**")
            await ada.page.keyboard.press("Control+b")
            await expect(ada.box).to_have_value("so it is")
            for _ in range(4):
                await ada.page.keyboard.press("Control+z")
            await expect(ada.box).to_have_value("so it is")


async def test_long_messages_are_folded() -> None:
    """Until somebody wants the rest, or the focus goes there; they stay unfolded when something else changes."""
    long = "\n".join(f"line {number}" for number in range(40)) + "\nhttps://example.com/end"
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await bob.join("lobby")
            await bob.send("lobby", "short\n" * 20)
            await bob.send("lobby", long)
            await bob.send("lobby", "a" * 3000)
            await ada.enter("Ada")
            texts = ada.page.locator(".message .text")
            await expect(ada.page.get_by_role("button", name="Show more")).to_have_count(2)
            last = texts.nth(1).get_by_role("link")
            await expect(last).not_to_be_in_viewport()
            low = await _height(texts.nth(1))
            await ada.page.get_by_role("button", name="Show more").first.click()
            assert await _height(texts.nth(1)) > 1.5 * low
            await expect(ada.page.get_by_role("button", name="Show less")).to_have_attribute("aria-expanded", "true")
            await bob.request("react", room="lobby", id="r", target=2, emoji="👍", on=True)
            await expect(ada.page.locator(".chip")).to_have_count(1)
            await expect(ada.page.get_by_role("button", name="Show less")).to_have_count(1)
            await ada.page.get_by_role("button", name="Show less").click()
            assert await _height(texts.nth(1)) == low
            await last.focus()
            await expect(last).to_be_in_viewport()
            await expect(ada.page.get_by_role("button", name="Show less")).to_have_count(1)
