"""Settings of every test."""

import torch

# tiny networks gain nothing from a second thread, and busy threads of several processes starve each other
torch.set_num_threads(1)
