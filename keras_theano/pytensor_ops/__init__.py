"""PyTensor Ops for neural networks. They know nothing of Keras.

`perform` of an Op is NumPy; where oneDNN is installed (`_onednn`), the modules named `..._onednn`
do the heaviest ones' work. `vm_ops` has what only the VM runs, put in by its last rewrite.

Every function takes and returns PyTensor variables; channels come last.

Gradients at kinks are those of Keras on TensorFlow:

- equal elements share the gradient of a maximum, a minimum, a norm of order infinity, a global
  pooling or a segment's extreme equally (`reductions`, `math.ScatterReduce`);
- in a window of a pooling, and in order (`sort`, `top_k`), the first of equal elements is it;
- of two equal arguments of `maximum` or `minimum`, the first is it; at its ends, `clip` has the
  slope 1 of what lies between;
- at 0, `relu` and `abs` have the slope 0, `leaky_relu` and `elu` that of the left side, `selu` that
  of the right one (`activations.CURVES`).

An element that adds nothing to a result gets the gradient 0 from it, even where the slope is infinite,
as that of x[0] in `sqrt(x)[1]` of x = [0, 4] (`steep`). Lengths and deviations (norms, standard
deviations, distances) have the slope 0 at 0.

Where TensorFlow's contradict the function, such as the slope of a product with a zero in it,
gradients are the function's: each factor's is the product of the others.

    from keras_theano.pytensor_ops.conv import (
        conv,                  # conv(x, kernel, strides, padding, dilation, groups)
        conv_input_gradient,   # (kernel, dy, input_sizes, ...): also the transposed convolution
        conv_kernel_gradient,  # (x, dy, window, ...)
        depthwise_conv,        # (x, kernel, strides, padding, dilation)
    )
    from keras_theano.pytensor_ops.pool import pool  # (x, window, strides, padding, mode)
    from keras_theano.pytensor_ops.normalization import (
        moments,               # (x, axis): mean and variance over all other axes
        batch_normalization,   # (x, mean, variance, scale, offset, epsilon, axis)
    )
    from keras_theano.pytensor_ops.losses import (
        sparse_softmax_cross_entropy,  # (logits, labels)
        softmax_cross_entropy,         # (logits, targets)
    )
    from keras_theano.pytensor_ops.reductions import max, min  # (x, axis, keepdims)
    from keras_theano.pytensor_ops.steep import sqrt, log, power, root  # as PyTensor's; sqrt flat at 0
    from keras_theano.pytensor_ops.windows import same_padding  # (size, window, stride, dilation)
"""
