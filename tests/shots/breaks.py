"""A connection that breaks, what is seen meanwhile, and how it comes back."""

from ..browser import Person, expect
from .stage import Stage, say, scene, told
from .talk import ROOM, talk


@scene("restarting-away", "It restarts; what is written waits")
async def away(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    ada.wire.open = False
    await ada.wire.close(1012)
    await say(ada, "I bring the thick pens.")
    return await told(ada, "Trying again")


@scene("connected", "Back again")
async def connected(stage: Stage) -> Person:
    ada = await stage.ada()
    await ada.wire.cut()
    await told(ada, "The service can’t be reached.")
    await ada.reconnect()
    return await told(ada, "Connected.")


@scene("gap", "Some messages are missing", {"HISTORY_LIMIT": "5"})
async def gap(stage: Stage) -> Person:
    noor = await stage.client("Noor", ROOM)
    ada = await stage.ada(ROOM)
    await say(ada, "Back in an hour.")
    await ada.reads("Back in an hour.")
    await ada.wire.cut()
    for number in range(400):  # history is cut to its limit in steps
        await noor.send(ROOM, f"Guest {number + 1} is in.")
    await ada.reconnect()
    await expect(ada.page.locator(".row-note.gap")).to_be_attached()
    return ada


@scene("behind", "Opened while the service is away: nothing is known of the room")
async def behind(stage: Stage) -> Person:
    ada = await stage.ada(ROOM)
    await ada.wire.cut()
    await say(ada, "This waits.")
    await ada.reload()
    await expect(ada.message("This waits.")).to_be_visible()
    return await told(ada, "The service can’t be reached.")
