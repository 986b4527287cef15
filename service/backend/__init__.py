"""What an operator's own backend asks for over HTTP, with a token of role `service`.

Messages, rooms, users: docs/api.md by task, static/openapi.json route by route. It uses the node and what it has, and
nothing of sockets.
"""
