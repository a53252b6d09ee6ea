import pytest

from tests.support.box import quiet_port


@pytest.fixture
def free_port() -> int:
    return quiet_port()
