"""What is wrong with settings or surroundings: its cause, what follows from it, and what to type."""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct


class Severity(StrEnum):
    """A warning is allowed and risky. An error keeps the service from starting, or people from using it."""

    NOTE = "note"  # what could not be looked at
    WARNING = "warning"
    ERROR = "error"


NOT_SEEN = "not-looked-at"  # the name of notes
EXIT_STATUS = {Severity.NOTE: 0, Severity.WARNING: 1, Severity.ERROR: 2}
"""Exit statuses."""


class Finding(Struct, frozen=True, kw_only=True):
    """No secret stands in it, nor a message's text."""

    name: str  # of the kind of finding: docs/operations.md lists them
    severity: Severity
    about: str  # the setting, the file or the place
    cause: str  # what is so; names `about`
    consequence: str
    fix: str  # a line for a shell, if one can help; else what to do

    @property
    def sentence(self) -> str:
        """For a log line."""
        return f"{self.cause}; {self.consequence}; {self.fix}"


def error(name: str, about: str, cause: str, consequence: str, fix: str) -> Finding:
    return Finding(name=name, severity=Severity.ERROR, about=about, cause=cause, consequence=consequence, fix=fix)


def warning(name: str, about: str, cause: str, consequence: str, fix: str) -> Finding:
    return Finding(name=name, severity=Severity.WARNING, about=about, cause=cause, consequence=consequence, fix=fix)


def unseen(about: str, cause: str, consequence: str, fix: str) -> Finding:
    """A note of what could not be looked at."""
    return Finding(name=NOT_SEEN, severity=Severity.NOTE, about=about, cause=cause, consequence=consequence, fix=fix)


def status(findings: Iterable[Finding]) -> int:
    """The exit status: that of the worst of them."""
    return max((EXIT_STATUS[finding.severity] for finding in findings), default=0)
