"""Which release this is: that of the service in whose tree it stands."""

VERSION = "1.0.0"
