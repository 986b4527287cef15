"""service/names.py: rooms, texts, reactions, people's names."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import protocol
from service.names import check_emoji, check_name, check_room, check_text, name_key
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
    "emoji",
    ["👍", "👍🏽", "❤", "❤\ufe0f", FAMILY, "🇸🇪", "1\ufe0f\u20e3", "#\u20e3", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏳️‍🌈", "↔", "‼", "©", "🫠"],
)
def test_emoji(emoji: str) -> None:
    """A symbol, and a sequence that is drawn as one, is a reaction."""
    assert len(emoji) <= protocol.EMOJI_LIMIT
    check_emoji(emoji)


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
    ],
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
        FAMILY,
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


@given(st.text(max_size=40))
def test_checked_names_stay(name: str) -> None:
    """A name that passed passes again unchanged, in NFC, without control characters or blanks at its ends."""
    try:
        kept = check_name(name)
    except RequestError:
        return
    assert check_name(kept) == kept
    assert unicodedata.is_normalized("NFC", kept)
    assert kept.isprintable() and kept == kept.strip()
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
    ],
)
def test_names_that_look_the_same(one: str, other: str) -> None:
    """Names that differ only in case, width, composition or in what isn't drawn have one key."""
    assert name_key(one) == name_key(other)


def test_names_that_differ() -> None:
    """Other names have other keys."""
    keys = [name_key(name) for name in ("Ada", "Ida", "Adam", "A da", "Åda")]
    assert len(set(keys)) == len(keys)


@given(st.text(max_size=40))
def test_name_key_is_stable(name: str) -> None:
    """A key is its own key."""
    assert name_key(name_key(name)) == name_key(name)
