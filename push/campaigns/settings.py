"""What holds for all campaigns, as it is configured: the `[push.campaigns]` table."""

from typing import Annotated

import msgspec

from push.campaigns.content_settings import ContentSettings
from push.model.campaigns import Cap, Clock, Share
from push.model.decisions import Policy


class CampaignSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often, when, and what a message costs a person's patience; config.toml says what each is."""

    caps: Annotated[tuple[Cap, ...], msgspec.Meta(max_length=50)] = (Cap(of="all", most=3, within="week"),)
    quiet: Annotated[tuple[Clock, ...], msgspec.Meta(max_length=2)] = ("21:00", "08:00")
    evening: Clock = "18:00"
    holdout: Share = 0.0
    fatigue: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 0.05
    fatigue_half_days: Annotated[float, msgspec.Meta(gt=0, le=365)] = 7.0
    disliked_days: Annotated[int, msgspec.Meta(ge=0, le=3660)] = 90
    checkouts: Annotated[tuple[str, ...], msgspec.Meta(max_length=1000)] = ("tills", "till", "checkout")
    """Zones by these ids are where people pay."""
    content: ContentSettings = ContentSettings()

    def __post_init__(self) -> None:
        """Refuse quiet hours without an end, and caps of no tag. Raises ValueError."""
        if len(self.quiet) not in {0, 2}:
            raise ValueError('expected campaigns.quiet to be two times, like ["21:00", "08:00"], or []')
        for cap in self.caps:
            if (cap.of == "tag") != (cap.tag is not None):
                raise ValueError('expected campaigns.caps with of = "tag" to name a tag, and no others to')

    def policy(self, pushes_per_visit: int) -> Policy:
        """The same as decisions record it."""
        return Policy(
            pushes_per_visit=pushes_per_visit,
            caps=self.caps,
            quiet=(self.quiet[0], self.quiet[-1]) if self.quiet else None,
            evening=self.evening,
            holdout=self.holdout,
            fatigue=self.fatigue,
            fatigue_half_days=self.fatigue_half_days,
            disliked_days=self.disliked_days,
        )
