/* The product of one row. Nothing but its panels' way from the cache and the chain of each sum takes time
 * then, so what is 0 in the row is left out, as most of a drawing is and half of what relu gives: a sum that
 * begins at 0 has the same bits without it, the weights being finite. The includer has said `lanes`, LANES
 * and LANES_SCALED (kernels_planes.h). */

#ifdef MANY_REGISTERS
enum { ROW_PANELS = 8 };
#define ROW_TILES(X) X(1) X(2) X(4) X(8)
#else
enum { ROW_PANELS = 4 };
#define ROW_TILES(X) X(1) X(2) X(4)
#endif

/* Values of a row that are not 0, and their places; with room for a vector of others behind them. */
enum { LISTED = 768 };
typedef struct row_list {
    size_t count;
    int32_t places[LISTED + CN_PANEL];
    real values[LISTED + CN_PANEL];
} row_list;

#ifdef LANES_PACKED
static void list_values(const real *x, size_t count, row_list *list)
{
    size_t n = 0;
    for (size_t k = 0; k < count; k += LANES)
        n += LANES_PACKED(x + k, count - k, (int32_t)k, list->values + n, list->places + n);
    list->count = n;
}
#else
/* Most of what is blank is so for long. */
CN_INLINE bool blank(const real *values)
{
    uint64_t bits[8 * sizeof(real) / sizeof(uint64_t)], any = 0;
    memcpy(bits, values, sizeof bits);
    UNROLLED
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        any |= bits[i];
    return any == 0;
}

static void list_values(const real *x, size_t count, row_list *list)
{
    size_t n = 0, k = 0;
    while (k < count) {
        const size_t end = smaller(k + 8, count);
        if (end - k == 8 && blank(x + k))
            k = end;
        for (; k < end; k++) {
            list->places[n] = (int32_t)k;
            list->values[n] = x[k];
            n += x[k] != 0;
        }
    }
    list->count = n;
}
#endif

/* Of `panels` panels side by side, panel_size reals apart, for columns j < 16 of each:
 * out[j] = (out[j] +) sum over the listed k of x[k] * panel[k][j], + bias[j]. */
CN_INLINE void row_tile(size_t panels, const row_list *list, const real *panel, size_t panel_size, bool more,
                        const real *bias, real *out)
{
    enum { PARTS_OF_PANEL = COLUMNS / LANES };
    lanes sums[ROW_PANELS * PARTS_OF_PANEL];
    UNROLLED
    for (size_t v = 0; v < panels * PARTS_OF_PANEL; v++)
        sums[v] = more ? *(const lanes *)(out + v * LANES) : (lanes){0};
    for (size_t i = 0; i < list->count; i++) {
        const real *row = panel + (size_t)list->places[i] * COLUMNS;
        UNROLLED
        for (size_t v = 0; v < panels * PARTS_OF_PANEL; v++)
            sums[v] = LANES_SCALED(
                list->values[i],
                *(const lanes *)(row + v / PARTS_OF_PANEL * panel_size + v % PARTS_OF_PANEL * LANES),
                sums[v]);
    }
    UNROLLED
    for (size_t v = 0; v < panels * PARTS_OF_PANEL; v++)
        *(lanes *)(out + v * LANES) = sums[v] + (bias ? *(const lanes *)(bias + v * LANES) : (lanes){0});
}

#define ROW_TILE(panels)                                                                                     \
    static void row_tile_##panels(const row_list *list, const real *panel, size_t panel_size, bool more,     \
                                  const real *bias, real *out)                                               \
    {                                                                                                        \
        row_tile(panels, list, panel, panel_size, more, bias, out);                                          \
    }
ROW_TILES(ROW_TILE)

#define ROW_TILE_NAME(panels) [panels] = row_tile_##panels,
static void (*const row_tiles[ROW_PANELS + 1])(const row_list *list, const real *panel, size_t panel_size,
                                               bool more, const real *bias,
                                               real *out) = {ROW_TILES(ROW_TILE_NAME)};

/* Values first, first + 1, ... of the row: one tile after the other, wide ones while there are panels. */
static void product_listed(const cn_product *p, const row_list *list, size_t first, bool last)
{
    real *sums = p->z ? p->z : p->y;
    size_t panels = ROW_PANELS;
    for (size_t j = 0; j < p->out; j += panels * COLUMNS) {
        while (panels > 1 && j + (panels - 1) * COLUMNS >= p->out)
            panels /= 2;
        row_tiles[panels](list, (const real *)p->panels + j * p->in + first * COLUMNS, p->in * COLUMNS,
                          first > 0, p->bias && last ? (const real *)p->bias + j : NULL, sums + j);
        if (last && (p->z || p->activation != CN_LINEAR))
            value_strips[p->activation](panels, COLUMNS, sums + j, (real *)p->y + j);
    }
}

static void product_row(const cn_product *p)
{
    row_list list;
    for (size_t first = 0; first == 0 || first < p->in; first += LISTED) {
        const size_t count = smaller(p->in - first, LISTED);
        list_values((const real *)p->x + first, count, &list);
        product_listed(p, &list, first, p->in - first <= LISTED);
    }
}
