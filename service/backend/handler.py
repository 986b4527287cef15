"""What requests of backends have: a token of role `service`, a rate of their own, rooms that it opens.

Some are for moderators, too, who look after rooms over HTTP; theirs is a person's rate.
"""

from typing import Any

from service import names
from service.api import OVERSEERS, Api
from service.handler import ApiError
from service.identity.auth import User
from service.protocol import ErrorCode, Person, RequestError, told_wait


class BackendHandler(Api):
    """`service()` before anything else; `charge()` once it is known what the request costs."""

    async def service(self) -> User:
        """Whose token of role service this is. Raises 401, or 403 for another role."""
        return await self.caller_as("service")

    async def service_in(self, room: str) -> User:
        """The same, whose token opens `room`. Raises 404 `not_found` for any other, `bad_room` for what is none."""
        return await self.caller_in(room, "service")

    async def overseer_in(self, room: str) -> User:
        """The same for a token of either role that looks after rooms."""
        return await self.caller_in(room, *OVERSEERS)

    async def service_everywhere(self) -> User:
        """The same, whose token opens every room: what is asked for reaches into all of them."""
        user = await self.service()
        if user.rooms is not None:
            raise RequestError(
                ErrorCode.FORBIDDEN, "this reaches into every room: it needs a token without the claim rooms"
            )
        return user

    def charge(self, user: User, what: str = "requests", cost: float = 1) -> None:
        """Raises `rate_limited` past `SERVICE_RATE`."""
        self.node.rates.check_service(user.id, self.node.proxies.network(self.request), what, cost)

    def author(self, user: User, person: Person | None) -> User:
        """In whose name something is said: `person` as a body has it, or the token's own user."""
        if person is None:
            return user
        check_user(person.id, "user.id")
        return User(person.id, names.check_name(person.name))


def check_user(user: str, what: str) -> str:
    """A user's id as a request has it. Raises `bad_request`, naming `what`."""
    if not 1 <= len(user) <= 128 or not names.printable(user):
        raise RequestError(ErrorCode.BAD_REQUEST, f"{what} is not 1 to 128 printable characters")
    return user


def error_of(refusal: RequestError | ApiError) -> dict[str, Any]:
    """What an answer says of a part that was refused."""
    if isinstance(refusal, RequestError):
        code, message, wait = refusal.code.value, refusal.message, refusal.retry_after
    else:
        code, message, wait = refusal.code, refusal.sentence, refusal.retry_after
    return {"code": code, "message": message} | ({} if wait is None else {"retry_after": told_wait(wait)})
