"""PyTensor Ops for neural networks. They know nothing of Keras.

`perform` of an Op is NumPy; where oneDNN is installed (`_onednn`), the modules named `..._onednn`
do the heaviest ones' work. `interpreted` has what only the VM runs, put in by its last rewrite.

Every function takes and returns PyTensor variables; channels come last.

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
    from keras_theano.pytensor_ops.windows import same_padding  # (size, window, stride, dilation)
"""
