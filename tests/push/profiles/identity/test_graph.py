"""Who is who follows from what was said alone: not from its order, nor from how often, nor from what was cut."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from push.model.ids import derived
from push.profiles.identity import graph
from push.profiles.identity.graph import Decided, Facet, Link, People, settle
from push.profiles.identity.kinds import Kind, Kinds

RULES = Kinds({"device": Kind(priority=40, most_per_person=2)}, shared_after=3)
FACETS = [
    *(Facet(f"u{n}", "user_id") for n in range(4)),
    *(Facet(f"e{n}", "email") for n in range(3)),
    *(Facet(f"d{n}", "device") for n in range(4)),
    *(Facet(f"a{n}", "anonymous_id") for n in range(4)),
]
NAMES = [facet.id for facet in FACETS]
KIND = {facet.id: facet.kind for facet in FACETS}


def link(a: str, b: str, at_ms: int, decided: Decided = "") -> Link:
    a, b = sorted((a, b))
    return Link(derived("lnk", a, b), a, b, KIND[a], KIND[b], at_ms, decided)


def people(*links: Link) -> People:
    return settle(FACETS, links, RULES)


def sets(found: People) -> set[frozenset[str]]:
    """Those of several facets."""
    persons = [frozenset(f for f, p in found.persons.items() if p == person) for person in found.persons.values()]
    return {person for person in persons if len(person) > 1}


pairs = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1])
decisions: st.SearchStrategy[Decided] = st.sampled_from(["", "", "", "", "cut", "join"])
graphs = st.dictionaries(pairs.map(lambda pair: (min(pair), max(pair))), st.tuples(st.integers(0, 9), decisions)).map(
    lambda found: [link(a, b, at_ms, decided) for (a, b), (at_ms, decided) in found.items()]
)


@given(links=graphs, data=st.data())
def test_any_order_and_any_repetition_makes_the_same_people(links: list[Link], data: st.DataObject) -> None:
    again = data.draw(st.permutations(links + data.draw(st.lists(st.sampled_from(links)) if links else st.just([]))))
    facets = data.draw(st.permutations(FACETS))
    assert settle(facets, again, RULES) == settle(FACETS, links, RULES)


@given(links=graphs.filter(bool), data=st.data())
def test_what_is_cut_leaves_what_would_be_there_without_it(links: list[Link], data: st.DataObject) -> None:
    cut = data.draw(st.sampled_from(links))
    left = settle(FACETS, [replace(one, decided="cut") if one == cut else one for one in links], RULES)
    never = settle(FACETS, [one for one in links if one != cut], RULES)
    assert left.persons == never.persons
    assert left.refused == never.refused
    assert left.states == {**never.states, cut.id: "cut"}


@given(links=graphs)
def test_nobody_has_more_than_the_rules_allow_but_by_decision(links: list[Link]) -> None:
    said = [replace(one, decided="") if one.decided == "join" else one for one in links]
    found = people(*said)
    for person in set(found.persons.values()):
        counts = Counter(KIND[facet] for facet, of in found.persons.items() if of == person)
        assert all(count <= RULES[kind].most for kind, count in counts.items())
        assert KIND[person] == min((KIND[f] for f, of in found.persons.items() if of == person), key=_priority)


def _priority(kind: str) -> int:
    return RULES[kind].priority


@given(links=graphs)
def test_every_link_has_a_state_and_what_is_joined_is_one_person(links: list[Link]) -> None:
    found = people(*links)
    assert found.states.keys() == {one.id for one in links}
    assert found.refused.keys() == {one for one, state in found.states.items() if state == "refused"}
    for one in links:
        if found.states[one.id] == "joined":
            assert found.persons[one.a] == found.persons[one.b]


@settings(deadline=None)
@given(links=graphs, data=st.data())
def test_a_part_that_no_link_leaves_is_settled_alone(links: list[Link], data: st.DataObject) -> None:
    """So nothing but the links around a change has to be read."""
    start, reached = data.draw(st.sampled_from(NAMES)), set[str]()
    todo = {start}
    while todo:
        reached |= todo
        todo = {
            one.other(f) for one in links for f in reached if f in {one.a, one.b} and one.decided != "cut"
        } - reached
    part = settle([f for f in FACETS if f.id in reached], links, RULES)
    whole = people(*links)
    assert part.persons == {facet: person for facet, person in whole.persons.items() if facet in reached}


def test_who_was_a_stranger_becomes_who_she_is() -> None:
    found = people(link("a1", "d1", 1), link("d1", "u1", 2), link("u1", "e1", 3))
    assert sets(found) == {frozenset({"a1", "d1", "u1", "e1"})}
    assert set(found.persons.values()) >= {"u1"}
    assert found.persons["a1"] == "u1"


def test_two_customers_are_never_one_whoever_is_said_to_be_both() -> None:
    found = people(link("u1", "d1", 1), link("u2", "d1", 2))
    assert sets(found) == {frozenset({"u1", "d1"})}
    refusal = found.refused[link("u2", "d1", 2).id]
    assert (refusal.rule, refusal.kind) == ("unique", "user_id")
    assert refusal.why == "Each side has a user_id of its own, and a person has one at most."


def test_who_was_there_first_keeps_what_both_are_said_to_have() -> None:
    late, early = link("u1", "d1", 5), link("u2", "d1", 4)
    assert sets(people(late, early)) == {frozenset({"u2", "d1"})}


def test_more_than_a_person_has_is_refused() -> None:
    found = people(link("u1", "d1", 1), link("u1", "d2", 2), link("u1", "d3", 3))
    assert sets(found) == {frozenset({"u1", "d1", "d2"})}
    assert found.refused[link("u1", "d3", 3).id].why == "Together they would have more than 2 of device."


def test_somebody_who_looks_may_decide_that_two_customers_are_one() -> None:
    found = people(link("u1", "u2", 0, "join"), link("u1", "d1", 1), link("u2", "d1", 2), link("u3", "d1", 3))
    assert sets(found) == {frozenset({"u1", "u2", "d1"})}
    assert found.states[link("u3", "d1", 3).id] == "refused"
    same = people(link("u1", "d1", 1), link("u2", "d1", 2, "join"))
    assert sets(same) == {frozenset({"u1", "u2", "d1"})}


def test_what_too_many_are_said_to_have_joins_nobody_and_does_again_once_enough_is_cut() -> None:
    links = [link(f"u{n}", "d1", n) for n in range(4)]
    found = people(*links, link("d1", "a1", 9))
    assert sets(found) == set()
    assert set(found.states.values()) == {"shared"}
    assert graph.shared(links, RULES) == {"d1"}
    back = people(*links[1:], replace(links[0], decided="cut"), link("d1", "a1", 9))
    assert sets(back) == {frozenset({"u1", "d1", "a1"})}


def test_of_a_kiosk_the_first_links_are_kept_and_what_somebody_decided() -> None:
    users = [Facet(f"x{n}", "user_id") for n in range(100)]
    links = [Link(f"l{n}", "d1", user.id, "device", user.kind, 1000 - n) for n, user in enumerate(users)]
    links[0] = replace(links[0], decided="join")
    dropped = graph.surplus(links, {"d1"}, RULES)
    assert {one.id for one in links} - dropped == {"l0", *(f"l{n}" for n in range(88, 100))}
    assert graph.surplus(links, {user.id for user in users}, RULES) == set()
