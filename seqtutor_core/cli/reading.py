"""read: what the program makes of a file that a user gives."""

from argparse import Namespace
from pathlib import Path

from seqtutor_core.cli.options import Commands, add_command, add_settings
from seqtutor_core.cli.output import show
from seqtutor_core.errors import InputError
from seqtutor_core.rules import parse_pairs

MELODIES = (".mid", ".midi")
THREE_QUARTERS = 12  # sixteenths in a bar of 3/4
MOLECULES = (".smi", ".txt", ".csv", ".mol", ".sdf")


def add_commands(commands: Commands) -> None:
    """Add read."""
    parser = add_command(commands, "read", read, "what the program makes of a MIDI file or a file of molecules")
    parser.add_argument("file", help=f"ending in {', '.join(MELODIES + MOLECULES)}")
    add_settings(parser)
    parser.add_argument(
        "--polyphony",
        choices=("error", "top"),
        default="error",
        help="top: of notes that sound together keep the highest, instead of refusing them",
    )


def read(options: Namespace) -> None:
    """Print the notes of a MIDI file as tokens, or the molecules of a file; InputError when nothing can be read."""
    kind = Path(options.file).suffix.lower()
    if kind in MELODIES:
        _melody(options)
    elif kind in MOLECULES:
        _molecules(options)
    else:
        raise InputError(
            f"{options.file!r} is not a kind of file known here; choose one ending in "
            f"{', '.join((*MELODIES, *MOLECULES))}"
        )


def _melody(options: Namespace) -> None:
    # Imported here, as in `_molecules`: who reads melodies needs no chemistry, nor the other way round.
    from seqtutor_core.domains.melody import MelodySettings
    from seqtutor_core.domains.melody.midi_file import MAX_BYTES
    from seqtutor_core.domains.melody.primer import primer_of
    from seqtutor_core.domains.melody.tokens import decode
    from seqtutor_core.domains.melody.tune import many, tune_of_midi

    tune = tune_of_midi(_content(options.file, MAX_BYTES), options.polyphony)
    metre = {"bar": THREE_QUARTERS} if tune.signature and tune.signature.bar == 3 else {}  # unless another is chosen
    primer = primer_of(tune, MelodySettings.of({**metre, **parse_pairs(options.set)}))
    notes = decode(primer.tokens)
    answer = {"notes": len(notes), "tokens": list(primer.tokens), "remarks": list(primer.remarks)}
    show(answer, options.json, "\n".join([f"{many(len(notes))}, {len(primer.tokens)} steps", *primer.remarks]))


def _molecules(options: Namespace) -> None:
    from seqtutor_core.chemistry.reading import short
    from seqtutor_core.chemistry.records import MAX_BYTES
    from seqtutor_core.chemistry.remote import upload
    from seqtutor_core.domains.molecule import MoleculeSettings

    settings = MoleculeSettings.of(parse_pairs(options.set))  # most change nothing of what is read; wrong ones are told
    uploaded = upload(_content(options.file, MAX_BYTES), options.file, settings.corpus)
    records = [{"name": given.name, "smiles": given.smiles} for given in uploaded.molecules]
    problems = [*uploaded.problems, *uploaded.remarks]
    remarks = [f"{short(given.name or given.smiles)}: {said}" for given in uploaded.molecules for said in given.remarks]
    text = "\n".join([*(f"{r['smiles']} {r['name']}" for r in records), *problems, *remarks])
    show({"records": records, "problems": problems, "remarks": remarks}, options.json, text)


def _content(file: str, most: int) -> bytes:
    """Return the bytes of a file, at most one more than `most`, so that the reader can say that they are too many."""
    if not Path(file).is_file():
        raise InputError(f"there is no file {file!r}; check its name and folder")
    try:
        with open(file, "rb") as opened:
            return opened.read(most + 1)
    except OSError as error:
        raise InputError(f"{file!r} cannot be read: {error}; check its permissions") from None
