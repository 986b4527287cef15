// node release_1_0_client.js URL: release 1.0.0's library, as it was, in Node with `ws`: a line of JSON for each thing
// it tells, and a line of JSON in for each call: ["send", "lobby", "Hello"].

import { createInterface } from "node:readline";
import { WebSocket } from "ws";

/**
 * As it was, it was not checked, and stays so: it is loaded by an address that the checker doesn't follow.
 * @type {{ Chat: new (options: object) => Old }}
 */
const { Chat } = await import(new URL("../release_1_0/client.js", import.meta.url).href);
/** @typedef {{ on(event: string, listener: (value: unknown) => void): void } & Record<string, (...values: unknown[]) => void>} Old */

const [url] = process.argv.slice(2);
/** @type {(event: string, value: unknown) => void} */
const say = (event, value) => console.log(JSON.stringify([event, value]));
const chat = new Chat({ url, name: "Old", WebSocket });
for (const event of ["state", "joined", "gap", "problem", "refused", "sent"]) chat.on(event, (value) => say(event, value));
for (const event of ["message", "edited", "removed", "reacted"]) chat.on(event, (value) => say(event, value));
chat.join("lobby");
chat.open();
for await (const line of createInterface({ input: process.stdin })) {
    const [call, ...values] = JSON.parse(line);
    chat[call](...values);
}
chat.close();
