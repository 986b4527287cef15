"""What a browser is sent of static/: made once, at the start, and kept in memory.

Reads that folder, and of the service what its pages and documents say: the contract, names, how headers are called.
Knows no node, room or broker, and answers no request; `pages.py` does.
"""
