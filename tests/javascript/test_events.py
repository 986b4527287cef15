"""static/client/events.js: what one request with frames has in it."""

import json
from typing import Any

from .test_javascript import node_source

BODY_LIMIT = 128 * 1024  # bytes, docs/protocol.md


def requests(frames: str) -> Any:
    """The bodies that a stream's client posts when it is given these frames, an expression, at once."""
    source = f"""
        const {{ EventSocket }} = await import("./static/client/events.js");
        const bodies = [];
        const welcome = new TextEncoder().encode('data: {{"type":"welcome","session":"secret"}}\\n\\n');
        const stream = new ReadableStream({{ start: (it) => it.enqueue(welcome) }});
        const fetch = async (url, {{ body }}) => {{
            if (!url.includes("/frames")) return new Response(stream);
            bodies.push(body);
            return new Response(null, {{ status: 204 }});
        }};
        const socket = new EventSocket("http://127.0.0.1/events", ["parley.v1", "ticket.t"], fetch);
        await new Promise((resolve) => {{ socket.onmessage = resolve; }});
        for (const frame of {frames}) socket.send(frame);
        while (socket.bufferedAmount) await new Promise((resolve) => setTimeout(resolve, 1));
        socket.close();
        console.log(JSON.stringify(bodies));
    """
    return json.loads(node_source(source))


def test_a_request_has_no_more_than_the_service_takes() -> None:
    """In characters of three bytes, which the outbox of many rooms may have; all are sent, in their order."""
    bodies = requests("Array.from({ length: 60 }, (_, number) => number + '語'.repeat(4000))")
    assert max(len(body.encode()) for body in bodies) <= BODY_LIMIT
    assert "\n".join(bodies).split("\n") == [f"{number}{'語' * 4000}" for number in range(60)]


def test_short_frames_go_together() -> None:
    """What is given while a request is on its way is the next one's, fifty at the most; a long one goes alone."""
    bodies = requests("['first', ...Array.from({ length: 120 }, String), 'x'.repeat(60_000), 'last']")
    assert [len(body.split("\n")) for body in bodies] == [1, 50, 50, 20, 1, 1]
