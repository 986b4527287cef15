"""A canary: goes in by the public door as people do, and judges what it is sent by the contract alone.

It knows `protocol.py` and nothing else of the service, so that it can be pointed at one of another release.
"""
