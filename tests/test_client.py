"""static/client.js in a real Chromium, against a scripted service that does what a real one does seldom."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.protocol import CloseCode

from .browser import Person, chromium, person, settle
from .harness import make_jwt
from .serving import serving

# `service` scripts one client: `sockets` are its connections, `posts` how often it asked for a ticket, `log` what the
# client told its listeners. `met` waits until something holds; the scripts below are the bodies of async functions.
_PRELUDE = """async () => {
    const { Chat, CloseCode, OutboxFullError } = await import("/static/client.js");
    const { Backoff } = await import("/static/client/backoff.js");
    const { Outbox } = await import("/static/client/outbox.js");
    const EVENTS = ["state", "welcome", "joined", "message", "edited", "topic", "gap", "refused", "problem", "sent"];
    const ME = { id: "me", name: "Ada" };

    class Memory {
        items = new Map();
        get length() { return this.items.size; }
        key(index) { return [...this.items.keys()][index] ?? null; }
        getItem(key) { return this.items.get(key) ?? null; }
        setItem(key, value) { this.items.set(key, value); }
        removeItem(key) { this.items.delete(key); }
    }

    const met = async (condition, ms = 8000) => {
        for (const end = Date.now() + ms; !condition(); await new Promise((done) => setTimeout(done, 5))) {
            if (Date.now() > end) throw new Error(`not met: ${condition}`);
        }
    };

    const scripted = (options = {}) => {
        const service = { sockets: [], posts: 0, log: [], at: [] };
        class Socket {
            readyState = 0;
            bufferedAmount = 0;
            sent = [];
            constructor(url, protocols) {
                this.protocols = protocols;
                service.sockets.push(this);
                service.at.push(Date.now());
            }
            send(data) { this.sent.push(JSON.parse(data)); }
            close(code) { this.readyState = 3; this.closedBy = code ?? 1005; }
            say(frame) { this.readyState = 1; this.onmessage?.({ data: JSON.stringify(frame) }); }
            end(code, reason = "") { this.readyState = 3; this.onclose?.({ code, reason }); }
            welcome(more = {}) {
                const limits = { text: 4000, frame: 65536, rooms: 50 };
                this.say({ type: "welcome", user: ME, version: 1, heartbeat: 25, limits, ...more });
            }
            of(type) { return this.sent.filter((frame) => frame.type === type); }
            joined(more = {}) {
                const { ref } = this.of("join").at(-1);
                const fields = { room: "lobby", epoch: "e1", seq: 0, resumed: false, messages: [], more: false };
                this.say({ type: "joined", ...fields, ...more, ref });
            }
            message(seq, id = `m${seq}`) {
                this.say({ type: "message", room: "lobby", seq, id, user: ME, text: `t${seq}`, at: seq });
            }
        }
        const fetch = async () => {
            service.posts += 1;
            return new Response(JSON.stringify({ ticket: `t${service.posts}`, user: ME, guest: "g" }), { status: 201 });
        };
        const chat = new Chat({ url: location.origin, name: "Ada", WebSocket: Socket, fetch, locks: null, ...options });
        for (const event of EVENTS) chat.on(event, (value) => service.log.push([event, value]));
        const of = (event) => service.log.filter(([name]) => name === event).map(([, value]) => value);
        const next = async (count) => {
            await met(() => service.sockets.length >= count);
            return service.sockets[count - 1];
        };
        const enter = async () => {
            chat.join("lobby");
            chat.open();
            const socket = await next(1);
            socket.welcome();
            socket.joined();
            return socket;
        };
        return Object.assign(service, { chat, of, next, enter });
    };
    window.kit = { Chat, CloseCode, OutboxFullError, Backoff, Outbox, Memory, met, scripted };
}"""


@asynccontextmanager
async def client_page() -> AsyncIterator[Person]:
    """A page of the service's origin with the client and the script's words in it."""
    async with serving() as it, chromium() as browser, person(browser, it.url) as ada:
        await ada.page.goto(f"{it.url}/clock.html")
        await ada.page.evaluate(_PRELUDE)
        yield ada


async def run(script: str) -> Any:
    """The JSON value that a script returns."""
    async with client_page() as ada:
        return await ada.page.evaluate(f"async () => {{ const {{ {_WORDS} }} = window.kit; {script} }}")


_WORDS = "Chat, CloseCode, OutboxFullError, Backoff, Outbox, Memory, met, scripted"


async def test_close_codes_are_the_services() -> None:
    """The client's enum of close codes is the service's, name by name."""
    assert await run("return { ...CloseCode }") == {code.name: int(code) for code in CloseCode}


async def test_after_each_close_code_the_client_does_what_the_contract_says() -> None:
    """It stays away, comes back, or comes back with a new ticket; codes that are not listed bring it back too."""
    states = await run("""
        const after = {};
        for (const code of [...Object.values(CloseCode), 1001, 1006, 1011]) {
            const service = scripted();
            const socket = await service.enter();
            socket.end(code, "why");
            const { state, reason } = service.chat.state;
            after[code] = [state, reason ?? null];
            service.chat.close();
        }
        return after;
    """)
    stays = {1000, 1002, 1003, 1007, 1008, 1009, 4403}
    back = {1012, 1013, 4408, 4413, 4429, 1001, 1006, 1011}
    assert states == {str(code): ["stopped", "why"] for code in stays} | {
        str(code): ["waiting", "why"] for code in back
    } | {"4401": ["connecting", None]}


async def test_a_second_refused_ticket_is_waited_for() -> None:
    """A service that refuses every ticket is not asked for new ones in a hot loop."""
    assert await run("""
        const service = scripted();
        service.chat.open();
        (await service.next(1)).end(4401);
        (await service.next(2)).end(4401);
        const { state } = service.chat.state;
        service.chat.close();
        return [state, service.posts];
    """) == ["waiting", 2]


async def test_reconnect_is_obeyed() -> None:
    """The client comes back when it was told to, not before, with the ticket it was given, and resumes."""
    told, waited_ms, protocols, posts, since = await run("""
        const service = scripted();
        const socket = await service.enter();
        socket.message(1);
        const told = Date.now();
        socket.say({ type: "reconnect", in_ms: 700, ticket: "given" });
        socket.message(2);
        socket.end(1012);
        const state = service.chat.state.retryAt - told;
        const second = await service.next(2);
        second.welcome();
        const waited = service.at[1] - told;
        return [state, waited, second.protocols, service.posts, second.of("join")[0].since];
    """)
    assert 690 <= told <= 750
    assert 690 <= waited_ms < 2000
    assert (protocols, posts) == (["chat.v1", "ticket.given"], 1)
    assert since == {"epoch": "e1", "seq": 2}


@pytest.mark.parametrize("code", [1012, 1006])
async def test_who_is_cut_before_the_promised_moment_comes_back_at_once(code: int) -> None:
    """With jitter, and with the ticket it was given: the process that promised is gone, its successor may be there."""
    waits, protocols, posts = await run(f"""
        const clients = [], waits = [];
        for (let count = 0; count < 8; count++) {{
            const service = scripted();
            const socket = await service.enter();
            socket.say({{ type: "reconnect", in_ms: 20000, ticket: "given" }});
            socket.end({code});
            clients.push(service);
            waits.push(service.chat.state.retryIn);
        }}
        const again = await clients[0].next(2);
        return [waits, again.protocols, clients[0].posts];
    """)
    assert max(waits) <= 1000 and len(set(waits)) > 1
    assert (protocols, posts) == (["chat.v1", "ticket.given"], 1)


async def test_events_come_once_in_order_and_a_hole_is_asked_for() -> None:
    """Repeats are dropped; what would leave a hole is dropped too, and the room is resumed from before it."""
    seqs, since = await run("""
        const service = scripted();
        const socket = await service.enter();
        for (const seq of [1, 2, 2, 1, 3, 5, 6]) socket.message(seq);
        const since = socket.of("join").at(-1).since;
        socket.joined({ seq: 3, resumed: true });
        for (const seq of [4, 5, 6]) socket.message(seq);
        return [service.of("message").map(({ seq }) => seq), since];
    """)
    assert (seqs, since) == ([1, 2, 3, 4, 5, 6], {"epoch": "e1", "seq": 3})


async def test_a_rooms_topic_and_beginning_are_known() -> None:
    """As `joined` has them, then by events: a topic by that of the highest seq, a beginning by the first."""
    join, known, texts = await run("""
        const service = scripted();
        const socket = await service.enter();
        const { chat } = service;
        const ME = chat.user;
        const now = () => [chat.topic("lobby")?.text ?? null, chat.begun("lobby")?.user.name ?? null];
        const known = [now()];
        const topic = (seq, text) =>
            socket.say({ type: "topic", room: "lobby", seq, id: `t${seq}`, user: ME, text, at: seq });
        socket.message(1);
        known.push(now());
        topic(2, "tea");
        known.push(now());
        socket.end(1006);
        const second = await service.next(2);
        second.welcome();
        const ahead = { topic: { text: "coffee", user: ME, at: 4, seq: 4 }, begun: { user: ME, at: 1 } };
        second.joined({ seq: 2, resumed: true, ...ahead });
        known.push(now());
        for (const [seq, text] of [[3, "overtaken"], [4, "coffee"], [5, ""]]) {
            second.say({ type: "topic", room: "lobby", seq, id: `t${seq}`, user: ME, text, at: seq });
            known.push(now());
        }
        second.end(1006);
        const third = await service.next(3);
        third.welcome();
        third.joined({ epoch: "e2", seq: 9 });
        known.push(now());
        return [socket.of("join")[0], known, service.of("topic").map(({ text }) => text)];
    """)
    assert join["events"] == ["topic"]
    assert known == [
        [None, None],
        [None, "Ada"],
        ["tea", "Ada"],
        ["coffee", "Ada"],
        ["coffee", "Ada"],
        ["coffee", "Ada"],
        [None, "Ada"],
        [None, None],
    ]
    assert texts == ["tea", "overtaken", "coffee", ""]


async def test_who_may_set_a_topic_is_known() -> None:
    """Moderators; who began the room; whoever is first in one where nothing was said; nobody where it isn't known."""
    assert await run("""
        const may = async (welcome, joined) => {
            const service = scripted();
            service.chat.join("lobby");
            service.chat.open();
            const socket = await service.next(1);
            const before = service.chat.maySetTopic("lobby");
            socket.welcome(welcome);
            socket.joined(joined);
            return [before, service.chat.maySetTopic("lobby"), service.chat.maySetTopic("elsewhere")];
        };
        const begun = (id) => ({ seq: 3, begun: { user: { id, name: "Ada" }, at: 1 } });
        return [
            await may({}, {}),
            await may({}, begun("me")),
            await may({}, begun("other")),
            await may({}, { seq: 3 }),
            await may({ role: "moderator" }, begun("other")),
        ];
    """) == [
        [False, True, False],
        [False, True, False],
        [False, False, False],
        [False, False, False],
        [False, True, False],
    ]


async def test_a_topic_is_kept_and_sent_until_it_is_stored_or_refused() -> None:
    """By the outbox, in its place among the messages; a refusal is told with its words, and the rest goes on."""
    order, refused, left = await run("""
        const service = scripted();
        const socket = await service.enter();
        service.chat.send("lobby", "one");
        service.chat.setTopic("lobby", "tea");
        service.chat.setTopic("lobby", "coffee");
        service.chat.send("lobby", "two");
        const order = [];
        for (let count = 0; count < 4; count += 1) {
            const frame = socket.sent.filter(({ type }) => type === "send" || type === "topic")[count];
            order.push([frame.type, frame.text]);
            const { id, ref } = frame;
            if (frame.text === "coffee") socket.say({ type: "error", ref, code: "forbidden", message: "no" });
            else socket.say({ type: "sent", room: "lobby", id, ref, seq: count + 1, at: 1, duplicate: false });
        }
        const refused = service.of("refused").map(({ id: _, ...refusal }) => refusal);
        return [order, refused, service.chat.outbox.list().length];
    """)
    assert order == [["send", "one"], ["topic", "tea"], ["topic", "coffee"], ["send", "two"]]
    assert refused == [{"room": "lobby", "type": "topic", "code": "forbidden", "message": "no", "text": "coffee"}]
    assert left == 0


async def test_what_is_missing_is_said_before_what_follows() -> None:
    """`resumed:false` and `reset` both become a `gap`, and the join after a reset is a fresh one."""
    log, second, sends = await run("""
        const service = scripted();
        const socket = await service.enter();
        socket.message(1);
        service.chat.send("lobby", "on its way");
        socket.say({ type: "reset", room: "lobby", reason: "trimmed" });
        const again = socket.of("join").at(-1);
        socket.message(9);
        socket.joined({ seq: 30 });
        const ids = new Set(socket.of("send").map(({ id }) => id));
        socket.end(1006);
        const next = await service.next(2);
        next.welcome();
        next.joined({ epoch: "e2", seq: 4 });
        const log = service.log.filter(([name]) => ["gap", "joined", "message"].includes(name));
        return [log.map(([name, { reason, after, seq }]) => [name, reason ?? seq, after ?? null]), again,
            [socket.of("send").length, ids.size]];
    """)
    assert log == [
        ["joined", 0, None],
        ["message", 1, None],
        ["gap", "trimmed", 1],
        ["joined", 30, None],
        ["gap", "epoch", 30],
        ["joined", 4, None],
    ]
    assert "since" not in second
    assert sends == [2, 1]  # twice, under one id


async def test_what_waits_for_a_room_nobody_is_in_is_brought_there() -> None:
    """The client joins the room without its history, says what it has to say, and leaves."""
    assert await run("""
        const service = scripted();
        const socket = await service.enter();
        service.chat.send("attic", "forgotten");
        socket.joined({ room: "attic", seq: 7 });
        const [{ id }] = socket.of("send");
        socket.say({ type: "sent", room: "attic", id, seq: 8, at: 1, duplicate: false });
        const said = socket.sent.slice(1).map(({ type, room, limit }) => [type, room, limit ?? null]);
        return [said, service.of("joined").map(({ room }) => room)];
    """) == [[["join", "attic", 0], ["send", "attic", None], ["leave", "attic", None]], ["lobby"]]


async def test_after_any_doubt_the_same_id_is_sent_again() -> None:
    """A lost connection, `unavailable` and `rate_limited` each bring the same id again, in order, until `sent`."""
    sent, left, waited_ms = await run("""
        const service = scripted();
        let socket = await service.enter();
        const ids = ["one", "two", "three"].map((text) => service.chat.send("lobby", text).id);
        const order = [];
        const take = async () => {
            await met(() => socket.of("send").length > 0);
            const [frame, ...others] = socket.of("send");
            if (others.length > 0) throw new Error("sent before the one ahead of it was acknowledged");
            socket.sent = socket.sent.filter((other) => other !== frame);
            order.push(ids.indexOf(frame.id));
            return frame;
        };
        const store = ({ id }) => socket.say({ type: "sent", room: "lobby", id, seq: 1, at: 1, duplicate: false });
        await take();
        socket.end(1006);
        socket = await service.next(2);
        socket.welcome();
        socket.joined({ resumed: true });
        store(await take());
        const { ref } = await take();
        const asked = Date.now();
        socket.say({ type: "error", ref, code: "rate_limited", message: "", retry_after: 0.4 });
        const again = await take();
        const waited = Date.now() - asked;
        socket.say({ type: "error", ref: again.ref, code: "unavailable", message: "", retry_after: 0.2 });
        store(await take());
        store(await take());
        return [order, service.chat.outbox.list(), waited];
    """)
    assert (sent, left) == ([0, 0, 1, 1, 1, 2], [])
    assert 400 <= waited_ms < 1500


@pytest.mark.parametrize(
    "seen", ["before it is rewritten", "before it is sent again", "while it is under way", "after its refusal"]
)
async def test_what_is_rewritten_after_it_was_stored_becomes_an_edit(seen: str) -> None:
    """Its `sent` was lost with the connection, and its author says something else: nothing is said twice, or lost."""
    sends, edits, left = await run(f"""
        const seen = {seen!r};
        const service = scripted();
        let socket = await service.enter();
        const {{ id }} = service.chat.send("lobby", "first");
        if (seen === "before it is rewritten") socket.message(1, id);
        socket.end(1006);
        if (!service.chat.pause(id)) throw new Error("not kept back");
        service.chat.rewrite(id, "second");
        socket = await service.next(2);
        socket.welcome();
        if (seen === "before it is sent again") service.chat.pause(id);
        socket.joined({{ resumed: true }});
        if (seen === "before it is sent again") {{
            socket.message(1, id);
            service.chat.resume(id);
        }} else if (seen !== "before it is rewritten") {{
            const {{ ref }} = socket.of("send")[0];
            const refuse = () => socket.say({{ type: "error", ref, code: "bad_request", message: "used" }});
            const happens = [() => socket.message(1, id), refuse];
            if (seen === "after its refusal") happens.reverse();
            for (const one of happens) one();
        }}
        const edits = socket.of("edit").map(({{ target, text }}) => [target, text]);
        return [socket.of("send").map(({{ text }}) => text), edits, service.chat.outbox.list().length];
    """)
    assert sends == ([] if seen.startswith("before") else ["second"])
    assert (edits, left) == ([[1, "second"]], 1)


async def test_how_long_the_service_was_silent_is_known_after_a_sleep() -> None:
    """In which a monotonic clock may stand still; a clock that is set back makes it no shorter."""
    assert await run("""
        const service = scripted();
        await service.enter();
        const real = Date.now;
        const found = [service.chat.silence < 60_000];
        Date.now = () => real() + 3_600_000;
        found.push(service.chat.silence >= 3_600_000);
        Date.now = () => real() - 3_600_000;
        found.push(service.chat.silence >= 0);
        Date.now = real;
        return found;
    """) == [True, True, True]


async def test_what_is_kept_back_holds_up_what_was_written_after_it() -> None:
    """In its own room; an entry that is on its way can't be kept back."""
    paused, texts, held = await run("""
        const service = scripted();
        service.chat.open();
        const entries = ["one", "two", "three"].map((text) => service.chat.send("lobby", text));
        service.chat.pause(entries[1].id);
        service.chat.join("lobby");
        const socket = await service.next(1);
        socket.welcome();
        socket.joined();
        const paused = service.chat.pause(entries[0].id);
        const store = (seq) => {
            const { id } = socket.of("send").at(-1);
            socket.say({ type: "sent", room: "lobby", id, seq, at: 1, duplicate: false });
        };
        store(1);
        const held = socket.of("send").length;
        service.chat.rewrite(entries[1].id, "two, better");
        store(2);
        return [paused, socket.of("send").map(({ text }) => text), held];
    """)
    assert (paused, texts, held) == (False, ["one", "two, better", "three"], 1)


async def test_final_refusals_are_shown_and_don_t_stop_the_rest() -> None:
    """A refused message stays as failed, a refused edit is told, and what comes after both is sent."""
    states, refused, last = await run("""
        const service = scripted();
        const socket = await service.enter();
        service.chat.send("lobby", "bad");
        const entry = service.chat.edit("lobby", 1, "not mine");
        service.chat.send("lobby", "good");
        const refuse = (type) => {
            const { ref } = socket.of(type).at(-1);
            socket.say({ type: "error", ref, code: "forbidden", message: "no" });
        };
        refuse("send");
        refuse("edit");
        const states = service.chat.outbox.list().map(({ state, error }) => [state, error ?? null]);
        const refused = service.of("refused").map(({ id, ...refusal }) => ({ ...refusal, own: id === entry.id }));
        return [states, refused, socket.of("send").at(-1).text];
    """)
    assert states == [["failed", "no"], ["sending", None]]
    told = {"room": "lobby", "type": "edit", "code": "forbidden", "message": "no", "text": "not mine"}
    assert refused == [told | {"own": True}]
    assert last == "good"


async def test_what_would_close_the_socket_is_not_sent() -> None:
    """A frame over the service's limit fails here, for there it would end the connection for good."""
    assert await run("""
        const service = scripted();
        const socket = await service.enter();
        service.chat.send("lobby", "ü".repeat(40_000));
        return [service.chat.outbox.list()[0].state, socket.of("send").length];
    """) == ["failed", 0]


async def test_nobody_says_what_somebody_else_wrote() -> None:
    """An entry of another user is not sent; its author's successor may send it as their own, under a new id."""
    failed, again, same_id = await run("""
        const storage = new Memory();
        const frame = { type: "send", room: "lobby", id: "theirs", text: "x" };
        const entry = { id: "theirs", room: "lobby", frame, at: 1, user: "somebody", state: "queued" };
        storage.setItem("parley.outbox.old", JSON.stringify({ at: 0, entries: [entry] }));
        const service = scripted({ storage });
        const socket = await service.enter();
        const [{ id, state }] = service.chat.outbox.list();
        service.chat.retry(id);
        const [sent] = socket.of("send");
        return [state, sent.text, sent.id === id];
    """)
    assert (failed, again, same_id) == ("failed", "x", False)


async def test_changes_that_can_not_be_sent_are_told_with_their_words() -> None:
    """An edit by who was somebody else, and one for a room that may not be entered: refused, and kept nowhere."""
    refused, left = await run("""
        const storage = new Memory();
        const frame = { type: "edit", room: "lobby", id: "theirs", target: 1, text: "their words" };
        const entry = { id: "theirs", room: "lobby", frame, at: 1, user: "somebody", state: "queued" };
        storage.setItem("parley.outbox.old", JSON.stringify({ at: 0, entries: [entry] }));
        const service = scripted({ storage });
        const socket = await service.enter();
        service.chat.edit("attic", 1, "my words");
        await met(() => socket.of("join").length === 2);
        const { ref } = socket.of("join")[1];
        socket.say({ type: "error", ref, code: "forbidden", message: "no" });
        const told = service.of("refused").filter(({ type }) => type === "edit");
        return [told.map(({ room, code, text }) => [room, code, text]), service.chat.outbox.list().length];
    """)
    assert refused == [["lobby", "bad_request", "their words"], ["attic", "forbidden", "my words"]]
    assert left == 0


async def test_what_was_meant_for_a_history_that_is_gone_changes_nothing_in_the_next() -> None:
    """Its seqs are other messages' there: such changes are refused, with their words, and what follows goes on."""
    refused, later, sends, left = await run("""
        const service = scripted();
        let socket = await service.enter();
        const first = service.chat.send("lobby", "first").id;
        socket.message(1, first);
        socket.end(1006);
        service.chat.rewrite(first, "second");
        service.chat.edit("lobby", 1, "better");
        service.chat.remove("lobby", 1);
        service.chat.react("lobby", 1, "+", true);
        service.chat.react("lobby", 1, "seen in the next", true, "e2");
        socket = await service.next(2);
        socket.welcome();
        socket.joined({ epoch: "e2", seq: 4 });
        const sends = socket.of("send").map(({ text }) => text);
        const { ref } = socket.of("send")[0];
        socket.say({ type: "sent", ref, room: "lobby", id: first, seq: 5 });
        const changes = ["edit", "remove", "react"].flatMap((type) => socket.of(type));
        const refused = service.of("refused").map(({ type, code, text }) => [type, code, text ?? null]);
        return [refused, changes.map(({ emoji }) => emoji), sends, service.chat.outbox.list().length];
    """)
    told = [["edit", "bad_request", "better"], ["react", "bad_request", None], ["remove", "bad_request", None]]
    assert sorted(refused) == told
    assert (later, sends, left) == (["seen in the next"], ["second"], 1)


async def test_without_locks_a_page_is_dead_when_its_time_stamp_is_old() -> None:
    """Where there are no Web Locks, entries of a page that was alive within minutes are left alone."""
    taken, kept = await run("""
        const storage = new Memory();
        const put = (key, at, written) => {
            const entries = [{ id: key, room: "r", frame: { id: key }, at: written, user: null, state: "sending" }];
            storage.setItem(`parley.outbox.${key}`, JSON.stringify({ at, entries }));
        };
        put("alive", Date.now() - 100_000, 1);
        put("dead", Date.now() - 200_000, 2);
        put("left", 0, 3);
        storage.setItem("parley.outbox.broken", "{");
        const outbox = new Outbox({ storage, locks: null });
        const taken = outbox.list().map(({ id, state }) => [id, state]);
        outbox.close();
        return [taken, storage.getItem("parley.outbox.alive") !== null];
    """)
    assert taken == [["dead", "queued"], ["left", "queued"]]
    assert kept


async def test_a_full_or_missing_storage_is_no_obstacle() -> None:
    """Without room in storage the outbox works and says that it is not durable; it never grows past its bound."""
    durable, full, count = await run("""
        class Full extends Memory { setItem() { throw new DOMException("full", "QuotaExceededError"); } }
        const outbox = new Outbox({ storage: new Full(), locks: null });
        let full = false;
        try {
            for (let n = 0; n < 1000; n += 1) outbox.add({ type: "send", room: "r", text: "t" }, null);
        } catch (error) {
            full = error instanceof OutboxFullError;
        }
        outbox.close();
        return [outbox.durable, full, outbox.list().length];
    """)
    assert (durable, full, count) == (False, True, 200)


async def test_a_silent_service_is_asked() -> None:
    """After two heartbeats without a frame the client asks, since it can't see the service's own pings."""
    early, pings, state = await run("""
        const service = scripted();
        service.chat.open();
        const socket = await service.next(1);
        socket.welcome({ heartbeat: 0.6 });
        await new Promise((done) => setTimeout(done, 900));
        const early = socket.of("ping").length;
        await met(() => socket.of("ping").length === 1);
        socket.say({ type: "pong", at: 1 });
        return [early, socket.of("ping").length, service.chat.state.state];
    """)
    assert (early, pings, state) == (0, 1, "open")


@pytest.mark.parametrize("hours", [-1, 1, -8766, 8766])
async def test_a_clock_that_is_set_changes_no_wait(hours: int) -> None:
    """A silent service is asked as soon as without; waits last as long as was said; what is written keeps its order."""
    pings, waited, gone, left, order = await run(f"""
        const service = scripted({{ storage: new Memory() }});
        service.chat.open();
        const socket = await service.next(1);
        socket.welcome({{ heartbeat: 0.6 }});
        service.chat.send("lobby", "first");
        const real = Date.now;
        Date.now = () => real() + {hours} * 3_600_000;
        service.chat.send("lobby", "second");
        await met(() => socket.of("ping").length === 1, 5000);
        socket.say({{ type: "pong", at: 1 }});
        const asked = performance.now();
        socket.say({{ type: "reconnect", in_ms: 900, ticket: "given" }});
        Date.now = real;
        socket.end(1012);
        const left = service.chat.state.retryIn;
        const gone = performance.now() - asked;
        await service.next(2);
        const at = service.chat.outbox.list().map((entry) => entry.at);
        return [socket.of("ping").length, performance.now() - asked, gone, left, at[0] <= at[1]];
    """)
    assert pings == 1 and order
    assert 800 <= waited < 3000 and gone + left >= 800 and left <= 900


async def test_a_machine_that_slept_is_noticed_by_either_clock() -> None:
    """Some monotonic clocks stand still in sleep, some wall clocks are set back by it: one of both is enough."""
    assert await run("""
        const asked = [];
        for (const clock of [Date, performance]) {
            const service = scripted();
            service.chat.open();
            const socket = await service.next(1);
            socket.welcome();
            const real = clock.now;
            clock.now = () => real.call(clock) + 60_000;
            await met(() => socket.of("ping").length === 1, 5000).catch(() => {});
            clock.now = real;
            asked.push(socket.of("ping").length);
            service.chat.close();
        }
        return asked;
    """) == [1, 1]


async def test_a_token_is_renewed_by_its_own_times_where_the_clock_is_wrong() -> None:
    """An hour ahead or behind, the renewal comes within the token's life."""
    assert await run("""
        const renewed = [];
        for (const hours of [-1, 0, 1]) {
            const real = Date.now;
            const token = () => {
                const iat = Math.floor(real() / 1000);
                return `h.${btoa(JSON.stringify({ iat, exp: iat + 3 }))}.s`;
            };
            Date.now = () => real() + hours * 3_600_000;
            const service = scripted({ token });
            service.chat.open();
            const socket = await service.next(1);
            socket.welcome();
            await met(() => socket.of("renew").length === 1, 4000).catch(() => {});
            renewed.push(socket.of("renew").length);
            Date.now = real;
            service.chat.close();
        }
        return renewed;
    """) == [1, 1, 1]


async def test_a_page_whose_stamp_lies_ahead_is_dead_when_it_stands_still() -> None:
    """A clock set back leaves stamps in the future; without locks only their standing still says that it is gone."""
    assert await run("""
        const storage = new Memory();
        const frame = { id: "left" };
        const entries = [{ id: "left", room: "r", frame, at: 1, user: null, state: "queued" }];
        storage.setItem("parley.outbox.ahead", JSON.stringify({ at: Date.now() + 3_600_000, entries }));
        const outbox = new Outbox({ storage, locks: null });
        const early = outbox.list().length;
        const real = performance.now;
        performance.now = () => real.call(performance) + 160_000;
        outbox.adopt();
        performance.now = real;
        outbox.close();
        return [early, outbox.list().length];
    """) == [0, 1]


async def test_a_wake_right_after_an_attempt_is_not_forgotten() -> None:
    """However often it comes, the next attempt is a second after the last, and not half a minute."""
    attempts, between_ms = await run("""
        const real = Math.random;
        Math.random = () => 0.999; // the longest waits
        const service = scripted();
        service.chat.open();
        for (let lost = 1; lost <= 6; lost += 1) {
            const socket = await service.next(lost);
            socket.end(1011); // 1006 again and again would mean that WebSockets are blocked
            for (let times = 0; times < 20; times += 1) service.chat.wake();
        }
        Math.random = real;
        const gaps = service.at.slice(1).map((at, index) => at - service.at[index]);
        return [service.sockets.length, gaps];
    """)
    assert attempts == 6
    assert all(900 <= gap < 8000 for gap in between_ms)


async def test_waits_are_fully_jittered() -> None:
    """Every wait lies anywhere between 0 and a bound that doubles from 1 s to 30 s."""
    spread = await run("""
        const spread = [];
        for (let attempt = 0; attempt < 8; attempt += 1) spread.push([]);
        for (let run = 0; run < 2000; run += 1) {
            const backoff = new Backoff();
            for (const waits of spread) waits.push(backoff.next());
        }
        return spread.map((waits) => [Math.min(...waits), Math.max(...waits)]);
    """)
    for (least, most), bound in zip(spread, (1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000), strict=True):
        assert least < 0.05 * bound and 0.95 * bound < most < bound


async def test_a_token_is_renewed_before_it_runs_out() -> None:
    """With a function that fetches tokens the connection outlives the first one."""
    async with serving() as it, chromium() as browser, person(browser, it.url) as ada:
        await ada.page.goto(f"{it.url}/clock.html")
        tokens = [make_jwt("u", "Ada", exp=int(time.time()) + 5), make_jwt("u", "Ada")]
        await ada.page.evaluate(
            """async (tokens) => {
                const { Chat } = await import("/static/client.js");
                window.states = [];
                const chat = new Chat({ url: location.origin, token: () => tokens.shift() });
                chat.on("state", ({ state }) => states.push(state));
                chat.open();
            }""",
            tokens,
        )
        await settle(7)
        assert await ada.page.evaluate("states") == ["connecting", "open"]
        assert any('"renew"' in frame for frame in ada.wire.sent)
