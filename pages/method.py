"""The method page: docs on method, rewards and results, shown in the app, with the exact task to play with."""

from pages.ui import mini
from pages.ui.document import documents, show
from pages.ui.page import open_page

lead, text = documents("method.md", "rewards.md", "results.md")
open_page("Method", lead)
show(text, {"the exact task, to play with": mini.panel})
