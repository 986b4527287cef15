"""Bytes on sockets: accepting, both handshakes, frames, connections after their upgrade, pings, what may wait unsent.

Knows none of the other families: no room, no user, no broker.
"""
