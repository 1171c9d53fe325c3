/* What a training says while it goes on: a bar that redraws itself on a terminal, and a line an epoch. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

void cn_progress_init(cn_progress *progress, bool quiet, size_t log_every, volatile sig_atomic_t *stop)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    bool terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    *progress = (cn_progress){
        .quiet = quiet,
        .terminal = terminal,
        .colour = terminal && (!no_colour || !*no_colour),
        .log_every = log_every ? log_every : 1,
        .stop = stop,
    };
}

static void take_away_bar(cn_progress *progress)
{
    if (progress->bar)
        fputs("\r\033[K", stderr);
    progress->bar = false;
}

void cn_progress_note(const char *line, void *user)
{
    cn_progress *progress = user;
    if (progress->quiet)
        return;
    take_away_bar(progress);
    cn_print_escaped(stderr, line);
    putc('\n', stderr);
}

/* ---- The bar ------------------------------------------------------------------------------------------- */

static size_t terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void format_time(double seconds, char *text, size_t room)
{
    if (!(seconds >= 0 && seconds < 1e8)) {
        snprintf(text, room, "-:--");
        return;
    }
    unsigned long whole = (unsigned long)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(text, room, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, room, "%lu:%02lu", whole / 60, whole % 60);
}

/* Whether a twentieth of a second has gone by: epochs may end thousands of times in one. */
static bool is_time_to_draw(cn_progress *progress)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    double seconds = (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
    if (progress->bar && seconds < progress->next_draw)
        return false;
    progress->next_draw = seconds + 0.05;
    return true;
}

/* The share of the whole training that is done, as a bar; then the loss so far, the speed, the time left. */
static void draw_bar(cn_progress *progress, const cinch_progress *now)
{
    enum { WIDTH = 20 };
    if (!is_time_to_draw(progress))
        return;
    double within = now->rows ? (double)now->row / (double)now->rows : 0;
    double share = now->epochs ? ((double)now->epoch + within) / (double)now->epochs : 1;
    share = share < 1 ? share : 1;
    size_t full = (size_t)(share * WIDTH);
    char bar[WIDTH + 1];
    memset(bar, '=', full);
    if (full < WIDTH) {
        memset(bar + full, ' ', WIDTH - full);
        bar[full] = '>';
    }
    bar[WIDTH] = '\0';

    char left[32], rest[128];
    format_time(now->seconds_left, left, sizeof left);
    snprintf(rest, sizeof rest, " %s%s%3.0f %%  epoch %zu  loss %.5g  %.0f rows/s  %s left",
             now->stage ? now->stage : "", now->stage ? " " : "", 100 * share, now->epoch, now->loss,
             now->rows_per_second, left);
    size_t columns = terminal_columns(), taken = WIDTH + 3;
    int room = columns > taken ? (int)(columns - taken) : 0;
    fprintf(stderr, "\r%s[%s]%s%.*s\033[K", progress->colour ? "\033[32m" : "", bar,
            progress->colour ? "\033[0m" : "", room, rest);
    progress->bar = true;
}

/* ---- The lines ----------------------------------------------------------------------------------------- */

static void print_epoch(cn_progress *progress, size_t number, const cinch_epoch *epoch)
{
    progress->any_passed = false;
    take_away_bar(progress);
    fprintf(stderr, "%s%sepoch %zu  loss %.6g", progress->stage, *progress->stage ? "  " : "", number,
            epoch->train_loss);
    if (epoch->train_reconstruction < epoch->train_loss || epoch->train_reconstruction > epoch->train_loss)
        fprintf(stderr, "  reconstruction %.6g", epoch->train_reconstruction);
    if (!isnan(epoch->validation_loss))
        fprintf(stderr, "  validation %.6g", epoch->validation_loss);
    fprintf(stderr, "  %.3g s\n", epoch->seconds);
}

/* An epoch that is passed over is kept: it may turn out to be the last one. */
static void pass_over(cn_progress *progress, const cinch_progress *now)
{
    progress->passed = *now->ended;
    progress->passed_epoch = now->epoch;
    progress->any_passed = true;
}

/* A stage's last epoch has its line, too. */
static void enter_stage(cn_progress *progress, const char *stage)
{
    if (strcmp(stage, progress->stage) == 0)
        return;
    if (progress->any_passed)
        print_epoch(progress, progress->passed_epoch, &progress->passed);
    snprintf(progress->stage, sizeof progress->stage, "%s", stage);
}

bool cn_progress_show(const cinch_progress *now, void *user)
{
    cn_progress *progress = user;
    if (!progress->quiet) {
        enter_stage(progress, now->stage ? now->stage : "");
        bool printed = now->ended && now->epoch % progress->log_every == 0;
        if (printed)
            print_epoch(progress, now->epoch, now->ended);
        else if (now->ended)
            pass_over(progress, now);
        if (!printed && progress->terminal)
            draw_bar(progress, now);
        fflush(stderr);
    }
    return !*progress->stop;
}

void cn_progress_finish(cn_progress *progress)
{
    if (progress->any_passed)
        print_epoch(progress, progress->passed_epoch, &progress->passed);
    take_away_bar(progress);
}
