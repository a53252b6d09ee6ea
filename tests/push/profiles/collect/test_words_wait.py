"""Which words wait until she confirms them: those that nobody proved, and those that the site asks for twice."""

import pytest
from msgspec.structs import replace

from push.model.profiles import Authority
from push.profiles.collect.consents import Rules, words
from tests.support.purchases import event

RULES = Rules({"News": ("email", "marketing")}, 0, confirms=lambda purpose: purpose == "marketing")


@pytest.mark.parametrize(
    ("authority", "waits"),
    [("publishable", {"email", "marketing"}), ("proven", {"marketing"}), ("server", {"marketing"})],
)
def test_a_yes_waits_as_its_source_and_purpose_ask_and_a_no_never_does(authority: Authority, waits: set[str]) -> None:
    for yes in (True, False):
        context = {"consent": {"categoryPreferences": {"News": yes}}}
        told = replace(event("", 1, "st-1"), kind="identify", authority=authority, context=context)
        found = {word.purpose for word in words(told, "shp", RULES) if word.how.pending}
        assert found == (waits if yes else set())


def test_what_a_system_brings_with_proof_holds_and_nobody_else_has_one() -> None:
    context = {"consent": {"purposes": {"marketing": True}, "proof": "form 4711"}}
    told = replace(event("", 1, "st-1"), kind="identify", authority="server", context=context)
    [proven] = words(told, "shp", RULES)
    assert (proven.how.pending, proven.how.claimed, proven.how.proof) == (False, True, b"form 4711")
    said = {"consent": {"categoryPreferences": {"News": True}, "proof": "trust me"}}
    forged = words(replace(told, authority="publishable", context=said), "shp", RULES)
    assert {(word.how.pending, word.how.proof) for word in forged} == {(True, None)}
