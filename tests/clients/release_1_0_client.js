// node release_1_0_client.js URL: release 1.0.0's library, as it was, in Node with `ws`: a line of JSON for each thing
// it tells, and a line of JSON in for each call: ["send", "lobby", "Hello"].

import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { Chat } from "../release_1_0/client.js";

const [url] = process.argv.slice(2);
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
