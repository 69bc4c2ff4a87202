"""`python -m persona_assets`: the command line."""

from persona_assets.cli import main

main()
