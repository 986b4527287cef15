"""static/page/pace.js: nothing follows each event that nobody could see, and nothing is left undone."""

import itertools
import json
import statistics
from typing import Any

from .test_javascript import node_source


def run(body: str) -> Any:
    """What the body of an async function gives, in a world with frames and a page that may be hidden."""
    source = f"""
        globalThis.document = {{ hidden: false }};
        globalThis.requestAnimationFrame = (work) => setTimeout(work);
        globalThis.cancelAnimationFrame = clearTimeout;
        const {{ Drawing, paced }} = await import("./static/page/pace.js");
        const times = [];
        const note = () => times.push(performance.now());
        const until = async (number) => {{
            while (times.length < number) await new Promise((resolve) => setTimeout(resolve, 1));
        }};
        const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
        console.log(JSON.stringify(await (async () => {{ {body} }})()));
    """
    return json.loads(node_source(source))


def test_what_is_paced_is_done_at_once_and_then_once_for_all_calls() -> None:
    at_once, gap, last = run("""
        const work = paced(50, note);
        work();
        const atOnce = times.length;
        for (let number = 0; number < 20; number += 1) work();
        await until(2);
        await later(120);
        return [atOnce, times[1] - times[0], times.length];
    """)
    assert (at_once, last) == (1, 2)
    assert gap >= 48  # a timer may be early by a millisecond


def test_a_few_drawings_follow_each_other_frame_by_frame() -> None:
    """However often they are asked for; what goes on without end is drawn at a distance."""
    times = run("""
        const drawing = new Drawing(note);
        while (times.length < 16) {
            drawing.soon();
            drawing.soon();
            await later(1);
        }
        return times;
    """)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    # A timer may be early by a millisecond, which the next one makes up for.
    apart = statistics.mean(gaps[-4:])
    assert min(gaps) >= 14 and apart >= 98
    assert statistics.median(gaps[:7]) < apart / 2


def test_what_comes_without_end_is_drawn_less_often() -> None:
    """And after a pause at once again."""
    slowest, waited = run("""
        const drawing = new Drawing(note);
        while (times.length < 16) {
            drawing.soon();
            await later(1);
        }
        const slowest = (times[15] - times[11]) / 4;
        await later(150);
        drawing.soon();
        const asked = performance.now();
        await until(17);
        drawing.soon();
        await until(18);
        return [slowest, times[17] - asked];
    """)
    assert slowest >= 98
    assert waited < slowest


def test_a_page_that_is_hidden_while_a_frame_is_awaited_is_drawn_nevertheless() -> None:
    """It gets no frames; and of what was planned before nothing is done a second time."""
    assert (
        run("""
        globalThis.requestAnimationFrame = () => 1;
        globalThis.cancelAnimationFrame = () => {};
        const drawing = new Drawing(note);
        drawing.soon();
        document.hidden = true;
        drawing.restart();
        await until(1);
        await later(50);
        return times.length;
        """)
        == 1
    )
