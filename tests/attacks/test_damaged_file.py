"""Rows of the embedded broker's file that hold what none should: each costs its room or its user, and nobody a socket.

What test_damaged_rooms.py and test_damaged_state.py are for Redis. While a service runs nobody else can write the file,
so it is spoilt in between.
"""

import sqlite3
from contextlib import closing

import pytest

from service.brokers.sqlite.broker import SqliteBroker

from ..harness import ChatClient, make_jwt
from ..serving import Served, serving
from .test_damaged_rooms import outcome, use

GARBAGE = {
    "text": "'text'",
    "nothing": "''",
    "bytes": "x'00ff'",
    "a fraction": "-1.5",
    "a number": "9223372036854775807",
}
WHOSE = {"room", "name", "n"}  # what says whose a row is stays, else nothing would ask for it
MODERATOR = make_jwt("mod", "Mod", role="moderator")


async def furnish(it: Served) -> None:
    """A row in each table of the room `bad` and of a user at least."""
    async with (
        ChatClient.open(it.url, "Ada") as ada,
        ChatClient.open(it.url, bearer=MODERATOR) as mod,
    ):
        await ada.join("bad")
        await mod.join("bad")
        assert await use(ada, "bad") == ["sent", "sent", "history"], "the control"
        await ada.request("topic", room="bad", id=ada.new_id(), text="tea")
        await mod.raw('{"type":"read","room":"bad","seq":1}')
        await mod.recv("read")
        for action in ("ban", "mute", "slow"):
            await mod.request("moderate", room="bad", user="somebody", action=action, seconds=60)
        await it.node.broker.deliveries.begun()
        position = (await it.node.broker.log.positions(["bad"]))["bad"]
        assert position is not None and await it.node.broker.deliveries.take("bad", "me", 10) is not None
        await it.node.broker.deliveries.save("bad", "me", position, 10)


def spoil(path: str, garbage: str) -> None:
    """All columns of each table but those that say whose a row is, of the room `bad` and of what is no room's."""
    with closing(sqlite3.connect(path)) as db:
        (bad,) = db.execute("SELECT id FROM rooms WHERE name = 'bad'").fetchone()
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
            rows = "true" if table in ("sanctions", "trail") else f"id = {bad}" if table == "rooms" else f"room = {bad}"
            assert db.execute(f"SELECT 1 FROM {table} WHERE {rows}").fetchone(), f"nothing to spoil in {table}"
            for column in columns - WHOSE - ({"id"} if table == "rooms" else set()):
                db.execute(f"UPDATE OR IGNORE {table} SET {column} = {garbage} WHERE {rows}")
        db.commit()


@pytest.mark.expects_log("damaged record")
@pytest.mark.parametrize("kind", GARBAGE)
async def test_spoilt_rows_cost_themselves(broker_urls: dict[str, str], kind: str) -> None:
    """Of each type in each column: the service starts, sockets stay, other rooms work, newcomers and bans hold."""
    env = {"SQLITE_PATH": broker_urls["sqlite"]}
    async with serving(env) as it:
        await furnish(it)
    spoil(env["SQLITE_PATH"], GARBAGE[kind])
    async with (
        serving(env) as it,
        ChatClient.open(it.url, "Ada") as ada,
        ChatClient.open(it.url, "Bob") as bob,
        ChatClient.open(it.url, bearer=MODERATOR) as mod,
    ):
        for client in (ada, bob, mod):
            await client.join("good")
        for client in (ada, mod):
            assert await outcome(client.join("bad")) in ("joined", "unavailable")
            assert set(await use(client, "bad")) <= {"sent", "unavailable", "not_joined", "bad_request", "history"}
        assert await use(bob, "good") == ["sent", "sent", "history"]
        await ada.recv("message", room="good")
        await mod.request("moderate", room="good", user=bob.user["id"], action="mute", seconds=60)
        assert await outcome(bob.send("good", "hush")) == "forbidden"
        async with ChatClient.open(it.url, "Cy") as cy:
            await cy.join("good")
            assert await outcome(cy.send("good", "hello")) == "sent"
        token = {"Authorization": f"Bearer {MODERATOR}"}
        assert (await it.fetch("/rooms", **token)).code == 200 and (await it.fetch("/readyz")).code == 200
        assert b"parley_damaged_records_total{" in (await it.fetch("/metrics")).body
        assert isinstance(it.node.broker, SqliteBroker)
        await it.node.broker.upkeep()
        assert it.node.broker.available
        assert [client.close_code for client in (ada, bob, mod)] == [None, None, None]
