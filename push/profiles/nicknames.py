"""Nicknames: what a shopper lets screens call her. Chosen by herself, gone with her consent to be greeted."""

import re
import unicodedata
from typing import Final

from push.model.ports import Database, Queries, Transaction
from push.profiles import keys
from push.profiles.keys import DataKey, Keyring

CONTEXT: Final = "nickname"
"""What nicknames are sealed for; the key is the facet's own."""
SLICE: Final = 500
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


async def of(db: Queries, keyring: Keyring, shopper: str) -> str | None:
    """The nickname that a shopper chose. Raises `push.model.vault.SealError`."""
    row = await db.fetch_one("nicknames.of", shopper=shopper)
    if row is None:
        return None
    key = (await keys.known(db, keyring, [row["shopper"]])).get(row["shopper"])
    return None if key is None else opened(row["sealed"], key)


def opened(sealed: bytes, key: DataKey) -> str:
    """A stored nickname. Raises `push.model.vault.SealError`."""
    return key.open(sealed, CONTEXT).decode()


async def put(tx: Transaction, keyring: Keyring, shopper: str, nickname: str, now_ms: int) -> None:
    """Keep the nickname that a shopper chose, sealed under her key."""
    key = (await keys.ensure(tx, keyring, [shopper]))[shopper]
    await tx.execute("nicknames.put", shopper=shopper, sealed=key.seal(nickname.encode(), CONTEXT), at_ms=now_ms)


async def seal_old(db: Database, keyring: Keyring) -> int:
    """Seal those from before they were sealed; how many. Raises `push.model.errors.DatabaseError`."""
    done = 0
    while rows := await db.fetch("nicknames.clear", most=SLICE):
        async with db.transaction(patient=True) as tx:
            opened_keys = await keys.ensure(tx, keyring, [row["shopper"] for row in rows])
            sealed = [
                {
                    "shopper": row["shopper"],
                    "sealed": opened_keys[row["shopper"]].seal(row["nickname"].encode(), CONTEXT),
                }
                for row in rows
            ]
            await tx.execute_many("nicknames.seal", sealed)
        done += len(rows)
    return done


async def forget(tx: Transaction, shopper: str) -> None:
    """Erase a shopper's nickname."""
    await tx.execute("nicknames.forget", shopper=shopper)
