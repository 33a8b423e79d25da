"""The colours of elements, in the plane and in space."""

ELEMENTS = {
    -1: "#7A7F86",
    5: "#B8735A",
    7: "#4F79D8",
    8: "#D8504A",
    9: "#3F8F4F",
    15: "#C0701C",
    16: "#98801A",
    17: "#3F8F4F",
    35: "#B0603F",
    53: "#8F62B8",
}
"""Atomic number -> colour, by the field's custom (oxygen red, nitrogen blue), of middle brightness; -1: all others."""
