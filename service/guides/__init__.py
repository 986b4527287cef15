"""The sockets of Heroku's WebSocket guides, so that their pages work here unchanged. All of them meet in the lobby.

Handlers, so they may use everything but the application that routes to them.
"""
