/* The activations: y = f(z), with f' and f'' for the backward passes, in one table of expressions.
 *
 * Each row is X(CONSTANT, name, needs_input, equation, f, f', f''). The expressions are in z and, for the
 * derivatives, in z and y = f(z); they hold in float and in double: where they are expanded, `real` is the
 * type and math/functions.h is included. Only those marked needs_input use z in a derivative. The others are
 * had from y, as exactly as y itself tells: softplus by 1 - e^-y, which keeps its digits however small y is.
 * A NaN in z is a NaN in y; infinities give the limits.
 *
 * ELU: Clevert, Unterthiner, Hochreiter 2016. SELU: Klambauer and others 2017. GELU: Hendrycks, Gimpel
 * 2016.
 */
#ifndef CN_MATH_ACTIVATIONS_H
#define CN_MATH_ACTIVATIONS_H

#include <stdbool.h>
#include <stddef.h>

#define CN_SELU_SCALE 1.0507009873554804934193349852946
#define CN_SELU_ALPHA 1.6732632423543772848170429916717

#define CN_ACTIVATIONS(X)                                                                                    \
    X(LINEAR, linear, false, "y = z", z, 1, 0)                                                               \
    X(RELU, relu, false, "y = max(z, 0)", z <= 0 ? 0 : z, y <= 0 ? 0 : 1, 0)                                 \
    X(LEAKY, leaky, false, "y = z where z > 0, else 0.01 z", z > 0 ? z : (real)0.01 * z,                     \
      y > 0 ? 1 : (real)0.01, 0)                                                                             \
    X(SIGMOID, sigmoid, false, "y = 1 / (1 + e^-z)", CN_SIGMOID(z), y *(1 - y), y *(1 - y) * (1 - 2 * y))    \
    X(TANH, tanh, false, "y = tanh(z)", CN_TANH(z), (1 - y) * (1 + y), -2 * y * (1 - y) * (1 + y))           \
    X(ELU, elu, false, "y = z where z > 0, else e^z - 1", z > 0 ? z : CN_EXPM1_NEGATIVE(z),                  \
      y > 0 ? 1 : y + 1, y > 0 ? 0 : y + 1)                                                                  \
    X(SELU, selu, false, "y = 1.0507 z where z > 0, else 1.7581 (e^z - 1)",                                  \
      z > 0 ? (real)CN_SELU_SCALE * z : (real)(CN_SELU_SCALE * CN_SELU_ALPHA) * CN_EXPM1_NEGATIVE(z),        \
      y > 0 ? (real)CN_SELU_SCALE : y + (real)(CN_SELU_SCALE * CN_SELU_ALPHA),                               \
      y > 0 ? 0 : y + (real)(CN_SELU_SCALE * CN_SELU_ALPHA))                                                 \
    X(GELU, gelu, true, "y = z (1 + erf(z / sqrt 2)) / 2", (z < -40 ? -40 : z) * CN_NORMAL_SHARE(z),         \
      CN_NORMAL_SHARE(z) + (z < -40  ? -40                                                                   \
                            : z > 40 ? 40                                                                    \
                                     : z) *                                                                  \
                               CN_NORMAL_DENSITY(z),                                                         \
      z * z > 1600 ? 0 : CN_NORMAL_DENSITY(z) * (2 - z * z))                                                 \
    X(SILU, silu, true, "y = z / (1 + e^-z)", (z < -800 ? -800 : z) * CN_SIGMOID(z),                         \
      CN_SIGMOID(z) * (1 + (z < -800  ? -800                                                                 \
                            : z > 800 ? 800                                                                  \
                                      : z) *                                                                 \
                               CN_SIGMOID(-z)),                                                              \
      CN_SIGMOID(z) * CN_SIGMOID(-z) *                                                                       \
          (2 + (z < -800  ? -800                                                                             \
                : z > 800 ? 800                                                                              \
                          : z) *                                                                             \
                   (CN_SIGMOID(-z) - CN_SIGMOID(z))))                                                        \
    X(SOFTPLUS, softplus, false, "y = ln(1 + e^z)",                                                          \
      CN_MAX(z, (real)0) + CN_LOG1P_UNIT(CN_EXP_NEGATIVE(-CN_ABS(z))), -CN_EXPM1_NEGATIVE(-y),               \
      -CN_EXPM1_NEGATIVE(-y) * CN_EXP_NEGATIVE(-y))

#define CN_ACTIVATION_CONSTANT(constant, ...) CN_##constant,
typedef enum cn_activation { CN_ACTIVATIONS(CN_ACTIVATION_CONSTANT) CN_NACTIVATION } cn_activation;
#undef CN_ACTIVATION_CONSTANT

/* By cn_activation; NULL-terminated: the words of an option. */
extern const char *const cn_activation_names[];

/* For help; ends in a name of NULL. */
typedef struct cn_activation_help {
    const char *name, *equation;
} cn_activation_help;

extern const cn_activation_help cn_activation_helps[];

/* Whether f' needs z itself, y not being enough: gelu and silu turn back and take a value twice. */
bool cn_activation_needs_input(cn_activation activation);

#endif
