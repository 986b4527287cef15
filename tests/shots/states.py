"""Where somebody stands: each state of docs/page.md, by its name there."""

import json

from playwright.async_api import Route

from ..browser import Person, expect
from ..harness import RedisServer
from .entering import SIGN_IN
from .stage import Stage, go, say, scene, told
from .talk import ROOM, talk


async def _answer(somebody: Person, status: int, code: str, message: str = "", retry_after: int = 0) -> None:
    """In the service's place, at POST /tickets from now on."""

    async def answer(route: Route) -> None:
        body = json.dumps({"error": {"code": code, "message": message}})
        await route.fulfill(status=status, body=body, headers={"Retry-After": str(retry_after)} if retry_after else {})

    await somebody.page.route("**/tickets", answer)


async def _refused(stage: Stage, says: str, status: int, code: str, message: str = "", retry_after: int = 0) -> Person:
    """Somebody whose connection breaks, and who gets this answer when they want to come back."""
    await talk(stage)
    ada = await stage.ada(ROOM)
    await _answer(ada, status, code, message, retry_after)
    await ada.wire.close(1001)
    return await told(ada, says)


async def _moderated(stage: Stage, room: str, somebody: str, action: str) -> None:
    moderator = await stage.client("Moderator", role="moderator")
    members = (await moderator.join(room))["members"]
    (user,) = [member["id"] for member in members if member["name"] == somebody]
    reason = "Please no advertisements."
    await moderator.request("moderate", room=room, user=user, action=action, reason=reason)


@scene("connecting", "The page was just opened, and the service takes its time")
async def connecting(stage: Stage) -> Person:
    ada = await stage.visitor()

    async def never(_: Route) -> None: ...

    await ada.page.route("**/tickets", never)
    await ada.page.goto(f"{stage.url}/r/lobby")
    await ada.name_box.fill("Ada")
    await ada.name_box.press("Enter")
    return await told(ada, "Connecting…")


@scene("open", "Several people talk")
async def open_(stage: Stage) -> Person:
    await talk(stage)
    return await stage.ada(ROOM)


@scene("restarting", "The service has said when it restarts")
async def restarting(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    ada.wire.tell({"type": "reconnect", "in_ms": 30_000})
    return await told(ada, "Connecting anew in")


@scene("unreachable", "Nobody answers; what is written waits")
async def unreachable(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    await ada.wire.cut()
    await say(ada, "I bring the thick pens.", "And tape.")
    return await told(ada, "The service can’t be reached.")


@scene("buffered", "WebSockets are blocked, and a proxy holds the stream back")
async def buffered(stage: Stage) -> Person:
    ada = await stage.visitor()

    async def never(_: Route) -> None: ...

    await ada.page.route("**/events", never)
    await ada.page.add_init_script(
        "window.WebSocket = class extends WebSocket {"
        " constructor(url, protocols) { super(url.replace(/socket$/, 'nothing'), protocols); } };"
    )
    await ada.page.goto(f"{stage.url}/r/{ROOM}")
    await ada.name_box.fill("Ada")
    await ada.name_box.press("Enter")
    await expect(ada.page.locator("#me-state.buffered")).to_be_attached(timeout=30_000)
    return ada


@scene("offline", "The device has no network")
async def offline(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    await ada.context.set_offline(True)
    await ada.wire.cut()
    return await told(ada, "You are offline")


@scene("full", "The service takes no more connections")
async def full(stage: Stage) -> Person:
    ada = await stage.ada()
    ada.wire.greetings = [(1013, "this process is full")] * 99
    await ada.wire.close(1001)
    return await told(ada, "The service is full.")


@scene("crowded", "Ada has too many connections open")
async def crowded(stage: Stage) -> Person:
    ada = await stage.ada()
    ada.wire.greetings = [(4429, "too many")] * 99
    await ada.wire.close(1001)
    return await told(ada, "too many connections")


@scene("unavailable", "The service can't reach its broker")
async def unavailable(stage: Stage) -> Person:
    return await _refused(stage, "The service can take nobody in", 503, "unavailable")


@scene("rateLimited", "Too many attempts from this address")
async def rate_limited(stage: Stage) -> Person:
    return await _refused(stage, "too many attempts", 429, "rate_limited", retry_after=30)


@scene("nameTaken", "Somebody took the name while Ada was away")
async def name_taken(stage: Stage) -> Person:
    return await _refused(stage, "has your name", 409, "name_taken")


@scene("removed", "A moderator removed Ada")
async def removed(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    await _moderated(stage, ROOM, "Ada", "kick")
    return await told(ada, "You were removed from")


@scene("banned", "A moderator banned Ada from everywhere")
async def banned(stage: Stage) -> Person:
    return await _refused(stage, "You are banned", 403, "forbidden", "banned: Please no advertisements.")


@scene("signedOut", "Guests may not enter any more", SIGN_IN)
async def signed_out(stage: Stage) -> Person:
    return await _refused(stage, "can’t be entered without an account", 401, "unauthenticated")


@scene("expired", "The sign-in no longer holds", SIGN_IN)
async def expired(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.account(ROOM)
    await _answer(ada, 401, "unauthenticated")
    await ada.wire.close(1001)
    await say(ada, "This waits until I am back.")
    return await told(ada, "your sign-in no longer holds")


@scene("forbidden", "The service takes nobody from here")
async def forbidden(stage: Stage) -> Person:
    return await _refused(stage, "You may not enter here", 403, "forbidden", "This host or origin may not enter.")


@scene("ended", "The service closed the connection for good")
async def ended(stage: Stage) -> Person:
    ada = await stage.ada()
    await ada.wire.close(1008, "too many errors")
    return await told(ada, "too many errors")


@scene("joining", "A room whose messages are awaited")
async def joining(stage: Stage) -> Person:
    ada = await stage.ada()
    ada.wire.freeze()
    await say(ada, "/join garden")
    await expect(ada.page.locator("h1#room-name")).to_have_text("#garden")
    return ada


@scene("live", "A room in which Ada, Noor and Jonas talk")
async def live(stage: Stage) -> Person:
    noor, jonas = await stage.client("Noor", "garden"), await stage.client("Jonas", "garden")
    ada = await stage.ada("garden")
    await noor.send("garden", "Is the ladder back?")
    await say(ada, "In the shed, left of the door.")
    await jonas.send("garden", "Thanks! I take it tomorrow.")
    await noor.raw('{"type":"typing","room":"garden"}')
    await expect(ada.page.locator("#typing")).not_to_be_empty()
    return ada


@scene("readOnly", "Redis is away, and the connection stands", {"REDIS_URL": "redis"})
async def read_only(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    assert isinstance(stage.redis, RedisServer)
    stage.redis.sigstop()
    await say(ada, "I bring the thick pens.")
    return await told(ada, "you can read, and what you write waits")


@scene("slowed", "Ada writes faster than the room takes", {"SEND_RATE": "0.05", "SEND_BURST": "1"})
async def slowed(stage: Stage) -> Person:
    ada = await stage.ada()
    await say(ada, "One.", "Two, right behind it.", "Three.")
    return await told(ada, "You write faster")


@scene("roomBanned", "Banned from the room that is looked at")
async def room_banned(stage: Stage) -> Person:
    await talk(stage)
    ada = await stage.ada(ROOM)
    await _moderated(stage, ROOM, "Ada", "ban")
    await told(ada, "You are banned")
    await ada.page.locator("#banner-ways button").first.click()
    await expect(ada.page.locator("#banner-ways button").last).to_be_visible()
    return ada


@scene("roomForbidden", "A room that Ada's token doesn't name")
async def room_forbidden(stage: Stage) -> Person:
    ada = await stage.account(rooms=["lobby"])
    await say(ada, "/join board")
    return await told(ada, "You may not enter #board")


@scene("roomRefused", "More rooms than the service gives a connection", {"ROOMS_LIMIT": "2"})
async def room_refused(stage: Stage) -> Person:
    ada = await stage.ada()
    await go(ada, "kitchen")
    await say(ada, "/join garden")
    return await told(ada, "can’t be entered")
