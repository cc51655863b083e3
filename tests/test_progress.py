"""What is printed: one line of progress, lines that fit, and nothing that steers the terminal."""

import io
import shutil
import time
from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.text import Text

from multisymbol import progress
from multisymbol.progress import Stage, Terminal, complain, ended, line_of, loading, stage, wrapped


def training(*, minutes: float = 1.0) -> Stage:
    """Return the stage of a training that is a third done."""
    began = Stage(name="epoch 7/20", began_at=time.monotonic() - 60 * minutes)
    began.update(1, 3, "val/log_loss 0.981 (best 0.979, epoch 5)", "41k windows/s", count="33%")
    return began


@pytest.mark.parametrize("width", [60, 80, 100])
def test_epoch_share_and_time_left_are_seen_at_every_width(width: int) -> None:
    line = line_of([training()], width=width)
    assert len(line) <= width
    assert line.startswith("epoch 7/20 ")
    assert "33% · 0:02:00 left" in line
    assert ("val/log_loss 0.981 (best 0.979, epoch 5)" in line) == (width >= 80)
    assert ("41k windows/s" in line) == (width >= 100)


def test_inner_stage_takes_the_line_behind_the_name_of_the_outer_one() -> None:
    outer = Stage(name="models")
    outer.update(2, 6, "SYN_C", count="2/6")
    line = line_of([outer, training()], width=80)
    assert line.startswith("models 2/6 · epoch 7/20 ")
    assert len(line) <= 80


def test_time_left_of_what_was_resumed_counts_this_run_alone() -> None:
    resumed = training()
    resumed.share_before = 1 / 3 - 1 / 9
    assert resumed.time == "0:06:00 left"
    assert Stage(name="tests").time == "0:00:00"


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Return what a terminal is sent, both streams in one."""
    screen = io.StringIO()

    def console(**_: object) -> Console:
        return Console(file=screen, force_terminal=True, color_system=None, width=80)

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(progress, "Console", console)
    yield screen
    ended()


def shown() -> object:
    """Return what draws the line, None where there is none."""
    return progress._LINE._live


def test_at_a_terminal_there_is_one_line_and_it_is_gone_before_anything_is_printed(screen: io.StringIO) -> None:
    loading("train")
    assert "loading    train" in screen.getvalue()
    terminal = Terminal()
    with terminal.progress("models") as step:
        live = shown()
        assert live is not None
        step("SYN_A", 1, 6)
        with stage("epoch 1/2"):
            assert shown() is live, "an inner stage has no line of its own"
            terminal.fact("fact", "in the midst")
    assert shown() is None
    last = screen.getvalue().split("fact       in the midst")
    assert last[0].endswith(("\x1b[2K", "\x1b[1A\x1b[2K")), "the line was erased first"
    assert screen.getvalue().count("loading    train") >= 1


def test_piped_every_outer_stage_is_a_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    loading("train")
    terminal = Terminal()
    with terminal.progress("panel") as step:
        step("SYN_A", 1, 6)
        with stage("epoch 1/2"):
            pass
    terminal.fact("fact", "said")
    assert capsys.readouterr() == ("fact       said\n", "loading train …\npanel …\n")


def test_a_log_of_long_work_shows_now_and_then_that_it_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 7))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    loading("train")
    with stage("training") as training:
        for done in range(1, 41):
            training.step("epoch", done, 40)
    said = capsys.readouterr().err.splitlines()[2:]
    assert 3 <= len(said) <= 14
    assert all(line.startswith("training") and "left" in line for line in said)


def test_a_program_that_reads_the_answer_and_a_caller_of_the_package_see_no_stage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    loading("predict", quiet=True)
    with Terminal().progress("answers"):
        pass
    with Terminal(silent=True).progress("panel"):
        pass
    assert capsys.readouterr() == ("", "")


def test_long_lines_break_between_their_parts_and_a_command_can_still_be_pasted() -> None:
    fact = "universe   6 symbols · crypto, forex, stock · 1h · 2014-01-01 .. 2020-01-01      source synthetic"
    assert wrapped(fact, width=60).splitlines() == [
        "universe   6 symbols · crypto, forex, stock · 1h ·",
        "           2014-01-01 .. 2020-01-01      source synthetic",
    ]
    command = f"multisymbol train {' '.join(f'key{number}=value' for number in range(12))}"
    broken = wrapped(command, width=60)
    assert max(map(len, broken.splitlines())) <= 60
    assert " ".join(broken.replace("\\\n", "").split()) == command
    path = "written    /" + "a" * 90
    assert wrapped(path, width=60).split() == path.split(), "a path stays whole"


def test_columns_are_the_terminal_s_but_no_more_than_a_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    for columns, width in ((60, 60), (80, 80), (200, 100)):
        monkeypatch.setattr(shutil, "get_terminal_size", lambda _, columns=columns: Size(columns))
        assert progress.screen_width() == width


class Size:
    def __init__(self, columns: int) -> None:
        self.columns = columns


NASTY = "name\x1b[31m\x1b]0;title\x07 \x9b2J \x7f end"
CONTROLS = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0))} - {"\n"}


def test_nothing_printed_has_a_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.fact("name", NASTY)
    terminal.say(NASTY)
    terminal.show(Text(NASTY))
    terminal.show(Text("\n").join([Text(NASTY, style="bold"), Text("beside")]))
    complain(NASTY)
    with stage(NASTY) as begun:
        begun.update(1, 2, NASTY, count="1/2")
    said = capsys.readouterr()
    assert said.out.count("name") == 5
    for text in (said.out, said.err):
        assert not CONTROLS & set(text)
        assert "end" in text


def test_the_line_of_progress_has_none_either(capsys: pytest.CaptureFixture[str]) -> None:
    line = progress._Line()
    line._stages.append(Stage(name=NASTY))
    assert not CONTROLS & set(line._text().plain)
    assert CONTROLS & set(line_of(line._stages, width=100))
