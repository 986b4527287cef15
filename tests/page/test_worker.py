"""The page from the second visit on, in a real Chromium: at once, without its server, and of one release at a time."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.async_api import Page

from service.assets import release
from service.assets.release import WORKER, load
from service.pages import STATIC

from ..browser import chromium, expect, person
from ..harness import NO_LIMITS, ServiceProcess
from ..serving import serving


async def kept(page: Page) -> list[str]:
    """The paths of all that is in the browser's caches."""
    found: list[str] = await page.evaluate(
        """async () => {
            const requests = [];
            for (const key of await caches.keys()) requests.push(...await (await caches.open(key)).keys());
            return requests.map(({ url }) => new URL(url).pathname);
        }"""
    )
    return found


async def asked(page: Page) -> set[str]:
    """The releases of which a page has files."""
    found: list[str] = await page.evaluate(
        """performance.getEntriesByType("resource")
            .flatMap(({ name }) => /\\/static\\/(v-[0-9a-f]+)\\//.exec(name)?.[1] ?? [])"""
    )
    return set(found)


async def test_the_page_opens_while_its_service_is_dead() -> None:
    """In any room; what is written then is sent once it is back, once."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await ada.enter("Ada")
            await bob.enter("Bob")
            await ada.keep()
            service.kill9()
            await ada.page.goto(f"{service.url}/r/lobby")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")
            await ada.say("written while it was dead")
            await ada.page.goto(f"{service.url}/r/garden")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#garden")
            for path, place in (("/R//LOBBY/", "/r/lobby"), ("/r/%23tea%20time/12", "/r/tea-time/12")):
                await ada.page.goto(service.url + path)
                await expect(ada.page).to_have_url(service.url + place)  # as the service would lead there
                await expect(ada.page.locator("h1#room-name")).to_be_visible()
            await ada.page.goto(f"{service.url}/r/lobby")
            await expect(ada.message("written while it was dead")).to_be_visible()
            await asyncio.to_thread(service.start)
            for someone in (ada, bob):
                await someone.reconnect()
                await someone.online()
            await bob.reads("written while it was dead")
            await ada.reads("written while it was dead")


async def test_what_few_want_is_kept_once_they_do() -> None:
    """The table of emoji is half of the page: it comes when it is asked for, and is there without the service then."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.keep()
            assert not [path for path in await kept(ada.page) if "emoji" in path or "icons" in path]
            await ada.reload()  # now it is the worker's
            await ada.online()
            await ada.page.keyboard.type(":tada:")
            await expect(ada.box).to_have_value("\U0001f389")
            await ada.page.evaluate(
                """async () => {
                    while (!(await caches.match(document.scripts[0].src.replace("page.js", "vendor/emoji-en.js")))) {
                        await new Promise((resolve) => setTimeout(resolve, 20));
                    }
                }"""
            )
            service.kill9()
            await ada.reload()
            await ada.box.fill("")
            await ada.page.keyboard.type(":tada:")
            await expect(ada.box).to_have_value("\U0001f389")


async def test_the_page_keeps_itself_once_it_stands() -> None:
    """Without being asked, and behind all that somebody waits for; the guides' pages keep nothing."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/clock.html")
            await ada.page.wait_for_load_state("networkidle")
            assert await ada.page.evaluate("navigator.serviceWorker.controller") is None
            assert await ada.page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
            await ada.enter("Ada")
            assert (
                await ada.page.evaluate("navigator.serviceWorker.ready.then(({ scope }) => scope)") == service.url + "/"
            )


async def test_nothing_of_anybody_s_is_kept_with_the_page() -> None:
    """No ticket, no answer of the API, no message: the files that everybody gets, and the page."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.keep()
            await ada.reload()
            await ada.online()
            await ada.say("a secret")
            await ada.reads("a secret")
            await ada.page.evaluate("fetch('/rooms').then(() => fetch('/static/client.js'))")
            assets = load(STATIC)
            paths = await kept(ada.page)
            assert paths.count("/") == 1
            for path in set(paths) - {"/"}:
                assert path.removeprefix("/static/") in assets.files and path.startswith(f"/static/{assets.release}/")
            ada.foresee("status of 401")  # /rooms, without a token


@pytest.fixture
def releases(tmp_path: Path) -> list[Path]:
    """Three folders as static/, each with a page that says another name."""
    folders = []
    for number in range(3):
        folder = tmp_path / f"static-{number}"
        shutil.copytree(STATIC, folder)
        page = folder / "index.html"
        page.write_text(page.read_text().replace("<title>Parley", f"<title>Parley {number}"))
        words = folder / "page" / "words" / "en.js"
        words.write_text(words.read_text().replace('app: "Parley"', f'app: "Parley {number}"'))
        folders.append(folder)
    return folders


async def names(page: Page) -> tuple[str, str]:
    """What the page's markup calls itself, and what its script does."""
    await expect(page.locator("#entrance")).to_be_visible()
    first: str = await page.evaluate("document.head.querySelector('title').textContent")
    second: str = await page.evaluate("document.querySelector('#entrance h1').textContent")
    return first, second


async def updated(page: Page, name: str) -> None:
    """Until the worker of that release is the active one; the browser is made to look for it as often as that takes."""
    await page.evaluate(
        """async (name) => {
            const registration = await navigator.serviceWorker.ready;
            const there = async () => await caches.has(`parley-${name}`) && !registration.installing
                && !registration.waiting && registration.active.state === "activated";
            while (!(await there())) {
                // One that asked a service which ended meanwhile may never be answered.
                const later = new Promise((resolve) => setTimeout(resolve, 5000));
                await Promise.race([registration.update().catch(() => {}), later]);
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
        }""",
        name,
    )


async def test_a_new_release_comes_whole(releases: list[Path]) -> None:
    """Who has a page open goes on with its files; a page that is opened then has those of the new release alone."""
    port = "0"
    async with chromium() as browser:
        context = await browser.new_context()
        open_page: Page | None = None
        for number, folder in enumerate(releases):
            async with serving({"PORT": port}, static=folder) as it:
                port = str(it.port)
                page = await context.new_page()
                await page.goto(it.url)
                name = load(folder).release
                if number == 0:
                    await page.evaluate("navigator.serviceWorker.register('/worker.js')")
                    await updated(page, name)
                    await page.reload()
                    open_page = page
                else:
                    # The browser has the page of the release before, and looks for a new one behind it.
                    assert await names(page) == (f"Parley {number - 1}", f"Parley {number - 1}")
                    assert await asked(page) == {load(releases[number - 1]).release}
                    await updated(page, name)
                    await page.reload()
                assert await names(page) == (f"Parley {number}", f"Parley {number}")
                assert await asked(page) == {name}
                assert open_page is not None
                if number == 1:  # what a page of the release before needs later is still there
                    path = f"/static/{load(releases[0]).release}/page/formatted.js"
                    assert (
                        await open_page.evaluate(f"import('{path}').then(({{ formatted }}) => typeof formatted)")
                        == "function"
                    )
        assert open_page is not None
        kept_releases = {path.split("/")[2] for path in await kept(open_page) if path != "/"}
        assert kept_releases == {load(folder).release for folder in releases[1:]}
        await context.close()


async def test_a_worker_takes_no_page_of_another_release(releases: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """While processes of two releases answer, nothing is kept."""
    one, other = (load(folder) for folder in releases[:2])
    mixed = replace(one, pages={**one.pages, WORKER: other.pages[WORKER]})
    monkeypatch.setattr(release, "load", lambda folder, told: mixed)
    async with serving() as it, chromium() as browser:
        page = await (await browser.new_context()).new_page()
        await page.goto(it.url)
        state = await page.evaluate(
            """navigator.serviceWorker.register("/worker.js").then(({ installing }) => new Promise((resolve) => {
                installing.addEventListener("statechange", () => resolve(installing.state));
            }))"""
        )
        assert state == "redundant"
        assert await kept(page) == []


async def test_the_worker_can_be_taken_from_all_browsers() -> None:
    """With SERVICE_WORKER=0 the next look for a new worker ends the old one, however broken its page is."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.keep()
            await ada.page.evaluate(
                """async () => {
                    const [name] = await caches.keys();
                    const broken = new Response("broken", { headers: { "Content-Type": "text/html" } });
                    await (await caches.open(name)).put("/", broken);
                }"""
            )
            service.stop()
            service.env |= {"SERVICE_WORKER": "0"}
            await asyncio.to_thread(service.start)
            await ada.page.goto(f"{service.url}/r/lobby")
            # The browser itself looks for a new worker behind the navigation, and the page comes anew from the service.
            await ada.online()
            await ada.reload()
            await ada.online()
            assert await ada.page.evaluate("navigator.serviceWorker.controller") is None
            assert await kept(ada.page) == []
            # The page asks for its worker at every visit, and it ends itself again.
            await ada.page.evaluate(
                """async () => {
                    await navigator.serviceWorker.register("/worker.js");
                    const left = () => navigator.serviceWorker.getRegistrations();
                    while ((await left()).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
                }"""
            )
            await ada.say("still here")
            await ada.reads("still here")
            ada.foresee("status of 404")  # an icon, of the broken page


async def test_the_page_can_be_installed() -> None:
    """The browser finds nothing missing in the manifest: names, icons, where it begins."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.keep()
            devtools: Any = await ada.context.new_cdp_session(ada.page)
            manifest = await devtools.send("Page.getAppManifest")
            assert manifest["errors"] == [] and manifest["url"] == f"{service.url}/manifest.webmanifest"
            errors = (await devtools.send("Page.getInstallabilityErrors"))["installabilityErrors"]
            assert [error["errorId"] for error in errors if error["errorId"] != "in-incognito"] == []
