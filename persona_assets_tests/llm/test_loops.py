"""What counts as a generation that runs in circles."""

from hypothesis import given
from hypothesis import strategies as st

from persona_assets.llm.loops import FEWEST_REPEATS, LONGEST_CYCLE, SHORTEST_LOOP, is_looping

tokens = st.integers(min_value=0, max_value=50_000)
cycles = st.lists(tokens, min_size=1, max_size=LONGEST_CYCLE)


@given(before=st.lists(tokens, max_size=80), cycle=cycles, rest=st.integers(min_value=0, max_value=LONGEST_CYCLE))
def test_a_repeated_cycle_is_a_loop_wherever_it_is_cut(before: list[int], cycle: list[int], rest: int) -> None:
    repeats = max(FEWEST_REPEATS, -(-SHORTEST_LOOP // len(cycle)))
    assert is_looping([*before, *cycle * repeats, *cycle[: rest % len(cycle)]])


@given(st.lists(tokens, max_size=400, unique=True))
def test_text_without_repetition_is_no_loop(text: list[int]) -> None:
    assert not is_looping(text)


@given(cycle=cycles, last=tokens)
def test_a_loop_that_was_left_is_no_loop(cycle: list[int], last: int) -> None:
    repeats = max(FEWEST_REPEATS, -(-SHORTEST_LOOP // len(cycle)))
    assert is_looping([*cycle * repeats, last]) == (last == cycle[0])


@given(st.lists(tokens, min_size=20, max_size=20, unique=True))
def test_a_list_whose_lines_share_their_frame_is_no_loop(words: list[int]) -> None:
    frame = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert not is_looping([token for word in words for token in (*frame, word)])


def test_a_short_ruler_and_a_thrice_sung_refrain_are_no_loops() -> None:
    assert not is_looping([7] * (SHORTEST_LOOP - 1))
    assert not is_looping([*range(100), *list(range(200, 240)) * (FEWEST_REPEATS - 1)])
