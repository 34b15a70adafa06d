"""`python -m cosignal.server`: the `cosignal` command, wherever Python is."""

from cosignal.server.cli import main

if __name__ == "__main__":
    main()
