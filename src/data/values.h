/* Loops over values of one type: to doubles, to scaled reals. */
#ifndef CN_DATA_VALUES_H
#define CN_DATA_VALUES_H

#include "cinch.h"

/* values[i] = the i-th stored value; a bool is 0 or 1. */
void cn_values_read(cinch_type type, const void *stored, size_t count, double *values);

/* Whether all are finite. Of a float type only. */
bool cn_values_finite(cinch_type type, const void *stored, size_t count);

/* x[i] = (values[i] - offset[i * step]) * scale[i * step], rounded once, step 0 or 1. */
void cn_values_scale(const double *values, size_t count, const double *offset, const double *scale,
                     size_t step, size_t real_size, void *x);

/* And back: values[i] = x[i] / scale[i * step] + offset[i * step]; scale 0 gives the offset. values may be x.
 * `far`: they are part of so many that no cache keeps them, and are written past it. */
void cn_values_unscale(const float *x, size_t count, const double *offset, const double *scale, size_t step,
                       bool far, float *values);

/* Read and scale in one, to floats, for the types that training meets most; NULL for the others. */
typedef void cn_values_gather(const void *stored, size_t count, const double *offset, const double *scale,
                              size_t step, float *x);
cn_values_gather *cn_values_gatherer(cinch_type type);

/* A faster one for values of one byte and one offset and scale, or NULL where some of the 256 would not come
 * out the same to the last bit. */
cn_values_gather *cn_values_bytes_gatherer(double offset, double scale);

#endif
