"""What a training says of its own worth."""

from multisymbol.reports.run_summary import no_skill


def scores(**skill: float) -> dict[str, dict[str, float]]:
    return {symbol: {"test_skill": value} for symbol, value in skill.items()}


def test_a_model_that_is_better_everywhere_needs_no_word() -> None:
    assert no_skill({"test_skill": 0.1}, scores(AAA=0.1, BBB=0.01)) is None


def test_symbols_without_skill_are_named() -> None:
    assert no_skill({"test_skill": 0.1}, scores(AAA=0.1, BBB=0.0)) == "none for 1 of 2 symbols (BBB)"
    many = scores(AAA=1.0, **{f"S{place}": -1.0 for place in range(9)})
    assert no_skill({"test_skill": 0.1}, many) == (
        "none for 9 of 10 symbols (S0, S1, S2, S3, S4, S5, S6, S7 and 1 more)"
    )


def test_a_model_without_skill_over_all_rows_is_called_so() -> None:
    assert no_skill({"test_skill": -0.2}, scores(AAA=-0.1, BBB=-0.3)) == (
        "none over all test rows: a forecast without skill is as good or better for 2 of 2 symbols"
    )
    assert str(no_skill({"test_skill": float("nan")}, scores(AAA=float("nan")))).startswith("none over all test rows")
