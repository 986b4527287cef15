"""tests/shots in a real Chromium: a scene is played, shot and judged."""

from pathlib import Path

from ..browser import Person, chromium
from ..shots.camera import SCHEMES, shoot
from ..shots.gallery import picture
from ..shots.stage import SCENES, Scene, Stage


async def test_a_scene_is_shot_in_both_schemes_and_judged(tmp_path: Path) -> None:
    """Nothing is found wrong with one; what a control does wrong is."""
    async with chromium() as browser:
        assert await shoot(browser, SCENES["tools"], "narrow", tmp_path) == []
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert files.keys() == {picture("tools", "narrow", scheme) for scheme in SCHEMES}
        assert len(set(files.values())) == 2

        async def pale(stage: Stage) -> Person:
            somebody = await SCENES["entrance"].play(stage)
            await somebody.page.evaluate("document.documentElement.style.setProperty('--muted', 'gray')")
            await somebody.page.evaluate("document.body.style.width = '200vw'")
            await somebody.page.evaluate("document.body.append(document.createElement('button'))")
            return somebody

        found = await shoot(browser, Scene("pale", "", pale, {}), "wide", tmp_path)
        for wrong in ("contrast", "axe button-name", "sticks out"):
            assert any(wrong in line for line in found), wrong
