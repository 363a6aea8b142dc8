"""Vivace: one Python web framework for what people pick Django for and what they pick Node.js for."""

__version__ = "0.1.0"
