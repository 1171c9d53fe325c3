#include "base/late.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#ifndef CN_LATE_FOLDER
#define CN_LATE_FOLDER "/usr/local/lib/cinch"
#endif

typedef struct late_part {
    const char *name;
    const char *package;     /* Debian's, of the library itself */
    const char *development; /* and of its headers, without which the part is not built */
} late_part;

static const late_part parts[];

static const late_part *find_part(const char *name)
{
    const late_part *part = parts;
    while (part->name && strcmp(part->name, name) != 0)
        part++;
    return part;
}

/* FOLDER/NAME.so; the caller frees it. */
static char *part_path(const char *folder, const char *name, cinch_error *error)
{
    char file[NAME_MAX];
    snprintf(file, sizeof file, "%s.so", name);
    return cn_path_join(folder, file, error);
}

/* The path beside the program; without an error and NULL where the system does not say where that is. */
static char *path_beside(const char *name, cinch_error *error)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return NULL;
    program[length] = '\0';
    char *folder = cn_path_folder(program, error);
    char *late = folder ? cn_path_join(folder, "late", error) : NULL;
    char *path = late ? part_path(late, name, error) : NULL;
    cn_free(late);
    cn_free(folder);
    return path;
}

/* What is not opened says so with the loader's own words: a library that it needs may be what is missing. */
static const void *open_path(const char *path, const char *symbol, const late_part *part, cinch_error *error)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const void *table = object ? dlsym(object, symbol) : NULL;
    if (table)
        return table;
    const char *said = dlerror();
    cn_fail(error, CINCH_FAILED, "%s: cannot be opened (%s); install the package %s", path,
            said ? said : "its table is missing", part->package);
    return NULL;
}

static void fail_absent(const char *beside, const char *fixed, const late_part *part, cinch_error *error)
{
    cn_fail(error, CINCH_FAILED, "there is neither %s nor %s; install the package %s and build again",
            beside ? beside : "a folder late beside the program", fixed, part->development);
}

const void *cn_late_open(const char *name, const char *symbol, cinch_error *error)
{
    const late_part *part = find_part(name);
    if (!part->name) {
        cn_fail(error, CINCH_FAILED, "there is no late part %s", name);
        return NULL;
    }
    cinch_error local = {0};
    char *beside = path_beside(name, &local);
    char *fixed = local.status == CINCH_OK ? part_path(CN_LATE_FOLDER, name, &local) : NULL;
    const void *table = NULL;
    if (local.status != CINCH_OK)
        cn_fail(error, local.status, "%s", local.message);
    else if (beside && access(beside, F_OK) == 0)
        table = open_path(beside, symbol, part, error);
    else if (access(fixed, F_OK) == 0)
        table = open_path(fixed, symbol, part, error);
    else
        fail_absent(beside, fixed, part, error);
    cn_free(fixed);
    cn_free(beside);
    return table;
}

static const late_part parts[] = {
    {"cinch-cairo", "libcairo2", "libcairo2-dev"},
    {"cinch-zip", "libzip4", "libzip-dev"},
    {NULL, NULL, NULL},
};
