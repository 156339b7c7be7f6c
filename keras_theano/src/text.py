"""Which of Keras's layers look up or hash: they work outside of compiled graphs."""

_NAMES = {"Hashing", "HashedCrossing", "IntegerLookup", "StringLookup", "TextVectorization"}


def works_on_text(layer):
    """Tell whether a layer is one of these, by name: errors ask before Keras has loaded them."""
    return any(
        kind.__name__ in _NAMES and kind.__module__.startswith("keras.")
        for kind in type(layer).__mro__
    )
