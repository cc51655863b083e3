"""The command `multisymbol predict`, from a checkout."""

from multisymbol.cli.main import door

if __name__ == "__main__":
    door("predict")
