"""service/guides/sockets.py: how the guides' sockets get in, and what they count for."""

import pytest
import websockets

from .brokers import until
from .guides import heard
from .serving import serving

CLOCKS = ("/clock", "/pingWs")
GUESTS = ("/receive", "/submit", "/", "/ws", "/room/chat?username=ada")


@pytest.mark.parametrize("path", GUESTS)
async def test_without_guests_there_are_no_guides(path: str) -> None:
    """GUESTS=0: they have no way to say who they are. The clock tells anybody the time."""
    async with serving({"GUESTS": "0"}) as it:
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with it.socket(path):
                pass
        assert caught.value.response.status_code == 403
        async with it.socket("/clock") as clock:
            assert await heard(clock)


@pytest.mark.parametrize("path", (*GUESTS, *CLOCKS))
async def test_they_count_as_connections(path: str) -> None:
    """CONNECTIONS_LIMIT holds for them too, and each makes room again."""
    async with serving({"CONNECTIONS_LIMIT": "1"}) as it:
        async with it.socket(path), it.socket(path) as second:
            await second.wait_closed()
            assert second.close_code == 1013
        await until(lambda: it.node.admission.connections == 0, "counted out")
        async with it.socket(path):
            assert it.node.admission.connections == 1


@pytest.mark.parametrize("path", (*GUESTS, *CLOCKS))
async def test_a_process_that_leaves_takes_none(path: str) -> None:
    """503: another one will."""
    async with serving() as it:
        it.node.admission.closed = True
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with it.socket(path):
                pass
        assert caught.value.response.status_code == 503


async def test_clients_without_an_origin_may_use_them() -> None:
    """They bring nothing that a foreign page could use."""
    async with serving() as it, it.socket("/clock", origin=None) as clock:
        assert await heard(clock)
