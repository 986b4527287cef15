"""A client of Parley, the chat service: `async with Chat("https://chat.example.com", name="Ada") as chat: …`."""

from .about import VERSION as __version__
from .advice import advice_for
from .bot import Bot, Heard
from .chat import EVENTS, Chat, ListedRoom
from .errors import ChatError, HttpError, OutboxFullError, RequestError
from .events import Gap, Held, Refused, Slow
from .flow import Stream
from .link import State
from .outbox import Entry, Outbox
from .protocol import (
    Action,
    Begun,
    CloseCode,
    Edited,
    Error,
    ErrorCode,
    HistoryPage,
    Joined,
    Limits,
    Message,
    Moderated,
    Person,
    Presence,
    Reacted,
    ReadFrame,
    Reconnect,
    Removed,
    Sent,
    Since,
    Topic,
    TopicEvent,
    TypingFrame,
    Welcome,
)
from .room import Room
from .sending import Sending

__all__ = [
    "EVENTS",
    "Action",
    "Begun",
    "Bot",
    "Chat",
    "ChatError",
    "CloseCode",
    "Edited",
    "Entry",
    "Error",
    "ErrorCode",
    "Gap",
    "Heard",
    "Held",
    "HistoryPage",
    "HttpError",
    "Joined",
    "Limits",
    "ListedRoom",
    "Message",
    "Moderated",
    "Outbox",
    "OutboxFullError",
    "Person",
    "Presence",
    "Reacted",
    "ReadFrame",
    "Reconnect",
    "Refused",
    "Removed",
    "RequestError",
    "Room",
    "Sending",
    "Sent",
    "Since",
    "Slow",
    "State",
    "Stream",
    "Topic",
    "TopicEvent",
    "TypingFrame",
    "Welcome",
    "__version__",
    "advice_for",
]
