"""Stateful recurrent layers on Keras's JAX engine, which forgets their state after each batch.

A compiled step on JAX gets the values of `model.variables` and hands them back; all else it changes
is lost. Keras 3.15 keeps the state of a recurrent layer in variables that stand in no such list
(`RNN._create_state_variables`), so `predict`, `evaluate` and `fit` begin each batch at zero.
"""

__all__ = ["keep"]


def keep() -> None:
    """Let recurrent layers name their state among their `variables`, from now on, once.

    It stands in `variables` and `non_trainable_variables`, but not in `weights`: saved files and
    `set_weights` stay as they are. Source: as Keras's own `SeedGenerator` does with its state.
    """
    from keras import layers, tree

    if "variables" in vars(layers.RNN):
        return

    def variables(layer):
        return [*super(layers.RNN, layer).variables, *tree.flatten(layer.states or [])]

    layers.RNN.variables = property(variables)
