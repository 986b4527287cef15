"""The chat page's Markdown in a real Chromium: what is markup and what is not, and what hostile texts can do."""

import json
import time
from typing import Any

import pytest

from ..browser import Person, chromium, expect, person
from ..harness import NO_LIMITS, ChatClient, ServiceProcess

# Source and what is shown, as HTML without the links' attributes. What is not markup is shown as it was typed.
CASES: dict[str, list[tuple[str, str | None]]] = {
    "emphasis": [
        ("**bold** *italic* _italic_ ~~gone~~", "<strong>bold</strong> <em>italic</em> <em>italic</em> <s>gone</s>"),
        ("***both***", "<em><strong>both</strong></em>"),
        ("**bold _and italic_**", "<strong>bold <em>and italic</em></strong>"),
        ("(**bold**), *so*!", "(<strong>bold</strong>), <em>so</em>!"),
        ("**two\nlines**", "<strong>two\nlines</strong>"),
        ("**not\n\nover paragraphs**", None),
        ("5 * 3 * 2, 2*3*4, a*b and c*d", None),
        ("snake_case_name, __init__.py, __name__", None),
        ("*args, **kwargs", None),
        ("*.js and *.ts", None),
        ("~10 to ~20, ~tilde~", None),
        ("** not **, * not *", None),
        ("**open", None),
        ("a** b**", None),
        (r"\*not\* \_not\_ \~~not\~~", "*not* _not_ ~~not~~"),
        ("¯\\_(ツ)_/¯ and _so_", "¯\\_(ツ)_/¯ and <em>so</em>"),
        (r"C:\dir\name \\server\share \n", None),
        ("请**强调**这个", "请<strong>强调</strong>这个"),
        ("**强调。**下一句", "<strong>强调。</strong>下一句"),
        ("これは**「強調」**です", "これは<strong>「強調」</strong>です"),
        ("**한국어**입니다", "<strong>한국어</strong>입니다"),
        ("**👍 yes**", "<strong>👍 yes</strong>"),
        ("**שלום** עולם", "<strong>שלום</strong> עולם"),
    ],
    "code": [
        ("`a*b*c`", "<code>a*b*c</code>"),
        ("`` a`b ``", "<code>a`b</code>"),
        ("`open", None),
        ("`<b>&amp;</b>`", "<code>&lt;b&gt;&amp;amp;&lt;/b&gt;</code>"),
        ("```\na\n\n  b\n```", "{|a\n\n  b}"),
        ("```js\nlet a = 1;\n```\nso", "{js|let a = 1;}so"),
        ("so:\n```py\npass\n```", "so:{py|pass}"),
        ("so: ```py\npass\n``` done", "so: {py|pass} done"),
        ("```two words\nline```", "{|two words\nline}"),
        ("```js\nline```", "{js|line}"),
        ("```one line```", "<code>one line</code>"),
        ("```js\nnever ends", None),
        ("~~~\n```\n~~~", "{|```}"),
        ("> ```\n> in a quote\n> ```", "<blockquote>{|in a quote}</blockquote>"),
        ("- ```\n  in a list\n  ```", "<ul><li>{|in a list}</li></ul>"),
        ("```\n**a** https://example.com\n```", "{|**a** https://example.com}"),
    ],
    "quotes": [
        ("> one\n> two\nthree", "<blockquote>one\ntwo</blockquote>three"),
        ("> one\n\ntwo", "<blockquote>one</blockquote>two"),
        ("before\n> **one**", "before<blockquote><strong>one</strong></blockquote>"),
        ("> one\n> > two", "<blockquote>one<blockquote>two</blockquote></blockquote>"),
        (">> one", "<blockquote><blockquote>one</blockquote></blockquote>"),
        (">:( >_< >.<", None),
        (">no blank", None),
        (">5 people", None),
        (">", None),
    ],
    "lists": [
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("* one\n* *two*", "<ul><li>one</li><li><em>two</em></li></ul>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        ("3. three\n4. four", '<ol start="3"><li>three</li><li>four</li></ol>'),
        ("- one\n  - in it\n- two\nafter", "<ul><li>one<ul><li>in it</li></ul></li><li>two</li></ul>after"),
        ("buy:\n- milk\n- eggs", "buy:<ul><li>milk</li><li>eggs</li></ul>"),
        ("- one\n\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("born in\n1999. so", None),
        ("2024. was good", None),
        ("8) cool", None),
        ("+ 1", None),
        ("-1, -- and -", None),
        ("-", None),
        ("1.", None),
        ("1.5 times", None),
    ],
    "links": [
        ("[so](https://example.com/a_b_c)", "<a>so</a>"),
        ("[**so** it](https://example.com)", "<a><strong>so</strong> it</a>"),
        ("https://example.com/_a_/*b*", "<a>https://example.com/_a_/*b*</a>"),
        ("**https://example.com/a**", "<strong><a>https://example.com/a</a></strong>"),
        ("_see https://example.com/a_b now_", "<em>see <a>https://example.com/a_b</a> now</em>"),
        ("[https://example.com/x_y_z](https://example.com/x)", "<a>https://example.com/x_y_z</a>"),
        ("[www.example.com](https://example.com/x)", "<a>www.example.com</a>"),
        ("[https://bank.example](https://evil.example)", "[<a>https://bank.example</a>](<a>https://evil.example</a>)"),
        ("[bank.example/login](https://evil.example)", "[bank.example/login](<a>https://evil.example</a>)"),
        ("[](https://example.com)", "[](<a>https://example.com</a>)"),
        ("[\u200b](https://example.com)", "[\u200b](<a>https://example.com</a>)"),
        ("![picture](https://example.com/a.png)", "!<a>picture</a>"),
        ("[so]()", None),
        ("[so](/r/lobby)", None),
        ("[so](javascript:alert(1))", None),
        ("[so](JaVaScRiPt:alert(1))", None),
        ("[so](java\tscript:alert(1))", None),
        ("[so](data:text/html,<script>alert(1)</script>)", None),
        ("[so](vbscript:x) [so](file:///etc/passwd) [so](//example.com)", None),
        ("[so](&#106;avascript:alert(1))", None),
        ("[so][1]\n\n[1]: https://example.com", "[so][1]\n\n[1]: <a>https://example.com</a>"),
        ("<https://example.com>", "&lt;<a>https://example.com</a>&gt;"),
    ],
    "as it was typed": [
        ("<b>no</b> <script>alert(1)</script> <img src=x onerror=alert(1)>", None),
        ("<!-- no --> &amp; &lt; &copy; &#65;", None),
        ("# no heading\n\n## nor this\n\n---\n\n***\n\nnor\n===", None),
        ("| a | b |\n|---|---|\n| 1 | 2 |", None),
        ("    four blanks_\n  two\n\n\n\nthree empty lines_ \\", None),
        ("ends with blanks  \nhere*", None),
        ("a\u200db_ \ufeff", None),
    ],
}
SHOWN = [case for cases in CASES.values() for case in cases]

_RENDER = """async (texts) => {
    const { parserThere, textNodes } = await import("/static/page/text.js");
    await (await import("/static/page/words.js")).learn();
    await parserThere();
    return texts.map((text) => {
        const node = document.createElement("div");
        node.append(...textNodes(text));
        for (const link of node.querySelectorAll("a")) {
            for (const name of link.getAttributeNames()) link.removeAttribute(name);
        }
        for (const code of node.querySelectorAll(".code")) {
            const shown = `{${code.querySelector("span").textContent}|${code.querySelector("pre").textContent}}`;
            code.replaceWith(shown);
        }
        return [node.innerHTML.replaceAll(' start="1"', "").replaceAll(' dir="auto"', ""), node.textContent];
    });
}"""


async def _render(ada: Person, texts: list[str]) -> Any:
    """The HTML and the words of each text."""
    return await ada.page.evaluate(_RENDER, texts)


async def test_markup_is_what_people_mean_by_it() -> None:
    """Each of the cases above."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/clock.html")
            shown = await _render(ada, [text for text, _ in SHOWN])
            wrong = [
                (text, html if wanted else words)
                for (text, wanted), (html, words) in zip(SHOWN, shown, strict=True)
                if (html != wanted if wanted else words != text or "<" in html)
            ]
            assert not wrong


# Texts made to take long, or to be drawn in a way that breaks the page; each of any length.
HOSTILE = [
    "*",
    "**",
    "_a ",
    "*a **",
    "~~",
    "`",
    "``a`",
    "[",
    "[]",
    "[a](",
    "![",
    "](",
    "> ",
    ">",
    "- ",
    "1. ",
    "- a\n",
    ">- ",
]
HOSTILE += [
    "a**b",
    "*a_",
    "\\",
    "\n",
    "```\n",
    "```a\n\n",
    "~~~\n> ",
    "<b>",
    "<",
    "&",
    "[a](https://a.b) ",
    "https://a.b/*_",
    "> a\n",
]


async def test_hostile_texts_are_shown_whole_and_soon() -> None:
    """However deep they nest: no character is lost, and ten times as long takes at most some thirty times as long."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/clock.html")
            for part in HOSTILE:
                short, long = ((part * length)[:length].strip() + "x" for length in (4000, 40_000))
                ratios: list[float] = []
                while not ratios or ratios[-1] >= 30:  # a pause of the machine hits one of them, at times
                    spent = []
                    for text in (short, long):
                        await _render(ada, [part])
                        began = time.perf_counter()
                        ((html, words),) = await _render(ada, [text])
                        spent.append(max(time.perf_counter() - began, 0.02))
                        assert words.count("x") == html.count("x") == 1
                        deep = await ada.page.evaluate(_DEPTH, html)
                        assert deep < 60, f"{part}: {deep} elements in each other"
                    ratios.append(spent[1] / spent[0])
                    assert len(ratios) < 5, f"{part}: each time so many times as long: {ratios}"


_DEPTH = """(html) => {
    let [deep, most] = [0, 0];
    for (const [, close] of html.matchAll(/<(\\/?)[a-z]/g)) {
        deep += close ? -1 : 1;
        most = Math.max(most, deep);
    }
    return most;
}"""


async def test_a_message_with_markup() -> None:
    """The others see it formatted; over the wire go the words that were typed, and an edit begins with them."""
    typed = "**bold** and `code`\n```py\nprint(1)\n```"
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url) as ada,
            person(browser, service.url) as bob,
            ChatClient.open(service.url, "Cem") as cem,
        ):
            await cem.join("lobby")
            await ada.enter("Ada")
            await bob.enter("Bob")
            await ada.say(typed)
            assert (await cem.recv("message"))["text"] == typed
            sent = [json.loads(frame) for frame in ada.wire.sent]
            assert [frame["text"] for frame in sent if frame["type"] == "send"] == [typed]
            message = bob.page.locator(".message .text")
            await expect(message.locator("strong")).to_have_text("bold")
            await expect(message.locator("code:not(pre *)")).to_have_text("code")
            await expect(message.locator("pre")).to_have_text("print(1)")
            await expect(message.locator(".code-head span")).to_have_text("py")
            await expect(ada.page.locator(".message:not(.pending)")).to_have_count(1)
            await ada.box.press("ArrowUp")
            await expect(ada.box).to_have_value(typed)


async def test_code_is_copied() -> None:
    """By its button, as it was typed."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.context.grant_permissions(["clipboard-read", "clipboard-write"])
            await ada.enter("Ada")
            await ada.say("```\nif a:\n    b()\n```")
            await ada.page.get_by_role("button", name="Copy", exact=True).click()
            await expect(ada.page.get_by_role("button", name="Copied")).to_be_visible()
            assert await ada.page.evaluate("navigator.clipboard.readText()") == "if a:\n    b()"


async def test_texts_are_shown_without_the_parser() -> None:
    """Where it can't be loaded they stand as they were typed, and nothing waits for it for long."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            ada.foresee("net::ERR_FAILED")
            await ada.context.route("**/page/formatted.js", lambda route: route.abort())
            await ada.enter("Ada")
            await ada.say("**bold**")
            await ada.reads("**bold**")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_markup_stands_out_from_what_lies_behind_it(scheme: Any) -> None:
    """Code, links and quotes in one's own messages and in those of others."""
    text = "> quote with `code` and https://example.com\n```js\nlet a;\n```\n- [item](https://example.org)"
    with ServiceProcess(NO_LIMITS) as service:
        async with (
            chromium() as browser,
            person(browser, service.url, color_scheme=scheme) as ada,
            person(browser, service.url) as bob,
        ):
            await ada.enter("Ada")
            await bob.enter("Bob")
            await bob.say(text)
            await ada.say(text)
            await expect(ada.page.locator(".message:not(.pending) pre")).to_have_count(2)
            assert await ada.low_contrast() == []
