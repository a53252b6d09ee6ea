"""Templates: what they may do, and that none of them can hold the server up."""

import sys
import time
from types import FrameType

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from push.campaigns.render import MAX_OUTPUT_BYTES, TemplateError, check, is_plain, render
from push.model.campaigns import Template

FACTS: dict[str, object] = {
    "shopper": {"name": "Ann", "age": 37, "vip": True, "nothing": None, "long": "%" * 100_000, "ratio": 1.5},
    "store": {"id": "s1", "name": "Main street"},
    "zone": {"id": "shoes", "name": "Shoes"},
    "moment": {"kind": "dwelled", "mark_s": 30},
}
MOST_CALLS = 200_000
"""Of functions: what a template costs, and the same on every machine."""
MOST_S = 10.0
"""Of CPU: one call may cost anything, too. Ten thousand times an ordinary template, so that a busy machine fails no
test."""


def body(text: str) -> str:
    return render(Template(title="t", body=text), FACTS).body


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hello {{ shopper.name }}, welcome to {{ store.name }}", "Hello Ann, welcome to Main street"),
        ("{{ shopper.unknown | default: 'friend' }}", "friend"),
        ("{% if shopper.vip %}Dear{% else %}Hi{% endif %} {{ zone.name | upcase }}", "Dear SHOES"),
        ("{% unless shopper.nothing %}-{% endunless %}{{ moment.mark_s | plus: 1 }}", "-31"),
        ("{% case moment.kind %}{% when 'dwelled' %}You like it{% endcase %}", "You like it"),
        ("{% comment %}unseen{% endcomment %}{{ 'a..b' }} (1..2)", "a..b (1..2)"),
        ("  {{ shopper.name | append: '!' }} \n", "Ann!"),
        ("{{ some.body.entirely }}", ""),
    ],
)
def test_what_a_template_may_do(text: str, shown: str) -> None:
    assert body(text) == shown


def test_all_fields_are_rendered() -> None:
    template = Template(
        title="{{ store.name }}", body="b", url="https://x.test/{{ zone.id | url_encode }}", image="{{ store.id }}"
    )
    content = render(template, FACTS)
    assert (content.title, content.body, content.url, content.image) == (
        "Main street",
        "b",
        "https://x.test/shoes",
        "s1",
    )
    assert render(Template(title="t"), FACTS).url is None


@pytest.mark.parametrize("field", ["title", "body", "url", "image"])
def test_what_does_not_parse_is_named_by_its_field(field: str) -> None:
    parts = {"title": "t", field: "{% if %}"}
    with pytest.raises(TemplateError, match=f"^{field}: "):
        check(Template(**parts))
    with pytest.raises(TemplateError, match=f"^{field}: "):
        render(Template(**parts), FACTS)


REFUSED = [
    "{% tablerow i in (1..9) %}{% endtablerow %}",
    "{% include 'x' %}",
    "{% render 'x' %}",
    "{% liquid assign x = 1 %}",
    "{{ 'now' | date: '%s' }}",
    "{{ x",
    "{% if x %}",
    "{{ x | | y }}",
    "{{ shopper[(1..9)] }}",
]
ELSEWHERE = [
    "{% for i in shopper %}{% endfor %}",
    "{% assign x = 1 %}",
    "{% capture x %}{% endcapture %}",
    "{% increment x %}",
    "{% cycle 1, 2 %}",
    "{{ 'a' | times: 9 }}",
    "{{ 'a' | replace: 'a', 'bb' }}",
    "{{ 'a' | split: '' }}",
    "{{ (1..9) }}",
    "{% if (1..1000000000000) contains 'x' %}{% endif %}",
    "{% if true and (1..2) contains 1 %}{% endif %}",
    "{% case 1 %}{% when (1..2) %}{% endcase %}",
    "{{ 'a' | append: (1..2) }}",
    "{% unless x %}{% if y %}{% echo (1..9) | size %}{% endif %}{% endunless %}",
    "{{ shopper | append: (1..9) }}",
]
"""What may cost more than its length."""


@pytest.mark.parametrize("text", REFUSED)
def test_what_a_template_may_not_do_is_refused_when_it_is_written(text: str) -> None:
    with pytest.raises(TemplateError):
        check(Template(title="t", body=text))


@pytest.mark.parametrize("text", ELSEWHERE)
def test_what_may_cost_more_than_its_length_is_not_rendered_here(text: str) -> None:
    assert not is_plain(Template(title="t", body=text))
    with pytest.raises(TemplateError):
        body(text)


def test_a_text_of_a_megabyte_is_none() -> None:
    with pytest.raises(msgspec.ValidationError, match="length <= 4000"):
        msgspec.convert({"title": "t", "body": "a" * 2**20}, Template)


def test_an_empty_title_is_a_problem_with_advice() -> None:
    with pytest.raises(TemplateError, match="`default` filter"):
        render(Template(title="{{ shopper.nothing }}"), FACTS)


FULL = 4000
HOSTILE = [
    "{% if 1 %}" * 300 + "{% endif %}" * 200,
    "{% if " + " and ".join(["a"] * 790) + " %}{% endif %}",
    "{{ " + "(" * 1900 + "1" + ")" * 1900 + " }}",
    "{{ a" + "[a" * 1300 + "]" * 1300 + " }}",
    "{{ a" + ".a" * 1900 + " }}",
    "{{ " + "9" * 3900 + " | plus: 1 }}",
    "{{ '" + "9" * 3900 + "' | plus: 1 }}",
    "{{ '1e99999999' | modulo: 3 }}",
    "{{ '1e999999999' | round }}",
    "{{ 1.5 | round: 100000000 }}",
    "{{ 'nan' | floor }}",
    "{{ 1 | divided_by: 0 }}",
    "{{ 'a' | truncate: 999999999999 }}",
    "{{ 'a' | slice: -99999999999999999999, 99999999999999999999 }}",
    "{{ '%'" + " | url_encode" * 300 + " }}",
    "{{ shopper.long" + " | url_encode" * 300 + " }}",
    "{{ shopper.long" + " | append: shopper.long" * 160 + " }}",
    "{{ shopper.long }}" * 200,
    "{% comment %}" * 300,
    "{%" * 2000,
    "{{" * 2000,
    "{{ x }}" * 571,
    "\\" * FULL,
    "\x00\ud7ff😀" * 1000,
    "{{ '" + "'" * 3000,
    "{{ x }}" * 401,
    "{% case x %}" + "{% when 1 %}" * 300 + "{% endcase %}",
]


def bounded(text: str) -> None:
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    began_s, said = time.thread_time(), ""
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        shown = body(text[:FULL])
    except TemplateError as error:
        said, shown = str(error), ""
    finally:
        sys.setprofile(before)
    assert calls < MOST_CALLS
    assert len(shown.encode()) <= MAX_OUTPUT_BYTES
    assert len(said) < 300
    assert "\n" not in said
    assert time.thread_time() - began_s < MOST_S


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_hostile_template_takes_long_prints_much_or_raises_anything_else(text: str) -> None:
    bounded(text)


FILTERS = """abs append at_least at_most capitalize ceil default divided_by downcase first floor last minus modulo plus
    prepend round size slice strip truncate truncatewords upcase url_encode"""
WORDS = """{{ {% %} }} | : , . ' " ( ) [ ] .. if endif unless case when else endcase comment endcomment echo contains
    and or == shopper shopper.long shopper.name store zone moment 0 1 -1 99999999999999999999 1e999 '1e999999' nil true
    blank"""


@settings(max_examples=300)
@given(st.lists(st.sampled_from((WORDS + " " + FILTERS).split()), max_size=200).map(" ".join))
def test_no_random_template_does_either(text: str) -> None:
    bounded(text)


names = st.sampled_from(FILTERS.split())
values = st.sampled_from(
    ["shopper", "shopper.long", "shopper.age", "store", "nil", "true", "-1", "0", "1.5", "99999999999999999999", "'x'",
     "'1e999999999'", "'-0'", "'nan'", "blank", "empty"]
)  # fmt: skip


@settings(max_examples=500)
@given(
    value=values,
    chain=st.lists(st.tuples(st.sampled_from(FILTERS.split()), st.lists(values, max_size=2)), min_size=1, max_size=60),
)
def test_no_chain_of_filters_does_either(value: str, chain: list[tuple[str, list[str]]]) -> None:
    bounded(
        "{{ "
        + value
        + "".join(f" | {name}: {', '.join(args)}" if args else f" | {name}" for name, args in chain)
        + " }}"
    )
