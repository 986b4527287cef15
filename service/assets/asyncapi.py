"""`/asyncapi.json`: the chat's frames for programs (AsyncAPI 3.0), made of their structs. No I/O.

By its WebSocket, and by an event stream and requests where WebSockets are blocked, which openapi.json has as HTTP.

A room's events are put together as bytes; tests hold their structs to what is sent. What codes mean is held equal to
docs/protocol.md.
"""

from collections.abc import Iterable
from typing import get_args

import msgspec
from msgspec import Struct

from service import __version__, protocol
from service.assets.reference import Json
from service.identity.headers import TICKET_PREFIX
from service.names import ROOM
from service.protocol import CloseCode, ErrorCode, Event, Frame, Request
from service.sockets.answers import REQUEST_ID_FORM, REQUEST_ID_HEADER

EVENTS: tuple[type[Event], ...] = (
    protocol.Message,
    protocol.Edited,
    protocol.Removed,
    protocol.Reacted,
    protocol.TopicEvent,
)
REQUEST_TYPES: tuple[type[Request], ...] = get_args(protocol.REQUESTS)
FRAMES: tuple[type[Frame], ...] = tuple(Frame.__subclasses__())

ANSWERS: dict[type[Request], type[Frame]] = {
    protocol.Join: protocol.Joined,
    protocol.Send: protocol.Sent,
    protocol.History: protocol.HistoryPage,
    protocol.Edit: protocol.Sent,
    protocol.Remove: protocol.Sent,
    protocol.React: protocol.Sent,
    protocol.SetTopic: protocol.Sent,
    protocol.Moderate: protocol.Moderated,
    protocol.Renew: protocol.Renewed,
    protocol.Leave: protocol.Left,
    protocol.Ping: protocol.Pong,
}
"""Beside `error`; `typing` and `read` have no answer of their own."""
UNASKED: tuple[type[Struct], ...] = (
    protocol.Welcome,
    *EVENTS,
    protocol.TypingFrame,
    protocol.ReadFrame,
    protocol.Presence,
    protocol.Moderated,
    protocol.Reset,
    protocol.Reconnect,
    protocol.Error,
)
"""What comes by itself: `moderated` and `error` for what was no answer, too."""

_SENT = (*FRAMES, *EVENTS)

EXAMPLES: tuple[Json, ...] = (
    {"type": "join", "ref": "1", "room": "lobby", "limit": 50, "events": ["topic"]},
    {"type": "send", "ref": "2", "room": "lobby", "id": "m-1", "text": "hello"},
    {"type": "typing", "room": "lobby"},
    {"type": "edit", "ref": "3", "room": "lobby", "id": "e-1", "target": 1, "text": "hello, all"},
    {"type": "react", "ref": "4", "room": "lobby", "id": "r-1", "target": 1, "emoji": "👍", "on": True},
    {"type": "topic", "ref": "5", "room": "lobby", "id": "t-1", "text": "what we do on Friday"},
    {"type": "read", "room": "lobby", "seq": 1},
    {"type": "history", "ref": "6", "room": "lobby", "before": 4, "limit": 50},
    {"type": "remove", "ref": "7", "room": "lobby", "id": "d-1", "target": 1},
    {
        "type": "moderate",
        "ref": "8",
        "room": "lobby",
        "user": "u-17",
        "action": "mute",
        "seconds": 600,
        "reason": "spam",
    },
    {"type": "renew", "ref": "9", "ticket": "…"},
    {"type": "ping", "ref": "10"},
    {"type": "leave", "ref": "11", "room": "lobby"},
)
"""One frame of each kind that a client sends, in an order in which a moderator in an empty room may send them."""

CLOSE_CODES: dict[tuple[CloseCode, ...], tuple[str, str]] = {
    (CloseCode.NORMAL,): ("the client asked", "stays away"),
    (
        CloseCode.PROTOCOL_ERROR,
        CloseCode.UNSUPPORTED_DATA,
        CloseCode.INVALID_PAYLOAD,
        CloseCode.TOO_BIG,
    ): ("protocol error, binary, bad UTF-8, frame too big", "stays away, shows the reason"),
    (CloseCode.POLICY_VIOLATION,): ("abuse: errors, floods, frames or bytes past the limit", "stays away"),
    (CloseCode.RESTART,): (
        "the process restarts",
        "comes back at the moment that `reconnect` said; cut without one, or before it, at once with full jitter",
    ),
    (CloseCode.TRY_AGAIN_LATER,): ("the process is full", "comes back later, full jitter"),
    (CloseCode.UNAUTHENTICATED,): (
        "ticket or token missing, used, expired; or a backend wants it asked for anew",
        "gets a new ticket, comes back",
    ),
    (CloseCode.REMOVED,): ("removed or banned", "stays away"),
    (CloseCode.NO_PONG,): ("answered no ping", "comes back"),
    (CloseCode.TOO_SLOW,): ("too slow, for too long", "comes back and resumes"),
    (CloseCode.TOO_MANY,): ("too many connections for this user or address", "comes back later"),
}
"""What each means, and what the client does then."""

ERROR_CODES: dict[ErrorCode, tuple[str, str]] = {
    ErrorCode.BAD_REQUEST: ("the frame, a field, a name or a text can't be", "no"),
    ErrorCode.UNKNOWN_TYPE: ("no such request", "no"),
    ErrorCode.BAD_ROOM: ("no room can have this name", "no"),
    ErrorCode.NOT_JOINED: ("join the room first", "after `joined`"),
    ErrorCode.FORBIDDEN: (
        "not by this user: the room, the change, muted, banned; or the operator's receiver refuses the text",
        "no",
    ),
    ErrorCode.TOO_LARGE: ("the text is over the limit", "no"),
    ErrorCode.TOO_MANY_ROOMS: (
        "more rooms than `welcome.limits.rooms`, or the room isn't there and `ROOMS_TOTAL` are",
        "after `leave`; later",
    ),
    ErrorCode.RATE_LIMITED: ("too fast", "after `retry_after` seconds"),
    ErrorCode.UNAVAILABLE: (
        "the broker is away; nothing was stored, or perhaps it was",
        "after `retry_after` seconds, under the same `id`",
    ),
}
"""When an error has it, and whether to try again."""

_CREDENTIAL = f"A ticket of POST /tickets beside the subprotocol: `{protocol.SUBPROTOCOL}, {TICKET_PREFIX}<ticket>`."
_HEADERS: Json = {
    "type": "object",
    "properties": {
        "Sec-WebSocket-Protocol": {
            "type": "string",
            "description": f"{_CREDENTIAL} `{protocol.SUBPROTOCOL}` alone where a bearer token is sent.",
            "examples": [f"{protocol.SUBPROTOCOL}, {TICKET_PREFIX}Zx3…"],
        },
        "Authorization": {
            "type": "string",
            "description": "`Bearer <JWT or guest token>`, by clients that can set headers, in the place of a ticket.",
        },
        "Origin": {
            "type": "string",
            "description": "Browsers send it. A foreign one is 403; so is none, without a bearer token or a ticket "
            "that was asked for without one.",
        },
        REQUEST_ID_HEADER: {
            "type": "string",
            "description": f"Comes back in the answer, if it is `{REQUEST_ID_FORM.pattern}`; else a new one does.",
        },
    },
}


def document() -> Json:
    """The whole document."""
    kinds = dict.fromkeys([*REQUEST_TYPES, *FRAMES, *EVENTS])
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Parley",
            "version": __version__,
            "description": "The chat's frames. What is promised of order, resume and loss stands in protocol.md. "
            "Unknown fields are ignored; frames may have more of them one day.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"service": _server("wss", "ws"), "http": _server("https", "http")},
        "channels": {"chat": _channel(kinds), "events": _events(), "frames": _frames()},
        "operations": {
            **{_tag(kind): _operation(kind) for kind in REQUEST_TYPES},
            "unasked": _all("send", "chat", UNASKED, "What comes by itself."),
            "stream": _all("send", "events", _SENT, "By an event stream: answers, and what comes by itself."),
            "post": _all("receive", "frames", REQUEST_TYPES, "By a request: answers stand in the stream."),
        },
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in kinds},
            "schemas": _schemas(kinds),
            "securitySchemes": {
                "ticket": {
                    "type": "httpApiKey",
                    "in": "header",
                    "name": "Sec-WebSocket-Protocol",
                    "description": _CREDENTIAL,
                },
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _server(protocol: str, plain: str) -> Json:
    return {
        "host": "{host}",
        "protocol": protocol,
        "description": f"Where it runs; `{plain}` where it is not served over TLS.",
        "variables": {"host": {"default": "localhost:8000"}},
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in ("ticket", "bearer")],
    }


def _channel(kinds: dict[type[Struct], None]) -> Json:
    return {
        "address": "/socket",
        "servers": [{"$ref": "#/servers/service"}],
        "description": f"RFC 6455, subprotocol `{protocol.SUBPROTOCOL}`: one JSON object a text frame.",
        "messages": _messages(kinds),
        "bindings": {"ws": {"method": "GET", "headers": _HEADERS, "bindingVersion": "0.1.0"}},
        "x-close-codes": [
            {"code": int(code), "name": code.name, "meaning": meaning, "client": client}
            for codes, (meaning, client) in CLOSE_CODES.items()
            for code in codes
        ],
    }


def _events() -> Json:
    return {
        "address": "/events",
        "servers": [{"$ref": "#/servers/http"}],
        "description": "`text/event-stream`, where WebSockets are blocked: one JSON object an event. An event `close` "
        "has `code` and `reason`; a line that begins with a colon is a ping. `welcome` has the `session` for requests.",
        "messages": _messages(_SENT),
    }


def _frames() -> Json:
    return {
        "address": "/events/frames",
        "servers": [{"$ref": "#/servers/http"}],
        "description": "POST, with `session` as bearer token: one JSON object a line. `n` in the query counts the "
        "requests of a stream from 1; one whose answer was lost may be sent again.",
        "messages": _messages(REQUEST_TYPES),
    }


def _messages(kinds: Iterable[type[Struct]]) -> Json:
    return {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in kinds}


def _all(action: str, channel: str, kinds: Iterable[type[Struct]], summary: str) -> Json:
    """All that goes one way there."""
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [_in_channel(kind, channel) for kind in kinds],
    }


def _operation(kind: type[Request]) -> Json:
    """What a client may send: the document speaks as the service, which receives it."""
    answers: list[type[Struct]] = [ANSWERS[kind], protocol.Error] if kind in ANSWERS else [protocol.Error]
    return {
        "action": "receive",
        "channel": {"$ref": "#/channels/chat"},
        "summary": kind.__doc__,
        "messages": [_in_channel(kind)],
        "reply": {"channel": {"$ref": "#/channels/chat"}, "messages": [_in_channel(one) for one in answers]},
    }


def _message(kind: type[Struct]) -> Json:
    examples = [one for one in EXAMPLES if issubclass(kind, Request) and one["type"] == _tag(kind)]
    codes = [{"code": code.value, "when": when, "again": again} for code, (when, again) in ERROR_CODES.items()]
    return {
        "name": _tag(kind),
        "summary": kind.__doc__,
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        **({"examples": [{"payload": one} for one in examples]} if examples else {}),
        **({"x-error-codes": codes} if kind is protocol.Error else {}),
    }


def _schemas(kinds: dict[type[Struct], None]) -> Json:
    _, schemas = msgspec.json.schema_components(list(kinds), ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        schema.pop("title", None)
        for name, field in schema.get("properties", {}).items():
            if name == "room":
                schema["properties"][name] = _room(field)
    for kind in (protocol.Joined, protocol.HistoryPage):  # whose messages are passed on as they are stored
        schemas[kind.__name__]["properties"]["messages"]["items"] = {"$ref": "#/components/schemas/Message"}
    return schemas | {"Room": {"type": "string", "pattern": f"^{ROOM.pattern}$"}}


def _room(field: Json) -> Json:
    """A room's name, which is judged behind the decoder, so that its error has a code of its own."""
    room = {"$ref": "#/components/schemas/Room"}
    return field | {"anyOf": [room, *field["anyOf"][1:]]} if "anyOf" in field else room


def _in_channel(kind: type[Struct], channel: str = "chat") -> Json:
    return {"$ref": f"#/channels/{channel}/messages/{kind.__name__}"}


def _tag(kind: type[Struct]) -> str:
    return str(kind.__struct_config__.tag)
