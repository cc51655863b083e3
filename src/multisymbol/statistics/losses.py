"""Losses of any forecasters, in arrays or in a table with named columns, compared by the procedure of `compare_arms`.

    compare_losses(losses, timestamps, symbols, ..)      losses on real data -> Verdict
    surrogate_effects(losses, timestamps, symbols, ..)   losses on one market without signal -> Effects

Lower losses are better.
"""

# n rows

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Floats, Ints
from multisymbol.errors import ComparisonError
from multisymbol.seeding import named_seed
from multisymbol.statistics.bootstrap import Interval
from multisymbol.statistics.compare import ComparisonResult, Diagnostics, Plan, SymbolResult, compare_arms
from multisymbol.statistics.loss_differentials import ArmLosses, Rows, mean_losses
from multisymbol.statistics.model_confidence_set import ConfidenceSet, confidence_set
from multisymbol.statistics.seed_variance import LEAST_SEEDS
from multisymbol.statistics.skill import Effects, Surrogates, effects
from multisymbol.statistics.surrogate_null import LEAST_DRAWS
from multisymbol.statistics.verdict import Kind, LossTerms

if TYPE_CHECKING:
    import pandas as pd


_EARLIEST = 10**15
"""Eleven days after 1970 in nanoseconds: integers below it are row numbers or dates like 20180601, not nanoseconds."""


class LossTable(Protocol):
    """Columns by name: a dict of arrays, or a DataFrame of pandas or polars."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a column."""
        ...

    def __contains__(self, name: object, /) -> bool:
        """Whether there is such a column."""
        ...


Column: TypeAlias = str | npt.ArrayLike
"""The name of a column of the table, or the column itself."""

VerdictKind: TypeAlias = Literal["NO_SKILL", "FIRST_BETTER", "SECOND_BETTER", "EQUIVALENT", "INCONCLUSIVE"]
_KINDS: Mapping[Kind, VerdictKind] = {
    "NO_SKILL": "NO_SKILL",
    "UNIVERSAL_BETTER": "FIRST_BETTER",
    "SINGLE_BETTER": "SECOND_BETTER",
    "EQUIVALENT": "EQUIVALENT",
    "INCONCLUSIVE": "INCONCLUSIVE",
}


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Verdict:
    """Verdict on two forecasters, with all numbers behind it."""

    result: ComparisonResult
    mean_losses: Mapping[str, float]  # arm -> mean loss over instants, all arms and the baseline
    confidence_set: ConfidenceSet | None  # arms that cannot be distinguished from the best one; None for two arms

    @property
    def kind(self) -> VerdictKind:
        """Verdict over all symbols: one of five."""
        return _KINDS[self.result.verdict.kind]

    @property
    def better(self) -> str | None:
        """Name of the arm that is shown to be better; None for every other verdict, and when exploring."""
        if self.exploratory:
            return None
        arms = {"FIRST_BETTER": self.result.differentials.first, "SECOND_BETTER": self.result.differentials.second}
        return arms.get(self.kind)

    @property
    def exploratory(self) -> bool:
        """Whether something that a claim needs is missing; then nothing is claimed, whatever the numbers."""
        return self.result.evidence.exploratory

    @property
    def sentence(self) -> str:
        """Verdict in words."""
        return self.result.verdict.sentence

    @property
    def caveats(self) -> tuple[str, ...]:
        """Sentences that a careful reader must know besides."""
        return self.result.verdict.caveats

    @property
    def effect(self) -> float:
        """Mean loss of the second arm less that of the first: above 0 the first arm is better."""
        return self.result.differentials.effect

    @property
    def interval(self) -> Interval:
        """Interval of the effect, over time and seeds."""
        interval = self.result.evidence.interval
        assert interval is not None, "tested over all symbols, or refused"
        return interval

    @property
    def p_value(self) -> float:
        """Two-sided p-value of the effect: the larger of Diebold-Mariano's and the one with the seeds' variance."""
        return float(np.fmax(self.result.evidence.p, self.result.evidence.p_seeds))

    @property
    def diagnostics(self) -> Diagnostics:
        """Effective sample sizes, detectable effect, variance by source, A/A test."""
        return self.result.diagnostics

    def by_symbol(self) -> "pd.DataFrame":
        """Return one row for each symbol: verdict, effect, interval, p-values raw and adjusted."""
        import pandas as pd

        return pd.DataFrame(map(_symbol_row, self.result.by_symbol)).set_index("symbol")

    def tests(self) -> "pd.DataFrame":
        """Return one row for each test over all symbols: what is tested, statistic, degrees of freedom, p-value."""
        import pandas as pd

        columns = ["test", "of", "statistic", "freedom", "p"]
        return pd.DataFrame(_test_rows(self.result), columns=columns).set_index("test")

    def arms(self) -> "pd.DataFrame":
        """Return one row for each arm: mean loss; with three arms or more also its place in the confidence set."""
        import pandas as pd

        frame = pd.DataFrame({"mean_loss": pd.Series(self.mean_losses, dtype=np.float64)}).rename_axis("arm")
        if self.confidence_set is not None:
            p = dict(zip(self.confidence_set.arms, self.confidence_set.p.tolist(), strict=True))
            frame["p_best"] = pd.Series(p, dtype=np.float64)
            frame["in_confidence_set"] = frame.index.isin(self.confidence_set.kept)
        return frame

    def __str__(self) -> str:
        """Return the sentence and the caveats, each on a line."""
        return "\n".join([self.sentence, *self.caveats])

    def __repr__(self) -> str:
        """Return the same: the fields hold long arrays."""
        return str(self)


def compare_losses(
    losses: LossTable,
    timestamps: Column,
    symbols: Column,
    seeds: Column | None = None,
    *,
    smallest_effect: float,
    arms: Sequence[str] | None = None,
    baseline: Column | None = None,
    resolved_at: Column | None = None,
    lag: int | None = None,
    surrogates: Mapping[str, Sequence[Effects]] | None = None,
    classes: Mapping[str, str] | None = None,
    weights: Mapping[str, float] | None = None,
    arm_column: str | None = None,
    loss_column: str = "loss",
    loss_name: str = "loss",
    unit: str = "units of loss",
    alpha: float = 0.05,
    level: float = 0.95,
    power: float = 0.8,
    draws: int = 2000,
    aa_draws: int = 400,
    seed: int = 1,
    exploratory: bool | None = None,
) -> Verdict:
    """Compare the losses of two forecasters, of whatever kind, on the same symbols and timestamps.

    This is the same procedure as the comparison of the universal with single models. Rows may be in any order; `n` is
    their number. A column is an array, or the name of a column of `losses`. Without a baseline, without 3 seeds or
    without 20 surrogate markets the verdict is exploratory and claims nothing; its numbers are the same.

    Args:
        losses: Arm -> losses of shape (n,), for example `{"mine": a, "theirs": b}`; or a DataFrame with a column for
            each arm; or, with `arm_column`, a tidy table with a row for each arm. Lower losses are better.
        timestamps: Time of each forecast, shape (n,): datetimes, ISO texts, or UTC nanoseconds as integers. Without a
            time zone they are UTC.
        symbols: Name of the series that each row belongs to, shape (n,).
        seeds: Training seed of each row, shape (n,); None if each forecaster was trained once.
        smallest_effect: Smallest difference of mean losses that would matter, in the unit of the losses, above 0.
        arms: Names of the arms. The first two are compared: positive effects favour the first. Three or more are also
            put into a model confidence set. None takes all entries of `losses`, in order.
        baseline: Losses of the forecast without skill, shape (n,), or its name among the arms.
        resolved_at: Time at which each label became known, shape (n,). Either this or `lag`.
        lag: Later timestamps of the same symbol that a label overlaps: h - 1 for forecasts h steps ahead.
        surrogates: Kind of surrogate market -> effects on each market, from `surrogate_effects`.
        classes: Symbol -> class, to test whether gains differ between classes.
        weights: Symbol -> weight in the mean over live symbols; None gives all the same.
        arm_column: Name of the column with the arm's name, if `losses` has a row for each arm.
        loss_column: Name of the column with the losses, if `losses` has a row for each arm.
        loss_name: Name of the loss in sentences, for example `log-loss`.
        unit: Unit of the loss in sentences, for example `nats`.
        alpha: Level of every test.
        level: Coverage of intervals.
        power: Power at which detectable effects and months needed are stated.
        draws: Bootstrap resamples of an interval, at least 100.
        aa_draws: Largest number of sign patterns in the A/A test, at least 100.
        seed: Seed for resampling.
        exploratory: True claims nothing; False refuses too few seeds or surrogates, and a missing baseline; None is
            False where all are there, else True.

    Returns:
        The verdict; `str(verdict)` is the sentence with its caveats.

    Raises:
        ComparisonError: Columns that are missing, incomplete or unaligned, repeated rows, too few timestamps. The
            message names the first row concerned.
    """
    table = _Table(losses)
    rows = _rows(table, timestamps, symbols, seeds, resolved_at=resolved_at, lag=lag)
    scored, no_skill = _arms(table, rows, arms=arms, baseline=baseline, arm_column=arm_column, loss_column=loss_column)
    compared = scored[0].rows
    drawn = tuple(Surrogates(kind=kind, draws=tuple(markets)) for kind, markets in (surrogates or {}).items())
    if drawn and no_skill is None:
        message = "surrogates without a baseline: skill on surrogate markets is a gain on the baseline; pass it"
        raise ComparisonError(message)
    if exploratory is None:
        enough_seeds = len(np.unique(compared.seed)) >= LEAST_SEEDS
        enough_draws = min((len(kind.draws) for kind in drawn), default=0) >= LEAST_DRAWS
        exploratory = no_skill is None or not (enough_seeds and enough_draws)
    missing = [name for name in compared.symbols if classes is not None and name not in classes]
    if missing:
        raise ComparisonError(f"classes: {', '.join(missing)} missing; give every symbol a class, or none")
    plan = Plan(
        smallest=smallest_effect,
        alpha=alpha,
        level=level,
        power=power,
        draws=draws,
        aa_draws=aa_draws,
        seed=seed,
        weights=weights,
        exploratory=exploratory,
    )
    result = compare_arms(
        scored[0],
        scored[1],
        no_skill,
        question="overall",
        surrogates=drawn,
        classes=classes,
        plan=plan,
        terms=LossTerms(loss=loss_name, unit=unit, baseline="the baseline", form=".4g"),
    )
    means = {arm.arm: mean_losses(arm, weights=weights) for arm in (*scored, *([no_skill] if no_skill else []))}
    best = None
    if len(scored) > 2:
        best = confidence_set(
            np.column_stack([means[arm.arm].series for arm in scored]),
            arms=[arm.arm for arm in scored],
            lag=result.differentials.lag,
            draws=draws,
            seed=named_seed(seed, "arms") % 2**32,
            alpha=alpha,
        )
    effects_of_arms = {name: own.effect for name, own in means.items()}
    return Verdict(result=result, mean_losses=effects_of_arms, confidence_set=best)


def surrogate_effects(
    losses: LossTable,
    timestamps: Column,
    symbols: Column,
    seeds: Column | None = None,
    *,
    baseline: Column,
    arms: Sequence[str] | None = None,
    weights: Mapping[str, float] | None = None,
    arm_column: str | None = None,
    loss_column: str = "loss",
) -> Effects:
    """Reduce one surrogate market (a market without signal on which all arms were trained again) to its effects.

    The arguments are those of `compare_losses`, of that market.

    Raises:
        ComparisonError: See `compare_losses`.
    """
    table = _Table(losses)
    rows = _rows(table, timestamps, symbols, seeds, resolved_at=None, lag=0)
    scored, no_skill = _arms(table, rows, arms=arms, baseline=baseline, arm_column=arm_column, loss_column=loss_column)
    assert no_skill is not None
    return effects(scored[0], scored[1], no_skill, weights=weights)


def _symbol_row(symbol: SymbolResult) -> dict[str, Any]:
    interval = symbol.test.interval
    return {
        "symbol": symbol.test.symbol,
        "verdict": _KINDS[symbol.verdict.kind],
        "effect": symbol.test.effect,
        "low": math.nan if interval is None else interval.low,
        "high": math.nan if interval is None else interval.high,
        "p": symbol.test.p,
        "p_holm": symbol.test.p_holm,
        "p_bh": symbol.test.p_bh,
        "p_equivalent": symbol.test.p_equivalent,
        "shrunk_effect": symbol.test.shrunk,
        "beyond_null": symbol.evidence.beyond,
        "timestamps": symbol.test.instants,
        "lag": symbol.test.lag,
        "months_needed": symbol.verdict.months_needed,
    }


def _test_rows(result: ComparisonResult) -> Iterator[tuple[str, str, float, float, float]]:
    evidence, nan = result.evidence, math.nan
    for test in (result.primary, result.cross_check, result.smoothed):
        yield test.method, "difference", test.statistic, float(test.freedom), test.p
    yield "with_seeds", "difference", nan, nan, evidence.p_seeds
    yield "two_one_sided", "equivalence", nan, nan, evidence.p_equivalent
    for name, between in (("symbols", result.between_symbols), ("classes", result.between_classes)):
        if between is not None:
            yield f"between_{name}", "equal gains", between.statistic, nan, between.p
    for skill in (evidence.skills.first, evidence.skills.second):
        yield f"baseline/{skill.arm}", "skill", nan, nan, skill.p_prior
        yield f"surrogates/{skill.arm}", "skill", nan, nan, skill.p_surrogates


# --- Alignment -------------------------------------------------------------------------------------------------------


class _Table:
    """Reads columns by name, and checks that all have the same length."""

    def __init__(self, table: LossTable) -> None:
        self.table = table
        self.named = False  # whether a column was asked for by its name
        self._rows: tuple[str, int] | None = None

    def column(self, column: Column, what: str) -> npt.NDArray[Any]:
        """Return a column as an array of one dimension."""
        if isinstance(column, str):
            self.named = True
            if column not in self.table:
                raise ComparisonError(f"{what}: the losses have no column '{column}'")
            column = self.table[column]
        # Pandas gives datetimes with a time zone as slow Python objects unless asked for UTC.
        zoned = getattr(getattr(column, "dtype", None), "tz", None) is not None
        values = np.asarray(column, dtype="datetime64[ns]") if zoned else np.asarray(column)
        if values.ndim != 1:
            raise ComparisonError(f"{what}: has shape {values.shape}, expected one value for each row")
        self._rows = self._rows or (what, len(values))
        first, rows = self._rows
        if len(values) != rows:
            message = f"{what}: {len(values):,} rows, but {first} has {rows:,}. Pass columns of the same rows"
            raise ComparisonError(message)
        return values

    def losses(self, column: Column, what: str) -> Floats:
        """Return a column of losses."""
        values = self.column(column, what)
        try:
            return values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ComparisonError(f"{what}: losses are {values.dtype}, expected numbers ({error})") from error


def _rows(
    table: _Table,
    timestamps: Column,
    symbols: Column,
    seeds: Column | None,
    *,
    resolved_at: Column | None,
    lag: int | None,
) -> Rows:
    if (resolved_at is None) == (lag is None):
        raise ComparisonError(
            "give either resolved_at (when each label became known) or lag (how many later timestamps of its symbol a "
            "label overlaps): lag=h-1 for forecasts h steps ahead at every step, lag=0 where labels do not overlap"
        )
    decided_at = _instants(table.column(timestamps, "timestamps"), "timestamps")
    names, symbol = _numbered(table.column(symbols, "symbols"), "symbols")
    seed = np.zeros(len(symbol), dtype=np.int64)
    if seeds is not None:
        given = table.column(seeds, "seeds")
        seed = given if np.issubdtype(given.dtype, np.integer) else _numbered(given, "seeds")[1]
    if resolved_at is not None:
        known_at = _instants(table.column(resolved_at, "resolved_at"), "resolved_at")
        early = np.flatnonzero(known_at < decided_at)
        if len(early):
            message = f"resolved_at: earlier than the timestamp in {len(early):,} rows, first in row {early[0]}"
            raise ComparisonError(message)
    else:
        assert lag is not None
        known_at = _resolved_after(decided_at, symbol, lag=lag)
    return Rows(symbols=tuple(map(str, names)), symbol=symbol, decided_at=decided_at, resolved_at=known_at, seed=seed)


def _numbered(values: npt.NDArray[Any], what: str) -> tuple[list[Any], Ints]:
    """Number values in the order of their first appearance."""
    missing = [row for row, value in enumerate(values.tolist()) if value is None or _is_nan(value)]
    if missing:
        raise ComparisonError(
            f"{what}: missing in {len(missing):,} rows, first in row {missing[0]}. Name every row, or leave it out"
        )
    text = values.astype(str)
    _, first, inverse = np.unique(text, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return [text[row] for row in np.sort(first).tolist()], rank[inverse].astype(np.int64)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _instants(values: npt.NDArray[Any], what: str) -> Ints:
    """Read datetimes, ISO texts or integers of nanoseconds; without a time zone they are UTC."""
    if np.issubdtype(values.dtype, np.integer):
        small = np.flatnonzero(values < _EARLIEST)
        if len(small):
            raise ComparisonError(
                f"{what}: row {small[0]} is the integer {values[small[0]]}, expected nanoseconds of UTC since 1970. "
                "Pass datetimes, or texts like 2018-06-01T14:30"
            )
        return values.astype(np.int64)
    if np.issubdtype(values.dtype, np.datetime64):
        instants = values.astype("datetime64[ns]")
    else:
        import pandas as pd  # half a second, and not needed for arrays of datetimes

        try:
            read = pd.to_datetime(pd.Series(values), utc=True)
        except (TypeError, ValueError) as error:
            message = f"{what}: not readable as timestamps ({error}). Pass datetimes, or texts like 2018-06-01T14:30"
            raise ComparisonError(message) from error
        instants = read.dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
    missing = np.flatnonzero(np.isnat(instants))
    if len(missing):
        raise ComparisonError(
            f"{what}: missing in {len(missing):,} rows, first in row {missing[0]}. Date every row, or leave it out"
        )
    return instants.astype(np.int64)


def _resolved_after(decided_at: Ints, symbol: Ints, *, lag: int) -> Ints:
    """Let each label become known at the timestamp of its symbol that follows the `lag` ones it overlaps."""
    if lag < 0:
        raise ComparisonError(f"lag={lag}: expected 0 or more timestamps")
    known_at = np.empty_like(decided_at)
    for number in range(int(symbol.max(initial=-1)) + 1):
        chosen = np.flatnonzero(symbol == number)
        clock, place = np.unique(decided_at[chosen], return_inverse=True)
        # Beyond the last timestamp the exact instant does not matter: no further row can overlap.
        later = np.append(clock, np.full(lag + 1, clock[-1] + 1))
        known_at[chosen] = later[place + lag + 1]
    return known_at


def _arms(
    table: _Table,
    rows: Rows,
    *,
    arms: Sequence[str] | None,
    baseline: Column | None,
    arm_column: str | None,
    loss_column: str,
) -> tuple[list[ArmLosses], ArmLosses | None]:
    """Return the arms, two or more in the order they were named, and the baseline; see `compare_losses`."""
    if arm_column is not None:
        return _tidy_arms(table, rows, arms, baseline, arm_column=arm_column, loss_column=loss_column)
    if arms is None and table.named:
        raise ComparisonError("arms: name the columns of the losses to compare, for example arms=('mine', 'theirs')")
    keys = getattr(table.table, "keys", tuple)
    no_skill = baseline if isinstance(baseline, str) else None
    names = _two_or_more([name for name in (keys() if arms is None else arms) if name != no_skill])
    compared = [ArmLosses(arm=name, rows=rows, loss=table.losses(name, name)) for name in names]
    if baseline is None:
        return compared, None
    name = "baseline" if no_skill is None else no_skill
    return compared, ArmLosses(arm=name, rows=rows, loss=table.losses(baseline, name))


def _tidy_arms(
    table: _Table, rows: Rows, arms: Sequence[str] | None, baseline: Column | None, *, arm_column: str, loss_column: str
) -> tuple[list[ArmLosses], ArmLosses | None]:
    """Take the arms from a tidy table, in which each row is the loss of one arm."""
    if baseline is not None and not isinstance(baseline, str):
        raise ComparisonError("baseline: in a table with a row for each arm, give the name of the baseline's arm")
    names, number = _numbered(table.column(arm_column, "arm_column"), "arm_column")
    loss = table.losses(loss_column, "loss_column")
    compared = _two_or_more([name for name in (names if arms is None else arms) if name != baseline])
    unknown = [name for name in (*compared, *([baseline] if baseline else [])) if name not in names]
    if unknown:
        raise ComparisonError(f"arms: {', '.join(unknown)} not in column '{arm_column}', which has {', '.join(names)}")

    def arm(name: str) -> ArmLosses:
        chosen = np.flatnonzero(number == names.index(name))
        columns = {key: getattr(rows, key)[chosen] for key in ("symbol", "decided_at", "resolved_at", "seed")}
        return ArmLosses(arm=name, rows=replace(rows, **columns), loss=loss[chosen])

    return [arm(name) for name in compared], None if baseline is None else arm(baseline)


def _two_or_more(names: Sequence[str]) -> list[str]:
    if len(names) < 2 or len(set(names)) < len(names):
        raise ComparisonError(
            f"arms: {', '.join(map(str, names)) or 'none'} given, expected the names of two different arms or more"
        )
    return list(names)
