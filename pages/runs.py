"""The runs page: every run of this machine, to find, name, compare, use again and delete."""

from pages.ui.page import open_page, show_errors
from pages.ui.runs import actions, compare, sweep, table

open_page("Runs", "Every run that is kept on this machine, to find, name, compare and use again.")

with show_errors():
    actions.leave()
    chosen = table.panel()
    actions.panel(chosen)
    compare.panel(chosen)
    sweep.panel()
