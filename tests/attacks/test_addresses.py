"""Forged X-Forwarded-For, X-Real-Ip and the like: one address all the same, for each limit that counts addresses."""

import itertools
import json

from ..harness import ServiceProcess
from .raw_socket import Answer, RawSocket, exchange, handshake

NAMES = itertools.count(1)
FORGERIES = (
    "X-Forwarded-For: 203.0.113.{n}",
    "X-Forwarded-For: 203.0.113.{n}, 198.51.100.{n}",
    "X-Real-Ip: 203.0.113.{n}",
    "X-Client-Ip: 203.0.113.{n}",
    "Client-Ip: 203.0.113.{n}",
    "True-Client-Ip: 203.0.113.{n}",
    "CF-Connecting-IP: 203.0.113.{n}",
    "Forwarded: for=203.0.113.{n}",
    "X-Forwarded-For: 2001:db8:{n}::1",
    "X-Forwarded-For: 127.0.0.{n}",
)


async def ticket(service: ServiceProcess, *headers: str) -> Answer:
    """POST /tickets as a new guest."""
    body = json.dumps({"name": f"Ada {next(NAMES)}"})
    lines = [f"Host: 127.0.0.1:{service.port}", f"Origin: {service.url}", *headers, f"Content-Length: {len(body)}"]
    return await exchange(service.port, "\r\n".join(["POST /tickets HTTP/1.1", *lines, "", body]).encode())


async def test_forged_addresses_share_one_bucket() -> None:
    """Without a trusted proxy no header counts: the burst is spent once, then 429 with Retry-After."""
    with ServiceProcess({"TICKET_RATE": "0.5"}) as service:  # a burst of 5
        answers = [await ticket(service, FORGERIES[n % len(FORGERIES)].format(n=n)) for n in range(30)]
        assert [answer.status for answer in answers[:5]] == [201] * 5
        assert {answer.status for answer in answers[6:]} == {429}  # one more may have come due
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert json.loads(answers[-1].body)["error"]["code"] == "rate_limited"


async def test_behind_a_proxy_its_own_entry_counts_and_no_other() -> None:
    """The proxy writes the peer it saw behind what the client made up, so the last entry is the bucket."""
    with ServiceProcess({"TICKET_RATE": "0.2", "TRUSTED_PROXIES": "1"}) as service:  # a burst of 2
        for peer in ("192.0.2.1", "192.0.2.2", "2001:db8:1:1::1"):
            forged = [await ticket(service, f"X-Forwarded-For: 203.0.113.{n}, {peer}") for n in range(4)]
            assert [answer.status for answer in forged] == [201, 201, 429, 429]
        # Another address of the same /64 is the same line.
        assert (await ticket(service, "X-Forwarded-For: 2001:db8:1:1:ffff::2")).status == 429
        # Two header lines are one list.
        split = await ticket(service, "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 192.0.2.1")
        assert split.status == 429
        # What is no address leaves the peer itself, for everybody alike.
        nonsense = ("unknown", "192.0.2.1.5", "::1%eth0", "0x7f000001", "", "1" * 5000, "192.0.2.1\t\x0b")
        answers = [await ticket(service, f"X-Forwarded-For: 203.0.113.7, {entry}") for entry in nonsense]
        assert sum(answer.status == 201 for answer in answers) <= 2


async def test_forged_addresses_share_one_count_of_connections() -> None:
    """CONNECTIONS_PER_ADDRESS: 4429 for the sockets past it, whatever they claim."""
    codes = []
    with ServiceProcess({"CONNECTIONS_PER_ADDRESS": "3"}) as service:
        sockets = []
        for n in range(6):
            raw = await RawSocket.connect(service.port)
            sockets.append(raw)
            name, value = FORGERIES[n].format(n=n).split(": ", 1)
            request = handshake(service.port, "/clock", protocols=None, extra=[(name, value)])
            assert (await raw.request(request)).status == 101
            first = await raw.read_frame()
            assert first is not None
            codes.append(int.from_bytes(first[1][:2], "big") if first[0] == 0x8 else 0)
        for raw in sockets:
            await raw.__aexit__()
    assert codes == [0, 0, 0, 4429, 4429, 4429]


async def test_a_ticket_is_bound_to_its_address() -> None:
    """A stolen ticket does not enter from elsewhere, whatever address the thief's own header claims."""
    with ServiceProcess({"TRUSTED_PROXIES": "1"}) as service:
        for thief, entered in (
            ("192.0.2.2", False),
            ("192.0.2.1, 192.0.2.2", False),
            ("192.0.2.1", True),
        ):
            mine = json.loads((await ticket(service, "X-Forwarded-For: 192.0.2.1")).body)["ticket"]
            async with await RawSocket.connect(service.port) as raw:
                forwarded = [("X-Forwarded-For", thief)]
                await raw.request(handshake(service.port, protocols=f"chat.v1, ticket.{mine}", extra=forwarded))
                first = await raw.read_frame()
            assert first is not None
            assert (first[0] == 0x1) is entered, thief
