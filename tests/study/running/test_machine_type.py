"""The type of a machine: what decides the last bits of a run, and nothing that differs among equal ones."""

import platform

import pytest
import torch

from study.running import machine_type as types
from study.running.machine_type import cpu_model, machine_type

CPUS = """processor\t: 0
model name\t: AMD EPYC 7R13 Processor
cpu MHz\t\t: 2650.000

processor\t: 1
model name\t: AMD EPYC 7R13 Processor
"""


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A machine with two equal CPUs, and no memory of another one."""
    (tmp_path / "cpuinfo").write_text(CPUS)
    monkeypatch.setattr(types, "CPUS", tmp_path / "cpuinfo")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    machine_type.cache_clear()
    yield tmp_path
    machine_type.cache_clear()


@pytest.fixture
def card(monkeypatch):
    """A card that tells which one was asked for."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device}")


def test_cpu_instructions_and_card_are_named(card):
    assert machine_type("auto") == "AMD EPYC 7R13 Processor, AVX2, card None"
    assert machine_type("cuda:1") == "AMD EPYC 7R13 Processor, AVX2, card cuda:1"


def test_a_run_on_the_cpu_asks_for_no_card(card):
    assert machine_type("cpu") == "AMD EPYC 7R13 Processor, AVX2"


def test_a_cpu_without_a_name_is_known_by_its_architecture(machine):
    (machine / "cpuinfo").write_text("processor\t: 0\nCPU part\t: 0xd40\n")
    assert cpu_model() == platform.machine()
    (machine / "cpuinfo").unlink()
    assert cpu_model() == platform.machine()
