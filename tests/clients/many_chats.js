// node many_chats.js: chats of the chat's own library, as many as are asked for. Orders come as lines of JSON:
// ["begin", user, url, token, rooms], ["open", user], ["close", user], ["send", user, room, id, text]. What a chat tells goes
// out as a line [user, event, value], in which a message has the id that its sender was given here.

import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { Chat } from "../../static/client/client.js";

/** @type {Parameters<Chat["on"]>[0][]} */
const EVENTS = [
    "state", "joined", "message", "edited", "removed", "reacted", "gap", "presence", "held", "reconnect", "sent",
];
/** @type {Map<string, Chat>} */
const chats = new Map();
/** @type {Map<string, string>} ids given here, by the library's */
const ids = new Map();

/** @type {(key: string, value: unknown) => unknown} */
const named = (key, value) => (key === "id" && typeof value === "string" ? (ids.get(value) ?? value) : value);

/** @type {Record<string, (user: string, ...rest: any[]) => void>} */
const ORDERS = {
    begin(user, url, token, rooms) {
        const chat = new Chat({ url, token, WebSocket });
        for (const event of EVENTS) {
            chat.on(event, (value) => {
                process.stdout.write(`${JSON.stringify([user, event, value], named)}\n`);
            });
        }
        chats.set(user, chat);
        for (const room of rooms) chat.join(room, { limit: 1 }).catch(() => {}); // a state says so
    },
    open: (user) => void chats.get(user)?.open().catch(() => {}),
    close: (user) => chats.get(user)?.close(),
    send(user, room, id, text) {
        const { id: own, stored } = /** @type {Chat} */ (chats.get(user)).send(room, text);
        ids.set(own, id);
        stored.catch(() => {});
    },
};

for await (const line of createInterface({ input: process.stdin })) {
    const [order, user, ...rest] = JSON.parse(line);
    ORDERS[order](user, ...rest);
}
