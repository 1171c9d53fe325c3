#include "model/folding.h"

#include "math/functions.h"

cn_convolution cn_folding(const cn_convolution *c, size_t repeat)
{
    return (cn_convolution){.channels = c->small_channels,
                            .height = c->small_height,
                            .width = c->small_width,
                            .small_channels = c->channels,
                            .small_height = c->height / repeat,
                            .small_width = c->width / repeat,
                            .kernel_height = c->kernel_height + repeat - 1,
                            .kernel_width = c->kernel_width + repeat - 1,
                            .stride = repeat,
                            .top = c->kernel_height - 1 - c->top,
                            .left = c->kernel_width - 1 - c->left};
}

#define FOLD(real)                                                                                           \
    static void fold_##real(const cn_convolution *c, size_t repeat, const void *weight, void *folded)        \
    {                                                                                                        \
        const size_t kh = c->kernel_height, kw = c->kernel_width, width = kw + repeat - 1;                   \
        const size_t size = (kh + repeat - 1) * width;                                                       \
        real *to = folded;                                                                                   \
        for (size_t i = 0; i < c->channels; i++)                                                             \
            for (size_t o = 0; o < c->small_channels; o++, to += size) {                                     \
                const real *from = (const real *)weight + (o * c->channels + i) * kh * kw;                   \
                for (size_t j = 0; j < size; j++)                                                            \
                    to[j] = 0;                                                                               \
                for (size_t a = 0; a < kh; a++)                                                              \
                    for (size_t e = 0; e < kw; e++, from++)                                                  \
                        for (size_t b = kh - 1 - a; b < kh - 1 - a + repeat; b++)                            \
                            for (size_t d = kw - 1 - e; d < kw - 1 - e + repeat; d++)                        \
                                to[b * width + d] += *from;                                                  \
            }                                                                                                \
    }                                                                                                        \
    /* `each` reals a value. */                                                                              \
    CN_INLINE void unfold_##real(const cn_convolution *c, size_t repeat, const void *folded,                 \
                                 bool accumulate, size_t each, void *gradient)                               \
    {                                                                                                        \
        size_t kh = c->kernel_height, kw = c->kernel_width, width = kw + repeat - 1;                         \
        real *to = gradient;                                                                                 \
        for (size_t o = 0; o < c->small_channels; o++)                                                       \
            for (size_t i = 0; i < c->channels; i++) {                                                       \
                const real *from =                                                                           \
                    (const real *)folded + (i * c->small_channels + o) * (kh + repeat - 1) * width * each;   \
                for (size_t a = 0; a < kh; a++)                                                              \
                    for (size_t e = 0; e < kw; e++, to += each) {                                            \
                        for (size_t l = 0; !accumulate && l < each; l++)                                     \
                            to[l] = 0;                                                                       \
                        for (size_t b = 0; b < repeat; b++)                                                  \
                            for (size_t d = 0; d < repeat; d++)                                              \
                                for (size_t l = 0; l < each; l++)                                            \
                                    to[l] += from[((kh - 1 - a + b) * width + kw - 1 - e + d) * each + l];   \
                    }                                                                                        \
            }                                                                                                \
    }
FOLD(float)
FOLD(double)

void cn_folding_weight(const cn_convolution *c, size_t repeat, const cn_kernels *kernels, const void *weight,
                       void *folded)
{
    (kernels->real_size == sizeof(float) ? fold_float : fold_double)(c, repeat, weight, folded);
}

void cn_folding_gradient(const cn_convolution *c, size_t repeat, const cn_kernels *kernels,
                         const void *folded, bool accumulate, void *gradient)
{
    if (kernels->real_size == sizeof(float))
        unfold_float(c, repeat, folded, accumulate, 1, gradient);
    else
        unfold_double(c, repeat, folded, accumulate, 1, gradient);
}

void cn_folding_bundles(const cn_convolution *c, size_t repeat, const cn_kernels *kernels, const void *folded,
                        void *gradient)
{
    if (kernels->real_size == sizeof(float))
        unfold_float(c, repeat, folded, true, CN_BUNDLE, gradient);
    else
        unfold_double(c, repeat, folded, true, CN_BUNDLE, gradient);
}
