"""What stops a start."""

from collections.abc import Iterator
from contextlib import contextmanager


class ConfigError(Exception):
    """A setting that can't hold. The message names the variable, the value (unless secret) and the way out."""


class StartError(Exception):
    """The system refused what a start needs, which is no setting's fault. The message names what that was."""


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Make an OSError of the block a `StartError` that says what it was about: the error's own file, else `what`."""
    try:
        yield
    except OSError as error:
        raise StartError(f"{error.filename or what}: {error.strerror or error}") from error
