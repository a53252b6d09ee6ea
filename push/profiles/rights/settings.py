"""How long each kind of data is kept: the `[push.profiles.retention]` section of config.toml, typed."""

from typing import Annotated, Final

import msgspec

Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In days, by kind of data."""

    tracked_d: Days = 730
    """What was said of people: events, traits' sayings as they came in."""
    visits_d: Days = 30
    """Visits to stores, where people stayed there, and the moments in them."""
    messages_d: Days = 90
    """Decisions, messages, deliveries, attempts, receipts and what happened to messages."""
    touches_d: Days = 730
    """Which campaign sent somebody a message, when and how: caps count no further back."""
    audit_d: Days = 730
    """Who changed what."""
    checks_d: Days = 400
    """How often it was looked whether something of hers may be used."""
    minutes_d: Days = 400
    """What lay where on stores' floors, minute by minute: sums, in which nobody is."""
    requests_d: Days = 1_095
    """Requests of people that were answered: until nobody can claim anything any more."""


OWN_CORRECTIONS: Final = (
    "name", "firstName", "lastName", "title", "gender", "birthday", "address", "city", "country", "company", "language",
)  # fmt: skip
"""What people may put right for themselves unless the settings say otherwise."""
Words = Annotated[str, msgspec.Meta(max_length=300, pattern=r"^[^\r\n]*$(?!\n)")]


class PrivacySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who answers for what is kept: for the papers that ``footfall-push privacy`` prints."""

    controller: Words = ""
    """Name and address."""
    contact: Words = ""
    """Where people write to."""
    officer: Words = ""
    """The data protection officer."""
    authority: Words = ""
    """The supervisory authority that people may complain to."""
