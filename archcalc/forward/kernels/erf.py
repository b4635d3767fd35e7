"""The error function, which numpy does not have.

Source: W. J. Cody, Rational Chebyshev approximations for the error function, Mathematics of Computation 23 (1969); the
coefficients are those of his CALERF (netlib, specfun). Relative errors found: below 5e-16, two roundings of float64.
"""

from collections.abc import Callable, Sequence

import numpy as np

from archcalc.forward.kernels import Array

# Highest power first.
_NEAR_P = (
    1.85777706184603153e-1,
    3.16112374387056560,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_NEAR_Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_MIDDLE_P = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594,
    6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2,
    1.71204761263407058e3,
    2.05107837782607147e3,
    1.23033935479799725e3,
)
_MIDDLE_Q = (
    1.0,
    1.57449261107098347e1,
    1.17693950891312499e2,
    5.37181101862009858e2,
    1.62138957456669019e3,
    3.29079923573345963e3,
    4.36261909014324716e3,
    3.43936767414372164e3,
    1.23033935480374942e3,
)
_FAR_P = (
    1.63153871373020978e-2,
    3.05326634961232344e-1,
    3.60344899949804439e-1,
    1.25781726111229246e-1,
    1.60837851487422766e-2,
    6.58749161529837803e-4,
)
_FAR_Q = (
    1.0,
    2.56852019228982242,
    1.87295284992346725,
    5.27905102951428412e-1,
    6.05183413124413191e-2,
    2.33520497626869185e-3,
)
_ROOT_PI = 0.56418958354775628695  # 1/√π


def erf(x: Array) -> Array:
    """2/√π·∫₀ˣ exp(−t²) dt, computed in float64 and to its rounding; infinities give ±1, NaN stays NaN."""
    size = np.abs(x.astype(np.float64))
    result = np.minimum(size, 1)  # beyond 6 it is 1 to the last bit
    pieces: tuple[tuple[float, float, Callable[[Array], Array]], ...] = (
        (0, 0.46875, _near),
        (0.46875, 4, _middle),
        (4, 6, _far),
    )
    for low, high, piece in pieces:
        inside = (size >= low) & (size < high)
        result[inside] = piece(size[inside])
    return np.copysign(result, x).astype(x.dtype)


def _near(x: Array) -> Array:
    return x * _ratio(_NEAR_P, _NEAR_Q, x * x)


def _middle(x: Array) -> Array:
    tail: Array = np.exp(-x * x) * _ratio(_MIDDLE_P, _MIDDLE_Q, x)
    return 1 - tail


def _far(x: Array) -> Array:
    inverse = 1 / (x * x)
    tail: Array = np.exp(-x * x) / x * (_ROOT_PI - inverse * _ratio(_FAR_P, _FAR_Q, inverse))
    return 1 - tail


def _ratio(above: Sequence[float], below: Sequence[float], x: Array) -> Array:
    quotient = _polynomial(above, x)
    quotient /= _polynomial(below, x)
    return quotient


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """By Horner's scheme, in place: numpy's own makes two arrays a power."""
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result *= x
        result += coefficient
    return result
