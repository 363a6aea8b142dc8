"""Tasks: something to do, and whether it is done."""
