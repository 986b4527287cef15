"""The chat page in a real Chromium: lost connections, refusals, and that nothing is lost or said twice by them."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ..browser import Person, chromium, expect, person, settle
from ..harness import NO_LIMITS, UNIT, ChatClient, RedisServer, ServiceProcess, make_jwt


@asynccontextmanager
async def moderator_of(service: ServiceProcess, name: str) -> AsyncIterator[tuple[ChatClient, str]]:
    """A moderator in the lobby, and the id of somebody who is there."""
    async with ChatClient.open(service.url, jwt=make_jwt("mod", "Mod", role="moderator")) as moderator:
        joined = await moderator.join("lobby")
        yield moderator, next(person["id"] for person in joined["members"] if person["name"] == name)


async def test_a_killed_service_comes_back_with_what_was_typed_meanwhile(tmp_path: Path) -> None:
    """While the service is away the page says so and keeps what is typed; after that it arrives once, in order."""
    with ServiceProcess(NO_LIMITS | {"SQLITE_PATH": str(tmp_path / "parley.db")}) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await ada.enter("Ada")
            await bob.enter("Bob")
            await ada.say("before")
            await bob.reads("before")
            service.kill9()
            await expect(ada.page.locator("#banner-text")).to_contain_text("The service can’t be reached")
            await ada.say("first", "second")
            await expect(ada.message("second").locator(".status")).to_have_text("Waiting to be sent")
            await asyncio.to_thread(service.start)
            for one in (ada, bob):
                await one.reconnect()
            await bob.reads("before", "first", "second")
            await ada.reads("before", "first", "second")
            await expect(ada.page.locator("#banner")).to_be_hidden()
            await settle()
            await bob.reads("before", "first", "second")


async def test_what_waits_survives_a_reload() -> None:
    """Messages that could not be sent are still there after a reload, and are sent then, once."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.wire.cut()
            await ada.say("one", "two")
            await ada.reload()
            await expect(ada.page.locator(".pending .text")).to_have_text(["one", "two"])
            ada.wire.open = True
            await ada.reload()
            await ada.reads("one", "two")


async def test_tabs_keep_their_own_and_inherit_from_the_dead() -> None:
    """A tab neither shows nor sends what waits in a living one; when that one is closed, it does, once."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            first, second = ada.page, await ada.context.new_page()
            ada.watch(second)
            await second.goto(service.url)
            await expect(second.locator("#me-state")).to_have_text("Online")
            await ada.wire.cut()
            await ada.say("from the first")
            await settle(6)  # longer than the 5 s between two looks for entries without a page
            await expect(second.locator(".pending")).to_have_count(0)
            await first.close()
            await expect(second.locator(".pending .text")).to_have_text(["from the first"])
            ada.page = second
            await ada.say("from the second")
            await ada.reconnect()
            await ada.reads("from the first", "from the second")


async def test_a_refused_ticket_is_replaced() -> None:
    """4401 brings a new ticket and the page back in, without a word to the reader."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            ada.wire.greetings = [(4401, "the ticket was used")]
            await ada.enter("Ada")
            assert (ada.tickets, ada.wire.connections) == (2, 2)
            await ada.wire.close(4401, "the token ran out")
            await ada.say("still here")
            await ada.reads("still here")
            assert (ada.tickets, ada.wire.connections) == (3, 3)


async def test_somebody_removed_stays_away_and_is_told_why() -> None:
    """4403 ends it: the reason stands there, and nothing is tried until the reader asks for it."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            async with moderator_of(service, "Ada") as (moderator, user):
                await moderator.request("moderate", room="lobby", user=user, action="kick", reason="No flooding.")
            await expect(ada.page.locator("#banner-text")).to_contain_text("You were removed from #lobby.")
            await expect(ada.page.locator("#banner-text")).to_contain_text("No flooding.")
            before = ada.wire.connections
            await settle(3)
            assert ada.wire.connections == before
            await ada.page.get_by_role("button", name="Join again").click()
            await ada.online()


async def test_missing_messages_are_said_after_a_long_absence() -> None:
    """Who was away for longer than the room remembers sees where messages are missing."""
    with ServiceProcess(NO_LIMITS | {"HISTORY_LIMIT": "5"}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("before")
            await ada.reads("before")
            await ada.wire.cut()
            async with ChatClient.open(service.url, "Bob") as bob:
                await bob.join("lobby")
                # History is cut to its limit not at every message, but in steps.
                for number in range(400):
                    await bob.send("lobby", f"n{number}")
            await ada.reconnect()
            await expect(ada.page.locator(".row-note.gap")).to_contain_text("Some messages are missing here")
            assert await ada.page.locator(".pending").count() == 0  # what was stored before is not on its way
            await expect(ada.message("n399")).to_be_visible()


async def test_what_was_removed_while_one_was_away_is_not_unread() -> None:
    """It comes without its words, and so does its edit: neither counts, and neither stops the page."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "garden")
            await ada.page.get_by_role("textbox", name="Join another room").fill("lobby")
            await ada.page.keyboard.press("Enter")
            await expect(ada.page).to_have_title("#lobby · Parley")
            await ada.wire.cut()
            async with ChatClient.open(service.url, "Cem") as cem:
                await cem.join("garden")
                target = (await cem.send("garden", "said"))["seq"]
                await cem.request("edit", room="garden", id="e", target=target, text="said better")
                await cem.request("remove", room="garden", id="r", target=target)
                await cem.send("garden", "stays")
            await ada.reconnect()
            await expect(ada.page.locator(".badge")).to_have_text("1 unread")
            await ada.page.get_by_role("button", name="garden", exact=False).first.click()
            await ada.reads("stays")
            await expect(ada.page.locator(".gone")).to_have_count(1)


async def test_an_edit_without_words_leaves_the_message_until_its_removal() -> None:
    """The page may draw between the two."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/clock.html")
            shown = await ada.page.evaluate("""async () => {
                const { Room } = await import("/static/page/room.js");
                const { Timeline } = await import("/static/page/rows.js");
                const { build } = await import("/static/page/message.js");
                await (await import("/static/page/words.js")).learn();
                const room = new Room("lobby");
                const user = { id: "c", name: "Cem" };
                const event = { room: "lobby", user, at: 1 };
                const last = () => new Timeline(room, [], "a").rows(0, 1).at(-1);
                const text = () => build(last()).querySelector(".bubble").textContent;
                room.onMessage({ ...event, type: "message", seq: 1, id: "m", text: "said" }, "a", true);
                room.onEdited({ ...event, type: "edited", seq: 2, id: "e", target: 1, removed: true });
                const between = text();
                room.onRemoved({ ...event, type: "removed", seq: 3, id: "r", target: 1 }, "a");
                return [between, text()];
            }""")
            assert shown == ["said", "Message removed"]


async def test_a_history_that_began_again_is_said() -> None:
    """When Redis lost everything, the page says that earlier messages are gone, and goes on."""
    with RedisServer() as redis:
        env = NO_LIMITS | {"REDIS_URL": redis.url}
        with ServiceProcess(env) as service:
            async with chromium() as browser, person(browser, service.url) as ada:
                await ada.enter("Ada")
                await ada.say("before")
                await ada.reads("before")
                redis.cli("FLUSHALL")
                await expect(ada.page.locator(".row-note.gap")).to_contain_text("history began again")
                await ada.say("after")
                await ada.reads("after")


async def test_what_is_being_edited_when_the_history_begins_again_stays_as_a_draft() -> None:
    """That message is gone, and in its place stands another's."""
    with RedisServer() as redis:
        env = NO_LIMITS | {"REDIS_URL": redis.url}
        with ServiceProcess(env) as service:
            async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
                await ada.enter("Ada")
                await bob.enter("Bob")
                await ada.say("before")
                await ada.reads("before")
                await ada.box.press("ArrowUp")
                await ada.box.fill("rewritten")
                redis.cli("FLUSHALL")
                await expect(ada.page.locator(".row-note.gap")).to_contain_text("history began again")
                await expect(ada.page.locator(".toasts")).to_contain_text("Your words stay here")
                await expect(ada.box).to_have_value("rewritten")
                await bob.say("bob's")
                await ada.reads("bob's")
                await ada.box.press("Enter")
                await ada.reads("bob's", "rewritten")


@pytest.mark.timeout(seconds=90)
async def test_a_sleeping_machine_distrusts_its_connection() -> None:
    """After a jump of the clock a silent connection is asked, given up in seconds, and replaced."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.clock.install()
            await ada.enter("Ada")
            await ada.say("before")
            await ada.reads("before")
            ada.wire.freeze()
            await settle(4)
            assert ada.wire.connections == 1  # without a jump silence is nothing special
            ada.wire.sent.clear()
            await ada.page.clock.fast_forward(600_000)
            async with asyncio.timeout(20 * UNIT):
                while ada.wire.connections < 2:  # it may be back before a look at the page could see it gone
                    await asyncio.sleep(0.05)
            assert ada.wire.sent[0] == '{"type":"ping"}'
            await ada.online()
            await ada.say("after")
            await ada.reads("before", "after")


async def test_too_many_messages_at_once_arrive_later_in_order() -> None:
    """`rate_limited` is waited out: nothing is lost, nothing overtakes."""
    with ServiceProcess(NO_LIMITS | {"SEND_RATE": "2", "SEND_BURST": "2"}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            texts = [f"message {number}" for number in range(6)]
            await ada.say(*texts)
            await ada.reads(*texts)


async def test_a_refused_message_is_shown_and_can_be_sent_again() -> None:
    """A muted person's message stays, with the reason; once unmuted it can be sent as it is."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            async with moderator_of(service, "Ada") as (moderator, user):
                await moderator.request("moderate", room="lobby", user=user, action="mute")
                await ada.say("hello?")
                await expect(ada.message("hello?").locator(".status")).to_have_text("Not sent. You are muted.")
                await ada.reload()
                await expect(ada.message("hello?")).to_have_class(re.compile("failed"))
                await moderator.request("moderate", room="lobby", user=user, action="unmute")
                await ada.page.get_by_role("button", name="Send again").click()
                await ada.reads("hello?")


async def test_a_frozen_service_is_noticed_whatever_the_clock_does() -> None:
    """A clock is set back an hour, or ahead; then nothing comes any more: seen as soon as without the step."""
    with ServiceProcess(NO_LIMITS | {"PING_INTERVAL": "1", "PING_TIMEOUT": "1"}) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            person(browser, service.url) as bob,
            person(browser, service.url) as cem,
        ):
            loop = asyncio.get_running_loop()
            people = {ada: 0, bob: -1, cem: 1}

            async def noticed(visitor: Person) -> float:
                began = loop.time()
                await expect(visitor.page.locator("#me-state")).not_to_have_text("Online", timeout=40_000 * UNIT)
                return loop.time() - began

            for number, (visitor, hours) in enumerate(people.items()):
                await visitor.enter(f"Visitor {number}")
                await visitor.page.evaluate(
                    "(hours) => { const real = Date.now; Date.now = () => real() + hours * 3_600_000; }", hours
                )
            for visitor in people:
                visitor.wire.open = False
                visitor.wire.freeze()
            plain, *stepped = await asyncio.gather(*map(noticed, people))
            assert all(seconds < 2 * plain for seconds in stepped), f"{plain:.1f} s without, {stepped} with a step"
