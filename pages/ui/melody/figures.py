"""A figure of melodies as a table shows it."""


def shown(name: str, value: float | None) -> str:
    """Format a figure: shares in percent, correlations and rates as numbers, a dash for what is not defined."""
    if value is None:
        return "–"
    return f"{value:.2f}" if name.startswith("autocorrelation") or name == "notes_per_beat" else f"{value:.2%}"
