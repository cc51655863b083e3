"""`python -m multisymbol`: the same as the console command."""

from multisymbol.cli.main import main

if __name__ == "__main__":
    main()
