"""The chat page in a real Chromium: long rooms. Few rows, a place that stays, no work for what nobody sees."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ..browser import Person, chromium, expect, person, settle
from ..harness import NO_LIMITS, ChatClient, ServiceProcess

ROWS_LIMIT = 150
LONG = "They hung beside the door yesterday, as far as I remember; perhaps somebody took them along. " * 3

# What a person sees of the list: the texts in sight from top to bottom, and where the first whole one stands.
_SIGHT = """() => {
    const frame = document.getElementById("log").getBoundingClientRect();
    return [...document.querySelectorAll("#messages .message")]
        .map((row) => ({ row, top: row.getBoundingClientRect().top, bottom: row.getBoundingClientRect().bottom }))
        .filter(({ top, bottom }) => bottom > frame.top && top < frame.bottom)
        .map(({ row, top, bottom }) => ({
            text: row.querySelector(".text")?.textContent ?? "",
            words: row.querySelector(".bubble").getBoundingClientRect().top - frame.top,
            top: top - frame.top,
            bottom: bottom - frame.top,
        }));
}"""

# Where a row stood in each frame since, px from the list's upper edge; null in a frame without it.
_WATCH = """(text) => {
    const stood = (window.stood = []);
    const look = (width) => {
        if (window.stood !== stood) return;
        if (width === innerWidth) {  // else the window changed behind that frame: the next one answers it
            const row = [...document.querySelectorAll("#messages .message")]
                .find((one) => one.querySelector(".text")?.textContent === text);
            const top = document.getElementById("log").getBoundingClientRect().top;
            stood.push(row ? row.querySelector(".bubble").getBoundingClientRect().top - top : null);
        }
        // After the layout and all that answers it, when the frame is about to be painted or just was.
        requestAnimationFrame(() => setTimeout(look, 0, innerWidth));
    };
    look(innerWidth);
}"""


async def fill(url: str, number: int, text: Callable[[int], str] = lambda number: f"n{number}") -> None:
    """So many messages of Bob's in the lobby."""
    async with ChatClient.open(url, "Bob") as bob:
        await bob.join("lobby")
        for start in range(0, number, 50):
            await asyncio.gather(*(bob.send("lobby", text(n)) for n in range(start, min(number, start + 50))))


async def sight(ada: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await ada.page.evaluate(_SIGHT)
    return found


async def scroll_to(ada: Person, top: str) -> None:
    await ada.page.locator("#log").evaluate(f"log => log.scrollTop = {top}")


# The list is still when it stood at one place for some frames: the browser animates a wheel's step. Where it can't move
# (the beginning, with more on the way) it is waited for no longer than some frames more.
_STILL = """(top) => new Promise((resolve) => {
    const log = document.getElementById("log");
    let [last, frames, moved] = [top, 0, false];
    const look = () => {
        moved ||= log.scrollTop !== top;
        frames = log.scrollTop === last ? frames + 1 : 0;
        last = log.scrollTop;
        if (frames > (moved ? 8 : 30)) resolve();
        else requestAnimationFrame(look);
    };
    look();
})"""


async def wheel(ada: Person, px: int) -> None:
    """Turn the wheel over the list, and wait until it has moved."""
    top = await ada.page.evaluate("document.getElementById('log').scrollTop")
    await ada.page.mouse.wheel(0, px)
    await ada.page.evaluate(_STILL, top)


async def jump_to(ada: Person, top: str) -> None:
    """As by the scrollbar, and wait until the rows there are made and nothing moves any more."""
    await scroll_to(ada, top)
    await ada.page.evaluate(_STILL, -1)


async def rows(ada: Person) -> int:
    return await ada.page.locator("#messages .message").count()


async def stays(ada: Person, work: Callable[[], Awaitable[object]]) -> None:
    """While something is done, the first whole message in sight moves by at most 2 px in any frame."""
    first = next(row for row in await sight(ada) if row["top"] >= 0)
    await ada.page.evaluate(_WATCH, first["text"])
    await work()
    await settle()
    stood = await ada.page.evaluate("window.stood")
    assert None not in stood, "it lost its row"
    assert max(abs(top - first["words"]) for top in stood) <= 2, f"{first} moved: {sorted(set(stood))}"


async def test_the_end_stays_in_sight_when_the_oldest_are_forgotten() -> None:
    """Some hundreds are kept; once nothing moves the list is made as short, beneath who looks at its end."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await fill(service.url, 2400)
            await expect(ada.page.get_by_text("n2399", exact=True)).to_be_in_viewport()
            height = "document.getElementById('log').scrollHeight"
            await ada.page.wait_for_function(f"{height} < 36_000")  # some 600 rows and 300 more, not 2,400
            await settle()
            assert (await sight(ada))[-1]["text"] == "n2399"
            await expect(ada.page.locator("#jump")).to_be_hidden()


async def test_scrolling_up_fetches_history_to_the_beginning() -> None:
    """Older pages come as one scrolls up, in order and without a hole, and only those near have rows."""
    with ServiceProcess(NO_LIMITS) as service:
        await fill(service.url, 400, lambda n: f"n{n}" if n % 7 else f"n{n} {LONG}")
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            seen: set[int] = set()
            await ada.page.locator("#log").hover()
            for _ in range(400):
                for row in await sight(ada):
                    seen.add(int(row["text"].split()[0][1:]))
                assert await rows(ada) <= ROWS_LIMIT
                if 0 in seen:
                    break
                await wheel(ada, -400)
            await expect(ada.page.locator(".row-note.begin")).to_contain_text("This is where #lobby begins")
            assert seen == set(range(400))
            await scroll_to(ada, "0")
            numbers = [int(row["text"].split()[0][1:]) for row in await sight(ada)]
            assert numbers == list(range(len(numbers)))
            assert await ada.page.locator("#above").evaluate("node => node.offsetHeight") == 0


async def test_who_jumps_into_the_middle_finds_messages_there() -> None:
    """By the scrollbar: rows are made where one looks, in order, and End leads to the end."""
    with ServiceProcess(NO_LIMITS) as service:
        await fill(service.url, 300)
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            while await ada.page.locator(".row-note.begin").count() == 0:  # until all of it is loaded
                await jump_to(ada, "0")
            for share in (0.9, 0.3, 0.6, 0.1):
                await jump_to(ada, f"{share} * log.scrollHeight")
                numbers = [int(row["text"][1:]) for row in await sight(ada)]
                assert len(numbers) > 5 and numbers == list(range(numbers[0], numbers[-1] + 1))
                assert abs(numbers[0] / 300 - share) < 0.15
                assert await rows(ada) <= ROWS_LIMIT
            await ada.page.get_by_role("log").focus()
            await ada.page.keyboard.press("End")
            await expect(ada.message("n299")).to_be_in_viewport()


async def test_what_one_reads_stays_where_it_is() -> None:
    """While history loads above, messages come below, rows above are changed, and the window gets narrower."""
    with ServiceProcess(NO_LIMITS) as service:
        async with ChatClient.open(service.url, "Bob") as bob, chromium() as browser:
            await bob.join("lobby")
            seqs = [(await bob.send("lobby", f"n{n}" if n % 3 else f"n{n} {LONG}"))["seq"] for n in range(250)]
            async with person(browser, service.url) as ada:
                await ada.enter("Ada")
                await ada.page.locator("#log").hover()
                await wheel(ada, -1200)

                async def changes() -> None:
                    above = (await sight(ada))[0]["text"].split()[0]
                    before = int(above[1:]) - 2
                    await bob.request("edit", room="lobby", id="e1", target=seqs[before], text=LONG)
                    await bob.request("react", room="lobby", id="r1", target=seqs[before - 1], emoji="👍", on=True)
                    await bob.request("remove", room="lobby", id="x1", target=seqs[before - 3])
                    await bob.send("lobby", "below")

                async def history() -> None:
                    for _ in range(20):
                        await bob.send("lobby", LONG)
                        await settle(0.02)

                await stays(ada, changes)
                await stays(ada, history)
                for _ in range(8):  # a wheel's step moves it by that step, whatever is loaded and made meanwhile
                    first = next(row for row in await sight(ada) if row["top"] >= 0)
                    await wheel(ada, -600)
                    words = await ada.message(first["text"]).locator(".bubble").bounding_box()
                    frame = await ada.page.locator("#log").bounding_box()
                    assert words and frame and abs(words["y"] - frame["y"] - first["words"] - 600) <= 2
                await wheel(ada, 900)
                await stays(ada, lambda: ada.page.set_viewport_size({"width": 700, "height": 600}))


async def test_the_end_is_followed_until_one_moves_up() -> None:
    """At the end it stays at the end, whatever comes; a small move up is enough to be left alone."""
    with ServiceProcess(NO_LIMITS) as service:
        await fill(service.url, 60)
        async with ChatClient.open(service.url, "Cem") as cem, chromium() as browser:
            await cem.join("lobby")
            async with person(browser, service.url) as ada:
                await ada.enter("Ada")
                for text in ("one", LONG, "two"):
                    await cem.send("lobby", text)
                    await expect(ada.page.locator(".message").last).to_be_in_viewport(ratio=1)
                await ada.page.set_viewport_size({"width": 600, "height": 400})
                await expect(ada.message("two")).to_be_in_viewport(ratio=1)
                await ada.page.locator("#log").hover()
                await wheel(ada, -20)

                async def more() -> None:
                    for text in ("three", LONG, "four"):
                        await cem.send("lobby", text)

                await stays(ada, more)
                await expect(ada.page.locator("#jump")).to_be_visible()


async def test_new_messages_below_are_offered_not_forced() -> None:
    """Who reads further up is not moved: a button counts what is new, and leads there."""
    with ServiceProcess(NO_LIMITS) as service:
        await fill(service.url, 130)
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await ada.enter("Ada")
            await bob.enter("Cem")
            await ada.message("n90").scroll_into_view_if_needed()
            await bob.say("new one", "new two")
            jump = ada.page.get_by_role("button", name="2 new messages")
            await expect(jump).to_be_visible()
            await expect(ada.message("new one")).not_to_be_in_viewport()
            await jump.click()
            await expect(ada.message("new two")).to_be_in_viewport()
            await expect(ada.page.locator(".separator.new")).to_have_count(1)
            await expect(ada.page.locator("#jump")).to_be_hidden()


async def test_what_is_marked_keeps_its_rows() -> None:
    """Somebody marks a text and scrolls on, to mark more or to copy it later."""
    with ServiceProcess(NO_LIMITS) as service:
        await fill(service.url, 300)
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.message("n290").locator(".text").evaluate("node => getSelection().selectAllChildren(node)")
            await ada.page.locator("#log").hover()
            while await ada.message("n100").count() == 0:
                await ada.page.mouse.wheel(0, -1500)
                await settle(0.05)
            assert await ada.page.evaluate("getSelection().toString()") == "n290"
            await ada.page.evaluate("getSelection().removeAllRanges()")
            await ada.page.mouse.wheel(0, -300)
            await expect(ada.message("n290")).to_have_count(0)
            assert await rows(ada) <= ROWS_LIMIT


async def _trace(ada: Person, work: Callable[[], Awaitable[object]]) -> list[dict[str, Any]]:
    """The events of the page's own thread while something is done, those of its layouts with what asked for them."""
    devtools = await ada.context.new_cdp_session(ada.page)
    events: list[dict[str, Any]] = []
    complete = asyncio.Event()
    devtools.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
    devtools.on("Tracing.tracingComplete", lambda _: complete.set())
    categories = ["devtools.timeline", "disabled-by-default-devtools.timeline.stack"]
    await devtools.send("Profiler.enable")  # without it there are no stacks
    await devtools.send("Tracing.start", {"traceConfig": {"includedCategories": categories}})
    await work()
    await devtools.send("Tracing.end")
    await complete.wait()
    return events


def _forced(events: list[dict[str, Any]], beyond: int = 10) -> list[str]:
    """The scripts that made the browser lay out at once, of more than so many layouts."""
    layouts = [event for event in events if event["name"] == "Layout" and event["ph"] == "X"]
    assert len(layouts) > beyond, "the trace has nothing to show"
    stacks = [event["args"]["beginData"].get("stackTrace", []) for event in layouts]
    return [json.dumps([(frame["url"].rpartition("/")[2], frame["functionName"]) for frame in s]) for s in stacks if s]


async def test_no_layout_is_forced_while_messages_come() -> None:
    """At the end and above it: what is measured is measured when the browser has laid out by itself."""
    with ServiceProcess(NO_LIMITS) as service:
        await fill(service.url, 200)
        async with ChatClient.open(service.url, "Cem") as cem, chromium() as browser:
            await cem.join("lobby")
            async with person(browser, service.url) as ada:
                await ada.enter("Ada")

                async def come() -> None:
                    for number in range(80):  # of which some ten a second are drawn
                        await cem.send("lobby", f"live {number}")
                        await settle(0.02)

                forced = _forced(await _trace(ada, come))
                assert not forced, f"forced by {forced}"
                await ada.page.locator("#log").hover()
                await wheel(ada, -300)
                await settle()  # a quarter of a second after it the space above is put right, which lays out once
                forced = _forced(await _trace(ada, come), beyond=0)  # what comes far below is hardly drawn
                assert not forced, f"forced by {forced}"

                async def force() -> None:
                    await ada.page.evaluate("""async () => {
                        for (let n = 0; n < 20; n += 1) {
                            document.getElementById("typing").textContent = `${n}`;
                            document.getElementById("log").scrollHeight;
                            await new Promise(requestAnimationFrame);
                        }
                    }""")

                assert _forced(await _trace(ada, force)) != []


async def test_only_rows_that_differ_are_drawn_anew() -> None:
    """A message that comes, a reaction, a reader: no other row is touched."""
    with ServiceProcess(NO_LIMITS) as service:
        await fill(service.url, 50)
        async with ChatClient.open(service.url, "Cem") as cem, chromium() as browser:
            await cem.join("lobby")
            async with person(browser, service.url) as ada:
                await ada.enter("Ada")
                await expect(ada.message("n49")).to_be_in_viewport()
                await ada.page.evaluate("""() => {
                    window.made = [];
                    const list = document.getElementById("messages");
                    new MutationObserver((changes) => changes.forEach(({ addedNodes }) => addedNodes.forEach((node) =>
                        node.parentNode === list && made.push(node.querySelector(".text")?.textContent))))
                        .observe(list, { childList: true });
                }""")
                await cem.send("lobby", "comes")
                await expect(ada.message("comes")).to_be_in_viewport()
                await cem.request("react", room="lobby", id="r", target=45, emoji="👍", on=True)
                await expect(ada.page.locator(".chip")).to_have_count(1)
                assert await ada.page.evaluate("made") == ["comes", "n44"]


async def test_what_is_copied_is_what_was_said() -> None:
    """Of several messages: their authors, once each, and the texts; no button, nor what is for screen readers alone."""
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url, permissions=["clipboard-read", "clipboard-write"]) as ada,
            ChatClient.open(service.url, "Bob") as bob,
        ):
            await bob.join("lobby")
            await ada.enter("Ada")
            for text in ("**one**", "two", "```py\nx = 1\n```"):
                await bob.send("lobby", text)
            await ada.say("mine")
            await expect(ada.page.locator(".message.own")).to_have_count(1)
            await expect(ada.page.locator(".code")).to_have_count(1)
            await ada.page.locator(".message").nth(1).hover()
            await expect(ada.page.get_by_role("toolbar")).to_be_visible()
            await ada.page.evaluate("""() => {
                document.activeElement.blur();
                const messages = document.querySelectorAll(".message");
                getSelection().setBaseAndExtent(messages[0], 0, messages[3], messages[3].childNodes.length);
                document.execCommand("copy");
            }""")
            lines = (await ada.page.evaluate("navigator.clipboard.readText()")).split("\n")
            said = [line for line in lines if line and not line[0].isdigit()]  # without the times beside names
            assert said == ["Bob", "one", "two", "x = 1", "You", "mine"]
            assert len(lines) == len(said) + 2
