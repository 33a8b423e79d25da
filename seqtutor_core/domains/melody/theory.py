"""The paper's nine music-theory rewards, as batched tensor code (definitions: docs/rewards.md).

Every term maps tokens (B, T) to its unweighted value at each step (B, T), and looks at no later step.
N is the length of a whole composition; T may be shorter while one is being written.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqtutor_core.domains.melody.correlation import correlations
from seqtutor_core.domains.melody.keys import C_MAJOR, Key
from seqtutor_core.domains.melody.tokens import FIRST_NOTE, NO_EVENT, NOTE_OFF, OFFSET, VOCABULARY

# The numbers of the rules, from the paper and the authors' code. Distances are in semitones, stretches in steps.
NOT_IN_KEY, TONIC_PLACED = -1.0, 3.0
ENDING = 4  # the last steps: tonic, hold or silence, then silence
THIRD, FIFTH, OCTAVE = 4, 7, 12
FIFTH_OF_STABLE_NOTE = 0.5  # from the tonic or the fifth of the key
THIRD_OF_TRIAD = 0.75  # from the tonic or the third of the key
BY_DISTANCE = {4: 0.45, 2: 0.4, 5: 0.35, 9: 0.25, 7: 0.1, 11: -1.5}  # of two notes; any other distance: 0
BEYOND_OCTAVE = -5.0
HOLD_AFTER_STABLE, HOLD_AFTER_OTHER = 1.5, 0.375
OFF_AFTER_STABLE, OFF_AFTER_OTHER = 0.75, 0.25
LEAP = 7  # the least distance that is one
LEAP_RESOLVED, LEAP_DOUBLED = 5.0, -5.0
LEAP_BACK_AFTER = 6  # a leap back resolves the one before it if more steps than these lie between them
UNIQUE_EXTREME, REPEATED = 3.0, -100.0
MOST_OFFS = 1  # note-offs that may come again since the last note
MOST_REPEATS = 4  # times that any token may come again since the last different note
MOST_REPEATS_MIXED = 6  # the same with other silences or holds between them
AUTOCORRELATED = -3.0  # times |r|
WINDOW = 8  # tokens in which a motif lies
DOUBLINGS = (1, 2, 4)  # steps by which windows of 1, 2, 4 tokens are joined to one of 8
MOTIF_NOTES = 3  # distinct ones that make a motif
MOTIF, REPEATED_MOTIF = 3.0, 4.0
MOTIF_MORE, REPEATED_MOTIF_MORE = 0.3, 1.0  # for each distinct note beyond the third


def paper_terms(length: int, scale: Key = C_MAJOR) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return the nine terms by name, each a function from tokens (B, T) to (B, T) float64.

    length: steps of a whole composition, N; T may be shorter while one is being written.
    scale: the key that notes are judged by.
    Source: Jaques et al. 2017 and the authors' code; docs/rewards.md gives each rule in words.
    """
    return {
        "key": lambda tokens: key(tokens, scale),
        "tonic": lambda tokens: tonic(tokens, length, scale),
        "repetition": repetition,
        "autocorrelation": autocorrelation,
        "motif": motif,
        "repeated_motif": repeated_motif,
        "interval": lambda tokens: interval(tokens, scale),
        "leap": leap,
        "extremes": lambda tokens: extremes(tokens, length),
    }


def is_note(tokens: Tensor) -> Tensor:
    """Return where a token is a note, (B, T)."""
    return tokens >= FIRST_NOTE


def steps_of(tokens: Tensor) -> Tensor:
    """Return the steps 0 to T - 1 of tokens (B, T) as (T,), on the tokens' device."""
    return torch.arange(tokens.shape[1], device=tokens.device)


def shifted(values: Tensor, fill: int) -> Tensor:
    """Return values (B, T) moved one step later, so that each step sees the one before it; the first sees `fill`."""
    return torch.cat([torch.full_like(values[:, :1], fill), values[:, :-1]], 1)


def last_step_where(mask: Tensor) -> Tensor:
    """Return for each step the last step, it included, at which mask (B, T) holds; -1 if none; (B, T)."""
    return torch.where(mask, steps_of(mask), -1).cummax(1).values


def taken_at(values: Tensor, steps: Tensor, fill: int) -> Tensor:
    """Return values (B, T) at the given steps (B, T), `fill` where a step is negative; (B, T)."""
    return torch.where(steps >= 0, values.gather(1, steps.clamp(min=0)), fill)


def previous_note(tokens: Tensor) -> Tensor:
    """Return the last note token before each step, 0 where there is none yet, (B, T)."""
    return taken_at(tokens, shifted(last_step_where(is_note(tokens)), -1), 0)


# ---------------------------------------------------------------- harmony


def key(tokens: Tensor, scale: Key = C_MAJOR) -> Tensor:
    """Return -1 for each note of tokens (B, T) outside the key, else 0; (B, T) float64."""
    return NOT_IN_KEY * (~_members(scale, tokens.device)[tokens]).double()


@cache
def _members(scale: Key, device: torch.device) -> Tensor:
    """Return Key.members as (V,); kept on its device, for a CUDA graph copies nothing from the host."""
    return torch.tensor(scale.members(), device=device)


def tonic(tokens: Tensor, length: int, scale: Key = C_MAJOR) -> Tensor:
    """Return +3 where a melody begins and ends as the key asks, else 0; tokens (B, T) give (B, T) float64.

    That is: the tonic at the first step and at the fourth from the end, a hold at the third from the end, a hold or an
    off at each of the last two. length: steps of a whole composition, N.
    """
    step = steps_of(tokens)
    bookend = ((step == 0) | (step == length - ENDING)) & (tokens == scale.token)
    held = (step == length - ENDING + 1) & (tokens == NO_EVENT)
    quiet = (step > length - ENDING + 1) & (tokens < FIRST_NOTE)
    return TONIC_PLACED * (bookend.double() + held.double() + quiet.double())


def interval(tokens: Tensor, scale: Key = C_MAJOR) -> Tensor:
    """Return what the interval from the last note to each token (B, T) is worth, in points; 0 without a last note."""
    previous = previous_note(tokens)
    return _interval_table(scale, tokens.device)[previous, tokens]


@cache
def _interval_table(scale: Key, device: torch.device) -> Tensor:
    """Return what each token (column) is worth after each note (row; 0 in rows below 2, no note), (V, V) float64."""
    first, third, fifth = scale.triad
    size = len(VOCABULARY)
    table = torch.zeros(size, size, dtype=torch.float64)
    for previous in range(FIRST_NOTE, size):
        place = (previous + OFFSET) % OCTAVE
        stable = place in (first, fifth)
        table[previous, NO_EVENT] = HOLD_AFTER_STABLE if stable else HOLD_AFTER_OTHER
        table[previous, NOTE_OFF] = OFF_AFTER_STABLE if stable else OFF_AFTER_OTHER
        for token in range(FIRST_NOTE, size):
            distance = abs(token - previous)
            if distance == FIFTH and stable:
                worth = FIFTH_OF_STABLE_NOTE
            elif distance == THIRD and place in (first, third):
                worth = THIRD_OF_TRIAD
            else:
                worth = BEYOND_OCTAVE if distance > OCTAVE else BY_DISTANCE.get(distance, 0.0)
            table[previous, token] = worth
    return table.to(device)


# ---------------------------------------------------------------- contour


def leap(tokens: Tensor) -> Tensor:
    """Return +5 for coming back after a leap, -5 for leaping on in the same direction, else 0; (B, T) float64.

    tokens: (B, T). A leap is 7 semitones or more.
    """
    previous, step = previous_note(tokens), steps_of(tokens)
    following, worth, leaps = _leap_tables(tokens.device)
    moves = (previous * len(VOCABULARY) + tokens).t().contiguous()  # (T, B)
    state, places = torch.zeros_like(moves[0]), []
    for move in moves.unbind():
        places.append(state + move)
        state = following.take(places[-1])
    latest = shifted(last_step_where(leaps.take(moves).t()), 0).clamp(min=0)
    too_soon = step - 1 - latest <= LEAP_BACK_AFTER
    at, back = worth[:, torch.stack(places, 1)]
    return at + torch.where(too_soon, 0.0, back)


@cache
def _leap_tables(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return what leaps do, by state and move: the next state, times the number of moves; the points, first those at
    once, then those if the leap before is long ago; and by move alone whether it is a leap.

    A move is the last note (below 2: none) times V plus the token. State 0: no leap is open. The others: one is open,
    downwards (odd) or upwards (even), from each note in turn.
    """
    size = len(VOCABULARY)
    before, token = torch.arange(size).unsqueeze(1), torch.arange(size)
    heading, played = (token - before).sign(), is_note(token).expand(size, size)
    leaps = played & (before > 0) & ((token - before).abs() >= LEAP)  # (V, V)
    origin = torch.arange(FIRST_NOTE, size).repeat_interleave(2).view(-1, 1, 1)
    direction = torch.tensor([-1, 1]).repeat(size - FIRST_NOTE).view(-1, 1, 1)
    again, back = leaps & (direction == heading), leaps & (direction != heading)
    settles = played & ~leaps & ((token - origin) * direction <= 0)
    opened = 2 * (before - FIRST_NOTE) + torch.where(heading > 0, 2, 1)
    states = torch.arange(1, len(origin) + 1).view(-1, 1, 1)
    following = torch.cat([torch.where(leaps, opened, 0)[None], torch.where(back | settles, 0, states)])
    at_once = LEAP_RESOLVED * settles.double() + LEAP_DOUBLED * again.double()
    worth = torch.stack([at_once, LEAP_RESOLVED * back.double()])  # (2, states, V, V)
    worth = torch.cat([torch.zeros_like(worth[:, :1]), worth], 1)
    return (following * size**2).flatten().to(device), worth.flatten(1).to(device), leaps.flatten().to(device)


def extremes(tokens: Tensor, length: int) -> Tensor:
    """Return +3 if the highest token and +3 if the lowest note of a whole composition occurs once, at its last step.

    tokens: (B, T); a composition that is still shorter than `length` earns nothing. Returns (B, T) float64.
    """
    value = torch.zeros(tokens.shape, dtype=torch.float64, device=tokens.device)
    if tokens.shape[1] == length:
        value[:, -1] = UNIQUE_EXTREME * (unique_maximum(tokens).double() + unique_minimum(tokens).double())
    return value


def unique_maximum(tokens: Tensor) -> Tensor:
    """Return whether the largest token of each row of tokens (B, T) occurs once, (B,)."""
    return (tokens == tokens.amax(1, keepdim=True)).sum(1) == 1


def unique_minimum(tokens: Tensor) -> Tensor:
    """Return whether the smallest note of each row of tokens (B, T) occurs once, (B,); False without notes."""
    notes = torch.where(is_note(tokens), tokens, len(VOCABULARY))
    lowest = notes.amin(1, keepdim=True)
    return ((notes == lowest) & is_note(tokens)).sum(1) == 1


# ---------------------------------------------------------------- repetition and structure


def repetition(tokens: Tensor) -> Tensor:
    """Return -100 where a token comes again too often since the last different note, else 0; (B, T) float64."""
    return REPEATED * excessive(tokens).double()


def excessive(tokens: Tensor) -> Tensor:
    """Return whether the repetition rule fires at each step of tokens (B, T); (B, T) bool.

    From a step one walks back to the last different note. Tokens equal to the step's own are counted; other offs and
    holds on the way make the stretch a mixed one, which may be longer.
    """
    note, step = is_note(tokens), steps_of(tokens)
    last = shifted(last_step_where(note), -1)  # last note before each step
    differs = note & (tokens != previous_note(tokens))
    before_run = torch.where(differs, shifted(last_step_where(note), -1), -1).cummax(1).values
    wall_same = shifted(before_run, -1)  # the last note that differs from the last note
    same = tokens == previous_note(tokens)
    wall = torch.where(note & same, wall_same, last)  # where the walk ends, -1: at the start

    def between(mask: Tensor) -> Tensor:  # how often mask holds after the wall and before the step
        total = torch.cat([mask.new_zeros(len(mask), 1, dtype=torch.long), mask.long().cumsum(1)], 1)
        return total[:, :-1] - total.gather(1, wall + 1)

    off, hold = between(tokens == NOTE_OFF), between(tokens == NO_EVENT)
    count = torch.where(tokens == NOTE_OFF, off, torch.where(tokens == NO_EVENT, hold, step - wall - 1 - off - hold))
    others = torch.where(tokens == NOTE_OFF, hold, torch.where(tokens == NO_EVENT, off, off + hold))
    too_many = ((count > MOST_REPEATS) & (others == 0)) | ((count > MOST_REPEATS_MIXED) & (others > 0))
    return ((tokens == NOTE_OFF) & (count > MOST_OFFS)) | too_many


def autocorrelation(tokens: Tensor) -> Tensor:
    """Return -3 |r| for each lag 1, 2, 3 at which the melody so far, tokens (B, T), has |r| > 0.15; (B, T) float64."""
    r, above = correlations(tokens)
    first, second, third = torch.where(above, r.abs(), 0.0)
    return AUTOCORRELATED * (first + second + third)


def motif(tokens: Tensor) -> Tensor:
    """Return 3 + 0.3 (u - 3) where the last 8 tokens of (B, T) hold u >= 3 distinct notes, else 0; (B, T) float64."""
    distinct = motif_notes(tokens)
    return torch.where(distinct > 0, MOTIF + MOTIF_MORE * (distinct.double() - MOTIF_NOTES), 0.0)


def motif_notes(tokens: Tensor) -> Tensor:
    """Return u, the distinct notes of the last 8 tokens, where they make a motif, else 0; (B, T) whole numbers."""
    window = torch.where(is_note(tokens), torch.ones_like(tokens) << tokens, 0)  # a set of notes, one bit each
    for steps in DOUBLINGS:
        window = window | pad(window, (steps, 0))[:, :-steps]
    distinct = _count_bits(window)
    whole = steps_of(tokens) >= WINDOW - 1
    return torch.where(whole & (distinct >= MOTIF_NOTES), distinct, 0)


def _count_bits(sets: Tensor) -> Tensor:
    """Return how many bits are 1 in each whole number: sums in pairs, in fours, in bytes (Warren 2013, section 5-1)."""
    sets = sets - ((sets >> 1) & 0x5555555555555555)
    sets = (sets & 0x3333333333333333) + ((sets >> 2) & 0x3333333333333333)
    return (((sets + (sets >> 4)) & 0x0F0F0F0F0F0F0F0F) * 0x0101010101010101) >> 56


def repeated_motif(tokens: Tensor) -> Tensor:
    """Return 4 + (u - 3) where a motif's 8 tokens occurred before without overlap, else 0; (B, T) float64."""
    distinct = motif_notes(tokens)
    again = _occurred(tokens) & (distinct > 0)
    return torch.where(again, REPEATED_MOTIF + REPEATED_MOTIF_MORE * (distinct.double() - MOTIF_NOTES), 0.0)


def _occurred(tokens: Tensor) -> Tensor:
    """Return whether the 8 tokens that end at each step occur within the tokens before them, (B, T)."""
    length = tokens.shape[1]
    if length < 2 * WINDOW:
        return torch.zeros_like(tokens, dtype=torch.bool)
    code = tokens  # of a window's tokens, below 38 ** 8: exact in 63 bits
    for steps in DOUBLINGS:
        code = code[:, :-steps] + len(VOCABULARY) ** steps * code[:, steps:]  # in the end (B, T - 7)
    same = code.unsqueeze(2) == code.unsqueeze(1)
    apart = torch.ones_like(same[0]).tril(-WINDOW)
    again = (same & apart).any(2)
    return torch.cat([again.new_zeros(len(tokens), WINDOW - 1), again], 1)
