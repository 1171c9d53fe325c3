/* The kernels along the rows of images (math/planes.h): rows placed elsewhere, pooled, and back. The includer
 * has included kernels_planes.h and says EVEN_PLACES, ODD_PLACES, LOWER_PLACES and UPPER_PLACES, the places
 * in two vectors that shuffles take.
 *
 * Where the processor has masks (LANES_MASKED) a vector takes any `count` of reals from a row; else it takes
 * LANES of them, and the last one of a row overlaps the one before where the row ends within it, so that a
 * row must have LANES at least. */

#ifdef LANES_MASKED
typedef LANES_MASKED masks;

enum { FEWEST = 1 };

CN_INLINE lanes load_some(const real *from, size_t count)
{
    return LANES_LOAD(LANES_FIRST(count), from);
}

CN_INLINE void store_some(real *to, lanes values, size_t count)
{
    LANES_STORE(to, LANES_FIRST(count), values);
}

#define GREATER(a, b) LANES_GREATER(a, b)
#define EQUAL(a, b)   LANES_EQUAL(a, b)

#define OVER_ROW(columns, j, count)                                                                          \
    for (size_t j = 0, count = smaller(columns, LANES); j < (columns);                                       \
         j += LANES, count = smaller((columns)-j, LANES))
#else
typedef __typeof__((lanes){0} > (lanes){0}) masks;

enum { FEWEST = LANES }; /* reals of a row that goes by vectors */

CN_INLINE lanes load_some(const real *from, size_t count)
{
    (void)count;
    return load_lanes(from);
}

CN_INLINE void store_some(real *to, lanes values, size_t count)
{
    (void)count;
    store_lanes(to, values);
}

#define GREATER(a, b) ((a) > (b))
#define EQUAL(a, b)   ((a) == (b))

#define OVER_ROW(columns, j, count)                                                                          \
    for (size_t j = 0, count = LANES; j < (columns);                                                         \
         j = j + LANES < (columns) && j + 2 * LANES > (columns) ? (columns)-LANES : j + LANES)
#endif

/* a where the mask is set, else b. */
CN_INLINE lanes where(masks mask, lanes a, lanes b)
{
#ifdef LANES_WHERE
    return LANES_WHERE(mask, a, b);
#else
    return (lanes)((mask & (masks)a) | (~mask & (masks)b));
#endif
}

/* ---- Placing ------------------------------------------------------------------------------------------- */

/* A plane's rows: of one vector, of more, or value by value. */
static void place_short(const cn_placement *p, const real *from, real add, real *to)
{
    const size_t columns = p->columns, from_row = p->from_row, to_row = p->to_row;
    for (size_t i = p->rows; i > 0; i--, from += from_row, to += to_row)
        store_some(to, load_some(from, columns) + add, columns);
}

/* `vectors` of them, the last one overlapping the one before. */
CN_INLINE void place_vectors(size_t vectors, const cn_placement *p, const real *from, real add, real *to)
{
    const size_t end = p->columns - LANES, from_row = p->from_row, to_row = p->to_row;
    for (size_t i = p->rows; i > 0; i--, from += from_row, to += to_row) {
        UNROLLED
        for (size_t v = 0; v + 1 < vectors; v++)
            store_lanes(to + v * LANES, load_lanes(from + v * LANES) + add);
        store_lanes(to + end, load_lanes(from + end) + add);
    }
}

static void place_two(const cn_placement *p, const real *from, real add, real *to)
{
    place_vectors(2, p, from, add, to);
}

static void place_four(const cn_placement *p, const real *from, real add, real *to)
{
    place_vectors(4, p, from, add, to);
}

static void place_long(const cn_placement *p, const real *from, real add, real *to)
{
    place_vectors((p->columns + LANES - 1) / LANES, p, from, add, to);
}

static void place_apart(const cn_placement *p, const real *from, real add, real *to)
{
    for (size_t i = 0; i < p->rows; i++, from += p->from_row, to += p->to_row)
        for (size_t j = 0; j < p->columns; j++)
            to[j * p->to_column] = from[j * p->from_column] + add;
}

static void place(const cn_placement *placement)
{
    const cn_placement p = *placement;
    const size_t vectors = (p.columns + LANES - 1) / LANES;
    void (*rows)(const cn_placement *p, const real *from, real add, real *to) = place_apart;
    if (p.from_column == 1 && p.to_column == 1 && p.columns >= FEWEST)
        rows = p.columns <= LANES ? place_short
               : vectors == 2     ? place_two
               : vectors == 4     ? place_four
                                  : place_long;
    for (size_t image = 0; image < p.images; image++)
        for (size_t plane = 0; plane < p.planes; plane++)
            rows(&p, (const real *)p.from + image * p.from_image + plane * p.from_plane,
                 p.add ? ((const real *)p.add)[plane] : 0,
                 (real *)p.to + image * p.to_image + plane * p.to_plane);
}

/* ---- Pooling ------------------------------------------------------------------------------------------- */

/* A window's rows or columns inside the large plane: from..to of `extent`. */
CN_INLINE void window_of(size_t place, size_t size, size_t before, size_t extent, size_t *from, size_t *to)
{
    const size_t start = place * size;
    *from = start > before ? start - before : 0;
    *to = smaller(start + size - before, extent);
}

/* Whether every window is whole and 2 x 2: then a row of them goes by vectors. */
static bool whole_pairs(const cn_pooling *p)
{
    return p->size == 2 && p->height == 2 * p->small_height && p->width == 2 * p->small_width &&
           p->small_width >= FEWEST;
}

#define SHUFFLED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

/* 2 * count reals as the even and the odd ones of them, and such two made one row again. */
CN_INLINE void load_pairs(const real *from, size_t count, lanes *even, lanes *odd)
{
    const size_t head = smaller(2 * count, LANES);
    const lanes a = load_some(from, head), b = load_some(from + LANES, 2 * count - head);
    *even = SHUFFLED(a, b, EVEN_PLACES);
    *odd = SHUFFLED(a, b, ODD_PLACES);
}

CN_INLINE void store_pairs(real *to, size_t count, lanes even, lanes odd)
{
    const size_t head = smaller(2 * count, LANES);
    store_some(to, SHUFFLED(even, odd, LOWER_PLACES), head);
    store_some(to + LANES, SHUFFLED(even, odd, UPPER_PLACES), 2 * count - head);
}

CN_INLINE void max_pairs(const real *upper, const real *lower, size_t count, real bias, real *y, real *which)
{
    const lanes zero = {0}, one = zero + 1, two = zero + 2, three = zero + 3;
    lanes a, b, c, d;
    load_pairs(upper, count, &a, &b);
    load_pairs(lower, count, &c, &d);
    const masks second = GREATER(b, a), fourth = GREATER(d, c);
    const lanes ab = where(second, b, a), cd = where(fourth, d, c);
    const masks below = GREATER(cd, ab);
    store_some(y, where(below, cd, ab) + bias, count);
    if (which)
        store_some(which, where(below, where(fourth, three, two), where(second, one, zero)), count);
}

static void max_row(size_t columns, const real *upper, const real *lower, real bias, real *y, real *which)
{
    if (which) {
        OVER_ROW(columns, j, count)
        max_pairs(upper + 2 * j, lower + 2 * j, count, bias, y + j, which + j);
    } else {
        OVER_ROW(columns, j, count)
        max_pairs(upper + 2 * j, lower + 2 * j, count, bias, y + j, NULL);
    }
}

static void spread_row(size_t columns, const real *dy, const real *which, real *upper, real *lower)
{
    const lanes zero = {0};
    OVER_ROW(columns, j, count)
    {
        const lanes slope = load_some(dy + j, count), place = load_some(which + j, count);
        store_pairs(upper + 2 * j, count, where(EQUAL(place, zero), slope, zero),
                    where(EQUAL(place, zero + 1), slope, zero));
        store_pairs(lower + 2 * j, count, where(EQUAL(place, zero + 2), slope, zero),
                    where(EQUAL(place, zero + 3), slope, zero));
    }
}

static void repeat_row(size_t columns, const real *x, real factor, real *upper, real *lower)
{
    OVER_ROW(columns, j, count)
    {
        const lanes value = load_some(x + j, count) * factor;
        store_pairs(upper + 2 * j, count, value, value);
        store_pairs(lower + 2 * j, count, value, value);
    }
}

static void sum_row(size_t columns, const real *upper, const real *lower, real factor, real *y)
{
    OVER_ROW(columns, j, count)
    {
        lanes a, b, c, d;
        load_pairs(upper + 2 * j, count, &a, &b);
        load_pairs(lower + 2 * j, count, &c, &d);
        store_some(y + j, ((a + b) + (c + d)) * factor, count);
    }
}

/* y = the largest of each window, which[] (NULL: not wanted) its place there, counted along the rows: the
 * first one of equals. */
static void pool_max(const cn_pooling *p, const void *x, void *y, void *which)
{
    const real *plane = x;
    real *best = y;
    const bool pairs = whole_pairs(p);
    for (size_t c = 0; c < p->planes; c++, plane += p->large_plane)
        for (size_t i = 0; i < p->small_height; i++, best += p->small_width) {
            const real bias = p->bias ? ((const real *)p->bias)[c] : 0;
            real *place = which ? (real *)which + (best - (real *)y) : NULL;
            if (pairs) {
                const real *upper = plane + 2 * i * p->large_row;
                max_row(p->small_width, upper, upper + p->large_row, bias, best, place);
                continue;
            }
            size_t top, bottom, left, right;
            window_of(i, p->size, p->top, p->height, &top, &bottom);
            for (size_t j = 0; j < p->small_width; j++) {
                window_of(j, p->size, p->left, p->width, &left, &right);
                size_t row = top, column = left;
                for (size_t h = top; h < bottom; h++)
                    for (size_t w = left; w < right; w++)
                        if (plane[h * p->large_row + w] > plane[row * p->large_row + column]) {
                            row = h;
                            column = w;
                        }
                best[j] = plane[row * p->large_row + column] + bias;
                if (place)
                    place[j] =
                        (real)((row + p->top - i * p->size) * p->size + column + p->left - j * p->size);
            }
        }
}

/* dx = dy where the largest was, else 0. */
static void pool_max_backward(const cn_pooling *p, const void *dy, const void *which, void *dx)
{
    const real *slope = dy, *place = which;
    real *plane = dx;
    const bool pairs = whole_pairs(p);
    for (size_t c = 0; c < p->planes; c++, plane += p->large_plane) {
        for (size_t h = 0; !pairs && h < p->height; h++)
            memset(plane + h * p->large_row, 0, p->width * sizeof(real));
        for (size_t i = 0; i < p->small_height; i++, slope += p->small_width, place += p->small_width) {
            if (pairs) {
                real *upper = plane + 2 * i * p->large_row;
                spread_row(p->small_width, slope, place, upper, upper + p->large_row);
                continue;
            }
            for (size_t j = 0; j < p->small_width; j++) {
                const size_t k = (size_t)place[j];
                plane[(i * p->size + k / p->size - p->top) * p->large_row + j * p->size + k % p->size -
                      p->left] = slope[j];
            }
        }
    }
}

/* y = the sum of each window, or the mean of what lies inside. */
static void pool_sum(const cn_pooling *p, bool mean, const void *x, void *y)
{
    const real *plane = x;
    real *sums = y;
    const bool pairs = whole_pairs(p);
    for (size_t c = 0; c < p->planes; c++, plane += p->large_plane)
        for (size_t i = 0; i < p->small_height; i++, sums += p->small_width) {
            if (pairs) {
                const real *upper = plane + 2 * i * p->large_row;
                sum_row(p->small_width, upper, upper + p->large_row, mean ? (real)0.25 : 1, sums);
                continue;
            }
            size_t top, bottom, left, right;
            window_of(i, p->size, p->top, p->height, &top, &bottom);
            for (size_t j = 0; j < p->small_width; j++) {
                window_of(j, p->size, p->left, p->width, &left, &right);
                real sum = 0;
                for (size_t h = top; h < bottom; h++)
                    for (size_t w = left; w < right; w++)
                        sum += plane[h * p->large_row + w];
                sums[j] = mean ? sum / (real)((bottom - top) * (right - left)) : sum;
            }
        }
}

/* y = each small cell all over its window; with `mean` divided by the number of cells inside. */
static void pool_repeat(const cn_pooling *p, bool mean, const void *x, void *y)
{
    const real *cells = x;
    real *plane = y;
    const bool pairs = whole_pairs(p);
    for (size_t c = 0; c < p->planes; c++, plane += p->large_plane)
        for (size_t i = 0; i < p->small_height; i++, cells += p->small_width) {
            if (pairs) {
                real *upper = plane + 2 * i * p->large_row;
                repeat_row(p->small_width, cells, mean ? (real)0.25 : 1, upper, upper + p->large_row);
                continue;
            }
            size_t top, bottom, left, right;
            window_of(i, p->size, p->top, p->height, &top, &bottom);
            for (size_t j = 0; j < p->small_width; j++) {
                window_of(j, p->size, p->left, p->width, &left, &right);
                const real value = mean ? cells[j] / (real)((bottom - top) * (right - left)) : cells[j];
                for (size_t h = top; h < bottom; h++)
                    for (size_t w = left; w < right; w++)
                        plane[h * p->large_row + w] = value;
            }
        }
}

#define CN_KERNELS_POOLS                                                                                     \
    .place = place, .pool_max = pool_max, .pool_max_backward = pool_max_backward, .pool_sum = pool_sum,      \
    .pool_repeat = pool_repeat
