"""static/page/standing.js: the states of the page, step by step, and docs/page.md, which says them."""

import json
import re
from typing import Any

import pytest

from .test_javascript import ROOT, node_source

Happening = dict[str, Any]

DOCS = (ROOT / "docs" / "page.md").read_text()
NOW = 1_000_000.0


def run(body: str, **arguments: Any) -> Any:
    """What the body of a function gives; it knows all that the module exports, and `now`."""
    names = "STATES, ROOM_STATES, begun, after, shown, joining, afterInRoom, shownInRoom, isOut"
    source = f"""
        import {{ {names} }} from "./static/page/standing.js";
        import {{ learn, words }} from "./static/page/words.js";
        await learn();
        const now = {NOW};
        const {{ {", ".join(arguments) or "nothing"} }} = {json.dumps(arguments)};
        console.log(JSON.stringify((() => {{ {body} }})()));
    """
    return json.loads(node_source(source))


def link(state: str, code: int | str | None = None, reason: str = "", wait_s: float = 5) -> Happening:
    told: Happening = {"state": state, "reason": reason} | ({"code": code} if code is not None else {})
    return {"type": "link", "link": told | ({"retryIn": wait_s * 1000} if state == "waiting" else {})}


def waiting(code: int | str | None = None, reason: str = "") -> Happening:
    return link("waiting", code, reason)


def stopped(code: int | str, reason: str = "") -> Happening:
    return link("stopped", code, reason)


def removal(action: str, room: str | None) -> Happening:
    return {"type": "removal", "action": action, "room": room}


def network(online: bool) -> Happening:
    return {"type": "network", "online": online}


ACCOUNT = {"type": "account"}
OPEN = link("open")
CONNECTING = link("connecting")
RECONNECT = {"type": "reconnect", "in_ms": 5000}
WHY = "no flooding"

WAYS: dict[str, list[list[Happening]]] = {
    "connecting": [[], [CONNECTING], [OPEN, link("closed")], [OPEN, link("closed"), CONNECTING]],
    "open": [[OPEN], [OPEN, waiting(1006), CONNECTING, OPEN], [OPEN, network(False)], [OPEN, RECONNECT, OPEN]],
    "restarting": [
        [OPEN, RECONNECT],
        [OPEN, RECONNECT, waiting(1012)],
        [OPEN, waiting(1012)],
        [OPEN, RECONNECT, waiting(1006), CONNECTING, waiting("unreachable")],
        [OPEN, RECONNECT, waiting(1012), CONNECTING, waiting("unavailable", "This process is leaving.")],
    ],
    "unreachable": [
        [waiting("unreachable")],
        [OPEN, waiting(1006), CONNECTING],
        [waiting("error", "Bad Gateway")],
        *([OPEN, waiting(code)] for code in (1001, 1011, 4408, 4413)),
        [network(False), waiting("unreachable"), network(True)],
        [waiting("buffered"), CONNECTING, waiting("unreachable"), CONNECTING, waiting(1006)],
    ],
    "offline": [
        [network(False), waiting("unreachable")],
        [OPEN, waiting(1006), network(False)],
        [OPEN, RECONNECT, waiting(1012), network(False)],
        [OPEN, network(False), waiting(1006), CONNECTING],
    ],
    "full": [[waiting(1013, "this process is full")], [OPEN, waiting(1013), CONNECTING, waiting(1013)]],
    "crowded": [[waiting(4429)]],
    "buffered": [[waiting("buffered")], [waiting(1006), waiting("buffered"), CONNECTING, waiting(1006), CONNECTING]],
    "unavailable": [[waiting("unavailable")], [waiting(1013, "the broker is away")]],
    "rateLimited": [[waiting("rate_limited")], [waiting("rate_limited"), network(False)]],
    "nameTaken": [[waiting("name_taken")], [OPEN, waiting(1006), CONNECTING, waiting("name_taken"), CONNECTING]],
    "removed": [
        [OPEN, removal("kick", "garden"), stopped(4403, WHY)],
        [OPEN, stopped(4403, WHY)],
    ],
    "banned": [
        [OPEN, removal("ban", "garden"), stopped(4403, WHY)],
        [stopped(4403, f"banned: {WHY}")],
        [stopped("forbidden", "banned")],
    ],
    "signedOut": [[stopped("unauthenticated", WHY)]],
    "expired": [[ACCOUNT, stopped("unauthenticated", WHY)], [ACCOUNT, OPEN, CONNECTING, stopped("unauthenticated")]],
    "forbidden": [[stopped("forbidden", WHY)]],
    "ended": [[OPEN, stopped(code, WHY)] for code in (1000, 1002, 1003, 1007, 1008, 1009)],
}
"""Ways into each state."""

REFUSED = {"type": "refused", "code": "forbidden", "message": "you may not enter this room"}
BANNED = {"type": "refused", "code": "forbidden", "message": f"banned: {WHY}"}
HELD = {"type": "held", "code": "unavailable", "retryIn": 5000}
SLOWED = {"type": "held", "code": "rate_limited", "retryIn": 5000}
JOINED, ASKED, RELEASED = ({"type": name} for name in ("joined", "asked", "released"))

ROOM_WAYS: dict[str, list[list[Happening]]] = {
    "joining": [[], [BANNED, ASKED], [RELEASED]],
    "live": [[JOINED], [JOINED, HELD, RELEASED], [SLOWED, JOINED], [BANNED, ASKED, JOINED]],
    "readOnly": [[JOINED, HELD], [HELD], [SLOWED, HELD]],
    "slowed": [[JOINED, SLOWED], [HELD, SLOWED]],
    "roomBanned": [[BANNED], [JOINED, BANNED, RELEASED], [BANNED, HELD]],
    "roomForbidden": [[REFUSED], [JOINED, REFUSED]],
    "roomRefused": [[{"type": "refused", "code": "too_many_rooms", "message": "more than 50 rooms"}]],
}


def table(heading: str) -> dict[str, list[str]]:
    """The rows below a heading, by their first cell."""
    section = DOCS.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", section, re.M)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}


CASES = [(name, way) for name, ways in WAYS.items() for way in ways]
ROOM_CASES = [(name, way) for name, ways in ROOM_WAYS.items() for way in ways]


def test_each_way_leads_where_it_should() -> None:
    """Of the connection."""
    found = run(
        "return ways.map((way) => way.reduce((standing, one) => after(standing, one, now), begun()).name);",
        ways=[way for _, way in CASES],
    )
    assert list(zip(found, (way for _, way in CASES), strict=True)) == CASES


def test_each_way_in_a_room_leads_where_it_should() -> None:
    found = run(
        "return ways.map((way) => way.reduce((standing, one) => afterInRoom(standing, one, now), joining()).name);",
        ways=[way for _, way in ROOM_CASES],
    )
    assert list(zip(found, (way for _, way in ROOM_CASES), strict=True)) == ROOM_CASES


def test_the_documents_have_each_state_in_its_words() -> None:
    """What is said, and the way out; the reason is an example."""
    says = run(
        """
        const said = {};
        for (const [name, way] of ways) {
            const standing = way.reduce((one, happening) => after(one, happening, now), begun());
            said[name] = shown(standing, now);
        }
        for (const [name, way] of roomWays) {
            const standing = way.reduce((one, happening) => afterInRoom(one, happening, now), joining());
            said[name] = shownInRoom("garden", standing, now);
        }
        for (const one of Object.values(said)) {
            if (one) one.ways = one.ways.map((way) => way === "leave" ? words.ways.leave("garden") : words.ways[way]);
        }
        return said;
        """,
        ways=[(name, ways[1 if name == "restarting" else 0]) for name, ways in WAYS.items()],
        roomWays=[(name, ways[0]) for name, ways in ROOM_WAYS.items()],
    )
    documented = table("The connection") | table("A room")
    assert documented.keys() == says.keys()
    for name, told in says.items():
        text, way_out, reached = documented[name]
        said = f"{told['text']} {told.get('passing', '')}".strip() if told else ""
        said = said.replace("More than 50 rooms.", "No flooding.")
        assert text.endswith(said) and bool(text) == bool(said), name
        for way in told["ways"] if told else []:
            assert way in way_out, name
        assert reached, name


def test_all_states_have_a_way_in() -> None:
    """And no way leads to a state that there isn't."""
    assert set(run("return Object.keys(STATES);")) == WAYS.keys()
    assert set(run("return Object.keys(ROOM_STATES);")) == ROOM_WAYS.keys()


def test_a_restart_that_takes_too_long_is_one_no_more() -> None:
    """After a minute, by the clock that nobody sets, the service can't be reached."""
    found = run(
        """
        let standing = way.reduce((one, happening) => after(one, happening, now), begun());
        const names = [standing.name];
        for (const seconds of [30, 59, 61]) {
            standing = after(standing, retry, now + 5000 + 1000 * seconds);
            names.push(standing.name);
        }
        return names;
        """,
        way=[OPEN, RECONNECT, waiting(1006)],
        retry=waiting("unreachable"),
    )
    assert found == ["restarting", "restarting", "restarting", "unreachable"]


def test_a_countdown_is_the_true_one() -> None:
    """Seconds to the moment that was said, then that it is tried."""
    told = run(
        """
        const standing = way.reduce((one, happening) => after(one, happening, now), begun());
        return [0, 1, 4000, 4999, 5000, 9000].map((ms) => shown(standing, now + ms).passing);
        """,
        way=[OPEN, RECONNECT],
    )
    expected = [*(f"Connecting anew in {seconds} s." for seconds in (5, 5, 1, 1)), *["Connecting anew…"] * 2]
    assert told == expected


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ([OPEN, removal("kick", "garden"), stopped(4403, WHY)], "You were removed from #garden. No flooding."),
        (
            [OPEN, removal("kick", None), stopped(4403, "removed by a moderator (kick)")],
            "You were removed from this chat.",
        ),
        ([OPEN, removal("ban", "garden"), stopped(4403, WHY)], "You are banned from #garden. No flooding."),
        ([stopped("forbidden", "banned: spam")], "You are banned from this chat. Spam."),
        ([stopped(4403, "banned")], "You are banned from this chat."),
        (
            [OPEN, removal("ban", "garden"), stopped(4403, WHY), CONNECTING, OPEN, stopped(4403, WHY)],
            "You were removed from this chat. No flooding.",
        ),
        (
            [stopped("forbidden", "This host or origin may not enter.")],
            "You may not enter here. This host or origin may not enter.",
        ),
        (
            [OPEN, stopped(1008, "too many errors")],
            "You were disconnected because of too many errors or messages. Too many errors.",
        ),
        ([OPEN, stopped(1009, "x")], "A message was too big, so the connection was closed."),
    ],
)
def test_an_end_is_said_with_its_reason(way: list[Happening], said: str) -> None:
    """A moderator's words, not those that stand in for them; and only of this end."""
    text = "return shown(way.reduce((standing, one) => after(standing, one, now), begun()), now).text;"
    assert run(text, way=way) == said


def test_nobody_can_write_where_they_can_t_be() -> None:
    assert run(
        "return ways.map((way) => isOut(way.reduce((one, happening) => afterInRoom(one, happening, now), joining())));",
        ways=[way for _, way in ROOM_CASES],
    ) == [name in ("roomBanned", "roomForbidden", "roomRefused") for name, _ in ROOM_CASES]
