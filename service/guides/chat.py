"""The chats of the Python, Ruby and Go guides: frames `{"handle","text"}`, bridged with the chat's room `lobby`.

Python's page speaks on `/submit` and hears on `/receive`, Ruby's does both on `/`, Go's on `/ws`. Ruby's puts what it
hears into its page as HTML, for its server escapes it; the others' pages escape for themselves.
"""

import msgspec

from service import protocol
from service.guides.session import LobbyMessage, LobbyPresence, LobbySession, SpeakingSession
from service.guides.voice import Voice, bare
from service.sockets.framing import frame


class _Said(msgspec.Struct):
    handle: str
    text: str


_decoder = msgspec.json.Decoder(_Said)


class ReceiveSession(LobbySession):
    """`/receive`: what is said in the lobby."""

    def translate(self, said: list[LobbyMessage | LobbyPresence]) -> bytes:
        return b"".join(self.words(bare(one.user), one.text) for one in said if isinstance(one, LobbyMessage))

    def words(self, handle: str, text: str) -> bytes:
        return frame(protocol.encode(_Said(handle, text)))


class SubmitSession(SpeakingSession):
    """`/submit`: what a guest says there."""

    def opened(self) -> None:
        super().opened()
        self.voice = Voice(self.node, self.network, self.hears)

    def say(self, message: str) -> None:
        said = _decoder.decode(message)
        self.voice.say(said.handle, said.text)


class BothWaysSession(SubmitSession, ReceiveSession):
    """`/ws`: both ways on one socket. It hears before it speaks, so that it hears itself."""


# As ERB::Util.html_escape has it.
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def escape(text: str) -> str:
    """The text as HTML, in an element or in a quoted attribute."""
    return text.translate(_ESCAPED)


class EscapedSession(BothWaysSession):
    """`/` with an Upgrade: the same, with each value escaped."""

    def words(self, handle: str, text: str) -> bytes:
        return super().words(escape(handle), escape(text))
