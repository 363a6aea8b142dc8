"""The backend of Conduit, the blog platform that the RealWorld project specifies."""
