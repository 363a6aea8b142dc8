"""Relations between models: foreign keys, one to one, many to many, and what they are seen from the other side."""
