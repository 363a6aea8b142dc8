"""Typed settings: frozen values with defaults, where each came from, and an error for every unknown name."""
