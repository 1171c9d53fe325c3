/* cinch help: the commands, one command's flags, or a topic out of the library's own tables. */
#include <string.h>

#include "cli/cli.h"

static void print_overview(void)
{
    puts("cinch COMMAND [ARGUMENT]...: trains autoencoders and puts them to use.\n");
    for (const cn_command *const *command = cn_commands; *command; command++)
        printf("  %-12s %s\n", (*command)->name, (*command)->summary);
    puts("\n`cinch help COMMAND` says more of one; `cinch help TOPIC` what a recipe may say:\n"
         "recipe, layers, activations, decoders, losses, penalties, optimizers, initializers, figures.\n\n"
         "  cinch train --train data.csv --encoder \"dense 8 relu\" -o run\n"
         "  cinch encode run data.csv -o codes.npy");
}

/* What is no topic may be a command mistyped. */
static cinch_status print_topic(const char *topic, cinch_error *error)
{
    cinch_error own = {0};
    char *text = cinch_help_text(topic, &own);
    if (text) {
        fputs(text, stdout);
        cinch_text_free(text);
        return CINCH_OK;
    }
    const char *nearest = cn_command_nearest(topic);
    if (nearest && own.status == CINCH_USAGE)
        return cn_cli_fail(error, CINCH_USAGE, "no command \"%s\"; the nearest is \"%s\"", topic, nearest);
    return cn_cli_fail(error, own.status, "%s", own.message);
}

static int run(const cn_arguments *arguments, cinch_error *error)
{
    if (arguments->nword == 0) {
        print_overview();
        return CINCH_OK;
    }
    const char *name = arguments->words[0];
    const cn_command *command = cn_command_find(name);
    if (!command)
        return (int)print_topic(name, error);
    cn_help_print(command, stdout);
    if (!command->takes_keys)
        return CINCH_OK;
    puts("\nEach key of a recipe is a flag too, `epochs = 3` as --epochs 3:\n");
    return (int)print_topic("recipe", error);
}

const cn_command cn_command_help = {
    .name = "help",
    .usage = "[COMMAND | TOPIC]",
    .summary = "what a command does, what a recipe may say",
    .description = "Topics: recipe, layers, activations, decoders, losses, penalties, optimizers, "
                   "initializers, figures.",
    .most_words = 1,
    .run = run,
};
