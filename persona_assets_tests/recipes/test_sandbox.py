"""The sandbox: programs compute, and reach nothing else."""

import pytest

from persona_assets.recipes.sandbox import ProgramError, run_program
from persona_assets.settings import SandboxSettings

SETTINGS = SandboxSettings(enabled=True, max_seconds=0.5, max_memory_mb=20)


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("print(6 * 7, 'boxes')", "42 boxes"),
        ("import math\nprint(math.comb(10, 3))", "120"),
        ("def f(n):\n    return n * f(n - 1) if n else 1\nprint(f(10))", "3628800"),
        ("x = 5", ""),
    ],
)
def test_a_program_prints_its_answer(code: str, printed: str) -> None:
    assert run_program(code, SETTINGS) == printed


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("while True:\n    pass", "time limit"),
        ("x = [0] * 10**9", "memory limit"),
        ("print(open('/etc/hostname').read())", "Permission denied"),
        ("open('/tmp/made', 'w').write('x')", "Permission|denied|not"),
        ("import os\nprint(os.listdir('/'))", "Permission denied"),
        ("import os\nos.system('true')", "no attribute"),
        ("import socket", "No module named 'socket'"),
        ("import subprocess", "No module named 'subprocess'"),
        ("__import__('os').system('true')", "."),
        ("for i in range(10**6):\n    print(i)", "prints more than"),
        ("print(1 / 0)", "division by zero"),
        ("def (", "."),
    ],
)
def test_what_a_program_may_not_do_ends_it(code: str, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        run_program(code, SETTINGS)
    # The next program is not harmed.
    assert run_program("print(1)", SETTINGS) == "1"
