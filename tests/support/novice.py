"""Somebody at the console for the first time: she reads what is new to her, thinks, and does one thing after another.

How long each takes is reckoned by the keystroke-level model: Card, Moran and Newell, *The keystroke-level model for
user performance time with interactive systems*, Communications of the ACM 23 (7), 1980. Its operators are M, 1.35 s to
think before an act; P, 1.1 s to point, here with the click; H, 0.4 s from mouse to keys; K, here 0.2 s, an average
typist who does not know the words. What a page shows and she has not read yet, she reads at 250 words a minute: all of
it, but of a list to choose from, what each is called, and all of the one that she takes. How fast server and browser
are plays no part.
"""

from typing import Final, Literal, NamedTuple

from playwright.async_api import Locator, Page

THINK_S: Final = 1.35
POINT_S: Final = 1.1
HOME_S: Final = 0.4
KEY_S: Final = 0.2
WORDS_A_MINUTE: Final = 250

_SHOWN: Final = """(taken) => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const skipped = (inside) => {
    const choice = taken && inside.closest("li.card, tbody tr");
    return choice && !choice.textContent.includes(taken) && !inside.closest("a.open");
  };
  while (walker.nextNode()) {
    const [text, inside] = [walker.currentNode.data.trim(), walker.currentNode.parentElement];
    if (!text || !inside.checkVisibility() || inside.closest("select, script, .unseen") || skipped(inside)) continue;
    found.push(text);
  }
  return found;
}"""
"""Every text that can be seen, of all but the choice that is taken what it is called; a list that opens is closed."""


class Step(NamedTuple):
    """One thing that a person does, and how long it takes her."""

    what: str
    seconds: float


class Novice:
    """A person in front of a page; she finds everything by what it says."""

    def __init__(self, who: str, page: Page, steps: list[Step]) -> None:
        self.page = page
        self._who = who
        self._steps = steps
        self._read: set[str] = set()

    async def knows(self) -> None:
        """What is shown is nothing new to her."""
        self._read.update(await self.page.evaluate(_SHOWN, ""))

    async def reads(self, what: str, *, taking: str = "") -> None:
        """Read all that she has not read yet; of a list, what she is `taking`."""
        texts = [text for text in await self.page.evaluate(_SHOWN, taking) if text not in self._read]
        self._read.update(texts)
        words = sum(len(text.split()) for text in texts)
        self._did(f"reads {what}: {words} words", words * 60 / WORDS_A_MINUTE)

    async def clicks(self, kind: Literal["link", "button"], name: str, *, within: Locator | None = None) -> None:
        """Click on a link or a button."""
        place = within or self.page
        await place.get_by_role(kind, name=name, exact=True).first.click()
        self._did(f"clicks on “{name}”", THINK_S + POINT_S)

    async def ticks(self, label: str) -> None:
        """Tick a box."""
        await self.page.get_by_label(label).check()
        self._did(f"ticks “{label}”", THINK_S + POINT_S)

    async def chooses(self, label: str, option: str) -> None:
        """Choose one of a list: open it, and click."""
        await self.page.get_by_label(label, exact=True).select_option(label=option)
        self._did(f"chooses “{option}”", THINK_S + 2 * POINT_S)

    async def types(self, label: str, text: str, *, over: bool = False) -> None:
        """Type at the end of a field, or `over` all that stands in it."""
        field = self.page.get_by_label(label, exact=True)
        await field.click()
        await field.press("Control+A" if over else "End")
        await field.press_sequentially(text)
        select_s = POINT_S if over else KEY_S  # a double click, or the key
        self._did(f"types “{text}” into “{label}”", THINK_S + POINT_S + HOME_S + select_s + KEY_S * len(text))

    def waits(self, what: str, seconds: float) -> None:
        """Wait for something in the world, so long at most."""
        self._did(what, seconds)

    def _did(self, what: str, seconds: float) -> None:
        self._steps.append(Step(f"{self._who} {what}", seconds))


def told(steps: list[Step]) -> str:
    """Every step with its time, and their sum."""
    lines = [f"{step.seconds:6.1f} s  {step.what}" for step in steps]
    return "\n".join([*lines, f"{sum(step.seconds for step in steps):6.1f} s  in all"])
