"""In which encoding a client takes an answer: Accept-Encoding, RFC 9110 section 12.5.3."""

import re
from collections.abc import Iterable

_ENTRY = re.compile(
    r"\s*([!#$%&'*+.^_`|~0-9a-z-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?", re.IGNORECASE
)


def preferred(accepted: str, offered: Iterable[str]) -> str:
    """Of the encodings `offered`, the smallest answer first, that which the client wants most; "" for plain bytes."""
    weights: dict[str, float] = {}
    for text in accepted.split(","):
        if entry := _ENTRY.fullmatch(text):
            weights[entry[1].lower().removeprefix("x-")] = float(entry[2] or 1)
    least = weights.get("identity", 0.0)
    wanted = {encoding: weights.get(encoding, weights.get("*", 0.0)) for encoding in offered}
    best = max(wanted, key=lambda encoding: wanted[encoding], default="")
    return best if best and wanted[best] > 0 and wanted[best] >= least else ""
