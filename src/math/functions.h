/* exp, log1p and their kin, for float and for double: CN_EXP(x) takes the type of x.
 *
 * In double they are the C library's. In float they are ours: without branches, tables or calls, so that a
 * plain loop over them becomes vector code, and the same bits come out of every lane and of a loop's odd end.
 * Where the file that includes this is for a fused multiply-add it is used (cn_fused), always at the same
 * places. NaN stays NaN; infinities and huge arguments give the limits.
 *
 * The polynomials are minimax for the relative error (Remez's exchange in 40 digits, then rounded to float).
 * The errors given are the largest over every float of the range, against the C library in double.
 */
#ifndef CN_MATH_FUNCTIONS_H
#define CN_MATH_FUNCTIONS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define CN_INLINE static inline __attribute__((always_inline))

/* a*b + c: rounded once in a file that is compiled for x86-64's instruction or says CN_FUSES, else twice. Not
 * wherever there is one, which AArch64 always has: so what is no vector table gives the same bits on both. */
CN_INLINE float cn_fused(float a, float b, float c)
{
#if defined(__FMA__) || defined(CN_FUSES)
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

CN_INLINE uint32_t cn_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

CN_INLINE float cn_bits_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^n for -127 < n < 128; some float elsewhere. */
CN_INLINE float cn_power_of_two(int32_t n)
{
    return cn_bits_float(((uint32_t)n + 127u) << 23);
}

/* x = n ln 2 + r with |r| <= ln(2)/2, so that e^x = 2^n e^r: what exp and expm1 begin with. Adding 1.5 2^23
 * rounds to a whole number and leaves it in the low bits; with a bias added to it too, these are the exponent
 * bits of 2^(n + bias - 127). ln 2 in two parts, the first of 9 bits, so that n times it is exact. */
typedef struct cn_reduced {
    float r, power;
} cn_reduced;

CN_INLINE cn_reduced cn_reduce(float x, float bias)
{
    const float shift = 0x1.8p23f + bias;
    float shifted = cn_fused(x, 1.44269504f, shift);
    float n = shifted - shift;
    float r = cn_fused(n, 2.12194440e-4f, cn_fused(n, -0.693359375f, x));
    return (cn_reduced){r, cn_bits_float(cn_float_bits(shifted) << 23)};
}

/* e^r - 1 = r + r^2 q(r), |r| <= 0.35, relative error 4e-9 before rounding. */
CN_INLINE float cn_expm1_near_zero(float r)
{
    float square = r * r;
    float q0 = cn_fused(1.666651289e-1f, r, 5.000000101e-1f);
    float q2 = cn_fused(8.369598149e-3f, r, 4.166618729e-2f);
    q2 = cn_fused(1.395171683e-3f, square, q2);
    return cn_fused(cn_fused(q2, square, q0), square, r);
}

/* e^(x + tail) for x <= 0 and a tail of at most 0.07, which keeps digits that x has no room for. 2^n as
 * 2^(n + 24) 2^-24: n goes down to -150, where floats end. Without a tail 1 ulp, with it 2. */
CN_INLINE float cn_exp_negative_tail(float x, float tail)
{
    cn_reduced reduced = cn_reduce(x < -104 ? -104 : x, 127 + 24);
    return (1 + cn_expm1_near_zero(reduced.r + tail)) * reduced.power * 0x1p-24f;
}

CN_INLINE float cn_exp_negative_float(float x)
{
    cn_reduced reduced = cn_reduce(x < -104 ? -104 : x, 127 + 24);
    return (1 + cn_expm1_near_zero(reduced.r)) * reduced.power * 0x1p-24f;
}

/* e^x - 1 = 2^n (e^r - 1) + (2^n - 1) for x <= 0: 1.6 ulp. */
CN_INLINE float cn_expm1_negative_float(float x)
{
    cn_reduced reduced = cn_reduce(x < -20 ? -20 : x, 127);
    return cn_fused(reduced.power, cn_expm1_near_zero(reduced.r), reduced.power - 1);
}

/* For any x. Above 0, n goes up to 128, where floats overflow: 2^n as 2^(n - 2) 2^2. */
CN_INLINE float cn_exp_float(float x)
{
    cn_reduced reduced = cn_reduce(x > 89 ? 89 : x, 127 - 2);
    float above = (1 + cn_expm1_near_zero(reduced.r)) * reduced.power * 4;
    return x > 0 ? above : cn_exp_negative_float(x);
}

CN_INLINE float cn_expm1_float(float x)
{
    cn_reduced reduced = cn_reduce(x > 89 ? 89 : x, 127 - 2);
    float above = cn_fused(reduced.power, cn_expm1_near_zero(reduced.r), reduced.power - 0.25f) * 4;
    return x > 0 ? above : cn_expm1_negative_float(x);
}

/* log(1 + f) + n ln 2 for 1 + f between sqrt(1/2) and sqrt(2): log(1 + f) = f - f^2/2 + f^3 q(f), relative
 * error 6e-9 before rounding. */
CN_INLINE float cn_log_reduced(float f, float n)
{
    float square = f * f;
    float q0 = cn_fused(-2.500081604e-1f, f, 3.333331656e-1f);
    float q2 = cn_fused(-1.662434874e-1f, f, 2.000230275e-1f);
    float q4 = cn_fused(-1.313044715e-1f, f, 1.41806993e-1f);
    float q6 = cn_fused(-7.859960051e-2f, f, 1.288585812e-1f);
    float q = cn_fused(cn_fused(q6, square, q4), square * square, cn_fused(q2, square, q0));
    float log = cn_fused(square, cn_fused(q, f, -0.5f), f);
    return cn_fused(n, 0.693359375f, cn_fused(n, -2.12194440e-4f, log));
}

/* For x above 0, neither infinite nor subnormal: x = 2^k (1 + f), f exact. 1.5 ulp. */
CN_INLINE float cn_log_float(float x)
{
    int32_t k = (int32_t)(cn_float_bits(x) - 0x3f3504f3u) >> 23;
    return cn_log_reduced(cn_bits_float(cn_float_bits(x) - ((uint32_t)k << 23)) - 1, (float)k);
}

/* log(1 + x) = k ln 2 + log(1 + f), 1 + f the mantissa of 1 + x; f comes from x itself and so has all its
 * digits. For x from above -1 to 2^100; more_k is added to k. 1.5 ulp. */
CN_INLINE float cn_log1p_inside(float x, float more_k)
{
    int32_t k = (int32_t)(cn_float_bits(1 + x) - 0x3f3504f3u) >> 23;
    float scale = cn_power_of_two(-k);
    return cn_log_reduced(cn_fused(x, scale, scale - 1), (float)k + more_k);
}

CN_INLINE float cn_log1p_unit_float(float x)
{
    return cn_log1p_inside(x, 0);
}

/* For any x: where 2^-k would leave the floats, x (then all of 1 + x) is first made smaller. */
CN_INLINE float cn_log1p_float(float x)
{
    float log = cn_log1p_inside(x > 0x1p100f ? x * 0x1p-32f : x, x > 0x1p100f ? 32 : 0);
    log = x == -1 ? -INFINITY : log;
    log = x < -1 ? NAN : log;
    return x > 0x1.fffffep127f ? x : log;
}

/* tanh |x| = -t / (2 + t), t = e^(-2|x|) - 1. */
CN_INLINE float cn_tanh_float(float x)
{
    float t = cn_expm1_negative_float(-2 * __builtin_fabsf(x));
    return __builtin_copysignf(t / (2 + t), x);
}

/* 1 / (1 + e^-x), from e^-|x|, so that nothing overflows and small values keep their digits. */
CN_INLINE float cn_sigmoid_float(float x)
{
    float e = cn_exp_negative_float(-__builtin_fabsf(x));
    return (x < 0 ? e : 1) / (1 + e);
}

/* e^(-x^2/2): x^2 in two parts, the square of its upper 12 bits (exact) and the rest. |x| at most 15. */
CN_INLINE float cn_bell_float(float x)
{
    float high = cn_bits_float(cn_float_bits(x) & 0xfffff000u);
    return cn_exp_negative_tail(-0.5f * high * high, -0.5f * ((x - high) * (x + high)));
}

CN_INLINE float cn_normal_density_float(float x)
{
    float size = __builtin_fabsf(x);
    return 0.3989422804f * cn_bell_float(size > 15 ? 15 : size);
}

/* The share of the normal distribution below x, (1 + erf(x / sqrt 2)) / 2: for t = |x|, the share beyond t is
 * e^(-t^2/2) h(q) / (1 + t), q = (t - 4) / (t + 4), h a polynomial of relative error 2e-9. */
CN_INLINE float cn_normal_share_float(float x)
{
    float t = __builtin_fabsf(x);
    t = t > 15 ? 15 : t;
    float q = (t - 4) / (t + 4);
    float h = -7.198214599e-05f;
    h = cn_fused(h, q, -6.154272978e-05f);
    h = cn_fused(h, q, 6.922143877e-04f);
    h = cn_fused(h, q, -3.034410847e-04f);
    h = cn_fused(h, q, -5.003946661e-03f);
    h = cn_fused(h, q, 1.794022770e-02f);
    h = cn_fused(h, q, -3.219734733e-02f);
    h = cn_fused(h, q, 2.859996882e-02f);
    h = cn_fused(h, q, 1.399960037e-02f);
    h = cn_fused(h, q, -9.670346640e-02f);
    h = cn_fused(h, q, 4.720532068e-01f);
    float beyond = cn_bell_float(t) * (h / (1 + t));
    return x < 0 ? beyond : 1 - beyond;
}

CN_INLINE double cn_sigmoid_double(double x)
{
    double e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

CN_INLINE double cn_normal_density_double(double x)
{
    return 0.39894228040143267793994605993438 * exp(-0.5 * x * x);
}

CN_INLINE double cn_normal_share_double(double x)
{
    return 0.5 * erfc(-0.70710678118654752440084436210485 * x);
}

/* The larger; a NaN in a stays. */
CN_INLINE float cn_max_float(float a, float b)
{
    return a < b ? b : a;
}

CN_INLINE double cn_max_double(double a, double b)
{
    return a < b ? b : a;
}

#define CN_BY_TYPE(x, in_float, in_double) _Generic((x), float : in_float, double : in_double)

#define CN_EXP(x)            CN_BY_TYPE(x, cn_exp_float, exp)(x)
#define CN_EXPM1(x)          CN_BY_TYPE(x, cn_expm1_float, expm1)(x)
#define CN_EXP_NEGATIVE(x)   CN_BY_TYPE(x, cn_exp_negative_float, exp)(x) /* for x <= 0, sooner */
#define CN_EXPM1_NEGATIVE(x) CN_BY_TYPE(x, cn_expm1_negative_float, expm1)(x)
#define CN_LOG(x)            CN_BY_TYPE(x, cn_log_float, log)(x) /* for 0 < x, not subnormal */
#define CN_LOG1P(x)          CN_BY_TYPE(x, cn_log1p_float, log1p)(x)
#define CN_LOG1P_UNIT(x)     CN_BY_TYPE(x, cn_log1p_unit_float, log1p)(x) /* for 0 <= x <= 1, sooner */
#define CN_TANH(x)           CN_BY_TYPE(x, cn_tanh_float, tanh)(x)
#define CN_SIGMOID(x)        CN_BY_TYPE(x, cn_sigmoid_float, cn_sigmoid_double)(x)
#define CN_NORMAL_DENSITY(x) CN_BY_TYPE(x, cn_normal_density_float, cn_normal_density_double)(x)
#define CN_NORMAL_SHARE(x)   CN_BY_TYPE(x, cn_normal_share_float, cn_normal_share_double)(x)
#define CN_ABS(x)            CN_BY_TYPE(x, __builtin_fabsf, __builtin_fabs)(x)
#define CN_SQRT(x)           CN_BY_TYPE(x, __builtin_sqrtf, __builtin_sqrt)(x)
#define CN_MAX(a, b)         CN_BY_TYPE(a, cn_max_float, cn_max_double)(a, b)

#endif
