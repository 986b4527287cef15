"""The operator's page in a real Chromium: what it shows and does, for whom, by which ways in."""

import re
from typing import Any

from playwright.async_api import Locator

from ..browser import Person, chromium, expect, person
from ..harness import NO_LIMITS, ChatClient, RedisServer, ServiceProcess, make_jwt

ON = NO_LIMITS | {"ADMIN": "1"}
NARROW: dict[str, Any] = {"viewport": {"width": 320, "height": 640}, "has_touch": True}
OTHER_SECRET = "a-secret-that-nobody-here-has-0123456789"


async def comes_in(mod: Person, **claims: Any) -> str:
    """By a link with a token."""
    token = make_jwt("mod", "Mod", role="moderator", **claims)
    await mod.page.goto(f"{mod.url}/admin#token={token}")
    await expect(mod.page.get_by_text("Signed in as Mod")).to_be_visible()
    return token


def part(mod: Person, name: str) -> Locator:
    return mod.page.get_by_role("region", name=name, exact=True)


def figure(mod: Person, name: str) -> Locator:
    """The value beside its label."""
    return mod.page.locator("dl > div").filter(has=mod.page.get_by_text(name, exact=True)).locator("dd")


async def is_sound(mod: Person) -> None:
    """By axe, and by the contrast of every text, light and dark; nothing is wider than the window."""
    for scheme in ("light", "dark"):
        await mod.page.emulate_media(color_scheme=scheme)
        assert await mod.axe() == [] and await mod.low_contrast() == []
    wide = "(all) => all.filter((node) => node.scrollWidth > node.clientWidth).map((node) => node.id || node.className)"
    assert await mod.page.locator("html, .admin, .part, dialog").evaluate_all(wide) == []


async def tab_to(mod: Person, wanted: Locator) -> None:
    """By the key alone."""
    for _ in range(60):
        if await wanted.evaluate("node => node === document.activeElement"):
            return
        await mod.page.keyboard.press("Tab")
    raise AssertionError(f"Tab doesn't lead to {wanted}")


async def test_a_moderator_looks_after_a_room_of_two_processes_by_keyboard() -> None:
    """Figures of both; people and messages; mute with Undo, ban with the way back, removal; the trail of it all."""
    with RedisServer() as redis:
        settings = ON | {"REDIS_URL": redis.url, "WEB_CONCURRENCY": "2"}
        with ServiceProcess(settings) as service:
            async with (
                chromium() as browser,
                person(browser, service.url) as mod,
                ChatClient.open(service.url, "Bob") as bob,
                ChatClient.open(service.url, "Eve <b>") as eve,
            ):
                for client in (bob, eve):
                    await client.join("garden")
                await bob.send("garden", "Hello <i>beds</i>")
                await eve.send("garden", "buy this")
                await comes_in(mod)
                keys = mod.page.keyboard
                await expect(figure(mod, "Sockets")).to_have_text("2")
                await expect(figure(mod, "Messages are kept by")).to_contain_text("Redis 7.")
                await expect(part(mod, "Processes").get_by_role("heading", level=3)).to_have_text(
                    ["Process 0", "Process 1"]
                )

                opener = part(mod, "Rooms").get_by_role("button", name="#garden 2 people")
                await tab_to(mod, opener)
                await keys.press("Enter")
                room = part(mod, "#garden")
                await expect(mod.page.get_by_role("heading", name="#garden")).to_be_focused()
                await expect(room.locator(".said")).to_have_text(["buy this", "Hello <i>beds</i>"])  # as text
                await is_sound(mod)

                await tab_to(mod, room.get_by_role("button", name="Moderate Bob").first)
                await keys.press("Enter")
                dialog = mod.page.get_by_role("dialog", name="Moderate Bob")
                await expect(dialog.get_by_label("What to do")).to_be_focused()
                await is_sound(mod)
                await tab_to(mod, dialog.get_by_role("button", name="Mute"))
                await keys.press("Enter")
                muted = part(mod, "In force").get_by_text("Muted in #garden: Bob, until ")
                await expect(muted).to_be_visible()
                undo = mod.page.locator(".toast").get_by_role("button", name="Undo")
                await undo.focus()
                await keys.press("Enter")
                await expect(muted).to_have_count(0)
                assert await bob.send("garden", "thank you")
                await expect(room.locator(".said").first).to_have_text("thank you")

                await tab_to(mod, room.get_by_role("button", name="Remove this message of Eve").first)
                await keys.press("Enter")
                question = mod.page.get_by_role("dialog", name="Remove this message?")
                await expect(question.get_by_role("button", name="Keep it")).to_be_focused()
                await tab_to(mod, question.get_by_role("button", name="Remove"))
                await keys.press("Enter")
                await expect(room.get_by_text("Message removed")).to_be_visible()
                assert (await eve.recv("removed"))["target"] == 2

                await tab_to(mod, room.get_by_role("button", name="Moderate Eve").first)
                await keys.press("Enter")
                dialog = mod.page.get_by_role("dialog", name="Moderate Eve")
                await dialog.get_by_label("What to do").select_option("Ban")
                await dialog.get_by_label("Where").select_option("Everywhere")
                await dialog.get_by_label("Reason").fill("no advertisements")
                await keys.press("Enter")
                assert (await eve.closed())[0] == 4403
                lift = part(mod, "In force").get_by_role("button", name="Lift the ban: Eve <b>")
                await tab_to(mod, lift)
                await keys.press("Enter")
                await expect(part(mod, "In force")).to_contain_text("Nobody is kept from anything.")
                await expect(mod.page.get_by_role("heading", name="In force")).to_be_focused()

                done = part(mod, "What was done").get_by_role("listitem")
                await expect(done.locator(".says")).to_have_text(
                    [
                        "No longer banned everywhere: Eve <b>.",
                        "Banned everywhere: Eve <b>, for 10 minutes.",
                        "Message 2 of Eve <b> was removed in #garden.",
                        "No longer muted in #garden: Bob.",
                        "Muted in #garden: Bob, for 10 minutes.",
                    ]
                )
                facts = re.compile(r"by Mod · Today, \d\d:\d\d · No advertisements\.")
                await expect(done.nth(1).locator(".muted")).to_have_text(facts)
                await tab_to(mod, room.get_by_role("button", name="Close #garden"))
                await keys.press("Enter")
                await expect(room).to_have_count(0)
                await expect(part(mod, "Rooms").get_by_role("button", name="#garden")).to_be_focused()


async def test_who_may_come_in_and_what_stays_of_them() -> None:
    """A token is gone from the address at once, and kept for the tab alone; one for some rooms shows those. Narrow."""
    with ServiceProcess(ON | {"SIGN_IN_URL": "https://accounts.example.com/in"}) as service:
        async with (
            chromium() as browser,
            person(browser, service.url, **NARROW) as mod,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            for room in ("garden", "lobby"):
                await bob.join(room)
            urls: list[str] = []
            mod.page.on("request", lambda request: urls.append(request.url))
            await mod.page.goto(f"{mod.url}/admin")
            await expect(mod.page.get_by_role("button", name="Sign in")).to_be_visible()
            await is_sound(mod)

            # The chat's own of this browser are left as they are.
            await mod.page.evaluate("localStorage.setItem('parley.name', 'Guest')")
            token = await comes_in(mod, rooms=["garden"])
            await expect(mod.page).to_have_url(f"{mod.url}/admin")
            await mod.page.reload()
            rooms = part(mod, "Rooms").get_by_role("listitem")
            await expect(rooms).to_have_text(["#garden 1 person"])
            await expect(part(mod, "How it does")).to_contain_text("Figures of the whole service are shown to those")
            await expect(part(mod, "Processes")).to_have_count(0)
            await rooms.get_by_role("button").tap()
            await part(mod, "#garden").get_by_role("button", name="Moderate Bob").tap()
            options = mod.page.get_by_role("dialog").get_by_label("Where").get_by_role("option")
            await expect(options).to_have_text(["In #garden"])
            await is_sound(mod)
            await mod.page.get_by_role("button", name="Cancel").tap()
            assert not [url for url in urls if token in url]
            kept = await mod.page.evaluate("[{ ...localStorage }, document.cookie, JSON.stringify(history.state)]")
            assert kept[:2] == [{"parley.name": "Guest"}, ""] and token not in kept[2]

            # Another account, by a link followed on the page, that isn't let in; what was kept of it goes.
            for other, why in (
                (make_jwt("u1", "Ada"), "yours has the role member"),
                (make_jwt("mod", "Mod", role="moderator", secret=OTHER_SECRET), "You are signed out."),
            ):
                await comes_in(mod)
                await mod.page.evaluate("token => { location.hash = `token=${token}` }", other)
                await expect(mod.page.get_by_role("alert")).to_contain_text(why)
                await expect(mod.page).to_have_url(f"{mod.url}/admin")
                assert await mod.page.evaluate("sessionStorage.length") == 0
            await comes_in(mod)
            service.stop()
            await mod.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # it asks at once
            trouble = mod.page.get_by_role("alert").filter(has_text="The service can’t be reached.")
            await expect(trouble).to_be_visible()
            await mod.page.get_by_role("button", name="Sign out").tap()
            await expect(mod.page.get_by_role("button", name="Sign in")).to_be_visible()
            assert await mod.page.evaluate("sessionStorage.length") == 0
