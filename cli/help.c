/* What `cinch help` shows: the overview, a command, a topic of the library's; examples first. */
#include <string.h>

#include "cli/cli.h"

enum { WIDTH = 79, KEYS_ROOM = 2048 };

/* ---- Lines of a width ---------------------------------------------------------------------------------- */

/* Where a line goes on: below its beginning, or below what two spaces or more set off as a column. */
static size_t column_of(const char *line, size_t length, size_t spaces)
{
    for (size_t i = spaces; i + 2 < length && i < WIDTH / 2; i++)
        if (line[i] == ' ' && line[i + 1] == ' ') {
            while (i < length && line[i] == ' ')
                i++;
            return i < WIDTH / 2 + WIDTH / 4 ? i : spaces;
        }
    return spaces;
}

/* The last space at or before `width`, none at or before `least`: 0 where there is none. */
static size_t break_of(const char *line, size_t least, size_t width)
{
    for (size_t i = width; i > least; i--)
        if (line[i] == ' ')
            return i;
    return 0;
}

static void wrap_line(const char *line, size_t length, size_t width, cn_line_put *put, FILE *out)
{
    size_t spaces = strspn(line, " ");
    spaces = spaces < length ? spaces : length;
    size_t column = column_of(line, length, spaces), indent = spaces;
    line += spaces;
    length -= spaces;
    size_t least = column - spaces;
    while (indent < width && indent + length > width) {
        size_t end = break_of(line, least, width - indent);
        if (!end)
            break;
        put(out, indent, line, end);
        line += end + 1;
        length -= end + 1;
        indent = column;
        least = 0;
    }
    put(out, indent, line, length);
}

void cn_text_wrap(const char *text, size_t width, cn_line_put *put, FILE *out)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        wrap_line(text, length, width, put, out);
        text += length + (text[length] == '\n');
    }
}

static void put_line(FILE *out, size_t spaces, const char *chars, size_t length)
{
    fprintf(out, "%*s%.*s\n", length ? (int)spaces : 0, "", (int)length, chars);
}

static void print_text(const char *text, FILE *out)
{
    cn_text_wrap(text, WIDTH, put_line, out);
}

/* A paragraph's line feeds are spaces; one before a blank, or before another, stays. */
static void print_paragraphs(const char *text, FILE *out)
{
    char joined[2048];
    size_t length = 0;
    for (const char *c = text; *c && length + 1 < sizeof joined; c++) {
        bool stays = c[1] == ' ' || c[1] == '\n' || (c > text && c[-1] == '\n');
        joined[length++] = *c == '\n' && !stays ? ' ' : *c;
    }
    joined[length] = '\0';
    print_text(joined, out);
}

/* Each line two spaces in. */
static void print_examples(const char *lines, FILE *out)
{
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        fprintf(out, "  %.*s\n", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

/* ---- A command ----------------------------------------------------------------------------------------- */

static void print_flag(const cn_flag *flag, FILE *out)
{
    char name[64], line[256];
    snprintf(name, sizeof name, "%c%c%s--%s%s%s", flag->letter ? '-' : ' ', flag->letter ? flag->letter : ' ',
             flag->letter ? ", " : "  ", flag->name, flag->argument ? " " : "",
             flag->argument ? flag->argument : "");
    snprintf(line, sizeof line, "  %-22s  %s\n", name, flag->summary);
    print_text(line, out);
}

/* "a, b, c". */
static void list_names(const char *topic, char *text, size_t room)
{
    size_t length = 0;
    const char *name;
    for (size_t i = 0; (name = cinch_help_name(topic, i)) && length < room; i++)
        length += (size_t)snprintf(text + length, room - length, "%s%s", i ? ", " : "", name);
}

static void print_keys(FILE *out)
{
    char names[KEYS_ROOM], text[KEYS_ROOM + 128];
    list_names("recipe", names, sizeof names);
    snprintf(text, sizeof text,
             "\nEach key of a recipe is a flag too, `epochs = 3` as --epochs 3:\n\n"
             "  %s\n\n`cinch help recipe` says what they mean.\n",
             names);
    print_text(text, out);
}

void cn_help_command(const cn_command *command, FILE *out)
{
    fprintf(out, "cinch %s %s\n\n", command->name, command->usage);
    if (command->examples) {
        print_examples(command->examples, out);
        fputc('\n', out);
    }
    print_paragraphs(command->description, out);
    fputs("\nFlags:\n", out);
    for (const cn_flag *flag = command->flags; flag && flag->name; flag++)
        print_flag(flag, out);
    for (const cn_flag *flag = cn_common_flags; flag->name; flag++)
        print_flag(flag, out);
    if (command->takes_keys)
        print_keys(out);
}

/* ---- The rest ------------------------------------------------------------------------------------------ */

cinch_status cn_help_topic(const char *topic, FILE *out, cinch_error *error)
{
    char *text = cinch_help_text(topic, error);
    if (!text)
        return error->status;
    print_text(text, out);
    cinch_text_free(text);
    return CINCH_OK;
}

void cn_help_overview(FILE *out)
{
    fputs("Cinch trains autoencoders and puts them to use.\n\n", out);
    print_examples(cn_help_examples, out);
    fputs("\nCommands; `cinch help COMMAND` says more of one:\n\n", out);
    char names[256], text[sizeof names + 8];
    for (const cn_command *const *command = cn_commands; *command; command++) {
        snprintf(text, sizeof text, "  %-12s  %s\n", (*command)->name, (*command)->summary);
        print_text(text, out);
    }
    list_names(NULL, names, sizeof names);
    snprintf(text, sizeof text, "  %s\n", names);
    fputs("\nWhat may be written in a recipe or after a flag; `cinch help TOPIC`:\n\n", out);
    print_text(text, out);
    fputs("\nOne thing out of them by its name: cinch help dense, cinch help patience.\n", out);
}

const char cn_help_examples[] = "cinch train --train flowers.csv --encoder \"dense 2 tanh\" -o run\n"
                                "cinch info run                             # its layers, its losses\n"
                                "cinch encode run flowers.csv -o codes.npy  # two numbers a row\n"
                                "cinch score run new.csv | sort -g | tail   # the rows that fit worst\n";
