"""python counted_run.py FILE NAME ...: study.run, with a line in FILE for each epoch that begins anywhere.

The figures of its report are sketched, and it waits half as long as usual for an MLflow that is away.

The line tells trial, epoch, time and node, which NODE in the environment of its processes names. Epochs of a
toy store take milliseconds: each takes PAUSE seconds longer, so that what is killed is in the middle of one,
and that a trial lasts longer than a second process takes to start: Ray would give the first one its trial.
"""

import json
import os
import sys
import time

from sketches import sketch

from study.run import main
from study.running import driver


class Counted:
    """A method whose runners note each epoch that they begin."""

    def __init__(self, method, trial, file):
        self.method, self.trial, self.file = method, trial, file

    def build(self, settings):
        runner = self.method.build(settings)
        train = runner.run_epoch

        def noted():
            line = {"trial": self.trial, "epoch": runner.epoch + 1, "time": time.time()}
            line["node"] = os.environ["NODE"]
            with open(self.file, "a") as file:
                file.write(json.dumps(line) + "\n")
            time.sleep(float(os.environ.get("PAUSE", "0.5")))
            return train()

        runner.run_epoch = noted
        return runner


def counting(ray_config, file):
    """As `ray_config`, but with methods that are counted."""

    def counted(*given):
        config = ray_config(*given)
        return {**config, "method": Counted(config["method"], config["folder"], file)}

    return counted


if __name__ == "__main__":
    driver._ray_config = counting(driver._ray_config, sys.argv[1])
    driver._PATIENCE /= 2
    sketch()
    sys.exit(main(sys.argv[2:]))
