"""Forms in a real browser: axe-core finds nothing, no script of data runs, patterns are ones that browsers read.

Needs the system's Chromium; without one the tests skip and say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from tests.features.browsing import chromium, needs_chromium
from tests.forms.samples import Everything, in_every_state
from tests.forms.test_escaping import ATTACKS, make, refused
from vivace import forms

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

pytestmark = needs_chromium
AROUND = {"as_div": "{}", "as_p": "{}", "as_ul": "<ul>{}</ul>", "as_table": "<table>{}</table>"}


@pytest.fixture(scope="module")
def states() -> list[forms.Form]:
    return asyncio.run(in_every_state())[:3]


@pytest.fixture(scope="module")
def attacked() -> list[forms.Form]:
    return [refused(make(attack, attack, attack, attack, attack), attack) for attack in ATTACKS]


@pytest.fixture(scope="module")
def page(states: list[forms.Form], attacked: list[forms.Form]) -> Generator[Any]:
    """A page of the browser, with what it complains of in ``complaints``.

    The forms are made before it: the browser's driver runs a loop, in which no other can be.
    """
    with chromium() as browser:
        opened: Any = browser.new_page()
        opened.complaints = []

        def said(message: Any) -> None:
            opened.complaints.append(message.text)

        def failed(error: Any) -> None:
            opened.complaints.append(str(error))

        def asked(dialog: Any) -> None:
            opened.complaints.append(dialog.message)
            dialog.dismiss()

        opened.on("console", said)
        opened.on("pageerror", failed)
        opened.on("dialog", asked)
        yield opened


def show(page: Any, form: forms.Form, look: str = "as_div") -> None:
    page.complaints.clear()
    body = AROUND[look].format(getattr(form, look))
    page.set_content(
        f'<!doctype html><html lang="en"><title>Form</title><main><h1>Form</h1><form>{body}<button>Go</button></form></main>'
    )


@pytest.mark.parametrize("look", AROUND)
def test_fm4_axe_finds_nothing(states: list[forms.Form], page: Any, look: str) -> None:
    for form in states if look == "as_div" else states[2:3]:
        show(page, form, look)
        found = axe.Axe().run(page).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


def test_fm4_no_script_of_data_runs(attacked: list[forms.Form], page: Any) -> None:
    for form in attacked:
        for look in AROUND:
            show(page, form, look)
            page.evaluate(
                "document.querySelectorAll('input, select, textarea').forEach(each => each.focus())"
            )
            told = [
                said for said in page.complaints if not said.startswith("The specified value")
            ]  # of a date
            assert told == []
            assert page.evaluate("document.querySelectorAll('script, svg, img, b').length") == 0


def test_fm3_the_browser_checks_what_the_field_says(page: Any) -> None:
    class Checked(forms.Form):
        slug = forms.SlugField()
        code = forms.RegexField(r"^[A-Z]{2}-[0-9]{3}$")
        size = forms.IntegerField(min_value=2, max_value=4)
        moment = forms.DateTimeField(required=False)

    show(page, Checked(initial={"moment": None}))
    fits = "([name, value]) => { const e = document.getElementsByName(name)[0]; e.value = value; return e.checkValidity(); }"
    for name, good, bad in (("slug", " a-b_1 ", "a b"), ("code", "AB-123", "AB-12"), ("size", "3", "5")):
        assert page.evaluate(fits, [name, good]), name
        assert not page.evaluate(fits, [name, bad]), name
    assert page.evaluate(fits, ["moment", "2026-02-03T04:05"])
    assert page.complaints == []


def test_fm4_summary_leads_to_the_field(states: list[forms.Form], page: Any) -> None:
    show(page, states[1])
    page.click(".vv-error-summary a[href='#id_mail']")
    assert page.evaluate("location.hash") == "#id_mail"
    assert isinstance(states[1], Everything)
