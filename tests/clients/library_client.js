// node library_client.js URL HOW: the chat's own library in Node, a line of JSON for each thing it tells.
// HOW: a WebSocket's package; "none" for a Node that has no WebSocket; "foreign" for one that says another origin.

import { createInterface } from "node:readline";
import { Chat } from "../../static/client.js";

const [url, how] = process.argv.slice(2);
const SOCKETS = {
    ws: async () => (await import("ws")).WebSocket,
    undici: async () => (await import("undici")).WebSocket,
    none: async () => {
        delete globalThis.WebSocket;
    },
    foreign: async () => {
        const { WebSocket } = await import("ws");
        return class extends WebSocket {
            constructor(to, protocols) {
                super(to, protocols, { origin: "https://elsewhere.example" });
            }
        };
    },
};
const WebSocket = await SOCKETS[how]();
const say = (event, value) => console.log(JSON.stringify([event, value]));
const chat = new Chat({ url, name: `Node ${how}`, WebSocket });
chat.on("state", ({ state, code, reason }) => say("state", { state, code, reason }));
chat.on("joined", ({ resumed }) => say("joined", { resumed }));
chat.on("message", ({ seq, text, user }) => say("message", { seq, text, name: user.name }));
for (const event of ["gap", "problem", "refused"]) chat.on(event, (value) => say(event, value));
chat.join("lobby");
chat.open();
for await (const line of createInterface({ input: process.stdin })) chat.send("lobby", line);
chat.close();
