"""Which of several errors is told: the one that says what is wrong and where."""

import pytest

from push.cli import explained
from push.model.errors import DatabaseError
from push.starting import StartError


def test_a_clear_error_is_found_in_any_depth_of_groups() -> None:
    clear = StartError("seed.json: expected a registry")
    group = ExceptionGroup("tasks", [ValueError("noise"), ExceptionGroup("inner", [KeyError("x"), clear])])
    assert explained(group) is clear
    assert explained(BaseExceptionGroup("stop", [KeyboardInterrupt(), DatabaseError("gone")])) is not None


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt(), ExceptionGroup("bugs", [ValueError()])])
def test_a_fault_of_ours_keeps_its_traceback(error: BaseException) -> None:
    assert explained(error) is None
