"""The event loop side: bytes in, requests out; responses in, bytes out."""
