"""What stands around the messages: lists, menus, dialogs."""

from ..browser import Person, expect
from .stage import Stage, go, say, scene
from .talk import ROOM, talk

FAVOURITE, MUTED, MENTIONS = 0, 1, 3  # in a room's menu


async def _choose(somebody: Person, room: str, item: int) -> None:
    """Something in the menu of a room in the list."""
    await somebody.page.locator(f".room-menu[data-room={room}]").click()
    await somebody.page.locator(".menu button").nth(item).click()


async def _everywhere(stage: Stage) -> Person:
    """Ada in several rooms, with news in them, and others that she isn't in."""
    people = await talk(stage)
    for name, room in (("Noor", "kitchen"), ("Jonas", "garden"), ("Priya", "music"), ("Tomás", "website")):
        await people[name].join(room)
        await people[name].send(room, "First.")
    ada = await stage.ada("kitchen")
    await go(ada, "garden")
    await go(ada, ROOM)
    await people["Noor"].send("kitchen", "The oven is on.")
    await people["Noor"].send("kitchen", "@Ada do you have the large pot?")
    await people["Jonas"].send("garden", "It rains.")
    await expect(ada.page.locator("#rooms .badge")).to_have_count(3)
    return ada


async def _list(stage: Stage) -> Person:
    """The same with the list in sight."""
    ada = await _everywhere(stage)
    if stage.narrow:
        await ada.page.locator("#open-rooms").tap()
    await expect(ada.page.locator("#sidebar")).to_be_visible()
    return ada


@scene("rooms", "The list of rooms, with what is unread; on a phone a page of its own")
async def rooms(stage: Stage) -> Person:
    ada = await _list(stage)
    await _choose(ada, "garden", FAVOURITE)
    await _choose(ada, ROOM, MUTED)
    await expect(ada.page.locator(".sign.muted")).to_be_visible()
    return ada


@scene("people", "Who is here, and who spoke lately; on a phone a drawer")
async def people(stage: Stage) -> Person:
    members = await talk(stage)
    for name in ("Samuel", "Priya"):
        await members[name].close()
    ada = await stage.ada(ROOM)
    if stage.narrow:
        await ada.page.locator("#open-people").tap()
    await expect(ada.page.locator("#people")).to_be_visible()
    return ada


@scene("menu", "A room's menu, with the choice of notifications")
async def menu(stage: Stage) -> Person:
    ada = await _list(stage)
    await ada.page.locator(".room-menu[data-room=kitchen]").click()
    await expect(ada.page.get_by_role("menu")).to_be_visible()
    return ada


@scene("notifications-denied", "The browser says no to notifications")
async def denied(stage: Stage) -> Person:
    ada = await stage.visitor()
    await ada.context.add_init_script("Notification.requestPermission = async () => 'denied'")
    await ada.enter("Ada")
    await ada.page.wait_for_load_state("networkidle")  # what offers notifications comes behind the page
    if stage.narrow:
        await ada.page.locator("#open-rooms").tap()
    await _choose(ada, "lobby", MENTIONS)
    await expect(ada.page.locator(".toast")).to_be_visible()
    return ada


@scene("switcher", "Another room by a part of its name")
async def switcher(stage: Stage) -> Person:
    ada = await _everywhere(stage)
    await ada.page.keyboard.press("Control+k")
    await expect(ada.page.get_by_role("option").first).to_be_visible()
    return ada


@scene("switcher-new", "A part of a name that no room has")
async def switcher_new(stage: Stage) -> Person:
    ada = await switcher(stage)
    await ada.page.keyboard.type("ki")
    await expect(ada.page.locator("#switcher-list .room-name").last).to_have_text("ki")
    return ada


@scene("about", "What the room is about, for who began it")
async def about(stage: Stage) -> Person:
    ada = await stage.ada("garden")
    await say(ada, "Hello, beds.")
    await ada.reads("Hello, beds.")
    await ada.page.locator("#open-about").click()
    await ada.page.locator("#topic").fill("Beds, borders, and who waters on which day")
    return ada


@scene("about-read", "The same for others")
async def about_read(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    await ada.page.locator("#open-about").click()
    await expect(ada.page.get_by_role("dialog")).to_be_visible()
    return ada


@scene("picker", "Any emoji")
async def picker(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    await ada.page.locator("#emoji").click()
    await expect(ada.page.locator(".cell").first).to_be_visible()
    return ada


@scene("picker-search", "Emoji by name, with skin tones")
async def picker_search(stage: Stage) -> Person:
    ada = await picker(stage)
    await ada.page.locator(".picker-search").fill("wav")
    await ada.page.locator(".picker-head button").click()
    await expect(ada.page.get_by_role("radio").first).to_be_visible()
    return ada


@scene("settings", "Colours and density")
async def settings(stage: Stage) -> Person:
    ada = await _list(stage)
    await ada.page.locator("#open-settings").click()
    await expect(ada.page.get_by_role("dialog")).to_be_visible()
    return ada


@scene("rename", "Another name, which somebody has")
async def rename(stage: Stage) -> Person:
    other = await stage.visitor()
    await other.enter("Noor", ROOM)
    ada = await stage.ada(ROOM)
    await say(ada, "/nick Noor")
    await expect(
        ada.page.locator(".toast, #composer-objection:not(:empty), #rename-error:not(:empty)").first
    ).to_be_visible()
    return ada


@scene("rename-dialog", "Another name")
async def rename_dialog(stage: Stage) -> Person:
    ada = await _list(stage)
    await ada.page.locator("#me-rename").click()
    await ada.page.locator("#rename-name").fill("Noor")
    await expect(ada.page.get_by_role("dialog")).to_be_visible()
    return ada


@scene("help", "What can be written")
async def help_(stage: Stage) -> Person:
    ada = await stage.ada()
    await say(ada, "/help")
    await expect(ada.page.get_by_role("dialog")).to_be_visible()
    return ada


@scene("sign-out", "Whether one wants to go, with what would not be sent")
async def sign_out(stage: Stage) -> Person:
    ada = await stage.account(ROOM)
    await ada.wire.cut()
    await say(ada, "Never sent.")
    if stage.narrow:
        await ada.page.locator("#open-rooms").tap()
    await ada.page.locator("#me-out").click()
    await expect(ada.page.get_by_role("dialog")).to_be_visible()
    return ada


async def _moderation(stage: Stage) -> Person:
    await talk(stage)
    mod = await stage.account(ROOM, "Mod", role="moderator")
    if stage.narrow:
        await mod.page.locator("#open-people").tap()
    await mod.page.locator("#members li", has_text="Jonas").locator(".moderate").click()
    await expect(mod.page.get_by_role("dialog")).to_be_visible()
    return mod


@scene("moderation", "What a moderator can do about somebody")
async def moderation(stage: Stage) -> Person:
    mod = await _moderation(stage)
    dialog = mod.page.get_by_role("dialog")
    await dialog.locator("select").first.select_option("ban")
    await dialog.locator("input:not([type=checkbox])").fill("Please no advertisements.")
    return mod


@scene("undo", "What a moderator did, and the way back")
async def undo(stage: Stage) -> Person:
    mod = await _moderation(stage)
    dialog = mod.page.get_by_role("dialog")
    await dialog.locator("select").first.select_option("mute")
    await dialog.locator("[type=submit]").click()
    await mod.page.locator(".toast").get_by_role("button").first.focus()
    return mod
