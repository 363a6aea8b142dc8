"""The tour that ``vivace demo`` serves: a program like any user's, inside the package so that it is always there."""
