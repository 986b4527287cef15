// The scenes for clients with the browsers' WebSocket interface: browsers themselves, and ws, undici, faye in Node.
// `connect(token)` gives such a socket. Answers a report for each scene, as `scenes.py` does for Python's clients.

export async function play(connect, tokens, waiting) {
    const scene = (token, onText) =>
        new Promise((resolve) => {
            const seen = { opened: false, types: [] };
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
    const reports = {};
    for (const name of Object.keys(others)) reports[name] = await others[name];
    reports.drained = await drained;
    return reports;
}
