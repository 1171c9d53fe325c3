/* Two rings about the origin, radii normal(5, 1) and normal(10, 1), angles uniform; columns 2 and 3 are
 * column 0 again, each with noise of variance 0.1 of its own, so that both hang on the first and,
 * through it, on one another. A row's draws are keyed by its number. */
#include "data/donut.h"

#include <math.h>

#include "base/memory.h"
#include "base/random.h"

enum { ROWS = 9000, COLUMNS = 5, SEED = 1 };
enum { ANGLE, RADIUS, THIRD, FOURTH }; /* places in a row's stream: a uniform number, then normal ones */

static void make_row(size_t row, double values[COLUMNS])
{
    const double two_pi = 6.283185307179586476925, spread = sqrt(0.1);
    size_t ring = row >= ROWS / 2;
    cn_random random = cn_random_at(SEED, CN_DRAW_DATA, 0, 0, row);
    double angle = two_pi * cn_random_uniform(&random, ANGLE);
    double radius = 5 * (double)(1 + ring) + cn_random_normal(&random, RADIUS);
    values[0] = radius * cos(angle);
    values[1] = radius * sin(angle);
    values[2] = values[0] + spread * cn_random_normal(&random, THIRD);
    values[3] = values[0] + spread * cn_random_normal(&random, FOURTH);
    values[4] = (double)ring;
}

cinch_status cn_donut_make(cn_array *array, cinch_error *error)
{
    double *values = cn_new((size_t)ROWS * COLUMNS, sizeof *values, error);
    if (!values)
        return CINCH_MEMORY;
    for (size_t row = 0; row < ROWS; row++)
        make_row(row, values + row * COLUMNS);
    *array = (cn_array){.type = CINCH_F64, .shape = {2, {ROWS, COLUMNS}}, .values = values};
    return CINCH_OK;
}
