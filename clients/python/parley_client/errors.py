"""Errors: each has a code that programs can tell apart, a message, and advice on what to do about it."""

from .advice import advice_for

_FINAL = frozenset({400, 401, 403, 409, 413})
"""Statuses after which asking again with the same words is in vain. Not 404: a deploy may be under way."""


class ChatError(Exception):
    """`code` is the service's (a word, or a close code), or one of this library's own (advice.py)."""

    def __init__(self, code: str | int, message: str) -> None:
        super().__init__(message)
        self.code = code
        if self.advice:
            self.add_note(self.advice)

    @property
    def advice(self) -> str:
        """The way out, in a sentence."""
        return advice_for(self.code)


class RequestError(ChatError):
    """A request was refused (code of the contract) or not answered ("offline", "timeout", "busy")."""

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        """`retry_after` in seconds, where waiting helps."""
        super().__init__(code, message)
        self.retry_after = retry_after


class HttpError(ChatError):
    """A ticket, or another answer, was refused. `status` is 0 when nobody answered, with the code "unreachable"."""

    def __init__(self, status: int, code: str, message: str, retry_after: float = 0.0) -> None:
        super().__init__(code, message)
        self.status = status
        self.retry_after = retry_after

    @property
    def final(self) -> bool:
        """Whether asking again is in vain."""
        return self.status in _FINAL


class OutboxFullError(ChatError):
    """As many entries wait as may."""

    def __init__(self, limit: int) -> None:
        super().__init__("outbox_full", f"{limit} messages are waiting already")
