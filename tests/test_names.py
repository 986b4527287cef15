"""service/names.py: rooms, texts, reactions, people's names."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import protocol
from service.names import (
    CODE_POINTS_LIMIT,
    NAME_LIMIT,
    TOPIC_LIMIT,
    check_emoji,
    check_name,
    check_room,
    check_text,
    check_topic,
    fit_name,
    name_key,
    with_ending,
)
from service.protocol import ErrorCode, RequestError, encode, error_frame

FAMILY = "👨‍👩‍👧"  # holds U+200D


@pytest.mark.parametrize("room", ["a", "0", "lobby", "a-b_c", "a" * 64, "9-"])
def test_rooms(room: str) -> None:
    """A room's name is of the contract's characters."""
    assert check_room(room) == room


@pytest.mark.parametrize(
    "room", ["", "A", "-a", "_a", "a" * 65, "a b", "a/b", "a\n", "ä", "a%s", "a\0", "٣", "ａ", "../etc", "a{b}", "*"]
)
def test_bad_rooms(room: str) -> None:
    """Any other name is refused."""
    with pytest.raises(RequestError) as caught:
        check_room(room)
    assert caught.value.code == ErrorCode.BAD_ROOM


def test_texts() -> None:
    """A text is trimmed, and then 1 to the limit characters."""
    assert check_text("  hello\n", 5) == "hello"
    assert check_text("a\nb\tc", 10) == "a\nb\tc"
    assert check_text("👍" * 4000, 4000) == "👍" * 4000
    for text, code in (
        ("", ErrorCode.BAD_REQUEST),
        (" \n\t\u3000", ErrorCode.BAD_REQUEST),
        ("x" * 6, ErrorCode.TOO_LARGE),
        ("a\0b", ErrorCode.BAD_REQUEST),
    ):
        with pytest.raises(RequestError) as caught:
            check_text(text, 5)
        assert caught.value.code == code, ascii(text)


@pytest.mark.parametrize(
    ("wish", "topic"),
    [
        ("", ""),
        (" \n\u3000", ""),
        ("  Tea, and what goes with it \n", "Tea, and what goes with it"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("Thé\u00a0: le\u202fmatin\u3000😀", "Thé : le matin 😀"),
        (f"{FAMILY} علی\u200cرضا", f"{FAMILY} علی\u200cرضا"),
        ("<b>#tea</b> https://example.com/?a=1&b=2", "<b>#tea</b> https://example.com/?a=1&b=2"),
        ("x" * TOPIC_LIMIT, "x" * TOPIC_LIMIT),
        ("e\u0301" * TOPIC_LIMIT, "é" * TOPIC_LIMIT),
        ("🫖" * TOPIC_LIMIT, "🫖" * TOPIC_LIMIT),
    ],
    ids=ascii,
)
def test_topics(wish: str, topic: str) -> None:
    """One line, trimmed, in NFC; empty for none."""
    assert check_topic(wish) == topic == check_topic(topic)


@pytest.mark.parametrize(
    "topic",
    [
        *("a\nb", "a\tb", "a\u2028b", "a\0b", "a\x85b", "a\u200bb", "a\u202eb", "a\u2066b", "a\u200eb", "a\ufeffb"),
        *("\u3164", "a\u2800b", "a\u00adb", "a\u200db", "\ue000", "\ud800", "\U000e0041", "\u0301", "\ufe0f", "\u0378"),
    ],
    ids=ascii,
)
def test_bad_topics(topic: str) -> None:
    """More than a line, and what can't be seen or turns it round, is refused, with a reason that can be sent."""
    with pytest.raises(RequestError) as caught:
        check_topic(topic)
    assert caught.value.code == ErrorCode.BAD_REQUEST
    assert caught.value.message.startswith("topic ")
    encode(error_frame(caught.value))


def test_long_topics() -> None:
    """One character too many, and a whole frame of them, of the kind that takes the longest."""
    for topic in ("x" * (TOPIC_LIMIT + 1), "x\u0323" * 30_000, FAMILY * 2000):
        with pytest.raises(RequestError) as caught:
            check_topic(topic)
        assert (caught.value.code, caught.value.message) == (ErrorCode.TOO_LARGE, "topic is over 250 characters")


@pytest.mark.parametrize(
    "blank",
    [
        "\u2800",  # Braille without dots
        "\u2800 \u2800",
        "\u3164",  # Hangul fillers
        "\u115f",
        "\u1160",
        "\uffa0",
        "\u200b",  # zero-width space, joiners, word joiner
        "\u200b\u200c\u200d\u2060\ufeff",
        "\ufe0f",  # variation selectors
        "\ufe0e\ufe0f",
        "\U000e0100",
        "\u180b",
        "\u034f",
        "\u00ad",
        "\u061c",
        "\u202e\u2066",
        "\u17b4",
        "\U000e0041\U000e007f",  # tags
        "\u00a0\u3000\u2028\u2029",
        "\x1f\x7f\x85",
        "\U0001d159",  # a note without a head
        "\U00013441",
        "\U00016fe4",
        "\ufff9\ufffb",
    ],
    ids=ascii,
)
def test_blank_texts(blank: str) -> None:
    """What shows nothing is no text, alone or beside other blanks; beside a letter it may stand."""
    for text in (blank, f" {blank}\n{blank}", blank * 5000):
        with pytest.raises(RequestError) as caught:
            check_text(text, 4000)
        assert (caught.value.code, caught.value.message) == (ErrorCode.BAD_REQUEST, "text is empty")
    assert check_text(f"a{blank}b", 4000) == f"a{blank}b"


@pytest.mark.parametrize(
    "text", ["⠁", "ㅤa", "❤\ufe0f", "\u0301", "\u0e34", ".", "\u0600", "\ue000", "🩷", FAMILY, "\u200d👍"], ids=ascii
)
def test_texts_with_something_to_see(text: str) -> None:
    """Signs beside blanks, marks and number signs that are drawn, and what a font of tomorrow may draw."""
    assert check_text(text, 10) == text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("👍", "👍"),
        ("👍🏽", "👍🏽"),
        ("❤", "❤\ufe0f"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("❤\ufe0e", "❤\ufe0f"),
        ("👍\ufe0f", "👍"),
        (FAMILY, FAMILY),
        ("👩🏽\u200d🤝\u200d👨🏿", "👩🏽\u200d🤝\u200d👨🏿"),
        ("🇸🇪", "🇸🇪"),
        ("1\ufe0f\u20e3", "1\ufe0f\u20e3"),
        ("#\u20e3", "#\ufe0f\u20e3"),
        ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"),
        ("🏳\u200d🌈", "🏳\ufe0f\u200d🌈"),
        ("🏳\ufe0f\u200d🌈", "🏳\ufe0f\u200d🌈"),
        ("🕵\u200d♂", "🕵\ufe0f\u200d♂\ufe0f"),
        ("↔", "↔\ufe0f"),
        ("‼", "‼\ufe0f"),
        ("©", "©\ufe0f"),
        ("🫠", "🫠"),  # Unicode 14, as Python 3.11 knows it
        ("🩷", "🩷"),  # 15
        ("🐦\u200d🔥", "🐦\u200d🔥"),  # 15.1
        ("🫩", "🫩"),  # 16
        ("🫪", "🫪"),  # 17
    ],
    ids=ascii,
)
def test_emoji(given: str, kept: str) -> None:
    """An emoji of Unicode's list, of any of its versions, in the form in which the list has it in full."""
    assert len(kept) <= protocol.EMOJI_LIMIT
    assert check_emoji(given) == kept == check_emoji(kept)


@pytest.mark.parametrize(
    "emoji",
    [
        "",
        "a",
        "lol",
        "é",
        "字",
        " ",
        "👍 👍",
        "<b>",
        "a\u20e3",
        "12",
        "!!",
        "\u202e👍",
        "👍\u202e",
        "\u2066👍",
        "\u200b👍",
        "<",
        "+",
        "|",
        "$",
        "^",
        "★",
        "∞",
        "👍👎",
        "👍\u200d",
        "👨\u200d🦊",  # no such family
        "🇸",
        "🇽🇽",  # no such country
        "🏽",  # a skin tone of nobody
        "1",
        "1\ufe0f",
        "\u20e3",
        "\u2800",
        "🏴\U000e0067\U000e007f",
        *("\u200d", "\ufe0f", "\U000e0067", "👍\0", "👍\n", "\ufeff👍", "\u0301"),
    ],
    ids=ascii,
)
def test_no_emoji(emoji: str) -> None:
    """Words, what isn't seen and what turns the text around it are no reactions."""
    with pytest.raises(RequestError) as caught:
        check_emoji(emoji)
    assert caught.value.code == ErrorCode.BAD_REQUEST


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("Ada", "Ada"),
        ("  Ada  ", "Ada"),
        ("Ada Lovelace", "Ada Lovelace"),
        ("A\u030a", "\u00c5"),  # to NFC
        ("李小龍", "李小龍"),
        ("محمد", "محمد"),
        ("अमिताभ", "अमिताभ"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("<b>Ada</b>", "<b>Ada</b>"),
        ("x" * 32, "x" * 32),
        ("e\u0301" * 32, "\u00e9" * 32),
        ("x\u0323" * 32, "x\u0323" * 32),
        ("Ana 🩷", "Ana 🩷"),
        ("🩷", "🩷"),
        ("👍🏽", "👍🏽"),
        ("🇸🇪", "🇸🇪"),
        ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"),
        (FAMILY, FAMILY),
        (FAMILY * 16, FAMILY * 16),  # 16 are seen, though they are of 80 code points
        ("Ada \U0001f469\u200d\U0001f4bb", "Ada \U0001f469\u200d\U0001f4bb"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("می\u200cروم", "می\u200cروم"),
        ("خانه\u200cای", "خانه\u200cای"),
        ("ශ\u0dca\u200dරී", "ශ\u0dca\u200dරී"),
        ("क\u094d\u200dष", "क\u094d\u200dष"),
        ("क\u094d\u200cष", "क\u094d\u200cष"),
        ("ന\u0d4d\u200d", "ന\u0d4d\u200d"),  # a final consonant, in the older way
        ("র\u200d\u09cdয", "র\u200d\u09cdয"),
    ],
    ids=ascii,
)
def test_names(given_name: str, kept: str) -> None:
    """A name of any script is kept, in NFC and trimmed; what is counted is what is seen."""
    assert check_name(given_name) == kept


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "x" * 33,
        "a\u200bb",  # zero-width space
        "a\u200db",  # zero-width joiner
        "a\u200cb",
        "\u200cعلی",  # joiners at an end, in a row, of other scripts
        "علی\u200c",
        "علی\u200c\u200cرضا",
        "علی \u200cرضا",
        "a\u200cر",
        "李\u200d龍",
        "क\u200cष",
        "क\u094d\u200c",
        "🦊\u200d",
        "👨\u200d🦊",
        "🦊\U000e0067\U000e007f",
        FAMILY * 33,
        "a\u202eb",  # right-to-left override
        "a\u2066b",  # isolates
        "a\u061cb",  # Arabic letter mark
        "a\u00adb",  # soft hyphen
        "a\ufeffb",
        "a\nb",
        "a\tb",
        "a\0b",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "a\u00a0b",  # no-break space
        "a\u3000b",
        "\u3000",
        "\u2800",  # blank braille pattern
        "\u3164",  # Hangul filler
        "\u115f\u1160",
        "\uffa0",
        "\ue000",  # private use
        "\U000e0041",  # a tag
        "\ud800",  # a lone surrogate
        "\u0378",  # unassigned
        "\ufe0f",  # nothing but a variation selector
        "\u0301",  # nothing but a mark
        "\u17b4",
        "\U000e0100\U000e0101",
        "x" + "\u0323" * 200,
    ],
    ids=ascii,
)
def test_bad_names(name: str) -> None:
    """What can't be seen, looks like something else or is too long is refused, with a reason that can be sent."""
    with pytest.raises(RequestError) as caught:
        check_name(name)
    assert caught.value.code == ErrorCode.BAD_REQUEST
    assert caught.value.message.startswith("name ")
    encode(error_frame(caught.value))


ANY_NAME = st.text(
    st.one_of(st.characters(), st.sampled_from("\u200c\u200d\u094d\u0301\ufe0f \u00a0عیक👩💻🩷")), max_size=50
)


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ("Ada", "Ada"),
        ("  Ada\n", "Ada"),
        ("Ada  Byron", "Ada  Byron"),
        ("Ana María del Carmen Fernández Sanz", "Ana María del Carmen Fernández…"),
        ("x" * 32, "x" * 32),
        ("x" * 33, "x" * 31 + "…"),
        ("e\u0301" * 33, "\u00e9" * 31 + "…"),
        (FAMILY * 40, FAMILY * 25 + "…"),  # with one more it would be over 128 code points
        ("🇸🇪" * 33, "🇸🇪" * 31 + "…"),
        ("x" + "\u0323" * 200, "x" + "\u0323" * 126 + "…"),
        ("x" * 100_000, "x" * 31 + "…"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("علی\u200c\u200cرضا\u200c", "علی\u200cرضا"),
        ("A\u200dda", "Ada"),
        ("e\u200d\u0301", "\u00e9"),
        ("Ada\u00a0Byron", "Ada Byron"),
        ("\u2003Ada\tBy\u3000ron\u3164\u2800", "Ada By ron"),
        ("Ada\r\nByron", "Ada  Byron"),
        ("\u202eA\u2066d\x00\x1ba\ufeff\ud800", "Ada"),
        ("Ada 👨\u200d🦊", "Ada 👨🦊"),
        ("Ada 👩\u200d💻🩷", "Ada 👩\u200d💻🩷"),
        ("", ""),
        (" \u200b\u3164\u2800\x00", ""),
        ("\u0301", ""),
        ("\ufe0f", ""),
        (None, ""),
        (42, ""),
        (["Ada"], ""),
    ],
    ids=ascii,
)
def test_fitted_names(wish: object, name: str) -> None:
    """What others' directories have for a name is made into one: what may not stand is left out, the rest is cut."""
    assert fit_name(wish) == name


@given(ANY_NAME)
def test_any_name_can_be_fitted(wish: str) -> None:
    """What comes out is a name, or nothing; and what was a name is the same afterwards."""
    fitted = fit_name(wish)
    assert len(fitted) <= CODE_POINTS_LIMIT
    if fitted:
        assert check_name(fitted) == fitted == fit_name(fitted)
    try:
        kept = check_name(wish)
    except RequestError:
        return
    assert fit_name(wish) == kept
    assert len(kept) <= 4 * NAME_LIMIT


@given(ANY_NAME)
def test_checked_names_stay(name: str) -> None:
    """A name that passed passes again unchanged, in NFC, without control characters or blanks at its ends."""
    try:
        kept = check_name(name)
    except RequestError:
        return
    assert check_name(kept) == kept
    assert unicodedata.is_normalized("NFC", kept)
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in kept)
    assert kept == kept.strip()
    assert name_key(kept)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "ADA"),
        ("Ada L", "ada  l"),
        ("Straße", "STRASSE"),
        ("ﬁx", "fix"),
        ("Ａｄａ", "Ada"),
        ("Ada", "Ada\ufe0f"),
        ("Ada", "A\u17b4da"),
        ("葛", "葛\U000e0100"),
        ("\u00e9", "e\u0301"),
        ("\u0390", "\u03aa\u0301"),
        ("علی\u200cرضا", "علیرضا"),
        ("क\u094d\u200dष", "क\u094dष"),
        ("👩\u200d💻", "👩💻"),
        ("❤", "❤\ufe0f"),
    ],
)
def test_names_that_look_the_same(one: str, other: str) -> None:
    """Names that differ only in case, width, composition or in what isn't drawn have one key."""
    assert name_key(one) == name_key(other)


def test_names_that_differ() -> None:
    """Other names have other keys."""
    keys = [name_key(name) for name in ("Ada", "Ida", "Adam", "A da", "Åda", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁥󠁮󠁧󠁿")]
    assert len(set(keys)) == len(keys)


@given(st.text(max_size=40))
def test_name_key_is_stable(name: str) -> None:
    """A key is its own key."""
    assert name_key(name_key(name)) == name_key(name)


def test_a_name_with_an_ending_stays_within_the_limits() -> None:
    """Cut between letters as they are seen, never within one; an ending is always whole."""
    family = "👨\u200d👩\u200d👧"
    for name in ("Ada", "x" * 24, "x" * 25, "x" * 32, "q\u0301" * 25, family * 20, "क्ष" * 32, "q" + "\u0301" * 127):
        marked = with_ending(name, " (guide)")
        assert marked.endswith(" (guide)") and check_name(marked) == marked
        kept = marked.removesuffix(" (guide)")
        assert kept == name or (kept.endswith("…") and name.startswith(kept[:-1]))
    assert with_ending("x" * 24, " (guide)") == "x" * 24 + " (guide)"
    assert with_ending("x" * 25, " (guide)") == "x" * 23 + "… (guide)"
