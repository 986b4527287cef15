"""static/page/links.js in a real Chromium: where an address begins and ends, in texts of many scripts.

A case is a text in which what must become a link stands between ⟦ and ⟧. The kinds are those which linkers' trackers
and suites are full of; the expectations are ours.
"""

import re
import time
from pathlib import Path

from .browser import Person, chromium, person
from .harness import NO_LIMITS, ServiceProcess

CASES = r"""
plain
⟦http://example.com⟧
My ⟦https://example.com/⟧ site
⟦HTTP://EXAMPLE.COM/A⟧
⟦https://example.com⟧ ⟦https://example.org⟧
⟦http://localhost:8000⟧
⟦http://localhost:8000/a⟧, ⟦http://192.168.1.1/b⟧
⟦http://[::1]:8000/x⟧
⟦http://user@example.com:8080⟧
⟦http://user:pass@example.com/⟧
⟦https://a-b.example_c.com/foo--bar-⟧
⟦https://example.com:443⟧: the port
⟦https://example.com⟧:
⟦https://example.com⟧:80808080
text:⟦http://example.com/⟧
>>⟦http://example.com⟧
a@⟦http://example.com⟧

none
nothttp://example.com
git+https://example.com
http://
http:// example.com
http://[
http://[zz]
http://.
https://...
https://-/
ftp://example.com javascript:alert(1) //example.com
http:/example.com

queries and fragments
⟦https://example.com?a=b&c=d⟧
⟦https://example.com/?q=a+b%20c&x[]=1&y={z}⟧
⟦https://example.com/#a/b?c⟧
⟦https://example.com#⟧
⟦https://example.com/a?b=1(c)⟧.
⟦https://www.google.com/maps/place/New+York,+NY/@40.70,-73.99,11z/data=!4m2!3m1!1s0x89:0xc8⟧
⟦https://en.wikipedia.org/w/api.php?titles=A|B⟧|
⟦https://example.com/base64-bCBwbGVhcw==⟧
⟦https://example.com/~ada/*.txt⟧
⟦https://example.com/a$b;c,d:e@f!g⟧
⟦http://172.26.142.48/viewerjs/#../0529/slides.pdf⟧

marks at the end
⟦https://example.com/a⟧.
⟦https://example.com/a⟧...
⟦https://example.com/a⟧…
What is ⟦https://example.com⟧?
⟦https://example.com/a⟧?!
⟦https://example.com/a⟧, ⟦https://example.com/b⟧; ⟦https://example.com/c⟧: done
⟦https://example.com/a/⟧.
⟦https://example.com/a-⟧.
⟦https://example.com/a.b⟧.
⟦https://example.com/a⟧–
⟦https://example.com/a⟧—it is good
⟦https://example.com/a⟧´

underscores and emphasis
⟦https://youtu.be/XUaMuKf7x_⟧
⟦https://youtu.be/XUaMuKf7x_⟧.
⟦https://example.com/__init__⟧
⟦https://example.com/path*⟧ ⟦https://example.com/path~⟧
_⟦https://example.com/a⟧_
__⟦https://example.com/a⟧__
*⟦https://example.com/a⟧*
**see ⟦https://example.com/a⟧**
~~⟦https://example.com/a⟧~~
_see ⟦https://youtu.be/XUaMuKf7x_⟧

apostrophes and quotes
⟦https://en.wikipedia.org/wiki/Devil's_advocate⟧
⟦https://en.wikipedia.org/wiki/Devil's_advocate⟧'
'⟦https://en.wikipedia.org/wiki/Devil's_advocate⟧'
'⟦https://example.com/a⟧'
'Quoted like ⟦https://example.com/a⟧'
fetch('⟦https://example.com/a⟧').then(x)
['⟦https://example.com/a⟧','⟦https://example.com/b⟧']
⟦https://example.com/bestway-10'-x-30inch/p⟧
⟦https://example.com/blah_'quoted'⟧
⟦https://example.com⟧'s page
⟦https://example.com/a'b⟧’
⟦https://fr.wikipedia.org/wiki/L’Équipe⟧
⟦https://uk.wikipedia.org/wiki/Об’єкт⟧
"⟦https://example.com/a⟧"
"⟦https://example.com/a⟧"b
“⟦https://example.com/a⟧”
‘⟦https://example.com/a⟧’
„⟦https://example.com/a⟧“
«⟦https://example.com/a⟧»
‹⟦https://example.com/a⟧›
‚⟦https://example.com/a⟧‘
`⟦https://example.com/a⟧`
<⟦https://example.com/a⟧>more
<a href='⟦https://e.org⟧' onclick='alert(4)'>
⟦https://example.com/⟧"style="color:red"

brackets
(⟦https://example.com/a⟧)
(see ⟦https://example.com/a⟧.)
(⟦https://example.com/a_(b)⟧)
⟦https://en.wikipedia.org/wiki/Rust_(programming_language)⟧
⟦https://example.com/a_(b)-(c_(d))⟧
⟦https://example.com/[a]_{b}⟧
[⟦https://example.com/a⟧]
{⟦https://example.com/a⟧}
[text](⟦https://example.com/a⟧), and
[a](⟦https://www.ibm.com⟧)[b](⟦https://example.com/⟧)
![image](⟦https://example.com/image_(1).png⟧)
⟦https://example.com/a⟧(see below)?! no: ⟦https://example.com/b⟧(
⟦https://example.com/((hi[)])⟧, bb
|⟦https://example.com/a⟧| ⟦https://example.com/b⟧ |
⟦https://example.com/render?t=sum(d(app.num),%221min%22)&title=New⟧

Chinese, Japanese and Korean
请看⟦https://example.com/a⟧，谢谢
请看⟦https://example.com/a⟧。谢谢
请看⟦https://example.com⟧，谢谢
请看⟦https://example.com⟧谢谢
（⟦https://example.com/a⟧）
「⟦https://example.com/a⟧」『⟦https://example.com/b⟧』【⟦https://example.com/c⟧】《⟦https://example.com/d⟧》
⟦https://example.com/a⟧、⟦https://example.com/b⟧；⟦https://example.com/c⟧：⟦https://example.com/d⟧！⟦https://example.com/e⟧？
⟦https://example.com/a⟧……好
⟦https://example.com/a⟧——好
⟦https://example.com/a⟧～
⟦https://example.com/a⟧　全角
｜⟦https://example.com⟧｜bar
⟦https://zh.wikipedia.org/wiki/中国⟧
⟦https://ja.wikipedia.org/wiki/ジョン・スミス⟧。
⟦https://ja.wikipedia.org/wiki/佐々木⟧
⟦https://例え.テスト/あ⟧
⟦http://中国.中国/foo中国⟧
⟦https://example.com⟧입니다
⟦https://ko.wikipedia.org/wiki/한국⟧.

other scripts
⟦https://example.com/a⟧، شكرا
⟦https://example.com/a⟧؟
⟦https://example.com/a⟧؛ ⟦https://example.com/b⟧۔
⟦https://ar.wikipedia.org/wiki/القاهرة⟧
⟦https://fa.wikipedia.org/wiki/می‌خواهم⟧
⟦https://example.com/a⟧।
⟦https://hi.wikipedia.org/wiki/हिन्दी⟧।
⟦http://example.com/someone-നിന്നെ-പോലൊരാള്‍.html⟧
⟦https://example.com/a⟧։
⟦https://example.com/a⟧።
⟦https://example.com/a⟧។
⟦https://example.com/a⟧།
⟦https://he.wikipedia.org/wiki/ישראל⟧.
⟦https://ca.wikipedia.org/wiki/Col·lecció⟧
⟦https://en.wikipedia.org/wiki/Michelson–Morley_experiment⟧
⟦https://bücher.example/ü⟧
⟦http://www.bürgerentscheid-krankenhäuser.de⟧
⟦https://президент.рф⟧
⟦http://➡.ws/䨹⟧
⟦https://xn--bcher-kva.example/⟧
⟦https://example.vermögensberater/a⟧

emoji
⟦https://example.com/a⟧😂😂
⟦https://example.com/a⟧👍🏽
⟦https://example.com⟧🎉
⟦https://emojipedia.org/😂⟧
⟦https://i❤️.ws/⟧
⟦http://🍄.ga/⟧
"""

# What nobody sees ends an address, and a joiner where it joins nothing.
INVISIBLE = [
    *(
        f"⟦https://example.com/a⟧{mark}b"
        for mark in "\u200b\u202e\u2060\ufeff\u00ad\u00a0\u3164\u2800\0\u2028\U000e0041"
    ),
    "⟦https://example.com/a⟧\u200c",
    "⟦https://example.com/⟧\u200db",
]


# linkify-it's own cases (github.com/markdown-it/linkify-it, 5.0.0, MIT), and where we differ, on purpose: quotation
# marks end an address, for so does text around one; "_" before or behind one is emphasis; a host may begin with "-".
CORPUS = Path(__file__).parent / "files" / "linkify-it"
DIFFERENT = {
    'http://foo.com/blah_blah_"doublequoted"': "http://foo.com/blah_blah_",
    "_http://example.com": "http://example.com",
    "http://example.com_": "http://example.com",
    "http://-example.com": "http://-example.com",
}


def _corpus() -> list[tuple[str, str]]:
    """Texts of linkify-it's cases and the first address in each: "" for none, which is so also for other schemes."""
    cases = []
    lines = [re.sub(r"^%.*", "", line) for line in (CORPUS / "links.txt").read_text().splitlines()]
    for block in "\n".join(lines).split("\n\n"):
        match [line for line in block.split("\n") if line.strip()]:
            case [text, url]:
                cases.append((text, url))
            case [text]:
                cases.append((text, text))
    cases = [(text, url) for text, url in cases if re.match("https?://", url, re.IGNORECASE)]
    lines = [re.sub(r"^%.*", "", line) for line in (CORPUS / "not_links.txt").read_text().splitlines()]
    return cases + [(line, "") for line in lines if line.strip()]


async def _links(ada: Person, texts: list[str]) -> list[str]:
    """Each text with its links between ⟦ and ⟧."""
    found: list[str] = await ada.page.evaluate(
        """async (texts) => {
            const { addresses } = await import("/static/page/links.js");
            return texts.map((text) => {
                let [shown, at] = ["", 0];
                for (const { start, end } of addresses(text)) {
                    shown += `${text.slice(at, start)}⟦${text.slice(start, end)}⟧`;
                    at = end;
                }
                return shown + text.slice(at);
            });
        }""",
        texts,
    )
    return found


async def test_addresses_end_where_people_mean() -> None:
    """In each of the cases above, alone and within a sentence."""
    lines = [line for block in CASES.strip().split("\n\n") for line in block.split("\n")[1:]] + INVISIBLE
    assert len(lines) > 150
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/clock.html")
            for around in ("{}", "Und: {} danach", "一\n{}\n二"):
                wanted = [around.format(line) if "{" not in line else around.replace("{}", line) for line in lines]
                found = await _links(ada, [text.replace("⟦", "").replace("⟧", "") for text in wanted])
                assert found == wanted


async def test_a_known_linkers_cases() -> None:
    """The first address of each of linkify-it's texts, but for the few where we differ."""
    cases = _corpus()
    assert len(cases) > 100
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/clock.html")
            marked = await _links(ada, [text for text, _ in cases])
            found = ["".join(re.findall("⟦(.*?)⟧", text)[:1]) for text in marked]
            wanted = [DIFFERENT.get(text, url) for text, url in cases]
            assert list(zip(cases, found, strict=True)) == list(zip(cases, wanted, strict=True))


async def test_hostile_texts_take_no_longer_than_long_ones() -> None:
    """Texts made to be scanned again and again: ten times as long takes at most some thirty times as long."""
    parts = [
        "http://",
        "http://a/(",
        "http://a'",
        "https://a.b/[{(",
        "http://a..",
        "http://a/'",
        "http://a/*" * 2,
        "http://é",
    ]
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.goto(f"{service.url}/clock.html")
            for part in parts:
                spent = []
                for length in (10_000, 100_000):
                    text = (part * length)[:length]
                    took = []
                    for _ in range(3):  # of which the fastest says most of the text, and least of the machine
                        began = time.perf_counter()
                        await _links(ada, [text])
                        took.append(time.perf_counter() - began)
                    spent.append(min(took))
                assert spent[1] < 30 * max(spent[0], 0.02), f"{part}: {spent}"
