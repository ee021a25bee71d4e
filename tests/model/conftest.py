"""The processes of multi-rank tests live as long as the run."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _end_of_ranks() -> Iterator[None]:
    yield
    if cases := sys.modules.get("tests.model.cases"):
        cases.POOL.close()
