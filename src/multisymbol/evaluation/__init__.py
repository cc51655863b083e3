"""An earlier place of `multisymbol.serving`, still named by the MLmodel files of models stored before it moved."""
