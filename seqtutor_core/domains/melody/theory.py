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
    """The nine terms by name, each from tokens (B, T) to (B, T) float64; `length` is N, T may be shorter."""
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
    """0 to T - 1, on the tokens' device."""
    return torch.arange(tokens.shape[1], device=tokens.device)


def shifted(values: Tensor, fill: int) -> Tensor:
    """Each step sees the value of the step before it."""
    return torch.cat([torch.full_like(values[:, :1], fill), values[:, :-1]], 1)


def last_step_where(mask: Tensor) -> Tensor:
    """At each step the last step up to and with it where mask holds, -1 if none; (B, T)."""
    return torch.where(mask, steps_of(mask), -1).cummax(1).values


def taken_at(values: Tensor, steps: Tensor, fill: int) -> Tensor:
    """values at the given steps (B, T); fill where the step is negative."""
    return torch.where(steps >= 0, values.gather(1, steps.clamp(min=0)), fill)


def previous_note(tokens: Tensor) -> Tensor:
    """The last note token before each step, 0 where there is none yet."""
    return taken_at(tokens, shifted(last_step_where(is_note(tokens)), -1), 0)


# ---------------------------------------------------------------- harmony


def key(tokens: Tensor, scale: Key = C_MAJOR) -> Tensor:
    """-1 for a note outside the key."""
    return NOT_IN_KEY * (~_members(scale, tokens.device)[tokens]).double()


@cache
def _members(scale: Key, device: torch.device) -> Tensor:
    """Key.members as (V,); kept on its device, for a CUDA graph copies nothing from the host."""
    return torch.tensor(scale.members(), device=device)


def tonic(tokens: Tensor, length: int, scale: Key = C_MAJOR) -> Tensor:
    """+3 for the tonic at the start and four steps before the end, for a hold or silence after it."""
    step = steps_of(tokens)
    bookend = ((step == 0) | (step == length - ENDING)) & (tokens == scale.token)
    held = (step == length - ENDING + 1) & (tokens == NO_EVENT)
    quiet = (step > length - ENDING + 1) & (tokens < FIRST_NOTE)
    return TONIC_PLACED * (bookend.double() + held.double() + quiet.double())


def interval(tokens: Tensor, scale: Key = C_MAJOR) -> Tensor:
    """The worth of the step from the last note to this one; 0 while there is no last note."""
    previous = previous_note(tokens)
    return _interval_table(scale, tokens.device)[previous, tokens]


@cache
def _interval_table(scale: Key, device: torch.device) -> Tensor:
    """(V, V): previous note (rows; below 2: none) against token."""
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
    """+5 for coming back after a leap (7 semitones or more), -5 for leaping on in the same direction."""
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
    """What leaps do, by state and move: the next state, times the number of moves; points, at once and (second row) if
    the leap before is long ago; and by move alone whether it is a leap.

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
    """+3 each when the highest token and the lowest note of the whole composition occur once; at its last step."""
    value = torch.zeros(tokens.shape, dtype=torch.float64, device=tokens.device)
    if tokens.shape[1] == length:
        value[:, -1] = UNIQUE_EXTREME * (unique_maximum(tokens).double() + unique_minimum(tokens).double())
    return value


def unique_maximum(tokens: Tensor) -> Tensor:
    """Whether the largest token occurs once, (B,)."""
    return (tokens == tokens.amax(1, keepdim=True)).sum(1) == 1


def unique_minimum(tokens: Tensor) -> Tensor:
    """Whether the smallest note occurs once, (B,); not so without notes."""
    notes = torch.where(is_note(tokens), tokens, len(VOCABULARY))
    lowest = notes.amin(1, keepdim=True)
    return ((notes == lowest) & is_note(tokens)).sum(1) == 1


# ---------------------------------------------------------------- repetition and structure


def repetition(tokens: Tensor) -> Tensor:
    """-100 where a token comes again too often since the last different note."""
    return REPEATED * excessive(tokens).double()


def excessive(tokens: Tensor) -> Tensor:
    """Whether the repetition rule fires at each step, (B, T).

    Walking back from a step: tokens equal to its own count, other silences and holds make the stretch `mixed`,
    any other note ends the walk.
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
    """-3 |r| for each lag 1, 2, 3 at which the melody so far is autocorrelated above the threshold."""
    r, above = correlations(tokens)
    first, second, third = torch.where(above, r.abs(), 0.0)
    return AUTOCORRELATED * (first + second + third)


def motif(tokens: Tensor) -> Tensor:
    """3 + 0.3 (u - 3) where the last 8 tokens hold u >= 3 distinct notes."""
    distinct = motif_notes(tokens)
    return torch.where(distinct > 0, MOTIF + MOTIF_MORE * (distinct.double() - MOTIF_NOTES), 0.0)


def motif_notes(tokens: Tensor) -> Tensor:
    """u, the distinct notes of the window ending at each step where it is a motif, else 0; (B, T)."""
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
    """4 + (u - 3) where the motif's window has occurred before, without overlap."""
    distinct = motif_notes(tokens)
    again = _occurred(tokens) & (distinct > 0)
    return torch.where(again, REPEATED_MOTIF + REPEATED_MOTIF_MORE * (distinct.double() - MOTIF_NOTES), 0.0)


def _occurred(tokens: Tensor) -> Tensor:
    """Whether the 8 tokens ending at each step occur within the tokens before them, (B, T)."""
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
