"""What a user adds from outside: a package `lab`, a module of one file, and a folder of pages that name them."""
