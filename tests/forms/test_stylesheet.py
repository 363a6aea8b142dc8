"""The stylesheet of the framework's own looks: every class has a rule, every colour its contrast, nothing comes from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

import vivace

PACKAGE: Final = Path(vivace.__file__).parent
CSS: Final = (PACKAGE / "forms" / "static" / "vivace" / "vivace.css").read_text("utf-8")
RULES: Final = re.sub(r"/\*.*?\*/", "", CSS, flags=re.DOTALL)
MARKUP: Final = "\n".join(
    [
        (PACKAGE / "forms" / "rendering.py").read_text("utf-8"),
        *(file.read_text("utf-8") for file in PACKAGE.rglob("templates/**/*.html")),
    ]
)
CLASSES: Final = sorted(set(re.findall(r"\bvv-[a-z-]+\b", MARKUP)))
FOR_SCRIPTS_AND_SITES: Final = {"vv-form"}  # marks an element, and needs no rule


def colours(scheme: str) -> dict[str, str]:
    """Return the colours of a scheme by name."""
    light, _, rest = RULES.partition("@media (prefers-color-scheme: dark)")
    text = light if scheme == "light" else rest.partition("}")[0]
    return dict(re.findall(r"--vv-([a-z-]+): (#[0-9a-f]{6});", text))


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours (WCAG 2.2, relative luminance)."""
    lights = sorted((luminance(first), luminance(second)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", CLASSES)
def test_fm4_each_class_has_a_rule(name: str) -> None:
    assert name in FOR_SCRIPTS_AND_SITES or re.search(rf"\.{name}\b", RULES)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "surfaces"),
    [
        ("text", "page surface sunken accent-soft error-soft success-soft warning-soft"),
        ("muted", "page surface sunken"),
        ("accent", "page surface accent-soft"),
        ("accent-strong", "page surface"),
        ("error", "page surface error-soft"),
        ("success", "surface success-soft"),
        ("warning", "surface warning-soft"),
        ("on-accent", "accent accent-strong"),
        ("surface", "error"),  # the text of a button that deletes
    ],
)
def test_fm4_text_can_be_read(text: str, surfaces: str, scheme: str) -> None:
    known = colours(scheme)
    low = {
        name: round(found, 2)
        for name in surfaces.split()
        if (found := contrast(known[text], known[name])) < 4.5
    }
    assert low == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fm4_controls_stand_out(scheme: str) -> None:
    known = colours(scheme)
    for name in ("control", "accent", "error"):
        assert contrast(known[name], known["surface"]) >= 3
        assert contrast(known[name], known["page"]) >= 3


def test_fm4_schemes_have_the_same_colours() -> None:
    assert colours("light").keys() == colours("dark").keys()
    used = set(re.findall(r"var\(--vv-([a-z-]+)\)", RULES))
    defined = set(re.findall(r"--vv-([a-z-]+):", RULES))
    assert used == defined


def test_sc2_nothing_comes_from_elsewhere() -> None:
    assert "url(" not in RULES
    assert "@import" not in RULES
    assert RULES.strip().startswith("@layer vivace {")


def test_fm4_wishes_of_readers_are_heard() -> None:
    for wish in (
        "prefers-reduced-motion: reduce",
        "prefers-contrast: more",
        "forced-colors: active",
        "media print",
    ):
        assert wish in RULES
    assert ":focus-visible" in RULES


def test_fm4_templates_have_no_styles_of_their_own() -> None:
    assert not re.search(r"\sstyle=|<style", MARKUP)
