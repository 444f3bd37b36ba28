"""`python -m lrsched` is the command `lrsched`."""

from lrsched.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
