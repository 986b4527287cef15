// node node_client.js LIBRARY URL TOKENS: prints "waiting" once only the drain is left, then the reports as JSON.

import { play } from "./scenes.js";
/** @import { Socket } from "./scenes.js" */

const [library, url, tokens] = process.argv.slice(2);
/** @type {(token: string) => Record<string, string>} */
const headers = (token) => ({ Authorization: `Bearer ${token}` });
/** How each connects. They have the browsers' interface, and types of their own. @type {Record<string, () => Promise<(token: string) => unknown>>} */
const LIBRARIES = {
    ws: async () => {
        const { WebSocket } = await import("ws");
        return (token) => new WebSocket(url, { headers: headers(token) });
    },
    undici: async () => {
        const { WebSocket } = await import("undici");
        return (token) => new WebSocket(url, { headers: headers(token) });
    },
    faye: async () => {
        const { default: faye } = await import("faye-websocket");
        return (token) => {
            const socket = new faye.Client(url, [], { headers: headers(token) });
            // Its close event has no wasClean: 1006 is its word for an end without a close frame.
            /** @type {(given: (event: Pick<CloseEvent, "code" | "reason" | "wasClean">) => void) => void} */
            const set = (given) => {
                socket.on("close", ({ code, reason }) => given({ code, reason, wasClean: code !== 1006 }));
            };
            Object.defineProperty(socket, "onclose", { set });
            return socket;
        };
    },
};
const connect = /** @type {(token: string) => Socket} */ (await LIBRARIES[library]());
const reports = await play(connect, JSON.parse(tokens), () => console.log("waiting"));
console.log(JSON.stringify(reports));
process.exit(0);
