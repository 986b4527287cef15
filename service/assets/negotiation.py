"""What encodings of an answer a client takes: Accept-Encoding, RFC 9110 section 12.5.3."""

import re

_ENTRY = re.compile(
    r"\s*([!#$%&'*+.^_`|~0-9a-z-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?", re.IGNORECASE
)


def takes_gzip(accepted: str) -> bool:
    """Whether gzip may be sent, and is not wanted less than the plain bytes. Without the header it is not."""
    weights: dict[str, float] = {}
    for text in accepted.split(","):
        if entry := _ENTRY.fullmatch(text):
            weights[entry[1].lower()] = float(entry[2] or 1)
    others = weights.get("*", 0.0)
    weight = weights.get("gzip", weights.get("x-gzip", others))
    return weight > 0 and weight >= weights.get("identity", 0.0)
