"""What each subject is given to look at."""

from msgspec import Struct

from service.config import Settings

PLACE_TIMEOUT = 5.0  # seconds that each place has to answer in


class Context(Struct, frozen=True, kw_only=True):
    """The settings, and how they were asked for."""

    settings: Settings
    redis_variable: str = "REDIS_URL"  # what the broker's address is read from
    url: str = ""  # where the service is reached from outside; "": it isn't asked
    timeout: float = PLACE_TIMEOUT
