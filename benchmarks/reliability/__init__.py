"""What odd files, accidents and crowds do, counted: what docs/reliability.md quotes."""
