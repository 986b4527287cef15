"""The chat page in a real Chromium: links to a message, and the way to what is new."""

import asyncio
import re

from ..browser import chromium, expect, person, settle
from ..harness import NO_LIMITS, ChatClient, ServiceProcess
from .test_reading import fill

CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


async def test_a_link_to_a_message_opens_its_room_there() -> None:
    """However far up: in sight, marked, with the focus. What comes meanwhile moves nothing; Latest leads away."""
    with ServiceProcess(NO_LIMITS) as service:
        await fill(service.url, 400)
        async with (
            chromium() as browser,
            person(browser, service.url, **CLIPBOARD) as ada,
            ChatClient.open(service.url, "Cem") as cem,
        ):
            await cem.join("lobby")
            await ada.enter("Ada", "lobby/100")
            page = ada.page
            shown = page.locator("[data-seq='100']")
            marked = page.locator(".message.linked")

            async def is_there() -> None:
                await expect(marked).to_be_in_viewport(ratio=1)
                await expect(marked).to_have_attribute("data-seq", "100")
                await expect(marked).to_have_attribute("aria-current", "true")
                await expect(marked).to_be_focused()
                await expect(page).to_have_url(f"{service.url}/r/lobby/100")

            await is_there()
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                assert await ada.low_contrast() == []
            assert await ada.axe() == []
            await page.reload()
            await is_there()
            await settle()
            before = await shown.bounding_box()
            await asyncio.gather(*(cem.send("lobby", f"new {number}") for number in range(20)))
            await expect(page.get_by_role("button", name="20 new messages")).to_be_visible()
            assert await shown.bounding_box() == before

            await page.get_by_role("button", name="20 new messages").click()
            await expect(ada.message("new 19")).to_be_in_viewport(ratio=1)
            await expect(page).to_have_url(f"{service.url}/r/lobby")
            await expect(marked).to_have_count(0)

            await ada.message("new 19").hover()
            await page.get_by_role("button", name="Copy the link to this message").click()
            await expect(page.locator(".toast")).to_have_text("The link to this message is copied.")
            link = await page.evaluate("navigator.clipboard.readText()")
            assert re.fullmatch(rf"{service.url}/r/lobby/4[12][0-9]", link)

            await page.evaluate("window.stayed = true")
            await cem.send("lobby", f"see {service.url}/r/lobby/100")
            await page.get_by_role("link", name="/r/lobby/100").click()
            await is_there()
            await page.go_back()
            await expect(marked).to_have_count(0)
            await expect(page).to_have_url(f"{service.url}/r/lobby")
            await page.go_forward()
            await is_there()
            assert await page.evaluate("window.stayed")
            await ada.say("from here on")
            await expect(ada.message("from here on")).to_be_in_viewport(ratio=1)
            await expect(page).to_have_url(f"{service.url}/r/lobby")

            await page.goto(f"{service.url}/r/garden/7")
            await ada.online()
            await expect(page.locator(".toast")).to_have_text(re.compile("is not kept here any more"))
            await expect(page.locator("h1#room-name")).to_have_text("#garden")


async def test_what_is_new_is_found_from_its_end() -> None:
    """Whoever comes back to a page that followed the end is offered the way up, once, and finds a line there."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await bob.join("lobby")
            await ada.enter("Ada")
            await bob.send("lobby", "old")
            await expect(ada.message("old")).to_be_visible()
            await ada.page.evaluate("document.hasFocus = () => false")  # somebody works in another window
            for number in range(70):
                await bob.send("lobby", f"b{number}")
            await expect(ada.message("b69")).to_be_in_viewport(ratio=1)
            offer = ada.page.get_by_role("button", name="Jump to the first new message")
            await expect(offer).to_be_visible()
            await ada.page.evaluate("delete document.hasFocus; dispatchEvent(new Event('focus'))")
            await expect(ada.page).to_have_title("#lobby · Parley")  # all of it counts as read
            assert await ada.axe() == []
            await offer.click()
            await expect(ada.page.locator(".separator.new")).to_be_in_viewport(ratio=1)
            await expect(ada.message("b0")).to_be_focused()
            await expect(offer).to_be_hidden()
            await ada.page.get_by_role("button", name="Latest").click()
            await expect(ada.message("b69")).to_be_in_viewport(ratio=1)
            await settle()
            await expect(offer).to_be_hidden()
