"""What stops a start."""


class ConfigError(Exception):
    """A setting that can't hold. The message names the variable, the value (unless secret) and the way out."""
