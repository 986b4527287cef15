"""What those who look after a service ask for over HTTP: sanctions and the trail, and figures for the page /admin.

Tokens of role `moderator`; backends may read along. It uses the node and what it has, and nothing of sockets.
"""
