"""Functions of each element, or of pairs of elements."""

import builtins
import math

import numpy as np
import pytensor.tensor as pt
from keras.src.backend import config
from pytensor.graph.basic import Constant

from keras_theano.pytensor_ops import array, steep
from keras_theano.src.numpy_ops.helpers import (
    as_bool,
    as_float,
    cast,
    is_bool,
    is_complex,
    is_float,
    is_integer,
    op,
    scalar,
)
from keras_theano.src.tensor import as_symbol, promote, supported_dtype

__all__ = [
    "abs", "absolute", "add", "allclose", "angle", "arccos", "arccosh", "arcsin", "arcsinh",
    "arctan", "arctan2", "arctanh", "bitwise_and", "bitwise_invert", "bitwise_left_shift",
    "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "cbrt", "ceil", "clip",
    "conj", "conjugate", "copy", "cos", "cosh", "deg2rad", "divide", "divide_no_nan", "equal",
    "exp", "exp2", "expm1", "fabs", "floor", "floor_divide", "fmax", "fmin", "fmod", "gcd",
    "greater", "greater_equal", "heaviside", "hypot", "i0", "imag", "isclose", "isfinite",
    "isinf", "isnan", "isneginf", "isposinf", "isreal", "lcm", "ldexp", "left_shift", "less",
    "less_equal", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2", "logical_and",
    "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "mod", "multiply",
    "nan_to_num", "negative", "nextafter", "nonzero", "not_equal", "power", "rad2deg", "real",
    "reciprocal", "right_shift", "round", "select", "sign", "signbit", "sin", "sinc", "sinh",
    "sqrt", "square", "subtract", "tan", "tanh", "true_divide", "trunc", "view", "where",
]  # fmt: skip


def _float_unary(name, function):
    """An op that computes in floating point, whatever the argument's dtype."""

    def unary(x):
        return function(as_float(x))

    unary.__name__ = unary.__qualname__ = name
    return op(unary)


exp = _float_unary("exp", pt.exp)
exp2 = _float_unary("exp2", pt.exp2)
expm1 = _float_unary("expm1", pt.expm1)
log = _float_unary("log", steep.log)
log10 = _float_unary("log10", steep.log10)
log1p = _float_unary("log1p", steep.log1p)
log2 = _float_unary("log2", steep.log2)
sqrt = _float_unary("sqrt", steep.sqrt)
sin = _float_unary("sin", pt.sin)
cos = _float_unary("cos", pt.cos)
tan = _float_unary("tan", pt.tan)
sinh = _float_unary("sinh", pt.sinh)
cosh = _float_unary("cosh", pt.cosh)
tanh = _float_unary("tanh", pt.tanh)
arcsin = _float_unary("arcsin", steep.arcsin)
arccos = _float_unary("arccos", steep.arccos)
arctan = _float_unary("arctan", pt.arctan)
arcsinh = _float_unary("arcsinh", pt.arcsinh)
arccosh = _float_unary("arccosh", steep.arccosh)
arctanh = _float_unary("arctanh", steep.arctanh)
floor = _float_unary("floor", pt.floor)
ceil = _float_unary("ceil", pt.ceil)
deg2rad = _float_unary("deg2rad", pt.deg2rad)
rad2deg = _float_unary("rad2deg", pt.rad2deg)
reciprocal = _float_unary("reciprocal", steep.reciprocal)


@op
def absolute(x):
    x = as_symbol(x)
    return x if is_bool(x) or x.type.dtype.startswith("uint") else pt.abs(x)


def abs(x):
    return absolute(x)


@op
def negative(x):
    x = as_symbol(x)
    if is_bool(x):
        raise TypeError("`negative` is not defined for bool; use `logical_not`.")
    return pt.neg(x)


@op
def square(x):
    x = as_symbol(x)
    return pt.sqr(pt.cast(x, "int32") if is_bool(x) else x)


@op
def sign(x):
    x = as_symbol(x)
    if x.type.dtype.startswith("uint") or is_bool(x):
        return pt.cast(pt.neq(x, 0), x.type.dtype)
    return pt.sign(x)


@op
def isnan(x):
    x = as_symbol(x)
    return pt.isnan(x) if is_float(x) or is_complex(x) else pt.zeros_like(x, dtype="bool")


@op
def isinf(x):
    x = as_symbol(x)
    return pt.isinf(x) if is_float(x) or is_complex(x) else pt.zeros_like(x, dtype="bool")


@op
def isfinite(x):
    x = as_symbol(x)
    if not (is_float(x) or is_complex(x)):
        return pt.ones_like(x, dtype="bool")
    return pt.invert(pt.or_(pt.isnan(x), pt.isinf(x)))


@op(static=("decimals",))
def round(x, decimals=0):
    x = as_symbol(x)
    if is_bool(x):
        x = pt.cast(x, config.floatx())
    if decimals == 0:
        return x if is_integer(x) else pt.round(x, mode="half_to_even")
    if is_integer(x):
        if decimals > 0:
            return x
        factor = 10**-decimals
        return pt.cast(
            pt.round(pt.cast(x, "float64") / factor, mode="half_to_even") * factor, x.type.dtype
        )
    factor = np.asarray(10.0 ** builtins.abs(decimals), x.type.dtype)
    if decimals > 0:
        return pt.round(x * factor, mode="half_to_even") / factor
    return pt.round(x / factor, mode="half_to_even") * factor


@op
def logical_not(x):
    return pt.invert(as_bool(x))


@op
def bitwise_invert(x):
    return pt.invert(as_symbol(x))


def bitwise_not(x):
    return bitwise_invert(x)


def _binary(name, function, at_least=None):
    """An op on two arguments of one dtype, the promoted one."""

    def binary(x1, x2):
        return function(*promote(x1, x2, at_least=at_least))

    binary.__name__ = binary.__qualname__ = name
    return op(binary)


def _bool_as_int(x1, x2):
    """Bools become int32, where arithmetic on bools is arithmetic on 0 and 1."""
    if is_bool(x1):
        return pt.cast(x1, "int32"), pt.cast(x2, "int32")
    return x1, x2


equal = _binary("equal", pt.eq)
not_equal = _binary("not_equal", pt.neq)
less = _binary("less", pt.lt)
less_equal = _binary("less_equal", pt.le)
greater = _binary("greater", pt.gt)
greater_equal = _binary("greater_equal", pt.ge)


@op
def bitwise_and(x, y):
    return pt.and_(*promote(x, y))


@op
def bitwise_or(x, y):
    return pt.or_(*promote(x, y))


@op
def bitwise_xor(x, y):
    return pt.xor(*promote(x, y))


def _is_constant(x, holds):
    """Whether `x` is a constant for all elements of which `holds`."""
    return isinstance(x, Constant) and builtins.bool(np.all(holds(x.data)))


@op
def divide(x1, x2):
    x1, x2 = promote(x1, x2, at_least=float)
    never_zero = _is_constant(x2, lambda number: number != 0)
    return (pt.true_div if never_zero else steep.true_div)(x1, x2)


def true_divide(x1, x2):
    return divide(x1, x2)


@op
def add(x1, x2):
    x1, x2 = promote(x1, x2)
    return pt.or_(x1, x2) if is_bool(x1) else pt.add(x1, x2)


@op
def subtract(x1, x2):
    x1, x2 = promote(x1, x2)
    if is_bool(x1):
        raise TypeError("`subtract` is not defined for two bools; use `logical_xor`.")
    return pt.sub(x1, x2)


@op
def multiply(x1, x2):
    x1, x2 = promote(x1, x2)
    return pt.and_(x1, x2) if is_bool(x1) else pt.mul(x1, x2)


@op
def maximum(x1, x2):
    x1, x2 = promote(x1, x2)
    return pt.or_(x1, x2) if is_bool(x1) else pt.maximum(x1, x2)


@op
def minimum(x1, x2):
    x1, x2 = promote(x1, x2)
    return pt.and_(x1, x2) if is_bool(x1) else pt.minimum(x1, x2)


@op
def power(x1, x2):
    x1, x2 = _bool_as_int(*promote(x1, x2))
    never_steep = _is_constant(x2, lambda number: number >= 1)
    return (pt.pow if never_steep else steep.power)(x1, x2)


@op
def floor_divide(x1, x2):
    return pt.floor_div(*_bool_as_int(*promote(x1, x2)))


@op
def mod(x1, x2):
    return steep.mod(*_bool_as_int(*promote(x1, x2)))


@op
def logical_and(x1, x2):
    return pt.and_(as_bool(x1), as_bool(x2))


@op
def logical_or(x1, x2):
    return pt.or_(as_bool(x1), as_bool(x2))


@op
def logical_xor(x1, x2):
    return pt.xor(as_bool(x1), as_bool(x2))


@op
def nonzero(x):
    return tuple(pt.cast(place, "int32") for place in pt.nonzero(as_symbol(x)))


@op
def where(condition, x1=None, x2=None):
    if x1 is None and x2 is None:
        return nonzero(condition)
    if x1 is None or x2 is None:
        raise ValueError("`x1` and `x2` either both should be `None` or both should have values.")
    return pt.switch(as_bool(condition), *promote(x1, x2))


@op
def clip(x, x_min, x_max):
    x = as_symbol(x)
    if is_bool(x):
        x = pt.cast(x, "int32")
    dtype = x.type.dtype
    if x_min is not None:
        x = pt.maximum(*promote(x, x_min))
    if x_max is not None:
        x = pt.minimum(*promote(x, x_max))
    return x if x.type.dtype == dtype else pt.cast(x, dtype)


# --- The rest -------------------------------------------------------------------------------------


cbrt = _float_unary("cbrt", steep.cbrt)
hypot = _binary("hypot", array.hypot, float)
heaviside = _binary("heaviside", array.heaviside, float)
logaddexp = _binary("logaddexp", array.logaddexp, float)
nextafter = _binary("nextafter", array.nextafter, float)
arctan2 = _binary("arctan2", steep.arctan2, float)


@op
def logaddexp2(x1, x2):
    x1, x2 = promote(x1, x2, at_least=float)
    scale = scalar(math.log(2), x1)
    return array.logaddexp(x1 * scale, x2 * scale) / scale


@op
def fabs(x):
    return pt.abs(as_float(x))


@op
def angle(x):
    x = as_symbol(x)
    if is_complex(x):
        return pt.angle(x)
    x = as_float(x)
    flat = pt.switch(array.signbit(x), scalar(math.pi, x), scalar(0, x))
    return pt.switch(pt.isnan(x), x, flat)


@op
def real(x):
    x = as_symbol(x)
    return pt.real(x) if is_complex(x) else x


@op
def imag(x):
    x = as_symbol(x)
    return pt.imag(x) if is_complex(x) else pt.zeros_like(x)


@op
def conjugate(x):
    x = as_symbol(x)
    return pt.conj(x) if is_complex(x) else x


def conj(x):
    return conjugate(x)


@op
def copy(x):
    return pt.tensor_copy(as_symbol(x))


@op
def i0(x):
    x = as_symbol(x)
    dtype = x.type.dtype
    if dtype in ("int64", "float64"):
        return pt.i0(cast(x, "float64"))
    x = as_float(x)
    return cast(pt.i0(cast(x, "float32")), x.type.dtype)


@op
def sinc(x):
    x = as_float(x)
    x = x * scalar(math.pi, x)
    safe = pt.switch(pt.eq(x, 0), scalar(1, x), x)
    return pt.switch(pt.eq(x, 0), scalar(1, x), pt.sin(safe) / safe)


@op
def trunc(x):
    x = as_symbol(x)
    return x if is_integer(x) or is_bool(x) else pt.trunc(x)


@op
def signbit(x):
    x = as_symbol(x)
    if is_float(x):
        return array.signbit(x)
    return pt.zeros_like(x, dtype="bool") if is_bool(x) else pt.lt(x, 0)


@op
def isposinf(x):
    x = as_symbol(x)
    return pt.eq(x, np.inf) if is_float(x) else pt.zeros_like(x, dtype="bool")


@op
def isneginf(x):
    x = as_symbol(x)
    return pt.eq(x, -np.inf) if is_float(x) else pt.zeros_like(x, dtype="bool")


@op
def isreal(x):
    x = as_symbol(x)
    return pt.eq(pt.imag(x), 0) if is_complex(x) else pt.ones_like(x, dtype="bool")


@op
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    x = as_symbol(x)
    if not is_float(x):
        return x
    limits = np.finfo(x.type.dtype)
    for found, value in (
        (pt.isnan(x), nan),
        (pt.eq(x, np.inf), limits.max if posinf is None else posinf),
        (pt.eq(x, -np.inf), limits.min if neginf is None else neginf),
    ):
        x = pt.switch(found, as_symbol(value, x.type.dtype), x)
    return x


@op
def divide_no_nan(x1, x2):
    x1, x2 = promote(x1, x2, at_least=float)
    safe = pt.switch(pt.eq(x2, 0), scalar(1, x2), x2)
    return pt.switch(pt.eq(x2, 0), scalar(0, x2), x1 / safe)


@op
def fmax(x1, x2):
    x1, x2 = promote(x1, x2)
    return _skip_nan(maximum(x1, x2), x1, x2)


@op
def fmin(x1, x2):
    x1, x2 = promote(x1, x2)
    return _skip_nan(minimum(x1, x2), x1, x2)


def _skip_nan(result, x1, x2):
    """`result`, or where one of its two arguments is NaN, the other."""
    if not is_float(x1):
        return result
    return pt.switch(pt.isnan(x1), x2, pt.switch(pt.isnan(x2), x1, result))


@op
def fmod(x1, x2):
    """The remainder with the sign of `x1`, where `mod` has that of `x2`."""
    x1, x2 = _bool_as_int(*promote(x1, x2))
    if is_float(x1):
        remainder = pt.abs(x1) % pt.abs(x2)
        return pt.switch(pt.lt(x1, 0), -remainder, remainder)
    if x1.type.dtype.startswith("uint"):
        return pt.mod(x1, x2)
    remainder = pt.mod(x1, x2)
    wrong = pt.and_(pt.neq(remainder, 0), pt.neq(pt.lt(x1, 0), pt.lt(x2, 0)))
    return pt.switch(wrong, remainder - x2, remainder)


def _integers(name, function, x1, x2):
    x1, x2 = promote(x1, x2)
    if is_float(x1) or is_complex(x1):
        raise TypeError(f"`{name}` is defined for integers only. Received dtype: {x1.type.dtype}")
    return function(*_bool_as_int(x1, x2))


@op
def gcd(x1, x2):
    return _integers("gcd", array.gcd, x1, x2)


@op
def lcm(x1, x2):
    return _integers("lcm", array.lcm, x1, x2)


@op
def bitwise_left_shift(x, y):
    return _integers("bitwise_left_shift", array.left_shift, x, y)


@op
def bitwise_right_shift(x, y):
    return _integers("bitwise_right_shift", array.right_shift, x, y)


def left_shift(x, y):
    return bitwise_left_shift(x, y)


def right_shift(x, y):
    return bitwise_right_shift(x, y)


@op
def ldexp(x1, x2):
    x2 = as_symbol(x2)
    if not is_integer(x2):
        raise TypeError(f"ldexp exponent must be an integer type. Received: x2 dtype={x2.dtype}")
    x1 = promote(x1, x2, at_least=float)[0]
    return array.ldexp(x1, cast(x2, "int32"))


@op
def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    x1, x2 = promote(x1, x2, at_least=float)
    near = pt.le(pt.abs(x1 - x2), scalar(atol, x1) + scalar(rtol, x1) * pt.abs(x2))
    close = pt.or_(pt.and_(near, isfinite(x2)), pt.eq(x1, x2))
    return pt.or_(close, pt.and_(pt.isnan(x1), pt.isnan(x2))) if equal_nan else close


@op
def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    return pt.all(isclose(as_symbol(x1), as_symbol(x2), rtol, atol, equal_nan))


@op
def select(condlist, choicelist, default=0):
    if len(condlist) != len(choicelist):
        raise ValueError(
            "`condlist` and `choicelist` must be of one length. Received lengths "
            f"{len(condlist)} and {len(choicelist)}"
        )
    *choices, result = promote(*choicelist, default)
    for condition, choice in reversed(list(zip(condlist, choices, strict=True))):
        result = pt.switch(as_bool(condition), choice, result)
    return result


@op
def view(x, dtype=None):
    x = as_symbol(x)
    dtype = supported_dtype(dtype or x.type.dtype)
    return x if dtype == x.type.dtype else array.Bitcast(dtype)(x)
