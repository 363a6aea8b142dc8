"""What is on from the start: hosts, headers, origins."""
