/* Files: read whole, written safely, folders locked; every system call through one table that tests
 * replace. */
#ifndef CN_BASE_FILE_H
#define CN_BASE_FILE_H

#include <dirent.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"

typedef struct cn_bytes {
    unsigned char *data;
    size_t nbytes;
} cn_bytes;

/* Reads a whole file ("-": standard input) of at most `limit` bytes. The caller ends it with
 * cn_bytes_clear. A regular file is allocated by the size that it has; a pipe grows by doubling. Folders
 * are refused by name. */
cinch_status cn_file_read(const char *path, size_t limit, cn_bytes *bytes, cinch_error *error);
void cn_bytes_clear(cn_bytes *bytes);

/* Writes the pieces, in order, to PATH.tmp-PID in the same folder, flushed to disk, closed and checked,
 * renamed over PATH, the folder flushed: a reader sees the old file or the new one. On failure the
 * temporary is removed and the old file is whole. Flushes are not tried twice. A PATH that is not a
 * regular file (a device, a pipe) is written in place; "-" is standard output. */
cinch_status cn_file_write(const char *path, const cn_bytes *pieces, size_t npiece, cinch_error *error);
cinch_status cn_file_write_text(const char *path, const char *text, cinch_error *error);

bool cn_file_exists(const char *path);              /* anything, a folder too */
bool cn_file_is_missing(const char *path);          /* nothing is there, for certain */
bool cn_file_is_same(const char *a, const char *b); /* both are there and are one file */
/* CINCH_OK too where there is none. */
cinch_status cn_file_remove(const char *path, cinch_error *error);
bool cn_file_is_regular(const char *path); /* neither a folder nor a device nor a pipe */
/* The bytes of a regular file; false where it is none. */
bool cn_file_size(const char *path, size_t *nbytes);
bool cn_folder_exists(const char *path);

/* Makes the folder (and what is missing above it). */
cinch_status cn_folder_make(const char *path, cinch_error *error);
/* The names in a folder but the hidden ones (.NAME), sorted by their bytes, as one block. The caller frees it
 * with cn_free. */
cinch_status cn_folder_list(const char *path, char ***names, size_t *count, cinch_error *error);
/* Removes what a killed writer of the files `names` (NULL-terminated) left in the folder: NAME.tmp-PID
 * where no process PID lives. */
void cn_folder_sweep(const char *path, const char *const *names);
/* Locks the folder itself (flock on its descriptor); CINCH_FAILED naming the folder where another run
 * holds it. -1 is no lock. */
cinch_status cn_folder_lock(const char *path, int *lock, cinch_error *error);
void cn_folder_unlock(int lock);

/* "folder/name", "name" where it is absolute or folder is NULL or "". The caller frees it with cn_free. */
char *cn_path_join(const char *folder, const char *name, cinch_error *error);
/* The folder part of a path, "." where it has none. The caller frees it. */
char *cn_path_folder(const char *path, cinch_error *error);
char *cn_path_absolute(const char *path, cinch_error *error);

/* The system calls behind it; cn_file_use(NULL) puts the system's back. */
typedef struct cn_system {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*read)(int fd, void *buffer, size_t nbytes);
    ssize_t (*write)(int fd, const void *buffer, size_t nbytes);
    int (*fstat)(int fd, struct stat *status);
    int (*fsync)(int fd);
    int (*close)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*mkdir)(const char *path, mode_t mode);
    int (*flock)(int fd, int operation);
    struct dirent *(*readdir)(DIR *folder);
} cn_system;

void cn_file_use(const cn_system *system);

#endif
