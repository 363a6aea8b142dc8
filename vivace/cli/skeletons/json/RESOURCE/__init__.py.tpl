"""<< m.plural|capitalize >>."""
