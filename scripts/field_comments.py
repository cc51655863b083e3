"""For the documentation site: comments beside the fields of a class become the `Args` of its page."""

import io
import tokenize
from typing import Any

import griffe


class FieldComments(griffe.Extension):
    """Read `field: type  # meaning`, or comment lines above a field, where the class documents no `Args`."""

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Add the meanings to the docstring of a class that has just been read."""
        docstring = cls.docstring
        if docstring is None or "Args:" in docstring.value:
            return
        meanings = {name: _meaning(field) for name, field in cls.attributes.items() if field.annotation is not None}
        lines = [f"    {name}: {text[0].upper()}{text[1:]}." for name, text in meanings.items() if text]
        if lines:
            docstring.value = "\n".join([docstring.value, "", "Args:", *lines])


def _meaning(field: griffe.Attribute) -> str:
    """Return what the comments above a field and on its lines say, without the full stop."""
    if field.lineno is None or field.endlineno is None or isinstance(field.filepath, list):
        return ""
    lines = field.filepath.read_text(encoding="utf-8").splitlines()
    first = field.lineno - 1
    while lines[first - 1].lstrip().startswith("#"):
        first -= 1
    above = [line.strip().lstrip("# ") for line in lines[first : field.lineno - 1]]
    source = "\n".join(lines[field.lineno - 1 : field.endlineno]).lstrip()
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    beside = [token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT]
    return " ".join([*above, *beside]).rstrip(".")
