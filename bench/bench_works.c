/* bench_works [OPTION]... [WORK]...: how fast Cinch does the works of bench/works/work.c, beside the peers
 * whose environments are there: the same works in turn, ours, theirs, ours, theirs, the best of each. Called
 * in the checkout by `make bench`, which has built what it runs. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/works/child.h"
#include "bench/works/ours.h"
#include "bench/works/peak.h"
#include "bench/works/report.h"

static const char usage[] =
    "bench_works [OPTION]... [WORK]...: what Cinch takes for its works (all of them), beside its peers\n"
    "  --epochs N     epochs of a turn (5); a call or a short run counts as one or more\n"
    "  --rounds N     turns, in which ours and theirs alternate (2)\n"
    "  --seconds S    a peer's turn ends after so many, but not before two epochs (60)\n"
    "  --threads N    for all (CINCH_THREADS, else 2)\n"
    "  --limit N      the first N training rows (all)\n"
    "  --quick        one turn of two epochs\n"
    "  --peers DIR    the folder of the peers' environments (scripts/peers --where); none: without\n"
    "  --folder DIR   where runs and logs go (build/bench)\n"
    "  --cinch FILE   the command (CINCH, else build/cinch)\n"
    "  --json         one object\n"
    "  --markdown     the table as Markdown\n";

typedef void print_report(const bench_report *report);

static int complain(const char *what, const char *name)
{
    fprintf(stderr, "bench_works: %s \"%s\"\n%s", what, name, usage);
    return CINCH_USAGE;
}

/* ---- What is asked ------------------------------------------------------------------------------------- */

/* A whole number of at least `least`. */
static bool read_count(const char *text, size_t least, size_t *count)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < least || value > 1000000000)
        return false;
    *count = (size_t)value;
    return true;
}

static size_t usual_threads(void)
{
    size_t threads = 2, most = child_processors();
    const char *asked = getenv("CINCH_THREADS");
    if (asked && read_count(asked, 1, &threads))
        return threads;
    return threads < most ? threads : most;
}

/* The folder that `scripts/peers --where` prints. */
static const char *usual_peers(size_t threads, char folder[PATH_ROOM])
{
    bench_child child = {.threads = threads, .output = folder, .noutput = PATH_ROOM};
    child_run((char *[]){"scripts/peers", "--where", NULL}, &child);
    folder[strcspn(folder, "\n")] = '\0';
    return child.status == 0 ? folder : NULL;
}

/* The program that does nothing lies beside this one. */
static void place_nothing(const char *self, char path[PATH_ROOM])
{
    const char *slash = strrchr(self, '/');
    snprintf(path, PATH_ROOM, "%.*s/bench_nothing", slash ? (int)(slash - self) : 1, slash ? self : ".");
}

static int read_options(int argc, char **argv, bench_settings *settings, print_report **print)
{
    const struct {
        const char *name;
        size_t *count; /* takes a number of at least `least`, */
        size_t least;
        const char **text; /* or a word; none is a flag */
    } known[] = {
        {"epochs", &settings->epochs, 1, NULL},
        {"rounds", &settings->rounds, 1, NULL},
        {"seconds", &settings->seconds, 0, NULL},
        {"threads", &settings->threads, 1, NULL},
        {"limit", &settings->limit, 0, NULL},
        {"peers", NULL, 0, &settings->peers},
        {"folder", NULL, 0, &settings->folder},
        {"cinch", NULL, 0, &settings->cinch},
        {"quick", NULL, 0, NULL},
        {"json", NULL, 0, NULL},
        {"markdown", NULL, 0, NULL},
        {"help", NULL, 0, NULL},
    };
    enum { NKNOWN = sizeof known / sizeof known[0] };
    struct option options[NKNOWN + 1] = {0};
    for (size_t i = 0; i < NKNOWN; i++)
        options[i] = (struct option){.name = known[i].name, .has_arg = known[i].count || known[i].text};
    for (int index = 0, option; (option = getopt_long(argc, argv, "", options, &index)) >= 0;) {
        if (option != 0) {
            fputs(usage, stderr);
            return CINCH_USAGE;
        }
        if (known[index].count && !read_count(optarg, known[index].least, known[index].count))
            return complain("a number is expected, not", optarg);
        if (known[index].text)
            *known[index].text = optarg;
        if (!strcmp(known[index].name, "quick"))
            settings->epochs = 2, settings->rounds = 1, settings->iterations = 1000;
        if (!strcmp(known[index].name, "json"))
            *print = report_json;
        if (!strcmp(known[index].name, "markdown"))
            *print = report_markdown;
        if (!strcmp(known[index].name, "help")) {
            fputs(usage, stdout);
            exit(0);
        }
    }
    if (settings->peers && !strcmp(settings->peers, "none"))
        settings->peers = NULL;
    return CINCH_OK;
}

/* The works named, all where none is. */
static int read_works(char *const *names, bench_report *report)
{
    for (size_t i = 0; i < nwork && !names[0]; i++)
        report->entries[report->nentry++].work = &works[i];
    for (; *names; names++) {
        const bench_work *work = work_find(*names);
        if (!work || report->nentry == nwork) {
            int code = complain(work ? "too many works at" : "unknown work", *names);
            for (size_t i = 0; i < nwork; i++)
                fprintf(stderr, "%s%s", i ? ", " : "works: ", works[i].name);
            fprintf(stderr, "\n");
            return code;
        }
        report->entries[report->nentry++].work = work;
    }
    return CINCH_OK;
}

/* ---- Measuring ----------------------------------------------------------------------------------------- */

static void find_processor(char name[128])
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    snprintf(name, 128, "a processor without a name");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(name, 128, "%s", strchr(line, ':') + 2);
            break;
        }
    if (file)
        fclose(file);
}

/* The best so far: a peak only shows while nobody disturbs it. */
static void measure_peak(bench_report *report, size_t set)
{
    const size_t threads[2] = {1, report->settings->threads};
    for (size_t i = 0; i < 2; i++) {
        double rate = peak_measure(set, threads[i]);
        if (rate > report->peaks[set][i])
            report->peaks[set][i] = rate;
    }
}

static cinch_status measure_work(bench_report *report, bench_entry *entry, cinch_error *error)
{
    const bench_settings *settings = report->settings;
    const bench_work *work = entry->work;
    cinch_status status = ours_prepare(work, settings, report->rows, error);
    for (size_t round = 0; round < settings->rounds && !status; round++) {
        fprintf(stderr, "%s: turn %zu of %zu\n", work->name, round + 1, settings->rounds);
        status = ours_measure(work, settings, report->rows, settings->threads, &entry->many, error);
        if (!status && work->kind != WORK_COLD && settings->threads > 1)
            status = ours_measure(work, settings, report->rows, 1, &entry->one, error);
        if (!status && round == 0)
            peers_try(work, settings, report->rows, entry->many.rows, entry->outcomes);
        if (!status)
            peers_measure(work, settings, report->rows, entry->many.rows, entry->outcomes);
        measure_peak(report, report->set);
    }
    if (!status)
        entry->operations = ours_operations(work, settings, entry->many.rows, error);
    return status ? status : error->status;
}

static cinch_status measure_all(bench_report *report, bench_rows *rows, cinch_error *error)
{
    cinch_status status = rows_find(report->settings, rows, error);
    find_processor(report->processor);
    report->set = peak_set_in_use();
    for (size_t set = 0; peak_name(set) && !status; set++)
        measure_peak(report, set);
    for (size_t i = 0; i < report->nentry && !status; i++)
        status = measure_work(report, &report->entries[i], error);
    return status;
}

int main(int argc, char **argv)
{
    char nothing[PATH_ROOM], environments[PATH_ROOM];
    cinch_error error = {0};
    const char *cinch = getenv("CINCH");
    bench_settings settings = {.cinch = cinch ? cinch : "build/cinch",
                               .folder = "build/bench",
                               .epochs = 5,
                               .iterations = 10000,
                               .rounds = 2,
                               .seconds = 60,
                               .threads = usual_threads()};
    static bench_entry entries[16];
    bench_rows rows = {0};
    bench_report report = {.settings = &settings, .rows = &rows, .entries = entries};
    print_report *print = report_text;

    settings.peers = usual_peers(settings.threads, environments);
    settings.nothing = nothing;
    place_nothing(argv[0], nothing);
    int code = read_options(argc, argv, &settings, &print);
    if (code || (code = read_works(argv + optind, &report)))
        return code;
    if (mkdir(settings.folder, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "bench_works: %s: %s\n", settings.folder, strerror(errno));
        return CINCH_IO;
    }
    if (measure_all(&report, &rows, &error)) {
        fprintf(stderr, "bench_works: %s\n", *error.message ? error.message : "failed");
        return error.status ? (int)error.status : CINCH_FAILED;
    }
    print(&report);
    return 0;
}
