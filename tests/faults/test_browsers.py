"""The chat page through faults: real browsers behind haproxy, and what they show when all is over."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser import Person, chromium, expect, person
from tests.harness import UNIT

from .parts import cluster, open_sockets, own_redis
from .test_silence import haproxy

pytestmark = [pytest.mark.long, pytest.mark.timeout(seconds=300 * UNIT)]

OWN_PAGE = {"ALLOWED_ORIGINS": ""}  # whose port is haproxy's
AGREE = 2.0 * UNIT  # seconds within which all lists of people must be the same
GRACE = 5.0  # seconds, PRESENCE_GRACE: only after them is somebody gone
EXPIRY = 30.0  # seconds after which the people of a killed process are gone


@pytest.mark.expects_log(r"redis (channels|commands): ")
async def test_a_page_catches_up_after_kills(tmp_path: Path) -> None:
    """Behind haproxy, somebody types on while their process, then Redis, then both are killed: all once, in order."""
    async with (
        own_redis(appendonly="yes", appendfsync="always") as redis,
        cluster(redis.url, env=OWN_PAGE) as processes,
        haproxy(tmp_path, 55, processes) as port,
        chromium() as browser,
        person(browser, f"http://127.0.0.1:{port}") as ada,
        person(browser, f"http://127.0.0.1:{port}") as bob,
    ):
        await ada.enter("Ada")
        (home,) = [process for process in processes if await open_sockets(process)]
        await bob.enter("Bob")
        said: list[str] = []

        async def type_through(fault: Callable[[], Awaitable[None]]) -> None:
            """One message before, six while `fault` goes on, one after."""
            striking = None
            for number in range(8):
                if number == 1:
                    striking = asyncio.ensure_future(fault())
                if number == 7 and striking is not None:
                    await striking
                said.append(f"{len(said)} typed")
                await ada.say(said[-1])
                await asyncio.sleep(0.25)
            for reader in (ada, bob):
                await reader.reads(*said)

        async def kill_process() -> None:
            home.kill9()
            await asyncio.sleep(1)
            await asyncio.to_thread(home.start)

        async def kill_redis() -> None:
            redis.kill9()
            await asyncio.sleep(1)
            await asyncio.to_thread(redis.start)

        async def kill_both() -> None:
            for process in processes:
                process.kill9()
            redis.kill9()
            await asyncio.sleep(1)
            await asyncio.to_thread(redis.start)
            for process in processes:
                await asyncio.to_thread(process.start)

        await type_through(kill_process)
        await type_through(kill_redis)
        await type_through(kill_both)
        for reader in (ada, bob):
            await reader.reload()
            await reader.online()
            await reader.reads(*said)
            await expect(reader.page.locator(".row-note.gap")).to_have_count(0)


async def another_tab(owner: Person) -> Page:
    """One more tab of the same person."""
    page = await owner.context.new_page()
    owner.watch(page)
    await page.goto(owner.url)
    await expect(page.locator("#me-state")).to_have_text("Online")
    return page


async def names(page: Page) -> list[str]:
    """The people whom a page shows in its room."""
    return sorted(await page.locator("#members .person .name").all_inner_texts())


async def agree(
    pages: Sequence[Page], wanted: Sequence[str], within: float = AGREE, always: Sequence[str] = ()
) -> None:
    """Wait until every page shows just these people, the last one at most AGREE after the first.

    `always`: those whom no page may miss meanwhile.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        shown = [await names(page) for page in pages]
        assert all(set(always) <= set(one) for one in shown), f"somebody of {always} is missing: {shown}"
        right = [list(wanted) == one for one in shown]
        if all(right):
            return
        assert loop.time() - began < within, f"not {wanted} everywhere within {within:g} s: {shown}"
        if any(right):
            within = min(within, loop.time() - began + AGREE)
        await asyncio.sleep(0.05)


async def test_five_tabs_agree_on_who_is_here(tmp_path: Path) -> None:
    """Three browsers, five tabs, two processes: all lists are the same within 2 s of a join, leave, reload, kill."""
    wide = {"width": 1400, "height": 800}  # where the people have a column of their own
    async with (
        own_redis() as redis,
        cluster(redis.url, env=OWN_PAGE) as processes,
        haproxy(tmp_path, 55, processes) as port,
        chromium() as browser,
        person(browser, f"http://127.0.0.1:{port}", viewport=wide) as ada,
        person(browser, f"http://127.0.0.1:{port}", viewport=wide) as bob,
        person(browser, f"http://127.0.0.1:{port}", viewport=wide) as eve,
    ):
        await ada.enter("Ada")
        await bob.enter("Bob")
        await agree([ada.page, bob.page], ["Ada", "Bob"])
        second = await another_tab(ada)
        tabs = [ada.page, bob.page, second, await another_tab(bob)]
        before_eve = [await open_sockets(process) for process in processes]
        await eve.enter("Eve")
        everybody = ["Ada", "Bob", "Eve"]
        await agree([*tabs, eve.page], everybody)
        after_eve = [await open_sockets(process) for process in processes]
        assert min(after_eve) > 0, "haproxy gave one process all sockets"

        # A closed tab of two, and a reload within the grace: nobody has left.
        await second.close()
        tabs.remove(second)
        await bob.reload()
        await bob.online()
        deadline = asyncio.get_running_loop().time() + GRACE + 2
        while asyncio.get_running_loop().time() < deadline:
            assert await names(ada.page) == everybody
            await asyncio.sleep(0.05)
        await agree([*tabs, eve.page], everybody)
        tabs.append(await another_tab(ada))

        # Her process is killed and she stays away: she is gone, and nobody else is, on whichever process they were.
        eves = next(i for i, (before, after) in enumerate(zip(before_eve, after_eve, strict=True)) if after > before)
        processes[eves].kill9()
        eve.wire.open = False
        await agree(tabs, ["Ada", "Bob"], EXPIRY, always=["Ada", "Bob"])
        await asyncio.to_thread(processes[eves].start)

        # She comes, and leaves for another room.
        eve.wire.open = True
        await eve.reload()
        await eve.online()
        await agree([*tabs, eve.page], everybody)
        await eve.page.goto(f"{eve.url}/r/elsewhere")
        await eve.online()
        await eve.choose("lobby", "Leave #lobby")
        await agree(tabs, ["Ada", "Bob"], GRACE + AGREE)
