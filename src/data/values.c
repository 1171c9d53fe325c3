/* Loops over values of one type, written so that the compiler makes vectors of them. A product and a
 * difference, each rounded in double: no instruction set gives other bits. */
#include "data/values.h"

#include <math.h>
#include <string.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

#include "math/elementwise.h"

/* gcc makes vectors of loops of unknown length only so; clang does anyhow. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

/* IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
static double half_value(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double value;

    if (exponent == 31)
        value = fraction != 0 ? NAN : INFINITY;
    else if (exponent == 0)
        value = ldexp(fraction, -24);
    else
        value = ldexp(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -value : value;
}

#define READER(name, ctype)                                                                                  \
    CN_CLONES static void read_##name(const void *stored, size_t count, double *restrict values)             \
    {                                                                                                        \
        const ctype *from = stored;                                                                          \
        for (size_t i = 0; i < count; i++)                                                                   \
            values[i] = (double)from[i];                                                                     \
    }

READER(u8, uint8_t)
READER(i8, int8_t)
READER(u16, uint16_t)
READER(i16, int16_t)
READER(u32, uint32_t)
READER(i32, int32_t)
READER(u64, uint64_t)
READER(i64, int64_t)
READER(f32, float)
READER(f64, double)

static void read_f16(const void *stored, size_t count, double *restrict values)
{
    const uint16_t *from = stored;

    for (size_t i = 0; i < count; i++)
        values[i] = half_value(from[i]);
}

typedef void reader(const void *stored, size_t count, double *restrict values);

static reader *const readers[] = {
    [CINCH_BOOL] = read_u8, [CINCH_U8] = read_u8,   [CINCH_I8] = read_i8,   [CINCH_U16] = read_u16,
    [CINCH_I16] = read_i16, [CINCH_U32] = read_u32, [CINCH_I32] = read_i32, [CINCH_U64] = read_u64,
    [CINCH_I64] = read_i64, [CINCH_F16] = read_f16, [CINCH_F32] = read_f32, [CINCH_F64] = read_f64,
};

void cn_values_read(cinch_type type, const void *stored, size_t count, double *values)
{
    readers[type](stored, count, values);
}

/* What is not finite has an exponent of ones. */
#define FINITE(name, ctype, exponent)                                                                        \
    CN_CLONES static bool finite_##name(const void *stored, size_t count)                                    \
    {                                                                                                        \
        const unsigned char *from = stored;                                                                  \
        ctype found = 0;                                                                                     \
        for (size_t i = 0; i < count; i++) {                                                                 \
            ctype bits;                                                                                      \
            memcpy(&bits, from + i * sizeof bits, sizeof bits);                                              \
            found |= (bits & (exponent)) == (exponent);                                                      \
        }                                                                                                    \
        return found == 0;                                                                                   \
    }

FINITE(f16, uint16_t, UINT16_C(0x7c00))
FINITE(f32, uint32_t, UINT32_C(0x7f800000))
FINITE(f64, uint64_t, UINT64_C(0x7ff0000000000000))

bool cn_values_finite(cinch_type type, const void *stored, size_t count)
{
    return type == CINCH_F16   ? finite_f16(stored, count)
           : type == CINCH_F32 ? finite_f32(stored, count)
                               : finite_f64(stored, count);
}

#define SCALER(name, ctype, real)                                                                            \
    CN_CLONES static void scale_##name(const void *stored, size_t count, const double *offset,               \
                                       const double *scale, size_t step, real *restrict x)                   \
    {                                                                                                        \
        const ctype *from = stored;                                                                          \
        if (step == 0) {                                                                                     \
            const double only_offset = *offset, only_scale = *scale;                                         \
            for (size_t i = 0; i < count; i++)                                                               \
                x[i] = (real)(((double)from[i] - only_offset) * only_scale);                                 \
        } else {                                                                                             \
            for (size_t i = 0; i < count; i++)                                                               \
                x[i] = (real)(((double)from[i] - offset[i]) * scale[i]);                                     \
        }                                                                                                    \
    }

SCALER(u8, uint8_t, float)
SCALER(f32, float, float)
SCALER(f64, double, float)
SCALER(double, double, double)

/* scale = high + low, high of 16 bits: a byte times it is exact in a float, and what is added to that is too
 * small for its own rounding to matter; but for a value next to the middle of two floats, which is why all
 * are tried. */
static float high_part(double scale)
{
    int exponent;
    double mantissa = frexp(scale, &exponent);
    return (float)ldexp(floor(ldexp(mantissa, 16)), exponent - 16);
}

CN_CLONES static void scale_bytes(const void *stored, size_t count, const double *offset, const double *scale,
                                  size_t step, float *restrict x)
{
    const uint8_t *from = stored;
    const float high = high_part(*scale), low = (float)(*scale - (double)high);
    (void)offset;
    (void)step;
    for (size_t i = 0; i < count; i++)
        x[i] = (float)from[i] * high + (float)from[i] * low;
}

cn_values_gather *cn_values_bytes_gatherer(double offset, double scale)
{
    uint8_t bytes[256];
    float fast[256], exact[256];
    if (offset != 0)
        return NULL;
    for (size_t i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    scale_bytes(bytes, 256, &offset, &scale, 0, fast);
    scale_u8(bytes, 256, &offset, &scale, 0, exact);
    return memcmp(fast, exact, sizeof fast) == 0 ? scale_bytes : NULL;
}

void cn_values_scale(const double *values, size_t count, const double *offset, const double *scale,
                     size_t step, size_t real_size, void *x)
{
    if (real_size == sizeof(float))
        scale_f64(values, count, offset, scale, step, x);
    else
        scale_double(values, count, offset, scale, step, x);
}

/* A factor that a float holds exactly: the unit of a type. */
CN_CLONES static void times(const float *x, size_t count, float factor, float *values)
{
    CN_INDEPENDENT
    for (size_t i = 0; i < count; i++)
        values[i] = x[i] * factor;
}

/* The same past the caches, whole lines at a time. */
static void times_far(const float *x, size_t count, float factor, float *values)
{
#ifdef __SSE__
    enum { LINE = 64 / sizeof(float), QUARTER = LINE / 4 };
    size_t before = ((uintptr_t)64 - (uintptr_t)values % 64) % 64 / sizeof(float);
    before = before < count ? before : count;
    const size_t end = before + (count - before) / LINE * LINE;
    times(x, before, factor, values);
    for (size_t i = before; i < end; i += LINE)
        for (size_t j = i; j < i + LINE; j += QUARTER)
            _mm_stream_ps(values + j, _mm_mul_ps(_mm_loadu_ps(x + j), _mm_set1_ps(factor)));
    times(x + end, count - end, factor, values + end);
    _mm_sfence();
#else
    times(x, count, factor, values);
#endif
}

CN_CLONES static void unscale(const float *x, size_t count, double offset, double factor, float *values)
{
    CN_INDEPENDENT
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((double)x[i] * factor + offset);
}

CN_CLONES static void unscale_each(const float *x, size_t count, const double *offset, const double *scale,
                                   float *values)
{
    CN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        const double by = scale[i] != 0 ? scale[i] : 1, from = scale[i] != 0 ? (double)x[i] : 0;
        values[i] = (float)(from / by + offset[i]);
    }
}

void cn_values_unscale(const float *x, size_t count, const double *offset, const double *scale, size_t step,
                       bool far, float *values)
{
    const double factor = *scale != 0 ? 1 / *scale : 0;

    if (step != 0)
        unscale_each(x, count, offset, scale, values);
    else if (*offset == 0 && fabs((double)(float)factor - factor) <= 0x1p-50 * factor)
        (far ? times_far : times)(x, count, (float)factor, values);
    else
        unscale(x, count, *offset, factor, values);
}

cn_values_gather *cn_values_gatherer(cinch_type type)
{
    return type == CINCH_BOOL || type == CINCH_U8 ? scale_u8
           : type == CINCH_F32                    ? scale_f32
           : type == CINCH_F64                    ? scale_f64
                                                  : NULL;
}
