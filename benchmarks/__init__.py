"""What docs/results.md and docs/performance.md quote."""

import seqtutor_core  # noqa: F401  before torch, whose threads would otherwise wait by spinning, unlike the app's
