"""What objects do on their own: saved, deleted, loaded, related."""
