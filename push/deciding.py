"""What decisions are made with, wired."""

from push.campaigns import content
from push.campaigns.means import InForce, Means
from push.profiles.guarded import ReadTraits
from push.profiles.keys import Keyring
from push.profiles.view import Sight
from push.settings import PushSettings


def open_deciding(settings: PushSettings, keyring: Keyring, sight: Sight, read_traits: ReadTraits) -> Means:
    """What is in force comes with the registry's first load."""
    policy = settings.campaigns.policy(settings.ingest.pushes_per_visit)
    in_force = InForce(policy, frozenset(settings.campaigns.checkouts))
    return Means(in_force, keyring, sight, read_traits, content.Means())
