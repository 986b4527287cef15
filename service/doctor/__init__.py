"""What is wrong, with the settings and around them: one file a subject, each of which answers findings.

It may use all below the command line. It changes nothing, but for a key of ten seconds in Redis and, where it is given
the service's address, a few tickets there.
"""
