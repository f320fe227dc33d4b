"""Draw docs/pictures/demo.svg, the end of `make demo`, from a finished run.

python docs/code/draw.py runs/demo
"""

import io
import re
import sys
from pathlib import Path

from penchant.command.drawn import console
from penchant.command.drawn_metrics import show_metrics
from penchant.command.drawn_profile import show_profile
from penchant.pipeline import Run

PICTURES = Path(__file__).parent.parent / "pictures"


def main() -> None:
    run = Run.open(sys.argv[1])
    console.record, console.width, console.file = True, 112, io.StringIO()
    show_metrics(run.interests().metrics)
    user = run.interests().some_user()
    show_profile(run.profile(user), run.clicks(user), run.config.profiles.order, most=5)
    svg = console.export_svg(title="penchant demo")
    # No web font: the page that shows the picture loads nothing from elsewhere.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")
    (PICTURES / "demo.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
