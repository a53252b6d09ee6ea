"""What a controller writes down, filled in from the configuration: register of processing, DPIA draft, entrance notice.

Drafts: what the configuration cannot know is left to be filled in, marked `…`. A lawyer has the last word.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from push.profiles.rights.settings import RetentionSettings
from push.settings import PushSettings

GAP: Final = "…"


class Activity(NamedTuple):
    """A processing activity as GDPR Art. 30(1) has it; `setting` is the retention in days, empty: until erased."""

    name: str
    purpose: str
    basis: str
    data: str
    setting: str


ACTIVITIES: Final = (
    Activity(
        "Noticing visits",
        "offers and information that fit the moment in a store",
        "consent (Art. 6(1)(a)), purpose `location`",
        "tag or device id, store, area, times of visits and stays; no position is kept",
        "visits_d",
    ),
    Activity(
        "Messages",
        "sending what people agreed to, and what they are owed",
        "consent (Art. 6(1)(a)), purpose `marketing` and the channel; contract (Art. 6(1)(b)) for what they are owed",
        "address of the channel, text, time, what became of it",
        "messages_d",
    ),
    Activity(
        "Caps and holdouts",
        "not telling anybody something too often; telling what campaigns earn, by people who are kept from them",
        "legitimate interest (Art. 6(1)(f)): that people are left in peace",
        "campaign, channel, store and time of each message; which campaigns she is kept from; which may follow later",
        "touches_d",
    ),
    Activity(
        "Coupons",
        "rewards that are good once",
        "consent (Art. 6(1)(a)), purpose `marketing`",
        "code, campaign, until when it is good; when, where and in which sale it was used",
        "messages_d",
    ),
    Activity(
        "Profiles",
        "offers of interest to one person",
        "consent (Art. 6(1)(a)), purpose `profiling`; of age alone",
        "identifiers, traits, purchases, views, and figures that follow from them; no goods marked sensitive",
        "tracked_d",
    ),
    Activity(
        "Consent",
        "proving what was agreed to (Art. 7(1))",
        "legal obligation (Art. 6(1)(c))",
        "purpose, granted or not, time, source, text version",
        "",
    ),
    Activity(
        "Checks of consent",
        "showing that consent was looked at before every use (Art. 5(2))",
        "legal obligation (Art. 6(1)(c))",
        "purpose, use, day, how often it was allowed and how often not",
        "checks_d",
    ),
    Activity(
        "Counting on floors",
        "running the stores: how full they are, where people stay",
        "sums of visits that were noticed by consent: anonymous (Recital 26)",
        "person-seconds and visits by minute, area and cell of the floor; of nobody, and told of five people at least",
        "minutes_d",
    ),
    Activity(
        "Rights of people",
        "answering requests in time (Art. 12)",
        "legal obligation (Art. 6(1)(c))",
        "kind of request, times, who answered",
        "requests_d",
    ),
    Activity(
        "Who changed what",
        "security of processing (Art. 32)",
        "legitimate interest (Art. 6(1)(f))",
        "operator, action, subject, time",
        "audit_d",
    ),
)
"""Everything about people that the server keeps; `docs/privacy.md` has it by table and key."""

_RECIPIENTS: Final[Mapping[str, str]] = {
    "webpush": "push services of browsers (the text is encrypted for the browser)",
    "fcm": "Google (Firebase Cloud Messaging)",
    "apns": "Apple (Push Notification service)",
    "email": "the provider of the outgoing mail server",
    "webhook": "the provider behind each webhook",
}


def register(settings: PushSettings) -> str:
    """A record of processing activities (GDPR Art. 30), as Markdown."""
    rows = [
        f"| {one.name} | {one.purpose} | {one.basis} | {one.data} | {_kept(one, settings.profiles.retention)} |"
        for one in ACTIVITIES
    ]
    return _paper(
        "Record of processing activities",
        [
            *_controller(settings),
            "",
            "| activity | purpose | legal basis | data | erased |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "Data subjects: customers who carry a tag or use an app, page or till of ours.",
            "",
            "## Recipients",
            "",
            *(f"- {who}, where the channel `{name}` is used" for name, who in _RECIPIENTS.items()),
            f"- transfers to third countries and their safeguards: {GAP}",
            "",
            "## Security (Art. 32)",
            "",
            *_MEASURES,
        ],
    )


def dpia(settings: PushSettings) -> str:
    """A draft of a data protection impact assessment (GDPR Art. 35(7)), as Markdown."""
    age = settings.profiles.minimum_age
    return _paper(
        "Data protection impact assessment (draft)",
        [
            *_controller(settings),
            "",
            "Needed because visits are followed systematically and people are profiled (Art. 35(3)(a)).",
            "",
            "## Processing, and its purposes (Art. 35(7)(a))",
            "",
            *(f"- {one.name}: {one.purpose}. Data: {one.data}. Basis: {one.basis}." for one in ACTIVITIES),
            "",
            "## Necessity and proportionality (b)",
            "",
            (
                "- Nothing is kept of a tag whose carrier did not agree to `location`: its sightings are dropped "
                "before presence."
            ),
            "- Areas of a store, not positions, are written down.",
            f"- {_ages(age)}",
            f"- Erased after: {', '.join(_spans(settings.profiles.retention))}.",
            f"- Could the purpose be reached with less? {GAP}",
            "",
            "## Risks (c) and measures (d)",
            "",
            "| risk | measure | left |",
            "| --- | --- | --- |",
            *(f"| {risk} | {measure} | {GAP} |" for risk, measure in _RISKS),
            "",
            "## Views of data subjects (Art. 35(9)), and advice of the data protection officer (Art. 35(2))",
            "",
            GAP,
        ],
    )


def notice(settings: PushSettings) -> str:
    """What hangs at a store's entrance (GDPR Art. 13), as Markdown."""
    privacy = settings.profiles.privacy
    kept = settings.profiles.retention
    return _paper(
        "This store notices tags and phones of customers who agreed to it",
        [
            (
                f"{privacy.controller or GAP} receives the radio signals of its own tags and of phones with our app. "
                "If you did not agree, what is received of yours is dropped at once and leaves no trace."
            ),
            "",
            (
                f"If you agreed: your visits are kept for {kept.visits_d} days, messages to you for {kept.messages_d} "
                "days, to offer you what fits the moment."
            ),
            "",
            f"{_ages(settings.profiles.minimum_age)}",
            "",
            (
                "You may end it at any time in the app, see everything that is kept of you, and have it erased. "
                f"Write to {privacy.contact or GAP}; our data protection officer: {privacy.officer or GAP}. "
                f"You may complain to {privacy.authority or GAP}."
            ),
            *(["", f"More: {settings.http.public_url}/app/"] if settings.http.public_url else []),
        ],
    )


PAPERS: Final[Mapping[str, Callable[[PushSettings], str]]] = {"register": register, "dpia": dpia, "notice": notice}

_MEASURES: Final = (
    (
        "- what people are known by, said, did and were told, and where they are reached, is sealed (AES-256-GCM) "
        "under a key of the person's own, itself wrapped under a month's key outside of the database and its backups"
    ),
    "- who is erased is unreadable in every backup within 31 days; a restored backup erases her again",
    "- operators have roles, may be kept to their stores, and leave a trail; tokens are kept as hashes",
    "- consent is checked at every use, and the checks are counted by person and day",
)
_RISKS: Final = (
    ("somebody is followed who did not agree", "default deny; sightings without consent are dropped before presence"),
    ("visits tell of health, faith or politics", "goods marked sensitive never become a feature, segment or message"),
    ("children are profiled", "nobody is located or profiled who did not declare her age"),
    ("a database or a backup is stolen", "sealed under keys that lie elsewhere; identifiers are found by keyed hash"),
    ("two people are taken for one", "links are explained, reviewed where they conflict, and undone exactly"),
    ("operators look people up without need", "roles, stores, and an audit trail of exports and erasures"),
    ("people cannot tell what is known of them", "export, preference centre, and reasons with every message"),
)


def _paper(title: str, lines: Iterable[str]) -> str:
    return "\n".join([f"# {title}", "", *lines, ""])


def _controller(settings: PushSettings) -> list[str]:
    privacy = settings.profiles.privacy
    return [
        f"- Controller: {privacy.controller or GAP}",
        f"- Contact: {privacy.contact or GAP}",
        f"- Data protection officer: {privacy.officer or GAP}",
        f"- Supervisory authority: {privacy.authority or GAP}",
    ]


def _kept(activity: Activity, retention: RetentionSettings) -> str:
    if not activity.setting:
        return "with the person"
    return f"after {getattr(retention, activity.setting)} days, or with the person"


def _spans(retention: RetentionSettings) -> list[str]:
    return [f"{one.name.lower()} {getattr(retention, one.setting)} days" for one in ACTIVITIES if one.setting]


def _ages(age: int) -> str:
    if age == 0:
        return "Nobody is asked for her age: see whether the law where the stores are lets you."
    return f"Whoever did not say that she is {age} or older is neither located nor profiled."
