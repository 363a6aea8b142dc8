"""Make the pictures of the documentation from the real thing: ``python -m tests.docs.pictures``.

============  ============================================================================================
``live.png``  the program of the front page (``docs/index.md``) in two browsers: one votes, the other types
``demo.jpg``  what ``vivace demo`` serves: its lists on a computer, its dashboard in dark on a phone
============  ============================================================================================

Both are served by ``vivace`` and looked at by the system's Chromium (the extra ``test`` brings Playwright).
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.cli.process import Serving, serving
from tests.features.browsing import chromium

from .programs import files, write

ROOT: Final = Path(__file__).parents[2]
PICTURES: Final = ROOT / "docs" / "_static"
LARGEST: Final = 150_000  # bytes: they are fetched by everybody who opens the page
PLACES: Final = {"Pizza": 9, "Thai": 6, "Ramen": 6, "Tacos": 4, "Soup": 2}

FRAMES: Final = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 28px; background: #e9e6e4; font: 15px system-ui, sans-serif; width: 1044px; display: flex; gap: 28px; align-items: center; }
figure { margin: 0; background: #fff; border-radius: 12px; box-shadow: 0 10px 30px #0003; overflow: hidden; }
figcaption { display: flex; gap: 7px; align-items: center; padding: 10px 14px; background: #f6f4f3; color: #6b6462; }
figcaption i { width: 11px; height: 11px; border-radius: 50%; background: #d8d3d0; }
figcaption b { font-weight: 500; margin-left: 8px; }
.phone { border: 9px solid #2b2726; border-radius: 34px; }
.phone figcaption { justify-content: center; padding: 6px; }
img { display: block; }
</style>
<figure><figcaption><i></i><i></i><i></i><b>WIDE</b></figcaption><img src="data:image/png;base64,COMPUTER" width="680"></figure>
<figure class="phone"><figcaption>NARROW</figcaption><img src="data:image/png;base64,PHONE" width="290"></figure>"""


@contextmanager
def served(folder: Path) -> Generator[Serving]:
    """Serve the front page's program until the block ends."""
    for block in files(ROOT / "docs" / "index.md"):
        write(block, folder)
    fill = "; ".join(f"await Place.objects.create(name={name!r}, votes={n})" for name, n in PLACES.items())
    command = [sys.executable, "-m", "vivace", "shell", "lunch.py", "-c", fill]
    subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    key = "for a picture, and for nothing else at all"
    with serving("run", "lunch.py", folder=folder, tmp=folder, SECRET_KEY=key) as server:
        yield server


def votes(browser: Any) -> tuple[bytes, bytes]:
    """Return what Ada and Bob see after Bob's vote, while Ada types."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        ada = browser.new_page(viewport={"width": 680, "height": 570})
        bob = browser.new_page(viewport={"width": 290, "height": 570})
        for page in (ada, bob):
            page.goto(f"http://127.0.0.1:{server.port}")
        field = ada.locator("input[name=name]:not([type=hidden])")
        field.press_sequentially("Soup kit")
        bob.locator("button[value=Thai]").click()
        for page in (ada, bob):  # seven votes: the order has changed, too
            page.locator("tr", has_text="7").wait_for()
        bob.mouse.move(1, 1)
        assert field.input_value() == "Soup kit"
        return ada.screenshot(caret="initial"), bob.screenshot()


def demo(browser: Any) -> tuple[bytes, bytes]:
    """Return the front page of the demo, and its dashboard on a phone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving("demo", "--no-open", "--data", "piazza", folder=folder, tmp=folder) as server:
            computer = browser.new_page(viewport={"width": 1020, "height": 855}, bypass_csp=True)
            computer.goto(f"http://127.0.0.1:{server.port}")
            phone = browser.new_page(
                viewport={"width": 390, "height": 767}, color_scheme="dark", bypass_csp=True
            )
            phone.goto(f"http://127.0.0.1:{server.port}/activity")
            style = "html { scrollbar-gutter: auto }"
            return computer.screenshot(style=style), phone.screenshot(style=style)


def framed(browser: Any, path: Path, shots: tuple[bytes, bytes], captions: tuple[str, str]) -> None:
    """Put two pictures side by side, as a computer and a phone."""
    page = FRAMES.replace("WIDE", captions[0]).replace("NARROW", captions[1])
    for name, shot in zip(("COMPUTER", "PHONE"), shots, strict=True):
        page = page.replace(name, base64.b64encode(shot).decode())
    frames = browser.new_page(viewport={"width": 1100, "height": 720})
    frames.set_content(page)
    kind = {"type": "jpeg", "quality": 82} if path.suffix == ".jpg" else {}
    frames.locator("body").screenshot(path=str(path), **kind)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}: {size:,} bytes")
    if size > LARGEST:
        raise SystemExit(f"More than {LARGEST:,} bytes.")


def main() -> None:
    """Write the pictures, and say how large they are."""
    with chromium() as browser:
        framed(browser, PICTURES / "live.png", votes(browser), ("Ada, who is typing", "Bob, who votes"))
        framed(browser, PICTURES / "demo.jpg", demo(browser), ("Piazza", "Piazza"))


if __name__ == "__main__":
    main()
