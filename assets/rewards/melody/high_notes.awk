#!/usr/bin/awk -f
# label: High notes
# seconds: 0.1
# An example of your own reward as a program: it reads a melody a line, its tokens with spaces between, and writes one
# number a line, or one for each token as here: 1 for a note of the upper octave.
{ for (i = 1; i <= NF; i++) printf("%d%s", ($i >= 26), (i < NF ? " " : "\n")) }
