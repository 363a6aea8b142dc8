"""How fast and how small Vivace is, as ratios to its peers: ``python -m benchmarks``."""
