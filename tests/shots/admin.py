"""The operator's page, behind its door and before it."""

from typing import Any

from ..browser import Person, expect
from ..harness import make_jwt
from .stage import Stage, scene
from .talk import ROOM, talk

ON = {"ADMIN": "1"}


async def _desk(stage: Stage, **claims: Any) -> Person:
    mod = await stage.visitor()
    token = make_jwt("mod", "Mod", role="moderator", **claims)
    await mod.page.goto(f"{stage.url}/admin#token={token}")
    await expect(mod.page.get_by_role("heading", name="Rooms", exact=True)).to_be_visible()
    return mod


@scene("admin", "The operator's page: how the service does", ON)
async def admin(stage: Stage) -> Person:
    people = await talk(stage)
    await people["Jonas"].join("garden")
    mod = await _desk(stage)
    await expect(mod.page.get_by_text("Rates and times are those of")).to_be_visible()
    return mod


@scene("admin-room", "A room on it, with sanctions and the trail", ON)
async def admin_room(stage: Stage) -> Person:
    people = await talk(stage)
    keeper = await stage.client("Keeper", ROOM, role="moderator")
    for name, action, more in (
        ("Jonas", "mute", {"seconds": 600, "room": ROOM}),
        ("Noor", "slow", {"room": ROOM}),
        ("Priya", "ban", {"seconds": 86400, "reason": "Please no advertisements."}),
        ("Noor", "unslow", {"room": ROOM}),
    ):
        await keeper.request("moderate", user=people[name].user["id"], action=action, **more)
    mod = await _desk(stage)
    await mod.page.get_by_role("button", name=f"#{ROOM}").click()
    await expect(mod.page.get_by_role("heading", name="Newest messages")).to_be_visible()
    await expect(mod.page.get_by_role("button", name="Remove this message").first).to_be_visible()
    await mod.page.locator("#room").evaluate("node => node.scrollIntoView()")
    return mod


@scene("admin-record", "What holds and what was done, on a phone further down", ON)
async def admin_record(stage: Stage) -> Person:
    mod = await admin_room(stage)
    await mod.page.locator("#sanctions").evaluate("node => node.scrollIntoView()")
    return mod


@scene("admin-limited", "With a token for some rooms", ON)
async def admin_limited(stage: Stage) -> Person:
    await talk(stage)
    return await _desk(stage, rooms=[ROOM])


@scene("admin-door", "Before it, where one signs in", ON | {"SIGN_IN_URL": "https://accounts.example.com/in"})
async def admin_door(stage: Stage) -> Person:
    mod = await stage.visitor()
    await mod.page.goto(f"{stage.url}/admin")
    await expect(mod.page.get_by_role("button", name="Sign in")).to_be_visible()
    return mod
