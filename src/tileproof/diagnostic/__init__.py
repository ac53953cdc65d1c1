"""The one way to say what is wrong: an id, a place, and what, why and fix in words; and the catalogue of all ids."""

from tileproof.diagnostic.diagnostic import Diagnostic
from tileproof.diagnostic.place import NOWHERE, Place

__all__ = ["NOWHERE", "Diagnostic", "Place"]
