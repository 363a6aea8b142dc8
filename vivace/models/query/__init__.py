"""Querysets and managers: they build queries, run them, and turn rows into objects."""
