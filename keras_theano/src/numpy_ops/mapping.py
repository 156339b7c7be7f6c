"""Python functions mapped over tensors."""

from keras.src.backend.common.backend_utils import vectorize_impl

from keras_theano.src.control_flow import vectorized_map

__all__ = ["vectorize"]


def _map_first_axis(function, in_axes):
    """`function` over the first axes of those arguments whose entry in `in_axes` is 0."""

    def mapped(*args):
        moving = [arg for arg, axis in zip(args, in_axes, strict=True) if axis is not None]

        def of_slices(slices):
            slices = iter(slices)
            return function(
                *(
                    arg if axis is None else next(slices)
                    for arg, axis in zip(args, in_axes, strict=True)
                )
            )

        return vectorized_map(of_slices, moving)

    return mapped


def vectorize(pyfunc, *, excluded=None, signature=None):
    return vectorize_impl(pyfunc, _map_first_axis, excluded=excluded, signature=signature)
