"""service/pages.py: what a browser is shown at addresses that aren't quite ours."""

import json
import re

import pytest

from service.pages import STATIC, room_meant

from .browser import chromium, expect, person
from .harness import NO_LIMITS, ServiceProcess
from .serving import serving
from .test_page import SCHEMES

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
MISSING = (
    "/lobby",
    "/index.html",
    "/r/a%C3%BC",
    "/r/-a",
    "/r/" + "a" * 65,
    "/r/a/b",
    "/r/a/0",
    "/r/a/1/2",
    "/static/none.js",
    "/static/",
)


def test_the_page_links_every_style_sheet() -> None:
    """Of its folder, and the one with the tokens before them."""
    sheets = re.findall(r'<link rel="stylesheet" href="/static/([^"]+)">', (STATIC / "index.html").read_text())
    assert sheets[0] == "page.css"
    assert sorted(sheets) == sorted(["page.css", *(f"page/{path.name}" for path in (STATIC / "page").glob("*.css"))])


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/r/lobby/", "/r/lobby"),
        ("/r/lobby//", "/r/lobby"),
        ("/r//lobby", "/r/lobby"),
        ("/r/Lobby", "/r/lobby"),
        ("/R/LOBBY/", "/r/lobby"),
        ("/r/%6Cobby", "/r/lobby"),
        ("/r/%23lobby", "/r/lobby"),
        ("/r/tea%20time%20", "/r/tea-time"),
        ("/r/Lobby/12", "/r/lobby/12"),
        ("/R//lobby//12/", "/r/lobby/12"),
        ("/r", "/"),
        ("/r/", "/"),
        ("/R//", "/"),
    ],
)
async def test_a_room_written_otherwise_leads_to_it(path: str, place: str) -> None:
    """A browser is sent to our own address of it; a program gets its 404."""
    assert room_meant(path) == place
    async with serving() as it:
        response = await it.fetch(path, **BROWSER)
        assert (response.code, response.headers["Location"]) == (302, place)
        assert "Accept" in response.headers["Vary"]
        plain = await it.fetch(path)
        assert (plain.code, json.loads(plain.body)["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", [*MISSING, "/r/%2F%2Fevil.example", "/r/..%2F", "/r/a%00b", "//evil.example/r/lobby"])
async def test_there_is_no_way_out(path: str) -> None:
    """What can't be a room leads nowhere, least of all to another host: 404, as a page or as JSON."""
    assert room_meant(path) is None
    async with serving() as it:
        for method in ("GET", "HEAD"):
            response = await it.fetch(path, method, **BROWSER)
            assert response.code == 404 and response.headers["Content-Type"].startswith("text/html")
            assert "Location" not in response.headers and "Accept" in response.headers["Vary"]
            assert response.headers["Content-Security-Policy"]
        for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
            response = await it.fetch(path, **headers)
            assert response.code == 404 and json.loads(response.body)["error"]["code"] == "not_found"


async def test_in_a_browser() -> None:
    """The room stands there, under its own address, or a page with the way to the lobby."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada", "Lobby")
            assert ada.page.url == f"{service.url}/r/lobby"
            for path in ("/r/lobby/", "/R/LOBBY"):
                await ada.page.goto(service.url + path)
                await ada.online()
                assert ada.page.url == f"{service.url}/r/lobby"
                await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")
            answer = await ada.page.goto(f"{service.url}/r/Tea!")
            assert answer is not None and answer.status == 404
            await expect(ada.page.locator("h1")).to_have_text("There is nothing here")
            for scheme in SCHEMES:
                await ada.page.emulate_media(color_scheme=scheme)
                assert await ada.low_contrast() == []
            await ada.page.get_by_role("link", name="Go to the lobby").click()
            await ada.online()
            ada.foresee("status of 404")  # Chromium's own word on it
