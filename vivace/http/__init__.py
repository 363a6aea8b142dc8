"""HTTP as values: requests, responses, headers, bodies. Pure: no sockets, no event loop."""
