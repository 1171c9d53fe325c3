/* The ground: errors, memory, texts, files, random numbers, threads, specs, INI and recipes, each against
 * a truth from outside: published vectors, the C library, a second program, or the table that it prints. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/ini.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/recipe.h"
#include "base/spec.h"
#include "base/text.h"
#include "base/threads.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

static char folder[] = "/tmp/cinch-base-XXXXXX";

/* ---- Faults: the Nth call fails, or the Nth and all after it ------------------------------------------- */

static size_t calls_made, failing_call, live_blocks;
static bool failing_ever_after;

static bool fails_now(void)
{
    calls_made++;
    return failing_call != 0 &&
           (calls_made == failing_call || (failing_ever_after && calls_made > failing_call));
}

static void *counted_allocate(size_t nbytes)
{
    if (fails_now())
        return NULL;
    live_blocks++;
    return aligned_alloc(CN_ALIGNMENT, (nbytes + CN_ALIGNMENT - 1) / CN_ALIGNMENT * CN_ALIGNMENT);
}

static void counted_release(void *memory)
{
    live_blocks--;
    free(memory);
}

static void *counted_resize(void *memory, size_t old_nbytes, size_t nbytes)
{
    void *moved = counted_allocate(nbytes);
    if (!moved)
        return NULL;
    memcpy(moved, memory, old_nbytes < nbytes ? old_nbytes : nbytes);
    counted_release(memory);
    return moved;
}

static const cn_allocator counted = {counted_allocate, counted_resize, counted_release};

/* Runs a task with no fault, then with each allocation failing, once and from then on: each must say
 * CINCH_MEMORY in one line (or get by) and leave nothing behind. */
static void fail_allocations(cinch_status (*task)(cinch_error *error))
{
    cn_memory_use(&counted);
    for (int after = 0; after < 2; after++) {
        size_t total = 1;
        for (size_t n = 0; n <= total; n++) {
            cinch_error error = {0};
            calls_made = live_blocks = 0;
            failing_call = n;
            failing_ever_after = after == 1;
            cinch_status status = task(&error);
            if (n == 0) {
                total = calls_made;
                assert_true(total > 0);
                assert_int_equal(status, CINCH_OK);
            } else if (status != CINCH_OK) {
                assert_int_equal(status, CINCH_MEMORY);
                assert_int_equal(error.status, CINCH_MEMORY);
                assert_true(strlen(error.message) > 0);
            }
            if (n > 0 && after == 1)
                assert_int_equal(status, CINCH_MEMORY);
            assert_int_equal(live_blocks, 0);
        }
    }
    failing_call = 0;
    cn_memory_use(NULL);
}

/* ---- Errors -------------------------------------------------------------------------------------------- */

static void test_error(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"plain", "plain"},
        {"a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f"},
        {"\x1b[31mred", "\\x1b[31mred"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},                       /* two bytes */
        {"\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80"}, /* three and four */
        {"\xff\xc3", "\\xff\\xc3"},
        {"\xc0\xaf", "\\xc0\\xaf"},                   /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* a surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
        {"\xc2\x9b", "\\xc2\\x9b"},                   /* a C1 control: CSI */
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"},          /* right-to-left override */
        {"\xef\xbf\xbe", "\\xef\\xbf\\xbe"},          /* U+FFFE, no character: cairo refuses it */
        {"\xef\xb7\x90", "\\xef\\xb7\\x90"},          /* U+FDD0, nor is this */
        {"\xef\xbf\xbd", "\xef\xbf\xbd"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cinch_error error = {0};
        assert_int_equal(cn_fail(&error, CINCH_IO, "%s", cases[i].text), CINCH_IO);
        assert_string_equal(error.message, cases[i].shown);
    }
    cinch_error error = {0};
    cn_fail(&error, CINCH_USAGE, "first %d", 1);
    assert_int_equal(cn_fail(&error, CINCH_IO, "second"), CINCH_IO);
    assert_int_equal(error.status, CINCH_USAGE);
    assert_string_equal(error.message, "first 1");
    cn_fail_prefix(&error, "file:%d: ", 7);
    assert_string_equal(error.message, "file:7: first 1");
    assert_int_equal(cn_fail(NULL, CINCH_IO, "nobody listens"), CINCH_IO);
    cn_fail_prefix(NULL, "x");
    cinch_error quiet = {0};
    cn_fail_prefix(&quiet, "x");
    assert_int_equal(quiet.message[0], 0);
}

/* Whatever is said, it ends in the buffer and never within a character. */
static void test_error_is_cut(void **state)
{
    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        char text[4000] = "abcd";
        for (size_t i = lead; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        cinch_error error = {0};
        cn_fail(&error, CINCH_IO, "%s", text);
        cn_fail_prefix(&error, "%s", "prefix: ");
        size_t length = strlen(error.message);
        assert_true(length > sizeof error.message - 12 && length < sizeof error.message);
        assert_int_equal((unsigned char)error.message[length - 3], 0xe2);
    }
}

/* ---- Memory -------------------------------------------------------------------------------------------- */

static void test_memory(void **state)
{
    (void)state;
    for (size_t size = 0; size < 300; size++) {
        unsigned char *memory = cn_new(size, 1, NULL);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % CN_ALIGNMENT, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0x5a, size);
        size_t other = (size * 7) % 400;
        memory = cn_resize(memory, other, 1, NULL);
        assert_int_equal((uintptr_t)memory % CN_ALIGNMENT, 0);
        for (size_t i = 0; i < other && i < size; i++)
            assert_int_equal(memory[i], 0x5a);
        cn_free(memory);
    }
    cn_free(NULL);
    static const size_t too_much[][2] = {
        {SIZE_MAX, 1}, {SIZE_MAX, 2}, {SIZE_MAX / 2 + 1, 2}, {SIZE_MAX - 63, 1}, {SIZE_MAX - 64, 1},
    };
    char *kept = cn_copy_text("kept", NULL);
    for (size_t i = 0; i < COUNT_OF(too_much); i++) {
        cinch_error error = {0};
        assert_null(cn_new(too_much[i][0], too_much[i][1], &error));
        assert_int_equal(error.status, CINCH_MEMORY);
        assert_null(cn_resize(kept, too_much[i][0], too_much[i][1], NULL));
    }
    assert_string_equal(kept, "kept");
    cn_free(kept);
    size_t result;
    assert_true(cn_multiply(SIZE_MAX, 1, &result) && !cn_multiply(SIZE_MAX / 3, 4, &result));
    assert_true(cn_add(SIZE_MAX, 0, &result) && !cn_add(SIZE_MAX, 1, &result));
}

/* ---- Texts --------------------------------------------------------------------------------------------- */

static uint64_t dice_state = 1;

/* xorshift64*: the tests' own dice. */
static uint64_t dice(void)
{
    dice_state ^= dice_state >> 12;
    dice_state ^= dice_state << 25;
    dice_state ^= dice_state >> 27;
    return dice_state * UINT64_C(2685821657736338717);
}

static void test_number_print(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.1, "0.1"},
        {1e-6, "1e-06"},
        {1e22, "1e+22"},
        {100000, "100000"},
        {0, "0"},
        {-1.5, "-1.5"},
        {NAN, "nan"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {5e-324, "5e-324"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {9007199254740992.0, "9007199254740992"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cn_text text = {0};
        cn_text_add_number(&text, cases[i].value);
        assert_string_equal(text.chars, cases[i].text);
        cn_text_clear(&text);
    }
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = dice();
        double value, back;
        memcpy(&value, &bits, sizeof value);
        if (i % 3 == 0)
            value = (double)(dice() % 100000) / 1000;
        if (!isfinite(value))
            continue;
        char chars[CN_NUMBER_ROOM], shorter[CN_NUMBER_ROOM];
        cn_number_print(value, chars);
        assert_true(strtod(chars, NULL) == value);
        assert_true(cn_text_number(chars, &back) && back == value);
        for (int precision = 1; precision < 17; precision++) {
            snprintf(shorter, sizeof shorter, "%.*g", precision, value);
            if (strtod(shorter, NULL) == value) {
                assert_string_equal(chars, shorter);
                break;
            }
        }
    }
}

static void test_number_read(void **state)
{
    static const char *const good[] = {
        "0",
        "-0",
        "+1",
        "1.",
        ".5",
        "1e5",
        "1E-5",
        "1e+05",
        "00012",
        "123456789012345678901234567890",
        "1e-400",
        "2.2250738585072011e-308",
        "0.000000000000000000000000000001",
        "9007199254740993",
        "1e23",
        "8.5e22",
        "1e0000000000000000001",
        "000000000000000000000.1",
        "123456789012345e22",
        "1.7976931348623157e308",
    };
    static const char *const bad[] = {
        "",
        " 1",
        "1 ",
        "nan",
        "inf",
        "-inf",
        "Infinity",
        "0x10",
        "0x1p3",
        "1e",
        "e5",
        ".",
        "+",
        "-",
        "1e+",
        "1,5",
        "1.2.3",
        "--1",
        "1e5.5",
        "1e999",
        "-1e999",
        "1_000",
        "1f",
        "\xef\xbc\x91",
        "1e99999999999999999999",
    };
    (void)state;
    double value;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(cn_text_number(good[i], &value) && value == strtod(good[i], NULL));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(cn_text_number(bad[i], &value));
    for (int i = 0; i < 50000; i++) {
        char text[64];
        int decimals = (int)(dice() % 12), power = (int)(dice() % 60) - 30;
        snprintf(text, sizeof text, "%s%llu.%0*llue%d", dice() % 2 ? "-" : "",
                 (unsigned long long)(dice() % 99999), decimals + 1, (unsigned long long)(dice() % 10000000),
                 power);
        assert_true(cn_text_number(text, &value));
        assert_true(value == strtod(text, NULL));
    }
}

/* The point stays a point where the program's language writes a comma. */
static void test_number_locale(void **state)
{
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        skip();
    double value = 0;
    char chars[CN_NUMBER_ROOM];
    cn_number_print(0.1, chars);
    bool read = cn_text_number("1.2345678901234567", &value);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(chars, "0.1");
    assert_true(read && value == 1.2345678901234567);
}

static void test_nearest(void **state)
{
    static const char *const names[] = {"dense",  "dropout",   "relu", "sigmoid", "softplus", "lr",
                                        "epochs", "weight_l2", "N",    "relux",   NULL};
    static const struct {
        const char *wrong, *right;
    } cases[] = {
        {"dens", "dense"},
        {"denes", "dense"},
        {"ReLU", "relu"},
        {"rely", "relu"},
        {"rel", "relu"},
        {"rel", "relu"},
        {"soft", "softplus"},
        {"lrr", "lr"},
        {"rl", "lr"},
        {"epcohs", "epochs"},
        {"weight-l1", "weight_l2"},
        {"sigmoide", "sigmoid"},
        {"zzzz", NULL},
        {"x", NULL},
        {"", NULL},
        {"transformer", NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *nearest = cn_text_nearest(cases[i].wrong, names);
        if (cases[i].right)
            assert_string_equal(nearest, cases[i].right);
        else
            assert_null(nearest);
    }
}

static cinch_status build_text(cinch_error *error)
{
    cn_text text = {0};
    for (int i = 0; i < 100; i++) {
        cn_text_add(&text, "%d,", i);
        cn_text_add_number(&text, i / 7.0);
        cn_text_add_bytes(&text, "\n", 1);
    }
    char *chars = cn_text_take(&text, error);
    if (!chars)
        return error->status;
    assert_memory_equal(chars, "0,0\n1,0.14285714285714285\n", 26);
    cn_free(chars);
    return CINCH_OK;
}

static void test_text(void **state)
{
    (void)state;
    cn_text text = {0};
    char *empty = cn_text_take(&text, NULL);
    assert_string_equal(empty, "");
    cn_free(empty);
    fail_allocations(build_text);
}

/* ---- Random numbers ------------------------------------------------------------------------------------ */

/* The known answers published with Random123 (philox4x32, 10 rounds). */
static void test_philox(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], words[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint32_t words[4];
        cn_philox(cases[i].counter, cases[i].key, words);
        assert_memory_equal(words, cases[i].words, sizeof words);
    }
}

/* The layout of key and counter, and the shuffle, from a second program written in Python. */
static void test_random_layout(void **state)
{
    static const uint32_t expected[4] = {0xe5bc5443, 0xa90fce0e, 0xd9b7f6bd, 0x6d0575c1};
    static const struct {
        uint64_t seed;
        size_t epoch, order[12];
    } shuffles[] = {
        {1, 0, {3, 5, 1, 6, 7, 0, 11, 2, 8, 4, 9, 10}},
        {1, 1, {7, 8, 3, 10, 6, 1, 9, 5, 0, 4, 2, 11}},
        {UINT64_C(1) << 53, 3, {6, 10, 3, 4, 8, 2, 0, 7, 5, 9, 11, 1}},
    };
    (void)state;
    cn_random random = cn_random_at(7, CN_DRAW_LAYER, 2, 4, UINT64_C(0x100000009));
    uint32_t words[4];
    assert_int_equal(random.key[0], 0x93c7df65);
    assert_int_equal(random.key[1], 0x8490c52f);
    cn_random_block(&random, 5, words);
    assert_memory_equal(words, expected, sizeof words);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(cn_random_word(&random, 20 + i), expected[i]);
    assert_true(cn_random_uniform(&random, 20) == 0xe5bc5443 / 4294967296.0);
    for (size_t i = 0; i < COUNT_OF(shuffles); i++) {
        size_t order[12];
        cn_random_shuffle(shuffles[i].seed, shuffles[i].epoch, order, 12);
        assert_memory_equal(order, shuffles[i].order, sizeof order);
    }
    cn_random_shuffle(1, 0, NULL, 0);
}

/* Each 200,000 numbers of a stream: mean, variance and kurtosis within five standard errors; normal draws
 * share no word with one another. */
static void test_distributions(void **state)
{
    enum { DRAWS = 200000 };
    (void)state;
    cn_random random = cn_random_at(3, CN_DRAW_INIT, 1, 0, 0);
    double u1 = 0, u2 = 0, n1 = 0, n2 = 0, n4 = 0, lagged = 0, before = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        double u = cn_random_uniform(&random, i), n = cn_random_normal(&random, i);
        assert_true(u >= 0 && u < 1 && isfinite(n));
        u1 += u;
        u2 += (u - 0.5) * (u - 0.5);
        n1 += n;
        n2 += n * n;
        n4 += n * n * n * n;
        lagged += n * before;
        before = n;
    }
    double root = sqrt(DRAWS);
    assert_true(fabs(u1 / DRAWS - 0.5) < 5 * sqrt(1 / 12.0) / root);
    assert_true(fabs(u2 / DRAWS - 1 / 12.0) < 5 * sqrt(1 / 180.0) / root);
    assert_true(fabs(n1 / DRAWS) < 5 / root);
    assert_true(fabs(n2 / DRAWS - 1) < 5 * sqrt(2) / root);
    assert_true(fabs(n4 / DRAWS - 3) < 5 * sqrt(96) / root);
    assert_true(fabs(lagged / DRAWS) < 5 / root);
    uint32_t words[4];
    cn_random_block(&random, 1, words);
    double u = (words[2] + 1.0) / 4294967296.0;
    assert_true(fabs(cn_random_normal(&random, 3) -
                     sqrt(-2 * log(u)) * cos(2 * M_PI * (words[3] / 4294967296.0))) < 1e-15);
    assert_true(isfinite(cn_random_normal(&random, UINT32_MAX)));
}

/* Numbers below 3/4 of 2^64: without the second draw those divisible by three would be half of all. */
static void test_below(void **state)
{
    enum { DRAWS = 30000 };
    size_t counts[3] = {0}, ones = 0;
    (void)state;
    for (uint64_t row = 0; row < DRAWS; row++) {
        cn_random random = cn_random_at(2, CN_DRAW_DATA, 0, 0, row);
        uint64_t number = cn_random_below(&random, UINT64_C(3) << 62);
        assert_true(number < UINT64_C(3) << 62);
        counts[number % 3]++;
        assert_int_equal(cn_random_below(&random, 1), 0);
        ones += cn_random_below(&random, 2);
    }
    for (size_t i = 0; i < 3; i++)
        assert_true(fabs((double)counts[i] - DRAWS / 3.0) < 5 * sqrt(DRAWS * 2 / 9.0));
    assert_true(fabs((double)ones - DRAWS / 2.0) < 5 * sqrt(DRAWS / 4.0));
}

/* All 24 orders of four things come up alike: chi-square with 23 degrees, 0.1 % point 49.7. */
static void test_shuffle(void **state)
{
    enum { TIMES = 24000 };
    size_t counts[256] = {0}, order[1000];
    bool seen[1000] = {false};
    (void)state;
    for (size_t epoch = 0; epoch < TIMES; epoch++) {
        cn_random_shuffle(5, epoch, order, 4);
        counts[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
    }
    double chi = 0;
    size_t kinds = 0;
    for (size_t i = 0; i < 256; i++) {
        kinds += counts[i] > 0;
        if (counts[i] > 0)
            chi += pow((double)counts[i] - TIMES / 24.0, 2) / (TIMES / 24.0);
    }
    assert_int_equal(kinds, 24);
    assert_true(chi < 49.7);
    cn_random_shuffle(5, 0, order, 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_true(order[i] < 1000 && !seen[order[i]]);
        seen[order[i]] = true;
    }
}

/* ---- Files --------------------------------------------------------------------------------------------- */

static char *place(const char *name)
{
    static char path[4][4096];
    static size_t next;
    char *chosen = path[next++ % 4];
    snprintf(chosen, sizeof path[0], "%s/%s", folder, name);
    return chosen;
}

static void assert_holds(const char *path, const char *expected)
{
    cn_bytes bytes;
    assert_int_equal(cn_file_read(path, 1 << 20, &bytes, NULL), CINCH_OK);
    assert_int_equal(bytes.nbytes, strlen(expected));
    assert_memory_equal(bytes.data, expected, bytes.nbytes);
    cn_bytes_clear(&bytes);
}

static void assert_says(cinch_status status, cinch_error *error, cinch_status expected, const char *part)
{
    assert_int_equal(status, expected);
    assert_int_equal(error->status, expected);
    if (!strstr(error->message, part))
        fail_msg("\"%s\" lacks \"%s\"", error->message, part);
    *error = (cinch_error){0};
}

static void test_file(void **state)
{
    (void)state;
    cinch_error error = {0};
    cn_bytes pieces[3] = {{(unsigned char *)"one ", 4}, {NULL, 0}, {(unsigned char *)"two", 3}}, bytes;
    assert_int_equal(cn_file_write(place("a"), pieces, 3, &error), CINCH_OK);
    assert_holds(place("a"), "one two");
    assert_int_equal(chmod(place("a"), 0640), 0);
    assert_int_equal(symlink("a", place("link")), 0);
    assert_int_equal(cn_file_write_text(place("link"), "new", &error), CINCH_OK);
    assert_holds(place("a"), "new");
    struct stat status;
    assert_int_equal(stat(place("a"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_int_equal(lstat(place("link"), &status), 0);
    assert_true(S_ISLNK(status.st_mode));

    assert_int_equal(cn_file_read(place("a"), 3, &bytes, &error), CINCH_OK);
    cn_bytes_clear(&bytes);
    assert_says(cn_file_read(place("a"), 2, &bytes, &error), &error, CINCH_BAD_INPUT, "limit of 2 bytes");
    assert_says(cn_file_read(place("none"), 9, &bytes, &error), &error, CINCH_IO,
                "none: cannot be opened: No such");
    assert_says(cn_file_read(folder, 9, &bytes, &error), &error, CINCH_IO, "is a folder");
    assert_says(cn_file_write_text(folder, "x", &error), &error, CINCH_IO, "is a folder");
    assert_says(cn_file_write_text(place("no/such"), "x", &error), &error, CINCH_IO,
                "no/such: cannot be written");
    assert_int_equal(cn_file_write_text("/dev/null", "x", &error), CINCH_OK);
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    assert_says(cn_file_write_text("/dev/full", "x", &error), &error, CINCH_IO, "No space left");
    char left[64]; /* by a killed process that had our number */
    snprintf(left, sizeof left, "left.tmp-%ld", (long)getpid());
    assert_int_equal(symlink("/dev/full", place(left)), 0);
    assert_int_equal(cn_file_write_text(place("left"), "x", &error), CINCH_OK);
    assert_int_not_equal(lstat(place(left), &status), 0);
    assert_int_equal(cn_file_write_text(place("empty"), "", &error), CINCH_OK);
    assert_holds(place("empty"), "");
    assert_int_equal(cn_file_read("/proc/self/stat", 1 << 20, &bytes, &error),
                     CINCH_OK); /* a size that lies */
    assert_true(bytes.nbytes > 10);
    cn_bytes_clear(&bytes);
    assert_true(cn_file_exists(folder) && !cn_file_is_regular(folder) && cn_file_is_regular(place("a")));
    assert_false(cn_file_exists(place("none")));
}

/* A pipe: more than the first block, and a limit that its size does not tell. */
static void test_pipe(void **state)
{
    enum { BYTES = 300000 };
    (void)state;
    for (size_t limit = BYTES - 1; limit <= BYTES; limit++) {
        int ends[2], kept = dup(STDIN_FILENO);
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            signal(SIGPIPE, SIG_IGN);
            for (int i = 0; i < BYTES; i++)
                if (write(ends[1], &(char){(char)(i % 251)}, 1) != 1)
                    break;
            _exit(0);
        }
        close(ends[1]);
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        cinch_error error = {0};
        cn_bytes bytes;
        cinch_status status = cn_file_read("-", limit, &bytes, &error);
        dup2(kept, STDIN_FILENO);
        close(kept);
        waitpid(child, NULL, 0);
        if (limit < BYTES) {
            assert_says(status, &error, CINCH_BAD_INPUT,
                        "standard input: is larger than the limit of 299999");
            continue;
        }
        assert_int_equal(status, CINCH_OK);
        assert_int_equal(bytes.nbytes, BYTES);
        for (int i = 0; i < BYTES; i++)
            assert_int_equal(bytes.data[i], i % 251);
        cn_bytes_clear(&bytes);
    }
}

static void test_broken_pipe(void **state)
{
    (void)state;
    fflush(stdout);
    int ends[2], kept = dup(STDOUT_FILENO);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    cinch_error error = {0};
    cinch_status status = cn_file_write_text("-", "x", &error);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    signal(SIGPIPE, before);
    assert_says(status, &error, CINCH_IO, "standard output: cannot be written: Broken pipe");
}

static size_t count_files(void)
{
    char command[sizeof folder + 32], line[32] = "";
    snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(line, sizeof line, pipe));
    pclose(pipe);
    return (size_t)atoi(line);
}

/* Each system call counted, and failing where its turn has come; reads and writes come in small pieces,
 * every other one interrupted. */
static int open_files;
static char order_of_calls[4096]; /* S flushed, C closed, R renamed */
static bool interrupted;

static void note_call(char letter)
{
    size_t length = strlen(order_of_calls);
    if (length + 1 < sizeof order_of_calls)
        order_of_calls[length] = letter;
}

static int faulty_open(const char *path, int flags, mode_t mode)
{
    if (fails_now()) {
        errno = EACCES;
        return -1;
    }
    int fd = open(path, flags, mode);
    open_files += fd >= 0;
    return fd;
}

static bool interrupts(void)
{
    interrupted = !interrupted;
    errno = EINTR;
    return interrupted;
}

static ssize_t faulty_read(int fd, void *buffer, size_t nbytes)
{
    if (fails_now()) {
        errno = EIO;
        return -1;
    }
    return interrupts() ? -1 : read(fd, buffer, nbytes < 3 ? nbytes : 3);
}

static ssize_t faulty_write(int fd, const void *buffer, size_t nbytes)
{
    if (fails_now()) {
        errno = ENOSPC;
        return -1;
    }
    return interrupts() ? -1 : write(fd, buffer, nbytes < 3 ? nbytes : 3);
}

static int failed(void)
{
    errno = EIO;
    return -1;
}

static int faulty_fstat(int fd, struct stat *status)
{
    return fails_now() ? failed() : fstat(fd, status);
}

static int faulty_fsync(int fd)
{
    note_call('S');
    return fails_now() ? failed() : fsync(fd);
}

/* Closes all the same, as the system does. */
static int faulty_close(int fd)
{
    close(fd);
    note_call('C');
    open_files--;
    return fails_now() ? failed() : 0;
}

static int faulty_rename(const char *from, const char *to)
{
    note_call('R');
    return fails_now() ? failed() : rename(from, to);
}

static int faulty_mkdir(const char *path, mode_t mode)
{
    return fails_now() ? failed() : mkdir(path, mode);
}

static int faulty_flock(int fd, int operation)
{
    return fails_now() ? failed() : flock(fd, operation);
}

/* unlink is left to work: a temporary that cannot be removed cannot be helped. */
static const cn_system faulty = {
    faulty_open,   faulty_read, faulty_write, faulty_fstat, faulty_fsync, faulty_close,
    faulty_rename, unlink,      faulty_mkdir, faulty_flock, readdir,
};

static cinch_status write_then_read(cinch_error *error)
{
    cn_bytes bytes;
    cinch_status status = cn_file_write_text(place("b"), "new bytes", error);
    if (status == CINCH_OK)
        status = cn_file_read(place("b"), 100, &bytes, error);
    if (status == CINCH_OK)
        cn_bytes_clear(&bytes);
    return status;
}

static cinch_status make_and_lock(cinch_error *error)
{
    int lock = -1;
    cinch_status status = cn_folder_make(place("deep/er/"), error);
    if (status == CINCH_OK)
        status = cn_folder_lock(place("deep/er"), &lock, error);
    cn_folder_unlock(lock);
    return status;
}

/* Old or new, never between; no temporary stays, no descriptor either. */
static void test_file_faults(void **state)
{
    (void)state;
    assert_int_equal(cn_file_write_text(place("b"), "old", NULL), CINCH_OK);
    size_t files = count_files(), total = 1, failures = 0;
    enum { HARMLESS = 3 }; /* the closing of what was only looked at, flushed or read */
    for (int after = 0; after < 2; after++) {
        for (size_t n = 0; n <= total; n++) {
            cinch_error error = {0};
            cn_file_write_text(place("b"), "old", NULL);
            calls_made = 0;
            failing_call = n;
            failing_ever_after = after == 1;
            open_files = 0;
            interrupted = false;
            memset(order_of_calls, 0, sizeof order_of_calls);
            cn_file_use(&faulty);
            cinch_status status = write_then_read(&error);
            cn_file_use(NULL);
            if (n == 0) {
                total = calls_made;
                assert_non_null(strstr(order_of_calls, "SCRS")); /* on disk, then renamed, then the folder */
            }
            assert_int_equal(open_files, 0);
            assert_int_equal(error.status, status);
            assert_true(status == CINCH_OK || status == CINCH_IO);
            assert_true(status == CINCH_OK || strstr(error.message, "/b: cannot be "));
            assert_true(n > 0 || status == CINCH_OK);
            failures += status != CINCH_OK && after == 0;
            assert_int_equal(count_files(), files);
            cn_bytes bytes;
            assert_int_equal(cn_file_read(place("b"), 100, &bytes, NULL), CINCH_OK);
            bool old = bytes.nbytes == 3 && memcmp(bytes.data, "old", 3) == 0;
            bool new = bytes.nbytes == 9 && memcmp(bytes.data, "new bytes", 9) == 0;
            assert_true(old || new);
            assert_true(new || status != CINCH_OK);
            cn_bytes_clear(&bytes);
        }
    }
    failing_call = 0;
    assert_int_equal(failures, total - HARMLESS);
    assert_true(failures > 20);
    fail_allocations(write_then_read);
}

static void test_folders(void **state)
{
    (void)state;
    cinch_error error = {0};
    int lock, second;
    for (size_t n = 1; n < 12; n++) {
        calls_made = 0;
        failing_call = n;
        failing_ever_after = false;
        open_files = 0;
        cn_file_use(&faulty);
        cinch_status status = make_and_lock(&error);
        cn_file_use(NULL);
        assert_int_equal(open_files, 0);
        assert_int_equal(status, error.status);
        error = (cinch_error){0};
        rmdir(place("deep/er"));
        rmdir(place("deep"));
    }
    failing_call = 0;
    assert_int_equal(make_and_lock(&error), CINCH_OK);
    assert_int_equal(make_and_lock(&error), CINCH_OK);
    assert_says(cn_folder_make(place("a/b"), &error), &error, CINCH_IO, "a file is in the way");
    assert_says(cn_folder_make(place("a"), &error), &error, CINCH_IO, "a file is in the way");
    assert_says(cn_folder_make("", &error), &error, CINCH_IO, "cannot be made");
    assert_int_equal(cn_folder_make("/", &error), CINCH_OK);

    assert_int_equal(cn_folder_lock(place("deep"), &lock, &error), CINCH_OK);
    assert_says(cn_folder_lock(place("deep"), &second, &error), &error, CINCH_FAILED,
                "deep: another training");
    assert_int_equal(second, -1);
    cn_folder_unlock(lock);
    assert_int_equal(cn_folder_lock(place("deep"), &lock, &error), CINCH_OK);
    cn_folder_unlock(lock);
    assert_says(cn_folder_lock(place("none"), &lock, &error), &error, CINCH_IO, "none: cannot be opened");
}

/* Only what a dead process left goes. */
static void test_sweep(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    char dead[64], alive[64], foreign[64];
    snprintf(dead, sizeof dead, "deep/model.tmp-%ld", (long)child);
    snprintf(alive, sizeof alive, "deep/model.tmp-%ld", (long)getpid());
    snprintf(foreign, sizeof foreign, "deep/notes.tmp-%ld", (long)child);
    static const char *const names[] = {"model", "x", NULL};
    const char *const stay[] = {alive,          "deep/x.tmp-",  "deep/x.tmp-12a", foreign,
                                "deep/.tmp-99", "deep/x.tmp-0", "deep/x.tmp-1"};
    assert_int_equal(cn_file_write_text(place(dead), "x", NULL), CINCH_OK);
    for (size_t i = 0; i < COUNT_OF(stay); i++)
        assert_int_equal(cn_file_write_text(place(stay[i]), "x", NULL), CINCH_OK);
    cn_folder_sweep(place("deep"), names);
    cn_folder_sweep(place("none"), names);
    assert_false(cn_file_exists(place(dead)));
    for (size_t i = 0; i < COUNT_OF(stay); i++)
        assert_true(cn_file_exists(place(stay[i])));
}

static void test_paths(void **state)
{
    static const struct {
        const char *folder, *name, *joined;
    } joins[] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a", "/b", "/b"},
        {NULL, "b", "b"},  {"", "b", "b"},     {"/", "b", "/b"},
    };
    static const char *const folders[][2] = {
        {"a", "."}, {"a/b", "a"}, {"/a", "/"}, {"a/b/c", "a/b"}, {"-", "."}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(joins); i++) {
        char *joined = cn_path_join(joins[i].folder, joins[i].name, NULL);
        assert_string_equal(joined, joins[i].joined);
        cn_free(joined);
    }
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        char *part = cn_path_folder(folders[i][0], NULL);
        assert_string_equal(part, folders[i][1]);
        cn_free(part);
    }
    char here[4096], expected[5000];
    assert_non_null(getcwd(here, sizeof here));
    static const char *const absolutes[][2] = {
        {"x", "/x"}, {"./x", "/x"}, {"././/x", "/x"}, {".", ""}, {"../x", "/../x"}};
    for (size_t i = 0; i < COUNT_OF(absolutes); i++) {
        char *path = cn_path_absolute(absolutes[i][0], NULL);
        snprintf(expected, sizeof expected, "%s%s", here, absolutes[i][1]);
        assert_string_equal(path, expected);
        cn_free(path);
    }
}

/* ---- Threads ------------------------------------------------------------------------------------------- */

typedef struct relay {
    cn_threads *threads;
    size_t count, rounds, *values; /* plain memory: only the barrier orders it */
    bool right[64];
} relay;

/* Each round every thread writes its own place, and reads its neighbours' of the round before. */
static void pass_on(void *arg, size_t thread)
{
    relay *race = arg;
    size_t neighbour = (thread + 1) % race->count;
    race->right[thread] = true;
    for (size_t round = 1; round <= race->rounds; round++) {
        race->values[thread] = round * 100 + thread;
        cn_threads_barrier(race->threads);
        if (race->values[neighbour] != round * 100 + neighbour)
            race->right[thread] = false;
        cn_threads_barrier(race->threads);
    }
}

static void test_threads(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 9; count++) {
        size_t values[64] = {0};
        cn_threads *threads = cn_threads_new(count, NULL);
        assert_non_null(threads);
        assert_int_equal(cn_threads_count(threads), count);
        relay race = {.threads = threads, .count = count, .rounds = 300, .values = values};
        for (int again = 0; again < 3; again++) {
            memset(race.right, 0, sizeof race.right);
            cn_threads_run(threads, pass_on, &race);
            for (size_t i = 0; i < count; i++)
                assert_true(race.right[i]);
            usleep(2000); /* long enough for the workers to fall asleep */
        }
        cn_threads_free(threads);
    }
    cn_threads_free(NULL);
}

static cinch_status open_pool(cinch_error *error)
{
    cn_threads *threads = cn_threads_new(3, error);
    cn_threads_free(threads);
    return threads ? CINCH_OK : error->status;
}

static void test_threads_count(void **state)
{
    (void)state;
    cinch_error error = {0};
    setenv("CINCH_THREADS", "3", 1);
    cn_threads *threads = cn_threads_new(0, &error);
    assert_int_equal(cn_threads_count(threads), 3);
    cn_threads_free(threads);
    static const char *const wrong[] = {"0", "-1", "x", "2.5", "1025", "1e9"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        setenv("CINCH_THREADS", wrong[i], 1);
        threads = cn_threads_new(0, &error);
        assert_null(threads);
        assert_says(CINCH_USAGE, &error, CINCH_USAGE, "CINCH_THREADS");
    }
    threads = cn_threads_new(1, &error); /* a count that is given does not ask */
    assert_non_null(threads);
    cn_threads_free(threads);
    unsetenv("CINCH_THREADS");
    threads = cn_threads_new(0, &error);
    assert_true(cn_threads_count(threads) >= 1);
    cn_threads_free(threads);
    fail_allocations(open_pool);
}

/* Where the system gives no more threads: an error, and those that had started are gone. */
static void test_threads_refused(void **state)
{
    (void)state;
    if (SANITIZED)
        skip();
    pid_t child = fork();
    if (child == 0) {
        cinch_error error = {0};
        struct rlimit limit = {512 << 20, 512 << 20};
        setrlimit(RLIMIT_AS, &limit);
        cn_memory_use(&counted);
        live_blocks = 0;
        cn_threads *threads = cn_threads_new(1000, &error);
        _exit(!threads && error.status == CINCH_MEMORY && live_blocks == 0 &&
              strstr(error.message, " of 1000 cannot"));
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void test_shares(void **state)
{
    (void)state;
    for (size_t n = 0; n < 70; n++) {
        for (size_t unit = 1; unit < 40; unit += 3) {
            for (size_t nthread = 1; nthread < 9; nthread++) {
                size_t next = 0, least = SIZE_MAX, most = 0;
                for (size_t thread = 0; thread < nthread; thread++) {
                    size_t first, count;
                    cn_threads_share(n, unit, nthread, thread, &first, &count);
                    assert_int_equal(first, next);
                    assert_true(count == 0 || first % unit == 0);
                    next += count;
                    size_t blocks = (count + unit - 1) / unit;
                    least = blocks < least ? blocks : least;
                    most = blocks > most ? blocks : most;
                }
                assert_int_equal(next, n);
                assert_true(most - least <= 1);
            }
        }
    }
}

/* ---- Specs --------------------------------------------------------------------------------------------- */

static const char *const acts[] = {"linear", "relu", "sigmoid", "tanh", NULL};
static const char *const pads[] = {"same", "valid", NULL};

static const cn_option dense_options[] = {
    {.name = "N",
     .type = CN_COUNT,
     .value_argument = true,
     .minimum = 1,
     .maximum = 1000000,
     .summary = "outputs"},
    {.name = "ACT",
     .type = CN_WORD,
     .value_argument = true,
     .words = acts,
     .standard = "linear",
     .summary = "f"},
    {.name = NULL},
};
static const cn_option conv_options[] = {
    {.name = "C",
     .type = CN_COUNT,
     .value_argument = true,
     .minimum = 1,
     .maximum = INFINITY,
     .summary = "channels"},
    {.name = "HxW", .type = CN_SIZE, .value_argument = true, .summary = "kernel"},
    {.name = "ACT",
     .type = CN_WORD,
     .value_argument = true,
     .words = acts,
     .standard = "linear",
     .summary = "f"},
    {.name = "stride", .type = CN_COUNT, .minimum = 1, .standard = "1", .summary = "step"},
    {.name = "pad", .type = CN_WORD, .words = pads, .standard = "same", .summary = "edges"},
    {.name = NULL},
};
static const cn_option dropout_options[] = {
    {.name = "P",
     .type = CN_NUMBER,
     .value_argument = true,
     .minimum = 0,
     .maximum = 1,
     .open_maximum = true,
     .summary = "share"},
    {.name = NULL},
};
static const cn_option tied_options[] = {
    {.name = "ACT",
     .type = CN_WORD,
     .value_argument = true,
     .repeats = true,
     .words = acts,
     .standard = "linear",
     .summary = "f of each"},
    {.name = "bias", .type = CN_FLAG, .standard = "true", .summary = "with biases"},
    {.name = NULL},
};
static const cn_option adam_options[] = {
    {.name = "lr", .type = CN_NUMBER, .open_minimum = true, .standard = "0.001", .summary = "step"},
    {.name = "beta1",
     .type = CN_NUMBER,
     .maximum = 1,
     .open_maximum = true,
     .standard = "0.9",
     .summary = "decay"},
    {.name = "eps", .type = CN_NUMBER, .standard = "1e-8", .summary = "keeps from 0"},
    {.name = "nes_terov", .type = CN_FLAG, .standard = "false", .summary = "look ahead"},
    {.name = "note", .type = CN_TEXT, .standard = "", .summary = "anything"},
    {.name = NULL},
};
static const cn_part dense = {.name = "dense",
                              .summary = "every input to every output",
                              .equation = "y = f(W x + b)",
                              .example = "dense 32 relu",
                              .options = dense_options};
static const cn_part conv = {
    .name = "conv", .summary = "the same small window everywhere", .equation = NULL, .options = conv_options};
static const cn_part dropout = {
    .name = "dropout", .summary = "leaves values out", .equation = NULL, .options = dropout_options};
static const cn_part tied = {
    .name = "tied", .summary = "the encoder's weights", .equation = NULL, .options = tied_options};
static const cn_part adam = {
    .name = "adam", .summary = "Kingma, Ba", .equation = NULL, .options = adam_options};
static const cn_part plain = {.name = "l1_plain", .summary = "no options", .equation = NULL, .options = NULL};
static const cn_part *const parts[] = {&dense, &conv, &dropout, &tied, &adam, &plain, NULL};

/* What is read, and how it is printed. */
static void test_spec(void **state)
{
    static const char *const cases[][2] = {
        {"dense 32", "dense 32"},
        {"  dense\t32   linear ", "dense 32"},
        {"dense 32 relu", "dense 32 relu"},
        {"dense N=7 ACT=relu", "dense 7 relu"},
        {"conv 16 3x5", "conv 16 3x5"},
        {"conv 16 3x3 relu stride=2 pad=valid", "conv 16 3x3 relu stride=2 pad=valid"},
        {"conv 1 1x1 stride=1", "conv 1 1x1"},
        {"dropout 0.25", "dropout 0.25"},
        {"dropout 0", "dropout 0"},
        {"dropout 2.5e-1", "dropout 0.25"},
        {"tied", "tied"},
        {"tied linear", "tied"},
        {"tied linear linear", "tied linear linear"},
        {"tied relu sigmoid linear bias=false", "tied relu sigmoid linear bias=false"},
        {"adam", "adam"},
        {"adam lr=0.01 eps=1e-6", "adam lr=0.01 eps=1e-06"},
        {"adam eps=1e-8 beta1=0.5", "adam beta1=0.5"},
        {"adam nes-terov=true", "adam nes_terov=true"},
        {"adam note=a=b;c", "adam note=a=b;c"},
        {"adam eps=-0", "adam eps=0"},
        {"l1-plain", "l1_plain"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cinch_error error = {0};
        cn_spec spec;
        cn_text text = {0};
        if (cn_spec_parse(cases[i][0], "layer", parts, &spec, &error) != CINCH_OK)
            fail_msg("%s: %s", cases[i][0], error.message);
        cn_spec_print(&spec, &text);
        assert_string_equal(text.chars, cases[i][1]);
        cn_text_clear(&text);
        cn_spec_clear(&spec);
    }
    cn_spec spec;
    assert_int_equal(cn_spec_parse("conv 16 3x5 tanh", "layer", parts, &spec, NULL), CINCH_OK);
    assert_true(spec.values[0].count == 16 && spec.values[1].size.height == 3 &&
                spec.values[1].size.width == 5);
    assert_true(spec.values[2].word == 3 && spec.values[3].count == 1 && spec.values[4].word == 0);
    assert_null(spec.storage);
    assert_int_equal(cn_spec_parse("tied relu tanh", "layer", parts, &spec, NULL), CINCH_OK);
    assert_true(spec.nrepeat == 2 && spec.repeats[0] == 1 && spec.repeats[1] == 3 &&
                spec.values[0].word == 1);
    assert_int_equal(cn_spec_parse("tied", "layer", parts, &spec, NULL), CINCH_OK);
    assert_true(spec.nrepeat == 1 && spec.repeats[0] == 0 && spec.values[1].flag);
}

static void test_spec_errors(void **state)
{
    static const char *const cases[][2] = {
        {"dens 3", "unknown layer \"dens\"; the nearest is \"dense\" (see cinch help layers)"},
        {"zzzzzz", "unknown layer \"zzzzzz\" (see cinch help layers)"},
        {"", "no layer is named"},
        {"dense", "dense: N is missing; the form is: dense N [ACT]"},
        {"dense 0", "dense: N = 0 is below 1"},
        {"dense -4", "dense: N = -4 is below 1"},
        {"dense 1000001", "dense: N = 1000001 is above 1000000"},
        {"dense 2.5", "dense: N = 2.5 is not a whole number"},
        {"dense many", "dense: N = \"many\" is not a number"},
        {"dense 2, dense 3", "\"dense 2, dense 3\": no comma before a blank"},
        {"dense 2, relu", "words stand apart by blanks, layers by |"},
        {"dense 0x10", "dense: N = \"0x10\" is not a number"},
        {"dense nan", "dense: N = \"nan\" is not a number"},
        {"dense 3 rely", "dense: unknown ACT \"rely\"; the nearest is \"relu\""},
        {"dense 3 qqq", "dense: unknown ACT \"qqq\"; known: linear, relu, sigmoid, tanh"},
        {"dense 3 relu 4", "dense: \"4\" is one value too many; the form is: dense N [ACT]"},
        {"dense 3 N=4", "dense: N is given twice"},
        {"dense N=4 relu", "dense: the value \"relu\" stands after a key=value; values come first"},
        {"conv 99999999999999999999 3x3", "conv: C = 99999999999999999999 is above 9007199254740991"},
        {"conv 2 3", "conv: HxW = \"3\" is not a height and width such as 3x3"},
        {"conv 2 3x", "conv: HxW = \"3x\" is not"},
        {"conv 2 0x3", "conv: HxW = \"0x3\" is not"},
        {"conv 2 3x3x3", "conv: HxW = \"3x3x3\" is not"},
        {"conv 2 3x99999999999999999999", "is not a height and width"},
        {"conv 2 3x3 stride=0", "conv: stride = 0 is below 1"},
        {"dropout 1", "dropout: P = 1 is not below 1"},
        {"dropout -0.1", "dropout: P = -0.1 is below 0"},
        {"adam lrr=1", "adam: unknown option \"lrr\"; the nearest is \"lr\""},
        {"adam lr=0", "adam: lr = 0 is not above 0"},
        {"adam lr=1 lr=2", "adam: lr is given twice"},
        {"adam lr", "adam: \"lr\" is one value too many; the form is: adam [lr=0.001]"},
        {"adam nes_terov=yes", "adam: nes_terov = \"yes\" is neither true nor false"},
        {"adam =1", "adam: unknown option \"\""},
        {"l1_plain x=1", "l1_plain: unknown option \"x\""},
        {"dense\x1b 3", "unknown layer \"dense\\x1b\"; the nearest is \"dense\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cinch_error error = {0};
        cn_spec spec;
        assert_says(cn_spec_parse(cases[i][0], "layer", parts, &spec, &error), &error, CINCH_USAGE,
                    cases[i][1]);
        assert_null(spec.storage);
    }
    static const char *const plurals[][2] = {
        {"penalty", "penalties"}, {"loss", "losses"}, {"figure", "figures"}};
    for (size_t i = 0; i < COUNT_OF(plurals); i++) {
        cinch_error error = {0};
        cn_spec spec;
        cn_spec_parse("zzzzzz", plurals[i][0], parts, &spec, &error);
        assert_non_null(strstr(error.message, plurals[i][1]));
    }
    char many[1000] = "tied";
    for (size_t i = 0; i <= CN_MAX_REPEATS; i++)
        strcat(many, " relu");
    cinch_error error = {0};
    cn_spec spec;
    assert_says(cn_spec_parse(many, "layer", parts, &spec, &error), &error, CINCH_USAGE,
                "more than 64 times");
    error = (cinch_error){.status = CINCH_IO, .message = "first"};
    cn_spec_parse("dense 0", "layer", parts, &spec, &error);
    assert_string_equal(error.message, "first");
}

static void add_random_value(const cn_option *option, cn_text *text)
{
    static const double scales[] = {1e-12, 1e-3, 0.999, 1, 1e3, 1e12};
    double share = (double)(dice() >> 11) / 9007199254740992.0;
    size_t count = 0;
    while (option->words && option->words[count])
        count++;
    switch (option->type) {
    case CN_NUMBER:
        cn_text_add(text, "%.17g", option->maximum == 1 ? share : share * scales[dice() % 6] + 1e-300);
        break;
    case CN_COUNT:
        cn_text_add(text, "%llu", (unsigned long long)(1 + dice() % 100000));
        break;
    case CN_FLAG:
        cn_text_add(text, dice() % 2 ? "true" : "false");
        break;
    case CN_WORD:
        cn_text_add(text, "%s", option->words[dice() % count]);
        break;
    case CN_SIZE:
        cn_text_add(text, "%dx%d", (int)(dice() % 99 + 1), (int)(dice() % 99 + 1));
        break;
    case CN_TEXT:
        cn_text_add(text, "t%llu=x", (unsigned long long)(dice() % 1000));
        break;
    }
}

static void add_random_spec(const cn_part *part, cn_text *text)
{
    cn_text_add(text, "%s", part->name);
    bool placed = true;
    for (const cn_option *option = part->options; option && option->name; option++) {
        if (option->standard && dice() % 2) {
            placed = false;
            continue;
        }
        if (option->value_argument && !placed)
            continue;
        size_t times = option->repeats ? 1 + dice() % 5 : 1;
        for (size_t i = 0; i < times; i++) {
            cn_text_add(text, option->value_argument ? " " : " %s=", option->name);
            add_random_value(option, text);
        }
    }
}

/* Read, printed, read again: the same values; printed again: the same text. */
static void test_spec_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++) {
        cn_text random = {0}, once = {0}, twice = {0};
        cn_pipeline first, second;
        size_t count = 1 + dice() % 4;
        for (size_t k = 0; k < count; k++) {
            if (k > 0)
                cn_text_add(&random, dice() % 2 ? " | " : "|");
            add_random_spec(parts[dice() % 6], &random);
        }
        cinch_error error = {0};
        if (cn_pipeline_parse(random.chars, "layer", parts, 10, &first, &error) != CINCH_OK)
            fail_msg("%s: %s", random.chars, error.message);
        assert_int_equal(first.count, count);
        cn_pipeline_print(&first, &once);
        assert_int_equal(cn_pipeline_parse(once.chars, "layer", parts, 10, &second, &error), CINCH_OK);
        cn_pipeline_print(&second, &twice);
        assert_string_equal(once.chars, twice.chars);
        for (size_t k = 0; k < count; k++) {
            const cn_spec *a = &first.specs[k], *b = &second.specs[k];
            assert_ptr_equal(a->part, b->part);
            assert_int_equal(a->nrepeat, b->nrepeat);
            assert_memory_equal(a->repeats, b->repeats, sizeof a->repeats);
            for (size_t o = 0; a->part->options && a->part->options[o].name; o++) {
                if (a->part->options[o].type == CN_TEXT)
                    assert_string_equal(a->values[o].text, b->values[o].text);
                else
                    assert_memory_equal(&a->values[o], &b->values[o], sizeof a->values[o]);
            }
        }
        cn_pipeline_clear(&first);
        cn_pipeline_clear(&second);
        cn_text_clear(&random);
        cn_text_clear(&once);
        cn_text_clear(&twice);
    }
}

static const char pipeline_text[] =
    "dense 128 relu | dropout 0.25 | conv 16 3x3 relu stride=2 pad=valid | adam "
    "lr=0.01 note=x | tied relu sigmoid bias=false";

static cinch_status pipeline_once(cinch_error *error)
{
    cn_pipeline pipeline;
    cn_text text = {0};
    cinch_status status = cn_pipeline_parse(pipeline_text, "layer", parts, 10, &pipeline, error);
    if (status != CINCH_OK)
        return status;
    cn_pipeline_print(&pipeline, &text);
    cn_pipeline_clear(&pipeline);
    char *chars = cn_text_take(&text, error);
    cn_free(chars);
    return chars ? CINCH_OK : error->status;
}

static void test_pipeline(void **state)
{
    static const char *const empty[] = {"", "  ", "none", " none "};
    (void)state;
    cinch_error error = {0};
    cn_pipeline pipeline;
    cn_text text = {0};
    for (size_t i = 0; i < COUNT_OF(empty); i++) {
        assert_int_equal(cn_pipeline_parse(empty[i], "penalty", parts, 10, &pipeline, &error), CINCH_OK);
        assert_int_equal(pipeline.count, 0);
        cn_pipeline_clear(&pipeline);
    }
    cn_pipeline_print(&pipeline, &text);
    assert_string_equal(text.chars, "none");
    cn_text_clear(&text);
    static const char *const wrong[][2] = {
        {"dense 3 |", "no layer is named"},
        {"| dense 3", "no layer is named"},
        {"dense 3 | | dense 4", "no layer is named"},
        {"dense 3 | dens 4", "unknown layer \"dens\""},
        {"dense 3 | none", "unknown layer \"none\""},
        {"nonesuch", "unknown layer \"nonesuch\""},
        {"dense 1|dense 1|dense 1|dense 1", "more than 3"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_says(cn_pipeline_parse(wrong[i][0], "layer", parts, 3, &pipeline, &error), &error, CINCH_USAGE,
                    wrong[i][1]);
        assert_null(pipeline.specs);
    }
    fail_allocations(pipeline_once);
}

/* Every beginning of a good text and 20,000 damaged ones: read or refused, nothing else. */
static void test_spec_damage(void **state)
{
    (void)state;
    char text[sizeof pipeline_text];
    for (int i = 0; i < 20000; i++) {
        memcpy(text, pipeline_text, sizeof text);
        if ((size_t)i < sizeof text)
            text[i] = '\0';
        for (size_t k = (size_t)i < sizeof text ? 0 : 1 + dice() % 4; k > 0; k--) {
            size_t at = dice() % (sizeof text - 1);
            text[at] = dice() % 2 ? (char)(dice() % 256) : " |=x0-1."[dice() % 8];
        }
        cn_pipeline pipeline;
        cinch_error error = {0};
        cinch_status status = cn_pipeline_parse(text, "layer", parts, 10, &pipeline, &error);
        assert_int_equal(status, error.status);
        assert_true(status == CINCH_OK || status == CINCH_USAGE);
        assert_true(status == CINCH_OK || error.message[0] != '\0');
        cn_pipeline_clear(&pipeline);
    }
}

static void test_help(void **state)
{
    (void)state;
    cn_text text = {0};
    cn_parts_help("layer", parts, &text);
    static const char *const expected[] = {
        "Layers\n\ndense N [ACT]\n    every input to every output\n    y = f(W x + b)\n",
        "\n    as in: dense 32 relu\n",
        "outputs (a whole number from 1 to 1000000; must be given)",
        "conv C HxW [ACT] [stride=1] [pad=same]\n",
        "channels (a whole number at least 1; must be given)",
        "share (a number at least 0, below 1; must be given)",
        "step (a number above 0; default 0.001)",
        "edges (same or valid; default same)",
        "look ahead (true or false; default false)",
        "anything\n",
        "keeps from 0 (a number; default 1e-8)",
        "tied [ACT...] [bias=true]\n",
    };
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        if (!strstr(text.chars, expected[i]))
            fail_msg("no \"%s\" in:\n%s", expected[i], text.chars);
    cn_text_clear(&text);
}

/* ---- INI ----------------------------------------------------------------------------------------------- */

static cinch_status collect(void *user, const char *section, const char *key, const char *value,
                            cinch_error *error)
{
    if (strcmp(key, "bad") == 0)
        return cn_fail(error, CINCH_USAGE, "bad key");
    cn_text_add(user, "(%s|%s|%s)", section, key, value);
    return CINCH_OK;
}

static void test_ini(void **state)
{
    static const char *const good[][2] = {
        {"", ""},
        {"[a]\nx=1\n", "(a|x|1)"},
        {"[a]\r\n x = 1  2 \r\n", "(a|x|1  2)"},
        {"\xef\xbb\xbf[ a ]\nx=1", "(a|x|1)"},
        {"# c\n; d\n\n  # e\n[a]\nx = # not a comment\ny =\n", "(a|x|# not a comment)(a|y|)"},
        {"x=1\n[a]\n[b]\ny=a=b", "(|x|1)(b|y|a=b)"},
        {"[a]\nx = \"q\"", "(a|x|\"q\")"},
    };
    static const struct {
        const char *text;
        size_t length;
        const char *message;
    } bad[] = {
        {"[a]\nx\n", 6, "f.ini:2: \"x\" is neither"},
        {"[a\n", 3, "f.ini:1: \"[a\" lacks the bracket"},
        {"[", 1, "f.ini:1: \"[\" lacks"},
        {"\n\n=1\n", 5, "f.ini:3: no key stands before"},
        {"[a]\nx=\0y\n", 9, "f.ini:2: a NUL byte"},
        {"[a]\nbad=1", 9, "f.ini:2: bad key"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        cinch_error error = {0};
        cn_text text = {0};
        cn_text_add_bytes(&text, "", 0);
        assert_int_equal(cn_ini_parse("f.ini", good[i][0], strlen(good[i][0]), collect, &text, &error),
                         CINCH_OK);
        assert_string_equal(text.chars, good[i][1]);
        cn_text_clear(&text);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        cinch_error error = {0};
        cn_text text = {0};
        cinch_status status = cn_ini_parse("f.ini", bad[i].text, bad[i].length, collect, &text, &error);
        assert_says(status, &error, i == 5 ? CINCH_USAGE : CINCH_BAD_INPUT, bad[i].message);
        cn_text_clear(&text);
    }
}

/* A line longer than any buffer comes whole. */
static void test_ini_long_line(void **state)
{
    enum { LENGTH = 100000 };
    (void)state;
    char *line = malloc(LENGTH + 10);
    memcpy(line, "[a]\nx=", 6);
    memset(line + 6, 'v', LENGTH);
    cn_text text = {0};
    assert_int_equal(cn_ini_parse("f", line, LENGTH + 6, collect, &text, NULL), CINCH_OK);
    assert_int_equal(text.length, LENGTH + strlen("(a|x|)"));
    cn_text_clear(&text);
    free(line);
}

/* ---- Recipes ------------------------------------------------------------------------------------------- */

static const char recipe_text[] =
    "# digits\n[data]\ntrain = digits.npy\nvalidation = 0.10\nscale = minmax\nlabel = kind\n"
    "\n[model]\nencoder = dense 32 relu\ninit-from = first.safetensors\n[train]\n"
    "loss = bce\nepochs = 1e2\nshuffle = false\nlog-every = 5\n[report]\nfigures = none\n";

static cinch_recipe *parse(const char *text, cinch_error *error)
{
    return cn_recipe_parse("r.ini", text, strlen(text), folder, error);
}

static void test_recipe_table(void **state)
{
    static const char *const names[] = {
        "train",    "test",    "columns",  "label",     "array",      "scale",     "validation",
        "limit",    "missing", "input",    "encoder",   "decoder",    "init",      "init_from",
        "pretrain", "loss",    "penalty",  "optimizer", "batch",      "epochs",    "shuffle",
        "seed",     "threads", "patience", "keep",      "checkpoint", "log_every", "figures",
    };
    static const char *const defaults[] = {
        "",
        "",
        "",
        "",
        "",
        "auto",
        "0",
        "0",
        "refuse",
        "",
        "",
        "mirror",
        "glorot_uniform",
        "",
        "none",
        "mse",
        "none",
        "adam",
        "32",
        "10",
        "true",
        "1",
        "0",
        "0",
        "auto",
        "auto",
        "1",
        "none",
    };
    (void)state;
    cinch_recipe *recipe = cinch_recipe_new(NULL);
    assert_int_equal(COUNT_OF(names), CN_NKEY);
    for (cn_key key = 0; key < CN_NKEY; key++) {
        assert_string_equal(cn_recipe_keys[key].option.name, names[key]);
        assert_string_equal(cinch_recipe_get(recipe, names[key]), defaults[key]);
        assert_false(cn_recipe_is_set(recipe, key));
    }
    assert_int_equal(cn_recipe_value(recipe, CN_BATCH).count, 32);
    assert_true(cn_recipe_value(recipe, CN_SHUFFLE).flag);
    assert_string_equal(cn_recipe_value(recipe, CN_DECODER).text, "mirror");
    assert_null(cinch_recipe_get(recipe, "nothing"));
    cn_text text = {0};
    cn_recipe_help(&text);
    for (cn_key key = 0; key < CN_NKEY; key++)
        assert_non_null(strstr(text.chars, names[key]));
    assert_non_null(strstr(text.chars, "[report]"));
    cn_text_clear(&text);
    cinch_recipe_free(recipe);
    cinch_recipe_free(NULL);
}

static void test_recipe(void **state)
{
    (void)state;
    cinch_error error = {0};
    cinch_recipe *recipe = parse(recipe_text, &error);
    assert_non_null(recipe);
    assert_int_equal(cn_recipe_value(recipe, CN_EPOCHS).count, 100);
    assert_true(cn_recipe_value(recipe, CN_VALIDATION).number == 0.1);
    assert_int_equal(cn_recipe_value(recipe, CN_SCALE_KEY).word, 3);
    assert_string_equal(cinch_recipe_get(recipe, "validation"), "0.1");
    assert_string_equal(cinch_recipe_get(recipe, "log-every"), "5");
    assert_string_equal(cinch_recipe_get(recipe, "init_from"), "first.safetensors");
    assert_int_equal(cinch_recipe_set(recipe, "log_every", " 7 ", &error), CINCH_OK);
    assert_int_equal(cinch_recipe_set(recipe, "patience", "3", &error), CINCH_OK);
    assert_string_equal(cinch_recipe_get(recipe, "log_every"), "7");
    static const char *const wrong[][3] = {
        {"epcohs", "1", "unknown key \"epcohs\"; the nearest is \"epochs\" (see cinch help recipe)"},
        {"zzzz", "1", "unknown key \"zzzz\" (see cinch help recipe)"},
        {"epochs", "0", "epochs = 0 is below 1"},
        {"epochs", "", "epochs = \"\" is not a number"},
        {"validation", "1", "validation = 1 is not below 1"},
        {"seed", "-1", "seed = -1 is below 0"},
        {"threads", "1025", "threads = 1025 is above 1024"},
        {"keep", "besst", "unknown keep \"besst\"; the nearest is \"best\""},
        {"shuffle", "1", "shuffle = \"1\" is neither true nor false"},
        {"decoder", " ", "decoder: the value is missing; the default is mirror"},
        {"penalty", "a\nb", "penalty: a value is one line"},
        {"batch", "many", "batch = \"many\" is not a number"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_says(cinch_recipe_set(recipe, wrong[i][0], wrong[i][1], &error), &error, CINCH_USAGE,
                    wrong[i][2]);
    }
    assert_string_equal(cinch_recipe_get(recipe, "epochs"), "100");
    char *text = cn_recipe_print(recipe, true, &error);
    assert_string_equal(
        text, "[data]\nlabel = kind\nscale = minmax\nvalidation = 0.1\n\n[model]\nencoder = dense 32 "
              "relu\n\n[train]\nloss = bce\nepochs = 100\nshuffle = false\npatience = 3\n");
    cn_free(text);
    cinch_recipe_free(recipe);
}

static void test_recipe_errors(void **state)
{
    static const char *const cases[][2] = {
        {"[data]\nepochs = 3\n", "r.ini:2: epochs belongs in [train], not in [data]"},
        {"epochs = 3\n", "r.ini:1: epochs stands before any section; it belongs in [train]"},
        {"[train]\nepcohs = 3\n", "r.ini:2: unknown key \"epcohs\"; the nearest is \"epochs\""},
        {"[train]\nepochs = 3\nepochs = 4\n", "r.ini:3: epochs is set a second time"},
        {"[train]\nlog-every = 3\nlog_every = 4\n", "r.ini:3: log_every is set a second time"},
        {"[train]\nepochs = 0\n", "r.ini:2: epochs = 0 is below 1"},
        {"[train]\nepochs\n", "r.ini:2: \"epochs\" is neither"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cinch_error error = {0};
        assert_null(parse(cases[i][0], &error));
        assert_says(error.status, &error, CINCH_BAD_INPUT, cases[i][1]);
    }
}

/* Set everywhere, printed, read back: the same settings; printed again: the same text. */
static void test_recipe_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        cinch_error error = {0};
        cinch_recipe *recipe = cinch_recipe_new(&error);
        for (cn_key key = 0; key < CN_NKEY; key++) {
            const cn_option *option = &cn_recipe_keys[key].option;
            cn_text value = {0};
            if (key == CN_THREADS)
                cn_text_add(&value, "%d", (int)(dice() % 1025));
            else
                add_random_value(option, &value);
            if (dice() % 2 && cinch_recipe_set(recipe, option->name, value.chars, &error) != CINCH_OK)
                fail_msg("%s", error.message);
            cn_text_clear(&value);
        }
        for (int model = 0; model < 2; model++) {
            char *once = cn_recipe_print(recipe, model == 1, &error);
            cinch_recipe *back = parse(once, &error);
            if (!back)
                fail_msg("%s in:\n%s", error.message, once);
            char *twice = cn_recipe_print(back, model == 1, &error);
            assert_string_equal(once, twice);
            for (cn_key key = 0; key < CN_NKEY; key++)
                if (model == 0 || cn_recipe_keys[key].in_model)
                    assert_string_equal(cn_recipe_text(recipe, key), cn_recipe_text(back, key));
            cn_free(once);
            cn_free(twice);
            cinch_recipe_free(back);
        }
        cinch_recipe *copy = cn_recipe_copy(recipe, &error);
        for (cn_key key = 0; key < CN_NKEY; key++)
            assert_string_equal(cn_recipe_text(recipe, key), cn_recipe_text(copy, key));
        cinch_recipe_free(copy);
        cinch_recipe_free(recipe);
    }
}

static void assert_finds(const cinch_recipe *recipe, cn_key key, const char *expected)
{
    cinch_error error = {0};
    char *path = cn_recipe_path(recipe, key, &error);
    if (!path)
        fail_msg("%s", error.message);
    assert_string_equal(path, expected);
    cn_free(path);
}

/* Beside the recipe, or in the current folder for a flag; then in the data folder. */
static void test_recipe_paths(void **state)
{
    (void)state;
    cinch_error error = {0};
    char here[4096], elsewhere[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(cn_folder_make(place("beside"), NULL), CINCH_OK);
    assert_int_equal(cn_folder_make(place("current"), NULL), CINCH_OK);
    assert_int_equal(cn_folder_make(place("share/cinch"), NULL), CINCH_OK);
    assert_int_equal(cn_folder_make(place("home/.local/share/cinch"), NULL), CINCH_OK);
    assert_int_equal(cn_folder_make(place("store"), NULL), CINCH_OK);
    const char *const files[] = {"beside/x",
                                 "current/x",
                                 "share/cinch/y",
                                 "store/y",
                                 "store/z",
                                 "beside/labels",
                                 "home/.local/share/cinch/y"};
    for (size_t i = 0; i < COUNT_OF(files); i++)
        assert_int_equal(cn_file_write_text(place(files[i]), "", NULL), CINCH_OK);
    const char ini[] = "[data]\ntrain = x\ntest = y\nlabel = labels\n";
    assert_int_equal(cn_file_write_text(place("beside/r.ini"), ini, NULL), CINCH_OK);
    cinch_recipe *recipe = cinch_recipe_load(place("beside/r.ini"), &error);
    assert_non_null(recipe);
    assert_int_equal(chdir(place("current")), 0);
    unsetenv("CINCH_DATA");
    unsetenv("XDG_DATA_HOME");
    setenv("HOME", place("home"), 1);
    assert_finds(recipe, CN_TRAIN, place("beside/x"));
    assert_finds(recipe, CN_TEST, place("home/.local/share/cinch/y"));
    setenv("XDG_DATA_HOME", place("share"), 1);
    assert_finds(recipe, CN_TEST, place("share/cinch/y"));
    setenv("CINCH_DATA", place("store"), 1);
    assert_finds(recipe, CN_TEST, place("store/y"));
    assert_int_equal(cinch_recipe_set_data_folder(recipe, place("share/cinch"), &error), CINCH_OK);
    assert_finds(recipe, CN_TEST, place("share/cinch/y"));
    assert_int_equal(cinch_recipe_set_data_folder(recipe, NULL, &error), CINCH_OK);
    assert_true(cn_recipe_label_is_file(recipe));
    cinch_recipe_set(recipe, "label", "labels", NULL); /* a flag: not in the current folder */
    assert_false(cn_recipe_label_is_file(recipe));
    cinch_recipe_set(recipe, "label", "some/train-labels-idx1-ubyte", NULL);
    assert_true(cn_recipe_label_is_file(recipe));

    snprintf(elsewhere, sizeof elsewhere, "train = %s/beside/x\ntest = %s/store/y\n", folder, folder);
    char *text = cn_recipe_print(recipe, false, &error);
    assert_non_null(strstr(text, elsewhere));
    cn_free(text);
    cinch_recipe_set(recipe, "train", "x", NULL);
    assert_finds(recipe, CN_TRAIN, "x");
    text = cn_recipe_print(recipe, false, &error);
    assert_non_null(strstr(text, "/current/x\n"));
    cn_free(text);
    cinch_recipe_set(recipe, "train", place("store/z"), NULL);
    assert_finds(recipe, CN_TRAIN, place("store/z"));
    cinch_recipe_set(recipe, "train", "-", NULL);
    assert_finds(recipe, CN_TRAIN, "-");
    cinch_recipe_set(recipe, "train", "donut", NULL);
    assert_finds(recipe, CN_TRAIN, "donut");
    text = cn_recipe_print(recipe, false, &error);
    assert_non_null(strstr(text, "train = donut\n"));
    cn_free(text);
    assert_finds(recipe, CN_INIT_FROM, "");

    cinch_recipe_set(recipe, "train", "nowhere", NULL);
    assert_null(cn_recipe_path(recipe, CN_TRAIN, &error));
    assert_says(error.status, &error, CINCH_IO, "train = nowhere: there is neither nowhere nor /tmp");
    cinch_recipe_set(recipe, "train", "/no/where", NULL);
    assert_null(cn_recipe_path(recipe, CN_TRAIN, &error));
    assert_says(error.status, &error, CINCH_IO, "train = /no/where: there is no such file");
    unsetenv("CINCH_DATA");
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
    assert_null(cn_recipe_data_path(recipe, "donut", &error));
    assert_int_equal(error.status, CINCH_OK);
    cinch_recipe_set(recipe, "train", "nowhere", NULL);
    assert_null(cn_recipe_path(recipe, CN_TRAIN, &error));
    assert_says(error.status, &error, CINCH_IO, "train = nowhere: there is no nowhere; put it there");
    cinch_recipe_free(recipe);

    recipe = cn_recipe_parse("model", ini, strlen(ini), NULL, &error); /* a model's metadata: no folder */
    assert_null(cn_recipe_path(recipe, CN_TRAIN, &error));
    cinch_recipe_free(recipe);
    error = (cinch_error){0};
    assert_null(cinch_recipe_load(place("beside/none.ini"), &error));
    assert_says(error.status, &error, CINCH_IO, "none.ini: cannot be opened");
    assert_int_equal(chdir(here), 0);
}

static cinch_status recipe_once(cinch_error *error)
{
    cinch_recipe *recipe = cinch_recipe_load(place("whole.ini"), error);
    cinch_recipe *copy = recipe ? cn_recipe_copy(recipe, error) : NULL;
    if (copy && cinch_recipe_set(copy, "epochs", "12", error) == CINCH_OK &&
        cinch_recipe_set_data_folder(copy, folder, error) == CINCH_OK) {
        char *text = cn_recipe_print(copy, false, error),
             *model = text ? cn_recipe_print(copy, true, error) : NULL;
        char *path = model ? cn_recipe_path(copy, CN_TRAIN, error) : NULL;
        cn_free(path);
        cn_free(text);
        cn_free(model);
    }
    cinch_recipe_free(copy);
    cinch_recipe_free(recipe);
    return error->status;
}

static void test_recipe_faults(void **state)
{
    (void)state;
    assert_int_equal(cn_file_write_text(place("whole.ini"), recipe_text, NULL), CINCH_OK);
    assert_int_equal(cn_file_write_text(place("digits.npy"), "", NULL), CINCH_OK);
    fail_allocations(recipe_once);
}

/* Every beginning of a good recipe and 10,000 damaged ones: read or refused with the line. */
static void test_recipe_damage(void **state)
{
    (void)state;
    char text[sizeof recipe_text];
    size_t length = sizeof text - 1;
    for (int i = 0; i < 10000; i++) {
        memcpy(text, recipe_text, sizeof text);
        size_t kept = (size_t)i < length ? (size_t)i : length;
        for (size_t k = (size_t)i < length ? 0 : 1 + dice() % 4; k > 0; k--)
            text[dice() % length] = dice() % 2 ? (char)(dice() % 256) : "\n[]=#\0 0"[dice() % 8];
        char *exact = malloc(kept + 1); /* so that ASan sees a step beyond */
        memcpy(exact, text, kept);
        char *trimmed = realloc(exact, kept ? kept : 1);
        cinch_error error = {0};
        cinch_recipe *recipe = cn_recipe_parse("r.ini", trimmed, kept, folder, &error);
        assert_int_equal(recipe ? CINCH_OK : CINCH_BAD_INPUT, error.status);
        assert_true(recipe || strncmp(error.message, "r.ini:", 6) == 0);
        cinch_recipe_free(recipe);
        free(trimmed);
    }
}

static int make_place(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_place(void **state)
{
    char command[sizeof folder + 16];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_error_is_cut),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_number_print),
        cmocka_unit_test(test_number_read),
        cmocka_unit_test(test_number_locale),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_philox),
        cmocka_unit_test(test_random_layout),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_broken_pipe),
        cmocka_unit_test(test_file_faults),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_threads_refused),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_threads_count),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_spec),
        cmocka_unit_test(test_spec_errors),
        cmocka_unit_test(test_spec_round_trip),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_spec_damage),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_ini),
        cmocka_unit_test(test_ini_long_line),
        cmocka_unit_test(test_recipe_table),
        cmocka_unit_test(test_recipe),
        cmocka_unit_test(test_recipe_errors),
        cmocka_unit_test(test_recipe_round_trip),
        cmocka_unit_test(test_recipe_paths),
        cmocka_unit_test(test_recipe_faults),
        cmocka_unit_test(test_recipe_damage),
    };
    return cmocka_run_group_tests_name("base", tests, make_place, remove_place);
}
