"""The chat page in a real Chromium: emoji, by their names behind a colon and in the picker."""

from typing import Any

import emoji
import pytest
from playwright.async_api import Locator

from service.names import check_emoji

from ..browser import Person, chromium, expect, person, settle
from ..harness import NO_LIMITS, ServiceProcess

NEWEST = 17  # of Unicode's versions that the page has emoji of
SCHEMES = ["light", "dark"]


def _search(ada: Person) -> Locator:
    return ada.page.get_by_role("combobox", name="Search emoji")


async def _open(ada: Person) -> None:
    await ada.page.get_by_role("button", name="Emoji", exact=True).click()
    await expect(_search(ada)).to_be_visible()


def _chosen(ada: Person) -> Locator:
    return ada.page.locator(".cell[aria-selected=true]")


async def test_every_emoji_that_is_offered_is_one_for_the_service() -> None:
    """In each skin tone; and all that the service knows of the same version are offered, but those of two tones."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/clock.html")
            offered = await ada.page.evaluate("""async () => {
                const { table } = await import("/static/vendor/emoji-en.js");
                const { TONES, withTone } = await import("/static/page/emoji.js");
                return table.split("\\n").filter((line) => line.includes("\\t")).flatMap((line) => {
                    const [marked] = line.split("\\t");
                    return marked[0] === "~" ? TONES.map((_, tone) => withTone(marked.slice(1), tone)) : [marked];
                });
            }""")
            assert len(offered) > 3000
            assert [check_emoji(one) for one in offered] == offered
            known = {
                check_emoji(one)
                for one, entry in emoji.EMOJI_DATA.items()
                if entry["status"] == emoji.STATUS["fully_qualified"] and entry["E"] <= NEWEST
            }
            one_tone = {one for one in known if len(set(one) & set("🏻🏼🏽🏾🏿")) < 2}
            left = one_tone - set(offered)
            assert left <= set("🏻🏼🏽🏾🏿") | set("🦰🦱🦳🦲"), left


async def test_emoji_are_offered_behind_a_colon() -> None:
    """By their names, what one uses first; Enter takes one, and a second colon takes it at once."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.page.keyboard.type("so :smi")
            offers = ada.page.get_by_role("option")
            await expect(offers).to_have_count(8)
            await expect(offers.first).to_contain_text(":smile:")
            await ada.page.keyboard.press("Enter")
            await expect(ada.box).to_have_value("so 😄 ")
            await ada.page.keyboard.type("(:TaDa:")
            await expect(ada.box).to_have_value("so 😄 (🎉")
            await ada.page.keyboard.press("Control+z")
            await settle(0.1)  # what was taken back is not taken again
            await expect(ada.box).to_have_value("so 😄 (:TaDa:")
            await ada.box.fill("")
            await ada.page.keyboard.type(":thumbs")
            await expect(offers.first).to_contain_text(":thumbsup:")
            await ada.page.keyboard.press("ArrowDown")
            await ada.page.keyboard.press("Tab")
            await expect(ada.box).to_have_value("👎 ")
            await ada.box.fill("")
            await ada.page.keyboard.type(":thumbs")
            await expect(offers.first).to_contain_text("👎")
            for typed in (
                ":) ",
                ":D ",
                "at 10:30 ",
                "a::b ",
                ":x ",
                "std::vector ",
                ":nosuchemoji: ",
                "https://ex.org:smile",
            ):
                await ada.box.fill("")
                await ada.page.keyboard.type(typed)
                await settle(0.1)
                await expect(offers).to_have_count(0)
                await expect(ada.box).to_have_value(typed)


async def test_the_picker_by_keyboard() -> None:
    """The focus stays in its search box; the arrows go over the emoji, Enter takes one, Escape none."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.page.keyboard.type("so: !")
            await ada.page.keyboard.press("ArrowLeft")
            await ada.page.get_by_role("button", name="Emoji", exact=True).dblclick()  # which opens one
            await expect(ada.page.locator(".emoji-picker")).to_have_count(1)
            await expect(_search(ada)).to_be_focused()
            await expect(_chosen(ada)).to_have_text("😀")
            for key, wanted in (
                ("ArrowRight", "😃"),
                ("ArrowLeft", "😀"),
                ("ArrowUp", "😀"),
                ("ArrowDown", "🙃"),
                ("ArrowUp", "😀"),
            ):
                await ada.page.keyboard.press(key)
                shown = await _chosen(ada).text_content()
                columns = await ada.page.locator(".picker-cells").first.evaluate(
                    "node => getComputedStyle(node).gridTemplateColumns.split(' ').length"
                )
                assert columns == 9
                assert shown == wanted, key
            for _ in range(40):
                await ada.page.keyboard.press("ArrowDown")
            await expect(_chosen(ada)).to_be_in_viewport()
            await ada.page.keyboard.type("red heart")
            await expect(_chosen(ada)).to_have_text("❤️")
            assert await _search(ada).get_attribute("aria-activedescendant") == await _chosen(ada).get_attribute("id")
            await expect(ada.page.locator("#announcer")).to_contain_text("found")
            await ada.page.keyboard.press("Enter")
            await expect(_search(ada)).to_have_count(0)
            await expect(ada.box).to_be_focused()
            await expect(ada.box).to_have_value("so: ❤️!")
            await _open(ada)
            await ada.page.keyboard.type("nothing at all")
            await expect(ada.page.get_by_role("dialog")).to_contain_text("No emoji is called like that")
            await ada.page.keyboard.press("Enter")
            await ada.page.keyboard.press("Escape")
            await expect(_search(ada)).to_have_count(0)
            await expect(ada.page.get_by_role("button", name="Emoji", exact=True)).to_be_focused()


async def test_the_picker_by_hand() -> None:
    """Groups, what was used lately, a skin tone that stays; a press beside it and Back close it."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await _open(ada)
            picker = ada.page.get_by_role("dialog", name="Choose an emoji")
            await picker.get_by_role("button", name="Food and drink").click()
            grapes = picker.get_by_role("option", name="grapes")
            await expect(grapes).to_be_in_viewport()
            await grapes.click()
            await expect(ada.box).to_have_value("🍇")
            await _open(ada)
            await expect(picker.get_by_role("group", name="Used lately").get_by_role("option")).to_have_text(["🍇"])
            await picker.get_by_role("button", name="Skin tone: none").click()
            await picker.get_by_role("radio", name="medium-dark").click()
            await expect(picker.get_by_role("button", name="Skin tone: medium-dark")).to_be_focused()
            for key in ("Enter", "ArrowLeft", "ArrowUp", "ArrowRight"):
                await ada.page.keyboard.press(key)
            await expect(picker.get_by_role("radio", name="medium", exact=True)).to_be_focused()
            await expect(picker.get_by_role("radio", checked=True)).to_have_accessible_name("medium-dark")
            for key in ("ArrowDown", "Enter"):  # back to where it stood
                await ada.page.keyboard.press(key)
            await expect(picker.get_by_role("button", name="Skin tone: medium-dark")).to_be_focused()
            await _search(ada).fill("wave")
            await picker.get_by_role("option", name="waving hand").click()
            await expect(ada.box).to_have_value("🍇👋🏾")
            await ada.reload()
            await _open(ada)
            recent = picker.get_by_role("group", name="Used lately").get_by_role("option")
            await expect(recent).to_have_text(["👋🏾", "🍇"])
            await ada.page.mouse.click(400, 100)
            await expect(picker).to_have_count(0)
            await _open(ada)
            await ada.page.go_back()
            await expect(picker).to_have_count(0)
            await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")


async def test_any_emoji_is_a_reaction() -> None:
    """Chosen in the picker beside the message, and given."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await ada.enter("Ada")
            await bob.enter("Bob")
            await ada.say("hello")
            await bob.reads("hello")
            await bob.message("hello").hover()
            await bob.page.get_by_role("button", name="Choose a reaction").click()
            await _search(bob).fill("otter")
            await bob.page.keyboard.press("Enter")
            for one in (ada, bob):
                await expect(one.page.locator(".chip")).to_have_text("🦦1")
            await bob.message("hello").hover()
            await bob.page.get_by_role("button", name="Choose a reaction").click()
            await expect(_search(bob)).to_be_focused()
            await bob.page.keyboard.press("Escape")
            await expect(bob.page.get_by_role("button", name="Choose a reaction")).to_be_focused()


async def test_emoji_are_loaded_when_they_are_wanted() -> None:
    """Not before; where they can't be, one is told so and when they can, and then they are."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            asked: list[str] = []
            ada.page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]))
            await ada.enter("Ada")
            await ada.say("hello")
            await ada.reads("hello")
            assert not {"emoji-en.js", "emoji.js", "picker.js"} & set(asked)
            ada.foresee("net::ERR_FAILED")
            await ada.context.route("**/vendor/emoji-en.js", lambda route: route.abort())
            await ada.page.get_by_role("button", name="Emoji", exact=True).click()
            objection = ada.page.get_by_role("alert").filter(has_text="Try again once there is a connection")
            await expect(objection).to_be_visible()
            await ada.message("hello").hover()
            await ada.page.get_by_role("button", name="Choose a reaction").click()
            await expect(ada.page.locator("#toasts")).to_contain_text("Try again once there is a connection")
            await ada.box.fill("")
            await ada.page.keyboard.type(":smile:")
            await ada.page.keyboard.press("Enter")
            await ada.reads("hello", ":smile:")
            await ada.context.unroute("**/vendor/emoji-en.js")
            await _open(ada)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_picker_is_accessible(scheme: Any) -> None:
    """To axe, wide and narrow, with the skin tones shown; nothing of it is out of the window."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url, color_scheme=scheme) as ada:
            await ada.enter("Ada")
            for width in (1280, 390):
                await ada.page.set_viewport_size({"width": width, "height": 700})
                await _open(ada)
                await ada.page.get_by_role("button", name="Skin tone").click()
                await expect(ada.page.get_by_role("radio")).to_have_count(6)
                assert await ada.axe() == []
                assert await ada.low_contrast() == []
                await expect(ada.page.locator(".emoji-picker")).to_be_in_viewport(ratio=1)
                await ada.page.keyboard.press("Escape")
                await expect(_search(ada)).to_have_count(0)
