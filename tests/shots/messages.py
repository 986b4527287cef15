"""Reading and writing in a room."""

from ..browser import Person, expect
from .stage import Stage, go, react, say, scene
from .talk import LONG, MARKUP, ROOM, chatter, talk

FIRST = "Noor"


@scene("empty", "A room in which nobody has said anything")
async def empty(stage: Stage) -> Person:
    ada = await stage.ada("garden")
    await expect(ada.page.locator(".row-note.start")).to_be_visible()
    return ada


@scene("cosy", "A full room, cosy")
async def cosy(stage: Stage) -> Person:
    await chatter(stage, 40)
    await talk(stage)
    return await stage.ada(ROOM)


@scene("compact", "A full room, compact")
async def compact(stage: Stage) -> Person:
    ada = await cosy(stage)
    await ada.page.evaluate("localStorage.setItem('parley.density', 'compact')")
    await ada.reload()
    await ada.online()
    await expect(ada.page.locator("html")).to_have_attribute("data-density", "compact")
    return ada


@scene("markdown", "Markdown")
async def markdown(stage: Stage) -> Person:
    noor = await stage.client(FIRST, ROOM)
    await noor.send(ROOM, MARKUP)
    ada = await stage.ada(ROOM)
    await expect(ada.page.locator(".message pre")).to_be_visible()
    return ada


@scene("folded", "A long message, folded")
async def folded(stage: Stage) -> Person:
    noor = await stage.client(FIRST, ROOM)
    await noor.send(ROOM, LONG)
    ada = await stage.ada(ROOM)
    await expect(ada.page.locator(".fold")).to_be_visible()
    return ada


@scene("scripts", "Right-to-left and other scripts, long words, emoji, an action, and what was changed or removed")
async def scripts(stage: Stage) -> Person:
    noor, layla = await stage.client(FIRST, "world"), await stage.client("ليلى", "world")
    await layla.send("world", "صباح الخير، من يفتح القاعة يوم السبت؟ (10:00)")
    await noor.send("world", "請看 https://example.org/計畫，謝謝。")
    await noor.send("world", "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenhersteller" * 2)
    await noor.send("world", "👩‍👩‍👧‍👦 🎉")
    first = await noor.send("world", "This had a typo")
    await noor.request("edit", room="world", id="edit", target=first["seq"], text="This had no typo at all.")
    gone = await layla.send("world", "Said too soon.")
    await layla.request("remove", room="world", id="remove", target=gone["seq"])
    await noor.send("world", "/me waves")
    for emoji in ("👍", "❤️", "😂", "🎉", "😮", "👏", "🔥", "💯", "🙏", "✅", "👀", "🚀", "🤔", "💡"):
        await react(noor, "world", first["seq"], emoji)
    return await stage.ada("world")


@scene("new", "What came meanwhile, below a line, with the way to its beginning")
async def new(stage: Stage) -> Person:
    noor = await stage.client(FIRST, ROOM)
    ada = await stage.ada(ROOM)
    await say(ada, "Back in an hour.")
    await ada.reads("Back in an hour.")
    await ada.page.evaluate("document.hasFocus = () => false")  # she works in another window
    for number in range(25):
        await noor.send(ROOM, f"Guest {number + 1} is in.")
    await expect(ada.message("Guest 25 is in.")).to_be_visible()
    await expect(ada.page.locator("#jump-new")).to_be_visible()
    return ada


@scene("divider", "The line above what is new")
async def divider(stage: Stage) -> Person:
    ada = await new(stage)
    await ada.page.locator("#jump-new").click()
    await expect(ada.page.locator(".separator.new")).to_be_in_viewport()
    await expect(ada.page.locator("#jump")).to_be_visible()
    return ada


@scene("place", "A link to a message leads there; new messages are offered")
async def place(stage: Stage) -> Person:
    noor = await stage.client(FIRST, ROOM)
    for number in range(90):
        await noor.send(ROOM, f"Guest {number + 1} is in.")
    ada = await stage.visitor()
    await ada.enter("Ada", f"{ROOM}/30")
    await expect(ada.page.locator(".message.linked")).to_be_in_viewport()
    await noor.send(ROOM, "That was the last.")
    await expect(ada.page.locator("#jump.unread")).to_be_visible()
    return ada


@scene("tools", "What can be done with a message")
async def tools(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    await say(ada, "I bring the thick pens.")
    row = ada.page.locator(".message.own:not(.pending)").last
    await (row.tap() if stage.narrow else row.hover())
    await expect(ada.page.get_by_role("toolbar")).to_be_visible()
    return ada


@scene("edit", "A message of one's own is written anew")
async def edit(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    await say(ada, "I bring the thick pens.\nAnd tape.")
    await expect(ada.page.locator(".message.own:not(.pending)").last).to_be_visible()
    await ada.box.press("ArrowUp")
    await expect(ada.page.locator("#editing")).to_be_visible()
    return ada


@scene("removal", "Whether a message is to go")
async def removal(stage: Stage) -> Person:
    ada = await tools(stage)
    await ada.page.locator("[role=toolbar] button", has=ada.page.locator("use[href='#i-remove']")).click()
    await expect(ada.page.get_by_role("dialog")).to_be_visible()
    return ada


@scene("draft", "Several lines, not sent")
async def draft(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    await ada.box.fill("\n".join(f"{number}. a line of a draft" for number in range(1, 16)))
    return ada


@scene("too-long", "More than a message may have")
async def too_long(stage: Stage) -> Person:
    ada = await stage.ada()
    await ada.box.fill("Too much. " * 450)
    await expect(ada.page.locator("#composer-note")).not_to_be_empty()
    return ada


@scene("command", "A command that there isn't is held back")
async def command(stage: Stage) -> Person:
    ada = await stage.ada()
    await say(ada, "/shrug whatever")
    await expect(ada.page.locator("#composer-objection")).not_to_be_empty()
    return ada


async def _offered(stage: Stage, typed: str) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    await ada.box.press_sequentially(typed)
    await expect(ada.page.locator("#offers [role=option]").first).to_be_visible()
    return ada


@scene("offers-people", "People behind @")
async def offers_people(stage: Stage) -> Person:
    return await _offered(stage, "Ask @")


@scene("offers-emoji", "Emoji behind :")
async def offers_emoji(stage: Stage) -> Person:
    return await _offered(stage, "So glad :smi")


@scene("offers-commands", "Commands behind /")
async def offers_commands(stage: Stage) -> Person:
    return await _offered(stage, "/")


@scene("queue", "What waits, over all rooms")
async def queue(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    await ada.wire.cut()
    await say(ada, "I bring the thick pens.", "And tape.")
    await go(ada, "kitchen")
    await say(
        ada,
        "For the kitchen: who has the large coffee pot, and does it still work, or should I bring mine again?",
    )
    await ada.page.locator("#queue summary").click()
    await expect(ada.page.locator("#queue-list > li")).to_have_count(3)
    return ada


@scene("refused", "A message that the service doesn't take")
async def refused(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    moderator = await stage.client("Moderator", role="moderator")
    members = (await moderator.join(ROOM))["members"]
    (user,) = [member["id"] for member in members if member["name"] == "Ada"]
    await moderator.request("moderate", room=ROOM, user=user, action="mute")
    await say(ada, "Buy this!", "And this!")
    await expect(ada.page.locator(".message.failed")).to_have_count(2)
    return ada
