"""Conservative fine-tuning of sequence models by KL-control (Jaques et al., ICML 2017)."""

__version__ = "0.1.0"
