"""`persona-assets recipe`: write, check and try one."""

from typing import Annotated

import typer

from persona_assets.cli.shared import load_settings, make_console

recipe_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Recipes: write, check and try one.")


@recipe_app.command("new")
def new_recipe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the file and of the asset: lower case.")],
) -> None:
    """Write a recipe file to start from.

    Example: `persona-assets recipe new birthday_speeches`
    """
    from persona_assets.commands.recipe import write_recipe

    write_recipe(load_settings(), make_console(), name)


@recipe_app.command("check")
def check_recipes() -> None:
    """Examine every recipe file: keys, variables, demonstrations; what is wrong is named with file and line.

    Example: `persona-assets recipe check`
    """
    from persona_assets.commands.recipe import check_recipes as check

    check(load_settings(), make_console())


@recipe_app.command("try")
def try_recipe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a recipe's file or asset.")],
    persona: Annotated[str, typer.Option(metavar="TEXT", help="Whom it is made for.")],
) -> None:
    """Make one row of a recipe for a persona, and show it with what was refused. Nothing is written to the lake.

    Example: `persona-assets recipe try math_problems --persona "A nurse who plays chess."`
    """
    from persona_assets.commands.recipe import try_recipe as run_try

    run_try(load_settings(), make_console(), name, persona)
