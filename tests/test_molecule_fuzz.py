"""Damaged files of molecules, 2,000 of each kind: whatever is in them, molecules or an error of ours come out."""

import random

import pytest
from rdkit import Chem

from seqtutor_core.chemistry.inputs import upload
from seqtutor_core.errors import InputError

FILES = 2_000
ODD = [*'\ufffd\0\x0c\u2028é"\t;\n\r*', "''", "%(100)", "->", "$$$$", "999", "-1"]
SMILES = ["CC(=O)Oc1ccccc1C(=O)O", "[NH3][Pt](Cl)(Cl)[NH3]", "C[C@H](N)/C=C/c1cc[nH]c1", "[Na+].[O-]C=O", "C%12CC%12"]
MOLECULES = [Chem.MolFromSmiles(smiles) for smiles in SMILES]


def seeds(extension: str) -> list[str]:
    """Sound files to be damaged."""
    if extension == "smi":
        return ["".join(f"{smiles} name {i}\n" for i, smiles in enumerate(SMILES))]
    if extension == "csv":
        rows = [f'"{i}, a ""b"""{{0}}{smiles}{{0}}{i}.5' for i, smiles in enumerate(SMILES)]
        return [
            "\r\n".join([start, *rows]).format(d)
            for d in ",;\t"
            for start in ("name{0}smiles{0}x", "sep={0}\nid{0}smiles")
        ]
    blocks = [write(molecule) for molecule in MOLECULES for write in (Chem.MolToMolBlock, Chem.MolToV3KMolBlock)]
    if extension == "mol":
        return blocks
    return ["".join(f"{block}> <p>\n1\n\n$$$$\n" for block in blocks[i : i + 2]) for i in range(0, len(blocks), 2)]


def damage(text: str, chance: random.Random) -> bytes:
    """One to three random changes of characters or pieces, often of the same length; now and then of a byte."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        end = at + chance.choice([0, 1, 3, 60])
        letter, number = chr(chance.randrange(33, 1000)), str(chance.randrange(10**6))
        piece = chance.choice([chance.choice(ODD), "", text[at:end] * 2, letter, number])
        if chance.random() < 0.5:
            end = at + len(piece)  # columns stay where they are
        text = text[:at] + piece + text[end:]
    data = bytearray(text.encode(chance.choice(["utf-8", "utf-8", "utf-8", "utf-16"])))
    if data and chance.random() < 0.05:
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("extension", ["smi", "csv", "mol", "sdf"])
def test_damaged_files_raise_errors_of_ours_alone(extension: str) -> None:
    chance = random.Random(12)
    sound = seeds(extension)
    read = refused = 0
    for _ in range(FILES):
        try:
            read += len(upload(damage(chance.choice(sound), chance), f"a.{extension}").molecules) > 0
        except InputError:
            refused += 1
    assert read + refused == FILES and read > FILES // 10, "most damage is small enough to leave something to be read"
