"""Pieces of a page that can be shown alone (TP2): blocks and partials by name."""

from __future__ import annotations

import pytest

from tests.templates.making import templates
from vivace.errors import TemplateNotFound

PAGE = (
    "{% macro bold(x) %}<b>{{ x }}</b>{% endmacro %}{% set word = 'w' %}"
    "{% partialdef row %}<li>{{ n }}{{ bold(word) }}</li>{% endpartialdef %}"
    "<ul>{% for n in numbers %}{% partial row %}{% endfor %}</ul>"
    "{% partialdef foot inline %}<i>{{ word }}</i>{% endpartialdef foot %}{% block end %}.{% endblock %}"
)


async def test_tp2_partial_sees_the_names_where_it_stands() -> None:
    page = await templates(PAGE).render("page.html", {"numbers": [1, 2]})
    assert page == "<ul><li>1<b>w</b></li><li>2<b>w</b></li></ul><i>w</i>."


async def test_tp2_partials_and_blocks_are_rendered_alone_with_what_the_page_sets() -> None:
    made = templates(PAGE)
    assert await made.render("page.html#row", {"n": 7}) == "<li>7<b>w</b></li>"
    assert await made.render("page.html#foot") == "<i>w</i>"
    assert await made.render("page.html#end") == "."


async def test_tp2_block_of_a_child_is_rendered_alone_with_its_parent() -> None:
    made = templates(
        "{% extends 'base.html' %}{% set a = 1 %}{% block one %}{{ a }}{{ super() }}{% endblock %}",
        base_html="x{% block one %}base{{ a }}{% endblock %}{% block two %}two{% endblock %}",
    )
    assert await made.render("page.html#one") == "1base1"
    assert await made.render("page.html#two") == "two"


async def test_tp2_part_can_be_included() -> None:
    made = templates("{% for n in [1, 2] %}{% include 'other.html#row' %}{% endfor %}", other_html=PAGE)
    assert await made.render("page.html") == "<li>1<b>w</b></li><li>2<b>w</b></li>"


async def test_tp2_unknown_part_names_the_nearest() -> None:
    with pytest.raises(TemplateNotFound, match="no block or partial 'rwo'") as caught:
        await templates(PAGE).render("page.html#rwo")
    assert "'row'" in caught.value.fix


async def test_tp2_partial_that_uses_itself_in_a_tree() -> None:
    text = (
        "{% partialdef node %}[{{ item.name }}{% for item in item.inner %}{% partial node %}{% endfor %}]"
        "{% endpartialdef %}{% partial node %}"
    )
    leaf: dict[str, object] = {"name": "b", "inner": []}
    page = await templates(text).render("page.html", {"item": {"name": "a", "inner": [leaf, leaf]}})
    assert page == "[a[b][b]]"
