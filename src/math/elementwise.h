/* Loops over elements, written once: what a loss or an optimizer says in its file becomes a function for
 * float and one for double. Inside its expressions `real` is the type, and CN_EXP, CN_LOG1P, CN_SIGMOID,
 * CN_ABS, CN_MAX, CN_SQRT of math/functions.h take it; a constant is written (real)0.5, since 0.5 alone is a
 * double.
 *
 * The loops run in strips of 16 and have no order but the one said here, so that they become vector code and
 * give the same bits whatever the processor.
 */
#ifndef CN_MATH_ELEMENTWISE_H
#define CN_MATH_ELEMENTWISE_H

#include <stddef.h>

#include "math/functions.h"

enum { CN_STRIP = 16 };

/* A function compiled for AVX-512 and AVX2 too, the loader choosing. Without the fused multiply-add, so with
 * the same bits. Sanitizers are not yet awake when the loader asks. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) &&                 \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CN_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CN_CLONES
#endif

/* Says of the loop that follows that its elements do not depend on one another, and that it is to become
 * vector code as it stands: gcc would unroll a short one into single elements first. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* calls of the C library stay loops, and that is right */
#define CN_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define CN_INDEPENDENT _Pragma("GCC ivdep") _Pragma("GCC unroll 1")
#else
#define CN_INDEPENDENT
#endif

/* ---- Losses -----------------------------------------------------------------------------------------------
 *
 * Over output[rows][stride] and target[rows][target_stride], width columns of each:
 *     values[r] = sum over j of VALUE(output[r][j], target[r][j])
 *     slope[r][j] = scale * SLOPE(output[r][j], target[r][j]), [rows][stride]; NULL where it is not wanted,
 *                   output itself where that may be overwritten; what lies beyond width is left alone.
 * Each VALUE is worked out in the precision and added in double: column j to sum j%16, these in a tree of
 * halves.
 *
 *     #define VALUE(y, x) ((y) - (x)) * ((y) - (x))
 *     #define SLOPE(y, x) 2 * ((y) - (x))
 *     CN_LOSS_ROWS(VALUE, SLOPE)      makes loss_rows_float and loss_rows_double
 *     CN_LOSS_EACH(VALUE, SLOPE)      makes loss_each_float and loss_each_double
 */
/* Value by value, count of them, a multiple of 16: values[i] = VALUE(output[i], target[i]), and slope as
 * above. */
typedef void cn_loss_each(size_t count, const void *output, const void *target, double scale, void *slope,
                          void *values);

typedef void cn_loss_rows(size_t rows, size_t width, size_t stride, const void *output, const void *target,
                          size_t target_stride, double scale, void *slope, double *values);

#define CN_LOSS_ROWS(VALUE, SLOPE)                                                                           \
    CN_LOSS_ROWS_IN(float, VALUE, SLOPE)                                                                     \
    CN_LOSS_ROWS_IN(double, VALUE, SLOPE)

#define CN_LOSS_EACH(VALUE, SLOPE)                                                                           \
    CN_LOSS_EACH_IN(float, VALUE, SLOPE)                                                                     \
    CN_LOSS_EACH_IN(double, VALUE, SLOPE)

#define CN_LOSS_ROWS_IN(precision, VALUE, SLOPE)                                                             \
    CN_INLINE void loss_add_##precision(size_t count, const precision *output, const precision *target,      \
                                        double *sums)                                                        \
    {                                                                                                        \
        typedef precision real;                                                                              \
        CN_INDEPENDENT                                                                                       \
        for (size_t j = 0; j < count; j++) {                                                                 \
            const real y_ = output[j], x_ = target[j];                                                       \
            const real value_ = (real)(VALUE(y_, x_));                                                       \
            sums[j] += (double)value_;                                                                       \
        }                                                                                                    \
    }                                                                                                        \
    CN_INLINE void loss_slope_##precision(size_t count, const precision *output, const precision *target,    \
                                          precision scale, precision *slope)                                 \
    {                                                                                                        \
        typedef precision real;                                                                              \
        CN_INDEPENDENT                                                                                       \
        for (size_t j = 0; j < count; j++) {                                                                 \
            const real y_ = output[j], x_ = target[j];                                                       \
            const real slope_ = (real)(SLOPE(y_, x_));                                                       \
            slope[j] = scale * slope_;                                                                       \
        }                                                                                                    \
    }                                                                                                        \
    CN_CLONES static void loss_rows_##precision(                                                             \
        size_t rows, size_t width, size_t stride, const void *output, const void *target,                    \
        size_t target_stride, double scale, void *slope, double *values)                                     \
    {                                                                                                        \
        const size_t whole = width / CN_STRIP * CN_STRIP;                                                    \
        for (size_t r = 0; r < rows; r++) {                                                                  \
            const precision *y = (const precision *)output + r * stride;                                     \
            const precision *x = (const precision *)target + r * target_stride;                              \
            double sums[CN_STRIP] = {0};                                                                     \
            for (size_t j = 0; j < whole; j += CN_STRIP)                                                     \
                loss_add_##precision(CN_STRIP, y + j, x + j, sums);                                          \
            loss_add_##precision(width - whole, y + whole, x + whole, sums);                                 \
            values[r] = cn_strip_sum(sums);                                                                  \
            if (slope) {                                                                                     \
                precision *s = (precision *)slope + r * stride;                                              \
                for (size_t j = 0; j < whole; j += CN_STRIP)                                                 \
                    loss_slope_##precision(CN_STRIP, y + j, x + j, (precision)scale, s + j);                 \
                loss_slope_##precision(width - whole, y + whole, x + whole, (precision)scale, s + whole);    \
            }                                                                                                \
        }                                                                                                    \
    }

#define CN_LOSS_EACH_IN(precision, VALUE, SLOPE)                                                             \
    CN_CLONES static void loss_each_##precision(size_t count, const void *output, const void *target,        \
                                                double scale, void *slope, void *values)                     \
    {                                                                                                        \
        typedef precision real;                                                                              \
        const real *y = output, *x = target, by = (real)scale;                                               \
        real *s = slope, *v = values;                                                                        \
        for (size_t i = 0; i < count; i += CN_STRIP) {                                                       \
            CN_INDEPENDENT                                                                                   \
            for (size_t j = i; j < i + CN_STRIP; j++) {                                                      \
                const real y_ = y[j], x_ = x[j];                                                             \
                const real value_ = (real)(VALUE(y_, x_)), slope_ = (real)(SLOPE(y_, x_));                   \
                v[j] = value_;                                                                               \
                s[j] = by * slope_;                                                                          \
            }                                                                                                \
        }                                                                                                    \
    }

/* 16 sums added in a tree of halves: i and i+8, then i and i+4, ... */
CN_INLINE double cn_strip_sum(double sums[CN_STRIP])
{
    for (size_t half = CN_STRIP / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            sums[i] += sums[i + half];
    return sums[0];
}

/* ---- Optimizers -------------------------------------------------------------------------------------------
 *
 * One step of a parameter's reals: count of them, a multiple of 16, in arrays of their own; slots[0] and
 * slots[1] are the optimizer's arrays for it (those it does not have may be NULL, slots itself not). BODY
 * gets the constants in the precision, and one element of each array by name: p, a and b to be changed, g to
 * be read.
 *
 *     enum { RATE, MOMENTUM };
 *     #define SGD(c, p, g, a, b) a = c[MOMENTUM] * a - c[RATE] * g; p += a
 *     CN_UPDATE(SGD)                  makes update_float and update_double
 */
enum { CN_UPDATE_CONSTANTS = 8 }; /* constants[] has so many; those not used may be anything */

typedef void cn_update(const double *constants, void *parameter, const void *gradient, void *const *slots,
                       size_t count);

#define CN_UPDATE(BODY)                                                                                      \
    CN_UPDATE_IN(float, BODY)                                                                                \
    CN_UPDATE_IN(double, BODY)

#define CN_UPDATE_IN(precision, BODY)                                                                        \
    CN_CLONES static void update_##precision(const double *constants, void *parameter, const void *gradient, \
                                             void *const *slots, size_t count)                               \
    {                                                                                                        \
        typedef precision real;                                                                              \
        real *const parameter_ = parameter, *const first_ = slots[0], *const second_ = slots[1];             \
        const real *const gradient_ = gradient;                                                              \
        real constants_[CN_UPDATE_CONSTANTS];                                                                \
        for (size_t i = 0; i < CN_UPDATE_CONSTANTS; i++)                                                     \
            constants_[i] = (real)constants[i];                                                              \
        (void)first_;                                                                                        \
        (void)second_;                                                                                       \
        for (size_t i = 0; i < count; i += CN_STRIP) {                                                       \
            CN_INDEPENDENT                                                                                   \
            for (size_t j = i; j < i + CN_STRIP; j++) {                                                      \
                BODY(constants_, parameter_[j], gradient_[j], first_[j], second_[j]);                        \
            }                                                                                                \
        }                                                                                                    \
    }

#endif
