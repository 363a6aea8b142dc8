"""The command line: run, dev, routes, check."""
