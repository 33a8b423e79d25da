"""Molecules by RDKit: properties, drawings, files, and the processes that work on them. Nothing here needs torch."""
