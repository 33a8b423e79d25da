#!/usr/bin/awk -f
# label: Few branches
# range: 0 to 1
# seconds: 0.1
# An example of your own reward as a program: it reads a SMILES a line and writes a number a line, and ends with its
# input. Any program that can be executed will do. What is no number belongs on standard error.
{ print 1 / (1 + gsub(/\(/, "")) }
