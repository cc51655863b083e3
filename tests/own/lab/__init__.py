"""A user's own package: importing it registers its indicators."""

from . import indicators as indicators
