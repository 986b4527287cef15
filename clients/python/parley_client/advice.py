"""What to do about an error, by its code: the contract's, the HTTP API's, close codes, and this library's own."""

from .protocol import CloseCode

_PROTOCOL = "Update this library: the service and it don't speak the same version."

ADVICE: dict[str | int, str] = {
    # of frames
    "bad_request": "Correct what the message names: sent again as it is, it is refused again.",
    "unknown_type": _PROTOCOL,
    "bad_room": "Rooms have 1 to 64 characters of a-z, 0-9, - and _, the first a letter or a digit.",
    "not_joined": "Join the room first.",
    "forbidden": "Ask a moderator, or enter with a token that allows it.",
    "too_large": "Shorten the text: `limits.text` says how long it may be.",
    "too_many_rooms": "Leave a room before you join another.",
    "rate_limited": "Wait for `retry_after` seconds. What is in the outbox is sent again by itself.",
    "unavailable": "Wait for `retry_after` seconds. What is in the outbox is sent again by itself.",
    # of HTTP
    "unauthenticated": "Get a new token, best by a function as `token`. Where guests are let in, `name` is enough.",
    "name_taken": "Choose another name: somebody who is here has it. With a `store` you are the same guest again.",
    "not_found": "Check `url`: there is a server, but no chat service.",
    "https_required": "Write `url` with https.",
    "unreachable": "Check `url` and the network. `open` goes on trying by itself.",
    # of close codes
    CloseCode.NORMAL: "Open it again when you want to be back.",
    CloseCode.PROTOCOL_ERROR: _PROTOCOL,
    CloseCode.UNSUPPORTED_DATA: _PROTOCOL,
    CloseCode.INVALID_PAYLOAD: _PROTOCOL,
    CloseCode.POLICY_VIOLATION: "Send less, and look at what is refused: there was too much of either.",
    CloseCode.TOO_BIG: "Send less at once: `limits.frame` says how many bytes a frame may have.",
    CloseCode.REMOVED: "Ask a moderator: this user was removed or banned.",
    # of this library
    "offline": "Await `ready` and ask again.",
    "timeout": "Ask again.",
    "busy": "Await earlier answers before you ask more.",
    "outbox_full": "Await earlier entries, or discard some.",
    "discarded": "It was taken out of the outbox by `discard`; it may be stored if it had been on its way.",
    "left": "Join the room again.",
    "buffered": "WebSockets are blocked, and a proxy holds answers back: have it let /events through unbuffered.",
    "closed": "Open the chat again. What is in an outbox with a `store` is sent by the next one that has it.",
    "overflow": "Loop over a room right after `join`, or listen by `on`.",
    "store_taken": "Another chat has this file open: end it, or give each a `store` of its own.",
    "store_failed": "Check the file, its folder and the disk, or give another `store`.",
}


def advice_for(code: str | int | None) -> str:
    """The way out of an error, in a sentence; empty for a code that isn't known."""
    return ADVICE.get(code, "") if code is not None else ""
