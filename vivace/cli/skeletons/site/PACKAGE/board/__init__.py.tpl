"""The board on the first page: members pin notes, everybody sees them at once."""
