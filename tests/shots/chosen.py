"""The four pictures that README shows, in 256 colours: with all of them a picture is three times as large."""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from ..browser import SharedBrowser
from .camera import make
from .gallery import picture

CHOSEN = (
    ("tools", "wide", "light"),
    ("rooms", "wide", "dark"),
    ("rooms", "narrow", "light"),
    ("tools", "narrow", "dark"),
)
COLOURS = 256


async def make_chosen(shared: SharedBrowser, folder: Path) -> dict[str, list[str]]:
    """Make them in `folder`; what was found wrong, by scene."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as whole:
        found = await make(shared, Path(whole), list(dict.fromkeys(name for name, _, _ in CHOSEN)))
        for chosen in CHOSEN:
            with Image.open(Path(whole) / picture(*chosen)) as shot:
                palette = shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
                palette.save(folder / picture(*chosen), optimize=True)
    return found
