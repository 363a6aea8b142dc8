"""Writes code for people: projects (``vivace new``) and resources (``vivace make resource``).

Theory. What is written are real files in ``vivace/cli/skeletons``, one folder for each kind of project or resource. A file
``NAME.tpl`` there becomes ``NAME``; ``PACKAGE`` and the like in paths become names. In texts ``<< name >>`` is a value and
``<% if … %>`` a decision, so that braces mean what they mean in templates and workflows. Values are names that were
checked, or code that this room made of checked names: nothing that somebody typed is written as it came.

Nothing is ever overwritten. All files are planned first; one that is there already stops it before the first is written.
A file that exists is changed at places that its syntax tree proves, or not at all (``edits``).
"""
