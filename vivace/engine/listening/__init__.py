"""Where connections come from: addresses, listening sockets, TLS, and the proxies in front."""
