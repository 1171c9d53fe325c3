/* NPZ, several NPY files in a zip archive, as numpy.savez and numpy.savez_compressed write it: the member
 * that `array` names is read, or the only one. */
#include <string.h>

#include "base/late.h"
#include "base/memory.h"
#include "base/text.h"
#include "format/bytes.h"
#include "format/format.h"
#include "format/zip.h"

extern const cn_format cn_format_npy;

enum {
    HEAD_BYTES = 512,
    END_BYTES = 22, /* the archive's end record without its comment */
    MOST_COMMENT = 65535,
    LOCATOR_BYTES = 20, /* just before it, where the archive is a zip64 */
    END64_BYTES = 56,
    MOST_RATIO = 1032, /* deflate codes at most 258 bytes in two bits, 1032 to one */
    NAMES_SHOWN = 8
};

static const char suffix[] = ".npy";

/* An archive that is open, and the member chosen of it. */
typedef struct npz {
    const cn_zip_table *zip;
    void *archive;
    size_t nbytes; /* of the file */
    const cn_format_options *options;
    size_t index;
    cn_zip_member member;
    char *source; /* "digits.npz: x_train.npy", for messages */
    cinch_error *error;
} npz;

static cinch_status refuse(const npz *in, const char *source, const char *reason)
{
    if (reason[0] == '\0')
        return cn_fail(in->error, CINCH_MEMORY, "%s: not enough memory to read the zip file", source);
    return cn_fail(in->error, CINCH_BAD_INPUT, "%s: the zip file is damaged (%s); fetch the file again",
                   source, reason);
}

/* ---- Before it is opened ------------------------------------------------------------------------------- */

static bool npz_probe(const unsigned char *head, size_t nbytes)
{
    return nbytes >= 4 && memcmp(head, "PK\3\4", 4) == 0;
}

/* The sizes stand in a list at the file's end. */
static cinch_status npz_claim(const unsigned char *head, size_t nbytes, const cn_format_options *options,
                              size_t *claimed, cinch_error *error)
{
    (void)head;
    (void)nbytes;
    (void)options;
    (void)error;
    *claimed = 0;
    return CINCH_OK;
}

/* The bytes of the list of members that an end record at `at` claims, a zip64's where there is one. */
static uint64_t directory_nbytes(const cn_bytes *bytes, size_t at)
{
    const unsigned char *data = bytes->data;
    uint64_t nbytes = cn_u64_little(data + at + 12) & UINT32_MAX;

    if (at < LOCATOR_BYTES || memcmp(data + at - LOCATOR_BYTES, "PK\6\7", 4) != 0)
        return nbytes;
    uint64_t end64 = cn_u64_little(data + at - LOCATOR_BYTES + 8);
    if (end64 > at || at - end64 < END64_BYTES || memcmp(data + end64, "PK\6\6", 4) != 0)
        return nbytes;
    uint64_t nbytes64 = cn_u64_little(data + end64 + 40);
    return nbytes64 > nbytes || nbytes == UINT32_MAX ? nbytes64 : nbytes;
}

/* libzip makes an object of each member before anything can be asked: so the list is measured first, of every
 * end record that it may take for the true one. */
static cinch_status check_directory(const cn_bytes *bytes, const cn_format_options *options,
                                    cinch_error *error)
{
    bool found = false;

    for (size_t back = END_BYTES; back <= bytes->nbytes && back <= END_BYTES + MOST_COMMENT; back++) {
        size_t at = bytes->nbytes - back;
        if (memcmp(bytes->data + at, "PK\5\6", 4) != 0)
            continue;
        found = true;
        uint64_t nbytes = directory_nbytes(bytes, at);
        if (nbytes > options->limits->directory_bytes)
            return cn_fail(error, CINCH_BAD_INPUT,
                           "%s: the zip file's list of members claims %ju bytes; at most %zu are read",
                           options->source, (uintmax_t)nbytes, options->limits->directory_bytes);
    }
    return found ? CINCH_OK
                 : cn_fail(error, CINCH_BAD_INPUT, "%s: the zip file is cut short; fetch the file again",
                           options->source);
}

/* ---- Which member -------------------------------------------------------------------------------------- */

/* The length of a member's name without .npy; 0 where it is no array. */
static size_t array_length(const char *name)
{
    size_t length = strlen(name), ending = sizeof suffix - 1;

    return length > ending && strcmp(name + length - ending, suffix) == 0 ? length - ending : 0;
}

static bool is_wanted(const char *wanted, const char *name)
{
    size_t length = array_length(name);

    return length > 0 && (wanted == NULL || strcmp(wanted, name) == 0 ||
                          (strlen(wanted) == length && memcmp(wanted, name, length) == 0));
}

/* "a, b, c and 5 more"; their lengths have been checked. */
static char *array_names(const npz *in)
{
    size_t shown = 0, more = 0;
    char reason[CN_ZIP_REASON];
    cn_zip_member member;
    cn_text text = {0};

    for (size_t i = 0; i < in->zip->count(in->archive); i++) {
        if (!in->zip->describe(in->archive, i, &member, reason) || array_length(member.name) == 0)
            continue;
        if (shown == NAMES_SHOWN) {
            more++;
            continue;
        }
        cn_text_add(&text, "%s%.*s", shown++ > 0 ? ", " : "", (int)array_length(member.name), member.name);
    }
    if (more > 0)
        cn_text_add(&text, " and %zu more", more);
    return cn_text_take(&text, in->error);
}

static cinch_status refuse_choice(const npz *in, size_t nfound)
{
    const char *source = in->options->source, *wanted = in->options->array;
    char *names = array_names(in);

    if (names == NULL)
        return CINCH_MEMORY;
    if (names[0] == '\0')
        cn_fail(in->error, CINCH_BAD_INPUT,
                "%s: is a zip file without an array (NAME.npy), so no npz; save the array with numpy.savez",
                source);
    else if (nfound == 0)
        cn_fail(in->error, CINCH_BAD_INPUT, "%s: holds no array \"%s\"; it holds: %s (choose with --array)",
                source, wanted, names);
    else if (wanted == NULL)
        cn_fail(in->error, CINCH_BAD_INPUT, "%s: holds several arrays; say which with --array: %s", source,
                names);
    else
        cn_fail(in->error, CINCH_BAD_INPUT, "%s: holds several members named \"%s\"", source, wanted);
    cn_free(names);
    return CINCH_BAD_INPUT;
}

static cinch_status choose_member(npz *in)
{
    size_t nfound = 0, count = in->zip->count(in->archive);
    char reason[CN_ZIP_REASON];
    cn_zip_member member;

    for (size_t i = 0; i < count; i++) {
        if (!in->zip->describe(in->archive, i, &member, reason))
            return refuse(in, in->options->source, reason);
        if (strlen(member.name) > in->options->limits->name_bytes)
            return cn_fail(in->error, CINCH_BAD_INPUT,
                           "%s: the zip file's member %zu has a name of %zu bytes", in->options->source, i,
                           strlen(member.name));
        if (is_wanted(in->options->array, member.name)) {
            in->index = i;
            in->member = member;
            nfound++;
        }
    }
    return nfound == 1 ? CINCH_OK : refuse_choice(in, nfound);
}

/* ---- What it claims ------------------------------------------------------------------------------------ */

static cinch_status check_member(const npz *in)
{
    const cn_zip_member *member = &in->member;
    uint64_t most = member->packed;

    if (member->encrypted)
        return cn_fail(in->error, CINCH_BAD_INPUT, "%s: is encrypted, which is not read", in->source);
    if (member->method != CN_ZIP_STORED && member->method != CN_ZIP_DEFLATED)
        return cn_fail(in->error, CINCH_BAD_INPUT,
                       "%s: is packed by method %d; numpy's two, stored and deflated, are read", in->source,
                       member->method);
    if (member->packed > in->nbytes)
        return cn_fail(in->error, CINCH_BAD_INPUT, "%s: claims %ju packed bytes, the file has %zu",
                       in->source, (uintmax_t)member->packed, in->nbytes);
    if (member->method == CN_ZIP_DEFLATED && !__builtin_mul_overflow(most, MOST_RATIO, &most))
        most += 1;
    if (member->nbytes > most)
        return cn_fail(in->error, CINCH_BAD_INPUT,
                       "%s: claims %ju bytes, more than its %ju packed ones can hold", in->source,
                       (uintmax_t)member->nbytes, (uintmax_t)member->packed);
    if (member->nbytes > in->options->limits->file_bytes)
        return cn_fail(in->error, CINCH_BAD_INPUT, "%s: claims %ju bytes; at most %zu are read", in->source,
                       (uintmax_t)member->nbytes, in->options->limits->file_bytes);
    return CINCH_OK;
}

static cinch_status enter(const npz *in, void **entered)
{
    char reason[CN_ZIP_REASON] = "";

    *entered = in->zip->enter(in->archive, in->index, reason);
    return *entered != NULL ? CINCH_OK : refuse(in, in->source, reason);
}

/* Fills `room` bytes, or fewer where the member ends before. */
static cinch_status fill(const npz *in, void *entered, unsigned char *to, size_t room, size_t *nbytes)
{
    char reason[CN_ZIP_REASON] = "";
    size_t more = 1;

    for (*nbytes = 0; *nbytes < room && more > 0; *nbytes += more) {
        if (!in->zip->read(entered, to + *nbytes, room - *nbytes, &more, reason))
            return refuse(in, in->source, reason);
    }
    return CINCH_OK;
}

/* What the array's own header claims must be what the archive says. */
static cinch_status check_head(const npz *in, const unsigned char *head, size_t nhead,
                               const cn_format_options *options)
{
    size_t claimed = 0;

    if (!cn_format_npy.probe(head, nhead))
        return cn_fail(in->error, CINCH_BAD_INPUT, "%s: is not an NPY array", in->source);
    cinch_status status = cn_format_npy.claim(head, nhead, options, &claimed, in->error);
    if (status == CINCH_OK && claimed != 0 && claimed != in->member.nbytes)
        return cn_fail(in->error, CINCH_BAD_INPUT, "%s: its header claims %zu bytes, the zip file says %ju",
                       in->source, claimed, (uintmax_t)in->member.nbytes);
    return status;
}

/* A claim beyond what is believed is unpacked to nowhere before anything is allocated. */
static cinch_status check_content(const npz *in, const cn_format_options *options)
{
    unsigned char scratch[1 << 15];
    size_t nbytes = 0, total = 0, believed = in->options->limits->free_bytes + in->nbytes;
    void *entered;
    cinch_status status = enter(in, &entered);

    if (status != CINCH_OK)
        return status;
    status = fill(in, entered, scratch, HEAD_BYTES, &nbytes);
    if (status == CINCH_OK)
        status = check_head(in, scratch, nbytes, options);
    if (in->member.nbytes > believed) {
        for (total = nbytes; status == CINCH_OK && nbytes > 0 && total <= in->member.nbytes; total += nbytes)
            status = fill(in, entered, scratch, sizeof scratch, &nbytes);
        if (status == CINCH_OK && total != in->member.nbytes)
            status = cn_fail(in->error, CINCH_BAD_INPUT, "%s: claims %ju bytes and holds %s", in->source,
                             (uintmax_t)in->member.nbytes, total < in->member.nbytes ? "fewer" : "more");
    }
    in->zip->leave(entered);
    return status;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

/* One byte more is asked for: so the checksum is held and a member too long is found out. */
static cinch_status unpack(const npz *in, cn_bytes *plain)
{
    size_t expected = (size_t)in->member.nbytes, nmore = 0;
    unsigned char more;
    void *entered;

    plain->data = cn_new(expected, 1, in->error);
    if (plain->data == NULL)
        return CINCH_MEMORY;
    cinch_status status = enter(in, &entered);
    if (status != CINCH_OK)
        return status;
    status = fill(in, entered, plain->data, expected, &plain->nbytes);
    if (status == CINCH_OK)
        status = fill(in, entered, &more, 1, &nmore);
    if (status == CINCH_OK && plain->nbytes + nmore != expected)
        status = cn_fail(in->error, CINCH_BAD_INPUT, "%s: claims %zu bytes and holds %s", in->source,
                         expected, nmore > 0 ? "more" : "fewer");
    in->zip->leave(entered);
    return status;
}

static cinch_status read_member(npz *in, cn_array *array)
{
    cn_format_options options = *in->options;
    cn_bytes plain = {NULL, 0};
    cn_text source = {0};

    cn_text_add(&source, "%s: %s", in->options->source, in->member.name);
    in->source = cn_text_take(&source, in->error);
    if (in->source == NULL)
        return CINCH_MEMORY;
    options.source = in->source;
    cinch_status status = check_member(in);
    if (status == CINCH_OK)
        status = check_content(in, &options);
    if (status == CINCH_OK)
        status = unpack(in, &plain);
    if (status == CINCH_OK)
        status = cn_format_npy.parse(&plain, &options, array, in->error);
    cn_bytes_clear(&plain);
    cn_free(in->source);
    return status;
}

static cinch_status npz_parse(cn_bytes *bytes, const cn_format_options *options, cn_array *array,
                              cinch_error *error)
{
    npz in = {.nbytes = bytes->nbytes, .options = options, .error = error};
    char reason[CN_ZIP_REASON] = "";
    cinch_error local = {0};

    if (!npz_probe(bytes->data, bytes->nbytes))
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is not an NPZ file", options->source);
    cinch_status status = check_directory(bytes, options, error);
    if (status != CINCH_OK)
        return status;
    in.zip = cn_late_open("cinch-zip", CN_ZIP_SYMBOL, &local);
    if (in.zip == NULL)
        return cn_fail(error, local.status, "%s", local.message);
    in.archive = in.zip->open(bytes->data, bytes->nbytes, reason);
    if (in.archive == NULL)
        return refuse(&in, options->source, reason);
    status = choose_member(&in);
    if (status == CINCH_OK)
        status = read_member(&in, array);
    in.zip->close(in.archive);
    return status;
}

const cn_format cn_format_npz = {
    .name = "npz",
    .probe = npz_probe,
    .claim = npz_claim,
    .parse = npz_parse,
};
