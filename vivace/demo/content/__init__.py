"""What the site begins with, written by a program: ``phrases`` has the pieces, ``writing`` puts them together, ``filling`` saves."""
