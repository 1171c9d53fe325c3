/* A command's line of arguments, checked against its table of flags. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* The flag at a place: the common ones first, then the command's own; NULL past the end. */
static const cn_flag *flag_at(const cn_command *command, size_t place)
{
    const cn_flag *flag = cn_common_flags;
    for (; flag->name && place > 0; flag++)
        place--;
    if (!flag->name) {
        flag = command->flags;
        for (; flag && flag->name && place > 0; flag++)
            place--;
    }
    return flag && flag->name ? flag : NULL;
}

/* '-' and '_' are alike. */
static bool same_name(const char *name, const char *given, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((name[i] == '_' ? '-' : name[i]) != (given[i] == '_' ? '-' : given[i]))
            return false;
    return name[length] == '\0';
}

static const cn_flag *find_long(const cn_command *command, const char *given, size_t length, size_t *place)
{
    const cn_flag *flag;
    for (*place = 0; (flag = flag_at(command, *place)); ++*place)
        if (same_name(flag->name, given, length))
            return flag;
    return NULL;
}

static const cn_flag *find_letter(const cn_command *command, char letter, size_t *place)
{
    const cn_flag *flag;
    for (*place = 0; (flag = flag_at(command, *place)); ++*place)
        if (flag->letter == letter)
            return flag;
    return NULL;
}

cinch_status cn_flag_unknown(const cn_command *command, const char *name, bool always, cinch_error *error)
{
    const char *names[CN_MAX_FLAGS];
    size_t count = 0;
    const cn_flag *flag;
    while (count < CN_MAX_FLAGS && (flag = flag_at(command, count)))
        names[count++] = flag->name;
    const char *nearest = cn_nearest(name, names, count);
    if (nearest)
        return cn_cli_fail(error, CINCH_USAGE, "unknown flag --%s; the nearest is --%s", name, nearest);
    if (always)
        return cn_cli_fail(error, CINCH_USAGE, "unknown flag --%s (see `cinch help %s`)", name,
                           command->name);
    return CINCH_OK;
}

/* ---- Reading one argument ------------------------------------------------------------------------------ */

/* What is left of the line. */
struct argv {
    int argc, next;
    char **argv;
};

/* A value after "=" or the next argument; NULL where there is none. */
static const char *take_value(struct argv *rest, const char *attached)
{
    if (attached)
        return attached;
    return rest->next < rest->argc ? rest->argv[rest->next++] : NULL;
}

static cinch_status set_flag(cn_arguments *arguments, struct argv *rest, const cn_flag *flag, size_t place,
                             const char *attached, cinch_error *error)
{
    if (!flag->argument) {
        if (attached)
            return cn_cli_fail(error, CINCH_USAGE, "--%s takes no value", flag->name);
        arguments->values[place] = "";
        return CINCH_OK;
    }
    const char *value = take_value(rest, attached);
    if (!value)
        return cn_cli_fail(error, CINCH_USAGE, "--%s needs a value: --%s %s", flag->name, flag->name,
                           flag->argument);
    arguments->values[place] = value;
    return CINCH_OK;
}

/* What stands where a key's value should is one of the command's flags: the value was left out. */
static bool is_flag(const cn_command *command, const char *argument)
{
    size_t place;
    if (argument[0] != '-' || !argument[1])
        return false;
    return argument[1] == '-' ? find_long(command, argument + 2, strcspn(argument + 2, "="), &place) != NULL
                              : !argument[2] && find_letter(command, argument[1], &place);
}

static cinch_status read_long(cn_arguments *arguments, struct argv *rest, char *argument, cinch_error *error)
{
    char *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
    const char *attached = equals ? equals + 1 : NULL;
    size_t place;
    const cn_flag *flag = find_long(arguments->command, argument, length, &place);
    if (flag)
        return set_flag(arguments, rest, flag, place, attached, error);
    if (equals)
        *equals = '\0';
    if (!arguments->command->takes_keys)
        return cn_flag_unknown(arguments->command, argument, true, error);
    const char *value = take_value(rest, attached);
    if (value && !attached && is_flag(arguments->command, value))
        value = NULL;
    arguments->settings[arguments->nsetting++] = (cn_setting){argument, value};
    return CINCH_OK;
}

static cinch_status read_letter(cn_arguments *arguments, struct argv *rest, const char *argument,
                                cinch_error *error)
{
    size_t place;
    const cn_flag *flag = find_letter(arguments->command, argument[0], &place);
    if (!flag)
        return cn_cli_fail(error, CINCH_USAGE, "unknown flag -%s (see `cinch help %s`)", argument,
                           arguments->command->name);
    return set_flag(arguments, rest, flag, place, argument[1] ? argument + 1 : NULL, error);
}

cinch_status cn_arguments_parse(const cn_command *command, int argc, char **argv, cn_arguments *arguments,
                                cinch_error *error)
{
    *arguments = (cn_arguments){.command = command};
    arguments->words = calloc((size_t)argc + 1, sizeof *arguments->words);
    arguments->settings = calloc((size_t)argc + 1, sizeof *arguments->settings);
    if (!arguments->words || !arguments->settings)
        return cn_cli_fail(error, CINCH_MEMORY, "out of memory");

    struct argv rest = {.argc = argc, .argv = argv};
    bool words_only = false;
    cinch_status status = CINCH_OK;
    while (rest.next < argc && status == CINCH_OK) {
        char *argument = argv[rest.next++];
        if (words_only || argument[0] != '-' || argument[1] == '\0')
            arguments->words[arguments->nword++] = argument;
        else if (strcmp(argument, "--") == 0)
            words_only = true;
        else if (argument[1] == '-')
            status = read_long(arguments, &rest, argument + 2, error);
        else
            status = read_letter(arguments, &rest, argument + 1, error);
    }
    if (status != CINCH_OK || cn_flag_given(arguments, "help"))
        return status;
    if (arguments->nword < command->least_words || arguments->nword > command->most_words)
        return cn_cli_fail(error, CINCH_USAGE, "usage: cinch %s %s", command->name, command->usage);
    return CINCH_OK;
}

void cn_arguments_clear(cn_arguments *arguments)
{
    free(arguments->words);
    free(arguments->settings);
    *arguments = (cn_arguments){0};
}

const char *cn_flag_value(const cn_arguments *arguments, const char *name)
{
    size_t place;
    return find_long(arguments->command, name, strlen(name), &place) ? arguments->values[place] : NULL;
}

bool cn_flag_given(const cn_arguments *arguments, const char *name)
{
    return cn_flag_value(arguments, name) != NULL;
}

cinch_status cn_flag_count(const cn_arguments *arguments, const char *name, uint64_t least, uint64_t most,
                           uint64_t *value, cinch_error *error)
{
    const char *text = cn_flag_value(arguments, name);
    char *end = NULL;
    if (!text)
        return CINCH_OK;
    errno = 0;
    unsigned long long count = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
    if (!end || *end != '\0' || errno || count < least || count > most)
        return cn_cli_fail(error, CINCH_USAGE,
                           "--%s: \"%s\" is not a whole number from %" PRIu64 " to %" PRIu64, name, text,
                           least, most);
    *value = count;
    return CINCH_OK;
}

/* ---- The table ----------------------------------------------------------------------------------------- */

const cn_flag cn_common_flags[] = {
    {"threads", 0, "N", "threads to work with (0: all of the machine's)"},
    {"quiet", 0, NULL, "nothing on standard error but errors"},
    {"json", 0, NULL, "one JSON object on standard output"},
    {"data-dir", 0, "DIR", "folder where data files are looked up last, instead of CINCH_DATA"},
    {"help", 'h', NULL, "this text"},
    {NULL, 0, NULL, NULL},
};
