"""Fields: what a model keeps in its columns."""
