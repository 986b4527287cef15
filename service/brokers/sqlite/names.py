"""Who holds which name, in one process. No I/O; times are seconds of a clock that nobody sets."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from service.names import name_key
from service.protocol import Person


class _Claim(Struct):
    """`network` is where the claim was made from, "" once its user was present."""

    user: str
    end: float
    network: str


class MemoryNames:
    """See Directory.claim_name. `present` says whether a user is, which is what holds a name once its claim is over."""

    def __init__(self, present: Callable[[str], bool]) -> None:
        self._present = present
        self._claims: dict[str, _Claim] = {}  # by name
        self._names: dict[str, str] = {}  # by user: each has one

    def claim(self, name: str, user: str, seconds: float, network: str, now: float) -> bool:
        """Whether the name is now the user's, for so many seconds."""
        held = self._held(name, now)
        if held is not None and held.user != user:
            if not network or held.network != network or self._present(held.user):
                return False
            self.release(held.user)
        was_present = held is not None and held.user == user and not held.network
        self._take(name, _Claim(user, now + seconds, "" if was_present or self._present(user) else network))
        return True

    def hold(self, people: Iterable[Person], now: float) -> None:
        """These people are present: each has their name from now on, where it is free or theirs."""
        for person in people:
            name = name_key(person.name)
            held = self._held(name, now)
            if held is None:
                self._take(name, _Claim(person.id, now, ""))
            elif held.user == person.id:
                held.network = ""

    def release(self, user: str) -> None:
        """The user's name is free."""
        name = self._names.pop(user, None)
        if name is not None:
            del self._claims[name]

    def sweep(self, now: float) -> None:
        """Forget the names that nobody holds any more."""
        for name in list(self._claims):
            self._held(name, now)

    def _held(self, name: str, now: float) -> _Claim | None:
        """The claim on the name, if it holds."""
        held = self._claims.get(name)
        if held is not None and held.end <= now and not self._present(held.user):
            self.release(held.user)
            return None
        return held

    def _take(self, name: str, claim: _Claim) -> None:
        if self._names.get(claim.user) != name:
            self.release(claim.user)
        self._claims[name] = claim
        self._names[claim.user] = name
