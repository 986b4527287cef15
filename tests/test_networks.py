"""service/identity/networks.py: the broker comes to know where this process's guests are, and only theirs."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.brokers.base import unavailable
from service.identity.networks import Networks

from .brokers import until
from .harness import UNIT, ChatClient, ChatError, make_jwt
from .harness.chat_client import fetch_ticket
from .serving import Served, outcome, refused, serving

BOB = {"bearer": make_jwt("u-bob", "Bob")}
MODERATOR = {"bearer": make_jwt("u-mod", "Mo", role="moderator")}


class Notes:
    """Of a broker, what networks.py asks of it."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.available = True
        self.refused = 0

    async def note_networks(self, pairs: Sequence[tuple[str, str]]) -> None:
        if ("g-bad", "192.0.2.1") in pairs:
            self.refused += 1
            raise unavailable()
        self.told += pairs


@asynccontextmanager
async def running(notes: Notes, **times: Any) -> AsyncIterator[Networks]:
    kept = Networks(notes, **({"gather": 0.01} | times))  # type: ignore[arg-type]
    task = asyncio.ensure_future(kept.run())
    try:
        yield kept
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_who_comes_is_told_once() -> None:
    """However many sockets of a guest come from one network."""
    async with running(notes := Notes()) as kept:
        for _ in range(3):
            kept.enter("g-1", "192.0.2.1")
        kept.enter("g-1", "192.0.2.2")
        await until(lambda: notes.told, "told")
        await asyncio.sleep(0.05)
        assert notes.told == [("g-1", "192.0.2.1"), ("g-1", "192.0.2.2")]


async def test_who_is_here_is_told_again_and_who_left_is_not() -> None:
    """For the broker forgets; and nothing is kept here of who is gone."""
    async with running(notes := Notes(), again=0.05) as kept:
        kept.enter("g-1", "192.0.2.1")
        kept.enter("g-2", "192.0.2.2")
        await until(lambda: len(notes.told) == 2, "told")
        kept.leave("g-2", "192.0.2.2")
        await until(lambda: notes.told.count(("g-1", "192.0.2.1")) >= 3, "told again")
        assert notes.told.count(("g-2", "192.0.2.2")) <= 2
        kept.leave("g-1", "192.0.2.1")
        kept.leave("g-1", "192.0.2.1")  # once too often does no harm
        assert len(kept) == 0


async def test_more_than_one_batch_is_told_whole() -> None:
    """A crowd goes in parts."""
    async with running(notes := Notes(), batch=10) as kept:
        for number in range(35):
            kept.enter(f"g-{number}", "192.0.2.1")
        await until(lambda: len(notes.told) == 35, "all told")


async def test_the_broker_s_absence_is_waited_for() -> None:
    """Nobody is forgotten meanwhile."""
    notes = Notes()
    notes.available = False
    async with running(notes) as kept:
        kept.enter("g-1", "192.0.2.1")
        await asyncio.sleep(0.05)
        assert notes.told == []
        notes.available = True
        await until(lambda: notes.told == [("g-1", "192.0.2.1")], "told")


async def test_one_who_can_not_be_noted_keeps_nobody_waiting() -> None:
    """Those of the same batch are told with the next round."""
    async with running(notes := Notes(), batch=2) as kept:
        for user in ("g-bad", "g-1", "g-2"):
            kept.enter(user, "192.0.2.1")
        await until(lambda: notes.told == [("g-2", "192.0.2.1")], "the next batch")
        assert notes.refused == 1


async def test_only_guests_are_noted(broker_env: dict[str, str]) -> None:
    """Where your own users come from is nobody's business."""
    async with serving(broker_env) as it:
        async with ChatClient.open(it.url, bearer=make_jwt("u-bob", "Bob")), ChatClient.open(it.url, "Ada") as ada:
            guest = ada.user["id"]
            async with asyncio.timeout(5):
                while await it.node.broker.directory.networks(guest) != ["127.0.0.1"]:
                    await asyncio.sleep(0.01)
            assert await it.node.broker.directory.networks("u-bob") == []
        assert await it.node.broker.directory.networks(guest) == ["127.0.0.1"]  # known for a while
        await until(lambda: len(it.node.networks) == 0, "gone from memory")


# -- networks of guests

PROXIED = {"TRUSTED_PROXIES": "1"}


def from_address(it: Served, name: str | None, address: str, **options: Any) -> Any:
    """A guest from that address."""
    return ChatClient.open(it.url, name, headers={"X-Forwarded-For": address}, **options)


async def test_a_banned_guest_who_comes_back_as_a_new_one_is_refused(broker_env: dict[str, str]) -> None:
    """Until it is lifted, on every way in, with the reason; other networks, and users with tokens, are not."""
    async with (
        serving(broker_env | PROXIED) as it,
        ChatClient.open(it.url, **MODERATOR) as mod,
        from_address(it, "Troll", "192.0.2.7") as troll,
        from_address(it, "Ada", "192.0.2.8") as ada,
    ):
        await known(it, troll)
        ban = {"user": troll.user["id"], "action": "ban", "network": True, "reason": "spam"}
        answer = await mod.request("moderate", **ban)
        assert "192.0.2" not in json.dumps(answer)
        assert await troll.closed() == (4403, "spam")
        assert (await ada.ping())["type"] == "pong"
        with pytest.raises(ChatError) as caught:
            await fetch_ticket(it.url, "Newcomer", {"X-Forwarded-For": "192.0.2.7"})
        assert (caught.value.frame["status"], caught.value.frame["message"]) == (403, "banned: spam")
        assert ada.guest is not None
        async with from_address(it, None, "192.0.2.7", bearer=ada.guest, welcome=False) as moved:
            assert await moved.closed() == (4403, "banned: spam")
        there = {"X_Forwarded_For": "192.0.2.7", "Authorization": f"Bearer {ada.guest}"}
        assert (await it.fetch("/rooms", **there)).code == 403
        async with from_address(it, None, "192.0.2.7", **BOB) as bob:
            await bob.join("lobby")
        await mod.request("moderate", user=troll.user["id"], action="unban", network=True)
        async with from_address(it, "Newcomer", "192.0.2.7") as newcomer:
            await newcomer.join("lobby")


async def test_a_network_s_ban_ends_by_itself_and_counts_an_ipv6_net_as_one(broker_env: dict[str, str]) -> None:
    """Its /64."""
    async with serving(broker_env | PROXIED) as it, ChatClient.open(it.url, **MODERATOR) as mod:
        async with from_address(it, "Troll", "2001:db8::7") as troll:
            await known(it, troll)
        ban = {"user": troll.user["id"], "action": "ban", "network": True, "seconds": 1.0}
        await mod.request("moderate", **ban)  # who has left is still known
        with pytest.raises(ChatError):
            await fetch_ticket(it.url, "Newcomer", {"X-Forwarded-For": "2001:db8::8"})
        async with from_address(it, "Ada", "2001:db8:0:1::7"):
            pass
        async with asyncio.timeout(5 * UNIT):
            while await outcome(fetch_ticket(it.url, "Newcomer", {"X-Forwarded-For": "2001:db8::8"})) != "ok":
                await asyncio.sleep(0.05)


async def test_a_network_is_banned_or_muted_in_a_room(broker_env: dict[str, str]) -> None:
    """Its guests are out of there and may not come in, or may not write; elsewhere they are as before."""
    async with (
        serving(broker_env | PROXIED) as it,
        ChatClient.open(it.url, **MODERATOR) as mod,
        from_address(it, "Troll", "192.0.2.7") as troll,
        from_address(it, "Other", "192.0.2.7") as other,
    ):
        await known(it, troll)
        await other.join("lobby")
        await troll.join("tea")
        order = {"user": troll.user["id"], "network": True, "room": "lobby"}
        await mod.request("moderate", action="mute", **order)
        assert (await refused(other.send("lobby", "x")))[0] == "forbidden"
        await troll.send("tea", "x")
        await mod.request("moderate", action="unmute", **order)
        await other.send("lobby", "x")
        await mod.request("moderate", action="ban", reason="enough", **order)
        assert await other.closed() == (4403, "enough")
        code, frame = await refused(troll.join("lobby"))
        assert (code, frame["message"]) == ("forbidden", "banned: enough")
        await troll.send("tea", "still here")


async def test_a_slowed_network_s_guests_share_what_they_may(broker_env: dict[str, str]) -> None:
    """Otherwise a new guest would be one request away."""
    async with (
        serving(broker_env | PROXIED) as it,
        ChatClient.open(it.url, **MODERATOR) as mod,
        from_address(it, "Troll", "192.0.2.7") as troll,
        from_address(it, "Other", "192.0.2.7") as other,
    ):
        await known(it, troll)
        for client in (troll, other):
            await client.join("lobby")
        await mod.request("moderate", action="slow", user=troll.user["id"], network=True)
        await troll.send("lobby", "one")
        assert (await refused(other.send("lobby", "two")))[0] == "rate_limited"
        async with from_address(it, "Ada", "192.0.2.8") as ada:
            await ada.join("lobby")
            for text in "abc":
                await ada.send("lobby", text)


async def test_the_guides_sockets_are_kept_out_as_well(broker_env: dict[str, str]) -> None:
    """Their speakers are guests: a network can be banned by the name of one, or for another's sake."""
    async with serving(broker_env | PROXIED) as it, ChatClient.open(it.url, **MODERATOR) as mod:
        await mod.join("lobby")
        there = {"X-Forwarded-For": "192.0.2.7"}
        async with (
            it.socket("/submit", additional_headers=there) as submit,
            it.socket("/receive", additional_headers=there) as receive,
            it.socket("/receive", additional_headers={"X-Forwarded-For": "192.0.2.8"}) as elsewhere,
        ):
            await submit.send('{"handle":"Troll","text":"hello"}')
            speaker = (await mod.recv("message"))["user"]["id"]
            async with asyncio.timeout(5 * UNIT):
                while not await it.node.broker.directory.networks(speaker):
                    await asyncio.sleep(0.01)
            order = {"user": speaker, "network": True, "room": "lobby", "reason": "spam"}
            await mod.request("moderate", action="ban", **order)
            async with asyncio.timeout(5 * UNIT):
                await submit.wait_closed()
                await receive.wait_closed()
            assert (submit.close_code, submit.close_reason, receive.close_code) == (4403, "spam", 4403)
            await (await elsewhere.ping())
            async with it.socket("/receive", additional_headers=there) as again, asyncio.timeout(5 * UNIT):
                await again.wait_closed()
            assert (again.close_code, again.close_reason) == (4403, "banned: spam")
            await mod.request("moderate", action="unban", **order)
            async with it.socket("/receive", additional_headers=there) as back:
                await (await back.ping())


async def known(it: Served, client: ChatClient) -> None:
    """Wait until the broker knows where a guest comes from."""
    async with asyncio.timeout(5 * UNIT):
        while not await it.node.broker.directory.networks(client.user["id"]):
            await asyncio.sleep(0.01)
