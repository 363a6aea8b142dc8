"""A form that both sides have."""
