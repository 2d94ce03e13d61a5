"""`python -m hubel` is `hubel`."""

from hubel.cli import start

if __name__ == "__main__":
    start()
