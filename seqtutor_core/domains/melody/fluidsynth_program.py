"""MIDI to WAV by the fluidsynth program."""

import subprocess

import midi2audio


class FluidSynthProgram(midi2audio.FluidSynth):
    """midi2audio with options before files, without the program's banner, and with a limit of time.

    midi2audio 0.1.1 gives the files first, after which fluidsynth 2.6 refuses options; this order every version takes.
    """

    def __init__(self, sound_font: str, sample_rate: int, seconds: float) -> None:
        """sound_font: its file. sample_rate: in Hz. seconds: the longest that a file may take."""
        super().__init__(sound_font, sample_rate)
        self.seconds = seconds

    def midi_to_audio(self, midi_file: str, audio_file: str) -> None:
        """Write a MIDI file as WAV; nothing where the program fails. OSError, TimeoutExpired."""
        options = ["-ni", "-F", audio_file, "-r", str(self.sample_rate)]
        command = ["fluidsynth", *options, self.sound_font, midi_file]
        subprocess.run(command, capture_output=True, timeout=self.seconds)
