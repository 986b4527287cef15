"""Writes README's table of settings from those of service/config.py: `python -m tests.readme`."""

import re
from pathlib import Path

from service.config import SETTINGS

README = Path(__file__).resolve().parents[1] / "README.md"
_ROWS = re.compile(r"(?<=^\| name \| default \| unit \| what \|\n\|---\|---\|---\|---\|\n)(\| .*\n)*", re.M)


def rows() -> str:
    """A row for every setting, in the order of the struct: its default, unit and note."""
    return "".join(
        f"| `{name}` | {f'`{setting.default}`' if setting.default else 'none'} | {setting.unit} | {setting.note} |\n"
        for name, setting in SETTINGS.items()
    )


def made(text: str) -> str:
    """README's text with those rows in its table."""
    written, count = _ROWS.subn(lambda _: rows(), text)
    assert count == 1, "README has no table of settings, or more than one"
    return written


if __name__ == "__main__":
    README.write_text(made(README.read_text()))
