/* Rows of any format in memory, in their own type, and the batches made from them. */
#ifndef CN_DATA_DATA_H
#define CN_DATA_DATA_H

#include "data/scaler.h"
#include "format/format.h"

struct cinch_data {
    cn_array array;  /* sizes[0] rows of the chosen columns; columns and labels where there are any */
    size_t features; /* product of the other sizes, 1 where there are none */
    bool borrowed;   /* array.values are the caller's */
    char *source;    /* "iris.csv", for messages */
};

/* One stored value as a double. */
double cn_data_value(const cinch_data *data, size_t row, size_t feature);

/* `count` values from place `first` on, row after row (place = row · features + feature), as doubles. */
void cn_data_values(const cinch_data *data, size_t first, size_t count, double *values);

/* A feature as a message names it: column "width", column 3, or value 403 of an image. */
enum { CN_FEATURE_ROOM = 96 };
const char *cn_data_feature(const cinch_data *data, size_t feature, char room[CN_FEATURE_ROOM]);

/* Refuses a NaN or an infinity in rows [first, first + nrow), naming file, row (or line) and column;
 * `missing_is_fine` lets NaN pass. */
cinch_status cn_data_check(const cinch_data *data, size_t first, size_t nrow, bool missing_is_fine,
                           cinch_error *error);

/* CINCH_BAD_INPUT naming file, row (or line) and column of a value, and what is wrong with it. */
cinch_status cn_data_refuse(const cinch_data *data, size_t row, size_t feature, const char *what,
                            cinch_error *error);

/* CRC-32 of the stored values of rows [0, nrow): to see that data is the same, not to trust it. */
uint32_t cn_data_checksum(const cinch_data *data, size_t nrow);

/* Asks the memory for rows order[0..nrow), which are to be gathered soon. */
void cn_data_fetch(const cinch_data *data, const size_t *order, size_t nrow);

/* Gathers rows order[0..nrow) (NULL: first, first+1, ...) scaled: x[i][f] = (float)((value - offset) *
 * scale), in double until the end, a NaN as the scaler's fill. x is [nrow][stride]; real_size 4 or 8 says
 * whether x holds floats or doubles. A NULL scaler changes nothing. What lies between features and stride
 * is left alone. */
void cn_data_gather(const cinch_data *data, const cn_scaler *scaler, const size_t *order, size_t first,
                    size_t nrow, size_t stride, size_t real_size, void *x);

#endif
