"""Conservative fine-tuning of sequence models by KL-control (Jaques et al., ICML 2017)."""

import os

__version__ = "0.1.0"

# Threads that wait by spinning, torch's habit, learn 20 times slower on a machine that does other things too.
# To be set before torch is loaded, so here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
