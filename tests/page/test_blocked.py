"""The chat page in a real Chromium where no upgrade passes."""

from ..browser import chromium, expect, person
from ..harness import NO_LIMITS, BlockingProxy, ChatClient, ServiceProcess


async def test_one_talks_where_websockets_are_blocked() -> None:
    """By an event stream and POST: what is said arrives both ways."""
    with ServiceProcess(NO_LIMITS) as service, BlockingProxy("127.0.0.1", service.port) as proxy:
        async with chromium() as browser, person(browser, f"http://127.0.0.1:{proxy.port}") as ada:
            await ada.enter("Ada")
            await expect(ada.page.locator("#me-state")).to_have_text("Online")
            async with ChatClient.open(service.url, "Bob") as bob:
                await bob.join("lobby")
                await ada.say("round")
                assert (await bob.recv("message"))["text"] == "round"
                await bob.send("lobby", "and back")
                await ada.reads("round", "and back")


async def test_what_holds_answers_back_is_named() -> None:
    """And stays named while WebSockets are tried in between; once answers pass, one is in."""
    with ServiceProcess(NO_LIMITS) as service, BlockingProxy("127.0.0.1", service.port, holds=True) as proxy:
        async with chromium() as browser, person(browser, f"http://127.0.0.1:{proxy.port}") as ada:
            await ada.page.goto(ada.url)
            await ada.page.evaluate("localStorage.setItem('parley.name', 'Ada')")
            await ada.reload()
            banner = ada.page.locator("#banner-text")
            await expect(banner).to_contain_text(
                "Something on the way holds the service’s answers back.", timeout=40_000
            )
            blocked = proxy.blocked
            while proxy.blocked == blocked:
                await ada.page.get_by_role("button", name="Try now").click()
                await expect(banner).to_contain_text("Something on the way holds", timeout=20_000)
            proxy.holds = False
            await ada.online()
