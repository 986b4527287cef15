"""The clocks of the guides: Node's and Ruby's on `/clock` (and on `/`, where ROOT_SOCKET says so), Play's on `/pingWs`.

They tell anybody the time, as no guest and in no room.
"""

from datetime import UTC, datetime

from tornado.ioloop import PeriodicCallback

from service import protocol
from service.clock import CLOCK
from service.guides.session import GuideSession
from service.sockets.framing import frame


class ClockSession(GuideSession):
    """The server's time as a JSON string, at once and then once a second."""

    _ticker: PeriodicCallback | None = None

    def opened(self) -> None:
        self._ticker = PeriodicCallback(self._tick, 1000)
        self._ticker.start()
        self._write_time()  # goes out with the handshake's answer

    def _tick(self) -> None:
        if self.connection is not None and not self.connection.unsent_bytes:
            self._write_time()

    def _write_time(self) -> None:
        assert self.connection is not None
        self.connection.write(frame(self.words(datetime.fromtimestamp(CLOCK.now(), UTC))))

    def words(self, time: datetime) -> bytes:
        return protocol.encode(time.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def closed(self) -> None:
        ticker, self._ticker = self._ticker, None  # which holds on to this
        if ticker is not None:
            ticker.stop()


class PingSession(ClockSession):
    """The same as bare text, as Play's page shows it."""

    def words(self, time: datetime) -> bytes:
        return time.strftime("%Y-%m-%d %H:%M:%S").encode()
