"""What campaigns do by themselves, wired: what they hear, and how what they send goes on its way."""

from push.campaigns.approaching import Approaches
from push.campaigns.hearing import Ear
from push.campaigns.means import Means
from push.campaigns.runner import Outside, Runner
from push.deliver.backlog import Backlog
from push.deliver.sender import Sender
from push.ingest.engine import Engine
from push.model.ports import Clock, Database


def open_ear(means: Means) -> Ear:
    """What hears for the campaigns that are in force."""
    return Ear(lambda: means.in_force.book)


def open_approaches(db: Database, means: Means, ear: Ear, engine: Engine) -> Approaches:
    """What notes whose phone came near a fixture of the registry in force."""
    return Approaches(db, means, ear, lambda: engine.directory.anchors)


def open_campaigner(db: Database, clock: Clock, means: Means, ear: Ear, outbox: tuple[Backlog, Sender]) -> Runner:
    """What asks campaigns when it is time."""
    backlog, sender = outbox

    def sent(deliveries: int) -> None:
        backlog.add(deliveries)
        sender.wake()

    return Runner(Outside(db, clock, sent), means, ear)
