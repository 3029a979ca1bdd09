"""python failing_run.py FILE TRIAL NAME ...: as `counted_run`, but one trial finds no memory.

TRIAL names it by the end of its folder, such as confirm/joint/1. It fails in its second epoch.
"""

import sys

import counted_run
import torch
from ray import cloudpickle

from study.run import main
from study.running import driver


class Failing(counted_run.Counted):
    """A method whose runner finds no memory in its second epoch."""

    def build(self, settings):
        runner = super().build(settings)
        train = runner.run_epoch

        def fail():
            if runner.epoch == 1:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
            return train()

        runner.run_epoch = fail
        return runner


def failing(ray_config, file, trial):
    """As `ray_config`, but with methods that are counted, and with one that fails."""

    def configured(*given):
        config = ray_config(*given)
        kind = Failing if config["folder"].endswith(trial) else counted_run.Counted
        return {**config, "method": kind(config["method"], config["folder"], file)}

    return configured


if __name__ == "__main__":
    cloudpickle.register_pickle_by_value(counted_run)
    driver._ray_config = failing(driver._ray_config, *sys.argv[1:3])
    sys.exit(main(sys.argv[3:]))
