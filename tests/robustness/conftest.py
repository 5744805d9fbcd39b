import logging
from collections.abc import Iterator

import pytest

from tests.robustness.house import House, open_house

logging.getLogger("httpx2").setLevel(logging.WARNING)


@pytest.fixture(scope="session", name="built")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def house(built: House) -> Iterator[House]:
    """The scratch house; what a test starts is killed after it."""
    running = list(built.parts)
    yield built
    built.kill_all_but(running)
