"""What you test your app with: a client for HTTP, WebSocket and SSE without sockets, and a pytest plugin."""
