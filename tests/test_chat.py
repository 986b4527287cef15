"""service/chat.py and actions.py: every action of the contract, through real sockets, on both brokers."""

import asyncio
import gc
import json
import socket
import time
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from service import admission, metrics, protocol, session
from service.brokers.base import unavailable
from service.chat import ChatHandler
from service.identity.auth import User
from service.protocol import MEMBERS_LIMIT, Action, Moderate, Person
from service.rooms import moderation
from service.session import Session
from service.sockets.connection import Connection

from .brokers import message, store, until
from .harness import NO_LIMITS, SECRET_KEY, UNIT, ChatClient, ChatError, RedisServer, ServiceProcess, make_jwt
from .metrics import total
from .serving import GATHER, Served, alive, fields, outcome, refused, serving

ADA, BOB = {"bearer": make_jwt("u-ada", "Ada")}, {"bearer": make_jwt("u-bob", "Bob")}
CY = {"bearer": make_jwt("u-cy", "Cy")}
MODERATOR = {"bearer": make_jwt("u-mod", "Mo", role="moderator")}


def enter(it: Served, who: dict[str, str] = ADA, **options: Any) -> Any:
    return ChatClient.open(it.url, **who, **options)


async def texts(client: ChatClient, count: int) -> list[str]:
    return [(await client.recv("message"))["text"] for _ in range(count)]


# -- getting in


async def test_welcome_comes_first_and_says_the_limits(broker_env: dict[str, str]) -> None:
    """Who one is, the version, the heartbeat and what may be sent."""
    async with serving(broker_env | {"PING_INTERVAL": "20", "TEXT_LIMIT": "100"}) as it, enter(it) as ada:
        assert ada.frames == [
            {
                "type": "welcome",
                "user": {"id": "u-ada", "name": "Ada"},
                "version": 1,
                "heartbeat": 20.0,
                "limits": {"text": 100, "frame": 65536, "rooms": 50},
            }
        ]
        assert ada.connection.subprotocol == "chat.v1"


async def test_a_guest_stays_the_same_guest_by_their_token(broker_env: dict[str, str]) -> None:
    """The token that came with the ticket brings them back, through POST /tickets or on the handshake itself."""
    async with serving(broker_env) as it:
        async with ChatClient.open(it.url, "Ada") as first:
            pass
        async with ChatClient.open(it.url, "Ada", guest=first.guest) as again:
            assert again.user == first.user
        assert first.guest is not None
        async with ChatClient.open(it.url, bearer=first.guest) as bearer:
            assert bearer.user == first.user


@pytest.mark.parametrize("way", ["closed", "cut", "removed"])
async def test_nothing_of_a_session_lives_on(broker_env: dict[str, str], way: str) -> None:
    """It and its connection are freed by their counts of references: the collector of circles is rarely asked."""
    async with serving(broker_env) as it, enter(it, MODERATOR) as mod:
        gc.collect()
        gc.disable()
        try:
            before = alive(Session, Connection)
            async with enter(it) as ada:
                await ada.join("lobby")
                await ada.send("lobby", "hello")
                assert alive(Session, Connection) == before + 2
                if way == "cut":
                    ada.abort()
                elif way == "removed":
                    await mod.request("moderate", user="u-ada", action="kick")
            await until(lambda: alive(Session, Connection) == before, "both freed")
        finally:
            gc.enable()


NO_ORIGIN: dict[str, Any] = {"headers": {"Origin": None}}


async def test_a_client_without_an_origin_enters_by_a_ticket_renews_and_returns(broker_env: dict[str, str]) -> None:
    """Its tickets serve handshakes without an Origin: the one it asked for, the one of `renew`, that of `reconnect`."""
    async with serving(broker_env | {"DRAIN_SECONDS": "1"}) as it:
        async with ChatClient.open(it.url, "Ada", **NO_ORIGIN) as ada:
            again = await it.fetch("/tickets", "POST", {"guest": ada.guest})
            renewed = await ada.request("renew", ticket=json.loads(again.body)["ticket"])
            assert renewed["type"] == "renewed" and renewed["expires_in"] > 86400
            bound = await it.fetch("/tickets", "POST", {"guest": ada.guest}, Origin=it.url)
            assert (await refused(ada.request("renew", ticket=json.loads(bound.body)["ticket"])))[0] == "forbidden"
        async with enter(it, ADA, **NO_ORIGIN) as ada:
            ticket = await next(iter(ChatHandler.sessions)).next_ticket()
            async with ChatClient.open(it.url, ticket=str(ticket), **NO_ORIGIN) as back:
                assert back.user == ada.user


async def test_tickets_serve_their_own_kind_of_handshake() -> None:
    """One of no Origin is used up by an Origin; one of an Origin gets 403 without one, and is not even read."""
    async with serving() as it:
        direct = json.loads((await it.fetch("/tickets", "POST", {"name": "Ada"})).body)["ticket"]
        for _ in range(2):
            async with ChatClient.open(it.url, ticket=direct, welcome=False) as client:
                assert (await client.closed())[0] == 4401
        async with ChatClient.open(it.url, ticket=direct, welcome=False, **NO_ORIGIN) as client:
            assert (await client.closed())[0] == 4401
        bound = json.loads((await it.fetch("/tickets", "POST", {"name": "Bob"}, Origin=it.url)).body)["ticket"]
        with pytest.raises(InvalidStatus) as caught:
            await ChatClient.enter(it.url, ticket=bound, **NO_ORIGIN)
        assert caught.value.response.status_code == 403
        async with ChatClient.open(it.url, ticket=bound) as bob:
            assert bob.user["name"] == "Bob"


async def test_an_app_enters_by_its_own_origin() -> None:
    """One that is named in ALLOWED_ORIGINS; its ticket is bound to it, and no other app's page enters."""
    app, other = "capacitor://localhost", "tauri://localhost"
    async with serving({"ALLOWED_ORIGINS": app}) as it:
        async with ChatClient.open(it.url, "Ada", headers={"Origin": app}) as ada:
            assert (await ada.join("lobby"))["count"] == 1
        with pytest.raises(ChatError) as caught:
            await ChatClient.enter(it.url, "Bob", headers={"Origin": other})
        assert caught.value.code == "forbidden"
        with pytest.raises(InvalidStatus):
            await ChatClient.enter(it.url, bearer=ADA["bearer"], headers={"Origin": other})


def guest(it: Served, name: str) -> tuple[User, str]:
    """A guest and their token, made without asking anybody for the name."""
    return it.node.authenticator.guest(name)


async def test_each_way_in_asks_whose_the_name_is(broker_env: dict[str, str]) -> None:
    """While Ada is here another guest is Ada by no way in; a user of one's own is, whose name is not asked."""
    async with serving(broker_env) as it, ChatClient.open(it.url, "Ada") as ada:
        stranger, token = guest(it, "ADA")
        network = next(iter(ChatHandler.sessions)).network
        response = await it.fetch("/tickets", "POST", {"name": "ada"}, Origin=it.url)
        assert response.code == 409
        response = await it.fetch("/tickets", "POST", {"guest": token}, Origin=it.url)
        assert response.code == 409
        response = await it.fetch("/tickets", "POST", {}, Origin=it.url, Authorization=f"Bearer {token}")
        assert response.code == 409
        async with ChatClient.open(it.url, bearer=token, welcome=False) as client:
            assert await client.closed() == (4401, "name_taken")
        ticket = await it.node.tickets.issue(stranger, network, it.url)
        async with ChatClient.open(it.url, ticket=ticket, welcome=False) as client:
            assert await client.closed() == (4401, "name_taken")
        async with ChatClient.open(it.url, "Bob") as bob:
            disguised = User(bob.user["id"], "Ada", guest=True)
            ticket = await it.node.tickets.issue(disguised, network, it.url)
            assert (await refused(bob.request("renew", ticket=ticket)))[1]["message"] == "name_taken"
            await bob.join("lobby")
            await bob.send("lobby", "x")
            assert (await bob.recv("message"))["user"]["name"] == "Bob"
        async with ChatClient.open(it.url, "Ada", guest=ada.guest) as second:
            assert second.user == ada.user
        async with enter(it, {"bearer": make_jwt("u1", "Ada")}) as user:
            assert user.user == {"id": "u1", "name": "Ada"}


async def test_a_name_is_held_by_a_bearer_too(broker_env: dict[str, str]) -> None:
    """Who came by a token on the handshake, their own guest's or their user's, is the only one of that name."""
    async with serving(broker_env) as it:
        _, token = guest(it, "Ada")
        async with enter(it, {"bearer": token}), enter(it, {"bearer": make_jwt("u1", "Bob")}):
            for name in ("Ada", "Bob"):
                assert (await it.fetch("/tickets", "POST", {"name": name}, Origin=it.url)).code == 409


async def test_the_banned_take_no_name() -> None:
    """They are refused as before, and who comes next may have it."""
    async with serving() as it:
        banned, token = guest(it, "Ada")
        async with enter(it, MODERATOR) as mod:
            await mod.request("moderate", user=banned.id, action="ban")
            async with ChatClient.open(it.url, bearer=token, welcome=False) as client:
                assert (await client.closed())[0] == 4403
        async with ChatClient.open(it.url, "Ada") as ada:
            assert ada.user["id"] != banned.id


async def test_a_guest_who_takes_another_name_has_it_on_every_socket(broker_env: dict[str, str]) -> None:
    """One name a guest: what an open socket says from then on is said under the new one, and the old one is free."""
    async with serving(broker_env) as it, ChatClient.open(it.url, "Ada") as first:
        await first.join("lobby")
        async with ChatClient.open(it.url, "Byron", guest=first.guest) as second:
            assert second.user == {"id": first.user["id"], "name": "Byron"}
            await until(lambda: {one.user.name for one in ChatHandler.sessions} == {"Byron"}, "one name")
            await first.send("lobby", "x")
            assert (await first.recv("message"))["user"]["name"] == "Byron"
            assert (await it.fetch("/tickets", "POST", {"name": "Byron"}, Origin=it.url)).code == 409
            async with ChatClient.open(it.url, "Carl") as carl:
                named = [member["name"] for member in (await carl.join("lobby"))["members"]]
                assert sorted(named) == ["Byron", "Carl"]


async def test_the_new_name_is_told_to_other_processes(redis_url: str) -> None:
    """From the answer to POST /tickets on, wherever the guest's sockets are."""
    env = {"REDIS_URL": redis_url}
    with ServiceProcess(env | {"SECRET_KEY": SECRET_KEY, "PORT": "0"} | NO_LIMITS) as other:
        async with serving(env) as it, ChatClient.open(other.url, "Ada") as ada:
            await ada.join("lobby")
            body = {"name": "Byron", "guest": ada.guest}
            assert (await it.fetch("/tickets", "POST", body, Origin=it.url)).code == 201
            async with asyncio.timeout(5 * UNIT):
                while True:
                    await ada.send("lobby", "x")
                    if (await ada.recv("message"))["user"]["name"] == "Byron":
                        break


@pytest.mark.parametrize(
    "credential", [{"ticket": "x" * 43}, {"ticket": ""}, {"bearer": "no.token"}, {"bearer": make_jwt("u", "U", exp=1)}]
)
async def test_bad_credentials_complete_the_handshake_and_close_4401(credential: dict[str, str]) -> None:
    """So that a browser can tell why."""
    async with serving() as it, ChatClient.open(it.url, **credential, welcome=False) as client:
        assert (await client.closed())[0] == 4401
        assert client.frames == []


async def test_a_handshake_without_any_credential_is_closed_4401() -> None:
    """An Origin alone proves nothing."""
    async with serving() as it, it.socket("/socket", subprotocols=["chat.v1"]) as client:
        await client.wait_closed()
        assert (client.close_code, client.close_reason) == (4401, "a ticket or a token is missing")


async def test_more_sockets_of_one_user_are_closed_4429() -> None:
    """CONNECTIONS_PER_USER; one that closes makes room for another."""
    async with serving({"CONNECTIONS_PER_USER": "2"}) as it, enter(it), enter(it) as second:
        async with enter(it, welcome=False) as third:
            assert (await third.closed())[0] == 4429
        async with enter(it, BOB):
            pass
        await second.close()
        await until(lambda: len(ChatHandler.sessions) == 1, "its place free")
        async with enter(it):
            pass


async def test_more_sockets_of_one_address_are_closed_4429() -> None:
    """CONNECTIONS_PER_ADDRESS counts whoever they are."""
    async with serving({"CONNECTIONS_PER_ADDRESS": "1"}) as it, enter(it), enter(it, BOB, welcome=False) as second:
        assert (await second.closed())[0] == 4429


async def test_a_full_process_closes_1013() -> None:
    """CONNECTIONS_LIMIT: come back later."""
    async with serving({"CONNECTIONS_LIMIT": "1"}) as it:
        async with enter(it), enter(it, BOB, welcome=False) as second:
            assert (await second.closed())[0] == 1013
        await until(lambda: it.node.admission.connections == 0, "counted out")
        async with enter(it, BOB):
            pass


async def test_a_handshake_while_the_broker_is_away_is_closed_1013(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can be told from anybody; it is not the client's fault, so it comes back later."""
    async with serving() as it:
        async with ChatClient.open(it.url, "Ada"):
            pass

        async def away(*_: object) -> None:
            raise unavailable()

        monkeypatch.setattr(it.node.tickets, "redeem", away)
        async with ChatClient.open(it.url, "Bob", welcome=False) as client:
            assert await client.closed() == (1013, "the broker is away")


async def test_welcome_says_how_much_is_unread(broker_env: dict[str, str]) -> None:
    """In each room where the user has read something, what others said there."""
    async with serving(broker_env) as it:
        async with enter(it) as ada, enter(it, BOB) as bob:
            await ada.join("lobby")
            await bob.join("lobby")
            for number in range(3):
                await bob.send("lobby", f"{number}")
            await ada.recv("message", seq=3)
            await ada.raw('{"type":"read","room":"lobby","seq":1}')
            await ada.recv("read")
        async with enter(it) as ada:
            assert ada.frames[0]["unread"] == {"lobby": 2}


# -- join


async def test_a_fresh_join_shows_the_newest_messages(broker_env: dict[str, str]) -> None:
    """`limit` of them, oldest first, and whether there are more; members and count include oneself."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        first = await ada.join("lobby")
        assert fields(first, "type", "room", "seq", "resumed", "messages", "more", "count", "reads") == {
            "type": "joined",
            "room": "lobby",
            "seq": 0,
            "resumed": False,
            "messages": [],
            "more": False,
            "count": 1,
            "reads": {},
        }
        assert first["members"] == [{"id": "u-ada", "name": "Ada"}]
        for number in range(1, 6):
            await ada.send("lobby", f"m{number}")
        joined = await bob.join("lobby", limit=3)
        assert [message["text"] for message in joined["messages"]] == ["m3", "m4", "m5"]
        assert fields(joined, "epoch", "seq", "more", "count") == {
            "epoch": first["epoch"],
            "seq": 5,
            "more": True,
            "count": 2,
        }
        assert {member["id"] for member in joined["members"]} == {"u-ada", "u-bob"}
        shown = joined["messages"][-1]
        sent = await ada.recv("message", seq=5)
        assert shown == sent
        assert set(shown) == {"type", "room", "seq", "id", "user", "text", "at"}


async def test_the_page_of_a_join_has_its_bounds(broker_env: dict[str, str]) -> None:
    """None with `limit` 0, 50 without one, 200 at the most."""
    async with serving(broker_env) as it, enter(it) as ada:
        await ada.join("lobby")
        await asyncio.gather(*(ada.send("lobby", f"{number}") for number in range(210)))
        for limit, shown in ((0, 0), (None, 50), (10_000, 200)):
            joined = await ada.join("lobby", limit=limit)
            assert (len(joined["messages"]), joined["more"], joined["seq"]) == (shown, True, 210)


async def test_after_joined_come_the_next_events(broker_env: dict[str, str]) -> None:
    """`seq` + 1 and so on, while others write without a pause."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        await ada.join("lobby")

        async def write() -> None:
            for number in range(60):
                await ada.send("lobby", f"{number}")

        writing = asyncio.ensure_future(write())
        for _ in range(5):
            joined = await bob.join("lobby", limit=0)
            await bob.recv("message", room="lobby", seq=joined["seq"] + 1)
        await writing
        await bob.recv("message", seq=60)
        start = max(index for index, frame in enumerate(bob.frames) if frame["type"] == "joined")
        after = [frame["seq"] for frame in bob.frames[start:] if frame["type"] == "message"]
        assert after == list(range(bob.frames[start]["seq"] + 1, 61))


async def test_resume_brings_what_was_missed_and_then_what_is_new(broker_env: dict[str, str]) -> None:
    """`resumed`: the answer's seq is `since`, without a page; all events follow as ordinary frames."""
    async with serving(broker_env) as it, enter(it) as ada:
        joined = await ada.join("lobby")
        async with enter(it, BOB) as bob:
            await bob.join("lobby")
            await ada.send("lobby", "seen")
            seen = await bob.recv("message")
        for text in ("one", "two"):
            await ada.send("lobby", text)
        await ada.request("edit", room="lobby", id="e1", target=2, text="uno")
        async with enter(it, BOB) as bob:
            since = {"epoch": joined["epoch"], "seq": seen["seq"]}
            again = await bob.join("lobby", since=since)
            assert fields(again, "resumed", "seq", "messages", "more") == {
                "resumed": True,
                "seq": 1,
                "messages": [],
                "more": False,
            }
            await ada.send("lobby", "three")
            await bob.recv("message", seq=5)
            durable = [frame for frame in bob.frames if frame["type"] in ("message", "edited")]
            assert [(frame["seq"], frame["text"]) for frame in durable] == [
                (2, "one"),
                (3, "two"),
                (4, "uno"),
                (5, "three"),
            ]


async def test_resuming_with_nothing_missed_is_resumed(broker_env: dict[str, str]) -> None:
    """At the log's end, empty or not."""
    async with serving(broker_env) as it, enter(it) as ada:
        for seq in (0, 1):
            joined = await ada.join("lobby")
            again = await ada.join("lobby", since={"epoch": joined["epoch"], "seq": seq})
            assert (again["resumed"], again["seq"]) == (True, seq)
            await ada.send("lobby", "next")


async def test_what_can_not_be_resumed_is_a_fresh_join(broker_env: dict[str, str]) -> None:
    """Another epoch, a seq the log never had, history that no longer reaches back: said, with the newest page."""
    async with serving(broker_env | {"HISTORY_LIMIT": "100"}) as it, enter(it) as ada:
        joined = await ada.join("lobby")
        await asyncio.gather(*(ada.send("lobby", f"{number}") for number in range(400)))
        for epoch, seq in (("another", 400), (joined["epoch"], 401), (joined["epoch"], 1)):
            again = await ada.join("lobby", limit=2, since={"epoch": epoch, "seq": seq})
            assert (again["resumed"], again["seq"], len(again["messages"])) == (False, 400, 2)
            assert again["epoch"] == joined["epoch"]


async def test_resume_works_on_another_process(redis_url: str) -> None:
    """Nothing is kept at a disconnect: any process can go on from the client's own cursor."""
    env = {"REDIS_URL": redis_url}
    async with serving(env) as it:
        with ServiceProcess(env | NO_LIMITS | {"SECRET_KEY": it.service.settings.secret_key}) as other:
            async with enter(it) as ada, enter(it, BOB) as bob:
                joined = await bob.join("lobby")
                await ada.join("lobby")
                await ada.send("lobby", "here")
                await bob.recv("message", seq=1)
                bob.abort()
                await ada.send("lobby", "meanwhile")
                async with ChatClient.open(other.url, **BOB) as again:
                    back = await again.join("lobby", since={"epoch": joined["epoch"], "seq": 1})
                    assert back["resumed"] is True
                    assert (await again.recv("message"))["text"] == "meanwhile"
                    await again.send("lobby", "there")
                    assert (await ada.recv("message", seq=3))["text"] == "there"


async def test_joining_again_is_one_membership(broker_env: dict[str, str]) -> None:
    """A second `joined`, and every event once from there on."""
    async with serving(broker_env) as it, enter(it) as ada:
        await ada.join("lobby")
        await ada.join("lobby")
        for text in ("once", "then"):
            await ada.send("lobby", text)
        await ada.recv("message", seq=2)
        assert [frame["seq"] for frame in ada.frames if frame["type"] == "message"] == [1, 2]


async def test_joining_again_in_vain_keeps_the_membership(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the broker is away a second join is `unavailable`, and the first one goes on."""
    async with serving() as it, enter(it) as ada:
        await ada.join("lobby")
        with monkeypatch.context() as patch:

            async def away(*args: Any, **options: Any) -> Any:
                raise unavailable()

            patch.setattr(it.node.broker.log, "newest", away)
            assert (await refused(ada.join("lobby")))[0] == "unavailable"
        await ada.send("lobby", "still here")
        assert (await ada.recv("message", seq=1))["text"] == "still here"


async def test_joins_at_once_share_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who join while the page is read get the same one, and what it lacks as events."""
    async with serving() as it, enter(it) as ada, enter(it, BOB) as bob:
        newest, reads, reached, go_on = it.node.broker.log.newest, 0, asyncio.Event(), asyncio.Event()

        async def slow(*args: Any, **options: Any) -> Any:
            nonlocal reads
            reads += 1
            page = await newest(*args, **options)
            reached.set()
            await go_on.wait()
            return page

        async with enter(it, MODERATOR) as mo:
            await mo.join("lobby")
            monkeypatch.setattr(it.node.broker.log, "newest", slow)
            first = asyncio.ensure_future(ada.join("lobby"))
            await reached.wait()
            await mo.send("lobby", "meanwhile")
            second = asyncio.ensure_future(bob.join("lobby"))
            await until(lambda: it.node.rooms.by_name["lobby"].holds == 3, "bob waits for the page")
            go_on.set()
            for client, joining in ((ada, first), (bob, second)):
                joined = await joining
                assert (joined["seq"], joined["messages"]) == (0, [])
                assert (await client.recv("message", seq=1))["text"] == "meanwhile"
        assert reads == 1


async def test_rooms_that_can_not_be_joined() -> None:
    """`bad_room` for what is no name, `forbidden` for what the token does not open, whether it exists or not."""
    async with serving() as it, enter(it) as ada:
        await ada.join("staff")
        for name in ("", "Lobby", "a b", "-x", "x" * 65, "räume"):
            assert (await refused(ada.join(name)))[0] == "bad_room"
        limited = {"bearer": make_jwt("u-cy", "Cy", rooms=["lobby", "team-*"])}
        async with enter(it, limited) as cy:
            assert (await cy.join("team-a"))["room"] == "team-a"
            answers = [(await refused(cy.join(name)))[1] for name in ("staff", "nowhere")]
            assert answers[0]["code"] == "forbidden"
            assert [frame["message"] for frame in answers] == [answers[0]["message"]] * 2


async def test_a_socket_has_a_limit_of_rooms() -> None:
    """`too_many_rooms` past it; one already joined may be joined again, and one left makes room."""
    async with serving({"ROOMS_LIMIT": "2"}) as it, enter(it) as ada:
        await ada.join("one")
        await ada.join("two")
        assert (await refused(ada.join("three")))[0] == "too_many_rooms"
        await ada.join("two")
        await ada.leave("one")
        await ada.join("three")


async def test_rooms_are_begun_within_a_rate(broker_env: dict[str, str]) -> None:
    """ROOM_RATE, of an address: more are `rate_limited`; rooms that are there are joined as ever."""
    async with serving(broker_env | {"ROOM_RATE": "1"}) as it, enter(it) as ada, enter(it, BOB) as bob:
        it.node.rates.rooms.burst = 2
        for room in ("one", "two"):
            await ada.join(room)
            await bob.join(room)
        code, frame = await refused(bob.join("three"))
        assert code == "rate_limited" and 3000 < frame["retry_after"] <= 3600
        assert "three" not in it.node.rooms.by_name
        await store(it.node.broker, message("three"))
        await bob.join("three")


async def test_no_more_rooms_than_there_may_be(broker_env: dict[str, str]) -> None:
    """ROOMS_TOTAL: `too_many_rooms` for one that isn't there."""
    async with serving(broker_env | {"ROOMS_TOTAL": "1"}) as it, enter(it) as ada:
        await store(it.node.broker, message("one"))
        assert (await refused(ada.join("two")))[0] == "too_many_rooms"
        await ada.join("one")


async def test_larger_pages_and_longer_resumes_cost_more() -> None:
    """One for each 50 messages, of JOIN_RATE's burst."""
    async with serving({"JOIN_RATE": "1"}) as it, enter(it) as ada:
        for number in range(200):
            await store(it.node.broker, message(text=f"{number}"))
        joined = await ada.join("lobby", limit=0)
        for _ in range(2):
            await ada.history("lobby", 2**53 - 1, 200)
        assert (await refused(ada.history("lobby", 2**53 - 1, 200)))[0] == "rate_limited"
        await ada.history("lobby", 2**53 - 1, 50)
    async with serving({"JOIN_RATE": "1", "SEND_RATE_ADDRESS": "0"}) as it, enter(it) as ada:
        for number in range(200):
            await store(it.node.broker, message(text=f"{number}"))
        joined = await ada.join("lobby", limit=0)
        since = {"epoch": joined["epoch"], "seq": 0}
        for _ in range(3):  # the third is let in, and overdraws
            await ada.join("lobby", since=since)
        assert (await refused(ada.join("lobby", since=since)))[0] == "rate_limited"


async def test_joins_and_pages_have_a_rate() -> None:
    """`rate_limited` says how long to wait; the socket stays."""
    async with serving({"JOIN_RATE": "0.5"}) as it, enter(it) as ada:
        for _ in range(5):
            await ada.join("lobby", limit=0)
        code, frame = await refused(ada.join("lobby"))
        assert code == "rate_limited" and 0 < frame["retry_after"] <= 2
        assert (await refused(ada.history("lobby", 1)))[0] == "rate_limited"
        assert (await ada.ping())["type"] == "pong"


async def test_a_socket_closed_while_it_joins_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The room is let go of when the last of its holders went away during the join."""
    async with serving() as it:
        newest, reached, go_on = it.node.broker.log.newest, asyncio.Event(), asyncio.Event()

        async def slow(*args: Any, **options: Any) -> Any:
            page = await newest(*args, **options)
            reached.set()
            await go_on.wait()
            return page

        async with enter(it) as ada:
            await ada.join("elsewhere")
            monkeypatch.setattr(it.node.broker.log, "newest", slow)
            await ada.raw('{"type":"join","room":"lobby"}')
            await reached.wait()
            assert "lobby" in it.node.rooms.by_name
        go_on.set()
        await until(lambda: it.node.rooms.by_name == {}, "no room held")


# -- leave


async def test_nothing_comes_after_left(broker_env: dict[str, str]) -> None:
    """`left` is the last frame of a room; what needs a membership is `not_joined` from then on."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        for client in (ada, bob):
            await client.join("lobby")
        assert fields(await bob.leave("lobby"), "type", "room") == {"type": "left", "room": "lobby"}
        await ada.send("lobby", "gone?")
        await ada.recv("message", seq=1)
        await bob.ping()
        assert not [frame for frame in bob.frames if frame["type"] == "message"]
        assert (await refused(bob.leave("lobby")))[0] == "not_joined"


@pytest.mark.parametrize(
    "request_",
    [
        {"type": "leave"},
        {"type": "send", "id": "1", "text": "x"},
        {"type": "history"},
        {"type": "typing"},
        {"type": "read", "seq": 1},
        {"type": "edit", "id": "1", "target": 1, "text": "x"},
        {"type": "remove", "id": "1", "target": 1},
        {"type": "react", "id": "1", "target": 1, "emoji": "👍"},
    ],
    ids=lambda request: request["type"],
)
async def test_what_needs_a_membership_says_so(request_: dict[str, Any]) -> None:
    """`not_joined` for a room one is not in, `bad_room` for what can't be one."""
    async with serving() as it, enter(it) as ada:
        assert (await refused(ada.request(**request_, room="lobby")))[0] == "not_joined"
        assert (await refused(ada.request(**request_, room="No Room")))[0] == "bad_room"


# -- send


async def test_a_message_reaches_everybody_and_is_acknowledged(broker_env: dict[str, str]) -> None:
    """The author too; `sent` has the message's seq and time, and the text is trimmed."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        for client in (ada, bob):
            await client.join("lobby")
        before = time.time() * 1000
        sent = await ada.send("lobby", "  hello\n", id="m1")
        message = {
            "type": "message",
            "room": "lobby",
            "seq": 1,
            "id": "m1",
            "user": {"id": "u-ada", "name": "Ada"},
            "text": "hello",
            "at": sent["at"],
        }
        assert await ada.recv("message") == await bob.recv("message") == message
        assert fields(sent, "type", "room", "id", "seq", "duplicate") == {
            "type": "sent",
            "room": "lobby",
            "id": "m1",
            "seq": 1,
            "duplicate": False,
        }
        assert before - 1000 < sent["at"] < time.time() * 1000 + 1000


async def test_the_same_id_is_stored_and_broadcast_once(broker_env: dict[str, str]) -> None:
    """From any socket of the user; another user's id is another's."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it) as tab, enter(it, BOB) as bob:
        for client in (ada, tab, bob):
            await client.join("lobby")
        first = await ada.send("lobby", "once", id="same")
        second = await tab.send("lobby", "once", id="same")
        assert (second["seq"], second["at"], second["duplicate"]) == (first["seq"], first["at"], True)
        third = await bob.send("lobby", "mine", id="same")
        assert (third["seq"], third["duplicate"]) == (2, False)
        await ada.recv("message", seq=2)
        assert [frame["seq"] for frame in ada.frames if frame["type"] == "message"] == [1, 2]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_request"),
        (" \n\t", "bad_request"),
        ("\u2800", "bad_request"),
        ("\u3164\u200b\ufe0f", "bad_request"),
        ("x" * 101, "too_large"),
        ("a\0b", "bad_request"),
    ],
)
async def test_texts_that_are_refused(text: str, code: str) -> None:
    """Empty after trimming, too long, with a NUL; characters count, not bytes."""
    async with serving({"TEXT_LIMIT": "100"}) as it, enter(it) as ada:
        await ada.join("lobby")
        assert (await refused(ada.send("lobby", text)))[0] == code
        assert (await ada.send("lobby", "ü" * 100))["seq"] == 1


async def test_sends_have_a_rate_and_floods_an_end(broker_env: dict[str, str]) -> None:
    """`rate_limited` with how long to wait; who goes on regardless is closed 1008."""
    async with serving(broker_env | {"SEND_RATE": "1", "SEND_BURST": "3"}) as it, enter(it) as ada:
        await ada.join("lobby")
        for _ in range(3):
            await ada.send("lobby", "x")
        code, frame = await refused(ada.send("lobby", "x"))
        assert code == "rate_limited" and 0 < frame["retry_after"] <= 1
        flood = json.dumps({"type": "send", "room": "lobby", "id": "flood", "text": "x"})
        for _ in range(session.ERRORS_BURST + 10):
            await ada.raw(flood)
        assert (await ada.closed())[0] == 1008


async def test_one_address_has_a_rate_too() -> None:
    """SEND_RATE_ADDRESS counts all of its users together."""
    async with serving({"SEND_RATE_ADDRESS": "0.1"}) as it, enter(it) as ada, enter(it, BOB) as bob:
        for client in (ada, bob):
            await client.join("lobby")
        await ada.send("lobby", "x")
        assert (await refused(bob.send("lobby", "x")))[0] == "rate_limited"


@pytest.mark.expects_log("redis (commands|channels)")
async def test_what_the_broker_can_not_take_is_unavailable() -> None:
    """At once and with how long to wait; the same id is stored once when it is back."""
    with RedisServer() as redis:
        async with serving({"REDIS_URL": redis.url}) as it, enter(it) as ada:
            await ada.join("lobby")
            await ada.send("lobby", "before")
            redis.kill9()
            await until(lambda: not it.node.broker.available, "the absence noticed")
            for request in (ada.send("lobby", "later", id="m2"), ada.join("other"), ada.history("lobby", 9)):
                began = time.monotonic()
                code, frame = await refused(request)
                assert code == "unavailable" and frame["retry_after"] > 0
                assert time.monotonic() - began < 1 * UNIT
            assert (await ada.ping())["type"] == "pong"
            redis.start()
            await until(lambda: it.node.broker.available, "the broker back")
            # It came back empty: that is said too.
            assert (await ada.recv("reset"))["reason"] == "epoch"
            await ada.join("lobby")
            assert (await ada.send("lobby", "later", id="m2"))["duplicate"] is False


# -- history


async def test_history_pages_backwards(broker_env: dict[str, str]) -> None:
    """`limit` messages before `before`, oldest first; `more` until the first."""
    async with serving(broker_env) as it, enter(it) as ada:
        await ada.join("lobby")
        for number in range(1, 8):
            await ada.send("lobby", f"{number}")
        page = await ada.history("lobby", before=6, limit=3)
        assert ([message["seq"] for message in page["messages"]], page["more"]) == ([3, 4, 5], True)
        page = await ada.history("lobby", before=3)
        assert ([message["seq"] for message in page["messages"]], page["more"]) == ([1, 2], False)
        newest = await ada.request("history", room="lobby", limit=2)
        assert [message["seq"] for message in newest["messages"]] == [6, 7]


# -- edit, remove, react


async def test_changes_are_events_of_their_own_and_stand_in_history(broker_env: dict[str, str]) -> None:
    """Each has an id, a seq and a `sent`; pages show the message as it is now."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        for client in (ada, bob):
            await client.join("lobby")
        for text in ("first", "second"):
            await ada.send("lobby", text)
        user = {"id": "u-ada", "name": "Ada"}
        sent = await ada.request("edit", room="lobby", id="e1", target=1, text=" First ")
        assert (sent["type"], sent["seq"], sent["id"]) == ("sent", 3, "e1")
        edited = await bob.recv("edited")
        assert edited == {
            "type": "edited",
            "room": "lobby",
            "seq": 3,
            "id": "e1",
            "target": 1,
            "user": user,
            "text": "First",
            "at": sent["at"],
        }
        await bob.request("react", room="lobby", id="r1", target=1, emoji="👍")
        reacted = await ada.recv("reacted")
        assert fields(reacted, "seq", "target", "emoji", "on") == {"seq": 4, "target": 1, "emoji": "👍", "on": True}
        await ada.request("remove", room="lobby", id="d1", target=2)
        removed = await bob.recv("removed")
        assert fields(removed, "seq", "target", "user") == {"seq": 5, "target": 2, "user": user}
        first, second = (await ada.history("lobby", before=100))["messages"]
        assert fields(first, "text", "edited_at", "reactions") == {
            "text": "First",
            "edited_at": sent["at"],
            "reactions": {"👍": ["u-bob"]},
        }
        assert second["removed"] is True and "text" not in second
        await bob.request("react", room="lobby", id="r2", target=1, emoji="👍", on=False)
        assert "reactions" not in (await ada.history("lobby", before=2))["messages"][0]


async def test_an_emoji_is_one_in_all_its_spellings(broker_env: dict[str, str]) -> None:
    """Stored and shown as Unicode's list has it in full, whoever wrote it how."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        for client in (ada, bob):
            await client.join("lobby")
        await ada.send("lobby", "one")
        await ada.request("react", room="lobby", id="r1", target=1, emoji="❤")
        await bob.request("react", room="lobby", id="r1", target=1, emoji="❤\ufe0f")
        await bob.request("react", room="lobby", id="r2", target=1, emoji="🩷")
        shown = [(await ada.recv("reacted"))["emoji"] for _ in range(3)]
        assert shown == ["❤\ufe0f", "❤\ufe0f", "🩷"]
        (message,) = (await ada.history("lobby", before=100))["messages"]
        assert message["reactions"] == {"❤\ufe0f": ["u-ada", "u-bob"], "🩷": ["u-bob"]}
        await ada.request("react", room="lobby", id="r3", target=1, emoji="❤\ufe0e", on=False)
        assert (await ada.history("lobby", before=100))["messages"][0]["reactions"]["❤\ufe0f"] == ["u-bob"]


async def test_who_may_change_what(broker_env: dict[str, str]) -> None:
    """Authors edit and remove their own; moderators remove anybody's and edit nobody's."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob, enter(it, MODERATOR) as mod:
        for client in (ada, bob, mod):
            await client.join("lobby")
        await ada.send("lobby", "mine")
        edit, remove = {"room": "lobby", "id": "c", "target": 1, "text": "yours"}, {"room": "lobby", "target": 1}
        assert (await refused(bob.request("edit", **edit)))[0] == "forbidden"
        assert (await refused(bob.request("remove", id="c", **remove)))[0] == "forbidden"
        assert (await refused(mod.request("edit", **edit)))[0] == "forbidden"
        assert (await mod.request("remove", id="c", **remove))["seq"] == 2
        assert (await refused(ada.request("edit", **edit)))[0] == "bad_request"


async def test_changes_that_are_refused() -> None:
    """Of no message, to no text, with what is no emoji."""
    async with serving() as it, enter(it) as ada:
        await ada.join("lobby")
        await ada.send("lobby", "one")
        for request in (
            {"type": "edit", "target": 9, "text": "x"},
            {"type": "edit", "target": 1, "text": "  "},
            {"type": "remove", "target": 9},
            {"type": "react", "target": 9, "emoji": "👍"},
            {"type": "react", "target": 1, "emoji": "thumb"},
            {"type": "react", "target": 1, "emoji": "<"},
            {"type": "edit", "target": 1, "text": "\u2800"},
            {"type": "react", "target": 0, "emoji": "👍"},
        ):
            assert (await refused(ada.request(**request, room="lobby", id="c")))[0] == "bad_request"
        assert (await refused(ada.request("edit", room="lobby", id="c", target=1, text="x" * 4001)))[0] == "too_large"


# -- typing and read


async def test_typing_is_shown_to_everybody_else(broker_env: dict[str, str]) -> None:
    """Not to the user's own sockets, and nothing is answered."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it) as tab, enter(it, BOB) as bob:
        for client in (ada, tab, bob):
            await client.join("lobby")
        await ada.raw('{"type":"typing","room":"lobby"}')
        shown = await bob.recv("typing")
        assert shown == {"type": "typing", "room": "lobby", "user": {"id": "u-ada", "name": "Ada"}}
        for client in (ada, tab):
            await client.ping()
            assert not [frame for frame in client.frames if frame["type"] == "typing"]


async def test_typing_all_the_time_is_shown_now_and_then(broker_env: dict[str, str]) -> None:
    """More than a few at once are dropped without a word."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        for client in (ada, bob):
            await client.join("lobby")
        for _ in range(admission.TYPING_BURST + 10):
            await ada.raw('{"type":"typing","room":"lobby"}')
            await asyncio.sleep(2 * GATHER)  # those of one moment are one
        await ada.send("lobby", "done")
        await bob.recv("message")
        shown = [frame for frame in bob.frames if frame["type"] == "typing"]
        assert admission.TYPING_BURST <= len(shown) <= admission.TYPING_BURST + 1
        assert not [frame for frame in ada.frames if frame["type"] == "error"]


async def test_what_changes_while_a_join_is_answered_is_not_missed(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes and what is read between the broker's answers and `joined` stands in it, or comes behind it."""
    asked, go = asyncio.Event(), asyncio.Event()
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob, enter(it, CY) as cy:
        ask = it.node.broker.directory.reads

        async def asking(room: str, users: Any) -> dict[str, int]:
            found = await ask(room, users)
            if not asked.is_set():
                asked.set()
                await go.wait()
            return found

        await cy.join("lobby")
        await cy.raw('{"type":"read","room":"lobby","seq":1}')
        seq = (await cy.send("lobby", "one"))["seq"]
        monkeypatch.setattr(it.node.broker.directory, "reads", asking)
        joining = asyncio.ensure_future(ada.join("lobby"))
        await asked.wait()
        await bob.join("lobby")
        await cy.recv("presence", count=2)
        await cy.raw(f'{{"type":"read","room":"lobby","seq":{seq}}}')
        await cy.recv("read", seq=seq)
        go.set()
        joined = await joining
        assert {person["name"] for person in joined["members"]} == {"Ada", "Bob", "Cy"}
        assert joined["reads"] == {"u-cy": seq}


async def test_a_reaction_ends_nobody_s_typing(broker_env: dict[str, str]) -> None:
    """Only what is said does: who reacts while they write goes on writing."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        for client in (ada, bob):
            await client.join("lobby")
        first = await ada.send("lobby", "first")
        await ada.raw('{"type":"typing","room":"lobby"}')
        await ada.request("react", room="lobby", id="thumb", target=first["seq"], emoji="👍", on=True)
        assert (await bob.recv("typing"))["user"]["id"] == "u-ada"


async def test_those_who_type_at_once_are_shown_each_other(broker_env: dict[str, str]) -> None:
    """In one write, a frame each; nobody sees themselves, on none of their sockets."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it) as ada_too, enter(it, BOB) as bob:
        for client in (ada, ada_too, bob):
            await client.join("lobby")
        for client in (ada, bob):
            await client.raw('{"type":"typing","room":"lobby"}')
        for client, other in ((ada, "u-bob"), (ada_too, "u-bob"), (bob, "u-ada")):
            assert (await client.recv("typing"))["user"]["id"] == other
            await client.ping()
            assert len([frame for frame in client.frames if frame["type"] == "typing"]) == 1


async def test_a_large_room_is_not_told_who_types_and_reads(broker_env: dict[str, str]) -> None:
    """Only the user's own sockets hear what was read."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it) as ada_too, enter(it, BOB) as bob:
        for client in (ada, ada_too, bob):
            await client.join("lobby")
        for number in range(MEMBERS_LIMIT):
            it.node.presence.enter("lobby", Person(f"u{number}", f"n{number}"))
        sent = await bob.send("lobby", "hello")
        await ada.recv("message")
        await ada.raw('{"type":"typing","room":"lobby"}')
        await ada.raw(json.dumps({"type": "read", "room": "lobby", "seq": sent["seq"]}))
        assert (await ada_too.recv("read"))["seq"] == sent["seq"]
        await bob.ping()
        assert not [frame for frame in (*bob.frames, *ada_too.frames) if frame["type"] == "typing"]
        assert not [frame for frame in bob.frames if frame["type"] == "read"]


async def test_read_positions_are_told_to_all_and_kept(broker_env: dict[str, str]) -> None:
    """Only forwards, never past the last event; whoever joins later sees them."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        for client in (ada, bob):
            await client.join("lobby")
        for number in range(3):
            await ada.send("lobby", f"{number}")
        await bob.recv("message", seq=3)
        await bob.raw('{"type":"read","room":"lobby","seq":2}')
        expected = {"type": "read", "room": "lobby", "user": "u-bob", "seq": 2}
        assert await ada.recv("read") == await bob.recv("read") == expected
        for seq in (1, 999):
            await bob.raw(json.dumps({"type": "read", "room": "lobby", "seq": seq}))
        assert (await ada.recv("read"))["seq"] == 3
        async with enter(it, MODERATOR) as late:
            assert (await late.join("lobby"))["reads"] == {"u-bob": 3}


# -- presence


async def test_who_comes_and_goes_is_shown(broker_env: dict[str, str]) -> None:
    """To everybody in the room, with the new count."""
    async with serving(broker_env) as it, enter(it) as ada:
        await ada.join("lobby")
        await ada.recv("presence", count=1)
        async with enter(it, BOB) as bob:
            await bob.join("lobby")
            came = await ada.recv("presence", count=2)
            assert came["joined"] == [{"id": "u-bob", "name": "Bob"}] and came["left"] == []
        went = await ada.recv("presence", count=1)
        assert (went["joined"], went["left"]) == ([], ["u-bob"])


async def test_a_user_with_two_sockets_is_one_person(broker_env: dict[str, str]) -> None:
    """The second socket is no arrival, and one that closes is no leave."""
    async with serving(broker_env) as it, enter(it) as ada, enter(it, BOB) as bob:
        await ada.join("lobby")
        await bob.join("lobby")
        await ada.recv("presence", count=2)
        async with enter(it, BOB) as tab:
            assert (await tab.join("lobby"))["count"] == 2
        await bob.leave("lobby")
        await ada.recv("presence", count=1, left=["u-bob"])
        assert len([frame for frame in ada.frames if frame["type"] == "presence" and frame["count"] == 2]) == 1


async def test_back_within_the_grace_is_no_leave(broker_env: dict[str, str]) -> None:
    """A reload is not seen by anybody."""
    async with serving(broker_env | {"PRESENCE_GRACE": "30"}) as it, enter(it) as ada:
        await ada.join("lobby")
        async with enter(it, BOB) as bob:
            await bob.join("lobby")
            await ada.recv("presence", count=2)
        async with enter(it, BOB) as bob:
            assert (await bob.join("lobby"))["count"] == 2
            await asyncio.sleep(5 * GATHER)
            assert not [frame for frame in ada.frames if frame["type"] == "presence" and frame["left"]]


# -- moderation


async def test_only_moderators_moderate() -> None:
    """And only where they may enter."""
    local = {"bearer": make_jwt("u-loc", "Lo", role="moderator", rooms=["lobby"])}
    async with serving() as it, enter(it) as ada, enter(it, local) as mod:
        ban = {"user": "u-bob", "action": "mute", "room": "lobby"}
        assert (await refused(ada.request("moderate", **ban)))[0] == "forbidden"
        assert (await refused(mod.request("moderate", **ban | {"room": "other"})))[0] == "forbidden"
        assert (await refused(mod.request("moderate", **ban | {"room": "No"})))[0] == "bad_room"
        assert fields(await mod.request("moderate", **ban), "type", "room", "user", "action") == {
            "type": "moderated",
            "room": "lobby",
            "user": "u-bob",
            "action": "mute",
        }


async def test_kick_closes_the_sockets_in_that_room(broker_env: dict[str, str]) -> None:
    """With 4403 and the reason; those of the user elsewhere stay, and they may come back."""
    async with serving(broker_env) as it, enter(it, MODERATOR) as mod, enter(it, BOB) as bob, enter(it, BOB) as other:
        await bob.join("lobby")
        await other.join("elsewhere")
        await mod.request("moderate", room="lobby", user="u-bob", action="kick", reason="enough")
        assert await bob.closed() == (4403, "enough")
        assert (await other.ping())["type"] == "pong"
        await mod.request("moderate", user="u-bob", action="kick")
        assert (await other.closed())[0] == 4403
        async with enter(it, BOB) as again:
            await again.join("lobby")


async def test_a_ban_of_a_room_holds_until_it_is_lifted(broker_env: dict[str, str]) -> None:
    """Out at once, `forbidden` at the door, other rooms as before."""
    async with serving(broker_env) as it, enter(it, MODERATOR) as mod, enter(it, BOB) as bob:
        await bob.join("lobby")
        await mod.request("moderate", room="lobby", user="u-bob", action="ban")
        assert (await bob.closed())[0] == 4403
        async with enter(it, BOB) as bob:
            assert (await refused(bob.join("lobby")))[0] == "forbidden"
            await bob.join("elsewhere")
            await mod.request("moderate", room="lobby", user="u-bob", action="unban")
            await bob.join("lobby")


@pytest.mark.parametrize("action", ["kick", "ban"])
@pytest.mark.parametrize("where", [{"room": "lobby"}, {}])
async def test_who_is_removed_is_told_from_where_first(action: str, where: dict[str, str]) -> None:
    """`moderated` with their own user, before the close; nobody else is told."""
    async with serving() as it, enter(it, MODERATOR) as mod, enter(it, ADA) as ada, enter(it, BOB) as bob:
        await ada.join("lobby")
        await bob.join("lobby")
        await mod.request("moderate", user="u-bob", action=action, **where)
        assert (await bob.closed())[0] == 4403
        told = [frame for frame in bob.frames if frame["type"] == "moderated"]
        assert told == [{"type": "moderated", "user": "u-bob", "action": action} | where]
        await ada.ping()
        assert not [frame for frame in ada.frames if frame["type"] == "moderated"]


async def test_a_ban_everywhere_closes_the_door(broker_env: dict[str, str]) -> None:
    """The handshake is closed 4403; the answer names no room."""
    async with serving(broker_env) as it, enter(it, MODERATOR) as mod, enter(it, BOB) as bob:
        answer = await mod.request("moderate", user="u-bob", action="ban")
        assert "room" not in answer
        assert (await bob.closed())[0] == 4403
        async with enter(it, BOB, welcome=False) as again:
            assert (await again.closed())[0] == 4403
        await mod.request("moderate", user="u-bob", action="unban")
        async with enter(it, BOB):
            pass


async def test_a_ban_holds_from_a_process_s_first_moment(broker_env: dict[str, str]) -> None:
    """Nobody slips in between a start and the moment when the sanctions are known."""
    async with serving(broker_env) as it, enter(it, MODERATOR) as mod:
        await mod.request("moderate", user="u-bob", action="ban")
    async with serving(broker_env) as it, enter(it, BOB, welcome=False) as bob:
        assert (await bob.closed())[0] == 4403


async def test_nobody_enters_while_it_is_not_known_who_is_banned() -> None:
    """1013 at the door, `unavailable` for a join: it is the broker that is away."""
    async with serving() as it, enter(it) as ada:
        it.node.moderation.known = False
        assert (await refused(ada.join("lobby")))[0] == "unavailable"
        async with enter(it, BOB, welcome=False) as bob:
            assert (await bob.closed())[0] == 1013


async def test_the_muted_read_and_do_not_write(broker_env: dict[str, str]) -> None:
    """`forbidden` for events, silence for typing; until it is lifted or its time is over."""
    async with serving(broker_env) as it, enter(it, MODERATOR) as mod, enter(it, BOB) as bob:
        for client in (mod, bob):
            await client.join("lobby")
        await mod.request("moderate", room="lobby", user="u-bob", action="mute")
        assert (await refused(bob.send("lobby", "x")))[0] == "forbidden"
        await bob.raw('{"type":"typing","room":"lobby"}')
        await mod.send("lobby", "hear me")
        assert await texts(bob, 1) == ["hear me"]
        assert not [frame for frame in mod.frames if frame["type"] == "typing"]
        await mod.request("moderate", room="lobby", user="u-bob", action="unmute")
        await bob.send("lobby", "thanks")
        await mod.request("moderate", room="lobby", user="u-bob", action="mute", seconds=UNIT)
        assert (await refused(bob.send("lobby", "x")))[0] == "forbidden"
        await until(lambda: not it.node.moderation.holds("mute", "lobby", "u-bob"), "the time over")
        await bob.send("lobby", "again")


async def test_moderation_holds_on_every_process(redis_url: str) -> None:
    """Done here, seen there."""
    async with serving({"REDIS_URL": redis_url}) as it:
        with ServiceProcess(NO_LIMITS | {"REDIS_URL": redis_url}) as other:
            async with enter(it, MODERATOR) as mod, ChatClient.open(other.url, **BOB) as bob:
                await mod.request("moderate", user="u-bob", action="ban")
                assert (await bob.closed())[0] == 4403
                async with ChatClient.open(other.url, **BOB, welcome=False) as again:
                    assert (await again.closed())[0] == 4403


@pytest.fixture
def late_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process hears nothing of what moderators do elsewhere, as before a signal has come."""
    monkeypatch.setattr(moderation.Moderation, "on_signal", lambda *_: None)


@pytest.mark.usefixtures("late_signals")
@pytest.mark.parametrize("guarded", [True, False], ids=["", "without asking the broker"])
async def test_a_ban_holds_on_another_process_before_it_hears_of_it(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """From the moderator's answer on: joins, pages on the socket and over HTTP. The guard off, all of them pass."""
    async with serving({"REDIS_URL": redis_url}) as it, enter(it, BOB) as bob, enter(it) as ada:
        await bob.join("lobby")
        await ada.join("lobby")
        if not guarded:

            async def nobody(*_: object) -> None:
                return None

            monkeypatch.setattr(it.node.broker.directory, "ban", nobody)
        with ServiceProcess(NO_LIMITS | {"REDIS_URL": redis_url}) as other:
            async with ChatClient.open(other.url, **MODERATOR) as mod:
                await mod.request("moderate", room="lobby", user="u-bob", action="ban", reason="spam")
                outcomes = [await outcome(bob.history("lobby", 10)), await outcome(bob.join("lobby"))]
                page = await it.fetch("/rooms/lobby/messages", Authorization=f"Bearer {BOB['bearer']}")
                outcomes.append("ok" if page.code == 200 else str(page.code))
        assert outcomes == (["banned: spam", "banned: spam", "404"] if guarded else ["ok", "ok", "ok"])
        await ada.history("lobby", 10)
        await bob.join("elsewhere")


@pytest.mark.usefixtures("late_signals")
@pytest.mark.parametrize(("action", "reason"), [("ban", "enter"), ("mute", "muted")])
async def test_who_may_not_write_does_not_on_another_process_either(redis_url: str, action: str, reason: str) -> None:
    """It is asked in the same step in which the message is stored."""
    async with serving({"REDIS_URL": redis_url}) as it, enter(it, BOB) as bob:
        await bob.join("lobby")
        await bob.send("lobby", "before")
        with ServiceProcess(NO_LIMITS | {"REDIS_URL": redis_url}) as other:
            async with ChatClient.open(other.url, **MODERATOR) as mod:
                await mod.request("moderate", room="lobby", user="u-bob", action=action)
                code, frame = await refused(bob.send("lobby", "after"))
                assert code == "forbidden" and reason in frame["message"]
                page = await mod.join("lobby")
        assert [message["text"] for message in page["messages"]] == ["before"]


async def held_up(it: Served, monkeypatch: pytest.MonkeyPatch, method: str) -> tuple[asyncio.Event, asyncio.Event]:
    """Make that call of the broker wait once it has its answer: an event that it has, and one that lets it go on."""
    broker = it.node.broker
    part = {"ban": broker.directory, "roster": broker.presence}.get(method, broker.log)
    call, reached, go_on = getattr(part, method), asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **options: Any) -> Any:
        answer = await call(*args, **options)
        reached.set()
        await go_on.wait()
        return answer

    monkeypatch.setattr(part, method, slow)
    return reached, go_on


@pytest.mark.parametrize("room", [{"room": "lobby"}, {}], ids=["of the room", "everywhere"])
@pytest.mark.parametrize("action", ["ban", "kick"])
@pytest.mark.parametrize("method", ["roster", "newest", "ban"])
async def test_who_is_removed_during_a_join_is_not_in(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch, method: str, action: str, room: dict[str, str]
) -> None:
    """At whichever of its waits."""
    async with serving(broker_env) as it, enter(it, MODERATOR) as mod, enter(it, BOB) as bob:
        await store(it.node.broker, message())
        reached, go_on = await held_up(it, monkeypatch, method)
        await bob.raw('{"type":"join","room":"lobby","ref":"j"}')
        await reached.wait()
        await mod.request("moderate", user="u-bob", action=action, **room)
        await until(lambda: not ChatHandler.sessions.of("u-bob"), "gone, while it waits")
        go_on.set()
        assert (await bob.closed())[0] == 4403
        assert not [frame for frame in bob.frames if frame["type"] == "joined"]
        await until(lambda: not it.node.rooms.by_name, "the room let go")


async def test_a_page_under_way_is_not_shown_to_who_was_removed(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rights are asked again when it has come."""
    async with serving(broker_env) as it, enter(it, BOB) as bob:
        await bob.join("lobby")
        reached, go_on = await held_up(it, monkeypatch, "newest")
        asking = asyncio.ensure_future(outcome(bob.history("lobby", 10)))
        await reached.wait()
        monkeypatch.setattr(it.node.moderation, "on_removal", lambda *_: None)  # its socket, still open for a moment
        await it.node.moderation.moderate(User("m", "M", role="moderator"), Moderate(user="u-bob", action=Action.BAN))
        go_on.set()
        assert await asking == "banned"


async def test_a_page_under_way_over_http_is_not_shown_to_who_was_banned(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same."""
    async with serving(broker_env) as it:
        await store(it.node.broker, message())
        reached, go_on = await held_up(it, monkeypatch, "ban")
        asking = asyncio.ensure_future(
            it.fetch("/rooms/lobby/messages", Authorization=f"Bearer {BOB['bearer']}"),
        )
        await reached.wait()
        await it.node.moderation.moderate(
            User("m", "M", role="moderator"), Moderate(user="u-bob", action=Action.BAN, room="lobby")
        )
        go_on.set()
        assert (await asking).code == 404


async def test_the_slowed_say_little(broker_env: dict[str, str]) -> None:
    """An event each ten seconds; `rate_limited` says when the next may come."""
    async with serving(broker_env) as it, enter(it, MODERATOR) as mod, enter(it, BOB) as bob:
        await bob.join("lobby")
        await mod.request("moderate", room="lobby", user="u-bob", action="slow")
        sent = await bob.send("lobby", "one")
        code, frame = await refused(bob.send("lobby", "two"))
        assert code == "rate_limited" and 5 < frame["retry_after"] <= admission.SLOW_SECONDS
        react = bob.request("react", room="lobby", id="r", target=sent["seq"], emoji="👍")
        assert (await refused(react))[0] == "rate_limited"
        await mod.request("moderate", room="lobby", user="u-bob", action="unslow")
        await bob.send("lobby", "three")


# -- tokens that run out


async def test_a_token_that_runs_out_closes_4401(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its `exp`, to the second."""
    async with serving() as it, ChatClient.open(it.url, bearer=make_jwt("u", "U", exp=int(time.time()) + 1)) as client:
        assert await client.closed() == (4401, "the token ran out")


async def test_renew_keeps_the_socket(broker_env: dict[str, str]) -> None:
    """A ticket from a fresh token of the same user puts the end off."""
    async with serving(broker_env) as it:
        short = make_jwt("u", "U", exp=int(time.time()) + 2)
        async with ChatClient.open(it.url, bearer=short) as client:
            ticket = await ticket_of(it, make_jwt("u", "U", exp=int(time.time()) + 600))
            renewed = await client.request("renew", ticket=ticket)
            assert renewed["type"] == "renewed" and 590 <= renewed["expires_in"] <= 600
            await asyncio.sleep(max(0.0, 2.5 - time.time() % 1))
            assert (await client.ping())["type"] == "pong"


async def ticket_of(it: Served, token: str) -> str:
    response = await it.fetch("/tickets", "POST", {}, Authorization=f"Bearer {token}", Origin=it.url)
    ticket: str = json.loads(response.body)["ticket"]
    return ticket


async def test_renew_takes_only_a_good_ticket_of_the_same_user(broker_env: dict[str, str]) -> None:
    """Another's, a used one, an invented one: `forbidden`, and nothing changes."""
    async with serving(broker_env) as it, enter(it) as ada:
        foreign = await ticket_of(it, make_jwt("u-eve", "Eve"))
        own = await ticket_of(it, ADA["bearer"])
        for ticket in (foreign, "invented", ""):
            assert (await refused(ada.request("renew", ticket=ticket)))[0] == "forbidden"
        assert (await ada.request("renew", ticket=own))["type"] == "renewed"
        assert (await refused(ada.request("renew", ticket=own)))[0] == "forbidden"


async def test_a_fresh_token_may_open_fewer_rooms(broker_env: dict[str, str]) -> None:
    """What it no longer opens is reset; what it does goes on."""
    async with serving(broker_env) as it, enter(it) as ada:
        await ada.join("lobby")
        await ada.join("staff")
        await ada.request("renew", ticket=await ticket_of(it, make_jwt("u-ada", "Ada", rooms=["lobby"])))
        assert (await ada.recv("reset"))["room"] == "staff"
        assert (await refused(ada.send("staff", "x")))[0] == "not_joined"
        await ada.send("lobby", "x")


# -- frames


async def test_ping_is_answered_with_the_time() -> None:
    """`pong` with the server's clock and the `ref` of the ping; without one, none."""
    async with serving() as it, enter(it) as ada:
        pong = await ada.request("ping")
        assert abs(pong["at"] - time.time() * 1000) < 1000 and pong["ref"]
        await ada.raw('{"type":"ping"}')
        assert set(await ada.recv("pong")) == {"type", "at"}


@pytest.mark.parametrize(
    ("frame", "code", "ref"),
    [
        ('{"type":"dance","ref":"7"}', "unknown_type", "7"),
        ('{"type":"join","ref":"7"}', "bad_request", "7"),
        ('{"type":"ping","ref":5}', "bad_request", None),
        ('{"room":"lobby"}', "bad_request", None),
        ("[]", "bad_request", None),
        ("nonsense", "bad_request", None),
        ('{"type":"ping","type":"ping"}', "bad_request", None),
    ],
)
async def test_frames_that_are_no_requests(frame: str, code: str, ref: str | None) -> None:
    """A typed error that echoes the `ref` where there is one; the socket stays."""
    async with serving() as it, enter(it) as ada:
        await ada.raw(frame)
        error = await ada.recv("error")
        assert (error["code"], error.get("ref")) == (code, ref)
        assert (await ada.ping())["type"] == "pong"


async def test_a_binary_frame_closes_1003() -> None:
    """The contract is text."""
    async with serving() as it, enter(it) as ada:
        await ada.raw(b"{}")
        assert (await ada.closed())[0] == 1003


async def test_many_errors_close_1008() -> None:
    """Some are a mistake, a hundred in a moment are not."""
    async with serving() as it, enter(it) as ada:
        for _ in range(session.ERRORS_BURST + 20):
            await ada.raw("nonsense")
        code, reason = await ada.closed()
        assert code == 1008 and reason == "too many errors, at last bad_request"


async def keep_sending(client: ChatClient, seconds: float, patience: float) -> tuple[int, bool]:
    """Send one message after the other, waiting `patience` times what a refusal says; how many passed, and whether

    the socket was closed for it.
    """
    end, sent = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            await client.send("lobby", "x")
            sent += 1
        except ChatError as refusal:
            assert refusal.code == "rate_limited"
            due = time.monotonic() + patience * refusal.frame["retry_after"]
            while (left := due - time.monotonic()) > 0:
                await asyncio.sleep(left)
        except TimeoutError:
            raise
        except Exception:
            if client.connection.close_code is None:
                raise
            return sent, True
    return sent, False


@pytest.mark.timeout(seconds=120 * UNIT)
async def test_who_waits_as_told_is_never_closed(long_form: bool) -> None:
    """However long they go on; every wait that is told suffices. Who waits half as long is closed, 1008."""
    environ = {"SEND_RATE": "40", "SEND_BURST": "5", "SEND_RATE_ADDRESS": "0"}
    async with serving(environ) as it, enter(it) as ada, enter(it, BOB) as bob:
        for client in (ada, bob):
            await client.join("lobby")
        (sent, closed), (_, ignorant_closed) = await asyncio.gather(
            keep_sending(ada, 60.0 if long_form else 5.0, 1.0), keep_sending(bob, 60.0, 0.4)
        )
        assert not closed and sent >= 100
        errors = [frame for frame in ada.frames if frame["type"] == "error"]
        assert len(errors) > 100  # what used to be enough to be closed
        assert ignorant_closed and (await bob.closed())[0] == 1008


async def test_waits_of_different_things_are_apart() -> None:
    """Who waits for joins as told and sends meanwhile, waiting for that as told, ignores nothing."""
    environ = {"SEND_RATE": "40", "SEND_BURST": "1", "JOIN_RATE": "0.1"}
    async with serving(environ) as it, enter(it) as ada:
        await ada.join("lobby")
        assert (await refused(ada.join("lobby")))[1]["retry_after"] > 5
        (ada_session,) = ChatHandler.sessions
        sent, closed = await keep_sending(ada, 2.0, 1.0)
        assert not closed and sent > 10
        # Only the hundredth would show.
        assert ada_session._errors.idle(time.monotonic()), "nothing was counted"  # noqa: SLF001  # see above


def test_a_wait_is_told_rounded_up() -> None:
    """A millisecond too early is too early."""
    for wait in (0.0333333, 0.0999999, 1.2345678, 1e-9, 59.9991):
        assert wait <= protocol.told_wait(wait) < wait + 0.0011
    assert protocol.told_wait(0.25) == 0.25


async def test_pings_and_typing_have_a_bound_too() -> None:
    """They cost the loop time: past the bound they are `rate_limited`."""
    async with serving({"SEND_RATE": "1", "SEND_BURST": "5"}) as it, enter(it) as ada:
        for _ in range(admission.SMALL_FRAMES_FACTOR * 5 + 5):
            await ada.raw('{"type":"ping"}')
        assert (await ada.recv("error"))["code"] == "rate_limited"
        assert len([frame for frame in ada.frames if frame["type"] == "pong"]) >= admission.SMALL_FRAMES_FACTOR * 5


async def test_requests_are_worked_off_in_order(broker_env: dict[str, str]) -> None:
    """Those that wait for the broker are answered one after the other."""
    async with serving(broker_env) as it, enter(it) as ada:
        rooms = [f"room-{number}" for number in range(20)]
        for room in rooms:
            await ada.raw(json.dumps({"type": "join", "room": room}))
            await ada.raw(json.dumps({"type": "leave", "room": room}))
        for _ in rooms:
            await ada.recv("left")
        answers = [(frame["type"], frame["room"]) for frame in ada.frames if frame["type"] in ("joined", "left")]
        assert answers == [(kind, room) for room in rooms for kind in ("joined", "left")]


async def test_what_lives_on_of_a_handshake_is_small() -> None:
    """A process has thousands of sessions and connections: no dictionary for each."""
    async with serving() as it, enter(it):
        (ada,) = ChatHandler.sessions
        assert ada.connection is not None
        for kept in (ada, ada.connection):
            assert not hasattr(kept, "__dict__"), type(kept)


async def test_too_many_waiting_requests_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue has an end: `rate_limited`, and those before it are done."""
    async with serving() as it, enter(it) as ada:
        go_on = asyncio.Event()
        newest = it.node.broker.log.newest

        async def slow(*args: Any, **options: Any) -> Any:
            await go_on.wait()
            return await newest(*args, **options)

        monkeypatch.setattr(it.node.broker.log, "newest", slow)
        for number in range(session.WAITING_REQUESTS_LIMIT + 2):  # one is under way, the last is one too many
            await ada.raw(json.dumps({"type": "join", "room": "lobby", "ref": f"{number}"}))
        refusal = await ada.recv("error")
        assert (refusal["code"], refusal["ref"]) == ("rate_limited", f"{session.WAITING_REQUESTS_LIMIT + 1}")
        go_on.set()
        assert [(await ada.recv("joined"))["ref"] for _ in range(3)] == ["0", "1", "2"]


async def test_a_broker_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request waits so long and no longer; the next is tried."""
    async with serving() as it, enter(it) as ada:
        it.node.answer_timeout = 0.1
        with monkeypatch.context() as patch:

            async def never(*args: Any, **options: Any) -> Any:
                await asyncio.Event().wait()

            patch.setattr(it.node.broker.log, "newest", never)
            assert (await refused(ada.join("lobby")))[0] == "unavailable"
        assert (await ada.join("lobby"))["count"] == 1


@pytest.mark.expects_log("a request failed")
async def test_a_fault_of_ours_costs_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """`unavailable`; the socket lives on, and the others notice nothing."""
    async with serving() as it, enter(it) as ada, enter(it, BOB) as bob:

        async def broken(*args: Any, **options: Any) -> Any:
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(it.node.reads, "of", broken)
            assert (await refused(ada.join("lobby")))[0] == "unavailable"
        await ada.join("lobby")
        await bob.join("lobby")


@pytest.mark.expects_log("damaged record")
async def test_a_damaged_room_costs_its_members_only(redis_server: RedisServer, redis_url: str) -> None:
    """`reset` for who was in it, `unavailable` for who would be; their other rooms and everybody else go on."""
    async with serving({"REDIS_URL": redis_url}) as it, enter(it) as ada, enter(it, BOB) as bob:
        for client in (ada, bob):
            await client.join("good")
        await ada.join("bad")
        redis_server.cli("DEL", "parley:{bad}:position")
        redis_server.cli("LPUSH", "parley:{bad}:position", "garbage")
        assert (await ada.recv("reset", timeout=8 * UNIT))["room"] == "bad"
        for client in (ada, bob):
            assert (await refused(client.join("bad")))[0] == "unavailable"
            await client.send("good", "still here")
        assert (await it.fetch("/readyz")).code == 200


# -- resets and slow readers


async def test_a_log_that_begins_again_is_said(redis_server: RedisServer, redis_url: str) -> None:
    """`reset` with "epoch"; then the room is not joined, and a join begins afresh."""
    async with serving({"REDIS_URL": redis_url}) as it, enter(it) as ada:
        joined = await ada.join("lobby")
        await ada.send("lobby", "one")
        redis_server.cli("FLUSHALL")
        await ada.send("lobby", "another")
        assert await ada.recv("reset") == {"type": "reset", "room": "lobby", "reason": "epoch"}
        assert (await refused(ada.send("lobby", "x")))[0] == "not_joined"
        again = await ada.join("lobby", since={"epoch": joined["epoch"], "seq": 1})
        assert again["resumed"] is False and again["epoch"] != joined["epoch"]


async def test_a_log_that_begins_again_during_a_join_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page was of another life than the room is now: `joined`, and at once `reset`."""
    async with serving() as it, enter(it) as ada:
        await ada.join("lobby")
        newest = it.node.broker.log.newest

        async def late(*args: Any, **options: Any) -> Any:
            page = await newest(*args, **options)
            it.node.rooms.by_name["lobby"].cursors.epoch = "another"
            return page

        async with enter(it, BOB) as bob:
            monkeypatch.setattr(it.node.broker.log, "newest", late)
            await bob.join("lobby")
            assert (await bob.recv("reset"))["reason"] == "epoch"
            assert (await refused(bob.send("lobby", "x")))[0] == "not_joined"


async def test_what_a_socket_sent_before_its_end_is_stored(broker_env: dict[str, str]) -> None:
    """Though nobody is there any more to be told so."""
    async with serving(broker_env) as it, enter(it, BOB) as bob:
        await bob.join("lobby")
        async with enter(it) as ada:
            await ada.join("lobby")
            for number in range(20):
                await ada.raw(json.dumps({"type": "send", "room": "lobby", "id": f"{number}", "text": f"{number}"}))
            ada.abort()
        await until(lambda: not ChatHandler.sessions.of("u-ada"), "gone")
        heard = [frame["text"] for frame in bob.frames if frame["type"] == "message"]
        assert heard == [f"{number}" for number in range(len(heard))]
        assert (await bob.send("lobby", "x"))["seq"] >= len(heard) + 1


async def test_what_is_under_way_at_the_end_of_the_process_is_stored(broker_env: dict[str, str]) -> None:
    """The log holds what was acknowledged, in order and once."""
    async with serving(broker_env) as it:
        ada = await ChatClient.enter(it.url, bearer=ADA["bearer"])
        await ada.join("lobby")
        for number in range(50):
            await ada.raw(json.dumps({"type": "send", "room": "lobby", "id": f"m{number}", "text": f"{number}"}))
        await ada.recv("sent")
    await ada.close()
    acknowledged = [frame["seq"] for frame in ada.frames if frame["type"] == "sent"]
    async with serving(broker_env) as it, enter(it) as ada:
        kept = [message["text"] for message in (await ada.join("lobby", limit=100))["messages"]]
    assert kept == [f"{number}" for number in range(len(kept))]
    assert len(kept) >= max(acknowledged)


async def test_a_slow_reader_gets_everything_later(broker_env: dict[str, str]) -> None:
    """Past UNSENT_LIMIT it is left out, and when it reads on it is fed from history: nothing lost, nothing twice."""
    env = broker_env | {"UNSENT_LIMIT": "4096"}
    async with serving(env) as it, enter(it, BOB) as bob:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", it.service.port))
        headers = {"Authorization": f"Bearer {ADA['bearer']}"}
        async with connect(
            f"ws://127.0.0.1:{it.service.port}/socket",
            sock=sock,
            additional_headers=headers,
            compression=None,
            max_queue=1,
        ) as slow:
            await bob.join("lobby")
            await slow.send('{"type":"join","room":"lobby"}')
            while json.loads(await slow.recv())["type"] != "joined":
                pass
            text = "x" * 4000
            (ada,) = ChatHandler.sessions.of("u-ada")
            sent = 0
            while not ada.congested:
                await asyncio.gather(*(bob.send("lobby", text) for _ in range(20)))
                sent += 20
                assert sent < 2000, "the kernel took everything"
            await asyncio.gather(*(bob.send("lobby", text) for _ in range(20)))
            assert ada in it.node.rooms.by_name["lobby"].cursors.behind
            assert ada.connection is not None and ada.connection.unsent_bytes < 200_000
            seqs: list[int] = []
            async with asyncio.timeout(10 * UNIT):
                while len(seqs) < sent + 20:
                    frame = json.loads(await slow.recv())
                    if frame["type"] == "message":
                        seqs.append(frame["seq"])
            assert seqs == list(range(1, sent + 21))
            await until(lambda: ada in it.node.rooms.by_name["lobby"].cursors.live, "live again")
            slow.transport.abort()


async def test_a_slow_asker_gets_every_answer_in_order(broker_env: dict[str, str]) -> None:
    """Its next request waits until it has taken the last answer, so that answers don't pile up."""
    async with serving(broker_env | {"UNSENT_LIMIT": "4096"}) as it, enter(it, BOB) as bob:
        await bob.join("lobby")
        await asyncio.gather(*(bob.send("lobby", "x" * 4000) for _ in range(100)))
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", it.port))
        headers = {"Authorization": f"Bearer {ADA['bearer']}"}
        url = f"ws://127.0.0.1:{it.port}/socket"
        async with connect(url, sock=sock, additional_headers=headers, compression=None, max_queue=1) as slow:
            for number in range(30):
                frame = {"type": "history" if number else "join", "room": "lobby", "limit": 100, "ref": f"{number}"}
                await slow.send(json.dumps(frame))
            (ada,) = ChatHandler.sessions.of("u-ada")
            await until(lambda: ada.congested, "congested")
            await asyncio.sleep(0.05)
            assert ada.connection is not None and ada.connection.unsent_bytes < 2_000_000, "a page or two, not thirty"
            refs: list[str] = []
            async with asyncio.timeout(10 * UNIT):
                while len(refs) < 30:
                    frame = json.loads(await slow.recv())
                    if "ref" in frame:
                        refs.append(frame["ref"])
            assert refs == [f"{number}" for number in range(30)]
            slow.transport.abort()


async def test_a_reader_that_takes_nothing_is_closed_4413(monkeypatch: pytest.MonkeyPatch) -> None:
    """After UNSENT_DEADLINE without progress."""
    env = {"UNSENT_LIMIT": "4096", "UNSENT_DEADLINE": "0.3"}
    async with serving(env) as it, enter(it, BOB) as bob:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", it.service.port))
        headers = {"Authorization": f"Bearer {ADA['bearer']}"}
        url = f"ws://127.0.0.1:{it.service.port}/socket"
        async with connect(url, sock=sock, additional_headers=headers, compression=None, max_queue=1) as stuck:
            closed = total(metrics.CLOSES.labels("4413"))
            await bob.join("lobby")
            await stuck.send('{"type":"join","room":"lobby"}')
            await until(lambda: "lobby" in next(iter(ChatHandler.sessions.of("u-ada"))).rooms, "joined")
            (ada,) = ChatHandler.sessions.of("u-ada")
            while not ada.congested:
                await asyncio.gather(*(bob.send("lobby", "x" * 4000) for _ in range(20)))
            await until(lambda: ada not in ChatHandler.sessions, "closed")
            assert total(metrics.CLOSES.labels("4413")) == closed + 1
            stuck.transport.abort()
