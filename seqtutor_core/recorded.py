"""CUDA graphs: the thousands of small operations of a rollout or an update, recorded once, then started by one call.

A rollout of 32 steps starts 2,000 kernels that take microseconds each, so a GPU waits for the host nearly all the time.
What is recorded reads parameters where they lie: it follows them as they learn.
"""

import logging
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqtutor_core.fused import compiling

LONGEST_RECORDED = 128  # tokens; a graph keeps all memory that it ever uses
WARM_UP = 2  # calls before the recording, in which libraries and constants settle


class Recording(NamedTuple):
    """A graph, and the places where it finds its tensors and leaves its results."""

    graph: torch.cuda.CUDAGraph
    places: list[Tensor]
    result: Any


class Recorded:
    """A function of values and tensors that draws from generators and computes on the GPU.

    It must not wait for the GPU nor choose shapes by what it computed. Where it cannot be recorded it is called.
    """

    def __init__(self, function: Callable[..., Any], generators: Sequence[torch.Generator] = ()) -> None:
        self.function, self.generators = function, generators
        self.recordings: dict[Hashable, Recording | None] = {}
        """The last one, by its arguments and the tensors' shapes; None: it could not be recorded."""

    def __call__(self, *arguments: Hashable, tensors: Sequence[Tensor] = ()) -> Any:
        """Return function(*arguments, *tensors), in tensors that the next call overwrites.

        OutOfMemoryError as the function's own.
        """
        recording = self.prepare(*arguments, tensors=tensors)
        if recording is None:
            return self.function(*arguments, *tensors)
        for place, each in zip(recording.places, tensors, strict=True):
            place.copy_(each)
        recording.graph.replay()
        return recording.result

    def prepare(self, *arguments: Hashable, tensors: Sequence[Tensor] = ()) -> Recording | None:
        """Record a call, unless the last recording is of such a call; nothing is drawn."""
        key = (*arguments, *(each.shape for each in tensors))
        if key not in self.recordings:
            self.recordings.clear()  # a batch that was halved for want of memory leaves none to its larger self
            self.recordings[key] = self._record(arguments, [each.clone() for each in tensors])
        return self.recordings[key]

    def _record(self, arguments: tuple[Hashable, ...], places: list[Tensor]) -> Recording | None:
        states = [generator.get_state() for generator in self.generators]
        stream = _warm_up_stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream), compiling():
            for _ in range(WARM_UP):
                self.function(*arguments, *places)
        torch.cuda.current_stream().wait_stream(stream)
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state)  # so that a recorded run draws the numbers that one without recording draws
        graph = torch.cuda.CUDAGraph()
        try:
            for generator in self.generators:
                graph.register_generator_state(generator)
            with torch.cuda.graph(graph, capture_error_mode="thread_local"), compiling():
                return Recording(graph, places, self.function(*arguments, *places))
        except RuntimeError as problem:
            for each in (problem, problem.__context__):
                if isinstance(each, torch.OutOfMemoryError):
                    raise each from None
            logging.getLogger(__name__).warning("no CUDA graph (%s); runs take longer", problem)
            torch.cuda.synchronize()
            return None


def is_recording(on_gpu: bool) -> bool:
    """Return whether a CUDA graph is being recorded here. on_gpu: whether one can be; other torches raise if asked."""
    return on_gpu and torch.cuda.is_current_stream_capturing()


def branches(functions: Sequence[Callable[[], Tensor]], on_gpu: bool) -> list[Tensor]:
    """Return the result of each function. In a CUDA graph they become branches, which a GPU runs beside each other."""
    streams = _branch_streams(len(functions)) if on_gpu else []  # made before anything is recorded
    if not is_recording(on_gpu):
        return [function() for function in functions]
    trunk, results = torch.cuda.current_stream(), []
    for stream in streams:
        stream.wait_stream(trunk)
    try:
        for stream, function in zip(streams, functions, strict=True):
            with torch.cuda.stream(stream):
                results.append(function())
    finally:  # whatever happens, a graph must end in one stream
        for stream in streams:
            trunk.wait_stream(stream)
    for result in results:
        result.record_stream(trunk)  # where it is read: its memory is not for another branch that comes later
    return results


@cache
def _branch_streams(count: int) -> list[torch.cuda.Stream]:
    return [torch.cuda.Stream() for _ in range(count)]


@cache
def _warm_up_stream() -> torch.cuda.Stream:
    """Return the one stream of all warm-ups: cuBLAS keeps 32 MB for each stream that ever multiplied."""
    return torch.cuda.Stream()
