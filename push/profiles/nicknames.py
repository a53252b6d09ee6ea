"""Nicknames: what a shopper lets screens call her. Chosen by herself, gone with her consent to be greeted."""

import re
import unicodedata
from typing import Final

from push.model.ports import Queries, Transaction

MOST_LETTERS: Final = 20
MOST_MARKS: Final = 3
"""In a row: what scripts need on one letter; more would climb out of the line."""
_UNSEEN: Final = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x3164, *range(0xFE00, 0xFE10), 0xFFA0,
              *range(0xE0100, 0xE01F0)))
)  # fmt: skip
"""Letters and marks that nobody sees (Unicode: Default_Ignorable_Code_Point)."""
_ADDRESS: Final = re.compile(r"\b(https?|www)\b", re.IGNORECASE)


class NicknameError(ValueError):
    """What a nickname must not be; the message says what was expected, and never repeats it."""


def cleaned(text: str) -> str:
    """A nickname as screens show it: 1 to 20 letters, digits, marks and single spaces. Raises `NicknameError`."""
    name = re.sub(" +", " ", unicodedata.normalize("NFC", text)).strip(" ")
    if not all(_is_allowed(letter) for letter in name):
        raise NicknameError("Letters, digits and spaces of any script were expected.")
    if not 1 <= len(name) <= MOST_LETTERS:
        raise NicknameError(f"A name of 1 to {MOST_LETTERS} letters was expected.")
    if not any(unicodedata.category(letter).startswith("L") for letter in name):
        raise NicknameError("At least one letter was expected: a number is no name.")
    if _ADDRESS.search(name) or _has_loose_marks(name):
        raise NicknameError("A name was expected, no address and no drawing.")
    return name


def _is_allowed(letter: str) -> bool:
    category = unicodedata.category(letter)
    return letter == " " or (letter not in _UNSEEN and (category[0] == "L" or category in {"Mn", "Mc", "Nd"}))


def _has_loose_marks(name: str) -> bool:
    """Whether a word begins with a mark, or a letter carries too many."""
    kinds = "".join(" " if letter == " " else unicodedata.category(letter)[0] for letter in name)
    return re.search(rf"(^| )M|M{{{MOST_MARKS + 1}}}", kinds) is not None


async def of(db: Queries, shopper: str) -> str | None:
    """The nickname that a shopper chose."""
    row = await db.fetch_one("nicknames.of", shopper=shopper)
    return None if row is None else str(row["nickname"])


async def put(tx: Transaction, shopper: str, nickname: str, now_ms: int) -> None:
    """Keep the nickname that a shopper chose."""
    await tx.execute("nicknames.put", shopper=shopper, nickname=nickname, at_ms=now_ms)


async def forget(tx: Transaction, shopper: str) -> None:
    """Erase a shopper's nickname."""
    await tx.execute("nicknames.forget", shopper=shopper)
