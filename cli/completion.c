/* `cinch help --completion SHELL`: a script that completes commands, flags and the words of values. The
 * lists in it come from the tables; around them stands what each shell wants. */
#include <string.h>

#include "cli/cli.h"

/* A list is written name by name, as the shell quotes it; summary NULL: none is known. */
typedef void put_name(FILE *out, const char *prefix, const char *name, const char *summary);

typedef struct shell_script {
    const char *name;
    const char *const *script; /* texts, between two of which a list comes; NULL-terminated */
    put_name *put;
} shell_script;

static const shell_script shells[];

/* ---- The names ----------------------------------------------------------------------------------------- */

static void list_topic(const shell_script *shell, FILE *out, const char *prefix, const char *topic)
{
    const char *name;
    for (size_t i = 0; (name = cinch_help_name(topic, i)); i++)
        shell->put(out, prefix, name, NULL);
}

static void list_commands(const shell_script *shell, FILE *out)
{
    for (const cn_command *const *command = cn_commands; *command; command++)
        shell->put(out, "", (*command)->name, (*command)->summary);
}

static void list_flag_table(const shell_script *shell, FILE *out, const cn_flag *flags)
{
    for (const cn_flag *flag = flags; flag && flag->name; flag++)
        shell->put(out, "--", flag->name, flag->summary);
}

/* A case of the shell's `case` for each command. */
static void list_flags(const shell_script *shell, FILE *out)
{
    for (const cn_command *const *command = cn_commands; *command; command++) {
        fprintf(out, "    %s) list=(", (*command)->name);
        list_flag_table(shell, out, (*command)->flags);
        list_flag_table(shell, out, cn_common_flags);
        if ((*command)->takes_keys)
            list_topic(shell, out, "--", "recipe");
        fputs(") ;;\n", out);
    }
}

/* The first word of a key's value, for those keys where the tables know it; a decoder may be a pipeline
 * too. */
static void list_values(const shell_script *shell, FILE *out)
{
    const char *key;
    for (size_t i = 0; (key = cinch_help_name("recipe", i)); i++) {
        if (!cinch_help_name(key, 0))
            continue;
        fprintf(out, "    --%s) list=(", key);
        list_topic(shell, out, "", key);
        if (strcmp(key, "decoder") == 0)
            list_topic(shell, out, "", "layers");
        fputs(") ;;\n", out);
    }
    fputs("    --completion) list=(", out);
    for (const shell_script *one = shells; one->name; one++)
        shell->put(out, "", one->name, NULL);
    fputs(") ;;\n", out);
}

static void list_activations(const shell_script *shell, FILE *out)
{
    list_topic(shell, out, "", "activations");
}

static void list_topics(const shell_script *shell, FILE *out)
{
    list_commands(shell, out);
    list_topic(shell, out, "", NULL);
}

/* In the order in which the scripts ask for them. */
static void (*const lists[])(const shell_script *shell, FILE *out) = {
    list_flags, list_values, list_activations, list_commands, list_topics};

cinch_status cn_completion_print(const char *name, FILE *out, cinch_error *error)
{
    const shell_script *shell = shells;
    while (shell->name && strcmp(shell->name, name) != 0)
        shell++;
    if (!shell->name)
        return cn_cli_fail(error, CINCH_USAGE, "no completions for \"%s\"; there are bash and zsh", name);
    for (size_t i = 0; shell->script[i]; i++) {
        fputs(shell->script[i], out);
        if (shell->script[i + 1])
            lists[i](shell, out);
    }
    return CINCH_OK;
}

/* ---- bash ---------------------------------------------------------------------------------------------- */

/* A flag is written with -, as the tables of a recipe's keys have _. */
static void put_dashed(FILE *out, const char *prefix, const char *name)
{
    fputs(prefix, out);
    for (const char *c = name; *c; c++)
        fputc(*prefix && *c == '_' ? '-' : *c, out);
}

static void put_bash(FILE *out, const char *prefix, const char *name, const char *summary)
{
    (void)summary;
    put_dashed(out, prefix, name);
    fputc(' ', out);
}

/* In an open quote two answers keep bash from closing it behind the first word of a pipeline's spec. */
static const char *const bash[] = {
    "# Completions of cinch for bash, made by `cinch help --completion bash`.\n\n"
    "_cinch_flags() {\n    case $1 in\n",

    "    esac\n}\n\n"
    "_cinch_values() {\n    case $1 in\n",

    "    esac\n}\n\n"
    "_cinch() {\n"
    "    local word=$2 before=$3 start= end list=()\n"
    "    if [ \"$word\" = '=' ]; then\n"
    "        word=\n"
    "    elif [ \"$before\" = '=' ]; then\n"
    "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    COMPREPLY=()\n"
    "    _cinch_values \"$before\"\n"
    "    if [ ${#list[@]} != 0 ]; then\n"
    "        end=${word##*[| ]}\n"
    "        start=${word%\"$end\"}\n"
    "        case ${start// /} in\n"
    "        '' | *'|') ;;\n"
    "        *) case $before in --encoder | --decoder) list=(",

    ") ;; *) list=() ;; esac ;;\n"
    "        esac\n"
    "        word=$end\n"
    "    elif [ \"$COMP_CWORD\" = 1 ]; then\n"
    "        list=(",

    ")\n"
    "    elif [ \"${word:0:1}\" = - ]; then\n"
    "        _cinch_flags \"${COMP_WORDS[1]}\"\n"
    "    elif [ \"${COMP_WORDS[1]}\" = help ]; then\n"
    "        list=(",

    ")\n"
    "    fi\n"
    "    local name\n"
    "    for name in \"${list[@]}\"; do\n"
    "        case $name in \"$word\"*) COMPREPLY+=(\"$start$name\") ;; esac\n"
    "    done\n"
    "    case ${COMP_WORDS[COMP_CWORD]} in\n"
    "    [\\\"\\']*) [ ${#COMPREPLY[@]} != 1 ] || COMPREPLY=(\"${COMPREPLY[0]} \" \"${COMPREPLY[0]} ...\") "
    ";;\n"
    "    esac\n"
    "}\n"
    "complete -o bashdefault -o default -F _cinch cinch\n",
    NULL,
};

/* ---- zsh ----------------------------------------------------------------------------------------------- */

static void put_zsh(FILE *out, const char *prefix, const char *name, const char *summary)
{
    fputs("\n        '", out);
    put_dashed(out, prefix, name);
    if (summary)
        fputc(':', out);
    for (const char *c = summary; c && *c; c++)
        fputs(*c == '\'' ? "'\\''" : (char[]){*c, '\0'}, out);
    fputc('\'', out);
}

static const char *const zsh[] = {
    "#compdef cinch\n"
    "# Completions of cinch for zsh, made by `cinch help --completion zsh`.\n\n"
    "_cinch_flags() {\n    case $1 in\n",

    "    esac\n}\n\n"
    "_cinch_values() {\n    case $1 in\n",

    "    esac\n}\n\n"
    "_cinch() {\n"
    "    local before=${words[CURRENT - 1]} start\n"
    "    local -a list\n"
    "    if [[ $PREFIX == --*=* ]]; then\n"
    "        before=${PREFIX%%=*}\n"
    "        compset -P '*='\n"
    "    fi\n"
    "    _cinch_values $before\n"
    "    if (( $#list )); then\n"
    "        start=${PREFIX%${PREFIX##*[| ]}}\n"
    "        if [[ -n ${start// /} && ${start// /} != *'|' ]]; then\n"
    "            [[ $before == --(en|de)coder ]] || return 1\n"
    "            list=(",

    ")\n"
    "        fi\n"
    "        compset -P '*[| ]'\n"
    "        compadd -S '' -a list\n"
    "    elif (( CURRENT == 2 )); then\n"
    "        list=(",

    ")\n"
    "        _describe command list\n"
    "    elif [[ $PREFIX == -* ]]; then\n"
    "        _cinch_flags ${words[2]}\n"
    "        _describe -o flag list\n"
    "    elif [[ ${words[2]} == help ]]; then\n"
    "        list=(",

    ")\n"
    "        _describe topic list\n"
    "    else\n"
    "        _files\n"
    "    fi\n"
    "}\n\n"
    "_cinch \"$@\"\n",
    NULL,
};

static const shell_script shells[] = {
    {"bash", bash, put_bash},
    {"zsh", zsh, put_zsh},
    {NULL, NULL, NULL},
};
