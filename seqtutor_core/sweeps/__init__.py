"""A search over settings: a file names them, every point is an ordinary run, and a folder keeps what came of it."""
