"""``{measured}`` shows what was measured: the table of ``benchmarks/README.md``, or some of its rows.

Each line of the content, if there is any, is the beginning of the first two cells of a row, ``work | against``: then
only these rows are shown, in this order, without the column of floors. A line that fits no row, or several, is an error.
"""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks_table import SOURCE, chosen, conditions, rows
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Measured(SphinxDirective):
    """The table of the last run, or some rows of it."""

    has_content: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        """Read the table, and parse it in the place of the directive."""
        self.env.note_dependency(str(SOURCE))
        page = SOURCE.read_text(encoding="utf-8")
        try:
            some = list(chosen(page, [line for line in self.content if line.strip()]))
        except ValueError as error:
            raise self.error(str(error)) from None
        head = ["work", "against", "result"] if some else ["work", "against", "result", "floor"]
        table = [head, ["---"] * len(head), *(some or rows(page))]
        lines = ["| " + " | ".join(row) + " |" for row in table]
        return self.parse_text_to_nodes("\n".join([*lines, "", conditions(page)]))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("measured", Measured)
    return {"version": "1", "parallel_read_safe": True}
