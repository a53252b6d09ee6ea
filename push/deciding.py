"""What decisions are made with, wired."""

from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple

from push.campaigns import content, sandbox, slots
from push.campaigns.book import Book
from push.campaigns.coupons import Coupons
from push.campaigns.means import InForce, Means
from push.campaigns.sandbox import Sandbox
from push.model.ports import Clock
from push.model.vault import Vault
from push.profiles.guarded import ReadTraits
from push.profiles.keys import Keyring
from push.profiles.view import Sight
from push.settings import PushSettings


class Profiles(NamedTuple):
    """What is known of people: what opens it, and coupons; how rules see it, and what templates may say of it."""

    vault: Vault
    clock: Clock
    keyring: Keyring
    sight: Sight
    read_traits: ReadTraits


async def open_deciding(stack: AsyncExitStack, settings: PushSettings, profiles: Profiles) -> Means:
    """What is in force comes with the registry's first load."""
    rendering = settings.campaigns.content
    box = await stack.enter_async_context(sandbox.opened(rendering))
    saying = content.Means(
        render=box.render,
        coupon=Coupons(profiles.vault, profiles.keyring, profiles.clock).take,
        goods=profiles.sight.goods,
        stock_ms=rendering.stock_ms,
        counts=box.counts,
    )
    policy = settings.campaigns.policy(settings.ingest.pushes_per_visit)
    in_force = InForce(policy, frozenset(settings.campaigns.checkouts))
    in_force.prepare = partial(_prepare, box)
    return Means(in_force, profiles.keyring, profiles.sight, profiles.read_traits, saying)


def _prepare(box: Sandbox, book: Book) -> None:
    """Start what renders loops where a campaign has any: no decision waits for it, and nobody else has it running."""
    if any(slots.may_loop(ready.campaign) for ready in book.ready.values()):
        box.warm()
