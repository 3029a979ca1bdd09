"""python stuck_run.py FILE NOTE NAME ...: as `counted_run`, but the first trial stands still before an epoch.

It does so once, and notes its process in NOTE. The shortest silence that counts as a hang is 20 s.
"""

import os
import sys
import time
from pathlib import Path

import counted_run
from ray import cloudpickle

from study.run import main
from study.running import driver, hang_watch


class Stuck(counted_run.Counted):
    """A method whose first runner is never there."""

    def __init__(self, method, trial, file, note):
        super().__init__(method, trial, file)
        self.note = note

    def build(self, settings):
        if not Path(self.note).exists():
            Path(self.note).write_text(str(os.getpid()))
            time.sleep(1000)
        return super().build(settings)


def stuck(ray_config, file, note):
    """As `ray_config`, but with methods that are counted, of which the first stands still."""

    def configured(*given):
        config = ray_config(*given)
        return {**config, "method": Stuck(config["method"], config["folder"], file, note)}

    return configured


if __name__ == "__main__":
    cloudpickle.register_pickle_by_value(counted_run)
    hang_watch.FLOOR = 20.0
    driver._ray_config = stuck(driver._ray_config, *sys.argv[1:3])
    sys.exit(main(sys.argv[3:]))
