// A program that uses static/client/client.js, to be checked by its types alone and never run. Where a line is expected to be
// an error, the checker complains if it is none.

import { AfterClose, Chat, ChatError, CloseCode, HttpError, OutboxFullError, RequestError, adviceFor } from "../../static/client/client.js";
import type { ChatEvents, JoinedRoom, LinkState, Message, OutboxEntry, Person, Sending, Welcome } from "../../static/client/client.js";

/** What the chat needs of a WebSocket, as the packages of Node have it. */
class Socket {
  readyState = 0;
  bufferedAmount = 0;
  onmessage: ((event: { data: string | Buffer[] }) => void) | null = null;
  constructor(readonly url: string | URL, readonly protocols?: string | string[]) {}
  send(_data: string | Uint8Array): void {}
  close(_code?: number, _reason?: string): void {}
}
type Buffer = Uint8Array;

const chat = new Chat({ url: new URL("https://chat.example.com"), name: "Ada", storage: localStorage });
new Chat({ url: "https://chat.example.com", token: async () => "ey…", WebSocket: Socket, locks: null, fetch });
new Chat({ url: "https://chat.example.com", token: "ey…", WebSocket });
new Chat({ url: "https://chat.example.com", token: () => "ey…", bearer: true });
// @ts-expect-error without an address
new Chat({ name: "Ada" });
// @ts-expect-error a token that is none
new Chat({ url: "https://chat.example.com", token: 5 });

// -- events

const shown: string[] = [];
const show = ({ seq, user, text = "(removed)", reactions = {} }: Message): void => {
  shown.push(`${seq.toFixed()} ${user.name}: ${text} ${Object.keys(reactions).join(" ")}`);
};
const stop: () => void = chat.on("message", show);
stop();
chat.on("joined", ({ messages, fresh, members = [] }) => {
  if (fresh) messages.forEach(show);
  members.map((person: Person) => person.name);
});
chat.on("gap", ({ room, reason, after }) => shown.push(`${room} after ${after.toFixed()}: ${reason.toUpperCase()}`));
chat.on("outbox", (entry: OutboxEntry | null) => entry?.frame.room);
chat.on("reacted", ({ target, emoji, on }) => [target.toFixed(), emoji.length, on === true]);
chat.on("state", (state: LinkState) => {
  if (state.state === "stopped" && state.code === CloseCode.REMOVED) shown.push(state.reason ?? AfterClose.STAY);
  // @ts-expect-error no such state
  if (state.state === "asleep") shown.pop();
});
const names: (keyof ChatEvents)[] = ["welcome", "presence", "typing", "read", "moderated", "sent", "refused", "problem"];
names.forEach((name) => chat.on(name, console.log));
// @ts-expect-error no such event
chat.on("massage", show);
// @ts-expect-error a message has no `body`
chat.on("message", ({ body }) => body);
// @ts-expect-error an event's value is its own
chat.on("typing", show);
// @ts-expect-error a removed message has no text
chat.on("message", ({ text }) => text.length);
const stopOnce: () => void = chat.once("message", show);
stopOnce();
show(await chat.once("message"));
for await (const { user, seq } of chat.events("edited", { room: "lobby" })) shown.push(user.name, seq.toFixed());
// @ts-expect-error no such event
await chat.once("massage");
// @ts-expect-error an event's value is its own
for await (const { text } of chat.events("typing")) shown.push(text);
// @ts-expect-error no such option
chat.events("message", { rom: "lobby" });

// -- what one does

const state: JoinedRoom = await chat.join("lobby", { limit: 20 });
shown.push(state.fresh ? "fresh" : state.epoch, ...(state.members ?? []).map(({ name }) => name));
const welcome: Welcome = await chat.open();
shown.push(welcome.user.name, (await chat.ready).limits.text.toFixed());
const entry: Sending = chat.send("lobby", "Hello");
const { seq } = await entry.stored;
shown.push(seq.toFixed(), (await chat.setTopic("lobby", "tea").stored).id);
// @ts-expect-error it is a promise
entry.stored.seq.toFixed();
// @ts-expect-error only what was just sent has one
chat.outbox.list()[0].stored;
chat.retry(entry.id);
chat.discard(entry.id);
chat.edit("lobby", 58, "Hello!");
chat.react("lobby", 58, "👍");
chat.react("lobby", 58, "👍", false);
chat.remove("lobby", 58);
chat.setTopic("lobby", `${chat.begun("lobby")?.user.name ?? "Somebody"}'s room`);
chat.on("topic", ({ room, text }) => shown.push(text, chat.topic(room)?.user.name ?? "nobody"));
chat.typing("lobby");
chat.read("lobby", chat.position("lobby")?.seq ?? 0);
chat.outbox.list("lobby").filter(({ state }) => state === "failed");
// @ts-expect-error a room, and then a text
chat.send("Hello");
// @ts-expect-error by its seq, not by its id
chat.edit("lobby", "58", "Hello!");
// @ts-expect-error the outbox may hold nothing of that id
chat.outbox.get("an id").state;
// @ts-expect-error who we are is not known before `welcome`
chat.user.name;

// -- questions and their answers

const { messages, more } = await chat.history("lobby", 120, 50);
messages.forEach(show);
shown.push(String(more));
const { action } = await chat.moderate({ room: "lobby", user: "g-1", action: "ban", seconds: 60, reason: "noise" });
shown.push(action, ...((await chat.rooms()) ?? []).map(({ room, unread }) => `${room} ${unread.toFixed()}`));
// @ts-expect-error no such action
await chat.moderate({ user: "g-1", action: "scold" });
// @ts-expect-error a list of rooms is not always to be had
(await chat.rooms()).length;

try {
  chat.send("lobby", "Hello");
  await chat.history("lobby");
} catch (error) {
  if (error instanceof OutboxFullError) shown.push(error.message);
  else if (error instanceof RequestError) shown.push(error.code, (error.retryAfter ?? 0).toFixed());
  else if (error instanceof ChatError) shown.push(error.advice, adviceFor(error.code));
  if (error instanceof HttpError) shown.push(error.status.toFixed(), error.code, String(error.final));
}
chat.close();
