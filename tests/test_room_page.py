"""static/room.html in a real Chromium: the page of `/room`, which works as the Play guide's does."""

from urllib.parse import quote

from .browser import chromium, expect, person
from .harness import NO_LIMITS, ChatClient, ServiceProcess

HOSTILE = "<img src=x onerror=alert(1)>"


async def test_two_people_talk() -> None:
    """Who comes, speaks and goes stands on both pages, with who is here; one's own words are marked."""
    with ServiceProcess(NO_LIMITS | {"PRESENCE_GRACE": "0"}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/room?username=Ada")
            await expect(ada.page.locator("#me")).to_have_text("You are Ada")
            await expect(ada.page.locator("#messages li")).to_have_text(["Adajoined"])
            async with person(browser, service.url) as bob:
                await bob.page.goto(f"{service.url}/room?username=Bob")
                await expect(ada.page.locator("#members li")).to_have_text(["Ada", "Bob"])
                await ada.page.get_by_role("textbox", name="Message").fill("hello")
                await ada.page.get_by_role("textbox", name="Message").press("Enter")
                await expect(bob.page.locator(".talk")).to_have_text(["Adahello"])
                await expect(ada.page.locator(".talk.me")).to_have_text(["Adahello"])
                await expect(bob.page.locator(".me.talk")).to_have_count(0)
                await expect(ada.page.get_by_role("textbox", name="Message")).to_have_value("")
                assert not await ada.low_contrast() and not await bob.low_contrast()
            await expect(ada.page.locator(".quit")).to_have_text(["Bobleft"])
            await expect(ada.page.locator("#members li")).to_have_text(["Ada"])


async def test_a_name_is_asked_for() -> None:
    """Where there is none, or it is taken, with the reason; what is given then is the page's name."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, ChatClient.open(service.url, "Ada"):
            await ada.page.goto(f"{service.url}/room")
            box = ada.page.get_by_label("Your name")
            await box.fill("Ada")
            await ada.page.get_by_role("button", name="Enter").click()
            await expect(ada.page.get_by_role("alert")).to_have_text("somebody who is here has this name")
            await expect(box).to_have_value("Ada")
            assert not await ada.low_contrast()
            await box.fill("Ada & Co")
            await box.press("Enter")
            await expect(ada.page.locator("#members")).to_contain_text("Ada & Co")
            await expect(ada.page.get_by_role("alert")).to_be_empty()


async def test_markup_is_text() -> None:
    """In one's own name, in others', in what is said and in the error; the policy has nothing to stop."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/room?username={quote('<b>Ada</b>')}")
            await expect(ada.page.locator("#members li")).to_have_text(["<b>Ada</b>"])
            async with ChatClient.open(service.url, HOSTILE) as eve:
                await eve.join("lobby")
                await eve.send("lobby", HOSTILE)
                await expect(ada.page.locator(".talk")).to_have_text([HOSTILE + HOSTILE])
                await expect(ada.page.locator("#members li")).to_have_text(["<b>Ada</b>", HOSTILE])
            assert await ada.page.locator("img, #me b, #members b").count() == 0
            await ada.page.goto(f"{service.url}/room?username={quote(HOSTILE * 2)}")
            await expect(ada.page.get_by_role("alert")).to_contain_text("name is not 1 to 32")


async def test_it_comes_back() -> None:
    """After a cut; what was being written is still there."""
    service = ServiceProcess(NO_LIMITS)
    with service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/room?username=Ada")
            await expect(ada.page.locator("#members li")).to_have_text(["Ada"])
            service.stop()
            await expect(ada.page.get_by_role("alert")).to_contain_text("Trying again")
            await ada.page.get_by_role("textbox", name="Message").fill("hello")
            await ada.page.get_by_role("textbox", name="Message").press("Enter")
            service.start()
            await expect(ada.page.get_by_role("alert")).to_be_empty()
            await expect(ada.page.get_by_role("textbox", name="Message")).to_have_value("hello")
            await ada.page.get_by_role("textbox", name="Message").press("Enter")
            await expect(ada.page.locator(".talk")).to_have_text(["Adahello"])
