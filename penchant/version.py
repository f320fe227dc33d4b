"""The version, so that no stage has to import the package for it."""

__version__ = "0.1.0"
