"""tests/shots: the pictures are of all that the page may show. Those are taken in tests/page/test_shots.py."""

from itertools import product

from .javascript.test_standing import table
from .shots import states
from .shots.camera import SCHEMES
from .shots.gallery import gallery, picture
from .shots.stage import SCENES, SIZES


def test_there_is_a_scene_for_each_state() -> None:
    """Of the connection and of a room, by the names that docs/page.md has."""
    documented = table("The connection") | table("A room")
    played = {name for name, scene in SCENES.items() if scene.play.__module__ == states.__name__}
    assert played == documented.keys()


def test_the_gallery_shows_every_picture_and_what_is_wrong() -> None:
    variants = list(product(SIZES, SCHEMES))
    page = gallery(SCENES.values(), variants, {"open": ["wide, light: contrast 2.00 <b>"]})
    for name in SCENES:
        assert page.count(f'id="{name}"') == 1
        for variant in variants:
            assert page.count(f'src="{picture(name, *variant)}"') == 1
    assert page.count("contrast 2.00 &lt;b&gt;") == 1
