"""The chat page in a real Chromium: the list of rooms, over several tabs, and what is chosen for each room."""

import asyncio
import json
from typing import Any

import pytest
from playwright.async_api import Page

from ..browser import Person, chromium, expect, person
from ..harness import NO_LIMITS, ChatClient, ServiceProcess, make_jwt, wait_until

PHONE = {"width": 390, "height": 780}


async def _second_tab(ada: Person, room: str = "lobby") -> Page:
    tab = await ada.context.new_page()
    ada.watch(tab)
    await tab.goto(f"{ada.url}/r/{room}")
    await expect(tab.locator("#me-state")).to_have_text("Online")
    return tab


async def _lists(page: Page, *rooms: str) -> None:
    """Wait until the page's list has these rooms, in this order."""
    await expect(page.locator("#rooms .room-name")).to_have_text(list(rooms))


async def _join(page: Page, room: str) -> None:
    await page.get_by_role("textbox", name="Join another room").fill(room)
    await page.keyboard.press("Enter")


def _are_counted(service: ServiceProcess, *rooms: str) -> bool:
    """Whether the list of rooms has somebody in each of these; it may be a second old."""
    _, _, body = service.request("GET", "/rooms", headers={"Authorization": f"Bearer {make_jwt('carl', 'Carl')}"})
    found = {room["room"]: room["count"] for room in json.loads(body)["rooms"]}
    return all(found.get(room) for room in rooms)


async def test_two_tabs_that_change_at_the_same_time_agree() -> None:
    """What is joined, left, muted and a favourite: nothing that one tab did is lost by the other's doing."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            tab = await _second_tab(ada)
            # Both work on what they know, before either is told of the other.
            for page, rooms in ((ada.page, ["attic", "hall"]), (tab, ["cellar", "garden"])):
                await page.evaluate(
                    """(rooms) => {
                        const input = document.getElementById("room-input");
                        for (const room of rooms) {
                            input.value = room;
                            input.form.requestSubmit();
                        }
                    }""",
                    rooms,
                )
            every = ["attic", "cellar", "garden", "hall", "lobby"]
            await _lists(ada.page, *every)
            await _lists(tab, *every)
            await expect(ada.page.locator("h1#room-name")).to_have_text("#hall")
            await expect(tab.locator("h1#room-name")).to_have_text("#garden")
            # Two facts of one room, and a room left, while the other tab looks at it.
            other = Person(ada.context, tab, ada.url, ada.wire)
            await ada.choose("lobby", "Favourite")
            await other.choose("lobby", "Muted")
            await other.choose("hall", "Leave #hall")
            for page in (ada.page, tab):
                await _lists(page, "lobby", "attic", "cellar", "garden")
                await expect(page.locator("#rooms li").first).to_contain_text("Favourite")
                await expect(page.locator("#rooms li").first).to_contain_text("Muted")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")
            await ada.reload()
            await _lists(ada.page, "lobby", "attic", "cellar", "garden")


async def test_what_is_unread_is_the_same_in_all_tabs() -> None:
    """Counted in each; read in one, read in all; a muted room counts what speaks to one alone."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await bob.join("garden")
            await bob.join("lobby")
            await bob.send("garden", "first")
            await ada.enter("Ada", "garden")
            await bob.recv("read")
            await _join(ada.page, "lobby")
            await expect(ada.page).to_have_title("#lobby · Parley")
            tab = await _second_tab(ada)
            await bob.send("garden", "hello")
            await bob.send("garden", "@Ada hello")
            for page in (ada.page, tab):
                await expect(page.locator(".badge")).to_have_text(["@1 mentions you", "2 unread"])
                await expect(page).to_have_title("(@1) #lobby · Parley")
            await ada.choose("garden", "Muted")
            for page in (ada.page, tab):
                await expect(page.locator(".badge")).to_have_text(["@1 mentions you"])
            await tab.bring_to_front()
            await tab.locator(".room-link", has_text="garden").click()
            for page in (ada.page, tab):
                await expect(page.locator(".badge")).to_have_count(0)
            await tab.locator(".room-link", has_text="lobby").click()
            await bob.send("garden", "so?")
            await bob.send("lobby", "the control")
            await expect(tab.locator(".message .text")).to_have_text(["the control"])
            await expect(tab.locator(".badge")).to_have_count(0)
            await expect(tab).to_have_title("#lobby · Parley")


async def test_a_tab_keeps_its_rooms_when_somebody_else_comes_in_by_another() -> None:
    """What the browser keeps is theirs then: a tab of somebody before them neither follows it nor changes it."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await _join(ada.page, "garden")
            await _lists(ada.page, "garden", "lobby")
            other = await ada.context.new_page()
            await other.goto(f"{service.url}/static/favicon.svg")
            await other.evaluate(
                """() => {
                    for (const key of Object.keys(localStorage)) localStorage.removeItem(key);
                    localStorage.setItem("parley.owner", "somebody");
                    localStorage.setItem("parley.room.in.theirs", "1");
                }"""
            )
            await ada.choose("lobby", "Favourite")
            await _join(ada.page, "hall")
            await _lists(ada.page, "lobby", "garden", "hall")
            kept = await other.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('parley.room.'))")
            assert kept == ["parley.room.in.theirs"]


async def test_a_list_of_an_earlier_release_is_taken_over() -> None:
    """It was one entry of the storage."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            old = json.dumps(["garden", "hall", 3, "no/room"])
            await ada.context.add_init_script(
                f"if (!localStorage.getItem('parley.name')) localStorage.setItem('parley.rooms', {json.dumps(old)})"
            )
            await ada.enter("Ada")
            await _lists(ada.page, "garden", "hall", "lobby")
            assert await ada.page.evaluate("localStorage.getItem('parley.rooms')") is None


async def test_a_room_s_menu_is_used_by_keyboard() -> None:
    """By arrows and letters; Escape, Tab and Back close it, and the focus returns."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await _join(ada.page, "garden")
            opener = ada.page.get_by_role("button", name="Menu of #garden")
            menu = ada.page.get_by_role("menu", name="Menu of #garden")
            press = ada.page.keyboard.press
            await opener.focus()
            for close in ("Escape", "Tab", "back", "beside"):
                await press("Enter")
                await expect(menu.get_by_role("menuitemcheckbox", name="Favourite")).to_be_focused()
                await expect(opener).to_have_attribute("aria-expanded", "true")
                await press("ArrowUp")
                await expect(menu.get_by_role("menuitem").last).to_be_focused()
                await press("m")
                await expect(menu.get_by_role("menuitemcheckbox", name="Muted")).to_be_focused()
                if close == "back":
                    await ada.page.go_back()
                elif close == "beside":
                    await ada.page.mouse.click(700, 400)
                else:
                    await press(close)
                await expect(menu).to_have_count(0)
                if close == "beside":
                    await opener.focus()
                await expect(opener).to_be_focused()
                await expect(opener).to_have_attribute("aria-expanded", "false")
            await press("Space")
            await expect(menu.get_by_role("menuitemcheckbox", name="Favourite")).to_be_focused()
            await press("m")
            await press("Enter")
            await expect(ada.page.locator(".room-link", has_text="garden")).to_contain_text("Muted")
            await expect(opener).to_be_focused()
            await press("Enter")
            await expect(menu.get_by_role("menuitemcheckbox", name="Muted")).to_be_checked()
            await expect(menu.get_by_role("menuitemcheckbox", name="Favourite")).to_be_focused()
            await press("l")
            await press("Enter")
            await _lists(ada.page, "lobby")
            await expect(ada.page).to_have_url(f"{service.url}/r/lobby")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_phone_the_list_is_a_page_of_its_own(scheme: Any) -> None:
    """An arrow leads back to it; rows are as wide as the screen and high enough for a finger, menus come from below."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(
                browser, service.url, viewport=PHONE, has_touch=True, color_scheme=scheme, reduced_motion="reduce"
            ) as ada,
        ):
            await ada.enter("Ada")
            arrow = ada.page.get_by_role("button", name="Show the room list")
            await arrow.tap()
            await _join(ada.page, "garden")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#garden")
            await arrow.tap()
            await expect(ada.page.locator("#sidebar")).to_be_visible()
            rows = ada.page.locator("#rooms li")
            await expect(rows).to_have_count(2)
            for box in [await rows.nth(number).bounding_box() for number in range(2)]:
                assert box
                assert (box["x"], box["width"]) == (0, 390)
                assert box["height"] >= 44
            await ada.page.get_by_role("button", name="Menu of #lobby").tap()
            menu = ada.page.get_by_role("menu")
            box = await menu.bounding_box()
            assert box
            assert (box["x"], box["width"], box["y"] + box["height"]) == (0, 390, 780)
            assert await ada.axe() == []
            assert await ada.low_contrast() == []
            for behind in ("main.room", "#sidebar .scroll"):
                assert await ada.page.locator(behind).evaluate("node => node.inert")
            await menu.get_by_text("Favourite").tap()
            await _lists(ada.page, "lobby", "garden")
            await ada.page.locator(".room-link", has_text="lobby").tap()
            await expect(ada.page.locator("#sidebar")).to_be_hidden()
            await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_switcher_goes_to_a_room_by_a_part_of_its_name(scheme: Any) -> None:
    """Rooms one is in, those with news first, rooms that exist, and a new one; by keyboard alone, and announced."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url, color_scheme=scheme) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            for room in ("garden", "big-garden", "hall"):
                await bob.join(room)
                await bob.send(room, "first")
            await asyncio.to_thread(wait_until, lambda: _are_counted(service, "garden", "big-garden"), "Bob is counted")
            await ada.enter("Ada", "hall")
            await bob.recv("read")
            await _join(ada.page, "lobby")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")
            await bob.send("hall", "news")
            await expect(ada.page.locator(".badge")).to_have_text("1 unread")
            press, options = ada.page.keyboard.press, ada.page.get_by_role("option")
            box = ada.page.get_by_role("combobox", name="Go to a room")

            await ada.box.focus()
            await press("Control+k")
            await expect(box).to_be_focused()
            await expect(options).to_have_text(
                ["#hall 1 unread", "#lobby You are here", "#big-garden 1 person", "#garden 1 person"]
            )
            await expect(ada.page.locator("#announcer")).to_contain_text("4 rooms")
            await bob.send("hall", "more news")  # while it is open
            await expect(options.first).to_have_text("#hall 2 unread")
            assert await ada.page.locator("main.room").evaluate("node => node.inert")
            assert await ada.axe() == []
            assert await ada.low_contrast() == []
            await ada.page.keyboard.type("gard")
            await expect(options).to_have_text(["#garden 1 person", "#big-garden 1 person", "#gard A new room"])
            await press("ArrowUp")
            await expect(options.nth(2)).to_have_attribute("aria-selected", "true")
            active = await box.get_attribute("aria-activedescendant")
            assert active == await options.nth(2).get_attribute("id")
            await press("ArrowDown")
            await press("ArrowDown")
            await press("Enter")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#big-garden")
            await expect(box).to_have_count(0)
            await expect(ada.box).to_be_focused()
            await ada.page.go_back()
            await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")

            for close in ("Escape", "back", "Control+k"):
                await press("Control+k")
                await expect(box).to_be_focused()
                await ada.page.keyboard.type("?!")
                await expect(options).to_have_count(0)
                await expect(ada.page.get_by_role("dialog")).to_contain_text("A room’s name has only")
                await press("Enter")
                await expect(box).to_be_focused()
                if close == "back":
                    await ada.page.go_back()
                else:
                    await press(close)
                await expect(box).to_have_count(0)
                await expect(ada.box).to_be_focused()
                await expect(ada.page).to_have_url(f"{service.url}/r/lobby")
