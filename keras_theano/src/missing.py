"""What a caller meets who asks for an op that this engine has not."""


class MissingOpError(NotImplementedError, AttributeError):
    """Also an AttributeError, so that Keras's own `hasattr` questions get their answer."""


def missing_op(family):
    """Return a module `__getattr__` that names the Keras op which is missing from `family`."""

    def __getattr__(name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise MissingOpError(
            f"The Theano engine has no implementation of Keras's {family}.{name} yet. "
            "Nothing was computed. keras_theano/README.md says how to add one."
        )

    return __getattr__
