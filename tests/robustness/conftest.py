from collections.abc import Iterator

import pytest

from tests.robustness.house import House, open_house


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def house(_built: House) -> Iterator[House]:
    """The scratch house, empty of running parts before and after."""
    yield _built
    _built.stop_everything()
