from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib import pyplot
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from multisymbol.markets.time import DAY, NEVER, instant
from multisymbol.reports.figures.training import (
    PART_COLOURS,
    calibration_figure,
    confusion_figure,
    fold_figure,
    sampling_figure,
)
from multisymbol.samples.fold import PURGED, TEST, TRAIN, VALIDATION, Fold, FoldAssignment, FoldCount
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.mixture import SamplingWeights
from multisymbol.serving.calibration import Reliability, reliability

START = instant("2018-01-01")
NAMES = ("EURUSD", "GC=F", "BRK.B", "BTC-USD", "^GSPC", "EUR/USD")


def ledger_of(days: list[npt.NDArray[np.int64]]) -> Ledger:
    decided_at = START + np.concatenate(days) * DAY
    rows = len(decided_at)
    return Ledger(
        symbols=tuple(f"{NAMES[index % 6]}{index // 6 or ''}" for index in range(len(days))),
        asset_classes=("mixed",) * len(days),
        window=1,
        symbol=np.repeat(np.arange(len(days), dtype=np.int32), [len(each) for each in days]),
        row=np.arange(rows),
        window_start=decided_at,
        decided_at=decided_at,
        resolved_at=decided_at,
        label=np.zeros(rows, np.int8),
        rule=np.zeros(rows, np.int8),
        target=np.zeros(rows, np.float32),
        weight=np.ones(rows, np.float32),
        counts=(),
    )


def cut(ledger: Ledger) -> FoldAssignment:
    """Cut at days 60 and 80, five days purged before each cut."""
    day = (ledger.decided_at - START) // DAY
    part = np.select([day < 55, day < 60, day < 75, day < 80], [TRAIN, PURGED, VALIDATION, PURGED], TEST)
    counts = []
    for index, symbol in enumerate(ledger.symbols):
        train, validation, test, purged = (
            int(((part == code) & (ledger.symbol == index)).sum()) for code in (TRAIN, VALIDATION, TEST, PURGED)
        )
        count = FoldCount(
            symbol=symbol,
            train=train,
            validation=validation,
            test=test,
            purged=purged,
            role="trained" if train else "unseen",
        )
        counts.append(count)
    fold = Fold(
        name="one", validation_from=START + 60 * DAY, test_from=START + 80 * DAY, test_until=NEVER, embargo_ns=0
    )
    return FoldAssignment(fold=fold, part=part.astype(np.int8), counts=tuple(counts))


def shares_of(rows: list[int]) -> SamplingWeights:
    counts = np.array(rows)
    share = (counts > 0) / (counts > 0).sum()
    draws = (share * counts.sum()).astype(np.int64)
    return SamplingWeights(rows=counts, share=share, draws=draws, weight=np.ones(len(counts)))


def reliabilities() -> dict[str, Reliability]:
    p = np.linspace(0.1, 0.6, 400)
    hit = np.arange(400) % 3 == 0
    return {name: reliability(p, hit, bins=10) for name in ("BUY", "HOLD", "SELL")}


def written(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text().strip()]


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in written(figure))


def cut_off(figure: Figure) -> list[str]:
    """Return the texts that reach over the edge of the picture."""
    figure.draw_without_rendering()
    page = figure.bbox.padded(1)
    # Tick labels (short) beyond the limits of an axis exist as objects and are not drawn.
    boxes = [(text.get_text(), text.get_window_extent()) for text in written(figure) if len(text.get_text()) > 4]
    return [text for text, box in boxes if box.x0 < page.x0 or box.x1 > page.x1 or box.y0 < page.y0 or box.y1 > page.y1]


def drawn_days(figure: Figure, part: str) -> list[list[tuple[float, float]]]:
    """Return, per symbol, the first and last day of each bar of a part."""
    bars = [
        item
        for item in figure.axes[0].collections
        if isinstance(item, PolyCollection)
        and to_hex(np.asarray(item.get_facecolor())[0]) == PART_COLOURS[part].lower()
    ]
    days = [[np.asarray(path.vertices)[:, 0] - START / DAY for path in bar.get_paths()] for bar in bars]
    return [[(float(each.min()), float(each.max())) for each in bar] for bar in days]


def test_fold_picture_shows_each_run_of_samples_where_it_lies() -> None:
    ledger = ledger_of([np.arange(100), np.arange(80, 100)])
    figure = fold_figure(cut(ledger), ledger)
    assert drawn_days(figure, "train")[0] == [(0, 54)]
    assert drawn_days(figure, "validation")[0] == [(60, 74)]
    assert drawn_days(figure, "purged")[0] == [(55, 59), (75, 79)]
    assert drawn_days(figure, "test")[:2] == [[(80, 99)], [(80, 99)]]


def test_fold_picture_says_cuts_counts_and_roles() -> None:
    ledger = ledger_of([np.arange(100), np.arange(80, 100)])
    said = texts(fold_figure(cut(ledger), ledger))
    assert "1 of 2 symbols train before 2018-03-02, 2 are tested from 2018-03-22" in said
    assert "train 55 · validation 15 · test 40 · purged 10" in said
    assert "GC=F (unseen)" in said


def test_fold_picture_bears_a_symbol_without_samples() -> None:
    ledger = ledger_of([np.arange(100), np.arange(0)])
    assert "0 of" not in texts(fold_figure(cut(ledger), ledger))


@pytest.mark.parametrize("symbols", [1, 6, 22])
def test_no_text_is_cut_off(symbols: int) -> None:
    ledger = ledger_of([np.arange(100)] * symbols)
    rng = np.random.default_rng(0)
    confusions = {name: rng.integers(0, 50_000, (3, 3)) for name in ledger.symbols[:7]}
    for figure in (
        fold_figure(cut(ledger), ledger),
        sampling_figure(ledger.symbols, shares_of([1000, *[100] * (symbols - 1)])),
        confusion_figure(confusions),
        calibration_figure(reliabilities(), reliabilities()),
    ):
        assert cut_off(figure) == []


def test_sampling_picture_says_shares_and_passes() -> None:
    said = texts(sampling_figure(["A", "B", "C"], shares_of([100, 300, 0])))
    assert "Each symbol gets 50.0 % of the draws and has 25.0 to 75.0 % of the rows" in said
    assert ("2.00 passes" in said, "0.67 passes" in said, "not trained" in said) == (True, True, True)


def test_confusion_is_in_percent_of_the_label_with_counts() -> None:
    said = texts(confusion_figure({"AAPL": [[3, 1, 0], [0, 0, 0], [500, 500, 1000]]}))
    assert "75 %\n3" in said
    assert "50 %\n1,000" in said
    assert said.count("–") == 3
    assert "AAPL · 2,004 rows" in said


def test_panels_of_hundreds_of_symbols_stop_at_twenty_and_say_so() -> None:
    figure = confusion_figure({f"S{place}": np.full((3, 3), place + 1) for place in range(301)})
    assert sum(axes.axison for axes in figure.axes) == 20
    assert "(the first 20 of 301 panels)" in texts(figure)


def test_confusions_of_many_symbols_each_get_a_panel() -> None:
    figure = confusion_figure({f"S{index}": np.eye(3, dtype=int) for index in range(8)}, columns=3)
    assert [axes.get_title() for axes in figure.axes if axes.axison] == [f"S{index} · 3 rows" for index in range(8)]


def test_calibration_picture_plots_the_tables_and_their_gap() -> None:
    tables = reliabilities()
    figure = calibration_figure(tables, tables)
    line = figure.axes[0].get_lines()[1]
    assert np.allclose(line.get_xdata(), [each.predicted for each in tables["BUY"].bins])
    assert np.allclose(line.get_ydata(), [each.observed for each in tables["BUY"].bins])
    assert f"as trained {tables['BUY'].error:.3f}" in texts(figure)
    assert "400 rows" in texts(figure)
    assert "calibrated" not in texts(calibration_figure(tables))


def test_both_axes_of_the_calibration_picture_are_the_same() -> None:
    for axes in calibration_figure(reliabilities()).axes:
        assert axes.get_xlim() == axes.get_ylim()


def test_colours_differ_in_lightness_too() -> None:
    def lightness(colour: str) -> float:
        red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    neighbours = pairwise(PART_COLOURS[name] for name in ("train", "validation", "test"))
    assert all(abs(lightness(one) - lightness(other)) > 0.1 for one, other in neighbours)


def test_figures_leave_no_state_in_pyplot() -> None:
    confusion_figure({"A": [[1, 0, 0]] * 3})
    calibration_figure(reliabilities())
    assert pyplot.get_fignums() == []
