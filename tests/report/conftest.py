"""The browser and the pages that the tests read: each page is written once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archcalc.analysis.whole import Analysis
from archcalc.render.report import render
from tests.report.browser import Browser, start

Written = Callable[..., Path]


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    yield from start(tmp_path_factory.mktemp("profile"))


@pytest.fixture
def browser(one_browser: Browser) -> Iterator[Browser]:
    """The browser; the page may say nothing in the console and ask for nothing, whatever a test does with it."""
    one_browser.complaints()  # of the test before, which read them
    yield one_browser
    assert one_browser.complaints() == []


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Analyses → the path of their page."""
    folder, pages = tmp_path_factory.mktemp("pages"), dict[tuple[int, ...], Path]()

    def write(*analyses: Analysis) -> Path:
        key = tuple(map(id, analyses))
        if key not in pages:
            pages[key] = folder / f"{len(pages)}.html"
            pages[key].write_text(render(analyses), "utf-8")
        return pages[key]

    return write
