import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("device_throughput.py")
SMALL = [
    "--size=32",
    "--spectrogram=32",
    "--width=0.25",
    "--samples=32",
    "--batch-size=16",
    "--epochs=1",
    "--device=cpu",
]
MEDIUM = ["--size=64", "--spectrogram=64", "--width=0.25", "--samples=64", "--batch-size=32", "--device=cpu"]
FULL = ["--spectrogram=224", "--samples=256", "--batch-size=32", "--device=cuda"]


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("device_throughput", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def config(benchmark, folder, arguments):
    options = benchmark.parse(arguments)
    return benchmark.build_config(options, benchmark.write_random_store(folder, options))


def test_it_measures_small_sizes_on_a_cpu(benchmark, tmp_path):
    rows = [row for row in benchmark.ROWS if "compiled" not in row]
    options = benchmark.parse([*SMALL, "--rows", *rows])
    report = benchmark.measured(config(benchmark, tmp_path, SMALL), options)
    assert min(report["samples_per_second"].values()) > 0
    assert set(rows) - set(report["samples_per_second"]) <= {"bare pair, CUDA graph"}


@pytest.mark.slow
def test_bf16_and_channels_last_agree_with_fp32_on_a_cpu(benchmark, tmp_path):
    assert benchmark.agreement(config(benchmark, tmp_path, MEDIUM))["agrees"]


@pytest.mark.gpu
def test_bf16_and_channels_last_agree_with_fp32_at_224_pixels_on_a_gpu(benchmark, tmp_path):
    assert benchmark.agreement(config(benchmark, tmp_path, FULL))["agrees"]
