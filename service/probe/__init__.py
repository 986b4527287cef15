"""A canary: goes in by the public door as people do, and judges what it is sent by the contract alone.

Of the service it knows `protocol.py`, the contract, and from `names.py` what a room may be called, so that it can be
pointed at one of another release.
"""
