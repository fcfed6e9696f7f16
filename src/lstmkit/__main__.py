"""`python -m lstmkit`."""

from lstmkit.cli import main

if __name__ == "__main__":
    main()
