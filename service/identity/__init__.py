"""Who somebody is, and may be believed to be: tokens and their keys, one-use tickets, what a request's headers say.

May use the brokers, where tickets and networks are kept; knows no room and no socket.
"""
