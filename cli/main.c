/* cinch COMMAND [ARGUMENT]...: finds the command, runs it, says what failed, returns the exit code. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

const cn_command *cn_command_find(const char *name)
{
    for (const cn_command *const *command = cn_commands; *command; command++)
        if (strcmp((*command)->name, name) == 0)
            return *command;
    return NULL;
}

const char *cn_command_nearest(const char *name)
{
    enum { MOST = 64 };
    const char *names[MOST];
    size_t count = 0;
    while (count < MOST && cn_commands[count]) {
        names[count] = cn_commands[count]->name;
        count++;
    }
    return cn_nearest(name, names, count);
}

static cinch_status fail_unknown(const char *name, cinch_error *error)
{
    const char *nearest = cn_command_nearest(name);
    if (nearest)
        return cn_cli_fail(error, CINCH_USAGE, "unknown command \"%s\"; the nearest is \"%s\"", name,
                           nearest);
    return cn_cli_fail(error, CINCH_USAGE, "unknown command \"%s\"; `cinch help` lists them", name);
}

/* The data folder is the environment's for the library and for the command alike. */
static cinch_status use_data_folder(const cn_arguments *arguments, cinch_error *error)
{
    const char *folder = cn_flag_value(arguments, "data-dir");
    if (folder && setenv("CINCH_DATA", folder, 1) != 0)
        return cn_cli_fail(error, CINCH_MEMORY, "out of memory");
    return CINCH_OK;
}

static int run(const cn_command *command, int argc, char **argv, cinch_error *error)
{
    cn_arguments arguments;
    int code = (int)cn_arguments_parse(command, argc, argv, &arguments, error);
    if (code == CINCH_OK && cn_flag_given(&arguments, "help"))
        cn_help_command(command, stdout);
    else if (code == CINCH_OK && use_data_folder(&arguments, error) == CINCH_OK)
        code = command->run(&arguments, error);
    cn_arguments_clear(&arguments);
    return code;
}

static int start(int argc, char **argv, cinch_error *error)
{
    if (argc < 2) {
        cn_cli_fail(error, CINCH_USAGE, "no command; `cinch help` lists them");
        return CINCH_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        puts("cinch " CINCH_VERSION);
        return CINCH_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    const cn_command *command = cn_command_find(name);
    return command ? run(command, argc - 2, argv + 2, error) : (int)fail_unknown(name, error);
}

int main(int argc, char **argv)
{
    /* A reader that goes away ends us quietly, even where the parent ignored the signal. */
    signal(SIGPIPE, SIG_DFL);

    cinch_error error = {0};
    int code = start(argc, argv, &error);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE && code == CINCH_OK)
        code = (int)cn_cli_fail(&error, CINCH_IO, "standard output cannot be written: %s",
                                errno ? strerror(errno) : "an earlier write failed");
    if (error.status != CINCH_OK) {
        fprintf(stderr, "cinch: %s\n", error.message);
        code = (int)error.status;
    }
    return code;
}
