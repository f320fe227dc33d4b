"""`python -m penchant` is the console script."""

from penchant.cli import main

main()
