"""A GPU learns from as many sequences at a time as pay, or as its memory holds; whoever asks for a batch gets that."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from pages.ui.runs import reuse
from seqtutor_core import environment
from seqtutor_core.batch_size import fitting, for_device
from seqtutor_core.config import TuningConfig
from seqtutor_core.runs import launcher
from tests.paging import opened, texts

GIB = 2**30
WEIGHTS = {"key": 4.0}
MELODY = TuningConfig("melody", "melody", weights=WEIGHTS)
MOLECULE = TuningConfig("molecule", "molecule", weights={"qed": 40.0})


@pytest.fixture
def gpu(monkeypatch):
    """A GPU by its looks, with so much memory as a test says."""
    properties = SimpleNamespace(total_memory=80 * GIB)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
    monkeypatch.delenv(environment.VISIBLE_GPUS, raising=False)
    monkeypatch.delenv(environment.SLOTS, raising=False)
    return properties


def test_a_batch_is_a_power_of_two_that_fits():
    sizes = [fitting(int(gib * GIB), 32, 128, 4096) for gib in (0, 0.5, 1, 2, 4, 40)]
    assert sizes == [64, 512, 1024, 2048, 4096, 4096]


def test_longer_sequences_and_larger_networks_need_a_smaller_batch():
    assert fitting(4 * GIB, 256, 128, 4096) == fitting(4 * GIB, 32, 128, 4096) // 8
    assert fitting(4 * GIB, 32, 2048, 4096) < fitting(4 * GIB, 32, 128, 4096)


@pytest.mark.parametrize(("config", "batch"), [(MELODY, 4096), (MOLECULE, 1024)], ids=["melody", "molecule"])
def test_a_run_on_a_gpu_has_a_large_batch_and_says_so(config, batch, gpu):
    learner = for_device(config).learner_settings
    assert (learner.batch, learner.minibatch) == (batch, batch)
    assert launcher.checked(config).overrides == {"batch": batch, "minibatch": batch}


def test_a_small_gpu_has_a_smaller_one(gpu):
    gpu.total_memory = 2 * GIB
    assert 64 <= for_device(MELODY).learner_settings.batch <= 1024


def test_runs_that_share_a_gpu_share_its_memory(gpu, monkeypatch):
    gpu.total_memory = 8 * GIB
    alone = for_device(MELODY).learner_settings.batch
    monkeypatch.setenv(environment.SLOTS, "4")
    assert for_device(MELODY).learner_settings.batch == alone // 4


@pytest.mark.parametrize(
    "changes",
    [
        {"overrides": {"batch": 128}},
        {"overrides": {"minibatch": 128}},
        {"updates": 10},
        {"calls": 5000},
        {"learner": "psi", "preset": "paper"},
        {"preset": "expensive"},
        {"device": "cpu"},
    ],
    ids=lambda changes: " ".join(changes),
)
def test_what_was_asked_for_stays(changes, gpu):
    config = replace(MELODY, **changes)
    assert for_device(config) is config


def test_a_cpu_has_the_batch_that_was_chosen_on_one():
    assert for_device(replace(MELODY, device="cpu")).learner_settings.batch == 256


@pytest.mark.parametrize(("device", "shown"), [("cpu", "CPU, 256 at a time"), ("cuda", "CUDA, 4,096 at a time")])
def test_the_page_says_how_many_it_learns_from_at_a_time(device, shown, gpu):
    assert shown in texts(opened("melody", device=device).run().get("html"))


def test_a_batch_that_a_gpu_would_choose_again_is_not_left_out(gpu):
    chosen = for_device(replace(MELODY, device="cuda"))
    assert reuse._chosen(chosen) == {"batch", "minibatch"}
    assert reuse._chosen(replace(MELODY, overrides={"batch": 16})) == set()
