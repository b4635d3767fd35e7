"""`python -m archcalc` and the console script."""

import gc

# A run lasts some tens of milliseconds and makes no cycles worth finding: the collector would only look on.
gc.disable()

from archcalc.cli.main import main  # noqa: E402 - the collector has to be off before the imports

if __name__ == "__main__":
    main()
