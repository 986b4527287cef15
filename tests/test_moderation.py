"""service/rooms/moderation.py: who may do what to whom, on both brokers, and how every process comes to know."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from service import config, signals
from service.app import make_broker
from service.brokers.base import unavailable
from service.brokers.broker import Broker
from service.brokers.directory import Sanction
from service.identity.auth import User
from service.protocol import Action, ErrorCode, Moderate, RequestError, encode
from service.rooms.moderation import REFRESH, Moderation

from .brokers import Recorder, opened, until
from .harness import UNIT, RedisServer
from .serving import environment, serving

MODERATOR = User("u-mod", "Mo", role="moderator")
BAN, UNBAN, MUTE, UNMUTE, KICK = Action.BAN, Action.UNBAN, Action.MUTE, Action.UNMUTE, Action.KICK


def request(action: Action, user: str = "ada", **fields: Any) -> Moderate:
    return Moderate(user=user, action=action, **fields)


@asynccontextmanager
async def started(broker: Broker, refresh: float = REFRESH) -> AsyncIterator[Moderation]:
    """A process's own copy, read once."""
    kept = Moderation(broker.directory, broker.log, refresh)
    task = asyncio.ensure_future(kept.run())
    try:
        await until(lambda: kept.known, "the sanctions read")
        yield kept
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def moderating(
    environ: dict[str, str], refresh: float = REFRESH
) -> AsyncIterator[tuple[Moderation, Broker, Recorder]]:
    made = make_broker(config.load(environment(environ)))
    async with opened(made) as (broker, heard), started(broker, refresh) as kept:
        yield kept, broker, heard


async def refused(moderation: Moderation, by: User, asked: Moderate) -> ErrorCode:
    with pytest.raises(RequestError) as caught:
        await moderation.moderate(by, asked)
    return caught.value.code


def learn(kept: Moderation, action: Action, sanction: Sanction) -> None:
    """What another process signals."""
    told = signals.SignalSanction(*msgspec.structs.astuple(sanction))
    kept.on_signal("", signals.Moderate(action=action, sanctions=[told]))


# -- who may


@pytest.mark.parametrize(
    ("by", "room"),
    [
        (User("u", "U"), None),
        (User("u", "U"), "lobby"),
        (User("u", "U", role="service"), "lobby"),
        (User("u", "U", role="moderator", rooms=("tea-*",)), "lobby"),
    ],
    ids=["member", "member in a room", "service", "moderator of others"],
)
async def test_only_moderators_of_the_room_may(broker_env: dict[str, str], by: User, room: str | None) -> None:
    """`forbidden`, and nothing is kept or said."""
    async with moderating(broker_env) as (kept, broker, heard):
        assert await refused(kept, by, request(BAN, room=room)) == ErrorCode.FORBIDDEN
        assert await broker.directory.sanctions() == []
        assert not kept.holds("ban", "lobby", "ada")
        assert heard.signals == []


async def test_a_moderator_of_some_rooms_may_there(broker_env: dict[str, str]) -> None:
    """The token's globs hold for this too."""
    async with moderating(broker_env) as (kept, _, _):
        await kept.moderate(User("u", "U", role="moderator", rooms=("tea-*",)), request(BAN, room="tea-room"))
        assert kept.holds("ban", "tea-room", "ada")


async def test_a_room_that_can_not_be_is_said(broker_env: dict[str, str]) -> None:
    """`bad_room`, before anything else."""
    async with moderating(broker_env) as (kept, _, _):
        assert await refused(kept, MODERATOR, request(BAN, room="No Room")) == ErrorCode.BAD_ROOM


# -- what holds


async def test_nothing_holds_against_anybody_at_first(broker_env: dict[str, str]) -> None:
    """An empty list is a known one."""
    async with moderating(broker_env) as (kept, _, _):
        assert not kept.holds("ban", "lobby", "ada") and not kept.holds("mute", "", "ada")


async def test_until_it_is_known_nobody_is_let_in(broker_env: dict[str, str]) -> None:
    """A process that has not read the bans can't tell who is banned: `unavailable`."""
    async with opened(make_broker(config.load(environment(broker_env)))) as (broker, _):
        with pytest.raises(RequestError) as caught:
            Moderation(broker.directory, broker.log).holds("ban", "lobby", "ada")
        assert caught.value.code == ErrorCode.UNAVAILABLE


@pytest.mark.parametrize(("do", "undo", "kind"), [(BAN, UNBAN, "ban"), (MUTE, UNMUTE, "mute")])
async def test_a_sanction_of_a_room_holds_there_until_lifted(
    broker_env: dict[str, str], do: Action, undo: Action, kind: str
) -> None:
    """Against that user, in that room, of that kind, and at once."""
    async with moderating(broker_env) as (kept, _, _):
        await kept.moderate(MODERATOR, request(do, room="lobby"))
        assert kept.holds(kind, "lobby", "ada")
        assert not kept.holds(kind, "tea", "ada") and not kept.holds(kind, "", "ada")
        assert not kept.holds(kind, "lobby", "bob")
        assert not kept.holds("mute" if kind == "ban" else "ban", "lobby", "ada")
        await kept.moderate(MODERATOR, request(undo, room="lobby"))
        assert not kept.holds(kind, "lobby", "ada")


async def test_without_a_room_it_holds_everywhere(broker_env: dict[str, str]) -> None:
    """Lifting it in one room is not lifting it."""
    async with moderating(broker_env) as (kept, _, _):
        await kept.moderate(MODERATOR, request(MUTE))
        await kept.moderate(MODERATOR, request(UNMUTE, room="lobby"))
        assert kept.holds("mute", "lobby", "ada") and kept.holds("mute", "", "ada")
        await kept.moderate(MODERATOR, request(UNMUTE))
        assert not kept.holds("mute", "lobby", "ada")


async def test_its_time_runs_out(broker_env: dict[str, str]) -> None:
    """Here and in what other processes read."""
    async with moderating(broker_env) as (kept, broker, _):
        await kept.moderate(MODERATOR, request(BAN, seconds=0.3))
        await kept.moderate(MODERATOR, request(BAN, user="bob", seconds=60))
        assert kept.holds("ban", "lobby", "ada")
        await asyncio.sleep(0.35)
        assert not kept.holds("ban", "lobby", "ada") and kept.holds("ban", "lobby", "bob")
        assert [sanction.user for sanction in await broker.directory.sanctions()] == ["bob"]


async def test_the_last_word_counts(broker_env: dict[str, str]) -> None:
    """A ban for a moment made one for good stays; there is one of it."""
    async with moderating(broker_env) as (kept, broker, _):
        await kept.moderate(MODERATOR, request(BAN, seconds=0.1))
        await kept.moderate(MODERATOR, request(BAN))
        await asyncio.sleep(0.15)
        assert kept.holds("ban", "", "ada")
        assert len(await broker.directory.sanctions()) == 1


async def test_a_kick_is_said_and_not_kept(broker_env: dict[str, str]) -> None:
    """Who was kicked may come back."""
    async with moderating(broker_env) as (kept, broker, heard):
        await kept.moderate(MODERATOR, request(KICK, room="lobby"))
        await until(lambda: heard.signals, "the signal")
        assert await broker.directory.sanctions() == []
        assert not kept.holds("ban", "lobby", "ada")


# -- what is written down, and said


async def test_the_broker_keeps_who_did_it_and_why(broker_env: dict[str, str]) -> None:
    """To be seen by whoever looks after the deployment."""
    async with moderating(broker_env) as (kept, broker, _):
        before = time.time()
        await kept.moderate(MODERATOR, request(BAN, room="lobby", seconds=60, reason="spam"))
        (sanction,) = await broker.directory.sanctions()
        assert sanction == Sanction("ban", "lobby", "ada", sanction.until, "u-mod", "spam")
        assert before + 59 < sanction.until / 1000 < before + 62


async def test_every_process_is_told(broker_env: dict[str, str]) -> None:
    """One signal each, with all that is needed to act on it."""
    async with moderating(broker_env) as (kept, _, heard):
        await kept.moderate(MODERATOR, request(BAN, room="lobby", reason="spam"))
        await kept.moderate(MODERATOR, request(KICK))
        await until(lambda: len(heard.signals) == 2, "the signals")
        one = {"user": "ada", "until": 0, "by": "u-mod", "network": False, "guest": ""}
        ban = {"kind": "ban", "room": "lobby", "reason": "spam"} | one
        kick = {"kind": "kick", "room": "", "reason": ""} | one
        assert heard.signals == [
            ("", {"kind": "moderate", "v": 1, "action": "ban", "sanctions": [ban]}),
            ("", {"kind": "moderate", "v": 1, "action": "kick", "sanctions": [kick]}),
        ]


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (request(BAN, room="lobby", seconds=60, reason="spam"), "ban of ada in lobby by u-mod for 60 s, reason 'spam'"),
        (request(MUTE), "mute of ada in every room by u-mod for good, reason ''"),
        (request(KICK, room="lobby"), "kick of ada in lobby by u-mod, reason ''"),
        (request(UNBAN, room="lobby"), "unban of ada in lobby by u-mod, reason ''"),
        (request(BAN, reason="a\nb"), "ban of ada in every room by u-mod for good, reason 'a\\nb'"),
    ],
)
async def test_each_is_logged_with_who_did_it(caplog: pytest.LogCaptureFixture, asked: Moderate, line: str) -> None:
    """One line, whatever stands in the reason."""
    async with moderating({}) as (kept, _, _):
        with caplog.at_level(logging.INFO, "service.rooms.moderation"):
            await kept.moderate(MODERATOR, asked)
        assert [record.getMessage() for record in caplog.records] == [f"moderation: {line}"]


async def test_what_the_broker_can_not_keep_does_not_hold(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moderator is told `unavailable`; a ban that only one process knew would be none."""
    async with moderating(broker_env) as (kept, broker, heard):

        async def away(*_: object) -> None:
            raise unavailable()

        monkeypatch.setattr(broker.directory, "sanction", away)
        assert await refused(kept, MODERATOR, request(BAN)) == ErrorCode.UNAVAILABLE
        assert not kept.holds("ban", "", "ada")
        await asyncio.sleep(0.05)
        assert heard.signals == []


# -- the other processes


async def test_another_process_learns_at_once(broker_env: dict[str, str]) -> None:
    """By the signal alone, before it has read anything: who was shut out may be back in a moment."""
    async with moderating(broker_env) as (one, broker, _), started(broker) as two:
        await one.moderate(MODERATOR, request(BAN, room="lobby"))
        learn(two, BAN, Sanction("ban", "lobby", "ada", 0, "u-mod", ""))
        assert two.holds("ban", "lobby", "ada")
        learn(two, KICK, Sanction("kick", "lobby", "bob", 0, "u-mod", ""))
        assert not two.holds("ban", "lobby", "bob")
        learn(two, UNBAN, Sanction("ban", "lobby", "ada", 0, "u-mod", ""))
        assert not two.holds("ban", "lobby", "ada")


async def test_a_signal_is_checked_against_the_broker(broker_env: dict[str, str]) -> None:
    """Anybody with access to Redis can send one: what the broker doesn't keep doesn't last."""
    async with moderating(broker_env) as (kept, _, _):
        learn(kept, BAN, Sanction("ban", "", "ada", 0, "u-mod", ""))
        await until(lambda: not kept.holds("ban", "", "ada"), "read again")


async def test_a_lost_signal_is_made_up_for(broker_env: dict[str, str]) -> None:
    """The copy is read again now and then."""
    async with moderating(broker_env, refresh=0.1) as (kept, broker, _):
        await broker.directory.sanction(Sanction("mute", "lobby", "ada", 0, "u-mod", ""), lift=False)
        await until(lambda: kept.holds("mute", "lobby", "ada"), "read again", UNIT)


@pytest.mark.expects_log("redis channels")
async def test_signals_that_a_cut_may_have_taken_are_asked_for(redis_url: str, redis_server: RedisServer) -> None:
    """Once the subscription holds again the sanctions are read, and not only when the copy is old."""
    async with serving({"REDIS_URL": redis_url}) as served:
        kept, broker = served.node.moderation, served.node.broker
        await broker.directory.sanction(Sanction("mute", "lobby", "ada", 0, "u-mod", ""), lift=False)
        await asyncio.sleep(0.2 * UNIT)
        assert not kept.holds("mute", "lobby", "ada")  # nobody said so
        redis_server.cli("CLIENT", "KILL", "TYPE", "pubsub")
        await until(lambda: kept.holds("mute", "lobby", "ada"), "read again")


async def test_a_later_process_knows_what_was_done_before(broker_env: dict[str, str]) -> None:
    """Bans outlive the process that took them in."""
    environ = config.load(environment(broker_env))
    async with opened(make_broker(environ)) as (broker, _), started(broker) as kept:
        await kept.moderate(MODERATOR, request(BAN, room="lobby"))
    async with opened(make_broker(environ)) as (broker, _), started(broker) as kept:
        assert kept.holds("ban", "lobby", "ada")


async def test_a_broker_that_is_away_at_the_start_is_asked_again(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it answers; then the doors open."""
    async with opened(make_broker(config.load(environment(broker_env)))) as (broker, _):
        asked: list[int] = []
        sanctions = broker.directory.sanctions

        async def away_twice() -> list[Sanction]:
            asked.append(1)
            if len(asked) < 3:
                raise unavailable()
            return await sanctions()

        monkeypatch.setattr(broker.directory, "sanctions", away_twice)
        async with started(broker) as kept:
            assert len(asked) == 3
            assert not kept.holds("ban", "", "ada")


# -- networks

NET = {"network": True}


async def test_a_guest_s_networks_can_be_kept_out(broker_env: dict[str, str]) -> None:
    """All of them, for guests only, for an hour unless it is said; the moderator's answer names none."""
    async with moderating(broker_env) as (kept, broker, heard):
        await broker.directory.note_networks([("g-1", "192.0.2.1"), ("g-1", "2001:db8::"), ("g-2", "192.0.2.2")])
        before = time.time()
        await kept.moderate(MODERATOR, request(BAN, "g-1", reason="spam", **NET))
        assert kept.holds("ban", "lobby", "g-new", "192.0.2.1") and kept.holds("ban", "", "g-new", "2001:db8::")
        assert not kept.holds("ban", "", "g-new", "192.0.2.2")
        assert not kept.holds("ban", "", "u-bob"), "no guest"
        assert not kept.holds("mute", "", "g-new", "192.0.2.1")
        found = await broker.directory.sanctions()
        assert {one.user for one in found} == {"192.0.2.1", "2001:db8::"}
        assert all(before + 3595 < one.until / 1000 < before + 3610 and one.guest == "g-1" for one in found)
        await until(lambda: heard.signals, "the signal")
        with pytest.raises(RequestError, match="banned: spam"):
            kept.check_ban("", "g-new", "192.0.2.1")


async def test_a_network_is_let_in_again_by_the_name_of_its_guest(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it is no longer known where that guest came from; only what was done by that name there."""
    async with moderating(broker_env) as (kept, broker, _):
        await broker.directory.note_networks([("g-1", "192.0.2.1"), ("g-2", "192.0.2.2")])
        for user, fields in (("g-1", {}), ("g-2", {}), ("g-1", {"room": "tea"})):
            await kept.moderate(MODERATOR, request(BAN, user, **fields, **NET))

        async def forgotten(user: str) -> list[str]:
            return []

        monkeypatch.setattr(broker.directory, "networks", forgotten)
        await kept.moderate(MODERATOR, request(UNBAN, "g-1", **NET))
        assert not kept.holds("ban", "lobby", "g-new", "192.0.2.1")
        assert kept.holds("ban", "tea", "g-new", "192.0.2.1") and kept.holds("ban", "", "g-new", "192.0.2.2")
        assert len(await broker.directory.sanctions()) == 2
        assert await refused(kept, MODERATOR, request(UNBAN, "g-1", **NET)) == ErrorCode.BAD_REQUEST


@pytest.mark.parametrize(
    "asked",
    [
        request(BAN, "u-bob", **NET),
        request(BAN, "g-nobody", **NET),
        request(BAN, "g-1", seconds=30 * 86400 + 1, **NET),
        request(MUTE, "g-nobody", **NET),
        request(KICK, "g-nobody", **NET),
    ],
    ids=["no guest", "nobody known", "too long", "mute", "kick"],
)
async def test_a_network_that_can_not_be_meant_is_refused(broker_env: dict[str, str], asked: Moderate) -> None:
    """`bad_request`, and nothing is kept or said."""
    async with moderating(broker_env) as (kept, broker, heard):
        await broker.directory.note_networks([("g-1", "192.0.2.1"), ("u-bob", "192.0.2.1")])
        assert await refused(kept, MODERATOR, asked) == ErrorCode.BAD_REQUEST
        assert await broker.directory.sanctions() == [] and heard.signals == []


async def test_who_is_slowed(broker_env: dict[str, str]) -> None:
    """A user alone, or a network's guests together, in a room or everywhere, until it is lifted."""
    async with moderating(broker_env) as (kept, broker, _):
        await broker.directory.note_networks([("g-1", "192.0.2.1")])
        await kept.moderate(MODERATOR, request(Action.SLOW, "ada", room="lobby"))
        await kept.moderate(MODERATOR, request(Action.SLOW, "g-1", **NET))
        assert kept.slows("lobby", "ada") and not kept.slows("tea", "ada")
        together = {kept.slows(room, user, "192.0.2.1") for room in ("lobby", "tea") for user in ("g-1", "g-2")}
        assert len(together) == 1 and None not in together
        assert kept.slows("lobby", "g-1", "192.0.2.2") is None
        await kept.moderate(MODERATOR, request(Action.UNSLOW, "g-1", **NET))
        await kept.moderate(MODERATOR, request(Action.UNSLOW, "ada", room="lobby"))
        assert not kept.slows("lobby", "ada") and not kept.slows("lobby", "g-1", "192.0.2.1")


# -- what another process says, and what it could not say


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "promote"),
        ("user", ""),
        ("user", "x" * 129),
        ("room", "x" * 65),
        ("until", -1),
        ("until", 2**53),
        ("reason", "x" * 201),
        ("by", "x" * 129),
        ("network", 1),
    ],
)
async def test_a_signal_with_a_bad_field_does_nothing(field: str, value: object) -> None:
    """Its kinds and sizes are checked; it is counted as garbage."""
    async with moderating({}) as (kept, _, _):
        whole = msgspec.to_builtins(Sanction("ban", "lobby", "ada", 0, "u-mod", ""))
        for sanctions in ([whole | {field: value}], [whole] * 65):
            with pytest.raises(msgspec.ValidationError):
                signals.decode("", encode({"kind": "moderate", "action": "ban", "sanctions": sanctions}))
        told = signals.decode("", encode({"kind": "moderate", "action": "ban", "sanctions": [whole]}))
        assert isinstance(told, signals.Moderate)
        kept.on_signal("", told)
        assert kept.holds("ban", "lobby", "ada")


async def test_a_ban_whose_signal_was_lost_still_removes(broker_env: dict[str, str]) -> None:
    """When the copy is read again; once, and not those that held at the start or are mutes."""
    async with opened(make_broker(config.load(environment(broker_env)))) as (broker, _):
        await broker.directory.sanction(Sanction("ban", "", "old", 0, "m", ""), lift=False)
        async with started(broker, refresh=0.05) as kept:
            removed: list[tuple[str, str]] = []
            kept.on_removal = lambda sanction, reason: removed.append((sanction.user, reason))
            await broker.directory.sanction(Sanction("mute", "", "bob", 0, "m", ""), lift=False)
            await broker.directory.sanction(Sanction("ban", "lobby", "ada", 0, "m", "spam"), lift=False)
            await broker.directory.sanction(Sanction("ban", "", "cy", 0, "m", ""), lift=False)
            await until(lambda: len(removed) >= 2, "removed")
            await asyncio.sleep(0.2)
            assert sorted(removed) == [("ada", "spam"), ("cy", "removed by a moderator (ban)")]


async def test_who_was_banned_meanwhile_bans_nobody(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rights are asked when the thing takes effect."""
    async with moderating(broker_env) as (kept, broker, _):
        await broker.directory.note_networks([("g-1", "192.0.2.1")])
        networks = broker.directory.networks

        async def slow(user: str) -> list[str]:
            learn(kept, BAN, Sanction("ban", "", "u-mod", 0, "u-other", ""))
            return await networks(user)

        monkeypatch.setattr(broker.directory, "networks", slow)
        assert await refused(kept, MODERATOR, request(BAN, "g-1", **NET)) == ErrorCode.FORBIDDEN
        assert await broker.directory.sanctions() == []


async def test_the_broker_s_word_counts_before_a_signal_comes(broker_env: dict[str, str]) -> None:
    """A ban holds from the moderator's answer on, also where it has not been heard of."""
    async with moderating(broker_env) as (kept, broker, _):
        await broker.directory.sanction(Sanction("ban", "lobby", "ada", 0, "m", "spam"), lift=False)
        assert not kept.holds("ban", "lobby", "ada")
        with pytest.raises(RequestError, match="banned: spam") as caught:
            await kept.ask_ban("lobby", "ada")
        assert caught.value.code == ErrorCode.FORBIDDEN
        await kept.ask_ban("tea", "ada")


async def test_a_step_of_the_clock_ends_no_ban(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour ahead for a moment, and everybody would be in again."""
    async with moderating({}) as (kept, _, _):
        await kept.moderate(MODERATOR, request(BAN, seconds=60))
        ahead = time.time() + 3600
        monkeypatch.setattr(time, "time", lambda: ahead)
        assert kept.holds("ban", "", "ada")
