/* The data word `donut`, made rather than read: what the file of that name looks like. */
#ifndef CN_DATA_DONUT_H
#define CN_DATA_DONUT_H

#include "format/format.h"

/* 9,000 rows of float64, the same in every run: x, y, x again with noise, that with noise again, and the
 * row's ring, 0 (inner) in the first half, 1 (outer) in the second. */
cinch_status cn_donut_make(cn_array *array, cinch_error *error);

#endif
