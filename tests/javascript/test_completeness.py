"""static/page/completeness.js: what is said of a room's messages, and docs/page.md, which says it."""

import json
import re
from typing import Any

from .test_javascript import ROOT, node_source

GAP = {"reason": "trimmed", "after": 7}
KNOWN: dict[str, Any] = {"joined": True, "knownUntil": None, "gap": None, "messages": [], "head": 0}
AT = {"at": 0}


def message(seq: int) -> dict[str, Any]:
    return {"seq": seq} | AT


ROOMS: dict[str, list[dict[str, Any]]] = {
    "unknown": [KNOWN | {"joined": False}],
    "behind": [
        KNOWN | {"knownUntil": 0},
        KNOWN | {"knownUntil": 0, "gap": GAP, "messages": [message(9)]},
        KNOWN | {"joined": False, "seenAt": 0},
    ],
    "missing": [
        KNOWN | {"gap": GAP, "messages": [message(3), message(9)]},
        KNOWN | {"gap": GAP, "messages": [message(7)]},
    ],
    "whole": [
        KNOWN,
        KNOWN | {"messages": [message(1)], "head": 3},
        KNOWN | {"messages": [message(2)], "head": 2},
        KNOWN | {"head": 1},
    ],
}
"""What may be known of a room, by what is said then."""


def test_what_is_said_is_what_the_documents_say() -> None:
    """Each sentence, with the time of an example, stands in the table."""
    found = json.loads(
        node_source(f"""
            import {{ completeness }} from "./static/page/completeness.js";
            import {{ learn }} from "./static/page/words.js";
            await learn();
            const rooms = {json.dumps(ROOMS)};
            const said = Object.entries(rooms).map(([name, some]) => [name, some.map((room) => completeness(room))]);
            console.log(JSON.stringify(said));
        """)
    )
    page = (ROOT / "docs" / "page.md").read_text()
    section = page.split("## Whether messages are missing\n")[1].split("\n## ")[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", section, re.M))
    assert documented.keys() == ROOMS.keys()
    said = {name: [told["text"] for told in some] for name, some in found}
    for name, some in found:
        assert {told["name"] for told in some} == {name}
        for told in some:
            text = re.sub(r"(after|before|since) [^.]*, [\d:]+(?: [AP]M)?", r"\1 Today, 17:32", told["text"])
            assert text in documented[name], told
    assert said["whole"][0] == said["whole"][1] == "No message is missing since this room began."
    assert said["whole"][3] == "No message is missing."
    assert said["missing"][1] == "Some messages are missing."
