"""The printer: what is stored, imported or given by a vendor never steers the terminal."""

import pytest
from rich.text import Text

from multisymbol.progress import Stage, Terminal, complain, line_of, stage

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
    from multisymbol.progress import _Line

    line = _Line()
    line._stages.append(Stage(name=NASTY))
    assert not CONTROLS & set(line._text().plain)
    assert CONTROLS & set(line_of(line._stages, width=100))
