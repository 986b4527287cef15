"""The chat page in a real Chromium: it says how things are, whatever happens, and what can be done about it."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from playwright.async_api import Locator, Route
from playwright.async_api import TimeoutError as PlaywrightTimeout

from ..browser import Person, chromium, expect, person, settle
from ..harness import NO_LIMITS, UNIT, ChatClient, RedisServer, ServiceProcess, make_jwt


@asynccontextmanager
async def moderator(service: ServiceProcess, *rooms: str) -> AsyncIterator[ChatClient]:
    async with ChatClient.open(service.url, jwt=make_jwt("mod", "Mod", role="moderator")) as client:
        for room in rooms:
            await client.join(room)
        yield client


async def _id_of(client: ChatClient, room: str, name: str) -> str:
    members = (await client.join(room))["members"]
    return next(str(member["id"]) for member in members if member["name"] == name)


async def _refuse_tickets(visitor: Person, status: int, code: str, retry_after: int = 0) -> None:
    """Answer for the service at POST /tickets."""

    async def answer(route: Route) -> None:
        body = json.dumps({"error": {"code": code, "message": "the service says why"}})
        await route.fulfill(status=status, body=body, headers={"Retry-After": str(retry_after)} if retry_after else {})

    await visitor.page.route("**/tickets", answer)


def _banner(visitor: Person) -> Locator:
    return visitor.page.locator("#banner")


async def _back(visitor: Person) -> None:
    """Try now, unless the page was faster."""
    with suppress(PlaywrightTimeout):
        await visitor.page.get_by_role("button", name="Try now").click(timeout=2000 * UNIT)
    await visitor.online()


async def test_who_is_banned_from_their_only_room_can_t_write_there() -> None:
    """Not before and not after “Try again”: the room says that it is closed to them, until the ban is lifted."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, moderator(service) as mod:
            await ada.enter("Ada")
            await ada.say("hello")
            await ada.reads("hello")
            user = await _id_of(mod, "lobby", "Ada")
            await mod.request("moderate", room="lobby", user=user, action="ban", reason="No flooding.")
            for _ in range(2):
                await expect(_banner(ada)).to_contain_text("You are banned from #lobby. No flooding.")
                await expect(ada.page.locator("#composer")).to_be_hidden()
                await ada.page.get_by_role("button", name="Try again").click()
                await expect(ada.page.locator("#me-state")).to_have_text("Online")
                await settle()
            await expect(_banner(ada)).to_contain_text("You are banned from #lobby. No flooding.")
            await expect(ada.page.locator("#composer")).to_be_hidden()
            await expect(ada.page.locator("#people-title")).to_have_text("People")  # who is there now, nobody told her
            await expect(ada.page.locator("#members li")).to_have_count(0)
            await mod.request("moderate", room="lobby", user=user, action="unban")
            await ada.page.get_by_role("button", name="Try again").click()
            await expect(_banner(ada)).to_be_hidden()
            await ada.say("better now")
            await ada.reads("hello", "better now")


async def test_who_leaves_their_last_room_is_asked_for_another() -> None:
    """Out of a room they are banned from they come to the entrance, and from there into another room."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, moderator(service) as mod:
            await ada.enter("Ada")
            user = await _id_of(mod, "lobby", "Ada")
            await mod.request("moderate", room="lobby", user=user, action="ban")
            await ada.page.get_by_role("button", name="Try again").click()
            await ada.page.get_by_role("button", name="Leave #lobby").click()
            await expect(ada.name_box).to_have_value("Ada")
            await ada.page.get_by_role("textbox", name="Room").fill("garden")
            await ada.page.keyboard.press("Enter")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#garden")
            await ada.say("in the garden")
            await ada.reads("in the garden")


async def test_a_room_that_may_not_be_entered_shuts_nobody_out_of_the_others() -> None:
    """It says so where it is looked at, and is marked in the list; the others go on."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, moderator(service) as mod:
            await ada.enter("Ada")
            user = await _id_of(mod, "lobby", "Ada")
            await mod.request("moderate", room="garden", user=user, action="ban", reason="Not here.")
            await ada.page.get_by_role("textbox", name="Join another room").fill("garden")
            await ada.page.keyboard.press("Enter")
            await expect(_banner(ada)).to_contain_text("You are banned from #garden. Not here.")
            await expect(ada.page.locator("#composer")).to_be_hidden()
            await expect(ada.page.locator(".room-link", has_text="garden")).to_contain_text("can’t be entered")
            await ada.page.locator(".room-link", has_text="lobby").click()
            await expect(_banner(ada)).to_be_hidden()
            await ada.say("still here")
            await ada.reads("still here")


async def test_a_reload_while_cut_off_claims_no_beginning() -> None:
    """With a message waiting and nothing known of the room, it is said neither to begin nor to be empty."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            await ada.say("known")
            await ada.reads("known")
            await ada.wire.cut()
            await ada.say("waits")
            await ada.reload()
            await expect(ada.message("waits")).to_be_visible()
            await settle(1)
            for claim in ("begins", "Nobody has said", "no longer kept"):
                await expect(ada.page.locator("#log")).not_to_contain_text(claim)
            await expect(ada.page.get_by_role("button", name="People in this room", exact=True)).to_be_attached()
            await expect(ada.page.locator("#people-title")).to_have_text("People")
            ada.wire.open = True
            await ada.reload()
            await ada.reads("known", "waits")
            await expect(ada.page.locator("#log")).to_contain_text("This is where #garden begins")


async def test_a_dead_service_is_not_said_to_be_our_network() -> None:
    """It can't be reached; offline is who has no network, as the browser says, and only as long as it says so."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            service.kill9()
            await expect(_banner(ada)).to_contain_text("The service can’t be reached. Trying again")
            await expect(ada.page.locator("#me-state")).to_have_text("No connection")
            await ada.context.set_offline(True)
            await expect(_banner(ada)).to_contain_text("You are offline: this device has no network.")
            await expect(ada.page.locator("#me-state")).to_have_text("Offline")
            await ada.context.set_offline(False)
            await expect(_banner(ada)).to_contain_text("The service can’t be reached.")
            service.start()
            await _back(ada)
            await expect(_banner(ada)).to_have_text("Connected.")


async def test_a_restart_is_said_with_its_true_countdown() -> None:
    """From `reconnect` on, while one can still write; and it stays a restart while the next process isn't there."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            ada.wire.tell({"type": "reconnect", "in_ms": 90_000})
            text = ada.page.locator("#banner-text")
            await expect(text).to_have_text(re.compile(r"The service is restarting\. Connecting anew in \d\d s\."))
            await ada.say("meanwhile")
            await ada.reads("meanwhile")
            before = await _seconds(ada)
            await expect(text).not_to_contain_text(f" {before} s.")
            assert 0 < await _seconds(ada) < before <= 90
            service.kill9()
            await expect(text).to_contain_text("The service is restarting. Trying again")
            await expect(ada.page.locator("#me-state")).to_have_text("Restarting…")
            await asyncio.to_thread(service.start)
            await _back(ada)


async def _seconds(visitor: Person) -> int:
    found = re.search(r"\d+", await visitor.page.locator("#banner-text").inner_text())
    return int(found[0]) if found else 0


async def test_too_many_attempts_are_waited_out_to_the_second() -> None:
    """429 says how long; there is no button to be refused by once more."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await _refuse_tickets(ada, 429, "rate_limited", 15)
            await ada.wire.cut()
            ada.wire.open = True
            says = r"There were too many attempts from here\. Trying again in (1\d|[7-9]) s\."
            await expect(ada.page.locator("#banner-text")).to_have_text(re.compile(says))
            await expect(ada.page.locator("#banner-ways button")).to_have_count(0)
            await ada.page.unroute("**/tickets")
            await expect(ada.page.locator("#me-state")).to_have_text("Online", timeout=60_000 * UNIT)


async def test_a_full_service_and_one_without_its_broker_are_told_apart() -> None:
    """Both close 1013; the words say which it is."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            full, away, many = (1013, "this process is full"), (1013, "the broker is away"), (4429, "too many")
            for greeting, says in (
                (full, "The service is full."),
                (away, "The service can take nobody in just now."),
                (many, "You have too many connections open."),
            ):
                ada.wire.greetings = [greeting] * 30
                await ada.wire.close(1001)
                await ada.reconnect()
                await expect(_banner(ada)).to_contain_text(says)
                ada.wire.greetings = []
                await _back(ada)


async def test_a_taken_name_throws_nobody_out() -> None:
    """Who asks for another's name is told, and goes on under the old one; a free one is taken on."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await ada.enter("Ada")
            await bob.enter("Bob")
            await ada.page.get_by_role("button", name="Change your name").click()
            dialog = ada.page.get_by_role("dialog", name="Change your name")
            name = dialog.get_by_role("textbox", name="New name")
            await name.fill("bob")
            await name.press("Enter")
            await expect(dialog.get_by_role("alert")).to_have_text("Somebody who is here has this name.")
            await expect(ada.page.locator("#me-name")).to_have_text("Ada")
            await dialog.get_by_role("button", name="Cancel").click()
            await ada.say("still Ada")
            await bob.reads("still Ada")
            await expect(bob.message("still Ada").locator(".name")).to_have_text("Ada")
            await ada.page.get_by_role("button", name="Change your name").click()
            await name.fill("Ada L.")
            await name.press("Enter")
            await expect(dialog).to_be_hidden()
            await expect(ada.page.locator("#me-name")).to_have_text("Ada L.")
            await ada.say("now Ada L.")
            await expect(bob.message("now Ada L.").locator(".name")).to_have_text("Ada L.")
            await ada.reload()
            await expect(ada.page.locator("#me-name")).to_have_text("Ada L.")


async def test_a_name_is_kept_where_the_service_can_t_be_asked() -> None:
    """Renaming while it is away changes nothing, and says so in the dialog."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.whole()
            service.kill9()
            await ada.page.get_by_role("button", name="Change your name").click()
            dialog = ada.page.get_by_role("dialog", name="Change your name")
            await dialog.get_by_role("textbox").fill("Ada L.")
            await dialog.get_by_role("textbox").press("Enter")
            await expect(dialog.get_by_role("alert")).to_have_text("The service can’t be reached. Try again.")
            await ada.page.keyboard.press("Escape")
            await asyncio.to_thread(service.start)
            await _back(ada)
            await expect(ada.page.locator("#me-name")).to_have_text("Ada")


async def test_who_finds_their_name_taken_can_take_another() -> None:
    """After a long absence; the conversation stays where it was."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("before")
            await ada.reads("before")
            await _refuse_tickets(ada, 409, "name_taken")
            await ada.wire.cut()
            ada.wire.open = True
            await expect(_banner(ada)).to_contain_text("Somebody who is here has your name.")
            await ada.page.unroute("**/tickets")
            await ada.page.get_by_role("button", name="Use another name").click()
            await ada.page.get_by_role("textbox", name="New name").fill("Ada L.")
            await ada.page.keyboard.press("Enter")
            await ada.online()
            await ada.reads("before")
            await expect(ada.page.locator("#me-name")).to_have_text("Ada L.")


async def test_an_error_stands_below_the_field_that_is_meant() -> None:
    """At the entrance: the name's below the name, the room's below the room."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(service.url)
            room = ada.page.get_by_role("textbox", name="Room")
            await room.fill("no such!")
            await room.press("Enter")
            await expect(ada.name_box).to_have_accessible_description("Tell us a name.")
            await expect(room).to_have_accessible_description(re.compile("^A room’s name has only"))
            await expect(ada.name_box).to_be_focused()
            await ada.name_box.fill("Ada")
            await room.press("Enter")
            await expect(ada.name_box).to_have_accessible_description("")
            await expect(room).to_be_focused()


async def test_the_first_visit_is_not_alarmed() -> None:
    """However long the first connection takes: no “Connected.”, no warning, and what is said is said quietly."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:

            async def slowly(route: Route) -> None:
                await asyncio.sleep(2 * UNIT)
                await route.continue_()

            await ada.page.route("**/tickets", slowly)
            await ada.page.goto(f"{service.url}/r/lobby")
            await ada.page.evaluate("""() => {
                window.kinds = new Set();
                const banner = document.getElementById("banner");
                const note = () => banner.hidden || kinds.add(`${banner.className}: ${banner.innerText.trim()}`);
                new MutationObserver(note).observe(banner, { attributes: true, childList: true, subtree: true });
            }""")
            await ada.name_box.fill("Ada")
            await ada.name_box.press("Enter")
            await ada.online()
            await settle(1)
            assert await ada.page.evaluate("[...kinds]") == ["banner quiet: Connecting…"]
            await expect(_banner(ada)).to_be_hidden()


@pytest.mark.expects_log("redis (commands|channels): ")
async def test_without_its_broker_the_room_can_be_read_and_what_is_written_waits() -> None:
    """`unavailable` while the connection stands: said as it is, and over when something is stored again."""
    with RedisServer() as redis, ServiceProcess(NO_LIMITS | {"REDIS_URL": redis.url}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("before")
            await ada.reads("before")
            redis.sigstop()
            await ada.say("waits")
            await expect(_banner(ada)).to_contain_text("you can read, and what you write waits", timeout=20_000 * UNIT)
            await expect(ada.page.locator("#queue")).to_contain_text("1 message waits until it can be stored.")
            await expect(ada.page.locator("#me-state")).to_have_text("Online")
            await expect(ada.box).to_be_enabled()
            redis.sigcont()
            await ada.reads("before", "waits")
            await expect(_banner(ada)).to_be_hidden()


async def test_who_writes_too_fast_is_told_for_how_long() -> None:
    """`rate_limited` to a message: the seconds, in quiet colours, until it is taken."""
    with ServiceProcess(NO_LIMITS | {"SEND_RATE": "0.1", "SEND_BURST": "1"}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("one", "two")
            says = r"You write faster than this room takes\. What you write waits\. Trying again in (\d|1[0-2]) s\."
            await expect(ada.page.locator("#banner-text")).to_have_text(re.compile(says))
            await expect(_banner(ada)).to_have_class(re.compile("quiet"))
            await expect(ada.page.locator(".toast")).to_have_count(0)  # as it told of its typing too fast, too
            await expect(ada.page.locator(".pending")).to_have_count(0, timeout=60_000 * UNIT)
            await ada.reads("one", "two")
            await expect(_banner(ada)).to_be_hidden()


async def test_a_clock_that_is_set_back_stops_neither_pings_nor_hands() -> None:
    """An hour back, while cut off: the countdown goes on, and “Try now” tries now."""
    with ServiceProcess(NO_LIMITS | {"PING_INTERVAL": "1", "PING_TIMEOUT": "1"}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.context.add_init_script("Math.random = () => 0.99;")  # waits are long
            await ada.enter("Ada")
            await ada.page.evaluate("() => { const real = Date.now; Date.now = () => real() - 3_600_000; }")
            ada.wire.sent.clear()
            async with asyncio.timeout(20 * UNIT):
                while '{"type":"ping"}' not in ada.wire.sent:
                    await asyncio.sleep(0.05)
            ada.wire.greetings = [(1013, "this process is full")] * 30
            await ada.wire.close(1001)
            await ada.reconnect()
            text = ada.page.locator("#banner-text")
            for long in (r"\d", r"1\d", r"2\d"):
                await expect(text).to_have_text(re.compile(rf"The service is full\. Trying again in {long} s\."))
                before, said, start = ada.wire.connections, await _seconds(ada), time.monotonic()
                await ada.page.get_by_role("button", name="Try now").click()
                while ada.wire.connections == before:
                    await asyncio.sleep(0.05)
            assert time.monotonic() - start < said
            ada.wire.greetings = []
            await _back(ada)


async def test_who_has_no_account_is_told_at_the_entrance() -> None:
    """Where guests may not enter: also on a page that was kept from when they might."""
    with ServiceProcess(NO_LIMITS | {"GUESTS": "0"}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(service.url)
            await expect(ada.page.get_by_text("This chat is for people with an account.")).to_be_visible()
            await expect(ada.name_box).to_be_hidden()
            assert await ada.axe() == []

            async def older(route: Route) -> None:
                page = await (await route.fetch()).text()
                await route.fulfill(body=page.replace(' data-guests="0"', ""), content_type="text/html")

            await ada.page.route(f"{service.url}/", older)
            await ada.reload()
            await ada.name_box.fill("Ada")
            await ada.name_box.press("Enter")
            objection = ada.page.locator("#entrance-objection")
            await expect(objection).to_contain_text("this chat can’t be entered without an account")
            await expect(ada.name_box).to_be_focused()
