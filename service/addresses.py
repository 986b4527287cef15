"""Clients' addresses: what is one, and what of it stands for a client in limits."""

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=1024)
def parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, ::ffff:192.0.2.1 as IPv4. None for what is none, or has a zone, which is free text."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


@lru_cache(maxsize=1024)
def limit_key(address: str) -> str:
    """What stands for a client's network in limits and tickets: an IPv4 address, or an IPv6 /64.

    One customer line has at least a /64 (RFC 6177), so a bucket an address would be no limit there.
    """
    parsed = parse(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed) if parsed else address
