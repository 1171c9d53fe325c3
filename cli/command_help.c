/* cinch help: the commands, one command's flags, or a topic out of the library's own tables. */

#include "cli/cli.h"

/* What is no topic may be a command mistyped. */
static cinch_status print_topic(const char *topic, cinch_error *error)
{
    cinch_error own = {0};
    if (cn_help_topic(topic, stdout, &own) == CINCH_OK)
        return CINCH_OK;
    const char *nearest = cn_command_nearest(topic);
    if (nearest && own.status == CINCH_USAGE)
        return cn_cli_fail(error, CINCH_USAGE, "no command \"%s\"; the nearest is \"%s\"", topic, nearest);
    return cn_cli_fail(error, own.status, "%s", own.message);
}

static int run(const cn_arguments *arguments, cinch_error *error)
{
    const char *shell = cn_flag_value(arguments, "completion");
    if (shell)
        return (int)cn_completion_print(shell, stdout, error);
    if (cn_flag_given(arguments, "man"))
        return (int)cn_manual_print(stdout, error);
    if (arguments->nword == 0) {
        cn_help_overview(stdout);
        return CINCH_OK;
    }
    const cn_command *command = cn_command_find(arguments->words[0]);
    if (!command)
        return (int)print_topic(arguments->words[0], error);
    cn_help_command(command, stdout);
    return CINCH_OK;
}

static const cn_flag flags[] = {
    {"man", 0, NULL, "the manual page, as `make install` puts it in its place"},
    {"completion", 0, "SHELL", "the completions for a shell, bash or zsh"},
    {NULL, 0, NULL, NULL},
};

const cn_command cn_command_help = {
    .name = "help",
    .usage = "[COMMAND | TOPIC | NAME]",
    .summary = "what a command does, what a recipe may say",
    .examples = "cinch help train\n"
                "cinch help layers\n"
                "cinch help dense\n"
                "source <(cinch help --completion bash)\n",
    .description = "Without a word it lists the commands and the topics. NAME is anything that a topic\n"
                   "lists: a layer, an optimizer, a figure, a recipe's key.",
    .flags = flags,
    .most_words = 1,
    .run = run,
};
