"""Molecules a second of the public implementation, whole steps: a part of benchmarks.public_molecules, which runs this
file by the interpreter of another environment. Prints a line of JSON.

python benchmarks/public_molecule_steps.py SMILES PRIOR [--seconds 20] [--processes 2]

SMILES: a file of molecules, one a line, from which a network of 1 x 256 units first learns to write others like them,
if there is no file PRIOR yet. The package comes without one, and a network that writes no molecules is as fast as its
longest line allows. Then its Reinvent learns from 64 at a time, as it does by default. What scores is ours to bring:
plain calls of RDKit.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from rdkit import Chem, rdBase
from rdkit.Chem import QED
from rdkit.Chem import rdMolDescriptors as descriptors
from smilesrnn.dataset import Dataset
from smilesrnn.RL import Reinvent
from smilesrnn.rnn import Model
from smilesrnn.vocabulary import SMILESTokenizer, create_vocabulary

BATCH, SIGMA = 64, 60  # its defaults
WARM_UP = 10  # steps
EPOCHS = 8
CPU = torch.device("cpu")
SHAPE = {"layer_size": 256, "num_layers": 1, "cell_type": "lstm", "embedding_layer_size": 64}  # as ours


def score(smiles: str) -> float:
    """Return (10 QED + log P) / 4, divided by sigma, by which the package multiplies; 0 for what is no molecule."""
    mol = Chem.MolFromSmiles(smiles) if smiles else None
    return (10 * QED.qed(mol) + descriptors.CalcCrippenDescriptors(mol)[0]) / 4 / SIGMA if mol else 0.0


def pretrain(smiles: list[str]) -> Model:
    """Return a network that has learned from molecules by maximum likelihood."""
    tokenizer = SMILESTokenizer()
    vocabulary = create_vocabulary(smiles, tokenizer)
    model = Model(vocabulary, tokenizer, SHAPE, device=CPU)
    data = Dataset(smiles, vocabulary, tokenizer)
    loader = torch.utils.data.DataLoader(data, batch_size=128, shuffle=True, collate_fn=Dataset.collate_fn)
    adam = torch.optim.Adam(model.network.parameters(), lr=2e-3)
    for _ in range(EPOCHS):
        for batch in loader:
            adam.zero_grad()
            model.likelihood(batch).mean().backward()
            adam.step()
    return model


def measure(prior: str, seconds: float, scores: Callable[[list[str]], list[float]]) -> dict[str, float]:
    """Return molecules a second, the share of them that are valid, and their tokens each."""
    written: list[str] = []
    paid: list[float] = []

    def scoring(smiles: list[str], step: int) -> np.ndarray:
        written.extend(smiles)
        paid.extend(scores(smiles))
        return np.array(paid[-len(smiles) :], np.float32)

    with tempfile.TemporaryDirectory() as folder:
        tuner = Reinvent(CPU, "RNN", prior, scoring, folder, torch.optim.Adam, 5e-4, is_molscore=False, sigma=SIGMA)
        for step in range(WARM_UP):
            tuner._train_step(step)
        written.clear()
        paid.clear()
        began = time.perf_counter()
        while (took := time.perf_counter() - began) < seconds:
            tuner._train_step(0)
    tokens = sum(len(tuner.agent.tokenizer.tokenize(each)) - 1 for each in written)  # without that of the beginning
    valid = sum(each != 0 for each in paid)
    count = len(written)
    return {"molecules_per_second": count / took, "valid": valid / count, "tokens": tokens / count}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("smiles", type=Path)
    parser.add_argument("prior", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--processes", type=int, default=2, help="that score")
    options = parser.parse_args()
    rdBase.DisableLog("rdApp.*")
    torch.manual_seed(0)
    torch.load = partial(torch.load, weights_only=False)  # the package keeps more than weights in its files
    if not options.prior.exists():
        pretrain(options.smiles.read_text().split()).save(str(options.prior))
    chunk = -(-BATCH // (2 * options.processes))
    with multiprocessing.Pool(options.processes) as pool:
        found = measure(str(options.prior), options.seconds, lambda smiles: pool.map(score, smiles, chunk))
    versions = {"smiles-rnn": metadata.version("smiles-rnn"), "torch": torch.__version__}
    print(json.dumps({**found, "versions": versions}))


if __name__ == "__main__":
    main()
