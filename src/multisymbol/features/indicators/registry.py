"""What an indicator is: columns from one stretch of bars, its parameters, and how many bars it must have seen.

Adding one is adding one function:

    @indicator(outputs=("roc",), warmup=lambda period: period)
    def roc(bars: Stretch, *, period: Count) -> Columns:
        ...

Its name is the function's, its parameters are the keyword-only arguments of the signature. One of the user's own is
found where its package is trusted (`trust: [mypackage]`) and importing the package imports its module.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, TypeAlias, TypeVar, get_args, get_type_hints

from multisymbol.arrays import Floats
from multisymbol.config.trust import import_trusted
from multisymbol.errors import FeatureError, nearest

Array: TypeAlias = Floats
Columns: TypeAlias = tuple[Array, ...]
"""One array per output, each as long as the stretch; what stands before the warm-up has no meaning."""

FORGOTTEN = 1e-4
"""Weight of what lies before the warm-up that a recursive average may still carry."""

_MOST_BARS = 100_000
"""Longest period TA-Lib accepts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BarSegment:
    """The prices and volumes of n bars without interruption; volume is NaN where there is none. Shape (n,) each."""

    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array


@dataclass(frozen=True, kw_only=True, slots=True)
class AtLeast:
    """Smallest value a whole-number parameter may have."""

    value: int


Count: TypeAlias = Annotated[int, AtLeast(value=1)]
"""Bars, 1 or more."""
Span: TypeAlias = Annotated[int, AtLeast(value=2)]
"""Bars, 2 or more: below, the average is its last term."""

Compute = TypeVar("Compute", bound=Callable[..., Columns])


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One keyword of an indicator: a whole number of at least `minimum`, or (`minimum` None) any number above 0."""

    name: str
    minimum: int | None

    @property
    def wanted(self) -> str:
        """Say what is accepted."""
        return "a number above 0" if self.minimum is None else f"a whole number of at least {self.minimum}"

    def accepts(self, value: object) -> bool:
        """Whether `value` is of the type and in the range; bool and text are neither."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.minimum is None:
            return math.isfinite(value) and value > 0
        return isinstance(value, int) and self.minimum <= value <= _MOST_BARS


@dataclass(frozen=True, kw_only=True, slots=True)
class Indicator:
    """A kind of indicator."""

    name: str  # its name in configurations
    compute: Callable[..., Columns]  # the function
    outputs: tuple[str, ...]  # names of what it returns, in order
    warmup: Callable[..., int]  # parameters -> bars at the start of a stretch before its values count
    parameters: tuple[Parameter, ...]  # its keywords
    ascending: tuple[str, ...]  # parameters of which each must be smaller than the next
    uses_volume: bool  # whether it has no value where the volume is NaN


@dataclass(frozen=True, kw_only=True, slots=True)
class Configured:
    """An indicator with its parameters, under the key it has in the configuration."""

    key: str
    indicator: Indicator
    given: Mapping[str, int | float]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns: the key for a single output, `{key}_{output}` for several."""
        outputs = self.indicator.outputs
        return (self.key,) if len(outputs) == 1 else tuple(f"{self.key}_{output}" for output in outputs)

    @property
    def warmup(self) -> int:
        """Bars at the start of a stretch before its values count."""
        return self.indicator.warmup(**self.given)

    def compute(self, bars: BarSegment) -> Columns:
        """Return its columns for a stretch longer than its warm-up."""
        columns = self.indicator.compute(bars, **self.given)
        assert len(columns) == len(self.indicator.outputs), self.indicator.name
        return columns


INDICATORS: dict[str, Indicator] = {}
"""Every indicator by name, filled by `indicator` as the modules beside this one are imported."""


def indicator(
    *, outputs: tuple[str, ...], warmup: Callable[..., int], ascending: tuple[str, ...] = (), uses_volume: bool = False
) -> Callable[[Compute], Compute]:
    """Register the decorated function as an indicator; see `Indicator` for the arguments.

    The function must be causal: value i uses bars 0 to i. It must be free of scale: prices in cents or in dollars,
    volumes in shares or in lots give the same. Its values from `warmup` on must be finite for all positive
    prices (and, with `uses_volume`, NaN exactly where the bars it looks at have a NaN volume).
    """

    def register(compute: Compute) -> Compute:
        name = compute.__name__
        known = INDICATORS.get(name)
        if known and known.compute.__module__ != compute.__module__:
            raise FeatureError(f"the indicator '{name}' of {compute.__module__} has a name that is taken; rename it")
        INDICATORS[name] = Indicator(
            name=name, compute=compute, outputs=outputs, warmup=warmup, parameters=_parameters(compute),
            ascending=ascending, uses_volume=uses_volume,
        )  # fmt: skip
        return compute

    return register


def ema_warmup(span: int) -> int:
    """Return the bars before an exponential average counts: its first mean, and then until that is forgotten.

    TA-Lib starts from the plain mean of the first `span` values. Counting from the first value instead
    leaves, on random walks, some 6 times `FORGOTTEN` of that mean (in deviations of the distance from the average).
    """
    return span - 1 + _memory(2.0 / (span + 1.0))


def wilder_warmup(period: int) -> int:
    """Return the same for Wilder's average of changes: the newest bar weighs 1/period, the first bar has no change."""
    return period + _memory(1.0 / period)


def _memory(alpha: float) -> int:
    """Return n >= ln(eps) / ln(1 - alpha): after n bars the start weighs (1 - alpha)^n <= eps."""
    return 0 if alpha >= 1.0 else math.ceil(math.log(FORGOTTEN) / math.log1p(-alpha))


def _parameters(compute: Callable[..., Columns]) -> tuple[Parameter, ...]:
    hints = get_type_hints(compute, include_extras=True)
    keywords = [p.name for p in inspect.signature(compute).parameters.values() if p.kind is p.KEYWORD_ONLY]
    least = {name: [each for each in get_args(hints[name]) if isinstance(each, AtLeast)] for name in keywords}
    assert all(least[name] or hints[name] is float for name in keywords), compute
    return tuple(Parameter(name=name, minimum=least[name][0].value if least[name] else None) for name in keywords)


def configure(key: str, entry: object) -> Configured:
    """Read one entry of `features.indicators`: parameter -> value, and `type` where its key is not an indicator's name.

    Raises:
        FeatureError: Unknown indicator; unknown, missing or unfit parameters; all problems, one a line.
    """
    where = f"features.indicators.{key}"
    if not isinstance(entry, Mapping):
        raise FeatureError(f"{where}: expected parameters like {{period: 14}}, got {entry!r}")
    given = {name: value for name, value in entry.items() if name != "type"}
    kind = _lookup(str(entry.get("type", key)), where=where)
    problems = _problems(kind, given, where=where)
    if problems:
        raise FeatureError("\n".join(problems))
    return Configured(key=key, indicator=kind, given=given)


def modules_of(indicators: Mapping[str, Any]) -> set[str]:
    """Return the modules that define the indicators of `features.indicators`."""
    types = {str(entry.get("type", key)) if isinstance(entry, Mapping) else key for key, entry in indicators.items()}
    return {INDICATORS[name].compute.__module__ for name in types if name in INDICATORS}


def _lookup(name: str, *, where: str) -> Indicator:
    if name not in INDICATORS:
        import_trusted()  # the user's own are registered as their package is imported
    if name not in INDICATORS:
        known = sorted(INDICATORS)
        raise FeatureError(
            f"{where}: there is no indicator '{name}'{nearest(name, known)}; known are {', '.join(known)}; "
            "an entry with a name of its own says `type: <indicator>`; an indicator of your own needs its "
            "package trusted: trust=[mypackage]"
        )
    return INDICATORS[name]


def _problems(kind: Indicator, given: Mapping[str, Any], *, where: str) -> list[str]:
    known = [parameter.name for parameter in kind.parameters]
    problems = [
        f"{where}.{name}: {kind.name} has no such parameter{nearest(str(name), known)}; it takes {', '.join(known)}"
        for name in given
        if name not in known
    ]
    for parameter in kind.parameters:
        if parameter.name not in given:
            problems.append(f"{where}: {kind.name} needs '{parameter.name}', {parameter.wanted}")
        elif not parameter.accepts(given[parameter.name]):
            problems.append(f"{where}.{parameter.name}: expected {parameter.wanted}, got {given[parameter.name]!r}")
    return problems or [
        f"{where}: {lower} must be smaller than {upper}, got {lower} {given[lower]} and {upper} {given[upper]}"
        for lower, upper in pairwise(kind.ascending)
        if given[lower] >= given[upper]
    ]
