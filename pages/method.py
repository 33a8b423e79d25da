"""The method page: docs/method.md, shown in the app, with its exact task to play with."""

from pages.ui import mini
from pages.ui.document import document, show
from pages.ui.page import open_page

lead, text = document("method.md")
open_page("Method", lead)
show(text, {"the exact task, to play with": mini.panel})
