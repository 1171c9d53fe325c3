#include "bench/works/report.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench/works/peak.h"

/* ---- Cells --------------------------------------------------------------------------------------------- */

enum { CELL_ROOM = 64 };

/* What a line of the table says, as text. */
struct line {
    char work[CELL_ROOM], time[CELL_ROOM], rate[CELL_ROOM], share[CELL_ROOM], memory[CELL_ROOM];
    char one[CELL_ROOM], gain[CELL_ROOM];
    char peer[CELL_ROOM], peer_time[CELL_ROOM], peer_memory[CELL_ROOM], ratio[CELL_ROOM];
};

static void print_seconds(double seconds, char cell[CELL_ROOM])
{
    static const struct {
        double size;
        const char *name;
    } units[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}};
    size_t unit = seconds >= 1 ? 0 : seconds >= 1e-3 ? 1 : 2;
    double value = seconds / units[unit].size;
    int decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
    snprintf(cell, CELL_ROOM, "%.*f %s", decimals, value, units[unit].name);
}

static void print_memory(size_t nbytes, char cell[CELL_ROOM])
{
    snprintf(cell, CELL_ROOM, "%.0f MB", (double)nbytes / 1e6);
}

/* Of how many threads the peak is that a work is held against. */
static size_t threads_of(const bench_report *report, const bench_entry *entry)
{
    return entry->work->kind == WORK_ROW ? 1 : report->settings->threads;
}

static double rate_of(const bench_entry *entry)
{
    return 1e-9 * entry->operations / entry->many.seconds;
}

static double share_of(const bench_report *report, const bench_entry *entry)
{
    double peak = report->peaks[report->set][threads_of(report, entry) > 1];
    return peak > 0 ? rate_of(entry) / peak : 0;
}

static void fill_peer(const bench_entry *entry, struct line *line)
{
    size_t fastest = peers_fastest(entry->outcomes);
    bool failed = false, absent = true;
    for (size_t i = 0; i < NPEER; i++) {
        failed |= entry->outcomes[i].state == PEER_FAILED;
        absent &= entry->outcomes[i].state == PEER_ABSENT;
    }
    if (fastest == NPEER) {
        snprintf(line->peer, CELL_ROOM, "%s",
                 entry->work->kind == WORK_COLD ? "none"
                 : failed                       ? "failed"
                 : absent                       ? "not here"
                                                : "none");
        return;
    }
    const bench_measure *peer = &entry->outcomes[fastest].measure;
    snprintf(line->peer, CELL_ROOM, "%s", peers[fastest].name);
    print_seconds(peer->seconds, line->peer_time);
    print_memory(peer->peak_bytes, line->peer_memory);
    snprintf(line->ratio, CELL_ROOM, "%.2f", peer->seconds / entry->many.seconds);
}

static void fill(const bench_report *report, const bench_entry *entry, struct line *line)
{
    *line = (struct line){0};
    if (entry->work->kind == WORK_ROWS)
        snprintf(line->work, CELL_ROOM, "%zu %s", entry->many.rows, entry->work->title);
    else
        snprintf(line->work, CELL_ROOM, "%s", entry->work->title);
    print_seconds(entry->many.seconds, line->time);
    print_memory(entry->many.peak_bytes, line->memory);
    if (entry->operations > 0) {
        snprintf(line->rate, CELL_ROOM, "%.1f", rate_of(entry));
        snprintf(line->share, CELL_ROOM, "%.0f %%", 100 * share_of(report, entry));
    }
    if (entry->one.count) {
        print_seconds(entry->one.seconds, line->one);
        snprintf(line->gain, CELL_ROOM, "%.2f", entry->one.seconds / entry->many.seconds);
    }
    fill_peer(entry, line);
}

/* ---- What stands above and below ----------------------------------------------------------------------- */

/* Each sentence a line, `before` and `after` it. */
static void print_head(const bench_report *report, const char *before, const char *after)
{
    const bench_settings *settings = report->settings;
    printf("%s%s, %zu thread%s, kernels: %s.%s", before, report->processor, settings->threads,
           settings->threads == 1 ? "" : "s", peak_name(report->set), after);
    printf("%sPeak of multiply-adds, GFLOP/s on 1 thread and on %zu:", before, settings->threads);
    for (size_t set = 0; peak_name(set); set++)
        if (report->peaks[set][0] > 0)
            printf("%s %s %.0f and %.0f", set ? "," : "", peak_name(set), report->peaks[set][0],
                   report->peaks[set][1]);
    printf(".%s", after);
    printf("%sRows: %s, %s.%s", before, report->rows->name, report->rows->donut_source, after);
    printf("%sThe best of %zu epochs, in %zu turn%s.%s", before, settings->epochs * settings->rounds,
           settings->rounds, settings->rounds == 1 ? "" : "s", after);
    bool torch = peers_present(settings, "torch"), jax = peers_present(settings, "jax");
    if (!torch || !jax)
        printf("%sPeers that are not here (`make peers` makes their environments):%s%s%s.%s", before,
               torch ? "" : " PyTorch, ONNX Runtime", torch || jax ? "" : ",", jax ? "" : " JAX, Keras",
               after);
}

/* A peer's name with its version; NULL where it never ran. */
static const char *version_of(const bench_report *report, size_t peer)
{
    for (size_t i = 0; i < report->nentry; i++)
        if (report->entries[i].outcomes[peer].trial.count)
            return report->entries[i].outcomes[peer].version;
    return NULL;
}

static void print_foot(const bench_report *report, const char *before, const char *after)
{
    const char *between = "";
    printf("%sWhole commands, from start to end, per epoch: ", before);
    for (size_t i = 0; i < report->nentry; i++) {
        const bench_entry *entry = &report->entries[i];
        char cell[CELL_ROOM];
        if (!work_is_training(entry->work))
            continue;
        print_seconds(entry->many.whole, cell);
        printf("%s%s %s", between, entry->work->name, cell);
        between = ", ";
    }
    printf("%s.%s", *between ? "" : "none", after);
    between = "";
    for (size_t i = 0; i < NPEER; i++)
        if (version_of(report, i)) {
            printf("%s%s%s", *between ? "" : before,
                   *between ? between : "Peers, of whose short runs the fastest were taken: ",
                   version_of(report, i));
            between = ", ";
        }
    printf("%s%s", *between ? "." : "", *between ? after : "");
}

/* ---- Text and Markdown --------------------------------------------------------------------------------- */

static const char *const headings[] = {"work",   "time",         "GFLOP/s",  "of peak", "memory", "1 thread",
                                       "gained", "fastest peer", "its time", "memory",  "ratio"};
enum { NCOLUMN = sizeof headings / sizeof headings[0] };

static const char *cell_of(const struct line *line, size_t column)
{
    const char *const cells[NCOLUMN] = {line->work,      line->time,        line->rate, line->share,
                                        line->memory,    line->one,         line->gain, line->peer,
                                        line->peer_time, line->peer_memory, line->ratio};
    return cells[column];
}

/* Left-aligned words, right-aligned numbers; a µ is two bytes and one place. */
static void print_cell(const char *text, size_t column)
{
    static const int widths[NCOLUMN] = {-32, 9, 8, 8, 7, 9, 7, -20, 9, 8, 6};
    bool wide = strstr(text, "µ") != NULL;
    int width = widths[column];
    const char *gap = column == 7 ? "  " : column ? " " : "";
    printf("%s%*s", gap, width < 0 ? width - wide : width + wide, text);
}

void report_text(const bench_report *report)
{
    struct line line;
    print_head(report, "", "\n");
    printf("\n");
    for (size_t column = 0; column < NCOLUMN; column++)
        print_cell(headings[column], column);
    printf("\n");
    for (size_t i = 0; i < report->nentry; i++) {
        fill(report, &report->entries[i], &line);
        for (size_t column = 0; column < NCOLUMN; column++)
            print_cell(cell_of(&line, column), column);
        printf("\n");
    }
    printf("\n");
    print_foot(report, "", "\n");
}

void report_markdown(const bench_report *report)
{
    struct line line;
    print_head(report, "- ", "\n");
    printf("\n|");
    for (size_t column = 0; column < NCOLUMN; column++)
        printf(" %s |", headings[column]);
    printf("\n|");
    for (size_t column = 0; column < NCOLUMN; column++)
        printf("---|");
    for (size_t i = 0; i < report->nentry; i++) {
        fill(report, &report->entries[i], &line);
        printf("\n|");
        for (size_t column = 0; column < NCOLUMN; column++) {
            const char *cell = cell_of(&line, column);
            printf(" %s%s|", cell, *cell ? " " : "");
        }
    }
    printf("\n\n");
    print_foot(report, "- ", "\n");
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *count(size_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *measure_json(const bench_measure *measure)
{
    json_t *object = json_object();
    json_object_set_new(object, "seconds", number(measure->seconds));
    json_object_set_new(object, "measured", count(measure->count));
    json_object_set_new(object, "peak_bytes", count(measure->peak_bytes));
    json_object_set_new(object, "last_loss", number(measure->loss));
    return object;
}

static json_t *peers_json(const bench_entry *entry)
{
    json_t *list = json_array();
    for (size_t i = 0; i < NPEER; i++) {
        const bench_outcome *outcome = &entry->outcomes[i];
        if (!outcome->trial.count)
            continue;
        json_t *object = outcome->measure.count ? measure_json(&outcome->measure) : json_object();
        json_object_set_new(object, "name", json_string(peers[i].name));
        json_object_set_new(object, "version", json_string(outcome->version));
        json_object_set_new(object, "trial_seconds", number(outcome->trial.seconds));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *entry_json(const bench_report *report, const bench_entry *entry)
{
    size_t fastest = peers_fastest(entry->outcomes);
    json_t *object = measure_json(&entry->many);
    json_object_set_new(object, "name", json_string(entry->work->name));
    json_object_set_new(object, "rows", count(entry->many.rows));
    if (entry->many.whole > 0)
        json_object_set_new(object, "whole_seconds", number(entry->many.whole));
    if (entry->operations > 0) {
        json_object_set_new(object, "operations", number(entry->operations));
        json_object_set_new(object, "gflops", number(rate_of(entry)));
        json_object_set_new(object, "share_of_peak", number(share_of(report, entry)));
    }
    if (entry->one.count)
        json_object_set_new(object, "one_thread", measure_json(&entry->one));
    json_object_set_new(object, "peers", peers_json(entry));
    if (fastest < NPEER) {
        json_object_set_new(object, "fastest", json_string(peers[fastest].name));
        json_object_set_new(object, "ratio",
                            number(entry->outcomes[fastest].measure.seconds / entry->many.seconds));
    }
    return object;
}

void report_json(const bench_report *report)
{
    json_t *whole = json_object(), *peaks = json_object(), *list = json_array();
    for (size_t set = 0; peak_name(set); set++)
        if (report->peaks[set][0] > 0)
            json_object_set_new(peaks, peak_name(set),
                                json_pack("[f, f]", report->peaks[set][0], report->peaks[set][1]));
    for (size_t i = 0; i < report->nentry; i++)
        json_array_append_new(list, entry_json(report, &report->entries[i]));
    json_object_set_new(whole, "cinch", json_string(CINCH_VERSION));
    json_object_set_new(whole, "processor", json_string(report->processor));
    json_object_set_new(whole, "threads", count(report->settings->threads));
    json_object_set_new(whole, "kernels", json_string(peak_name(report->set)));
    json_object_set_new(whole, "peak_gflops", peaks);
    json_object_set_new(whole, "data", json_string(report->rows->name));
    json_object_set_new(whole, "donut", json_string(report->rows->donut_source));
    json_object_set_new(whole, "works", list);
    json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(whole);
}
