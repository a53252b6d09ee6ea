"""What the server is told about profiles: the `[push.profiles]` section of config.toml, typed."""

from typing import Annotated

import msgspec

from push.model.people import Purpose
from push.model.profiles import KindName
from push.profiles.collect.proof import UserTokenSettings
from push.profiles.collect.settings import BoundSettings
from push.profiles.confirming_settings import DoubleOptInSettings
from push.profiles.derived.lapse import Lapse
from push.profiles.identity.kinds import Kind, check_kinds
from push.profiles.purposes.settings import PurposeSettings, check_purposes, refuse_unknown
from push.profiles.rights.settings import OWN_CORRECTIONS, PrivacySettings, RetentionSettings
from push.profiles.segments.settings import SegmentSettings
from push.profiles.trait_words import TraitSettings


class ProfileSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How people are known, what is kept of them, and for how long."""

    kinds: dict[KindName, Kind] = {}
    """Beside the built-in kinds of identifiers, or in place of one."""
    shared_after: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    """An identifier of more people than this is nobody's own."""

    def __post_init__(self) -> None:
        """Raise ValueError for kinds and purposes that cannot be."""
        check_kinds(self.kinds)
        check_purposes(self.purposes)
        for category, named in self.consent_categories.items():
            refuse_unknown(f"consent_categories.{category}", named, self.purposes)

    minimum_age: Annotated[int, msgspec.Meta(ge=0, le=99)] = 16
    """Who did not say that she is so old is neither located nor profiled; 0: nobody is asked."""
    keys_dir: str = "person-keys"
    """Where the keys of months and the ledger of erasures lie, relative to `data_dir`: outside of every backup."""
    traits: dict[Annotated[str, msgspec.Meta(min_length=1, max_length=100)], TraitSettings] = {}
    """How traits are held whose latest saying is not what counts, or that must be of a type."""
    sensitive_categories: tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=200)], ...] = ()
    """Categories of the catalogue whose goods never become a feature, beside those that are marked one by one."""
    enforce_schemas: bool = False
    """Whether what is not as it was laid down is refused, where its schema does not say so itself."""
    half_life_days: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 90
    """After which what somebody looked at or bought says half as much of her taste."""
    lapse: Lapse = Lapse()
    """How often people come back, and how soon they stay away."""
    consent_categories: dict[Annotated[str, msgspec.Meta(min_length=1, max_length=100)], tuple[Purpose, ...]] = {}
    """Which purposes each category of the retailer's consent tool stands for, as `context.consent` names them."""
    consent_turns_per_day: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 50
    """How often a day what somebody agreed to may turn by a publishable key; beyond, refusals alone are taken."""
    double_opt_in: DoubleOptInSettings = DoubleOptInSettings()
    """Mails that ask whether she meant it."""
    purposes: tuple[PurposeSettings, ...] = ()
    """What people are asked beside the built-in purposes, and how and where these are asked."""
    bounds: BoundSettings = BoundSettings()
    """What keys that ship in apps and pages may do at most."""
    keep_orders: bool = False
    """Whether orders are kept of whom may not be profiled: a contract needs them; nothing else is made of them."""
    most_waiting: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 20_000
    """Statements that wait to be kept; whoever brings more is told to come back. A larger batch never gets in."""
    own_corrections: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=100)], ...], msgspec.Meta(max_length=100)
    ] = OWN_CORRECTIONS
    """Traits that people may put right for themselves: nothing that is of value to them."""
    user_tokens: UserTokenSettings = UserTokenSettings()
    """Whose word proves who somebody is."""
    segments: SegmentSettings = SegmentSettings()
    """Groups of people by a rule."""
    retention: RetentionSettings = RetentionSettings()
    """How long each kind of data is kept."""
    privacy: PrivacySettings = PrivacySettings()
    """Who answers for what is kept."""
