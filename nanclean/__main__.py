"""`python -m nanclean` is `nanclean`."""

from nanclean.cli import main

if __name__ == "__main__":
    main()
