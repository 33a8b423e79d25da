"""The runs page: every run of this machine, to find, name, compare, use again and delete."""

from pages.ui.page import open_page, show_errors
from pages.ui.runs import actions, compare, table

open_page(
    "Runs",
    "Every run that is kept on this machine. Tick the box of a row to open, rename or delete it; "
    "tick up to six to see their curves in one chart and what differs in their settings.",
)

with show_errors():
    actions.leave()
    chosen = table.panel()
    actions.news()
    actions.panel(chosen)
    compare.panel(chosen)
