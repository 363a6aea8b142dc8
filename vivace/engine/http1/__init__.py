"""One HTTP/1.1 connection: bytes in, requests out; responses in, bytes out."""
