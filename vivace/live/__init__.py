"""Pages that stay true: live regions, rendered again when what they read has changed."""
