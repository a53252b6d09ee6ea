"""Templates with loops: what they may do, and that none of them costs anybody else anything."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.campaigns.content_settings import ContentSettings
from push.campaigns.render import TemplateError
from push.campaigns.sandbox import MOST_WAITING, Sandbox, opened
from push.model.campaigns import Template

FACTS: dict[str, object] = {
    "shopper": {"name": "Ann", "children": 0},
    "products": [{"name": "Runner", "price": "80 €"}, {"name": "Sock", "price": "5 €"}],
}
DOCS = Path(__file__).parents[3] / "docs" / "campaigns.md"
LIST = re.findall(r"```liquid\n(.*?)```", DOCS.read_text(), re.DOTALL)[0]
"""The example of the docs."""

ENDLESS = "{% if (1..1000000000000) contains 'x' %}{% endif %}"
"""Python looks at every number of a range for what is none."""


def loops(text: str) -> Template:
    return Template(title="t", body=text)


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with opened(ContentSettings(render_ms=5000)) as sandbox:
        yield sandbox


async def test_whatever_a_template_tries_the_next_one_is_rendered(box: Sandbox) -> None:
    hostile = {
        "{% for i in (1..1000000000) %}{% for j in (1..1000000000) %}a{% endfor %}{% endfor %}": "loop iteration limit",
        "{% assign x = (1..1000000000) | sort %}": "Memory",
        "{% assign x = 'aaaaaaaa' %}" + "{% assign x = x | replace: 'a', x %}" * 20: "more than 4000 characters",
        "{% assign n = 99999 %}" + "{% assign n = n | times: n %}" * 40: "limit",
        "{% for p in products %}" * 60 + "{% endfor %}" * 60: "depth|nest|limit",
    }
    for text, problem in hostile.items():
        with pytest.raises(TemplateError, match=problem):
            await box.render(loops(text), FACTS)
    reaching = "{% assign p = products[0] %}{{ p.__class__ }}{{ shopper.__init__.__globals__ }}{{ products.append }}-"
    assert (await box.render(loops(reaching), FACTS)).body == "-"
    assert (await box.render(loops(LIST), FACTS)).body == "Runner 80 €, Sock 5 €"
    counts = {outcome: n for outcome, n in box.counts.items() if n}
    assert counts == {"wrong": 3, "memory": 1, "rendered": 2}


async def test_one_that_overruns_is_killed_and_not_tried_again_and_others_are_rendered() -> None:
    async with opened(ContentSettings(render_ms=500)) as box:
        with pytest.raises(TemplateError, match="too long"):
            await box.render(loops(ENDLESS), FACTS)
        before_s = asyncio.get_running_loop().time()
        for _ in range(100):
            with pytest.raises(TemplateError, match="not tried"):
                await box.render(loops(ENDLESS), FACTS)
        assert asyncio.get_running_loop().time() - before_s < 25  # 50 s, if each of them took its time
        assert (box.counts["timeout"], box.counts["crashed"], box.counts["refused"]) == (1, 0, 100)
        assert (await box.render(loops(LIST), FACTS)).body == "Runner 80 €, Sock 5 €"


async def test_what_fails_for_one_person_does_not_for_the_next(box: Sandbox) -> None:
    text = loops("{% assign share = 12 | divided_by: shopper.children %}{{ share }}")
    with pytest.raises(TemplateError, match="divide by 0"):
        await box.render(text, FACTS)
    assert (await box.render(text, {"shopper": {"children": 3}})).body == "4"


async def test_more_than_can_wait_are_refused_and_the_rest_is_rendered(box: Sandbox) -> None:
    asked = [box.render(loops(LIST), FACTS) for _ in range(MOST_WAITING + 8)]
    told = await asyncio.gather(*asked, return_exceptions=True)
    refused = [each for each in told if isinstance(each, TemplateError)]
    assert 0 < len(refused) <= 8
    assert all("wait" in str(each) for each in refused)
