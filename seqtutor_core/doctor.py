"""What this machine has, what it lacks, and how to get it."""

import os
import shutil
import sysconfig
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from seqtutor_core.chemistry import canvas
from seqtutor_core.environment import RUN_MEMORY, RUNS_PER_VISITOR, SLOTS, run_megabytes, runs_per_visitor, slot_count
from seqtutor_core.errors import SettingError
from seqtutor_core.files import ABSENT, home

PACKAGES = "run make app, or pip install -r requirements.txt"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
STATIC = Path(__file__).resolve().parents[1] / "static"
ENOUGH_FREE_BYTES = 500_000_000  # some dozens of runs with their checkpoints


@dataclass(frozen=True)
class Part:
    """One thing the program can make use of."""

    name: str
    present: bool
    detail: str
    """What was found, or what its absence means for the user."""
    remedy: str
    """How to get it; empty when it is there."""


def diagnose() -> list[Part]:
    """Return every part, in the order of a user's interest; never raises, imports nothing heavy but torch."""
    return [
        _device(),
        *_compiler(),
        _synthesiser(),
        _scores(),
        _chemistry(),
        _drawings(),
        _viewer(),
        _editor(),
        _priors(),
        _run_folder(),
        _slots(),
        _corpus(),
        _molecules(),
        _zinc(),
        _browser(),
    ]


def browser() -> str | None:
    """Return the path of a Chromium that the browser tests can drive."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def _device() -> Part:
    name = "compute device"
    if not _installed("torch"):
        return Part(name, False, "PyTorch is not installed: nothing can be sampled or tuned", PACKAGES)
    import torch

    build = f"torch {torch.__version__}"
    if torch.cuda.is_available():
        device = torch.cuda.get_device_properties(0)
        return Part(name, True, f"CUDA: {device.name}, {device.total_memory / 2**30:.0f} GiB, {build}", "")
    return Part(name, True, f"CPU, {torch.get_num_threads()} threads, {build}; no CUDA device", "")


def _compiler() -> list[Part]:
    """Return what a GPU's kernels are compiled with; nothing where there is no GPU."""
    if not _installed("torch"):
        return []
    import torch

    if not torch.cuda.is_available():
        return []
    parts = {
        "a C compiler": any(map(shutil.which, (os.environ.get("CC", "cc"), "gcc", "clang"))),
        "Python's headers": (Path(sysconfig.get_path("include")) / "Python.h").is_file(),
        "Triton": _installed("triton"),
    }
    name, missing = "GPU kernels", [part for part, there in parts.items() if not there]
    if not missing:
        return [Part(name, True, "compiled by Triton when a run first needs them", "")]
    remedy = "sudo apt-get install gcc python3-dev; Triton comes with torch's builds for CUDA on Linux"
    return [Part(name, False, f"not compiled without {' and '.join(missing)}: runs on the GPU take longer", remedy)]


def _synthesiser() -> Part:
    name, without = "synthesiser", "sound comes from a basic built-in synth"
    if not _installed("pretty_midi"):
        return Part(name, False, "the package pretty_midi is not installed: no sound, no MIDI files", PACKAGES)
    soundfont = _package_folder("pretty_midi") / "TimGM6mb.sf2"
    if not soundfont.is_file():
        return Part(
            name,
            False,
            f"pretty_midi's soundfont {soundfont.name} is missing: {without}",
            "pip install --force-reinstall pretty_midi",
        )
    from seqtutor_core.domains.melody.synthesis import FluidSynth, fluidsynth_library

    if isinstance(library := fluidsynth_library(), FluidSynth):
        return Part(name, True, f"the library fluidsynth with soundfont {soundfont.name}", "")
    if (program := shutil.which("fluidsynth")) and _installed("midi2audio"):
        return Part(name, True, f"{program} with soundfont {soundfont.name}; eight times slower, since {library}", "")
    remedy = f"sudo apt-get install fluidsynth (macOS: brew install fluid-synth); for the packages, {PACKAGES}"
    return Part(name, False, f"{library}, and the fluidsynth program is missing too: {without}", remedy)


def _scores() -> Part:
    name, script = "scores", STATIC / "abcjs-basic-min.js"
    if not script.is_file():
        detail = f"{script.name} was not fetched: melodies are shown as piano rolls only"
        return Part(name, False, detail, "make notation, which needs npm")
    return Part(name, True, "abcjs, which draws melodies as notes", "")


def _chemistry() -> Part:
    name = "chemistry"
    if not _installed("rdkit"):
        return Part(name, False, "the package rdkit is not installed: no molecules", PACKAGES)
    return Part(name, True, f"RDKit {metadata.version('rdkit')}", "")


def _drawings() -> Part:
    name = "drawings"
    if lacking := canvas.missing():
        detail = f"RDKit cannot draw without {', '.join(lacking)}: molecules are shown as SMILES and in space only"
        return Part(name, False, detail, canvas.remedy())
    return Part(name, True, "of molecules, by RDKit", "")


def _viewer() -> Part:
    name, without = "molecule viewer", "molecules are drawn in two dimensions only"
    if not _installed("py3Dmol"):
        return Part(name, False, f"the package py3Dmol is not installed: {without}", PACKAGES)
    if not (script := STATIC / "3Dmol-min.js").is_file():
        return Part(name, False, f"{script.name} was not fetched: {without}", "make viewer, which needs npm")
    return Part(name, True, f"3Dmol.js for py3Dmol {metadata.version('py3Dmol')}", "")


def _editor() -> Part:
    name, script = "structure editor", STATIC / "openchemlib.js"
    if not script.is_file():
        return Part(
            name, False, f"{script.name} was not fetched: structures cannot be drawn", "make editor, which needs npm"
        )
    return Part(name, True, "OpenChemLib, which takes structures drawn with the mouse", "")


def _molecules() -> Part:
    name, remedy = "training molecules", "make molecules, or pip install --no-deps molsets==0.3.1"
    try:
        version = metadata.version("molsets")
    except metadata.PackageNotFoundError:
        detail = "the package molsets is not installed: no corpus to train a molecule prior on, no nearest molecules"
        return Part(name, False, detail, remedy)
    if not _indexed("molecule"):
        remedy = "python -m seqtutor_core prior neighbours, once, about five minutes"
        return Part(name, False, f"MOSES of molsets {version}; the nearest ones cannot be looked up yet", remedy)
    return Part(name, True, f"MOSES of molsets {version}, with an index of the nearest", "")


def _zinc() -> Part:
    name, corpus = "ZINC molecules", "molecule-zinc"
    if _indexed(corpus):
        return Part(name, True, "ZINC 250k, with an index of the nearest", "")
    built = _is_file(home() / "corpora" / corpus / "statistics.json")
    first = "" if built else f"python -m seqtutor_core prior corpus {corpus} --file FILE, with ZINC 250k in FILE; then "
    remedy = f"{first}python -m seqtutor_core prior neighbours {corpus}, once"
    return Part(name, False, f"beside the prior {corpus} the nearest ones cannot be looked up yet", remedy)


def _indexed(corpus: str) -> bool:
    """Return whether the molecules nearest to one can be looked up in a corpus."""
    return _is_file(home() / "corpora" / corpus / "neighbours" / "statistics.json")


def _is_file(path: Path) -> bool:
    with suppress(OSError):  # of a home that is none, which has a part of its own
        return path.is_file()
    return False


def _corpus() -> Part:
    name = "folk tunes"
    if not _installed("music21"):
        detail = "the package music21 is not installed: no corpus to train a melody prior on, no MusicXML files"
        return Part(name, False, detail, PACKAGES)
    tunes = _package_folder("music21") / "corpus" / "essenFolksong"
    if not any(tunes.glob("*.abc")):
        detail = "this music21 came without its tunes: no corpus to train a melody prior on"
        return Part(name, False, detail, "pip install --force-reinstall music21")
    return Part(name, True, f"folk tunes of music21 {metadata.version('music21')}", "")


def _priors() -> Part:
    name, remedy = "priors", "git checkout -- assets/priors, or python -m seqtutor_core prior train melody"
    if not (_installed("torch") and _installed("safetensors")):
        return Part(name, False, "the packages torch and safetensors are needed to read a prior", PACKAGES)
    from seqtutor_core import priors
    from seqtutor_core.errors import PriorError

    sound, damage = [], []
    for prior in priors.available():
        try:
            priors.load(prior)
            sound.append(prior)
        except PriorError as error:
            damage.append(str(error))
    if damage or not sound:
        detail = "; ".join(damage) or "none in assets/priors: nothing can be sampled or tuned"
        return Part(name, False, detail, remedy)
    return Part(name, True, ", ".join(sound), "")


def _run_folder() -> Part:
    name, folder = "run folder", home()
    remedy = "set SEQTUTOR_HOME to a folder that can be written"
    try:
        with suppress(*ABSENT):
            folder.stat()  # raises where the name is too long
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        tempfile.TemporaryFile(dir=nearest).close()
        free = shutil.disk_usage(nearest).free
    except OSError as error:
        return Part(name, False, f"{folder} cannot be written ({error.strerror}): no run can start", remedy)
    detail = f"{folder}, {free / 1e9:.1f} GB free"
    if free < ENOUGH_FREE_BYTES:
        return Part(name, False, f"{detail}: too little for runs", f"make room, or {remedy}")
    return Part(name, True, detail, "")


def _slots() -> Part:
    name, remedy = "slots", f"unset {SLOTS} and {RUNS_PER_VISITOR}, or set them to whole numbers"
    if not _installed("torch"):
        return Part(name, False, "PyTorch is not installed: nothing can be tuned", PACKAGES)
    import torch

    kind = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        count, most, memory = slot_count(kind), runs_per_visitor(), run_megabytes()
    except SettingError as error:
        return Part(name, False, f"{error}: no run can start", remedy)
    learn = f"{count} {'run learns' if count == 1 else 'runs learn'} at a time on {kind.upper()} and others wait"
    within = f"each within {memory:,} MB" if memory else "each in as much memory as it needs"
    detail = f"{learn} ({SLOTS}), {within} ({RUN_MEMORY}); a visitor may have {most} ({RUNS_PER_VISITOR})"
    return Part(name, True, detail, "")


def _browser() -> Part:
    name, without = "browser tests", "the app does not need it, its browser tests do"
    if not _installed("playwright"):
        remedy = "run make test, or pip install -r requirements-dev.txt"
        return Part(name, False, f"the package playwright is not installed: {without}", remedy)
    if not (path := browser()):
        return Part(name, False, f"Chromium is not on the PATH: {without}", "sudo apt-get install chromium")
    return Part(name, True, path, "")


def _installed(package: str) -> bool:
    try:
        return util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _package_folder(package: str) -> Path:
    """Return where a package lies, without importing it."""
    spec = util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else Path()
