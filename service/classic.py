"""The example apps of Heroku's WebSocket guides, bridged with the chat.

`/receive` and `/submit` are the Python guide's, `/` with an Upgrade the Ruby guide's: frames `{"handle","text"}`, room
`lobby`, no tickets, as those pages know none. `/clock` is the Node and Ruby server clock. Their published pages work
unchanged. These frames carry no seq, so what a slow reader misses here is lost; the chat's own sockets lose nothing.
"""

import asyncio
import logging
import secrets
import time
from datetime import UTC, datetime
from typing import ClassVar

import msgspec
from tornado.ioloop import PeriodicCallback

from service import names, protocol
from service.auth import GUEST_PREFIX
from service.broker import Event, Receipt
from service.framing import frame
from service.hub import ANSWER_TIMEOUT, Hub
from service.limits import TokenBucket
from service.protocol import CloseCode, RequestError
from service.relay import Hall
from service.upgrade import WebSocket

logger = logging.getLogger(__name__)

LOBBY = "lobby"
DROPS_RATE, DROPS_BURST = 5.0, 100  # dropped frames a second; past them the socket is closed 1008
RETRY = 1.0  # seconds between attempts to listen to the lobby while the broker is away


class _Classic(msgspec.Struct):
    handle: str
    text: str


class _Author(msgspec.Struct):
    name: str


class _Message(msgspec.Struct, tag_field="type", tag="message"):
    user: _Author
    text: str


_decoder = msgspec.json.Decoder(_Classic)
_message_decoder = msgspec.json.Decoder(_Message)


class GuideSocket(WebSocket):
    """What the guides' sockets and the clock share: limits, pings, no identity; `all` are those that are open."""

    all: ClassVar[dict["GuideSocket", None]] = {}

    hub: Hub
    beat_slot = 0
    network = ""
    _refusal: tuple[CloseCode, str] | None = None
    _drops: TokenBucket | None = None

    def initialize(self) -> None:
        self.hub = self.application.settings["hub"]

    def prepare(self) -> None:
        refusal = self.hub.refusal(self.request, guests=True)
        if refusal is not None:
            self.refuse(*refusal)

    def open(self, *args: str) -> None:
        assert self.connection is not None
        self._refusal = self.hub.admit(self.network)
        if self._refusal is not None:
            self.connection.close(*self._refusal)
            return
        self.all[self] = None
        self.hub.heartbeat.add(self)
        self.opened()

    async def identify(self) -> None:
        self.network = self.hub.network(self.request)

    def opened(self) -> None:
        """The socket is in."""

    def closed(self) -> None:
        """It was in and is gone."""

    def on_close(self) -> None:
        if self._refusal is None:
            del self.all[self]
            self.hub.dismiss(self.network)
            self.hub.heartbeat.discard(self)
            self.closed()

    def on_message(self, message: str | bytes) -> None:
        """Nothing that comes here is of interest."""
        self.drop()

    def drop(self) -> None:
        """A frame came to nothing. The guides know no errors, but too many in a short time are abuse."""
        self._drops = self._drops or TokenBucket()
        if self._drops.take(time.monotonic(), DROPS_RATE, DROPS_BURST):
            self.close(CloseCode.POLICY_VIOLATION, "too many frames that say nothing")


class ClockSocket(GuideSocket):
    """`/clock`: the server's time as a JSON string, at once and then once a second."""

    _ticker: PeriodicCallback | None = None

    def opened(self) -> None:
        self._ticker = PeriodicCallback(self._tick, 1000)
        self._ticker.start()
        self._tell()  # goes out with the handshake's answer

    def _tick(self) -> None:
        if self.connection is not None and not self.connection.unsent_bytes:
            self._tell()

    def _tell(self) -> None:
        assert self.connection is not None
        self.connection.write(frame(protocol.encode(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))))

    def closed(self) -> None:
        if self._ticker is not None:
            self._ticker.stop()


class ReceiveSocket(GuideSocket):
    """`/receive`: what is said in the lobby, as `{"handle","text"}`."""

    sockets: ClassVar[dict["ReceiveSocket", None]] = {}
    _listening: ClassVar[asyncio.Task[None] | None] = None

    def prepare(self) -> None:
        super().prepare()
        if not self._finished and not self.hub.settings.guests:
            self.refuse(403, "Guests may not enter here.")

    def opened(self) -> None:
        self.sockets[self] = None
        if ReceiveSocket._listening is None:
            ReceiveSocket._listening = asyncio.ensure_future(self._listen(self.hub))

    def closed(self) -> None:
        del self.sockets[self]
        if not self.sockets and ReceiveSocket._listening is not None:
            ReceiveSocket._listening.cancel()
            ReceiveSocket._listening = None

    @classmethod
    async def _listen(cls, hub: Hub) -> None:
        """Hold the lobby for all of these sockets as long as there is one."""
        hall: Hall | None = None
        try:
            while hall is None:
                try:
                    async with asyncio.timeout(ANSWER_TIMEOUT):
                        hall = await hub.relay.hold(LOBBY)
                except (RequestError, TimeoutError):
                    await asyncio.sleep(RETRY)
            hub.relay.taps[LOBBY] = cls._pass_on
            await asyncio.Event().wait()
        finally:
            hub.relay.taps.pop(LOBBY, None)
            if hall is not None:
                hub.relay.release(hall)

    @classmethod
    def _pass_on(cls, events: list[bytes]) -> None:
        data = b""
        for event in events:
            try:
                message = _message_decoder.decode(event)
            except msgspec.ValidationError:
                continue  # an edit, a removal, a reaction: the guides have no such thing
            data += frame(protocol.encode(_Classic(message.user.name, message.text)))
        for socket in list(cls.sockets):
            if data and socket.connection is not None and not socket.connection.congested:
                socket.connection.write(data)


class SubmitSocket(GuideSocket):
    """`/submit`: `{"handle","text"}` said in the lobby. The guides know no answer, so what can't be said is dropped."""

    def prepare(self) -> None:
        super().prepare()
        if not self._finished and not self.hub.settings.guests:
            self.refuse(403, "Guests may not enter here.")

    def opened(self) -> None:
        self._author = GUEST_PREFIX + secrets.token_urlsafe(12)

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.close(CloseCode.UNSUPPORTED_DATA, "text frames only")
            return
        if not _submit(self.hub, self.network, self._author, message):
            self.drop()


class GuideChatSocket(ReceiveSocket):
    """`/` with an Upgrade: both ways on one socket."""

    def opened(self) -> None:
        super().opened()
        self._author = GUEST_PREFIX + secrets.token_urlsafe(12)

    on_message = SubmitSocket.on_message


def _submit(hub: Hub, network: str, author: str, message: str) -> bool:
    """Publish what a guide's frame says; whether it says anything that may be said."""
    try:
        said = _decoder.decode(message)
        name = names.check_name(said.handle)
        text = names.check_text(said.text, hub.settings.text_limit)
        hub.rates.check_send(author, network)
    except (RequestError, ValueError, RecursionError) as error:
        logger.debug("a guide's frame was dropped: %s", error)
        return False
    user = protocol.encode(protocol.Person(author, name))
    id = secrets.token_hex(8)
    head = protocol.event_head("message", LOBBY)
    hub.broker.publish(Event(LOBBY, author, id, head, protocol.message_tail(id, user, text)), _published)
    return True


def _published(receipt: Receipt | RequestError) -> None:
    if isinstance(receipt, RequestError):
        logger.info("a guide's message was not stored: %s", receipt.message)
