import os
import subprocess
import sys


def test_drawing_leaves_nothing_in_the_home(tmp_path) -> None:
    surroundings = {name: value for name, value in os.environ.items() if name != "MPLCONFIGDIR"}
    homes = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    draw = "import study.reporting, matplotlib.font_manager"
    subprocess.run([sys.executable, "-c", draw], env=surroundings | homes, check=True)
    assert list(tmp_path.rglob("*")) == []
