"""giblet_core: hearing what the brain hears through a neural codec."""

__version__ = "0.1.0"
