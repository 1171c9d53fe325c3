/* The loops of concrete.c in one precision: the includer defines `real` and NAMED(name). */

/* Over `count` columns, 16 unless they are the last: the logits with their noise, and the largest of them. */
CN_INLINE void NAMED(perturb)(size_t count, const real *logits, const uint32_t *words, real inverse,
                              real *out, real *most)
{
    CN_INDEPENDENT
    for (size_t t = 0; t < count; t++) {
        const real u = ((real)(int32_t)(words[t] >> 9) + (real)0.5) * (real)0x1p-23;
        const real gumbel = -CN_LOG(-CN_LOG(u));
        out[t] = (logits[t] + gumbel) * inverse;
        most[t] = CN_MAX(most[t], out[t]);
    }
}

/* e^(a - most), their sums by lanes, and those of their products with x. */
CN_INLINE void NAMED(mix)(size_t count, real most, const real *x, real *mixture, real *sums, real *products)
{
    CN_INDEPENDENT
    for (size_t t = 0; t < count; t++) {
        const real size = CN_EXP_NEGATIVE(mixture[t] - most);
        mixture[t] = size;
        sums[t] += size;
        products[t] += size * x[t];
    }
}

/* Lanes added in a tree of halves. */
CN_INLINE real NAMED(sum_lanes)(real lanes[CN_STRIP])
{
    for (size_t half = CN_STRIP / 2; half > 0; half /= 2)
        for (size_t t = 0; t < half; t++)
            lanes[t] += lanes[t + half];
    return lanes[0];
}

CN_INLINE real NAMED(perturb_all)(const cn_concrete *concrete, const cn_random *random, size_t unit,
                                  real *mixture)
{
    const size_t in = concrete->in, strips = (in + DRAWS - 1) / DRAWS;
    const real *logits = (const real *)concrete->logits + unit * in,
               inverse = (real)(1 / concrete->temperature);
    real most[CN_STRIP];
    for (size_t t = 0; t < CN_STRIP; t++)
        most[t] = (real)-INFINITY;
    for (size_t strip = 0; strip < strips; strip++) {
        uint32_t words[DRAWS];
        draw_strip(random, (uint32_t)((unit * strips + strip) * BLOCKS), words);
        for (size_t t = 0, j = strip * DRAWS; t < DRAWS && j < in; t += CN_STRIP, j += CN_STRIP) {
            if (in - j >= CN_STRIP)
                NAMED(perturb)(CN_STRIP, logits + j, words + t, inverse, mixture + j, most);
            else
                NAMED(perturb)(in - j, logits + j, words + t, inverse, mixture + j, most);
        }
    }
    real largest = most[0];
    for (size_t t = 1; t < CN_STRIP; t++)
        largest = CN_MAX(largest, most[t]);
    return largest;
}

CN_CLONES static void NAMED(row)(const cn_concrete *concrete, const cn_random *random, const void *row_x,
                                 void *mixtures, void *row_y)
{
    const size_t in = concrete->in, whole = in / CN_STRIP * CN_STRIP, stride = cn_concrete_stride(in);
    const real *x = row_x;
    for (size_t unit = 0; unit < concrete->units; unit++) {
        real *mixture = (real *)mixtures + unit * stride, sums[CN_STRIP] = {0}, products[CN_STRIP] = {0};
        const real most = NAMED(perturb_all)(concrete, random, unit, mixture);
        for (size_t j = 0; j < whole; j += CN_STRIP)
            NAMED(mix)(CN_STRIP, most, x + j, mixture + j, sums, products);
        NAMED(mix)(in - whole, most, x + whole, mixture + whole, sums, products);
        const real inverse = 1 / NAMED(sum_lanes)(sums);
        ((real *)row_y)[unit] = NAMED(sum_lanes)(products) * inverse;
        CN_INDEPENDENT
        for (size_t j = 0; j < in; j++)
            mixture[j] *= inverse;
    }
}

/* One block of rows, added in order. */
CN_INLINE void NAMED(add_rows)(const cn_concrete_batch *batch, size_t first, size_t end, size_t unit,
                               size_t at, size_t column, real inverse, size_t count, real *sums)
{
    for (size_t r = first; r < end; r++) {
        const real *mixture = (const real *)batch->mixtures + r * batch->mixtures_stride + at;
        const real *x = (const real *)batch->x + r * batch->x_stride + column;
        const real y = ((const real *)batch->y)[r * batch->y_stride + unit];
        const real factor = ((const real *)batch->dy)[r * batch->y_stride + unit] * inverse;
        CN_INDEPENDENT
        for (size_t t = 0; t < count; t++)
            sums[t] += factor * mixture[t] * (x[t] - y);
    }
}

/* Logits [column, column + count) of one unit, at most DRAWS of them. */
CN_CLONES static void NAMED(add_piece)(const cn_concrete *concrete, const cn_concrete_batch *batch,
                                       size_t unit, size_t column, size_t count, bool accumulate,
                                       real *gradient)
{
    real levels[CN_TREE_LEVELS + 1][DRAWS];
    const real inverse = (real)(1 / concrete->temperature);
    const size_t at = unit * cn_concrete_stride(concrete->in) + column;
    size_t depth = 0;
    for (size_t first = 0; first == 0 || first < batch->rows; first += CN_BLOCK_ROWS) {
        const size_t left = batch->rows - first, end = first + (left < CN_BLOCK_ROWS ? left : CN_BLOCK_ROWS);
        memset(levels[depth], 0, sizeof levels[depth]);
        if (count == DRAWS)
            NAMED(add_rows)(batch, first, end, unit, at, column, inverse, DRAWS, levels[depth]);
        else
            NAMED(add_rows)(batch, first, end, unit, at, column, inverse, count, levels[depth]);
        depth++;
        for (size_t merges = cn_tree_merges(first / CN_BLOCK_ROWS); merges > 0; merges--, depth--)
            for (size_t t = 0; t < DRAWS; t++)
                levels[depth - 2][t] += levels[depth - 1][t];
    }
    for (; depth > 1; depth--)
        for (size_t t = 0; t < DRAWS; t++)
            levels[depth - 2][t] += levels[depth - 1][t];
    for (size_t t = 0; t < count; t++)
        gradient[t] = accumulate ? gradient[t] + levels[0][t] : levels[0][t];
}

static void NAMED(gradient)(const cn_concrete *concrete, const cn_concrete_batch *batch, size_t first,
                            size_t count, bool accumulate, void *reals)
{
    real *gradient = reals;
    while (count > 0) {
        const size_t unit = first / concrete->in, column = first % concrete->in;
        size_t piece = concrete->in - column < count ? concrete->in - column : count;
        piece = piece < DRAWS ? piece : DRAWS;
        if (unit < concrete->units)
            NAMED(add_piece)(concrete, batch, unit, column, piece, accumulate, gradient);
        else if (!accumulate)
            memset(gradient, 0, piece * sizeof *gradient);
        first += piece;
        count -= piece;
        gradient += piece;
    }
}

static size_t NAMED(choice)(size_t in, const void *reals)
{
    const real *logits = reals;
    size_t largest = 0;
    for (size_t j = 1; j < in; j++)
        if (logits[j] > logits[largest])
            largest = j;
    return largest;
}
