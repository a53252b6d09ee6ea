"""What counts as healthy: thresholds of the rules, and who is told of what they find."""

from typing import Annotated, Final

import msgspec

from beacons.topics import Id
from push.model.delivery import DEFAULT_APP

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000

Minutes = Annotated[int, msgspec.Meta(ge=1, le=10_080)]
Mail = Annotated[str, msgspec.Meta(min_length=3, max_length=320, pattern=r"^[^@\s]+@[^@\s]+$(?!\n)")]


class HealthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When something is wrong with a beacon or a gateway, and who is told."""

    alert_emails: Annotated[tuple[Mail, ...], msgspec.Meta(max_length=20)] = ()
    """Who gets alerts by e-mail, through the credential of `alert_app`; hooks get them without."""
    alert_app: Id = DEFAULT_APP
    group_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 300
    """An alert waits this long for what belongs to it; what mends itself meanwhile alerts nobody."""
    mail_every_min: Minutes = 60
    """At most one mail for each store in this time; what comes meanwhile is in the next."""
    grace_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 180
    """After a start, or once the broker is back, nothing new is found for this long."""
    silent_after_min: Minutes = 15
    never_heard_after_min: Minutes = 60
    battery_low_mv: Annotated[int, msgspec.Meta(ge=0, le=5000)] = 2500
    """Where a coin cell's voltage falls fast, and cold may stop a beacon."""
    battery_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 30
    """A battery that will be empty sooner than this is low."""
    moved_db: Annotated[float, msgspec.Meta(ge=3, le=60)] = 10.0
    """How much more strongly than before another gateway hears a beacon than the one at its place."""
    moved_after_min: Minutes = 120
    drift_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5
    """How much of what a rotating beacon's clock may be off it may use up."""
    offline_after_s: Annotated[int, msgspec.Meta(ge=30, le=86_400)] = 300
    offline_told_after_s: Annotated[int, msgspec.Meta(ge=10, le=86_400)] = 120
    """The same for a gateway whose broker says that it is gone: a restart takes less."""
    deaf_share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.4
    """A gateway that hears less than this of what its neighbours say it should is deaf,"""
    deaf_db: Annotated[float, msgspec.Meta(ge=3, le=60)] = 10.0
    """and so is one that hears everything this much more faintly than before."""
    deaf_after_min: Minutes = 10
    slow_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 3.0
    skew_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 5.0
    spool_after_min: Minutes = 15
    """A gateway whose oldest batch waited this long sends less than it hears."""
    version_after_min: Minutes = 60
