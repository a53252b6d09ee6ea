"""Codes of coupons: a slip of the finger is told from a forgery, and a pool knows its own."""

from hypothesis import given
from hypothesis import strategies as st

from push.campaigns.codes import LETTERS, PoolKey, is_code, is_well_spelled, looks_signed, normal

KEY = PoolKey("spring", bytes(32))
PLACES = st.integers(0, 15)


@given(PLACES, PLACES, st.sampled_from(LETTERS))
def test_one_wrong_letter_or_two_that_changed_places_are_a_slip_and_a_new_code_is_none(
    one: int, other: int, letter: str
) -> None:
    code = normal(f" {KEY.new().lower()} ")
    assert looks_signed(code)
    assert is_code(code)
    assert is_well_spelled(code)
    assert KEY.has_signed(code)
    assert not PoolKey("autumn", bytes(32)).has_signed(code)
    wrong = code[:one] + letter + code[one + 1 :]
    assert is_well_spelled(wrong) == (wrong == code)
    swapped = [*code]
    swapped[one], swapped[other] = swapped[other], swapped[one]
    assert is_well_spelled("".join(swapped)) == (swapped == [*code])
