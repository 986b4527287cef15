"""Where an attack comes from."""

import pytest

from .crowding import ONE, SEVERAL


@pytest.fixture(
    params=[pytest.param(SEVERAL, id="several addresses"), pytest.param(ONE, id="one address", marks=pytest.mark.long)]
)
def addresses(request: pytest.FixtureRequest) -> list[str]:
    """Of this machine: the attackers come from them in turn. In the short form from several alone."""
    found: list[str] = request.param
    return found
