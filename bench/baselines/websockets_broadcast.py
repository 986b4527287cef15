"""The `websockets` library's own way to reach many clients: its `broadcast()`, fed by redis-py's Pub/Sub.

https://websockets.readthedocs.io/en/stable/topics/broadcast.html
"""

import asyncio
import os

import redis.asyncio
from websockets.asyncio.server import ServerConnection, broadcast, serve

CHANNEL = "chat"
clients: set[ServerConnection] = set()


async def main() -> None:
    client = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)

    async def chat(connection: ServerConnection) -> None:
        clients.add(connection)
        try:
            async for message in connection:
                await client.publish(CHANNEL, message)
        finally:
            clients.discard(connection)

    port = int(os.environ["PORT"])
    # No pings, as from the service in the runs that count bytes.
    async with serve(chat, "127.0.0.1", port, compression=None, ping_interval=None), client.pubsub() as pubsub:
        await pubsub.subscribe(CHANNEL)
        async for item in pubsub.listen():
            if item["type"] == "message":
                broadcast(clients, item["data"])


if __name__ == "__main__":
    asyncio.run(main())
