"""Parley: a chat service that pushes messages from Redis Pub/Sub to every connected WebSocket."""

__version__ = "1.0.0"
