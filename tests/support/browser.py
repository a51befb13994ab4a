"""Open pages in a real headless Chromium: the one that this machine has."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Any

from playwright import sync_api

from tests.support.skips import skip_not_installed

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextlib.contextmanager
def started_browser() -> Iterator[Any]:
    """Give a Playwright browser to the end of the block; skip where there is none."""
    path = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if path is None:
        skip_not_installed("Chromium", "make chromium")
    # Chromium refuses to put root into its sandbox.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
