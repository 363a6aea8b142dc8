"""What is watched now, as a page for whoever develops: what a region read, who watches it, why it was rendered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from markupsafe import Markup

from .audience import Described

PATH: Final = "/_vivace/live"
_PAGE: Final = Markup("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Live regions</title>
<h1>Live regions</h1>
<p>{count} watched in this process; {renders} renders and {queries} queries so far. This page is only there in development.</p>
<table border="1" cellpadding="6"><thead>
<tr><th>page<th>region<th>rendered for<th>viewers<th>renders<th>the last one because of<th>read<th>characters<th>error
</thead><tbody>{rows}</tbody></table></html>
""")
_ROW: Final = Markup(
    "<tr><td>{page}<td>{root}<td>{whom}<td>{viewers}<td>{renders}<td>{why}<td>{reads}<td>{size}<td>{error}\n"
)
_READ: Final = Markup("<b>{table}</b>: {scope}<br>")


def inspector_page(described: Iterable[Described], renders: int, queries: int) -> Markup:
    """Return the page."""
    rows = [_row(each) for each in sorted(described, key=lambda one: (one.page, one.root, one.personal))]
    return _PAGE.format(count=len(rows), renders=renders, queries=queries, rows=Markup("").join(rows))


def _row(one: Described) -> Markup:
    reads = Markup("").join(_READ.format(table=table, scope=scope) for table, scope in one.reads.items())
    return _ROW.format(
        page=one.page,
        root=one.root or "in loops, conditions …",
        whom=f"one viewer: it reads {one.personal}" if one.personal else "all",
        viewers=one.viewers,
        renders=one.renders,
        why=one.why,
        reads=reads,
        size=sum(one.regions.values()),
        error=one.error,
    )


__all__ = ["PATH", "inspector_page"]
