"""How a campaign is: in a word, and why: what it refers to that is gone, codes that run out, words that fail. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from push.campaigns.known import named_pools
from push.campaigns.pools import PoolRecord
from push.campaigns.records import Record
from push.console import words
from push.console.campaigning import said
from push.console.campaigning.doing import Doing

_ASKED = frozenset({"live", "paused"})


class Health(NamedTuple):
    """A word with its tone, and why; all empty where there is nothing to say."""

    word: str = ""
    tone: str = ""
    why: str = ""


def of(one: Record, missing: Sequence[str], pools: Mapping[str, PoolRecord], does: Doing, now_ms: int) -> Health:
    """A campaign's health; `missing`: what is said of what it refers to and is not there."""
    if missing and one.state != "ended":
        more = f" And {len(missing) - 1} more." if len(missing) > 1 else ""
        return Health("to mend", "now", missing[0] + more)
    if one.state not in _ASKED:
        return Health()
    ill = _failing(one, pools, does) or _ending(one, pools, now_ms)
    return ill or (_speaking(does) if one.state == "live" else Health())


def _failing(one: Record, pools: Mapping[str, PoolRecord], does: Doing) -> Health | None:
    """What keeps it from being said at all."""
    failed = dict(does.fates).get("template", 0)
    if failed:
        return Health("fails", "now", f"Its text could not be filled in, {words.count(failed, 'time')}.")
    dry = [pools[name].pool.name for name in named_pools(one.campaign) if name in pools and pools[name].is_dry]
    return Health("no codes", "now", f"{words.listed(dry)} {_is(dry)} dry.") if dry else None


def _ending(one: Record, pools: Mapping[str, PoolRecord], now_ms: int) -> Health | None:
    """What will soon keep it from being said, or does for good."""
    until_ms = one.campaign.schedule.until_ms
    if until_ms is not None and until_ms <= now_ms:
        return Health("over", "soon", "Its last day has passed.")
    low = [pools[name].pool.name for name in named_pools(one.campaign) if name in pools and pools[name].is_low]
    return Health("few codes", "soon", f"{words.listed(low)} {_is(low)} soon dry.") if low else None


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _speaking(does: Doing) -> Health:
    if does.sent:
        return Health("speaks", "people")
    if does.silence:
        return Health("silent", "history", said.sentence(does.silence))
    return Health("waits", "history", "Nothing asked for it today.")
