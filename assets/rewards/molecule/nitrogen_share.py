# label: Nitrogen share
# range: 0 to 1
# seconds: 1
"""An example of your own reward for molecules, in Python: the share of heavy atoms that are nitrogen.

Copy it to the folder that the page names, and change it. `reward` is given one SMILES and returns one number. The file
is loaded once, in processes of its own, so a model can be loaded above the function. What it prints is not shown; a
molecule that it raises an error for counts 0, and the error is shown.
"""

from rdkit import Chem


def reward(smiles: str) -> float:
    mol = Chem.MolFromSmiles(smiles)
    return sum(atom.GetSymbol() == "N" for atom in mol.GetAtoms()) / mol.GetNumAtoms()
