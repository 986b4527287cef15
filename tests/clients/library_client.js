// node library_client.js URL HOW: the chat's own library in Node, a line of JSON for each thing it tells.
// HOW: a WebSocket's package; "none" for a Node that has no WebSocket; "foreign" for one that says another origin; "hasty"
// for one with `ws` that waits for a twentieth of the time where the library waits for many seconds.

import { createInterface } from "node:readline";
import { Chat, adviceFor } from "../../static/client/client.js";
/** @import { WebSocketClass } from "../../static/client/client.js" */

const [url, how] = process.argv.slice(2);
/** @type {Record<string, () => Promise<WebSocketClass | undefined>>} */
const SOCKETS = {
    ws: async () => (await import("ws")).WebSocket,
    undici: async () => (await import("undici")).WebSocket,
    hasty: async () => {
        const { setTimeout } = globalThis;
        /** @type {(ms: number) => boolean} */
        const longer = (ms) => ms === 8000 || (ms > 10_000 && ms !== 15_000);
        /** @type {(work: (...given: unknown[]) => void, ms?: number, ...rest: unknown[]) => NodeJS.Timeout} */
        const sooner = (work, ms = 0, ...rest) => setTimeout(work, longer(ms) ? ms / 20 : ms, ...rest);
        globalThis.setTimeout = /** @type {typeof setTimeout} */ (sooner);
        return (await import("ws")).WebSocket;
    },
    none: async () => {
        Reflect.deleteProperty(globalThis, "WebSocket");
        return undefined;
    },
    foreign: async () => {
        const { WebSocket } = await import("ws");
        return class extends WebSocket {
            /** @param {string} to @param {string[]} protocols */
            constructor(to, protocols) {
                super(to, protocols, { origin: "https://elsewhere.example" });
            }
        };
    },
};
const WebSocket = await SOCKETS[how]();
/** @type {(event: string, value: unknown) => void} */
const say = (event, value) => console.log(JSON.stringify([event, value]));
const chat = new Chat({ url, name: `Node ${how}`, WebSocket });
chat.on("state", ({ state, code, reason }) => say("state", { state, code, reason, by: chat.transport, advice: adviceFor(code) }));
chat.on("joined", ({ resumed }) => say("joined", { resumed }));
chat.on("message", ({ seq, text, user }) => say("message", { seq, text, name: user.name }));
for (const event of /** @type {const} */ (["gap", "problem", "refused"])) chat.on(event, (value) => say(event, value));
chat.join("lobby");
chat.open();
for await (const line of createInterface({ input: process.stdin })) chat.send("lobby", line);
chat.close();
