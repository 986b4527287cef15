"""service/addresses.py: what stands for a client in limits."""

import pytest

from service.addresses import limit_key


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
        ("", ""),
        ("@", "@"),
    ],
)
def test_limit_key(address: str, key: str) -> None:
    """IPv4 addresses stand for themselves, IPv6 addresses for their /64; a key is its own key."""
    assert limit_key(address) == key
    assert limit_key(key) == key
