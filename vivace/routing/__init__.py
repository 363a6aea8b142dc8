"""Path patterns compiled into one router, and back from names to paths."""
