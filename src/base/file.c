#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

#ifndef O_PATH
#define O_PATH (O_RDONLY | O_NONBLOCK) /* to look at a file without touching it */
#endif

enum { PIPE_ROOM = 1 << 16, MOST_AT_ONCE = 1 << 30 };

static const cn_system standard_system;
static const cn_system *calls = &standard_system;

/* ---- Saying it ----------------------------------------------------------------------------------------- */

static bool is_dash(const char *path)
{
    return strcmp(path, "-") == 0;
}

static cinch_status fail(cinch_error *error, const char *path, const char *what, int number)
{
    char room[256];
    const char *reason = strerror_r(number, room, sizeof room);
    return cn_fail(error, CINCH_IO, "%s: %s: %s", path, what, reason);
}

static cinch_status fail_folder(cinch_error *error, const char *path)
{
    return cn_fail(error, CINCH_IO, "%s: is a folder, not a file", path);
}

/* ---- Looking ------------------------------------------------------------------------------------------- */

static int open_again(const char *path, int flags, mode_t mode)
{
    int fd;
    do
        fd = calls->open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* What is at the path, links followed: 0, or the system's error number. */
static int look(const char *path, struct stat *status)
{
    int fd = open_again(path, O_PATH, 0);
    if (fd < 0)
        return errno;
    int number = calls->fstat(fd, status) == 0 ? 0 : errno;
    calls->close(fd);
    return number;
}

bool cn_file_exists(const char *path)
{
    struct stat status;
    return look(path, &status) == 0;
}

bool cn_file_is_missing(const char *path)
{
    struct stat status;
    return look(path, &status) == ENOENT;
}

bool cn_file_is_same(const char *a, const char *b)
{
    struct stat one, other;
    return look(a, &one) == 0 && look(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

cinch_status cn_file_remove(const char *path, cinch_error *error)
{
    return calls->unlink(path) == 0 || errno == ENOENT ? CINCH_OK
                                                       : fail(error, path, "cannot be removed", errno);
}

bool cn_file_is_regular(const char *path)
{
    struct stat status;
    return look(path, &status) == 0 && S_ISREG(status.st_mode);
}

bool cn_file_size(const char *path, size_t *nbytes)
{
    struct stat status = {0};
    bool regular = look(path, &status) == 0 && S_ISREG(status.st_mode);
    *nbytes = regular ? (size_t)status.st_size : 0;
    return regular;
}

bool cn_folder_exists(const char *path)
{
    struct stat status;
    return look(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

void cn_bytes_clear(cn_bytes *bytes)
{
    cn_free(bytes->data);
    *bytes = (cn_bytes){0};
}

static cinch_status fail_limit(cinch_error *error, const char *name, size_t limit)
{
    return cn_fail(error, CINCH_BAD_INPUT, "%s: is larger than the limit of %zu bytes", name, limit);
}

/* Reads to the end into a block of `room` bytes, which doubles when full; limit + 1 bytes are one too
 * many. */
static cinch_status read_all(int fd, const char *name, size_t room, size_t limit, cn_bytes *bytes,
                             cinch_error *error)
{
    bytes->data = cn_resize(NULL, room, 1, error);
    if (!bytes->data)
        return CINCH_MEMORY;
    for (;;) {
        if (bytes->nbytes > limit)
            return fail_limit(error, name, limit);
        if (bytes->nbytes == room) {
            size_t more = room > limit / 2 ? limit + 1 : room * 2;
            unsigned char *data = cn_resize(bytes->data, more, 1, error);
            if (!data)
                return CINCH_MEMORY;
            bytes->data = data;
            room = more;
        }
        size_t wanted = room - bytes->nbytes < MOST_AT_ONCE ? room - bytes->nbytes : MOST_AT_ONCE;
        ssize_t count = calls->read(fd, bytes->data + bytes->nbytes, wanted);
        if (count == 0)
            return CINCH_OK;
        if (count > 0)
            bytes->nbytes += (size_t)count;
        else if (errno != EINTR)
            return fail(error, name, "cannot be read", errno);
    }
}

static cinch_status read_open(int fd, const char *name, size_t limit, cn_bytes *bytes, cinch_error *error)
{
    struct stat status;
    if (calls->fstat(fd, &status) != 0)
        return fail(error, name, "cannot be read", errno);
    if (S_ISDIR(status.st_mode))
        return fail_folder(error, name);
    size_t room = limit < PIPE_ROOM ? limit + 1 : PIPE_ROOM;
    if (S_ISREG(status.st_mode)) {
        if ((uintmax_t)status.st_size > limit)
            return fail_limit(error, name, limit);
        room = (size_t)status.st_size + 1;
    }
    return read_all(fd, name, room, limit, bytes, error);
}

cinch_status cn_file_read(const char *path, size_t limit, cn_bytes *bytes, cinch_error *error)
{
    *bytes = (cn_bytes){0};
    if (limit > SSIZE_MAX)
        limit = SSIZE_MAX;
    if (is_dash(path)) {
        cinch_status status = read_open(STDIN_FILENO, "standard input", limit, bytes, error);
        if (status != CINCH_OK)
            cn_bytes_clear(bytes);
        return status;
    }
    int fd = open_again(path, O_RDONLY | O_NOCTTY, 0);
    if (fd < 0)
        return fail(error, path, "cannot be opened", errno);
    cinch_status status = read_open(fd, path, limit, bytes, error);
    calls->close(fd);
    if (status != CINCH_OK)
        cn_bytes_clear(bytes);
    return status;
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

/* 0, or the system's error number. */
static int write_piece(int fd, const cn_bytes *piece)
{
    for (size_t done = 0; done < piece->nbytes;) {
        size_t wanted = piece->nbytes - done < MOST_AT_ONCE ? piece->nbytes - done : MOST_AT_ONCE;
        ssize_t count = calls->write(fd, piece->data + done, wanted);
        if (count > 0)
            done += (size_t)count;
        else if (count == 0)
            return EIO;
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

static int write_pieces(int fd, const cn_bytes *pieces, size_t npiece)
{
    int number = 0;
    for (size_t i = 0; i < npiece && number == 0; i++)
        number = write_piece(fd, &pieces[i]);
    return number;
}

/* Linux has closed the descriptor also where it says EINTR. */
static int close_checked(int fd)
{
    return calls->close(fd) == 0 || errno == EINTR ? 0 : errno;
}

static int write_in_place(const char *path, const cn_bytes *pieces, size_t npiece)
{
    int fd = open_again(path, O_WRONLY | O_NOCTTY, 0);
    if (fd < 0)
        return errno;
    int number = write_pieces(fd, pieces, npiece);
    int closing = close_checked(fd);
    return number != 0 ? number : closing;
}

/* A file of this name can only be what a killed process of our number left. */
static int write_temporary(const char *temporary, mode_t mode, const cn_bytes *pieces, size_t npiece)
{
    int fd = open_again(temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (fd < 0 && errno == EEXIST && calls->unlink(temporary) == 0)
        fd = open_again(temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (fd < 0)
        return errno;
    int number = write_pieces(fd, pieces, npiece);
    if (number == 0 && calls->fsync(fd) != 0)
        number = errno;
    int closing = close_checked(fd);
    number = number != 0 ? number : closing;
    if (number != 0)
        calls->unlink(temporary);
    return number;
}

/* The folder is opened before the rename, so that only its flush can fail once the new file stands. Some file
 * systems cannot flush a folder. */
static int rename_flushed(const char *temporary, const char *path, const char *folder)
{
    int fd = open_again(folder, O_RDONLY | O_DIRECTORY, 0);
    int number = fd < 0 ? errno : 0;
    if (number == 0 && calls->rename(temporary, path) != 0)
        number = errno;
    if (number != 0)
        calls->unlink(temporary);
    else if (calls->fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        number = errno;
    if (fd >= 0)
        calls->close(fd);
    return number;
}

/* `shown` is the path as the caller gave it, `path` the same with its links resolved. */
static cinch_status replace(const char *shown, const char *path, mode_t mode, const cn_bytes *pieces,
                            size_t npiece, cinch_error *error)
{
    cn_text name = {0};
    cn_text_add(&name, "%s.tmp-%ld", path, (long)getpid());
    char *temporary = cn_text_take(&name, error);
    char *folder = temporary ? cn_path_folder(path, error) : NULL;
    cinch_status status = CINCH_MEMORY;
    if (folder) {
        int number = write_temporary(temporary, mode, pieces, npiece);
        if (number == 0)
            number = rename_flushed(temporary, path, folder);
        status = number == 0 ? CINCH_OK : fail(error, shown, "cannot be written", number);
    }
    cn_free(folder);
    cn_free(temporary);
    return status;
}

cinch_status cn_file_write(const char *path, const cn_bytes *pieces, size_t npiece, cinch_error *error)
{
    struct stat old = {.st_mode = S_IFREG | 0666};
    if (is_dash(path)) {
        int number = write_pieces(STDOUT_FILENO, pieces, npiece);
        return number == 0 ? CINCH_OK : fail(error, "standard output", "cannot be written", number);
    }
    int number = look(path, &old);
    if (number != 0 && number != ENOENT)
        return fail(error, path, "cannot be written", number);
    if (S_ISDIR(old.st_mode))
        return fail_folder(error, path);
    if (!S_ISREG(old.st_mode)) {
        number = write_in_place(path, pieces, npiece);
        return number == 0 ? CINCH_OK : fail(error, path, "cannot be written", number);
    }
    char resolved[PATH_MAX];
    const char *target = number == 0 && realpath(path, resolved) ? resolved : path;
    return replace(path, target, old.st_mode & 0777, pieces, npiece, error);
}

cinch_status cn_file_write_text(const char *path, const char *text, cinch_error *error)
{
    cn_bytes piece = {(unsigned char *)(uintptr_t)text, strlen(text)};
    return cn_file_write(path, &piece, 1, error);
}

/* ---- Folders ------------------------------------------------------------------------------------------- */

/* The path is cut at its slashes on the way up and whole again on the way down. */
static int make_folder(char *path)
{
    if (calls->mkdir(path, 0777) == 0)
        return 0;
    int number = errno;
    if (number == EEXIST)
        return cn_folder_exists(path) ? 0 : ENOTDIR;
    char *slash = strrchr(path, '/');
    if (number != ENOENT || !slash || slash == path)
        return cn_folder_exists(path) ? 0 : number;
    *slash = '\0';
    number = make_folder(path);
    *slash = '/';
    if (number != 0 || calls->mkdir(path, 0777) == 0)
        return number;
    number = errno;
    return cn_folder_exists(path) ? 0 : number;
}

cinch_status cn_folder_make(const char *path, cinch_error *error)
{
    char *copy = cn_copy_text(path, error);
    if (!copy)
        return CINCH_MEMORY;
    for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/'; length--)
        copy[length - 1] = '\0';
    int number = make_folder(copy);
    cn_free(copy);
    if (number == ENOTDIR)
        return cn_fail(error, CINCH_IO, "%s: a file is in the way of this folder", path);
    return number == 0 ? CINCH_OK : fail(error, path, "cannot be made", number);
}

/* The names one after the other, each with its NUL. */
static int read_names(DIR *folder, cn_text *names, size_t *count)
{
    for (;;) {
        errno = 0;
        struct dirent *entry = calls->readdir(folder);
        if (!entry)
            return errno;
        if (entry->d_name[0] == '.')
            continue;
        cn_text_add_bytes(names, entry->d_name, strlen(entry->d_name) + 1);
        ++*count;
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One block: pointers, then what they point to. */
static char **sorted_names(const cn_text *text, size_t count, cinch_error *error)
{
    char **names = cn_new(count * sizeof *names + text->length, 1, error);
    if (!names || count == 0)
        return names;
    char *at = (char *)(names + count);
    memcpy(at, text->chars, text->length);
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        names[i] = at;
    qsort(names, count, sizeof *names, compare_names);
    return names;
}

static cinch_status list_open(int fd, const char *path, char ***names, size_t *count, cinch_error *error)
{
    cn_text text = {0};
    DIR *folder = fdopendir(fd);
    int number = folder ? read_names(folder, &text, count) : errno;
    cinch_status status = CINCH_OK;
    if (folder)
        closedir(folder);
    else
        calls->close(fd);
    if (number != 0)
        status = fail(error, path, "cannot be read", number);
    else if (text.failed)
        status = cn_fail(error, CINCH_MEMORY, "%s: out of memory for the names in it", path);
    else if (!(*names = sorted_names(&text, *count, error)))
        status = CINCH_MEMORY;
    cn_text_clear(&text);
    return status;
}

cinch_status cn_folder_list(const char *path, char ***names, size_t *count, cinch_error *error)
{
    *names = NULL;
    *count = 0;
    int fd = open_again(path, O_RDONLY | O_DIRECTORY, 0);
    return fd < 0 ? fail(error, path, "cannot be opened", errno) : list_open(fd, path, names, count, error);
}

/* Whether the name is one of the names and .tmp-PID, of a process that no longer lives. */
static bool is_left_over(const char *name, const char *const *names)
{
    const char *mark = strstr(name, ".tmp-");
    while (*names && (!mark || strlen(*names) != (size_t)(mark - name) ||
                      memcmp(*names, name, (size_t)(mark - name)) != 0))
        names++;
    if (!*names)
        return false;
    const char *digits = mark + strlen(".tmp-");
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > 9 || digits[count] != '\0' || digits[0] == '0')
        return false;
    return kill((pid_t)atol(digits), 0) != 0 && errno == ESRCH;
}

void cn_folder_sweep(const char *path, const char *const *names)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!is_left_over(entry->d_name, names))
            continue;
        char *file = cn_path_join(path, entry->d_name, NULL);
        if (file)
            calls->unlink(file);
        cn_free(file);
    }
    closedir(folder);
}

cinch_status cn_folder_lock(const char *path, int *lock, cinch_error *error)
{
    *lock = -1;
    int fd = open_again(path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fail(error, path, "cannot be opened", errno);
    if (calls->flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *lock = fd;
        return CINCH_OK;
    }
    int number = errno;
    calls->close(fd);
    if (number == EWOULDBLOCK)
        return cn_fail(error, CINCH_FAILED,
                       "%s: another training is at work in this folder; wait for its end or "
                       "choose another with -o",
                       path);
    return fail(error, path, "cannot be locked", number);
}

void cn_folder_unlock(int lock)
{
    if (lock >= 0)
        calls->close(lock);
}

/* ---- Paths --------------------------------------------------------------------------------------------- */

char *cn_path_join(const char *folder, const char *name, cinch_error *error)
{
    if (name[0] == '/' || !folder || !folder[0])
        return cn_copy_text(name, error);
    cn_text path = {0};
    cn_text_add(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name);
    return cn_text_take(&path, error);
}

char *cn_path_folder(const char *path, cinch_error *error)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return cn_copy_text(".", error);
    cn_text folder = {0};
    cn_text_add_bytes(&folder, path, slash == path ? 1 : (size_t)(slash - path));
    return cn_text_take(&folder, error);
}

char *cn_path_absolute(const char *path, cinch_error *error)
{
    if (path[0] == '/')
        return cn_copy_text(path, error);
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here)) {
        fail(error, path, "the current folder cannot be found", errno);
        return NULL;
    }
    while (path[0] == '.' && (path[1] == '/' || path[1] == '\0'))
        for (path++; *path == '/'; path++)
            ;
    return *path ? cn_path_join(here, path, error) : cn_copy_text(here, error);
}

/* ---- The system's calls -------------------------------------------------------------------------------- */

void cn_file_use(const cn_system *system)
{
    calls = system ? system : &standard_system;
}

static int system_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

static int system_fstat(int fd, struct stat *status)
{
    return fstat(fd, status);
}

static const cn_system standard_system = {
    .open = system_open,
    .read = read,
    .write = write,
    .fstat = system_fstat,
    .fsync = fsync,
    .close = close,
    .rename = rename,
    .unlink = unlink,
    .mkdir = mkdir,
    .flock = flock,
    .readdir = readdir,
};
