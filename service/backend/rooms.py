"""`/rooms/<room>`, its members and its export: how a room stands, who is there, all of it, and its end."""

import logging

import msgspec
from msgspec import Struct
from tornado.iostream import StreamClosedError

from service import signals
from service.admission import page_cost
from service.api import no_such_room
from service.backend.handler import BackendHandler
from service.brokers.base import unavailable
from service.brokers.log import Position
from service.brokers.presence import PEOPLE_LIMIT
from service.logs import fields
from service.protocol import PAGE_LIMIT, RequestError, encode
from service.sockets.tornado_private import stream_of

logger = logging.getLogger(__name__)


class _Message(Struct):
    seq: int


_seq_of = msgspec.json.Decoder(_Message).decode


class OneRoomHandler(BackendHandler):
    """What is asked of a room that is there."""

    async def position(self, room: str) -> Position:
        """Where its log stands. Raises 404."""
        position = (await self.node.broker.log.positions([room])).get(room)
        if position is None:
            raise no_such_room()
        return position


class RoomHandler(OneRoomHandler):
    """`/rooms/<room>`: where its log stands, how many are there, what it is about; its end."""

    async def get(self, room: str) -> None:
        user = await self.service_in(room)
        self.charge(user)
        broker, position = self.node.broker, await self.position(room)
        about, roster = await broker.log.about(room), await broker.presence.roster(room)
        answer = {"room": room, "epoch": position.epoch, "seq": position.seq, "count": roster.count}
        self.write_json(answer | {"topic": about.topic, "begun": about.begun})

    async def delete(self, room: str) -> None:
        user = await self.service_in(room)
        self.charge(user)
        log = self.node.broker.log
        if not await log.delete(room):
            raise no_such_room()
        log.signal(room, encode(signals.Deleted()))  # lost, it is found by itself: `Rooms.run`
        extra = fields("room_deleted", room=room, by=user.id)
        logger.info("room %s: deleted by %s", room, user.id, extra=extra)
        self.write_json({"room": room})


class MembersHandler(BackendHandler):
    """`/rooms/<room>/members`: who is there over all processes, some at a time."""

    async def get(self, room: str) -> None:
        user = await self.overseer_in(room)
        limit = min(self.number("limit", PEOPLE_LIMIT), PEOPLE_LIMIT)
        cursor = self.get_query_argument("after", "")
        self.charge_page(user, "pages", page_cost(limit))
        presence = self.node.broker.presence
        members, following = await presence.people(room, max(1, limit), cursor)
        count = (await presence.roster(room)).count
        self.write_json({"room": room, "count": count, "members": members, "next": following or None})


class ExportHandler(OneRoomHandler):
    """`/rooms/<room>/export`: what the room has up to now, a line each, page by page as the reader takes them."""

    async def get(self, room: str) -> None:
        user = await self.service_in(room)
        position = await self.position(room)
        self.charge(user, "pages", page_cost(min(position.seq, self.node.rates.history_limit)))
        about = await self.node.broker.log.about(room)
        self.set_header("Content-Type", "application/x-ndjson; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        where = {"room": room, "epoch": position.epoch, "seq": position.seq}
        if self.request.method == "HEAD":
            return
        try:
            self.write(encode({"type": "room"} | where | {"topic": about.topic, "begun": about.begun}) + b"\n")
            count = await self._messages(room, position)
        except StreamClosedError:
            return
        except RequestError:  # too late to say so: an answer without its end is not whole
            stream_of(self.request).close()
            return
        self.finish(encode({"type": "end", "messages": count}) + b"\n")

    async def _messages(self, room: str, position: Position) -> int:
        """Write them; how many. Raises `RequestError` for a room that is another by now, or can't be read."""
        log, count, seq, more = self.node.broker.log, 0, 0, True
        while more:
            async with self.node.pages:
                page = await log.oldest(room, PAGE_LIMIT, seq)
            if page is None or page.position.epoch != position.epoch:
                raise unavailable("the room was deleted meanwhile")
            frames = [frame for frame in page.frames if _seq_of(frame).seq <= position.seq]
            more = page.more and bool(frames) and len(frames) == len(page.frames)
            seq = _seq_of(frames[-1]).seq if frames else seq
            count += len(frames)
            self.write(b"".join(frame + b"\n" for frame in frames))
            await self.flush()
        return count
