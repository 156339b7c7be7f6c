"""PyTensor's rewrites that give wrong numbers, and what stands in for them.

Most of them use rules of algebra that hold for numbers, but not for floats, among which are 0, inf
and NaN: x / x is not always 1, x - x not always 0, and a NaN is not even equal to itself. One such
rule stays: what a constant 0 multiplies is 0, or gradients that are known to be 0 would be computed
all the same.
"""

import functools
from collections import Counter

import numpy as np
from pytensor.graph.basic import Constant
from pytensor.graph.rewriting.basic import node_rewriter
from pytensor.scalar import Add, Exp, Mul, Reciprocal, TrueDiv, discrete_dtypes
from pytensor.scalar.math import Sigmoid
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.math import add, mul, neg, reciprocal, sub, true_div
from pytensor.tensor.rewriting.basic import (
    local_useless_elemwise,
    register_canonicalize,
    register_specialize,
    register_stabilize,
    register_useless,
)
from pytensor.tensor.rewriting.math import (
    AlgebraicCanonizer,
    local_add_canonizer,
    local_useless_elemwise_comparison,
    mul_calculate,
)

# Left out in every mode -> what they do.
FAULTY = {
    "local_add_canonizer": "x - x becomes 0 and x + y - x y, for inf too.",
    "local_elemwise_sub_zeros": "x - x becomes 0, for inf and NaN too.",
    "local_greedy_distributor": "(x + y) / x becomes 1 + y / x, for 0 and inf too.",
    "local_mul_canonizer": "x / x becomes 1 and x * y / x y, for 0 and inf too; x / y / z becomes "
    "x / (y * z), though y * z may be too small for a float.",
    "local_mul_pow_to_pow_add": "x**-1 * x**1 becomes x**0, 1, for 0 and inf too.",
    "local_reciprocal_canon": "A float16 becomes a float32, which is an error, and printed.",
    "local_sign_div": "sign(1 / x) becomes sign(x), though 1 / 0 is inf.",
    "local_subtensor_of_reduce": "A part of a sum becomes a sum of a part, in a dtype that it forgets.",
    "local_sumsqr2dot": "Fails where a factor is an input, and prints it.",
    "local_useless_elemwise": "x == x becomes True and x != x False, for NaN too.",
    "local_useless_elemwise_comparison": "x <= x and x >= x become True, for NaN too.",
    "local_zero_div": "0 / x becomes 0, for 0 and NaN too.",
    "useless_symmetric_transpose": "Stacks of diagonal matrices count as symmetric along any two axes.",
}


@node_rewriter([add, sub, neg])
def add_canonizer_of_integers(fgraph, node):
    """`local_add_canonizer` where its rules hold: sizes and indices are sums of integers."""
    if node.outputs[0].type.dtype in discrete_dtypes:
        return local_add_canonizer.transform(fgraph, node)


class MulCanonizerOfPositives(AlgebraicCanonizer):
    """`local_mul_canonizer` where a factor is neither 0 nor inf but by rounding.

    The slope of log(exp(x)) is exp(x) / exp(x), and stays 1 where exp(x) is too small for a float;
    PyTensor sees the sigmoid in exp(x) / (1 + exp(x)) once they stand in one fraction.
    """

    def __init__(self):
        super().__init__(mul, true_div, reciprocal, mul_calculate, use_reciprocal=False)

    def transform(self, fgraph, node, *args, **kwargs):
        fraction = self.get_num_denum(node.outputs[0])
        if _in_both(*fraction) or _has_sigmoid(*fraction):
            return super().transform(fgraph, node, *args, **kwargs)

    def simplify_factors(self, num, denum):
        for factor in _in_both(num, denum):
            num.remove(factor)
            denum.remove(factor)
        return num, denum


def _in_both(numerator, denominator):
    common = Counter(numerator) & Counter(denominator)
    return [factor for factor in common.elements() if _is_positive(factor)]


def _has_sigmoid(numerator, denominator):
    sums = [
        factor.owner.inputs for factor in denominator if factor.owner and factor.owner.op == add
    ]
    return any(x in terms and _is_positive(x) for x in numerator for terms in sums)


def _is_positive(variable):
    """Whether a variable is more than 0 for all numbers it is computed from, as far as one can see."""
    if isinstance(variable, Constant):
        return bool(np.all(variable.data > 0))
    node = variable.owner
    if node is None or not isinstance(node.op, (Elemwise, DimShuffle)):
        return False
    if isinstance(node.op, DimShuffle) or isinstance(
        node.op.scalar_op, (Add, Mul, Reciprocal, TrueDiv)
    ):
        return all(map(_is_positive, node.inputs))
    return isinstance(node.op.scalar_op, (Exp, Sigmoid))


@node_rewriter([Elemwise])
def useless_elemwise(fgraph, node):
    """`local_useless_elemwise` and `_comparison`, but a float is not compared with itself."""
    first, *others = node.inputs
    if others == [first] and first.type.dtype not in discrete_dtypes:
        return None
    return local_useless_elemwise.transform(
        fgraph, node
    ) or local_useless_elemwise_comparison.transform(fgraph, node)


@functools.cache
def install():
    """Register what stands in for faulty rewrites. Calls after the first change nothing."""
    register_canonicalize(add_canonizer_of_integers)
    register_canonicalize(MulCanonizerOfPositives(), name="mul_canonizer_of_positives")
    register_useless(useless_elemwise)
    register_canonicalize(useless_elemwise, "fast_compile")
    register_stabilize(useless_elemwise)
    register_specialize(useless_elemwise)
