"""Seeing the Theano (PyTensor) graphs that Keras models become, and what their time goes to.

graph = forward_graph(model)       # what predict computes
print(graph)                       # every operation, by layer
graph.figure()                     # a picture, one row a layer
pytensor.dprint(graph.function)    # PyTensor's own way to print a graph
step = training_graph(model, x, y) # forward, loss, gradients and the optimizer's updates
print(step.profile(x, y))          # where a step's time goes, by layer and by operation
"""

from keras_theano.seeing.graph import Graph, forward_graph, training_graph
from keras_theano.seeing.nodes import Node
from keras_theano.seeing.profile import Profile

__all__ = ["Graph", "Node", "Profile", "forward_graph", "training_graph"]
