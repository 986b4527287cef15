"""The service as it is, but for its patience with rooms in which nothing is said: seconds instead of minutes."""

import sys

from service.brokers import log

EMPTY_SECONDS = 6

if __name__ == "__main__":
    log.EMPTY_SECONDS = EMPTY_SECONDS  # before anything reads it
    from service import __main__ as command

    sys.exit(command.main())
