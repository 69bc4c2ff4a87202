"""The table of rounds that expanded_personas shows."""

from persona_assets.assets.personas import describe_rounds
from persona_assets.personas.expand import RoundReport


def test_each_round_has_a_line_that_adds_up() -> None:
    reports = [
        RoundReport(0, 12, 12, 9, duplicates=2, flagged=1, beyond=4),
        RoundReport(1, 15, 14, 12, duplicates=2, flagged=0, last=12),
    ]
    head, rule, *lines = describe_rounds(reports).splitlines()
    assert head.count("|") == rule.count("|") == 10
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines] == [
        ["0", "12", "12", "9", "5", "2", "1", "4", "0"],
        ["1", "15", "14", "12", "0", "2", "0", "0", "12"],
    ]
