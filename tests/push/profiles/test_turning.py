"""Of all words, turning points say the same as all of them: what is in force exactly, what was covered never more."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from push.profiles import turning
from push.profiles.collect.gate import Word as At
from push.profiles.collect.gate import covered
from push.profiles.turning import Point, Run, Span
from push.profiles.words import Circumstances, Word

TIMES = range(1, 13)
WORDS = st.lists(
    st.builds(
        lambda facet, granted, at_ms, source, claimed: Word(
            id="",
            shopper=facet,
            purpose="profiling",
            granted=granted,
            at_ms=at_ms,
            how=Circumstances(source=source, claimed=claimed and granted),
        ),
        st.sampled_from("ab"),
        st.booleans(),
        st.sampled_from(TIMES),
        st.sampled_from(("app:1", "app:2", "till")),
        st.booleans(),
    ),
    max_size=14,
).map(lambda words: [numbered(word, n) for n, word in enumerate(words)])


def numbered(word: Word, n: int) -> Word:
    return Word(
        id=f"w{n}", shopper=word.shopper, purpose=word.purpose, granted=word.granted, at_ms=word.at_ms, how=word.how
    )


def kept(words: Sequence[Word]) -> list[Run]:
    """What the ledger has after these arrived, in their order."""
    tracks: dict[object, list[Run]] = {}
    for word in words:
        track = turning.track(word)
        tracks[track] = turning.insert(tracks.get(track, []), word, 0)
    return [run for track in tracks.values() for run in track]


def in_force(said: Sequence[tuple[bool, int, bool]]) -> tuple[bool, int] | None:
    """Of (claimed, time, granted) the one that holds: her own first, the latest; of one time a refusal."""
    best = min(said, key=lambda one: (one[0], -one[1], one[2]), default=None)
    return None if best is None else (best[2], best[1])


def gated(points: Sequence[Point]) -> list[At]:
    spoke, found = False, []
    for point in points:
        spoke = spoke or not point.claimed
        if not (point.claimed and spoke):
            found.append(At(point.at_ms, point.granted))
    return found


def of_words(words: Sequence[Word]) -> list[At]:
    said = sorted((word.at_ms, not word.granted, word.how.claimed) for word in words)
    return gated([Point(at_ms, not refused, claimed) for at_ms, refused, claimed in said])


def of_runs(runs: Sequence[Run]) -> list[At]:
    return gated(turning.points(Span(r.word.at_ms, r.again_ms, r.word.granted, r.word.how.claimed) for r in runs))


@given(WORDS)
def test_what_is_in_force_is_what_all_words_say_in_whatever_order_they_come(words: list[Word]) -> None:
    plain = in_force([(word.how.claimed, word.at_ms, word.granted) for word in words])
    for arrived in (words, words[::-1], [*words, *words]):
        assert in_force([(r.word.how.claimed, r.again_ms, r.word.granted) for r in kept(arrived)]) == plain


@given(WORDS)
def test_nothing_is_covered_that_was_not_under_however_many_identifiers(words: list[Word]) -> None:
    plain, runs = of_words(words), of_runs(kept(words))
    for at_ms in TIMES:
        assert covered(plain, at_ms) or not covered(runs, at_ms)


@given(WORDS)
def test_of_one_identifier_whose_words_come_in_order_everything_covered_stays_so(words: list[Word]) -> None:
    mine = sorted((w for w in words if w.shopper == "a" and not w.how.claimed), key=lambda w: (w.at_ms, not w.granted))
    plain, runs = of_words(mine), of_runs(kept(mine))
    assert [covered(runs, at_ms) for at_ms in TIMES] == [covered(plain, at_ms) for at_ms in TIMES]


@given(st.lists(st.sampled_from(TIMES), max_size=30), st.booleans())
def test_however_often_the_same_is_said_it_is_one_row(times: list[int], granted: bool) -> None:  # noqa: FBT001 - drawn
    words = [
        Word(
            id=f"w{n}", shopper="a", purpose="email", granted=granted, at_ms=at_ms, how=Circumstances(source=f"app:{n}")
        )
        for n, at_ms in enumerate(times)
    ]
    runs = kept(words)
    assert [(run.word.at_ms, run.again_ms) for run in runs] == ([(min(times), max(times))] if times else [])
