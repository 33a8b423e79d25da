"""The exact mini task, to play with: reward against KL, and what log Z bounds."""

import plotly.graph_objects as go
import streamlit as st
from torch import Tensor

from pages.ui.charts import BLUE, GREY, GRID, PREVIEW, PRIOR, RASPBERRY, dress
from pages.ui.page import fragment
from seqtutor_core.domains.mini import DEFAULT_WEIGHTS, text
from seqtutor_core.domains.mini.exact_task import mini_task
from seqtutor_core.exact import Evaluation, Exact, MarkovTask, sum_over_time, top_sequences

CS = (0.1, 0.14, 0.2, 0.28, 0.4, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0)
FINE = [0.08 * 1.12**i for i in range(60)]  # of the curve, up to 64
STRENGTHS = (0.25, 0.5, 0.75, 1.25, 1.5)  # of mixtures; 0 is the prior, 1 the best policy
WORDS = 5  # in each table
KEY = "mini_c"
FRONTIER, BEST, TANGENT = BLUE, PREVIEW, RASPBERRY


def panel() -> None:
    """Draw a slider for c, the frontier, and the likeliest words of prior and best policy."""
    fragment(_panel)


def _panel() -> None:
    with st.container(key="mini"):
        _draw()


def _draw() -> None:
    left, right = st.columns(2, gap="large")
    with left:
        c = st.select_slider(
            "KL coefficient c",
            options=CS,
            value=1.0,
            key=KEY,
            bind="query-params",
            persist_state="session",
            help="The scale is logarithmic.",
        )
        exact = _solved(c)
        _figures(exact)
        _words(exact)
    with right:
        alt = f"Reward against KL: the frontier, and its tangent of slope {c:g} at the best policy"
        st.plotly_chart(frontier_chart(exact), key="mini_frontier", config={"displayModeBar": False}, alt=alt)


# ---------------------------------------------------------------- the solution, kept


@st.cache_resource(show_spinner=False)
def _task() -> MarkovTask:
    return mini_task(DEFAULT_WEIGHTS)


@st.cache_resource(show_spinner=False)
def _frontier() -> list[Exact]:
    return _task().frontier(FINE)


@st.cache_resource(max_entries=len(CS), show_spinner=False)
def _solved(c: float) -> Exact:
    return _task().solve(c)


@st.cache_resource(max_entries=len(CS), show_spinner=False)
def _mixtures(c: float) -> list[Evaluation]:
    """Return what prior and best policy, mixed at each step, earn and cost for each strength."""
    best = _solved(c).log_policy
    return [_task().evaluate(_task().geometric_mixture(best, s)) for s in STRENGTHS]


# ---------------------------------------------------------------- in words and numbers


def _figures(exact: Exact) -> None:
    numbers = {"log Z": exact.log_z, "J of prior": exact.j_prior, "Reward of π*": exact.reward, "KL of π*": exact.kl}
    with st.container(horizontal=True, gap="medium"):
        for label, number in numbers.items():
            st.metric(label, f"{number:.2f}", width="content")
    st.markdown(
        f"No policy has more J than **log Z = {exact.log_z:.2f} nats**; the prior has {exact.j_prior:.2f}. "
        f"So at this c tuning can add {exact.log_z - exact.j_prior:.2f} nats and no more, however long it learns. "
        "What a policy lacks of log Z is its KL divergence to π*, zero for π* alone. "
        "Rewards and KL are those of a word, in points and in nats."
    )


def _words(exact: Exact) -> None:
    for column, title, table in zip(
        st.columns(2), ("Prior", "Best policy π*"), (_task().log_prior, exact.log_policy), strict=True
    ):
        with column:
            st.caption(f"Likeliest words: {title}")
            st.table(_rows(table, top_sequences(table, WORDS)))


def _rows(log_policy: Tensor, words: Tensor) -> dict[str, list[str]]:
    """Return the columns of the table of words (N, T)."""
    return {
        "Word": [text(word) for word in words.tolist()],
        "Chance": [f"{chance:.2%}" for chance in sum_over_time(log_policy, words).exp().tolist()],
        "Reward": [f"{reward:.0f}" for reward in sum_over_time(_task().reward, words).tolist()],
    }


# ---------------------------------------------------------------- the picture


def frontier_chart(exact: Exact) -> go.Figure:
    """Return the frontier with prior, best policy, its tangent of slope c, and mixtures of the two."""
    frontier = _frontier()
    highest, lowest = frontier[0].reward, _task().evaluate(_task().log_prior).reward
    meets = exact.c * exact.log_z  # the tangent at KL 0
    far = 2 * frontier[0].kl
    figure = go.Figure()
    _line(figure, "frontier", [(one.kl, one.reward) for one in frontier], {"color": FRONTIER, "width": 3})
    tangent = {"color": TANGENT, "width": 1.5, "dash": "dash"}
    _line(figure, "J = log Z at this c, slope c", [(0, meets), (far, meets + exact.c * far)], tangent)
    _point(figure, "prior", (0, lowest), PRIOR, "circle")
    _point(figure, "π* at this c", (exact.kl, exact.reward), BEST, "star")
    _point(figure, "c log Z", (0, meets), TANGENT, "square")
    _mixed(figure, exact.c)
    span = highest - lowest
    dress(figure, "mini", 440, legend=-0.16)
    grid = {"gridcolor": GRID, "zeroline": False}
    figure.update_xaxes(title="KL from the prior, nats a word", range=[-0.2, 1.05 * frontier[0].kl], **grid)
    figure.update_yaxes(title="Reward of a word", range=[lowest - 0.08 * span, highest + 0.08 * span], **grid)
    return figure


def _line(figure: go.Figure, name: str, points: list[tuple[float, float]], stroke: dict[str, object]) -> None:
    kl, reward = zip(*points, strict=True)
    hover = "KL %{x:.2f}, reward %{y:.2f}<extra>" + name + "</extra>"
    figure.add_scatter(x=kl, y=reward, name=name, mode="lines", line=stroke, hovertemplate=hover)


def _point(figure: go.Figure, name: str, place: tuple[float, float], colour: str, symbol: str) -> None:
    hover = "KL %{x:.2f}, reward %{y:.2f}<extra>" + name + "</extra>"
    marker = {"color": colour, "symbol": symbol, "size": 11}
    figure.add_scatter(x=place[:1], y=place[1:], name=name, mode="markers", marker=marker, hovertemplate=hover)


def _mixed(figure: go.Figure, c: float) -> None:
    mixtures = _mixtures(c)
    figure.add_scatter(
        x=[one.kl for one in mixtures],
        y=[one.reward for one in mixtures],
        text=[f"strength {s:g}" for s in STRENGTHS],
        name="prior and π* mixed",
        mode="markers",
        marker={"color": GREY, "size": 7, "symbol": "circle-open", "line": {"width": 2}},
        hovertemplate="%{text}: KL %{x:.2f}, reward %{y:.2f}<extra></extra>",
    )
