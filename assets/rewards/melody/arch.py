# label: Arch
# range: 0 to 1
# seconds: 1
"""An example of your own reward for melodies, in Python: how near the highest note is to the middle.

Copy it to the folder that the page names, and change it. `reward` is given a melody's tokens (0 silence, 1 hold, from 2
on a note) and returns one number, or a list with one for each step. It is called for whole melodies.
"""


def reward(tokens: list[int]) -> float:
    if max(tokens) < 2:
        return 0.0
    middle = (len(tokens) - 1) / 2
    return 1 - abs(tokens.index(max(tokens)) - middle) / middle
