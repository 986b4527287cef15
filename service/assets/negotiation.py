"""What a client wants of several: encodings (RFC 9110 section 12.5.3) and languages (section 12.5.4)."""

import re
from collections.abc import Collection, Iterable

_ENTRY = re.compile(
    r"\s*([!#$%&'*+.^_`|~0-9a-z-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?", re.IGNORECASE
)


def preferred(accepted: str, offered: Iterable[str]) -> str:
    """Of the encodings `offered`, the smallest answer first, that which the client wants most; "" for plain bytes."""
    weights = {name.removeprefix("x-"): weight for name, weight in _weights(accepted).items()}
    least = weights.get("identity", 0.0)
    wanted = {encoding: weights.get(encoding, weights.get("*", 0.0)) for encoding in offered}
    best = max(wanted, key=lambda encoding: wanted[encoding], default="")
    return best if best and wanted[best] > 0 and wanted[best] >= least else ""


def language(accepted: str, offered: Collection[str]) -> str:
    """Of the languages `offered`, that which the client wants most, whatever its region; "" where it wants none."""
    weights = _weights(accepted)
    for tag in sorted(weights, key=lambda tag: -weights[tag]):
        primary = tag.partition("-")[0]
        if weights[tag] > 0 and primary in offered:
            return primary
    return ""


def _weights(accepted: str) -> dict[str, float]:
    """What a header names, in its order, by lower-case name."""
    entries = (_ENTRY.fullmatch(text) for text in accepted.split(","))
    return {entry[1].lower(): float(entry[2] or 1) for entry in entries if entry}
