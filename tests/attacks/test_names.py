"""Names that look like another's, or like nothing: refused to guests, and said why; in tokens made to fit."""

import json
import unicodedata

from ..harness import ChatClient, ServiceProcess, make_jwt
from .raw_socket import RawSocket, handshake

HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
# A name, and a word of the sentence that refuses it.
REFUSED = {
    "\u202eadA": "invisible",  # right-to-left override
    "Ada\u202a": "invisible",
    "\u2066Ada\u2069": "invisible",  # isolates
    "Ada\u200e": "invisible",  # left-to-right mark
    "Ada\u061c": "invisible",  # Arabic letter mark
    "A\u200bda": "invisible",  # zero-width space
    "A\u200dda": "invisible",  # zero-width joiner
    "A\u2060da": "invisible",  # word joiner
    "\ufeffAda": "invisible",  # byte order mark
    "A\u00adda": "invisible",  # soft hyphen
    "A\U000e0041da": "invisible",  # a tag
    "Ada\x00": "control",
    "Ada\x1b[31m": "control",
    "Ada\x7f": "control",
    "Ada\x85": "control",
    "Ada\r\nBob": "control",
    "Ada\tBob": "control",
    "Ada\u2028Bob": "invisible",  # line separator
    "Ada\ue000": "invisible",  # private use: a font may draw anything
    "Ada\u0378": "invisible",  # not assigned
    "Ada\u00a0Bob": "space",
    "Ada\u2007Bob": "space",
    "Ada\u3000Bob": "space",
    "Ada\u3164": "space",  # Hangul filler: a letter that is drawn as nothing
    "Ada\uffa0": "space",
    "\u115f": "space",
    "\u2800\u2800": "space",  # Braille without dots
    "": "empty",
    "   ": "empty",
    "a" * 33: "32",
    "a" + "\u0301" * 200: "32",  # marks heaped upon a letter
    "\u0301": "32",
}
# Others' names: right to left, marks, emoji, scripts of all kinds.
ACCEPTED = (
    "Ada",
    "Ada Lovelace",
    "عبد الله",
    "नमस्ते",
    "Zoë",
    "Đặng Thị",
    "李小龍",
    "O'Brien-Smith",
    "🦊",
    "Ana 🩷",
    "علی\u200cرضا",
    "👩\u200d💻",
    "❤️",
    "<b>",
    "a" * 32,
)


async def test_misleading_names_are_refused_and_said_why() -> None:
    """POST /tickets answers 400 with the reason; a token's holder is called what can be shown."""
    with ServiceProcess({"TICKET_RATE": "0"}) as service:
        for name, word in REFUSED.items():
            status, _, body = service.request("POST", "/tickets", {"name": name}, {"Origin": service.url})
            assert status == 400, f"{name!r}: {body!r}"
            error = json.loads(body)["error"]
            assert error["code"] == "bad_request"
            assert word in error["message"], f"{name!r}: {error}"
            async with await RawSocket.connect(service.port) as raw:
                bearer = [("Authorization", f"Bearer {make_jwt('u1', name)}")]
                await raw.request(handshake(service.port, origin=None, extra=bearer))
                welcome = await raw.read_json()
                shown = welcome["user"]["name"]
                assert shown == unicodedata.normalize("NFC", shown.strip()) and shown, f"{name!r}"
                assert not any(unicodedata.category(seen) in HIDDEN for seen in shown), f"{name!r}"
                assert len(shown) <= 128
    with ServiceProcess({"TICKET_RATE": "0"}) as service:
        for name in ACCEPTED:
            status, _, body = service.request("POST", "/tickets", {"name": f" {name} "}, {"Origin": service.url})
            assert status == 201, f"{name!r}: {body!r}"
            assert json.loads(body)["user"]["name"] == name


async def test_servers_may_not_publish_under_such_names_either() -> None:
    """The author given in the body of POST /rooms/<room>/messages."""
    headers = {"Authorization": f"Bearer {make_jwt('s1', 'Robot', role='service')}"}
    with ServiceProcess({"SEND_RATE": "0"}) as service:
        for number, name in enumerate(REFUSED):
            body = {"id": f"m{number}", "text": "a", "user": {"id": "u1", "name": name}}
            status, _, answer = service.request("POST", "/rooms/lobby/messages", body, headers)
            assert status == 400, f"{name!r}: {answer!r}"


async def test_names_that_look_alike_are_one_name() -> None:
    """While Ada is here, nobody else is by a name that folds to hers. Look-alikes of other scripts are not known."""
    with ServiceProcess({"TICKET_RATE": "0"}) as service:
        ada = await ChatClient.enter(service.url, "Ada Byron")
        origin = {"Origin": service.url}
        for alike in ("ada byron", "ADA  BYRON", "Ａｄａ Byron", "A\ufe0fda Byron", "𝐀da Byron", "Ada Byron\ufe0e"):
            status, _, body = service.request("POST", "/tickets", {"name": alike}, origin)
            assert status == 409, f"{alike!r}: {body!r}"
            assert json.loads(body)["error"]["code"] == "name_taken"
        await ada.close()
