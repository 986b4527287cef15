"""The usual way to push Redis Pub/Sub messages to WebSockets with Tornado: what most tutorials end with.

Handlers in a class-level set, one awaited PUBLISH a message, one `listen()` loop that calls `write_message` for each
socket. No history, no rooms, no check of who comes; what a client sends is broadcast as it came, which spares this
server the decoding and encoding that a real one does.
"""

import asyncio
import os
from typing import ClassVar

import redis.asyncio
import tornado.web
import tornado.websocket

CHANNEL = "chat"


class ChatSocket(tornado.websocket.WebSocketHandler):
    """One client."""

    clients: ClassVar[set["ChatSocket"]] = set()
    redis: ClassVar[redis.asyncio.Redis]

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        self.clients.add(self)

    def on_close(self) -> None:
        self.clients.discard(self)

    async def on_message(self, message: str | bytes) -> None:
        await self.redis.publish(CHANNEL, message)


async def broadcast() -> None:
    """Write what the channel brings to every client, for ever."""
    async with ChatSocket.redis.pubsub() as pubsub:
        await pubsub.subscribe(CHANNEL)
        async for item in pubsub.listen():
            if item["type"] != "message":
                continue
            for client in list(ChatSocket.clients):
                try:
                    client.write_message(item["data"])
                except tornado.websocket.WebSocketClosedError:
                    ChatSocket.clients.discard(client)


async def main() -> None:
    ChatSocket.redis = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    application = tornado.web.Application([("/socket", ChatSocket)], log_function=lambda handler: None)
    application.listen(int(os.environ["PORT"]), "127.0.0.1")
    await broadcast()


if __name__ == "__main__":
    asyncio.run(main())
