"""The paper's Table 1 and a few more figures, over M melodies of N tokens."""

from torch import Tensor

from seqtutor_core.domains.melody import theory
from seqtutor_core.domains.melody.correlation import correlations
from seqtutor_core.domains.melody.keys import Key
from seqtutor_core.domains.melody.style import sounding
from seqtutor_core.domains.melody.tokens import NO_EVENT
from seqtutor_core.rollout import distinct

TABLE_1 = {
    "excessively_repeated": "notes excessively repeated",
    "autocorrelation_1": "autocorrelation, lag 1",
    "autocorrelation_2": "autocorrelation, lag 2",
    "autocorrelation_3": "autocorrelation, lag 3",
    "not_in_key": "notes not in key",
    "starts_with_tonic": "starting with tonic",
    "leaps_resolved": "leaps resolved",
    "unique_max": "unique highest",
    "unique_min": "unique lowest",
    "in_motif": "notes in motif",
    "in_repeated_motif": "notes in repeated motif",
}
MORE = {
    "distinct": "distinct melodies",
    "holds": "holds",
    "silence": "silence",
    "notes_per_beat": "notes a beat",
    "on_beat": "notes on the beat",
}


def metrics(tokens: Tensor, scale: Key, steps_per_beat: int) -> dict[str, float | None]:
    """Return every figure of TABLE_1 and MORE; None for one that is not defined for these melodies.

    tokens: (M, N), whole melodies.
    scale: the key that notes are judged by.
    steps_per_beat: steps in a quarter note.
    Units: shares are fractions of 1, autocorrelations lie in -1 to 1, notes_per_beat counts notes. Source of TABLE_1:
    Jaques et al. 2017, table 1; docs/rewards.md defines each figure.
    """
    note = theory.is_note(tokens)
    leap = theory.leap(tokens)
    resolved, doubled = float((leap > 0).sum()), float((leap < 0).sum())
    lags = [r[:, -1].nanmean().item() for r in correlations(tokens)[0]]
    motif = theory.motif_notes(tokens) > 0
    on_beat = note & (theory.steps_of(tokens) % steps_per_beat == 0)
    return {
        "excessively_repeated": _mean(theory.excessive(tokens)),
        **{f"autocorrelation_{lag}": None if r != r else r for lag, r in zip((1, 2, 3), lags, strict=True)},
        "not_in_key": _mean(theory.key(tokens, scale) < 0),
        "starts_with_tonic": _mean(tokens[:, 0] == scale.token),
        "leaps_resolved": resolved / (resolved + doubled) if resolved + doubled else None,
        "unique_max": _mean(theory.unique_maximum(tokens)),
        "unique_min": _mean(theory.unique_minimum(tokens)),
        "in_motif": _mean(motif),
        "in_repeated_motif": _mean(theory.repeated_motif(tokens) > 0),
        "distinct": distinct(tokens),
        "holds": _mean(tokens == NO_EVENT),
        "silence": _mean(~sounding(tokens)),
        "notes_per_beat": _mean(note) * steps_per_beat,
        "on_beat": (on_beat.sum() / note.sum()).item() if note.any() else None,
    }


def _mean(mask: Tensor) -> float:
    return mask.double().mean().item()
