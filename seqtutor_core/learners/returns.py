"""Lambda-returns of whole sequences (Sutton & Barto 2018, section 12.1), with action values as their baseline."""

import torch
from torch import Tensor


def lambda_returns(r_t: Tensor, v_t: Tensor, q_t: Tensor, mask: Tensor, gamma: float, lambda_: float) -> Tensor:
    """Return the targets (B, T) of the taken actions' values, by backward recursion.

        G_t = r_t + gamma (v_t+1 + lambda (G_t+1 - q_t+1))

    r_t: what each step pays; v_t: state values; q_t: values of the taken actions; mask: 1.0 inside a sequence, 0.0
    beyond its end, where values are 0. All (B, T): ValueError otherwise. gamma, lambda_: from 0 to 1.

    lambda 0 is the one-step target of the paper. For softmax policies lambda 1 is path consistency (Nachum et al.
    2017): q - v = log pi, so every path, whoever sampled it, gives the same fixed point.
    """
    shapes = [tuple(each.shape) for each in (r_t, v_t, q_t, mask)]
    if r_t.ndim != 2 or len(set(shapes)) > 1:
        raise ValueError(f"rewards, values and mask must all be (B, T); got {shapes}")
    bootstrap = torch.zeros_like(r_t[:, 0])
    returns = []
    for t in range(r_t.shape[1] - 1, -1, -1):
        g_t = r_t[:, t] + gamma * bootstrap
        returns.append(g_t)
        bootstrap = mask[:, t] * (v_t[:, t] + lambda_ * (g_t - q_t[:, t]))
    return torch.stack(returns[::-1], 1)
