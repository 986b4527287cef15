"""The story of each time that the broker was away or took no write, for the log: why, how long, and what it cost.

It begins with the first that goes wrong and ends once writes have been taken for a while: what comes in between belongs
to it, so a broker that flaps is one story. Counts are of this process.
"""

import asyncio
import logging

from msgspec import Struct, structs

from service.brokers.base import Fault
from service.brokers.broker import Broker
from service.brokers.readiness import Readiness
from service.logs import fields

logger = logging.getLogger(__name__)

QUIET_LOOK = 1.0  # seconds between looks at the costs while all is well; those since the last belong to the story
LOOK = 0.1  # seconds between looks during one
SETTLED = 3.0  # seconds without trouble after which it is over: rooms were compared with their logs by then
REMINDER = 60.0  # seconds between two lines that it goes on


class Costs(Struct):
    """What broken promises cost, counted since the process began."""

    sends: int = 0  # that were answered `unavailable`
    requests: int = 0  # the same, and all others, over sockets and HTTP, handshakes among them
    holes: int = 0  # reads of a room's log for what did not arrive
    behind: int = 0  # times that a member was fed from the log
    resets: int = 0  # members that could not go on, and were told so

    def refuse(self, send: bool = False) -> None:
        """Count something that was answered `unavailable`."""
        self.requests += 1
        self.sends += send


COSTS = Costs()


class _Story(Struct):
    began: float  # by the loop's clock, as all here
    why: str
    before: Costs
    fault: Fault | None
    reminded: float
    times: int = 1
    back: float | None = None  # since when writes are taken


class Outages:
    """`run` tells the stories; a broker's `on_trouble` begins them."""

    def __init__(
        self,
        broker: Broker,
        readiness: Readiness,
        *,
        look: float = LOOK,
        settled: float = SETTLED,
        reminder: float = REMINDER,
    ) -> None:
        """Times in seconds, as the constants."""
        self._broker = broker
        self._readiness = readiness
        self._look = look
        self._settled = settled
        self._reminder = reminder
        self._loop = asyncio.get_running_loop()
        self._troubled = asyncio.Event()
        self._trouble: tuple[float, str, bool] | None = None  # the first that no story has yet: when, why, lost
        self._before = structs.replace(COSTS)

    def on_trouble(self, why: str, lost: bool) -> None:
        """A connection was `lost`, or a command refused: as the other side said it first."""
        now = self._loop.time()
        if self._trouble is None:
            self._trouble = now, why, lost
        elif lost and not self._trouble[2]:  # a refusal may be one command's alone, this is not
            self._trouble = self._trouble[0], self._trouble[1], True
        self._troubled.set()

    async def run(self) -> None:
        """Until cancelled. What has not ended by then is said as it stands."""
        while True:
            self._before = structs.replace(COSTS)
            try:
                async with asyncio.timeout(QUIET_LOOK):
                    await self._troubled.wait()
            except TimeoutError:
                continue
            story = await self._begin()
            if story is None:
                continue
            try:
                await self._follow(story)
            except asyncio.CancelledError:
                self._go_on(story)
                raise

    async def _begin(self) -> _Story | None:
        """The story of the trouble that there is, unless writes are taken all the same and no connection was lost."""
        before = self._before
        fault = await self._readiness.fault()
        trouble, self._trouble = self._trouble, None
        self._troubled.clear()
        assert trouble is not None
        began, why, lost = trouble
        if fault is None and not lost:
            return None
        extra = fields("outage_began", fault=fault, reason=why)
        logger.info("outage: the broker is not to be used (%s): %s", fault or "a connection was lost", why, extra=extra)
        return _Story(began, why, before, fault, began)

    async def _follow(self, story: _Story) -> None:
        while True:
            fault = await self._readiness.fault()
            now = self._loop.time()
            if self._trouble is not None:
                self._trouble = None
                self._troubled.clear()
                story.times += story.back is not None
                story.back = None
            if fault is not None:
                story.times += story.back is not None
                story.fault, story.back = fault, None
            elif story.back is None:
                story.back = now
            elif now - story.back >= self._settled:
                self._end(story, story.back - story.began)
                return
            if now - story.reminded >= self._reminder:
                story.reminded = now
                self._go_on(story)
            await asyncio.sleep(self._look)

    def _go_on(self, story: _Story) -> None:
        costs, seconds = _since(story.before), (story.back or self._loop.time()) - story.began
        extra = fields(
            "outage_lasts",
            fault=story.fault,
            reason=story.why,
            seconds=seconds,
            sends=costs.sends,
            requests=costs.requests,
        )
        logger.info("outage: for %.1f s by now (%s); %s", seconds, story.why, _refused(costs), extra=extra)

    def _end(self, story: _Story, seconds: float) -> None:
        costs = _since(story.before)
        extra = fields(
            "outage_over",
            fault=story.fault,
            reason=story.why,
            seconds=seconds,
            times=story.times,
            sends=costs.sends,
            requests=costs.requests,
            holes=costs.holes,
            behind=costs.behind,
            resets=costs.resets,
        )
        over = "outage: over after %.1f s (%s); %s; %d holes filled, %d times somebody was behind, %d members reset"
        logger.info(
            over,
            seconds,
            story.why,
            _refused(costs),
            costs.holes,
            costs.behind,
            costs.resets,
            extra=extra,
        )


def _since(before: Costs) -> Costs:
    return Costs(*(now - then for now, then in zip(structs.astuple(COSTS), structs.astuple(before), strict=True)))


def _refused(costs: Costs) -> str:
    return f"{costs.sends} sends and {costs.requests - costs.sends} other requests refused"
