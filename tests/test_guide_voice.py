"""service/guides/voice.py: names made of handles, and what becomes of a voice whose socket is gone."""

import asyncio

import pytest

from service.guides.voice import GUIDE_PREFIX, Voice, bare, marked
from service.names import name_key
from service.protocol import Person

from .harness import UNIT
from .serving import Served, serving


@pytest.mark.parametrize("handle", ["Ada", "Ada (guide)", "Ada (guide 2)", "(guide)", "x" * 19, "Zoë 🦊"])
def test_a_mark_comes_off_as_it_went_on(handle: str) -> None:
    """Once, at the end, whatever the handle looks like; and from guides' speakers alone."""
    for number in (1, 2, 9999):
        name = marked(handle, number)
        assert bare(Person(GUIDE_PREFIX + "x", name)) == handle
        assert bare(Person("g-x", name)) == bare(Person("u", name)) == name


async def gone(it: Served, voice: Voice) -> None:
    """Neither present nor holding a name."""
    async with asyncio.timeout(5 * UNIT):
        while any([(await it.node.broker.presence.roster(room)).members for room in ("", "lobby")]) or Voice.tasks:
            await asyncio.sleep(0.01)
    assert await it.node.broker.directory.claim_name(name_key("Ada (guide)"), "g-other", 1)


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
@pytest.mark.parametrize("ready", [False, True])
async def test_a_voice_that_is_closed_is_gone(broker_env: dict[str, str], ready: bool, turns: int) -> None:
    """With words waiting, at whichever turn of the loop; what could be said by then is said."""
    async with serving(broker_env) as it:
        entered = asyncio.Event()
        voice = Voice(it.node, "192.0.2.1", entered)
        assert await voice.take(marked("Ada"), "Ada")
        if ready:
            entered.set()
        voice.say("Ada" if not ready else "Bob", "waits")
        for _ in range(turns):
            await asyncio.sleep(0)
        voice.close()
        await gone(it, voice)
        page = await it.node.broker.log.newest("lobby", 10)
        assert bool(page and page.frames) is ready
