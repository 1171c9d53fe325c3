/* Draws the sweep: how many times as fast as PyTorch each net is trained, over the arithmetic of a step; the
 * worst five have their names. draw_sweep RESULTS PICTURE..., the pictures' endings .png, .svg or .pdf;
 * RESULTS is what bench/sweep.py wrote. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/chart.h"

enum { MOST_NETS = 512, WORST = 5, HEIGHT = 625, PLOT_HEIGHT = 380, NAMES_LINE = 19 };
enum { DENSE, CONV, NKIND }; /* a kind's number is its colour's too */

static const char *const kinds[NKIND] = {"dense", "conv"};
static const double lines[] = {0.9, 3}; /* what each net and their geometric mean must reach */

typedef struct net {
    size_t number, kind;
    double work, ratio; /* multiplications and additions of a step; PyTorch's time over ours */
    char title[128];
} net;

typedef struct sweep {
    net nets[MOST_NETS]; /* the worst first */
    size_t count;
} sweep;

/* ---- Reading --------------------------------------------------------------------------------------- */

static void stop(const char *what, const char *why)
{
    fprintf(stderr, "draw_sweep: %s: %s\n", what, why);
    exit(1);
}

/* Words and numbers that are not there, or no words and numbers, are "" and 0. */
static net read_net(const char *line, const char *path)
{
    json_t *root = json_loads(line, 0, NULL);
    const char *kind = json_string_value(json_object_get(root, "kind"));
    const char *title = json_string_value(json_object_get(root, "title"));
    net read = {.number = (size_t)json_integer_value(json_object_get(root, "net")),
                .work = json_number_value(json_object_get(root, "work")),
                .ratio = json_number_value(json_object_get(root, "ratio"))};
    while (kind && read.kind < NKIND && strcmp(kind, kinds[read.kind]) != 0)
        read.kind++;
    if (!kind || read.kind == NKIND || !(read.work > 0) || !(read.ratio > 0))
        stop(path, "a line is not of bench/sweep.py");
    snprintf(read.title, sizeof read.title, "%s", title ? title : "");
    json_decref(root);
    return read;
}

static int compare(const void *a, const void *b)
{
    const net *one = a, *other = b;
    return (one->ratio > other->ratio) - (one->ratio < other->ratio);
}

static void read_sweep(sweep *all, const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        stop(path, "cannot be read");
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, file) > 0 && all->count < MOST_NETS)
        all->nets[all->count++] = read_net(line, path);
    free(line);
    fclose(file);
    if (all->count == 0)
        stop(path, "there is no net in it");
    qsort(all->nets, all->count, sizeof *all->nets, compare);
}

/* The geometric mean of the ratios of a kind (NKIND: of all), and how many there are. */
static double mean_ratio(const sweep *all, size_t kind, size_t *count)
{
    double sum = 0;
    *count = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (kind != NKIND && all->nets[i].kind != kind)
            continue;
        sum += log(all->nets[i].ratio);
        ++*count;
    }
    return *count > 0 ? exp(sum / (double)*count) : 0;
}

/* ---- Drawing --------------------------------------------------------------------------------------- */

static double megaflop(const net *of)
{
    return of->work / 1e6;
}

static cn_chart make_chart(cn_canvas *canvas, const sweep *all)
{
    cn_chart chart = {.canvas = canvas,
                      .x = 80,
                      .y = CN_TITLE_HEIGHT + 20,
                      .width = CN_PAGE_WIDTH - 80 - CN_MARGIN,
                      .height = PLOT_HEIGHT,
                      .across = {.low = megaflop(&all->nets[0]),
                                 .high = megaflop(&all->nets[0]),
                                 .logarithmic = true,
                                 .title = "multiplications and additions of a step, in millions"},
                      .up = {.low = fmin(lines[0], all->nets[0].ratio),
                             .high = fmax(lines[1], all->nets[all->count - 1].ratio),
                             .logarithmic = true,
                             .title = "PyTorch's time / Cinch's"}};
    for (size_t i = 1; i < all->count; i++) {
        chart.across.low = fmin(chart.across.low, megaflop(&all->nets[i]));
        chart.across.high = fmax(chart.across.high, megaflop(&all->nets[i]));
    }
    cn_axis_widen(&chart.across, 0.03);
    cn_axis_widen(&chart.up, 0.05);
    return chart;
}

static void draw_lines(const cn_chart *chart)
{
    char text[16];
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        double y = cn_chart_y(chart, lines[i]), right = chart->x + chart->width;
        cn_canvas_segment(chart->canvas, chart->x, y, right, y, 1.25, true, CN_PALE);
        snprintf(text, sizeof text, "%g", lines[i]);
        cn_canvas_text(chart->canvas, CN_TEXT_SMALL, CN_RIGHT, right - 4, y - 4, 60, text);
    }
}

static void draw_keys(const cn_chart *chart, const sweep *all)
{
    char text[96];
    size_t count;
    double x = chart->x;
    for (size_t kind = 0; kind < NKIND; kind++) {
        double mean = mean_ratio(all, kind, &count);
        snprintf(text, sizeof text, "%s: %zu nets, geometric mean %.3g", kinds[kind], count, mean);
        cn_canvas_mark(chart->canvas, x + 5, chart->y - 12, 4, kind, 1);
        x += 14 + cn_canvas_text(chart->canvas, CN_TEXT_LABEL, CN_LEFT, x + 14, chart->y - 8, 300, text) + 22;
    }
}

static void draw_points(const cn_chart *chart, const sweep *all)
{
    for (size_t i = all->count; i-- > 0;)
        cn_canvas_mark(chart->canvas, cn_chart_x(chart, megaflop(&all->nets[i])),
                       cn_chart_y(chart, all->nets[i].ratio), 3.5, all->nets[i].kind, 0.75);
}

/* A letter beside each of the worst, and their names under the plot. */
static void draw_worst(const cn_chart *chart, const sweep *all)
{
    double y = chart->y + chart->height + 62;
    char text[192];
    for (size_t i = 0; i < WORST && i < all->count; i++, y += NAMES_LINE) {
        const net *of = &all->nets[i];
        double px = cn_chart_x(chart, megaflop(of)), py = cn_chart_y(chart, of->ratio);
        chart->canvas->painter->ring(chart->canvas->page, px, py, 5.5, 1.25, CN_INK);
        snprintf(text, sizeof text, "%c", (int)('a' + i));
        cn_canvas_text(chart->canvas, CN_TEXT_HEADING, CN_RIGHT, px - 8, py + 4, 20, text);
        cn_canvas_text(chart->canvas, CN_TEXT_HEADING, CN_LEFT, CN_MARGIN, y, 20, text);
        snprintf(text, sizeof text, "%.2f", of->ratio);
        cn_canvas_text(chart->canvas, CN_TEXT_LABEL, CN_RIGHT, CN_MARGIN + 44, y, 40, text);
        snprintf(text, sizeof text, "net %zu, %s %s", of->number, kinds[of->kind], of->title);
        cn_canvas_text(chart->canvas, CN_TEXT_LABEL, CN_LEFT, CN_MARGIN + 56, y,
                       CN_PAGE_WIDTH - 2 * CN_MARGIN - 56, text);
    }
}

static void draw(cn_canvas *canvas, const sweep *all)
{
    char line[128];
    size_t count;
    double mean = mean_ratio(all, NKIND, &count);
    snprintf(line, sizeof line, "%zu nets trained, two threads each; geometric mean %.3g, least %.2f", count,
             mean, all->nets[0].ratio);
    cn_canvas_title(canvas, "Cinch beside PyTorch", line);
    cn_chart chart = make_chart(canvas, all);
    cn_chart_draw(&chart);
    draw_lines(&chart);
    draw_keys(&chart, all);
    draw_points(&chart, all);
    draw_worst(&chart, all);
}

/* ---- Writing --------------------------------------------------------------------------------------- */

static cn_picture picture_of(const char *path)
{
    static const char *const endings[] = {[CN_PNG] = ".png", [CN_SVG] = ".svg", [CN_PDF] = ".pdf"};
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending && i < sizeof endings / sizeof *endings; i++)
        if (strcmp(ending, endings[i]) == 0)
            return (cn_picture)i;
    stop(path, "its ending is not .png, .svg or .pdf");
    return CN_PNG;
}

static void write_picture(const sweep *all, const char *path)
{
    cn_canvas canvas;
    cinch_error error = {0};
    cn_canvas_init(&canvas, picture_of(path));
    cinch_status status = cn_canvas_open(&canvas, CN_PAGE_WIDTH, HEIGHT, &error);
    if (!status) {
        draw(&canvas, all);
        status = cn_canvas_close(&canvas, &error);
    }
    if (!status)
        status = cn_file_write(path, &canvas.bytes, 1, &error);
    cn_canvas_clear(&canvas);
    if (status)
        stop(path, error.message);
}

int main(int argc, char **argv)
{
    static sweep all;
    if (argc < 3) {
        fprintf(stderr, "usage: draw_sweep RESULTS PICTURE...\n");
        return 2;
    }
    read_sweep(&all, argv[1]);
    for (int i = 2; i < argc; i++)
        write_picture(&all, argv[i]);
    return 0;
}
