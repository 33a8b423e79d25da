"""What `benchmarks.gpu` found, as tables in Markdown for docs/performance.md: of the sections that there are."""

from collections.abc import Mapping, Sequence
from typing import Any

PHASES = ("rollout", "learning")
SPEEDS = ("speed", "by_learner", "float32", "deep", "not_recorded", "molecules", "cpu")  # as they are shown
RUN = ("domain", "batch", "seconds_to_first_update", "steps_per_second", "sequences_per_second", "updates", "j")
RDKIT = ("batch", "sequences_per_second", "rdkit_alone", "not_rdkit", "host_microseconds")
QUALITY = ("batch", "bfloat16", "updates", "j", "log_z_at_least", "at_most", "reward", "kl", "entropy", "distinct")


def tables(found: Mapping[str, Any]) -> list[str]:
    """Return the lines of all tables, by section."""
    lines = []
    if m := found.get("machine"):
        lines += [f"{m['device']}, {m['memory_gib']} GiB, {m['cores']} cores, torch {m['torch']}", ""]
    if differences := found.get("correctness"):
        largest = [(name, f"{value:.1e}") for name, value in differences.items()]
        lines += [*_table(("largest difference from the CPU", ""), largest), ""]
    if speeds := [each for section in SPEEDS for each in found.get(section, [])]:
        head = ("job", "batch", "bfloat16", "recorded", "steps a second", "times the CPU", "ms", *PHASES, "GB")
        lines += [*_table(head, [_speed_row(each, found.get("cpu", [])) for each in speeds]), ""]
    if molecules := [each for each in found.get("molecules", []) if "rdkit_alone" in each]:
        lines += [*_table(RDKIT, [tuple(_short(each[name]) for name in RDKIT) for each in molecules]), ""]
    if runs := found.get("as_the_page_starts_it"):
        lines += [*_table(RUN, [tuple(_short(each[name]) for name in RUN) for each in runs]), ""]
    if profiles := found.get("profile"):
        rows = [
            (batch, f"{p['kernels']:,.0f}", f"{p['device_busy']:.0%}", f"{sum(p['host_waits'].values()):.0f}")
            for batch, p in profiles.items()
        ]
        lines += [*_table(("batch", "kernels an iteration", "device busy", "host waits"), rows), ""]
    if reached := found.get("quality"):
        lines += _table(QUALITY, [tuple(_short(each[name]) for name in QUALITY) for each in reached])
    return lines


def _speed_row(each: Mapping[str, Any], cpu: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    phases, melody = each["milliseconds_by_phase"], each["domain"] == "melody"
    return (
        f"{each['domain']}, {each['learner']}, {each['units']}, {each['device']}",
        f"{each['batch']:,}",
        "yes" if each["bfloat16"] else "no",
        "yes" if each["recorded"] else "no",
        f"{each['steps_per_second']:,.0f}" if melody else f"{each['sequences_per_second']:,.0f} molecules",
        f"{each['steps_per_second'] / cpu[0]['steps_per_second']:.1f}" if melody and cpu else "",
        f"{each['milliseconds']:.0f}",
        *(f"{phases[name]:.0f}" for name in PHASES),
        f"{each['gigabytes']:.2f}" if each["gigabytes"] is not None else "",
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> list[str]:
    return ["| " + " | ".join(map(str, row)) + " |" for row in (head, ["---"] * len(head), *rows)]


def _short(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, float):
        return f"{value:,}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:,.1f}" if abs(value) < 1000 else f"{value:,.0f}"
