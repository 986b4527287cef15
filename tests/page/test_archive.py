"""The chat page in a real Chromium: what was seen last is there while the service is not, for whoever saw it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Route

from ..browser import Person, chromium, expect, person, settle
from ..harness import NO_LIMITS, ChatClient, ServiceProcess, make_jwt

_KEPT = """() => new Promise((resolve) => {
    const opened = indexedDB.open("parley", 1);
    opened.onupgradeneeded = () => opened.transaction.abort();
    opened.onerror = () => resolve([]);
    opened.onsuccess = () => {
        const all = opened.result.transaction("rooms").objectStore("rooms").getAll();
        all.onsuccess = () => {
            opened.result.close();
            const textsOf = ({ messages }) => messages.map(({ text }) => text);
            resolve(all.result.map((one) => ({ user: one.user, room: one.room, texts: textsOf(one) })));
        };
    };
})"""


async def kept(someone: Person, **rooms: list[str]) -> str:
    """Wait until exactly these rooms are kept, with these texts; whose they are."""
    while True:
        found: list[dict[str, Any]] = await someone.page.evaluate(_KEPT)
        if {one["room"]: one["texts"] for one in found} == rooms:
            (user,) = {one["user"] for one in found} or {""}
            return str(user)
        await asyncio.sleep(0.1)


async def test_what_was_seen_is_shown_while_the_service_is_dead(tmp_path: Path) -> None:
    """With the day and time of it; what is written meanwhile waits below it, and is sent once the service is back."""
    with ServiceProcess(NO_LIMITS | {"SQLITE_PATH": str(tmp_path / "parley.db")}) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await bob.enter("Bob", "garden")
            await bob.say("roses")
            await ada.enter("Ada", "garden")
            await ada.reads("roses")
            await ada.page.goto(f"{service.url}/r/lobby")
            await ada.say("mine")
            await bob.page.goto(f"{service.url}/r/lobby")
            await bob.say("**his**")
            await ada.reads("mine", "his")
            await kept(ada, garden=["roses"], lobby=["mine", "**his**"])
            await ada.keep()
            service.kill9()
            await ada.reload()
            note = ada.page.locator(".row-note.seen")
            await expect(note).to_contain_text("As it was when you were here last: Today")
            await expect(ada.page.locator(".message .text")).to_have_text(["mine", "his"])
            await expect(ada.page.locator(".message.own .text")).to_have_text(["mine"])
            await expect(ada.page.locator("#banner-text")).to_contain_text("The service can’t be reached")
            await expect(ada.page.locator(".row-note.start, .row-note.loading").filter(visible=True)).to_have_count(0)
            await expect(ada.page.locator("#people-title")).to_have_text("People")  # how many, nobody knows
            await expect(ada.page.get_by_role("img", name="What came after Today")).to_be_visible()
            await ada.say("written meanwhile")
            await expect(ada.page.locator("#messages > li").last).to_contain_text("written meanwhile")
            await ada.page.locator("#rooms button", has_text="garden").first.click()
            await expect(ada.page.locator(".message .text")).to_have_text(["roses"])
            await ada.page.locator("#rooms button", has_text="lobby").first.click()
            await asyncio.to_thread(service.start)
            for someone in (ada, bob):
                await someone.reconnect()
                await someone.online()
                await someone.reads("mine", "his", "written meanwhile")
            await expect(note).to_have_count(0)


async def _place(message: Locator) -> float:
    """How far below the top of the log, which lies lower under a banner, in px."""
    place: float = await message.evaluate(
        "node => node.getBoundingClientRect().top - document.querySelector('#log').getBoundingClientRect().top"
    )
    return place


async def test_what_one_reads_of_it_stays_where_it_is(tmp_path: Path) -> None:
    """Who has scrolled up in what was seen last isn't moved when the service comes back."""
    with ServiceProcess(NO_LIMITS | {"SQLITE_PATH": str(tmp_path / "parley.db")}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            texts = [f"message {number}" for number in range(30)]
            await ada.say(*texts)
            await ada.reads(*texts)
            await kept(ada, lobby=texts)
            await ada.keep()
            service.kill9()
            await ada.reload()
            await expect(ada.page.locator(".row-note.seen")).to_be_visible()
            await ada.page.locator("#log").hover()
            await ada.page.mouse.wheel(0, -300)
            middle = ada.message("message 15")
            await expect(ada.page.locator("#jump")).to_be_visible()
            before = await _place(middle)
            await asyncio.to_thread(service.start)
            await ada.reconnect()
            await ada.online()
            await expect(ada.page.get_by_role("img", name="No message is missing")).to_be_visible()
            await expect(ada.page.locator(".row-note.seen")).to_have_count(0)
            assert abs(before - await _place(middle)) <= 2


async def test_what_was_seen_is_one_person_s() -> None:
    """Somebody else in the same browser is shown nothing of it, and takes it away; so does who leaves a room."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            await ada.say("for Ada")
            await ada.page.goto(f"{service.url}/r/lobby")
            await ada.online()
            first = await kept(ada, garden=["for Ada"], lobby=[])
            await ada.say("/leave garden")
            await kept(ada, lobby=[])
            await ada.say("Ada's own")
            await kept(ada, lobby=["Ada's own"])
            await ada.keep()
            service.kill9()
            bobs = "localStorage.removeItem('parley.guest'); localStorage.setItem('parley.name', 'Bob');"
            await ada.page.evaluate(bobs)
            await ada.reload()
            await expect(ada.page.locator("#banner-text")).to_contain_text("The service can’t be reached")
            await expect(ada.page.locator(".message")).to_have_count(0)
            await asyncio.to_thread(service.start)
            await ada.reconnect()
            await ada.online()
            await ada.say("new here")
            second = await kept(ada, lobby=["new here"])
            assert first != second


@pytest.mark.parametrize("room", [None, "garden"])
async def test_a_ban_takes_away_what_was_seen(room: str | None) -> None:
    """Of that room, or all; it is not shown any more, on the page that is open and on the next."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            await ada.say("roses")
            await ada.page.goto(f"{service.url}/r/lobby")
            await ada.say("mine")
            user = await kept(ada, garden=["roses"], lobby=["mine"])
            where: dict[str, Any] = {"room": room} if room else {}
            async with ChatClient.open(service.url, jwt=make_jwt("mod", "Mod", role="moderator")) as moderator:
                await moderator.join("garden")
                await moderator.request("moderate", user=user, action="ban", **where)
                await expect(ada.page.locator("#banner-text")).to_contain_text("You are banned")
            await kept(ada, **({"lobby": ["mine"]} if room else {}))
            await ada.page.goto(f"{service.url}/r/garden")
            await expect(ada.page.locator("#banner-text")).to_contain_text("You are banned")
            await expect(ada.page.locator(".message")).to_have_count(0)
            ada.foresee("status of 403")


async def test_who_is_signed_out_leaves_nothing_behind() -> None:
    """When guests are let in no more, what they saw goes from their browsers."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("mine")
            await kept(ada, lobby=["mine"])
            await ada.keep()
            service.stop()
            service.env |= {"GUESTS": "0"}
            await asyncio.to_thread(service.start)
            await ada.reload()
            await kept(ada)
            await expect(ada.page.locator(".message")).to_have_count(0)
            ada.foresee("status of 401")


async def test_who_signs_out_takes_along_what_was_seen() -> None:
    """In all tabs, whatever was just about to be kept."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("mine")
            await kept(ada, lobby=["mine"])
            first, second = ada.page, await ada.context.new_page()
            ada.watch(second)
            await second.goto(f"{service.url}/r/lobby")
            await expect(second.locator(".message .text")).to_have_text(["mine"])
            await ada.say("and more")
            await ada.page.get_by_role("button", name="Sign out").click()
            await ada.page.get_by_role("dialog", name="Sign out?").get_by_role("button", name="Sign out").click()
            for page in (first, second):
                await expect(page.locator("#entrance")).to_be_visible()
                await expect(page.locator(".message")).to_have_count(0)
            await kept(ada)


async def test_an_account_is_shown_what_it_saw_itself() -> None:
    """Not what a guest of the same name saw in this browser, nor another account."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/r/garden#token={make_jwt('u1', 'Ada')}")
            await ada.online()
            await ada.say("of the account")
            assert await kept(ada, garden=["of the account"]) == "u1"
            await ada.keep()
            service.kill9()
            await ada.reload()
            await expect(ada.page.locator(".row-note.seen")).to_be_visible()
            await expect(ada.page.locator(".message.own .text")).to_have_text(["of the account"])


async def test_the_page_works_where_nothing_can_be_kept() -> None:
    """Where the browser has no IndexedDB, or it fails, the page is as it always was."""
    for broken in ("undefined", "{ open() { throw new Error('no') } }"):
        with ServiceProcess(NO_LIMITS) as service:
            async with chromium() as browser, person(browser, service.url) as ada:
                await ada.context.add_init_script(f"Object.defineProperty(window, 'indexedDB', {{ value: {broken} }})")
                await ada.enter("Ada")
                await ada.say("hello")
                await ada.reload()
                await ada.reads("hello")
                await ada.page.goto(f"{service.url}/r/garden")
                await ada.online()


async def test_who_signs_out_while_the_page_still_loads_leaves_nothing_behind() -> None:
    """What would keep what was seen comes too late, and keeps nothing."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            let_go = asyncio.Event()

            async def wait(route: Route) -> None:
                await let_go.wait()
                await route.continue_()

            await ada.enter("Ada")
            await ada.say("mine")
            await kept(ada, lobby=["mine"])
            await ada.page.route("**/page/archive.js", wait)
            await ada.reload()
            await ada.reads("mine")
            await ada.page.get_by_role("button", name="Sign out").click()
            # The page is not left yet when what it waited for is there.
            await ada.page.evaluate("addEventListener('pagehide', () => (window.left = true))")
            await ada.page.route(f"{service.url}/", wait)
            await ada.page.get_by_role("dialog", name="Sign out?").get_by_role("button", name="Sign out").click()
            let_go.set()
            await expect(ada.page.locator("#entrance")).to_be_visible()
            await kept(ada)


async def test_a_tab_that_is_behind_takes_nothing_from_what_another_saw() -> None:
    """What was removed since it lost its connection doesn't come back when it is closed."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("mine", "a slip")
            await kept(ada, lobby=["mine", "a slip"])
            behind = ada.page
            await ada.wire.cut()
            await expect(behind.locator("#banner-text")).to_contain_text("The service can’t be reached")
            ada.wire.open = True
            ada.page = await ada.context.new_page()
            ada.watch(ada.page)
            await ada.page.goto(f"{service.url}/r/lobby")
            await ada.reads("mine", "a slip")
            await ada.message("a slip").hover()
            await ada.page.get_by_role("button", name="Remove", exact=True).click()
            await ada.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
            await kept(ada, lobby=["mine", ""])
            await behind.close(run_before_unload=True)
            await settle(1)
            await kept(ada, lobby=["mine", ""])


async def test_a_history_that_began_anew_takes_the_place_of_what_was_kept() -> None:
    """Also of more messages, which an earlier life of the room had."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("one", "two", "three")
            await kept(ada, lobby=["one", "two", "three"])
            await ada.keep()
            service.kill9()
            await ada.reload()
            await expect(ada.page.locator(".row-note.seen")).to_be_visible()
            await expect(ada.page.locator("#log")).to_have_attribute("aria-busy", "false")
            await asyncio.to_thread(service.start)  # which kept nothing
            await ada.reconnect()
            await ada.online()
            await expect(ada.page.locator(".message")).to_have_count(0)
            await ada.say("anew")
            await ada.reads("anew")
            await kept(ada, lobby=["anew"])
