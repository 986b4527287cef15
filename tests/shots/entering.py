"""At the entrance."""

import time

from ..browser import Person, expect
from ..harness import make_jwt
from .stage import Stage, scene

SIGN_IN = {"SIGN_IN_URL": "https://accounts.example.com/in"}
ACCOUNTS = {"GUESTS": "0"}


async def _at(stage: Stage, place: str = "/") -> Person:
    someone = await stage.visitor()
    await someone.page.goto(f"{stage.url}{place}")
    await expect(someone.page.locator("#entrance")).to_be_visible()
    return someone


@scene("entrance", "A guest picks a name")
async def entrance(stage: Stage) -> Person:
    return await _at(stage)


@scene("entrance-objections", "Neither a name nor a room that can be")
async def objections(stage: Stage) -> Person:
    someone = await _at(stage)
    room = someone.page.locator("#entrance-room")
    await room.fill("no such!")
    await room.press("Enter")
    await expect(someone.page.locator("#entrance-room-error")).not_to_be_empty()
    return someone


@scene("entrance-name-taken", "Somebody who is here has the name")
async def name_taken(stage: Stage) -> Person:
    await stage.ada()
    someone = await _at(stage)
    await someone.name_box.fill("Ada")
    await someone.name_box.press("Enter")
    await expect(someone.page.locator("#entrance-name-error")).not_to_be_empty()
    return someone


@scene("entrance-sign-in", "A guest, or somebody with an account", SIGN_IN)
async def sign_in(stage: Stage) -> Person:
    return await _at(stage, "/r/garden")


@scene("entrance-accounts", "Only who has an account", ACCOUNTS | SIGN_IN)
async def accounts(stage: Stage) -> Person:
    return await _at(stage)


@scene("entrance-elsewhere", "Only who has an account, who comes from the pages that host the chat", ACCOUNTS)
async def elsewhere(stage: Stage) -> Person:
    return await _at(stage)


@scene("entrance-expired", "A link with a token that ran out", SIGN_IN)
async def expired(stage: Stage) -> Person:
    return await _at(stage, f"/r/garden#token={make_jwt('u1', 'Ada', exp=int(time.time()) - 60)}")


@scene("entrance-asked", "A link that would make Ada somebody else")
async def asked(stage: Stage) -> Person:
    someone = await stage.account()
    await someone.page.goto("about:blank")
    await someone.page.goto(f"{stage.url}/r/garden#token={make_jwt('u2', 'Mallory')}")
    await expect(someone.page.locator("#entrance-refuse")).to_be_visible()
    return someone


@scene("missing", "A page that there isn't")
async def missing(stage: Stage) -> Person:
    someone = await stage.visitor()
    await someone.page.goto(f"{stage.url}/r/no such room!")
    await expect(someone.page.get_by_role("heading")).to_be_visible()
    someone.foresee("status of 404")  # the browser's own word
    return someone
