"""Scripts and style sheets in fewer bytes, for what browsers are sent: no comments, no spaces, short names within."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from service.errors import ConfigError

_PROGRAM = Path(__file__).with_name("minifier.py")


def minified(texts: Mapping[str, str]) -> dict[str, str]:
    """The same files, by path. Raises `ConfigError` with the place of what is no script or style sheet."""
    command = [sys.executable, "-P", str(_PROGRAM)]  # -P: the files beside it are not what `import` means
    told = subprocess.run(  # noqa: S603  # our own program, by no shell
        command, input=json.dumps(texts), capture_output=True, encoding="utf-8", check=False
    )
    if told.returncode:
        raise ConfigError(f"static/ could not be made small: {told.stderr.strip()}")
    found: dict[str, str] = json.loads(told.stdout)
    return found
