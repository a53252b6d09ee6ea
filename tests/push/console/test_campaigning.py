"""Campaigns as a form and in words: nothing is lost on the way, and what does not hold is said at its field."""

import datetime as dt

import msgspec
import pytest

from push.campaigns.pools import PoolRecord
from push.campaigns.recipes import RECIPES
from push.campaigns.records import Record, Version
from push.console.campaigning import calendar, explained, health, phone, reading, said, sheet
from push.console.campaigning.doing import Doing
from push.console.campaigning.expected import EXPECTED, of_rule
from push.console.campaigning.labels import LABELS
from push.console.campaigning.reading import Over
from push.console.campaigning.sheet import ROWS, Sheet
from push.console.campaigning.whom import whom
from push.console.forms import Form
from push.console.persons.happenings import Names
from push.model.campaigns import (
    About,
    Budget,
    Campaign,
    Cap,
    Option,
    Pick,
    Schedule,
    Slot,
    Step,
    Template,
    Trigger,
    Where,
    Wording,
)
from push.model.coupons import Pool
from push.model.decisions import Considered
from push.model.errors import MisfitError
from push.model.rules.parse import RuleError, parse

ZONE = dt.timezone(dt.timedelta(hours=2))
TEXT = Template(title="Hello", body="Here", url="https://shop.example", image="https://shop.example/i.png")
WHOLE = Campaign(
    id="whole",
    name="Whole",
    trigger=Trigger(kind="dwelled", mark_s=90, stores=("a", "b"), zones=("z",), wait_s=7200, unless=("A B", "C")),
    template=TEXT,
    wordings=(Wording(channel="email", locale="de", template=Template(title="Hallo", body="Hier", url="https://d")),),
    slots=(
        Slot(
            name="headline",
            options=(
                Option(id="one", text="One", texts={"de": "Eins"}, weight=2.5),
                Option(id="two", text="Two", product="p", coupon="pool"),
            ),
        ),
    ),
    pick=Pick(among="list", of=("a", "b"), in_stock=False),
    coupon="pool",
    audience={"kind": "consent", "purpose": "marketing"},
    schedule=Schedule(
        from_ms=1_760_000_040_000,
        until_ms=1_770_000_000_000,
        weekdays=(0, 5),
        dayparts=(("10:00", "12:00"), ("22:00", "02:00")),
        while_open=True,
        holidays="never",
        zone="person",
    ),
    when="evening",
    otherwise="defer",
    is_quiet=False,
    about=About(products=("p1",), categories=("Shoes > Running",), brands=("B",), bought_days=7),
    tags=("a", "b"),
    caps=(
        Cap(of="tag", tag="a", most=2, hours=100),
        Cap(of="channel", channel="email", most=1, within="day"),
        Cap(of="all", most=3, within="week"),
    ),
    budgets=(Budget(of="store", most=10, within="day"),),
    lifetime_s=90,
    priority=-3,
    value=1.5,
    holdout=0.1,
    urgency="low",
    channels=("inapp", "email"),
    basis="service",
    needs=("location",),
    steps=(Step(after_s=3600, unless="shown", channel="email", template=TEXT, at_good_time=True), Step(after_s=90_000)),
)


def sent(shown: Sheet) -> Sheet:
    """The form as a browser sends it back, its empty rows included."""
    fields = {name: tuple(value.split("\n")) for name, value in shown.values.items() if value}
    for group, names in ROWS.items():
        rows = [*shown.rows.get(group, ()), dict.fromkeys(names, "")]
        fields |= {name: tuple(row[name] for row in rows) for name in names}
    return sheet.typed(Form(fields), 0)


def over(base: Campaign) -> Over:
    return Over(base, base.id, ZONE)


TOLD = Campaign(
    id="told",
    name="Told",
    trigger=Trigger(
        kind="event",
        event="Product Viewed",
        where=(
            Where(property="category", op="one_of", value=["Running", "Hiking"]),
            Where(property="price", op="at_least", value=12.5),
            Where(property="pieces", op="between", value=[1, 3]),
            Where(property="new", op="is", value=True),
            Where(property="sku", op="known"),
        ),
    ),
    template=TEXT,
)


@pytest.mark.parametrize("campaign", [WHOLE, TOLD, *(each.campaign for each in RECIPES)], ids=lambda one: one.id)
def test_a_form_that_is_sent_as_it_was_filled_changes_nothing(campaign: Campaign) -> None:
    assert reading.read(sent(sheet.of(campaign, ZONE)), over(campaign)) == campaign


def test_every_field_of_a_campaign_has_its_place_and_rows_are_kept_apart() -> None:
    assert set(sheet.of(WHOLE, ZONE).values) == LABELS.keys()
    grown = sent(sheet.of(WHOLE, ZONE))
    rows = {**grown.rows, "options": [*grown.rows["options"], {**grown.rows["options"][0], "option_id": ""}]}
    [slot] = reading.read(grown._replace(rows=rows), over(WHOLE)).slots
    assert [option.id for option in slot.options] == ["one", "two", "one-2"], "an option that is added has an id"
    assert [option.texts for option in slot.options] == [{"de": "Eins"}, {}, {"de": "Eins"}]
    lines = {**grown.rows["options"][1], "option_texts": "de: Zwei\r\n\nfr:Deux"}
    rows = {**grown.rows, "options": [grown.rows["options"][0], lines]}
    [slot] = reading.read(grown._replace(rows=rows), over(WHOLE)).slots
    assert slot.options[1].texts == {"de": "Zwei", "fr": "Deux"}


@pytest.mark.parametrize(
    ("group", "nth", "changed", "told"),
    [
        ("options", 1, {"option_texts": "Zwei"}, "Option 2: Each line takes a language and its words"),
        ("options", 1, {"option_weight": "0"}, "Option 2: Each option takes a slot's name"),
        ("caps", 2, {"cap_most": "9999"}, "Cap 3: A whole number from 0 to 1000 was expected"),
        ("steps", 0, {"step_channel": "pigeon"}, "Step 1: Each step takes"),
        ("budgets", 0, {"budget_most": "some"}, "A whole number from 0 on was expected."),
    ],
)
def test_what_does_not_hold_of_several_rows_says_in_which(
    group: str, nth: int, changed: dict[str, str], told: str
) -> None:
    filled = sheet.of(WHOLE, ZONE)
    rows = [{**row, **changed} if n == nth else row for n, row in enumerate(filled.rows[group])]
    typed = filled._replace(rows={**filled.rows, group: rows})
    with pytest.raises(MisfitError) as raised:
        reading.read(typed, over(WHOLE))
    problems = [(fault.field, fault.expected) for fault in raised.value.faults]
    assert sheet.with_problems(typed, problems).wrong(group).startswith(told)


def test_no_field_answers_in_the_words_of_programs() -> None:
    ticked = {"is_quiet", "while_open", "pick_in_stock", "pick_not_owned"}
    assert (LABELS.keys() | ROWS.keys()) - EXPECTED.keys() == ticked, "a box is ticked or not, and cannot be wrong"
    bad = {"kind": "all", "of": [{"kind": "did", "event": "A"}, {"kind": "fact", "fact": "x", "op": "at_least"}]}
    with pytest.raises(RuleError) as raised:
        parse(bad)
    assert of_rule(raised.value) == "Condition 2, what it is compared with: “at least” takes a number."


def test_a_campaign_is_as_well_as_what_it_refers_to() -> None:
    campaign = msgspec.structs.replace(WHOLE, schedule=Schedule())
    newest = Version(
        version=1, stage="launched", made_by="", made_ms=0, asked_by=None, asked_ms=None, reviewed_by=None,
        reviewed_ms=None, by_two=False, live_ms=0,
    )  # fmt: skip
    record = Record(
        id="whole", name="Whole", state="live", campaign=campaign, newest=newest, live_version=1, revision=1,
        changed_by="", changed_ms=0,
    )  # fmt: skip
    pool = Pool(id="pool", name="Gifts", kind="list", reward="A gift")
    dry, low = (PoolRecord(pool=pool, left=left, taken=19, redeemed=0, changed_by="", updated_ms=0) for left in (0, 1))
    failing = Doing(fates=(("cap", 3), ("template", 2)))
    told = [
        health.of(record, ["There is no zone z (any more)."] * 2, {}, Doing(), 0),
        health.of(record, [], {}, failing, 0),
        health.of(record, [], {"pool": dry}, Doing(), 0),
        health.of(record, [], {"pool": low}, Doing(), 0),
        health.of(record, [], {}, Doing(sent=1), 0),
        health.of(record, [], {}, Doing(fates=(("cap", 3),)), 0),
    ]
    assert [each.word for each in told] == ["to mend", "fails", "no codes", "few codes", "speaks", "silent"]
    assert told[0].why == "There is no zone z (any more). And 1 more."
    assert told[2].why == "Gifts is dry."


@pytest.mark.parametrize(
    ("field", "typed", "wrong"),
    [
        ("name", "!!!", "name"),
        ("title", "", "title"),
        ("kind", "eclipse", "kind"),
        ("wait", "soon", "wait"),
        ("wait", "1e9", "wait"),
        ("days", "1.5", "days"),
        ("at", "25:00", "at"),
        ("from", "tomorrow", "from"),
        ("dayparts", "10-12-14", "dayparts"),
        ("weekdays", "Friday", "weekdays"),
        ("rule", "{", "rule"),
        ("rule", '{"kind": "fact", "fact": "x", "op": "likes"}', "rule"),
        ("holdout", "95", "holdout"),
        ("value", "inf", "value"),
        ("tags", "Not a tag", "tags"),
        ("coupon", "no id!", "coupon"),
    ],
)
def test_what_does_not_hold_is_said_at_its_field(field: str, typed: str, wrong: str) -> None:
    filled = sheet.of(WHOLE, ZONE)
    with pytest.raises(MisfitError) as raised:
        reading.read(filled._replace(values={**filled.values, field: typed}), over(WHOLE))
    found = sheet.with_problems(filled, [(fault.field, fault.expected) for fault in raised.value.faults])
    assert list(found.problems) == [wrong]
    assert found.wrong(wrong).endswith(".")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("trigger.zones[2]", "zones"),
        ("template.body", "body"),
        ("wordings[3].template.title", "wordings"),
        ("slots.headline.one.text", "options"),
        ("audience.of[1].value", "rule"),
        ("schedule.until_ms", "until"),
        ("steps[0].after_s", "steps"),
        ("campaign", "campaign"),
    ],
)
def test_a_path_within_a_campaign_leads_to_what_shows_it(path: str, field: str) -> None:
    assert sheet.field_of(path) == field


def test_campaigns_are_told_in_words() -> None:
    names = Names({"a": "Altona"}, {("a", "z"): "Sport"})
    assert said.when(WHOLE.trigger, names, {}) == (
        "When she has been in Sport (Altona and b) for 90 seconds, 2 hours later, "
        "unless “A B” and “C” happened"
    )  # fmt: skip
    told = [said.when(Trigger(kind=kind), names, {}) for kind in said.KINDS]
    assert all(text.startswith(("When ", "On ", "At ")) for text in told)
    assert said.often(WHOLE).startswith("at most 2 of what is tagged a within 100 hours, at most 1 by email a day")
    assert said.schedule(WHOLE.schedule).startswith("Mon, Sat; 10:00 to 12:00, 22:00 to 02:00; while the store is open")
    assert said.variants(WHOLE) == 2
    of = [{"kind": "segment", "segment": "vip"}, {"kind": "any", "of": [{"kind": "consent", "purpose": "email"}] * 2}]
    picky = msgspec.structs.replace(WHOLE, audience={"kind": "all", "of": [{"kind": "not", "of": of[0]}, of[1]]})
    assert whom(picky) == "not (is in the segment vip), and (agreed to email, or agreed to email)"
    called = {"latte": "Oat latte", "a": "Other"}
    assert said.named("0.1; latte comes first: worth more", called) == "0.1; “Oat latte” comes first: worth more"
    assert said.named("it always goes before a at the same places", called).startswith("it always goes before “Other”")
    assert said.named("not-a always goes before it", called) == "not-a always goes before it"


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"kind": "did", "event": "Order Completed", "least": 1}, "bought something"),
        (
            {"kind": "did", "event": "Product Viewed", "least": 3, "within_days": 30},
            "looked at a product at least 3 times in the last 30 days",
        ),
        (
            {"kind": "not", "of": {"kind": "did", "event": "Sat Down", "least": 1, "where": [
                {"property": "table", "op": "is", "value": 4}]}},
            "not (did “Sat Down”, its table is 4)",
        ),
        ({"kind": "fact", "fact": "traits.city", "op": "is", "value": "Bonn"}, 'city is "Bonn"'),
        ({"kind": "fact", "fact": "figures.orders", "op": "at_least", "value": 2}, "“how many orders” is at least 2"),
        (
            {"kind": "fact", "fact": "last.Order Completed", "op": "not_within_days", "value": 90},
            "the last time of “Order Completed” was not within the last 90 days",
        ),
    ],
)  # fmt: skip
def test_a_rule_is_told_in_plain_words(rule: dict[str, object], told: str) -> None:
    assert whom(msgspec.structs.replace(WHOLE, audience=rule)) == told


def test_a_decision_names_first_what_was_said_and_counts_what_is_too_much() -> None:
    lost = [Considered(campaign=f"c{n}", version=1, verdict="cap", why="had 1 of 1") for n in range(30)]
    won = Considered(campaign="w", version=2, verdict="chosen", why="worth most", net=0.4)
    held = Considered(campaign="h", version=1, verdict="outvalued", why="0.1", net=0.1)
    groups = explained.groups([*lost, held, won], {"w": "Winner"})
    assert [(group.fate.word, len(group.lines), group.more) for group in groups] == [
        ("sent", 1, 0),
        ("outbid", 1, 0),
        ("capped", explained.SHOWN, 30 - explained.SHOWN),
    ]
    assert (groups[0].lines[0].name, groups[0].lines[0].net) == ("Winner", "0.40")


def test_weeks_begin_on_mondays_and_nonsense_means_today() -> None:
    now_ms = 1_763_800_000_000
    assert [calendar.monday(text, now_ms, ZONE).weekday() for text in ("2026-11-22", "x", "0001-01-01")] == [0, 0, 0]


def test_what_was_reckoned_is_told_as_people_say_it() -> None:
    assert said.plain("worth 2, opened with 0.25, less 0.050 of patience: 0.450") == (
        "worth 2, and 25 of 100 open what comes this way; less 0.05 for her patience"
    )
    assert said.plain("she is not in its audience") == "she is not in its audience"
    assert explained.way(()) == "From the radio to the decision"


def test_what_names_somebody_is_hidden() -> None:
    assert phone.hidden("firstName", "Anna") != "Anna"
    assert phone.hidden("city", "Hamburg") == "Hamburg"
