// The scenes for clients with the browsers' WebSocket interface: browsers themselves, and ws, undici, faye in Node.
// `connect(token)` gives such a socket. Answers a report for each scene, as `scenes.py` does for Python's clients.

/** @import { ClientFrame, ServerFrame } from "../../static/client/protocol.js" */

/** @typedef {Pick<WebSocket, "onopen" | "onerror" | "onmessage" | "onclose" | "send" | "close">} Socket */
/** @typedef {{ opened: boolean, types: string[], code: number, reason: string, clean: boolean }} Report */
/** @typedef {Record<"own" | "kicked" | "kicked_id" | "flooding" | "drained", string>} Tokens */

/** @type {(connect: (token: string) => Socket | Promise<Socket>, tokens: Tokens, waiting: () => void) => Promise<Record<string, Report>>} */
export async function play(connect, tokens, waiting) {
    /** @type {(token: string, onText: (socket: Socket, frame: ServerFrame) => void) => Promise<Report>} */
    const scene = (token, onText) =>
        new Promise((resolve) => {
            const seen = { opened: false, types: /** @type {string[]} */ ([]) };
            Promise.resolve(connect(token)).then((socket) => {
                socket.onopen = () => { seen.opened = true; };
                socket.onerror = () => {};
                socket.onmessage = ({ data }) => {
                    const frame = JSON.parse(data);
                    seen.types.push(frame.type);
                    onText(socket, frame);
                };
                socket.onclose = ({ code, reason, wasClean }) => resolve({ ...seen, code, reason, clean: wasClean });
            });
        });
    /** @type {(socket: Socket, frame: ClientFrame) => void} */
    const say = (socket, frame) => socket.send(JSON.stringify(frame));

    const drained = scene(tokens.drained, (_, { type }) => {
        if (type === "welcome") setTimeout(waiting, 0);
    });
    const others = {
        own: scene(tokens.own, (socket, { type }) => {
            if (type === "welcome") say(socket, { type: "join", room: "lobby" });
            if (type === "joined") say(socket, { type: "send", room: "lobby", id: tokens.own.slice(-16), text: "hello" });
            if (type === "sent") socket.close(1000, "bye");
        }),
        refused: scene("no.such.token", () => {}),
        kicked: scene(tokens.kicked, (socket, { type }) => {
            if (type === "welcome") say(socket, { type: "moderate", user: tokens.kicked_id, action: "kick" });
        }),
        flooding: scene(tokens.flooding, (socket, { type }) => {
            if (type === "welcome") for (let i = 0; i < 250; i += 1) socket.send("{}");
        }),
    };
    /** @type {Record<string, Report>} */
    const reports = {};
    for (const [name, report] of Object.entries(others)) reports[name] = await report;
    reports.drained = await drained;
    return reports;
}
