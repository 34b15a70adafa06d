"""`python -m cosignal.simulator`: the `cosignal-sim` command, wherever Python is."""

from cosignal.simulator.commands import main

if __name__ == "__main__":
    main()
