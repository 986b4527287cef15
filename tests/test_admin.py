"""service/admin/ over HTTP: the trail, figures of all processes, what moderators may ask for; and that it is off."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient

from .harness import JWT_SECRET, NO_LIMITS, UNIT, ChatClient, ServiceProcess, make_jwt
from .harness.service_process import ROOT
from .serving import Served, answer, serving

ON = {"ADMIN": "1"}


def bearer(sub: str, name: str, **claims: Any) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {make_jwt(sub, name, **claims)}"}


MOD = bearer("m1", "Mod", role="moderator")
SOME = bearer("m2", "Some", role="moderator", rooms=["garden"])
SERVICE = bearer("s1", "Build", role="service")
USER = bearer("u1", "Ada")


async def ask(
    it: Served, path: str, by: dict[str, str] = MOD, status: int = 200, method: str = "GET", **body: Any
) -> Any:
    """The JSON of an answer that must have this status."""
    response = await it.fetch(path, method, body or None, **by)
    assert response.code == status, (path, response.code, response.body)
    return answer(response)


async def moderate(it: Served, by: dict[str, str] = MOD, status: int = 200, **order: Any) -> None:
    await ask(it, "/moderation", by, status, "POST", **order)


async def trail(it: Served, query: str = "", by: dict[str, str] = MOD) -> list[Any]:
    found: list[Any] = (await ask(it, f"/moderation/trail{query}", by))["deeds"]
    return found


async def test_it_is_off_unless_it_is_asked_for() -> None:
    """A plain 404, as of any path that there isn't; the trail has nothing to do with the page."""
    async with serving() as it:
        for path in ("/admin", "/admin/state"):
            found, other = await it.fetch(path, **MOD), await it.fetch("/elsewhere", **MOD)
            assert (found.code, found.body) == (other.code, other.body) and found.code == 404
        assert await trail(it) == []
    async with serving(ON) as it:
        page, chat = await it.fetch("/admin"), await it.fetch("/")
        assert page.code == 200
        assert page.headers["Content-Security-Policy"] == chat.headers["Content-Security-Policy"]


async def test_the_link_of_the_documents_opens_it() -> None:
    """The line of docs/operations.md, as a shell runs it."""
    (line,) = re.findall(r"^    (echo .*/admin#token=.*)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = os.environ | {"JWT_SECRET": JWT_SECRET, "PATH": path}
    said = subprocess.run(["bash", "-ec", line], cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    address, _, token = said.stdout.strip().partition("#token=")
    assert address == "http://localhost:8000/admin"
    async with serving(ON) as it:
        await ask(it, "/admin/state", {"Authorization": f"Bearer {token}"})


async def test_it_is_for_moderators() -> None:
    """Nobody else is told figures, backends neither; the trail and a room's people backends may read."""
    async with serving(ON) as it, ChatClient.open(it.url, "Bob") as bob:
        await bob.join("garden")
        for path in ("/admin/state", "/moderation/trail", "/rooms/garden/members"):
            assert (await it.fetch(path)).code == 401
            error = (await ask(it, path, USER, 403))["error"]
            assert "moderator" in error["message"] and "yours has the role member" in error["message"]
            await ask(it, path, SERVICE, 403 if path == "/admin/state" else 200)
        people = it.node.broker.presence
        async with asyncio.timeout(5 * UNIT):
            while not (await people.roster("garden")).count:  # which is told of him a moment later
                await asyncio.sleep(0.01)
        for by in (MOD, SOME):
            members = await ask(it, "/rooms/garden/members", by)
            assert [one["name"] for one in members["members"]] == ["Bob"]
        await ask(it, "/rooms/lobby/members", SOME, 404)


async def test_figures_grow_with_what_happens() -> None:
    """What is so now, and counts, of which whoever asks twice makes rates; without a word of rooms."""
    async with serving(ON) as it:
        before = await ask(it, "/admin/state")
        assert before["user"] == {"id": "m1", "name": "Mod"} and before["everywhere"]
        async with ChatClient.open(it.url, "Ada") as ada, ChatClient.open(it.url, "Bob") as bob:
            for client in (ada, bob):
                await client.join("garden")
            for text in ("one", "two"):
                await ada.send("garden", text)
                await bob.recv("message")
            (await it.fetch("/moderation", **USER))
            after = await ask(it, "/admin/state")
        figures, earlier = after["figures"], before["figures"]
        assert figures["group"] == earlier["group"] and figures["seconds"] > earlier["seconds"]
        grown = {name: count - earlier["counted"][name] for name, count in figures["counted"].items()}
        assert grown["published"] == 2 and grown["deliveries"] == 4 and grown["opened"] == 2
        assert grown["refusals"] == 1 and grown["requests"] >= 3
        assert (figures["now"]["sockets"], figures["now"]["rooms"]) == (2, 1)
        assert figures["measured"]["delivery"]["+Inf"] > earlier["measured"]["delivery"]["+Inf"]
        (process,) = figures["processes"]
        assert process["memory"] > 10**6 and 0 < process["descriptors"] < process["descriptors_limit"]
        assert figures["broker"]["fault"] is None and figures["broker"]["kind"] == "sqlite"
        limited = await ask(it, "/admin/state", SOME)
        assert limited["figures"] is None and not limited["everywhere"]


async def test_figures_are_of_all_processes(redis_url: str) -> None:
    """Whichever answers, with Redis."""
    with ServiceProcess(NO_LIMITS | ON | {"REDIS_URL": redis_url, "WEB_CONCURRENCY": "2"}) as service:
        async with ChatClient.open(service.url, "Ada"), ChatClient.open(service.url, "Bob"):
            async with asyncio.timeout(20 * UNIT):
                while True:  # the second process may begin a moment later
                    state = json.loads((await AsyncHTTPClient().fetch(f"{service.url}/admin/state", headers=MOD)).body)
                    if len(state["figures"]["processes"]) == 2:
                        break
                    await asyncio.sleep(0.1)
    assert [process["process"] for process in state["figures"]["processes"]] == [0, 1]
    assert state["figures"]["now"]["processes"] == 2 and state["figures"]["now"]["sockets"] == 2
    assert state["figures"]["broker"]["version"] and state["figures"]["measured"]["round_trip"]["+Inf"] > 0


@pytest.mark.parametrize("broker_env", ["redis", "sqlite"], indirect=True)
async def test_the_trail_says_who_did_what_to_whom(broker_env: dict[str, str]) -> None:
    """When, where, for how long, why; of a guest's network no address; of messages the removal, by socket and HTTP."""
    async with serving(broker_env) as it:
        async with (
            ChatClient.open(it.url, "Bob") as bob,
            ChatClient.open(it.url, None, jwt=MOD["Authorization"][7:]) as mod,
        ):
            for client in (bob, mod):
                await client.join("garden")
            async with asyncio.timeout(5 * UNIT):  # for what is told the broker a moment later
                broker, bobs = it.node.broker, bob.user["id"]
                while not (await broker.directory.networks(bobs) and await broker.presence.find(bobs)):
                    await asyncio.sleep(0.01)
            seqs = [(await bob.send("garden", text))["seq"] for text in ("one", "two", "three")]
            own = (await mod.send("garden", "mine"))["seq"]
            await moderate(it, user=bob.user["id"], action="mute", room="garden", seconds=90, reason="No flooding.")
            await moderate(it, user=bob.user["id"], action="unmute", room="garden")
            await moderate(it, user="u-absent", action="ban")
            await moderate(it, SOME, 403, user="u-absent", action="unban")
            await moderate(it, user=bob.user["id"], action="slow", room="lobby", network=True)
            for seq in (own, seqs[0]):
                await mod.request("remove", room="garden", id=f"r{seq}", target=seq)
            await ask(it, f"/rooms/garden/messages/{seqs[1]}", MOD, method="DELETE")
            await ask(it, f"/rooms/garden/messages/{seqs[1]}", MOD, method="DELETE")  # the same again
            await ask(it, f"/rooms/garden/messages/{seqs[2]}", USER, 403, method="DELETE")
            await ask(it, f"/rooms/garden/messages/{seqs[2]}", SERVICE, method="DELETE")
            await ask(it, f"/rooms/lobby/messages/{seqs[2]}", SOME, 404, method="DELETE")
            await moderate(it, user=bob.user["id"], action="kick", reason="Enough.")
            async with asyncio.timeout(5 * UNIT):
                while len(deeds := await trail(it)) < 8:
                    await asyncio.sleep(0.01)
        person, by = {"id": bob.user["id"], "name": "Bob"}, {"id": "m1", "name": "Mod"}
        assert deeds[0] == {
            "id": deeds[0]["id"],
            "at": deeds[0]["at"],
            "action": "kick",
            "by": by,
            "user": person,
            "room": None,
            "seconds": None,
            "reason": "Enough.",
            "network": False,
            "seq": None,
        }
        told = [(deed["action"], deed["user"], deed["room"], deed["seconds"], deed["seq"]) for deed in reversed(deeds)]
        assert told[:4] == [
            ("mute", person, "garden", 90, None),
            ("unmute", person, "garden", None, None),
            ("ban", {"id": "u-absent", "name": ""}, None, None, None),
            ("slow", person, "lobby", 3600, None),
        ]
        assert sorted(told[4:7]) == [("remove", person, "garden", None, seq) for seq in seqs]
        assert [deed["by"]["id"] for deed in deeds if deed["seq"] == seqs[2]] == ["s1"]
        assert [deed["network"] for deed in deeds].count(True) == 1 and "127.0.0.1" not in str(deeds)
        assert [deed["at"] for deed in deeds] == sorted((deed["at"] for deed in deeds), reverse=True)
        # Some of it: of a room, of a user, some at a time; of what somebody may not enter nothing.
        assert [deed["action"] for deed in await trail(it, "?user=u-absent")] == ["ban"]
        assert await trail(it, f"?limit=3&after={deeds[2]['id']}") == deeds[3:6]
        page = await ask(it, "/moderation/trail?limit=3")
        assert page["next"] == deeds[2]["id"]
        assert await trail(it, "?after=no-such-deed") == []
        assert await trail(it, by=SOME) == [deed for deed in deeds if deed["room"] != "lobby"]
        assert await trail(it, "?room=lobby", SOME) == []
        # Who is purged is in nobody's trail.
        await ask(it, f"/users/{bob.user['id']}", SERVICE, method="DELETE")
        assert [deed["user"]["id"] for deed in await trail(it)] == ["u-absent"]


async def test_moderators_have_a_persons_rate() -> None:
    """And no other reads or removes for them."""
    async with serving(ON | {"JOIN_RATE": "0.1"}) as it:
        for path in ("/admin/state", "/moderation/trail", "/rooms/garden/members"):
            by = bearer(f"m-{path}", "Mod", role="moderator")
            statuses = [(await it.fetch(path, **by)).code for _ in range(30)]
            assert statuses[0] == 200 and statuses[-1] == 429, path
