"""static/client/client.js in Node, against a scripted service: promises, loops, and names that nobody knows."""

import json
from typing import Any

from .test_javascript import node_source

PRELUDE = """
    import { Chat, ChatError, HttpError, OutboxFullError, adviceFor } from "./static/client/client.js";
    const ME = { id: "me", name: "Ada" };
    const rejections = [];
    process.on("unhandledRejection", (error) => rejections.push(String(error)));

    class Socket {
        static all = [];
        readyState = 0;
        bufferedAmount = 0;
        sent = [];
        constructor(url, protocols) {
            Object.assign(this, { url, protocols });
            Socket.all.push(this);
        }
        send(data) { this.sent.push(JSON.parse(data)); }
        close() { this.readyState = 3; }
        say(frame) { this.readyState = 1; this.onmessage?.({ data: JSON.stringify(frame) }); }
        end(code, reason = "") { this.readyState = 3; this.onclose?.({ code, reason }); }
        welcome() {
            const limits = { text: 4000, frame: 65536, rooms: 50 };
            this.say({ type: "welcome", user: ME, version: 1, heartbeat: 25, limits });
        }
        last(type) { return this.sent.findLast((frame) => frame.type === type); }
        joined(more = {}) {
            const { ref, room } = this.last("join");
            const fresh = { epoch: "e", seq: 0, resumed: false, messages: [], more: false };
            this.say({ type: "joined", room, ref, ...fresh, ...more });
        }
        message(seq, room = "lobby") {
            this.say({ type: "message", room, seq, id: `m${seq}`, user: ME, text: `t${seq}`, at: seq });
        }
        stored(seq, type = "send") {
            const { id, ref, room } = this.last(type);
            this.say({ type: "sent", room, id, ref, seq, at: 1, duplicate: false });
        }
        refuse(code, type = "send") {
            this.say({ type: "error", ref: this.last(type).ref, code, message: `not ${type}` });
        }
    }
    let refusal = null; // of a ticket
    const fetch = async () =>
        refusal
            ? new Response(JSON.stringify({ error: refusal }), { status: refusal.status })
            : new Response(JSON.stringify({ ticket: "t", user: ME, guest: "g" }), { status: 201 });
    const turn = () => new Promise((done) => setTimeout(done, 1));
    const made = (more = {}) => new Chat({ url: "http://x", name: "Ada", WebSocket: Socket, fetch, ...more });
    let taken = 0;
    const socket = async () => { // the next one
        while (Socket.all.length === taken) await turn();
        return Socket.all[taken++];
    };
    setTimeout(() => { throw new Error("it hangs"); }, 20_000);
    const chat = made();
    const enter = async () => {
        chat.open();
        const first = await socket();
        first.welcome();
        chat.join("lobby");
        first.joined();
        return first;
    };
    const why = (promise) => promise.then(() => "nothing", ({ name, code, message }) => [name, code, message]);
    const pending = async (promise) => (await Promise.race([promise, turn().then(() => "pending")])) === "pending";
"""


def run(body: str) -> Any:
    """What the body of an async function gives. A rejection that nobody looked at fails."""
    told = node_source(f"""{PRELUDE}
        const found = await (async () => {{ {body} }})();
        await turn();
        console.log(JSON.stringify({{ found, rejections }}));
        process.exit();
    """)
    answer = json.loads(told)
    assert answer["rejections"] == []
    return answer["found"]


def test_ready_is_the_next_welcome() -> None:
    """Before it is opened, after a cut, until it is stopped or closed; opened again, it waits anew.

    Where it is stopped nothing else is waited for either.
    """
    assert run("""
        const before = await pending(chat.ready);
        const opened = chat.open();
        const first = await socket();
        first.welcome();
        const user = (await chat.ready).user.name;
        const same = (await opened) === (await chat.ready);
        first.end(1006);
        const cut = await pending(chat.ready);
        chat.close();
        const closed = await why(chat.ready);
        chat.open();
        (await socket()).welcome();
        const again = (await chat.ready).type;
        Socket.all[1].end(4403, "banned: noise");
        const stopped = await why(chat.ready);
        refusal = { status: 403, code: "forbidden", message: "Stay away." };
        const refused = await why(chat.open());
        const late = [chat.join("lobby"), chat.send("lobby", "one").stored];
        return [before, user, same, cut, closed, again, stopped, refused, await why(late[0]), await why(late[1])];
    """) == [
        True,
        "Ada",
        True,
        True,
        ["ChatError", "closed", "the chat was closed"],
        "welcome",
        ["ChatError", 4403, "banned: noise"],
        *[["ChatError", "forbidden", "Stay away."]] * 3,
    ]


def test_a_join_gives_the_rooms_state() -> None:
    """Once for all who ask, through a cut; where we are in, at once; else why not."""
    assert run("""
        const joins = [chat.join("lobby", { limit: 3 }), chat.join("lobby")];
        chat.open();
        let at = await socket();
        at.welcome();
        at.end(1006);
        const cut = await pending(joins[0]);
        chat.wake();
        at = await socket();
        at.welcome();
        at.joined({ seq: 7, topic: { text: "tea", user: ME, at: 1, seq: 2 }, more: true });
        const states = await Promise.all(joins);
        const limit = at.last("join").limit;
        at.message(8);
        const again = await chat.join("lobby");
        const refused = chat.join("vault");
        at.refuse("forbidden", "join");
        const left = chat.join("attic");
        chat.leave("attic");
        const rest = [await why(refused), await why(left)];
        const late = chat.join("cellar");
        chat.close();
        return [
            cut, limit, states.map(({ seq, fresh, more }) => [seq, fresh, more]),
            [again.seq, again.fresh, again.messages, again.topic.text, again.resumed], rest, await why(late),
        ];
    """) == [
        True,
        3,
        [[7, True, True], [7, True, True]],
        [8, False, [], "tea", True],
        [["ChatError", "forbidden", "not join"], ["ChatError", "left", "attic was left"]],
        ["ChatError", "closed", "the chat was closed"],
    ]


def test_what_is_sent_says_when_it_is_stored_or_why_not() -> None:
    """Of each kind. The promise is no part of what is kept in storage, and need not be looked at."""
    assert run("""
        const at = await enter();
        const first = chat.send("lobby", "one");
        const kept = Object.keys(first).includes("stored");
        at.stored(4);
        const stored = await first.stored;
        const others = [];
        for (const make of [
            () => chat.edit("lobby", 4, "two"), () => chat.remove("lobby", 4),
            () => chat.react("lobby", 4, "👍"), () => chat.setTopic("lobby", "tea"),
        ]) {
            const good = make();
            at.stored(5, good.frame.type);
            others.push((await good.stored).seq);
            const bad = make();
            at.refuse("forbidden", bad.frame.type);
            others.push((await why(bad.stored))[1]);
        }
        const refused = chat.send("lobby", "no");
        at.refuse("too_large");
        const passing = chat.send("lobby", "later");
        at.refuse("rate_limited");
        const discarded = chat.send("lobby", "never mind");
        chat.discard(discarded.id);
        const waits = await pending(passing.stored);
        const rest = [await why(refused.stored), await why(discarded.stored)];
        at.end(4403, "banned");
        return [kept, stored.seq, stored.id === first.id, others, rest, waits, await why(passing.stored),
            chat.outbox.list().map(({ state, code }) => [state, code ?? null])];
    """) == [
        False,
        4,
        True,
        [5, "forbidden"] * 4,
        [["ChatError", "too_large", "not send"], ["ChatError", "discarded", "it was discarded"]],
        True,
        ["ChatError", 4403, "banned"],
        [["failed", "too_large"], ["queued", None]],
    ]


def test_what_cannot_be_sent_at_all_is_said_at_once() -> None:
    """A frame over the limit never leaves; a message and a change of one alike. A full outbox throws, with its code."""
    assert run("""
        await enter();
        const long = "x".repeat(70_000);
        const found = [await why(chat.send("lobby", long).stored), await why(chat.edit("lobby", 1, long).stored)];
        try {
            for (;;) chat.send("lobby", "more");
        } catch (error) {
            const known = error instanceof OutboxFullError && error instanceof ChatError;
            found.push([known, error.code, error.advice !== ""]);
        }
        return found;
    """) == [["ChatError", "bad_request", "This is too long."]] * 2 + [[True, "outbox_full", True]]


def test_a_rewritten_entry_whose_first_form_is_stored_is_stored() -> None:
    """Under the seq of that; what was written instead goes on as an edit."""
    assert run("""
        const at = await enter();
        const entry = chat.send("lobby", "one");
        const { id } = at.last("send");
        at.end(1006);
        chat.rewrite(entry.id, "two");
        chat.wake();
        const next = await socket();
        next.welcome();
        next.joined({ resumed: true });
        next.say({ type: "message", room: "lobby", seq: 1, id, user: ME, text: "one", at: 1 });
        next.refuse("bad_request"); // the id is known with other words
        const left = chat.outbox.list().map(({ frame }) => [frame.type, frame.target, frame.text]);
        return [(await entry.stored).seq, left];
    """) == [1, [["edit", 1, "two"]]]


def test_once_is_once() -> None:
    """As a promise and to a listener; given up when the chat ends, but for who waits for that very state."""
    assert run("""
        const at = await enter();
        const texts = [];
        const next = chat.once("message");
        chat.once("message", ({ text }) => texts.push(text));
        const stop = chat.once("message", () => texts.push("stopped"));
        stop();
        at.message(1);
        at.message(2);
        const [state, typing, unseen] = [chat.once("state"), chat.once("typing"), chat.once("read")];
        at.end(4403, "banned");
        return [(await next).text, texts, (await state).state, await why(typing)];
    """) == ["t1", ["t1"], "stopped", ["ChatError", 4403, "banned"]]


def test_loops_get_all_from_their_making_on() -> None:
    """Of one room or of all, each once, in order; they end with the room and the chat, and throw what stops them."""
    assert run("""
        const at = await enter();
        chat.join("attic");
        at.joined();
        const some = [{ room: "lobby" }, { room: "attic" }, {}];
        const [lobby, attic, all] = some.map((options) => chat.events("message", options));
        for (const seq of [1, 2]) for (const room of ["lobby", "attic"]) at.message(seq, room);
        const take = async (stream, count) => {
            const found = [];
            for await (const { room, seq } of stream) if (found.push(`${room} ${seq}`) === count) break;
            return found;
        };
        const found = [await take(lobby, 2), await take(all, 4), (await lobby.next()).done];
        const rest = take(attic, 9);
        await turn();
        at.message(3, "attic");
        await turn();
        chat.leave("attic");
        found.push(await rest);
        const closed = take(chat.events("message"), 9);
        const stopped = chat.events("message");
        at.message(3);
        at.end(4403, "banned");
        found.push((await stopped.next()).value.seq, await why(stopped.next()), (await stopped.next()).done);
        found.push(await why(closed));
        chat.open();
        (await socket()).welcome();
        const meant = take(chat.events("message"), 9);
        chat.close();
        found.push(await meant);
        return found;
    """) == [
        ["lobby 1", "lobby 2"],
        ["lobby 1", "attic 1", "lobby 2", "attic 2"],
        True,
        ["attic 1", "attic 2", "attic 3"],
        3,
        ["ChatError", 4403, "banned"],
        True,
        ["ChatError", 4403, "banned"],
        [],
    ]


def test_a_loop_that_takes_nothing_is_told() -> None:
    """Once its bound is reached, behind all that came before it: nothing is dropped in silence."""
    assert run("""
        const at = await enter();
        const stream = chat.events("message");
        for (let seq = 1; seq <= 10_001; seq += 1) at.message(seq);
        let count = 0;
        try {
            for await (const { seq } of stream) if (seq === count + 1) count += 1;
        } catch (error) {
            return [count, error.code, error.advice !== ""];
        }
    """) == [10_000, "overflow", True]


def test_a_token_may_go_with_the_handshake() -> None:
    """Without a ticket; a drain's ticket is taken; after a refusal a ticket's answer says why, and that it is final."""
    assert run("""
        refusal = { status: 401, code: "unauthenticated", message: "It ran out." };
        const bot = made({ token: () => `token ${Socket.all.length}`, bearer: true, name: undefined });
        bot.open();
        const first = await socket();
        first.welcome();
        first.say({ type: "reconnect", in_ms: 0, ticket: "given" });
        first.end(1012);
        const second = await socket();
        bot.close();
        const fixed = made({ token: "old", bearer: true, name: undefined });
        const opened = fixed.open();
        (await socket()).end(4401, "it ran out");
        const found = [first.protocols, second.protocols, await why(opened)];
        try { made({ bearer: true }); } catch (error) { found.push(error.name); }
        return found;
    """) == [
        {"protocols": ["chat.v1"], "headers": {"Authorization": "Bearer token 0"}},
        ["chat.v1", "ticket.given"],
        ["ChatError", "unauthenticated", "It ran out."],
        "TypeError",
    ]


def test_names_that_nobody_knows_throw() -> None:
    """Of events, of options: with those that there are."""
    found = run("""
        const tries = [
            () => chat.on("massage", () => {}), () => chat.once("mesage"), () => chat.events("toString"),
            () => chat.on("message"), () => made({ adress: 1 }), () => chat.join("lobby", { limits: 3 }),
            () => chat.events("message", { rom: "lobby" }),
        ];
        return tries.map((one) => {
            try {
                return one() && null;
            } catch ({ name, message }) {
                return [name, message];
            }
        });
    """)
    assert [name for name, _ in found] == ["TypeError"] * 7
    assert found[0][1].startswith('there is no event "massage", only state, welcome, joined, message,')
    assert found[4][1].endswith('"adress", only url, name, token, storage, locks, WebSocket, fetch, bearer')
    assert found[5][1] == 'there is no option of join "limits", only limit'


def test_every_code_has_a_way_out() -> None:
    """Those of the contract's errors, of HTTP, of close codes that keep a client away, and of the library itself."""
    source = """
        import { readFileSync } from "node:fs";
        import { AfterClose, CloseCode, adviceFor } from "./static/client/client.js";
        import { afterClose } from "./static/client/codes.js";
        const text = readFileSync("docs/protocol.md", "utf8");
        const stays = Object.values(CloseCode).filter((code) => afterClose(code) === AfterClose.STAY);
        const table = (head) => text.split(head)[1].split("\\n\\n")[0];
        const codes = (head, form) => [...table(head).matchAll(form)].map(([, code]) => code);
        const frames = codes("| code | when | try again? |", /^\\| `(\\w+)`/gm);
        const http = codes("| status | `code` |", /[|;] `(\\w+)`/g);
        const own = "offline timeout busy outbox_full discarded left closed overflow unreachable".split(" ");
        const all = [...stays, ...frames, ...http, ...own];
        console.log(JSON.stringify([all.length, all.filter((code) => !adviceFor(code).endsWith("."))]));
    """
    count, without = json.loads(node_source(source))
    assert count > 30
    assert without == ["method_not_allowed"]  # no client of ours asks so
