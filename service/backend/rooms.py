"""`/rooms/<room>` and its members: how a room stands, and who is there."""

from service.api import no_such_room
from service.backend.handler import BackendHandler
from service.brokers.presence import PEOPLE_LIMIT


class RoomHandler(BackendHandler):
    """`/rooms/<room>`: where its log stands, how many are there, what it is about."""

    async def get(self, room: str) -> None:
        user = await self.service_in(room)
        self.charge(user)
        broker = self.node.broker
        position = (await broker.log.positions([room])).get(room)
        if position is None:
            raise no_such_room()
        about, roster = await broker.log.about(room), await broker.presence.roster(room)
        answer = {"room": room, "epoch": position.epoch, "seq": position.seq, "count": roster.count}
        self.write_json(answer | {"topic": about.topic, "begun": about.begun})


class MembersHandler(BackendHandler):
    """`/rooms/<room>/members`: who is there over all processes, some at a time."""

    async def get(self, room: str) -> None:
        user = await self.service_in(room)
        limit = min(self.number("limit", PEOPLE_LIMIT), PEOPLE_LIMIT)
        cursor = self.get_query_argument("after", "")
        self.charge(user, "pages", 1 + limit // 50)
        presence = self.node.broker.presence
        members, following = await presence.people(room, max(1, limit), cursor)
        count = (await presence.roster(room)).count
        self.write_json({"room": room, "count": count, "members": members, "next": following or None})
