"""The chat page in a real Chromium: notifications, and what a tab's icon says."""

import re

from playwright.async_api import Page

from ..browser import Person, chromium, expect, holds, person, settle
from ..harness import NO_LIMITS, ChatClient, ServiceProcess

# What the browser would show, in the order of all tabs of one context; its own notifications need a desktop.
_DESKTOP = """
    const note = (what) => localStorage.setItem("noted", JSON.stringify([...noted(), what]));
    const noted = () => JSON.parse(localStorage.getItem("noted") ?? "[]");
    window.Notification = class {
        static get permission() {
            window.looked = (window.looked ?? 0) + 1;  // the real one lets the page stand still meanwhile
            return localStorage.getItem("permission") ?? "default";
        }
        static async requestPermission() {
            note("asked");
            const answer = localStorage.getItem("answer") ?? "granted";
            localStorage.setItem("permission", answer);
            return answer;
        }
        constructor(title, { body }) {
            if (localStorage.getItem("phone")) throw new TypeError("Illegal constructor");
            note(`${title}: ${body}`);
            window.shown = this;
        }
        close() { note("closed"); }
    };
    ServiceWorkerRegistration.prototype.showNotification = async (title, { body, data }) => {
        note(`by the worker: ${title}: ${body} ${JSON.stringify(data)}`);
    };
    ServiceWorkerRegistration.prototype.getNotifications = async ({ tag }) => [
        { close: () => note(`taken back: ${tag}`) },
    ];
    window.OscillatorNode = class extends OscillatorNode {
        constructor(...all) { super(...all); note("tone"); }
    };
"""

_PLAIN, _UNREAD, _MENTIONS = (re.compile(rf"/{name}\.svg$") for name in ("favicon", "icons/unread", "icons/mentions"))


async def _noted(page: Page) -> list[str]:
    found: list[str] = await page.evaluate("JSON.parse(localStorage.getItem('noted') ?? '[]')")
    return found


async def _notes(page: Page, *wanted: str) -> None:
    """Wait until just this was noted."""
    await holds(page, "(localStorage.getItem('noted') ?? '[]') === JSON.stringify(arg)", list(wanted))


async def _forget(page: Page) -> None:
    await page.evaluate("localStorage.removeItem('noted')")


async def _enter(ada: Person, bob: ChatClient) -> None:
    """She is in the garden, with its end read, and looks at the lobby; he is in both."""
    await ada.context.add_init_script(_DESKTOP)
    for room in ("garden", "lobby"):
        await bob.join(room)
        await bob.send(room, "first")
    await ada.enter("Ada", "garden")
    await bob.recv("read")
    await ada.page.get_by_role("textbox", name="Join another room").fill("lobby")
    await ada.page.keyboard.press("Enter")
    await ada.reads("first")
    await bob.recv("read")


async def _control(page: Page, bob: ChatClient, room: str, text: str) -> None:
    """Something is said of which nothing is to be told, and there was time to tell it."""
    await bob.send(room, text)
    await settle(1.5)


async def test_notifications_are_asked_for_by_a_click_and_told_by_one_tab() -> None:
    """By room all, mentions or none; never of the room in sight of a focused window, in whichever tab that is."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await _enter(ada, bob)
            await _control(ada.page, bob, "garden", "@Ada before it was asked for")
            assert await _noted(ada.page) == []
            assert await ada.page.evaluate("window.looked ?? 0") == 0
            await ada.choose("garden", "Mentions of you")
            await _notes(ada.page, "asked")
            await _forget(ada.page)
            await ada.page.get_by_role("button", name="Menu of #garden").click()
            chosen = ada.page.get_by_role("menuitemradio", name="Mentions of you")
            await expect(chosen).to_be_checked()
            await expect(ada.page.get_by_role("menuitemradio", name="None")).not_to_be_checked()
            assert await ada.axe() == []
            await ada.page.keyboard.press("Escape")
            tab = await ada.context.new_page()
            ada.watch(tab)
            await tab.goto(f"{service.url}/r/lobby")
            await expect(tab.locator("#me-state")).to_have_text("Online")

            await _control(tab, bob, "garden", "no mention")
            await bob.send("garden", "**@Ada** hello")
            await _notes(tab, "Bob in #garden: @Ada hello")
            await expect(ada.page.locator("link[rel=icon]")).to_have_attribute("href", _MENTIONS)
            await _forget(tab)
            await ada.choose("lobby", "All messages")
            await _control(tab, bob, "lobby", "in sight")
            assert await _noted(tab) == []
            await ada.choose("garden", "All messages")
            for text in ("one", "two"):
                await bob.send("garden", text)
            await _notes(tab, "#garden: 2 new messages by Bob")

            # A click on it leads there, and what is read there is taken back.
            await _forget(tab)
            await ada.page.evaluate("shown.onclick()")
            await expect(ada.page).to_have_title("#garden · Parley")
            await expect(tab).to_have_title("#lobby · Parley")
            await _forget(tab)
            await _control(tab, bob, "garden", "in sight of the other tab")
            assert await _noted(tab) == []
            # The tab that told goes away, and the other one tells.
            await ada.page.close()
            ada.page = tab
            await bob.send("garden", "still there?")
            await _notes(tab, "Bob in #garden: still there?")


async def test_nothing_is_told_where_the_browser_says_no_and_nothing_sounds_by_itself() -> None:
    """A refusal is said, and changes nothing; sound is a choice of its own; a muted room tells nothing."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await _enter(ada, bob)
            await ada.page.evaluate("localStorage.setItem('answer', 'denied')")
            await ada.choose("garden", "All messages")
            await expect(ada.page.locator(".toast")).to_contain_text("Your browser keeps this page from telling")
            await ada.page.get_by_role("button", name="Menu of #garden").click()
            await expect(ada.page.get_by_role("menuitemradio", name="None")).to_be_checked()
            await ada.page.keyboard.press("Escape")
            await ada.page.evaluate("localStorage.setItem('permission', 'granted')")
            await ada.choose("garden", "All messages")
            await _forget(ada.page)
            await bob.send("garden", "silent")
            await _notes(ada.page, "Bob in #garden: silent")
            await expect(ada.page.locator("link[rel=icon]")).to_have_attribute("href", _UNREAD)
            # On a phone the service worker shows it, and says where a click leads.
            await ada.page.evaluate("localStorage.setItem('phone', '1')")
            await _forget(ada.page)
            await bob.send("garden", "on a phone")
            await _notes(ada.page, 'by the worker: Bob in #garden: on a phone {"room":"garden"}')
            message = "new MessageEvent('message', { data: { room: 'garden' } })"
            await ada.page.evaluate(f"navigator.serviceWorker.dispatchEvent({message})")
            await expect(ada.page).to_have_title("#garden · Parley")
            shown = 'by the worker: Bob in #garden: on a phone {"room":"garden"}'
            await _notes(ada.page, shown, "closed", "taken back: parley.garden")  # the page's own before, and it
            await ada.page.evaluate("localStorage.removeItem('phone')")
            await ada.page.go_back()
            await expect(ada.page).to_have_title("#lobby · Parley")
            await ada.choose("garden", "With a sound, in all rooms")
            await _forget(ada.page)
            await bob.send("garden", "loud")
            await _notes(ada.page, "Bob in #garden: loud", "tone", "tone")
            await ada.choose("garden", "Muted")
            await expect(ada.page.locator("link[rel=icon]")).to_have_attribute("href", _PLAIN)
            await _forget(ada.page)
            await _control(ada.page, bob, "garden", "muted")
            assert await _noted(ada.page) == []


async def _people(ada: Person, here: list[str], lately: list[str]) -> None:
    await expect(ada.page.locator("#members .name")).to_have_text(here)
    await expect(ada.page.locator("#lately-list .name")).to_have_text(lately)


async def test_who_spoke_lately_is_among_the_people() -> None:
    """Marked as not here, the last first; who comes back is among those who are."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            ChatClient.open(service.url, "Bob") as bob,
            ChatClient.open(service.url, "Cem") as cem,
        ):
            for client in (bob, cem):
                await client.join("lobby")
                await client.send("lobby", "hello")
                await client.leave("lobby")
            await ada.enter("Ada")
            await _people(ada, ["Ada"], ["Cem", "Bob"])
            await expect(ada.page.get_by_role("heading", name="Spoke lately, not here")).to_be_visible()
            for scheme in ("dark", "light"):
                await ada.page.emulate_media(color_scheme=scheme)
                assert await ada.axe() == []
                assert await ada.low_contrast() == []
            await bob.join("lobby")
            await _people(ada, ["Ada", "Bob"], ["Cem"])
            await cem.join("lobby")
            await _people(ada, ["Ada", "Bob", "Cem"], [])
            await expect(ada.page.locator("#lately")).to_be_hidden()
