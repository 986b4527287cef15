"""The chat page in a real Chromium: what moderators can do about people and messages, and what those are told."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from playwright.async_api import Browser, Locator

from ..browser import Person, chromium, expect, person
from ..harness import NO_LIMITS, ChatClient, ChatError, RedisServer, ServiceProcess, make_jwt

NARROW = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}


@contextmanager
def service_on(broker: str) -> Iterator[ServiceProcess]:
    if broker == "sqlite":
        with ServiceProcess(NO_LIMITS) as service:
            yield service
    else:
        with RedisServer() as redis, ServiceProcess(NO_LIMITS | {"REDIS_URL": redis.url}) as service:
            yield service


@asynccontextmanager
async def moderator(browser: Browser, service: ServiceProcess, room: str, **options: object) -> AsyncIterator[Person]:
    async with person(browser, service.url, **options) as mod:
        await mod.page.goto(f"{service.url}/r/{room}#token={make_jwt('mod', 'Mod', role='moderator')}")
        await mod.online()
        yield mod


async def act(mod: Person, what: str, **fields: str) -> None:
    """In the dialog that is open."""
    dialog = mod.page.get_by_role("dialog")
    await dialog.get_by_label("What to do").select_option(what)
    for name, value in fields.items():
        box = dialog.get_by_label({"term": "For how long", "where": "Where", "reason": "Reason"}[name])
        await (box.fill(value) if name == "reason" else box.select_option(value))
    await dialog.get_by_role("button", name=what, exact=True).click()
    await expect(dialog).to_be_hidden()


def toast(mod: Person, text: str) -> Locator:
    return mod.page.locator(".toast").filter(has_text=text)


async def keep(told: Locator) -> Locator:
    """The button that takes it back; the notice stays while the focus is on it."""
    undo = told.get_by_role("button", name="Undo")
    await undo.focus()
    return undo


@pytest.mark.parametrize("broker", ["sqlite", "redis"])
async def test_a_moderator_mutes_slows_and_bans_from_the_list_of_people(broker: str) -> None:
    """Each says what it did and is taken back by Undo; whom it is against is told the truth."""
    with service_on(broker) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as bob,
            moderator(browser, service, "garden") as mod,
        ):
            await bob.enter("Bob", "garden")
            await expect(bob.page.get_by_role("button", name="Moderate")).to_have_count(0)
            opener = mod.page.locator("#members").get_by_role("button", name="Moderate Bob")
            await expect(mod.page.get_by_role("button", name="Moderate Mod")).to_have_count(0)

            await opener.press("Enter")
            await act(mod, "Mute", term="1 hour")
            await expect(opener).to_be_focused()
            undo = await keep(toast(mod, "Muted in #garden: Bob, for 1 hour."))
            await bob.say("heard by nobody")
            await expect(bob.page.locator(".message.failed")).to_contain_text("You are muted.")
            await undo.press("Enter")
            await expect(toast(mod, "No longer muted in #garden: Bob.")).to_be_visible()
            await bob.page.get_by_role("button", name="Send again").click()
            await mod.reads("heard by nobody")

            await opener.click()
            await act(mod, "Slow down", where="Everywhere")
            undo = await keep(toast(mod, "Slowed down everywhere: Bob, for 10 minutes."))
            await bob.say("one", "two")
            await expect(bob.page.locator("#banner")).to_contain_text("You write faster than this room takes.")
            await undo.press("Enter")
            await expect(toast(mod, "No longer slowed down everywhere: Bob.")).to_be_visible()

            await opener.click()
            await act(mod, "Ban", term="1 day", reason="No flooding.")
            undo = await keep(toast(mod, "Banned in #garden: Bob, for 1 day."))
            banner = bob.page.locator("#banner")
            await expect(banner).to_contain_text("You are banned from #garden. No flooding.")
            await expect(opener).to_have_count(0)
            await undo.press("Enter")
            await expect(toast(mod, "No longer banned in #garden: Bob.")).to_be_visible()
            await bob.page.get_by_role("button", name="Try again").click()
            await expect(opener).to_be_visible()

            await opener.click()
            await act(mod, "Remove", reason="Cool down.")
            await expect(banner).to_contain_text("You were removed from #garden. Cool down.")
            await expect(toast(mod, "Bob was removed from #garden.").get_by_role("button")).to_have_count(0)


async def test_a_moderator_removes_a_message_and_bans_by_one() -> None:
    """The author need not be there: so somebody's ban is lifted again, too. On a phone, by touch."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            moderator(browser, service, "garden", **NARROW) as mod,
            ChatClient.open(service.url, "Eve") as eve,
        ):
            await eve.join("garden")
            await eve.send("garden", "buy this")
            await eve.send("garden", "and this")
            row = mod.message("buy this")
            await row.tap()
            tools = mod.page.get_by_role("toolbar")
            await expect(tools.get_by_role("button", name="Edit")).to_be_hidden()
            await tools.get_by_role("button", name="Remove").tap()
            await mod.page.get_by_role("dialog").get_by_role("button", name="Remove").tap()
            await expect(toast(mod, "The message of Eve was removed.")).to_be_visible()
            await eve.recv("removed")

            await mod.message("and this").tap()
            await tools.get_by_role("button", name="Moderate Eve").tap()
            dialog = mod.page.get_by_role("dialog", name="Moderate Eve")
            await dialog.get_by_label("What to do").select_option("Ban")
            await dialog.get_by_label("For how long").select_option("Until it is taken back")
            await dialog.get_by_label("All guests of their network, too").check()
            await expect(dialog.get_by_label("For how long")).to_have_value("2592000")  # networks get other people
            note = "Eve and all guests of the same network can’t enter #garden, for 30 days."
            await expect(dialog.get_by_text(note)).to_be_visible()
            assert await mod.axe() == [] and await mod.low_contrast() == []
            sizes = await dialog.locator("button, select, input:not([type=checkbox]), .check").evaluate_all(
                "all => all.filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect().height)"
            )
            assert min(sizes) >= 44
            await dialog.get_by_role("button", name="Ban", exact=True).tap()
            assert (await eve.closed())[0] == 4403
            undo = toast(mod, "Banned in #garden").get_by_role("button", name="Undo")
            assert await undo.evaluate("button => button.getBoundingClientRect().height") >= 44
            assert await undo.evaluate("button => button.scrollWidth <= button.clientWidth")
            assert await mod.axe() == [] and await mod.low_contrast() == []
            await toast(mod, "Banned in #garden").get_by_role("button", name="Close").tap()
            async with ChatClient.open(service.url, "Finn") as finn:
                with pytest.raises(ChatError, match="banned"):
                    await finn.join("garden")
                await mod.message("and this").tap()
                await tools.get_by_role("button", name="Moderate Eve").tap()
                await dialog.get_by_label("All guests of their network, too").check()
                await act(mod, "Lift the ban")
                assert (await finn.join("garden"))["room"] == "garden"


async def test_what_could_not_be_done_is_said_in_the_dialog() -> None:
    """It stays open, with what was chosen. A moderator of some rooms alone isn't offered more."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as mod,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await bob.join("garden")
            token = make_jwt("mod", "Mod", role="moderator", rooms=["garden"])
            await mod.page.goto(f"{service.url}/r/garden#token={token}")
            await mod.page.get_by_role("button", name="Moderate Bob").click()
            dialog = mod.page.get_by_role("dialog")
            await expect(dialog.get_by_label("Where").get_by_role("option")).to_have_count(1)
            await mod.wire.cut()
            await dialog.get_by_role("button", name="Mute").click()
            await expect(dialog.get_by_role("alert")).to_have_text("There is no connection.")
            await mod.page.keyboard.press("Escape")
            await expect(dialog).to_be_hidden()
