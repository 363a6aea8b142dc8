"""Signing with key rotation, secrets that never print, constant-time comparison."""
