"""Many processes: the supervisor, its workers, and what keeps an eye on them."""
