"""`/moderation`: what holds against whom, what was done about whom, and doing it."""

from typing import Any

from service import protocol
from service.admission import page_cost
from service.api import OVERSEERS, Api
from service.brokers.directory import TRAIL_LIMIT, Deed, Sanction
from service.identity.auth import User

SANCTIONS_LISTED = 1000  # bans, mutes and slowings in one answer
DEEDS_LISTED = 100  # where nothing is said


class ModerationHandler(Api):
    """`/moderation`: what holds against whom; the socket's `moderate` over HTTP, with the same fields."""

    async def get(self) -> None:
        user = await self.caller_as(*OVERSEERS)
        limit = max(1, min(self.number("limit", SANCTIONS_LISTED), SANCTIONS_LISTED))
        after = self.get_query_argument("after", "")
        self.charge_page(user, "requests", page_cost(limit))
        holding = await self.node.broker.directory.sanctions()
        found = {_sanction_key(sanction): sanction for sanction in holding if self._wanted(user, sanction)}
        keys = [key for key in sorted(found) if key > after]
        listed = [_shown(found[key]) for key in keys[:limit]]
        self.write_json({"sanctions": listed, "next": keys[limit - 1] if limit < len(keys) else None})

    def _wanted(self, by: User, sanction: Sanction) -> bool:
        meant = {"kind": sanction.kind, "room": sanction.room, "user": sanction.guest or sanction.user}
        return self.wanted(by, meant)

    async def post(self) -> None:
        user = await self.caller()
        request = self.body(protocol.Moderate)
        await self.node.moderation.moderate(user, request)
        self.write_json({"user": request.user, "action": request.action, "room": request.room})


class TrailHandler(Api):
    """`GET /moderation/trail`: what was done, the newest first; also what no longer holds."""

    async def get(self) -> None:
        user = await self.caller_as(*OVERSEERS)
        limit = max(1, min(self.number("limit", DEEDS_LISTED), TRAIL_LIMIT))
        after = self.get_query_argument("after", "")
        self.charge_page(user, "requests", page_cost(limit))
        deeds = await self.node.broker.directory.trail()
        if after:
            places = [place for place, deed in enumerate(deeds) if deed.id == after]
            deeds = deeds[places[0] + 1 :] if places else []  # trimmed, and so is all behind it
        found = [deed for deed in deeds if self._wanted(user, deed)]
        following = found[limit - 1].id if limit < len(found) else None
        self.write_json({"deeds": [_told(deed) for deed in found[:limit]], "next": following})

    def _wanted(self, by: User, deed: Deed) -> bool:
        return self.wanted(by, {"action": deed.action, "room": deed.room, "user": deed.user.id, "by": deed.by.id})


def _told(deed: Deed) -> dict[str, Any]:
    return {
        "id": deed.id,
        "at": deed.at,
        "action": deed.action,
        "by": deed.by,
        "user": deed.user,
        "room": deed.room or None,
        "seconds": deed.seconds or None,
        "reason": deed.reason,
        "network": deed.network,
        "seq": deed.seq or None,
    }


def _sanction_key(sanction: Sanction) -> str:
    """What it is listed by. All of a guest's networks are one: nobody is shown an address."""
    where = sanction.room or "*"
    return " ".join((where, sanction.kind, "network of " + sanction.guest if sanction.network else sanction.user))


def _shown(sanction: Sanction) -> dict[str, Any]:
    return {
        "kind": sanction.kind,
        "room": sanction.room or None,
        "user": sanction.guest if sanction.network else sanction.user,
        "network": sanction.network,
        "until": sanction.until or None,
        "by": sanction.by,
        "reason": sanction.reason,
    }
