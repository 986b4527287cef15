"""Bytes on sockets: frames, connections after their upgrade, the handshake, accepting, pings, what may wait unsent.

Knows none of the other families: no room, no user, no broker.
"""
