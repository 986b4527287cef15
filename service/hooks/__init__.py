"""Webhooks: what happens in rooms is posted to the operator's receiver, and messages are judged by it if asked to.

Reads rooms from the broker's log; knows no user, no room of this process and no socket.
"""
