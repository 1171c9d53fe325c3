/* cinch.1, the manual page: what help shows, in the words of man(7). */
#include <ctype.h>
#include <string.h>

#include "cli/cli.h"

enum { WIDTH = 72 }; /* 79 less the indentation of a section */

/* Nothing in it is taken for a request or an escape; hyphens stay what can be copied into a shell. */
static void put_escaped(FILE *out, const char *chars, size_t length)
{
    if (length && (chars[0] == '.' || chars[0] == '\''))
        fputs("\\&", out);
    for (size_t i = 0; i < length; i++)
        switch (chars[i]) {
        case '\\':
            fputs("\\e", out);
            break;
        case '-':
            fputs("\\-", out);
            break;
        case '^':
            fputs("\\(ha", out);
            break;
        case '~':
            fputs("\\(ti", out);
            break;
        case '`':
            fputs("\\(ga", out);
            break;
        case '\'':
            fputs("\\(aq", out);
            break;
        default:
            fputc(chars[i], out);
        }
}

static void put_text(FILE *out, const char *text)
{
    put_escaped(out, text, strlen(text));
}

static void put_line(FILE *out, size_t spaces, const char *chars, size_t length)
{
    if (length)
        fprintf(out, "%*s", (int)spaces, "");
    put_escaped(out, chars, length);
    fputc('\n', out);
}

/* As it stands, in lines that fit. */
static void print_as_is(const char *text, FILE *out)
{
    fputs(".nf\n", out);
    cn_text_wrap(text, WIDTH, put_line, out);
    fputs(".fi\n", out);
}

/* As a paragraph: its line feeds are spaces. */
static void print_paragraph(const char *text, FILE *out)
{
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        put_line(out, 0, line, length);
        line += length + (line[length] == '\n');
    }
}

static void print_flag(const cn_flag *flag, FILE *out)
{
    fputs(".TP\n", out);
    if (flag->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", flag->letter);
    fputs("\\fB\\-\\-", out);
    put_text(out, flag->name);
    fputs("\\fR", out);
    if (flag->argument)
        fprintf(out, " \\fI%s\\fR", flag->argument);
    fputc('\n', out);
    put_text(out, flag->summary);
    fputc('\n', out);
}

static void print_flags(const cn_flag *flags, FILE *out)
{
    for (const cn_flag *flag = flags; flag && flag->name; flag++)
        print_flag(flag, out);
}

static void print_command(const cn_command *command, FILE *out)
{
    fprintf(out, ".SS \"cinch %s\"\n.B cinch %s\n", command->name, command->name);
    put_text(out, command->usage);
    fputs("\n.PP\n", out);
    print_paragraph(command->description, out);
    if (command->examples) {
        fputs(".PP\n", out);
        print_as_is(command->examples, out);
    }
    print_flags(command->flags, out);
}

static cinch_status print_topic(const char *topic, FILE *out, cinch_error *error)
{
    char *text = cinch_help_text(topic, error);
    if (!text)
        return error->status;
    fputs(".SH \"", out);
    for (const char *c = topic; *c; c++)
        fputc(toupper((unsigned char)*c), out);
    fputs("\"\n", out);
    print_as_is(text, out);
    cinch_text_free(text);
    return CINCH_OK;
}

static const char head[] =
    ".TH CINCH 1 \"\" \"Cinch " CINCH_VERSION "\" \"User Commands\"\n"
    ".SH NAME\ncinch \\- trains autoencoders and puts them to use\n"
    ".SH SYNOPSIS\n.B cinch\n.I COMMAND\n[\\fIARGUMENT\\fR]...\n"
    ".SH DESCRIPTION\n"
    "An autoencoder learns to squeeze each row of a table, or each image, into a code of a few numbers and "
    "to\n"
    "open it again. The codes are features; what the model gives back is the row, denoised or compressed; "
    "how\n"
    "badly it does so is an anomaly score.\n"
    ".PP\n"
    "Rows and answers go to standard output, everything else to standard error. A model, or the folder of "
    "the\n"
    "run that made it, comes first, then the data; \\(lq\\-\\(rq is standard input or output.\n";

static const char tail[] =
    ".SH ENVIRONMENT\n"
    ".TP\n.B CINCH_DATA\nThe folder where data files are looked up last; without it,\n"
    ".IR $XDG_DATA_HOME/cinch .\n"
    ".TP\n.B CINCH_THREADS\nHow many threads to work with.\n"
    ".TP\n.B CINCH_CPU\nThe instruction set of the kernels, where not the best that the processor has:\n"
    "plain, avx2, avx512 or neon.\n"
    ".TP\n.B NO_COLOR\nNo colour in the progress bar.\n"
    ".SH \"EXIT STATUS\"\n"
    ".TP\n.B 0\ndone\n.TP\n.B 1\nanother failure\n.TP\n.B 2\nusage\n.TP\n.B 3\nbad data, model or recipe\n"
    ".TP\n.B 4\ninput or output\n.TP\n.B 5\nmemory\n.TP\n.B 6\nthe loss is not finite\n"
    ".TP\n.BR 130 ,\\  143\nstopped by SIGINT or SIGTERM, a checkpoint written\n";

cinch_status cn_manual_print(FILE *out, cinch_error *error)
{
    fputs(head, out);
    fputs(".SH EXAMPLES\n", out);
    print_as_is(cn_help_examples, out);
    fputs(".SH COMMANDS\n", out);
    for (const cn_command *const *command = cn_commands; *command; command++)
        print_command(*command, out);
    fputs(".SS \"Flags of every command\"\n", out);
    print_flags(cn_common_flags, out);
    const char *topic;
    cinch_status status = CINCH_OK;
    for (size_t i = 0; status == CINCH_OK && (topic = cinch_help_name(NULL, i)); i++)
        status = print_topic(topic, out, error);
    fputs(tail, out);
    return status;
}
