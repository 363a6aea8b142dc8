"""Under the hood: a badge on each page that opens what happened for it, and what its live regions do meanwhile.

Theory
------
A page tells of itself. What was seen while it was made (``record``) stands at its end as JSON, so it does not matter which
worker made it, and nothing is kept for pages that nobody looks into. What goes on afterwards comes over the page's own
connection, to the worker that keeps its regions true (``serving``): only there is it known. What is shown is put together
by a module of its own in a shadow tree, from text alone.

=========================  ============================================================================================
off (everywhere, unless    none of this is loaded; a request meets no line of it. ``vivace dev`` switches it on, an app
somebody says otherwise)   by ``App(hood=…)``, a setting by ``VIVACE_HOOD=on``. ``check --deploy`` refuses it
who may see                ``door``: people on this machine, or those for whose requests the app's own function says so.
                           Asked for each request, for each connection that asks, and there again every half minute
what they may see          their own request, and from this machine the writes that came before it over the same TCP
                           connection (a proxy's may be several people's): its queries with values, secrets hidden by name and by value (``hiding``).
                           Of others: how many. Of commits: what the region itself asked for (``regions``). Of
                           channels: the rooms that they are in, and counts. Never the text of a message or a cached value
into the page              JSON without ``<``, ``>`` and ``&`` in a data block, so that it is markup nowhere; a page with
                           it is private to caches. The panel makes text nodes alone, and loads two files of this site
left as they are           HEAD, streams, what is compressed, what is no page, pieces of pages, pages in frames
=========================  ============================================================================================

What an attacker could want of it: to be let in (see ``door``); to have a person's browser tell (other sites' scripts read no
page of ours, and their WebSockets are refused by ``Origin``); to put markup into the panel by a query's value or an address
(all of it is text); to cost the server much (a connection has one panel, it is told at most four times a second, and only
what has changed).
"""

from .door import Door, DoorRule, is_local
from .serving import Hood, join

__all__ = ["Door", "DoorRule", "Hood", "is_local", "join"]
