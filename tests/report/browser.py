"""A real browser for the tests of the page: Debian's Chromium, without a screen and kept from the network."""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

PACKAGES = ("chromium", "chromium-driver")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def found() -> tuple[str, str] | None:
    """Where the browser and its driver are; both or nothing."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def need() -> tuple[str, str]:
    """The browser and its driver. Without them tests skip, but where CI is true: there they are installed, or fail."""
    there = found()
    if there:
        return there
    if os.environ.get("CI") != "true":
        pytest.skip(f"needs a browser: apt-get install {' '.join(PACKAGES)}")
    # Workers of one run may come here at the same time; the first installs for all.
    with open(Path(tempfile.gettempdir()) / "archcalc-tests-apt.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found():
            _install()
    there = found()
    assert there, f"apt-get installed {PACKAGES}, and yet they are not on the path"
    return there


def _install() -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (("update",), ("install", "-y", "--no-install-recommends", *PACKAGES)):
        done = subprocess.run(
            ["/usr/bin/apt-get", "-qq", *words], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"apt-get {words[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


class Browser:
    """The page as a reader has it, and what the browser has to say about it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.opened = set[str]()

    def open(self, path: Path, width: int = 1280, dark: bool = False) -> None:
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [scheme]})
        self.opened.add(path.as_uri())
        self.driver.get(path.as_uri())

    def do(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def text(self, selector: str) -> str:
        """The text of an element as it is written, and not as it is wrapped."""
        return str(self.do("return document.querySelector(arguments[0]).textContent", selector))

    def texts(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)"
        return list(self.do(script, selector))

    def press(self, *keys: str) -> None:
        """Keys for whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def press_shifted(self, key: str) -> None:
        ActionChains(self.driver).key_down(Keys.SHIFT).send_keys(key).key_up(Keys.SHIFT).perform()

    def complaints(self) -> list[str]:
        """What stands in the console, and every request for something that is not the file itself."""
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"].partition("#")[0]
                own = event["params"]["documentURL"].startswith("chrome://")  # the tab that the browser begins with
                said += [] if own or url in self.opened or url.startswith("data:") else [f"a request for {url}"]
        return said


def start(profile: Path) -> Iterator[Browser]:
    """One browser with an empty profile, until the tests are done with it."""
    browser, chromedriver = need()
    options = Options()
    options.binary_location = browser
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    driver.set_page_load_timeout(60)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
