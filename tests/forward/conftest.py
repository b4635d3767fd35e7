"""What tests of the forward pass share."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Matrix products on one thread: thousands of small ones, beside other tests, would mostly wait for each other."""
    with threadpool_limits(1):
        yield
