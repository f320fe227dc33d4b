"""Draw docs/demo.svg, the end of `make demo`, from a finished run.

python docs/draw.py runs/demo
"""

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from penchant import terminal
from penchant.pipeline import Run


def main() -> None:
    run = Run.open(sys.argv[1])
    terminal.console = Console(record=True, width=112, file=io.StringIO())
    terminal.show_metrics(run.metrics)
    user = run.some_user()
    terminal.show_profile(run.profile(user), run.clicks(user), most=5)
    svg = terminal.console.export_svg(title="penchant demo")
    # No web font: the page that shows the picture loads nothing from elsewhere.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")
    Path(__file__).with_name("demo.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
