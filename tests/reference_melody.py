"""The nine paper terms written out a second time, one composition and one step at a time.

Slow and plain on purpose: it follows the definitions in docs/rewards.md sentence by sentence, and shares no code
with the batched version that it checks.
"""

import numpy as np

KEY = {0, 1} | {t for t in range(2, 38) if (t + 46) % 12 in (0, 2, 4, 5, 7, 9, 11)}
NAMES = ("key", "tonic", "repetition", "autocorrelation", "motif", "repeated_motif", "interval", "leap", "extremes")


def score(tokens: list[int]) -> dict[str, list[float]]:
    """Every term at every step of a composition."""
    values: dict[str, list[float]] = {name: [] for name in NAMES}
    leap = Leap()
    n = len(tokens)
    for b, a in enumerate(tokens):
        c = tokens[:b]
        values["key"].append(0.0 if a in KEY else -1.0)
        values["tonic"].append(tonic(b, a, n))
        values["repetition"].append(repetition(c, a))
        values["autocorrelation"].append(autocorrelation([*c, a]))
        values["motif"].append(3 + 0.3 * (motif([*c, a]) - 3) if motif([*c, a]) else 0.0)
        values["repeated_motif"].append(repeated_motif(c, a))
        values["interval"].append(interval(c, a))
        values["leap"].append(leap.step(c, a))
        values["extremes"].append(extremes(tokens) if b == n - 1 else 0.0)
    return values


def tonic(b: int, a: int, n: int) -> float:
    value = 0.0
    if b in (0, n - 4) and a == 14:
        value += 3
    if b == n - 3 and a == 1:
        value += 3
    if b > n - 3 and a in (0, 1):
        value += 3
    return value


def repetition(c: list[int], a: int) -> float:
    count, special = 0, False
    for token in reversed(c):
        if token == a:
            count += 1
        elif token in (0, 1):
            special = True
        else:
            break
    bad = (a == 0 and count > 1) or (not special and count > 4) or (special and count > 6)
    return -100.0 if bad else 0.0


def autocorrelation(x: list[int]) -> float:
    total, n = 0.0, len(x)
    for lag in (1, 2, 3):
        if n <= lag or np.var(x) == 0:
            continue
        m = np.asarray(x) - np.mean(x)
        r = (m[lag:] * m[: n - lag]).sum() / float(n) / np.var(x)
        if abs(r) > 0.15:
            total += abs(r)
    return -3 * total


def motif(x: list[int]) -> int:
    if len(x) < 8:
        return 0
    notes = len({t for t in x[-8:] if t > 1})
    return notes if notes >= 3 else 0


def repeated_motif(c: list[int], a: int) -> float:
    x = [*c, a]
    notes = motif(x)
    if not notes:
        return 0.0
    window, before = x[-8:], x[:-8]
    found = any(before[i : i + 8] == window for i in range(len(before) - 7))
    return 4.0 + (notes - 3) if found else 0.0


def last_note(c: list[int]) -> int | None:
    return next((t for t in reversed(c) if t > 1), None)


def interval(c: list[int], a: int) -> float:
    previous = last_note(c)
    if previous is None:
        return 0.0
    place = (previous + 46) % 12
    if a == 1:
        return 1.5 if place in (0, 7) else 0.375
    if a == 0:
        return 0.75 if place in (0, 7) else 0.25
    d = abs(a - previous)
    if d == 7 and place in (0, 7):
        return 0.5
    if d == 4 and place in (0, 4):
        return 0.75
    if d > 12:
        return -5.0
    return {4: 0.45, 2: 0.4, 5: 0.35, 9: 0.25, 7: 0.1, 11: -1.5}.get(d, 0.0)


class Leap:
    """The state of the leap rule along one composition."""

    def __init__(self) -> None:
        self.direction, self.origin, self.since = 0, 0, 0

    def step(self, c: list[int], a: int) -> float:
        if not c:
            return 0.0
        previous = last_note(c)
        if a in (0, 1) or previous is None:
            self.since += 1
            return 0.0
        heading = 1 if a > previous else -1
        if abs(a - previous) < 7:
            self.since += 1
            back = (self.direction == 1 and a <= self.origin) or (self.direction == -1 and a >= self.origin)
            if back:
                self.direction = 0
            return 5.0 if back else 0.0
        value = 0.0
        if self.direction == 0:
            self.direction, self.origin = heading, previous
        elif self.direction == heading:
            value = -5.0
        else:
            value = 5.0 if self.since > 6 else 0.0
            self.direction = 0
        self.since = 0
        return value


def extremes(x: list[int]) -> float:
    notes = [t for t in x if t > 1]
    value = 3.0 if x.count(max(x)) == 1 else 0.0
    return value + (3.0 if notes and notes.count(min(notes)) == 1 else 0.0)
