"""`python -m penchant` is the console script."""

from penchant.command.offline import main

main()
