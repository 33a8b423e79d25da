"""Home: what this is, a melody that plays at the first click, and the way on.

Streamlit serves the `app` of this file, and runs the file for whoever opens the home page.
"""

from typing import Any

import streamlit as st

from pages.ui.hosts import OurHosts
from pages.ui.style import Styled

if __name__ == "__main__":
    from pages.ui import home
    from pages.ui.melody.example import example
    from pages.ui.page import open_page

    open_page(
        "Sequence Tutor Studio",
        "Teach a generator what you like without letting it forget what it learned. "
        "A network taught on 10,000 folk tunes writes melodies, another taught on 1.6 million molecules writes "
        "molecules; you say what would be better and how far it may go.",
    )
    example()
    home.studios()
    home.recent_runs()
    home.this_machine()
else:
    app: Any = st.App(__file__)  # `streamlit run` looks for this line
    app = OurHosts(Styled(app))
