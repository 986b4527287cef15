"""Settings: those that can't hold, as a start would refuse them, and those that are risky."""

import re
from collections.abc import Iterable

from service import app, config
from service.config import SETTINGS, Settings
from service.errors import ConfigError
from service.findings import Finding, error

# What goes together with the setting that is named, so that the defaults of both hold.
_TOGETHER = {"FRAME_LIMIT": "TEXT_LIMIT", "DRAIN_DELAY": "DRAIN_SECONDS", "PING_TIMEOUT": "PING_INTERVAL"}
_FIXES = {
    "REDIS_URL": "export REDIS_URL=redis://:password@host:6379/0",
    "REDIS_TLS_URL": "export REDIS_TLS_URL=rediss://:password@host:6379/0",
    "JWT_PUBLIC_KEY": 'export JWT_PUBLIC_KEY="$(openssl pkey -in private.pem -pubout)"',
    "WEBHOOK_URL": "export WEBHOOK_URL=https://backend.example.com/parley",
    "WEBHOOK_ASK_URL": "export WEBHOOK_ASK_URL=https://backend.example.com/parley/ask",
    "SQLITE_PATH": "export SQLITE_PATH=, and a file in a folder that can be written",
}


def look(settings: Settings, errors: Iterable[ConfigError]) -> list[Finding]:
    """What is wrong. `errors` are those that were found when the settings were read."""
    found = [*errors]
    for check in app.CHECKS:
        try:
            check(settings)
        except ConfigError as fault:
            if str(fault) not in map(str, found):
                found.append(fault)
    return [*map(refusal, found), *config.warnings(settings)]


def refusal(fault: ConfigError) -> Finding:
    """What keeps the service from starting."""
    cause = str(fault)
    match = re.match(r"[A-Z][A-Z0-9_]+", cause)
    name = match[0] if match else ""
    return error("setting", name, cause, "the service doesn't start", _FIXES.get(name) or _fix(name))


def _fix(name: str) -> str:
    setting = SETTINGS.get(name)
    if setting is not None and setting.secret:
        return config.new_secret(name)
    both = f"{name} {_TOGETHER[name]}" if name in _TOGETHER else name
    return f"unset {both}"
