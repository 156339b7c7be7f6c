"""The families of functions that make up `keras_theano.src.numpy`."""
