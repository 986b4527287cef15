"""The chat page in a real Chromium: the languages that it speaks."""

import re
from typing import Any

import pytest

from ..browser import Person, chromium, expect, person
from ..harness import ChatClient
from ..serving import serving
from ..shots.camera import CUT, STICKS_OUT
from ..test_page import SCHEMES

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}

# Where the columns and the parts of a message stand: the left edge of each.
_PLACES = """() => Object.fromEntries(Object.entries({
    rooms: "#sidebar", room: "#composer", people: "#people",
    face: ".message .avatar", name: ".message .name", box: "#text", send: "#send",
}).map(([name, selector]) => [name, document.querySelector(selector).getBoundingClientRect().left]))"""


# px between the sign before a room's name in the list and that name.
_GAP = """() => {
    const text = new Range();
    text.selectNodeContents(document.querySelector(".room-link .room-name"));
    const [name, sign] = [text, document.querySelector(".room-link .hash")].map((one) => one.getBoundingClientRect());
    return Math.max(name.left - sign.right, sign.left - name.right);
}"""


_DIRECTION = "(node) => getComputedStyle(node).direction"


async def _looked_at(somebody: Person, name: str) -> None:
    """Nothing is wrong with what is seen, in light and in dark."""
    found: list[str] = []
    for scheme in SCHEMES:
        await somebody.page.emulate_media(color_scheme=scheme)
        found += await somebody.axe() + await somebody.low_contrast()
    found += await somebody.page.evaluate(STICKS_OUT) + await somebody.page.evaluate(CUT)
    assert not found, f"{name}: {found}"


async def _enter(somebody: Person, name: str) -> None:
    """By no word of the page's."""
    await somebody.page.locator("#entrance-name").fill(name)
    await somebody.page.locator("#entrance-enter").click()
    await expect(somebody.page.locator("#me-state")).to_have_class(re.compile("open"))


async def _say(somebody: Person, text: str) -> None:
    await somebody.page.locator("#text").fill(text)
    await somebody.page.locator("#send").click()
    await expect(somebody.message(text).last.locator(".name")).to_be_attached()
    await expect(somebody.page.locator(".pending")).to_have_count(0)


SAYS: dict[str, dict[str, Any]] = {
    "de-DE": {
        "enter": "Raum betreten",
        "noName": "Gib einen Namen ein.",
        "state": "Online",
        "day": "Heute",
        "people": "2 Leute hier",
        "box": "Nachricht an #lobby",
        "unknown": "Es gibt keinen Befehl /foo. Um es als Text zu senden, beginne mit zwei Schrägstrichen.",
        "language": "Deutsch",
    },
    "ar-EG": {
        "enter": "دخول الغرفة",
        "noName": "يلزم إدخال اسم.",
        "state": "متصل",
        "day": "اليوم",
        "people": "شخصان هنا",
        "box": "رسالة إلى \u2068#lobby\u2069",
        "unknown": "لا يوجد أمر \u2068/foo\u2069. لإرساله نصًا، يُبدأ بشرطتين مائلتين.",
        "language": "العربية",
    },
    "ja-JP": {
        "enter": "ルームに入る",
        "noName": "名前を入力してください。",
        "state": "オンライン",
        "day": "今日",
        "people": "2 人が参加中",
        "box": "#lobby へのメッセージ",
        "unknown": "/foo というコマンドはありません。文として送るには、先頭にスラッシュを 2 つ付けてください。",
        "language": "日本語",
    },
}


@pytest.mark.parametrize("locale", SAYS)
async def test_each_language_is_spoken_from_the_entrance_on(locale: str) -> None:
    """The browser's own is, by all that is met on the main path, wide and narrow; axe finds nothing, nothing is cut."""
    says = SAYS[locale]
    language = locale.partition("-")[0]
    async with (
        serving() as it,
        chromium() as browser,
        ChatClient.open(it.url, "Bob") as bob,
        person(browser, it.url, locale=locale, viewport=WIDE) as ada,
    ):
        await bob.join("lobby")
        page = ada.page
        await page.goto(it.url)
        await expect(page.locator("#entrance-enter")).to_have_text(says["enter"])
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await expect(page.locator("html")).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
        await page.locator("#entrance-enter").click()
        await expect(page.locator("#entrance-name-error")).to_have_text(says["noName"])
        await _looked_at(ada, "entrance")
        await _enter(ada, "Ada")
        await expect(page.locator("#me-state")).to_have_text(says["state"])
        await expect(page.locator("#people-title")).to_have_text(says["people"])
        await expect(page.locator("#text")).to_have_attribute("placeholder", says["box"])
        await _say(ada, "Hello")
        await bob.send("lobby", "مرحبًا Ada")
        await expect(page.locator(".message")).to_have_count(2)
        await expect(page.locator(".separator").first).to_have_text(says["day"])
        clock = await page.locator(".message time").first.text_content() or ""
        assert re.fullmatch(
            r"[٠-٩]{2}:[٠-٩]{2} [صم]" if language == "ar" else r"\d\d:\d\d", clock.replace("\u202f", " ")
        )
        await page.locator("#text").fill("/foo")
        await page.locator("#send").click()
        await expect(page.locator("#composer-objection")).to_have_text(says["unknown"])
        await ada.whole()
        for viewport in (WIDE, NARROW):
            await page.set_viewport_size({"width": viewport["width"], "height": viewport["height"]})
            await _looked_at(ada, f"room, {viewport}")
        await ada.wire.cut()
        await page.set_viewport_size({"width": WIDE["width"], "height": WIDE["height"]})
        await expect(page.locator("#people-as-of")).not_to_be_empty()
        await expect(page.locator("#me-state.open")).to_have_count(0)
        await _looked_at(ada, "cut off")
        await ada.reconnect()
        await page.set_viewport_size({"width": NARROW["width"], "height": NARROW["height"]})
        await page.locator("#open-rooms").click()
        await _looked_at(ada, "rooms")
        await page.locator("#open-settings").click()
        await expect(page.locator(f"dialog label[lang={language}]")).to_have_text(says["language"])
        await _looked_at(ada, "settings")


async def test_arabic_goes_from_right_to_left() -> None:
    """The rooms stand on the right, the people on the left, faces right of their words; arrows point the other way."""
    async with serving() as it, chromium() as browser:
        places: dict[str, dict[str, float]] = {}
        for locale in ("en-GB", "ar"):
            async with person(browser, it.url, locale=locale, viewport=WIDE) as ada:
                await ada.page.goto(it.url)
                await _enter(ada, f"Ada {locale}")
                await _say(ada, "Hello")
                places[locale] = await ada.page.evaluate(_PLACES)
                back = ada.page.locator("#me-out svg")
                scale = await back.evaluate("(node) => getComputedStyle(node).scale")
                assert scale == ("-1 1" if locale == "ar" else "1")
                assert 0 <= await ada.page.evaluate(_GAP) < 12
                box = ada.page.locator("#text")
                assert await box.evaluate(_DIRECTION) == ("rtl" if locale == "ar" else "ltr")
                await box.fill("Latin")
                assert await box.evaluate(_DIRECTION) == "ltr"
        assert _order(places["en-GB"]) == ["rooms", "room", "face", "box", "name", "send", "people"]
        assert _order(places["ar"]) == ["people", "room", "send", "box", "name", "face", "rooms"]


def _order(places: dict[str, float]) -> list[str]:
    return sorted(places, key=lambda name: places[name])


async def test_a_language_is_chosen_for_all_tabs_and_stays() -> None:
    """In the settings; at once, in the other tab too, after a reload; what was being written stays."""
    async with serving() as it, chromium() as browser, person(browser, it.url, locale="fr-FR") as ada:
        await ada.enter("Ada")  # in English, as there is no French
        await expect(ada.page.locator("html")).to_have_attribute("lang", "en")
        other = await ada.context.new_page()
        ada.watch(other)
        await other.goto(it.url)
        await expect(other.locator("#me-state")).to_have_text("Online")
        await ada.box.fill("half a sen")
        for value, language, state in (("ar", "ar", "متصل"), ("de", "de", "Online"), ("", "en", "Online")):
            await ada.page.locator("#open-settings").click()
            await ada.page.locator(f"dialog input[name=language][value='{value}']").click()
            for page in (ada.page, other):
                await expect(page.locator("html")).to_have_attribute("lang", language)
                await expect(page.locator("#me-state")).to_have_text(state)
        await expect(ada.page.locator("#text")).to_have_value("half a sen")
        await expect(ada.page.get_by_role("textbox", name="Message")).to_be_visible()


async def test_the_page_opens_in_its_language_without_its_service() -> None:
    """In the browser's, and in one that was chosen."""
    async with serving() as it, chromium() as browser, person(browser, it.url, locale="de-DE") as ada:
        await ada.page.goto(it.url)
        await _enter(ada, "Ada")
        await ada.keep()
        await ada.context.set_offline(True)
        await ada.page.reload()
        await expect(ada.page.locator("#text")).to_have_attribute("placeholder", "Nachricht an #lobby")
        await ada.context.set_offline(False)
        await ada.page.reload()
        await ada.whole()
        await ada.page.locator("#open-settings").click()
        await ada.page.locator("dialog input[name=language][value=ja]").click()
        await expect(ada.page.locator("html")).to_have_attribute("lang", "ja")
        await ada.whole()
        await ada.context.set_offline(True)
        await ada.page.reload()
        await expect(ada.page.locator("#text")).to_have_attribute("placeholder", "#lobby へのメッセージ")


async def test_words_that_cannot_be_loaded_are_said_in_english() -> None:
    """From left to right then; a choice that can't be loaded is not made."""
    async with serving() as it, chromium() as browser, person(browser, it.url, locale="ar") as ada:
        await ada.page.route("**/words/ar.js", lambda route: route.abort("connectionrefused"))
        await ada.enter("Ada")
        html = ada.page.locator("html")
        assert [await html.get_attribute(name) for name in ("lang", "dir")] == ["en", "ltr"]
        await ada.page.route("**/words/ja*.js", lambda route: route.abort("connectionrefused"))
        await ada.page.get_by_role("button", name="How it looks").click()
        await ada.page.get_by_role("radio", name="日本語").click()
        await expect(ada.page.locator("#toasts")).to_contain_text("This part of the page can’t be loaded now.")
        await expect(ada.page.get_by_role("radio", name="As in the browser")).to_be_checked()
        assert await ada.page.evaluate("localStorage.getItem('parley.language')") is None
