"""What a user can get wrong; every message says what was given, what was expected and what to do."""

from collections.abc import Mapping, Sequence


class MultisymbolError(Exception):
    """A mistake with a cure: shown without a traceback, ends the command with status 2."""


class ConfigError(MultisymbolError):
    """The configuration has problems; nothing was started."""


class InstallationError(MultisymbolError):
    """The package or a library is not installed; said before anything is trained."""


class SymbolError(MultisymbolError):
    """A symbol, asset class or universe is unknown or incomplete."""


class CalendarError(MultisymbolError):
    """A calendar is unknown or does not cover the bars."""


class SourceError(MultisymbolError):
    """Bars cannot be found or read."""


class BarsError(MultisymbolError):
    """The bars of one file have defects; the message lists all kinds, each with rows and timestamps."""


class FeatureError(MultisymbolError):
    """A feature definition is wrong, or a stored one does not fit."""


class LabelError(MultisymbolError):
    """Labels cannot be made or learned from."""


class SampleError(MultisymbolError):
    """Too few samples, or samples that cannot be combined."""


class SplitError(MultisymbolError):
    """A fold is empty, out of order or lets the future in."""


class StoreError(MultisymbolError):
    """The MLflow store cannot be used, or does not hold what was asked for."""


class BundleError(MultisymbolError):
    """A stored model is incomplete, changed, or names code that is not trusted."""


class ModelNotFoundError(MultisymbolError):
    """No stored model may answer for a symbol; the message lists what was tried, and the command that trains one."""


class BacktestError(MultisymbolError):
    """Bars, decisions, costs or a model that cannot be backtested."""


class ComparisonError(MultisymbolError):
    """Arms that cannot be compared, or a question that was changed after the answer."""


class OutputError(MultisymbolError):
    """A folder for results cannot be written."""


def nearest(name: str, known: Sequence[str]) -> str:
    """Return `, did you mean 'x'?` for the known name closest to `name` in any case, or an empty string."""
    from difflib import get_close_matches

    by_letters = {each.casefold(): each for each in known}
    found = get_close_matches(name.casefold(), list(by_letters), n=1, cutoff=0.65)
    return f", did you mean '{by_letters[found[0]]}'?" if found else ""


def raise_all(problems: Sequence[MultisymbolError]) -> None:
    """Raise one error with the texts of all, each once, of the first one's class; nothing where there are none."""
    if problems:
        raise type(problems[0])("\n".join(dict.fromkeys(map(str, problems)))) from problems[0]


def require(error: type[MultisymbolError], checks: Mapping[str, bool], *, of: str = "", between: str = "; ") -> None:
    """Raise an error with the texts of all checks that are not met, `of` in front of them."""
    unmet = [text for text, met in checks.items() if not met]
    if unmet:
        raise error(of + between.join(unmet))


def require_fields(
    error: type[MultisymbolError], owner: object, name: str, *requirements: tuple[str, bool, str]
) -> None:
    """Refuse the values of `owner`: each requirement is a field, whether its value will do, and what is expected."""
    texts = [
        f"{name}.{field}: expected {expected}, got {getattr(owner, field)!r}" for field, _, expected in requirements
    ]
    require(error, dict(zip(texts, (met for _, met, _ in requirements), strict=True)), between="\n")
