/* What the kernels reach: GFLOP/s of product and outer for the shapes of mnist-dense and mnist-deep, and
 * nanoseconds per element of each activation and its slope, one column a table; beside them BLIS's sgemm,
 * where its library is installed. All on one thread, the best of several runs. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "math/kernels.h"

static const char *const names[] = {"plain", "avx2", "avx512", "neon", "double"};
enum { NTABLE = sizeof names / sizeof names[0], TRIALS = 12 };

static const struct shape {
    size_t rows, in, out;
} shapes[] = {
    {200, 784, 32}, {200, 32, 784}, {100, 784, 100}, {100, 100, 784}, {100, 100, 50},
    {100, 50, 100}, {100, 50, 50},  {1, 784, 32},    {32, 784, 128},
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Values in (-1, 1), for either precision. */
static void *reals(const cn_kernels *kernels, size_t count)
{
    void *memory = aligned_alloc(64, cn_round_up(count * kernels->real_size, 64));
    if (!memory) {
        fprintf(stderr, "bench_kernels: out of memory\n");
        exit(5);
    }
    for (size_t i = 0; i < count; i++) {
        float value = (float)((i * 2654435761u) % 2001) / 1000 - 1;
        kernels->from_float(&value, (char *)memory + i * kernels->real_size, 1);
    }
    return memory;
}

typedef struct work {
    const cn_kernels *kernels;
    cn_product product;
    cn_matrix matrix;
    void *gradient;
    cn_activation activation;
} work;

static void run_product(work *job)
{
    job->kernels->product(&job->product);
}

static void run_outer(work *job)
{
    const cn_product *p = &job->product;
    for (size_t panel = 0; panel * CN_PANEL < p->out; panel++)
        for (size_t row = 0; row < p->in; row += CN_TILE_ROWS)
            job->kernels->outer(&(cn_outer){.rows = p->rows,
                                            .a = p->x,
                                            .a_stride = p->x_stride,
                                            .b = p->y,
                                            .b_stride = p->y_stride,
                                            .panel = panel,
                                            .npanel = 1,
                                            .row = row,
                                            .nrow = p->in - row < CN_TILE_ROWS ? p->in - row : CN_TILE_ROWS,
                                            .tile = (char *)job->gradient + (panel * p->in + row) * CN_PANEL *
                                                                                job->kernels->real_size});
}

static void run_transpose(work *job)
{
    const size_t in = job->matrix.in;
    for (size_t panel = 0; panel * CN_PANEL < job->matrix.out; panel++)
        for (size_t row = 0; row < in; row += CN_TILE_ROWS)
            job->kernels->transpose_tile(&job->matrix, panel, row,
                                         in - row < CN_TILE_ROWS ? in - row : CN_TILE_ROWS);
}

static void run_value(work *job)
{
    const cn_product *p = &job->product;
    job->kernels->activate(job->activation, p->rows, p->in, p->x_stride, p->x, job->gradient);
}

static void run_slope(work *job)
{
    const cn_product *p = &job->product;
    job->kernels->activate_backward(job->activation, p->rows, p->in, p->x_stride, p->x, p->x, p->x,
                                    job->gradient);
}

/* ---- BLIS ---------------------------------------------------------------------------------------------- */

/* c (m, n) = a (m, k) * b (k, n), row-major; `a` may be given transposed. */
typedef void sgemm_function(int layout, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                            const float *a, int a_stride, const float *b, int b_stride, float beta, float *c,
                            int c_stride);
enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 }; /* CBLAS's numbers */

static sgemm_function *sgemm; /* NULL where BLIS is not installed */

static void find_blis(void)
{
    setenv("BLIS_NUM_THREADS", "1", 1);
    void *library = dlopen("libblis.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library)
        *(void **)&sgemm = dlsym(library, "cblas_sgemm");
}

static void run_blis_product(work *job)
{
    const cn_product *p = &job->product;
    sgemm(ROW_MAJOR, AS_IT_IS, AS_IT_IS, (int)p->rows, (int)p->out, (int)p->in, 1, p->x, (int)p->x_stride,
          p->panels, (int)p->out, 0, p->y, (int)p->y_stride);
}

static void run_blis_outer(work *job)
{
    const cn_product *p = &job->product;
    sgemm(ROW_MAJOR, TRANSPOSED, AS_IT_IS, (int)p->in, (int)p->out, (int)p->rows, 1, p->x, (int)p->x_stride,
          p->y, (int)p->y_stride, 0, job->gradient, (int)p->out);
}

/* ---- Tables -------------------------------------------------------------------------------------------- */

/* The best seconds of one run. */
static double best(void (*run)(work *job), work *job)
{
    double least = 1;
    size_t repeat = 1;
    for (size_t trial = 0; trial < TRIALS; trial++) {
        double start = seconds();
        for (size_t i = 0; i < repeat; i++)
            run(job);
        double one = (seconds() - start) / (double)repeat;
        least = one < least ? one : least;
        repeat = 1 + (size_t)(0.004 / (least + 1e-9));
    }
    return least;
}

static work prepare(const cn_kernels *kernels, struct shape shape)
{
    size_t x_stride = cn_stride(shape.in), y_stride = cn_stride(shape.out);
    size_t panels = cn_round_up(shape.out, CN_PANEL) * shape.in;
    work job = {.kernels = kernels, .matrix = {.in = shape.in, .out = shape.out}};
    job.matrix.panels = reals(kernels, panels);
    job.matrix.transposed = reals(kernels, cn_round_up(shape.in, CN_PANEL) * shape.out);
    job.gradient = reals(kernels, panels > shape.rows * x_stride ? panels : shape.rows * x_stride);
    job.product = (cn_product){.rows = shape.rows,
                               .in = shape.in,
                               .out = shape.out,
                               .x = reals(kernels, shape.rows * x_stride),
                               .x_stride = x_stride,
                               .panels = job.matrix.panels,
                               .bias = reals(kernels, y_stride),
                               .activation = CN_LINEAR,
                               .y = reals(kernels, shape.rows * y_stride),
                               .y_stride = y_stride};
    return job;
}

static void release(work *job)
{
    free(job->matrix.panels);
    free(job->matrix.transposed);
    free(job->gradient);
    free((void *)job->product.x);
    free((void *)job->product.bias);
    free(job->product.y);
}

static void heading(const char *title, bool blis)
{
    printf("%-32s", title);
    for (size_t i = 0; i < NTABLE; i++)
        printf(" %9s", names[i]);
    printf("%s\n", blis && sgemm ? "      BLIS" : "");
}

/* One cell: `rate`: amount per second in 1e9, else nanoseconds per amount. */
static void cell(const cn_kernels *kernels, struct shape shape, cn_activation activation,
                 void (*run)(work *job), double amount, bool rate)
{
    work job = prepare(kernels, shape);
    job.activation = job.product.activation = activation;
    double time = best(run, &job);
    printf(" %9.2f", rate ? 1e-9 * amount / time : 1e9 * time / amount);
    release(&job);
}

/* One line; run_blis is NULL where BLIS has nothing like it. */
static void line(const char *title, struct shape shape, cn_activation activation, void (*run)(work *job),
                 void (*run_blis)(work *job), double amount, bool rate)
{
    printf("%-32s", title);
    for (size_t i = 0; i < NTABLE; i++) {
        const cn_kernels *kernels = cn_kernels_find(names[i]);
        if (kernels)
            cell(kernels, shape, activation, run, amount, rate);
        else
            printf(" %9s", "-");
    }
    if (run_blis && sgemm)
        cell(&cn_kernels_plain, shape, activation, run_blis, amount, rate);
    printf("\n");
    fflush(stdout);
}

int main(void)
{
    char title[64];
    find_blis();
    heading("GFLOP/s (rows, in x out)", true);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct shape s = shapes[i];
        double amount = 2.0 * (double)s.rows * (double)s.in * (double)s.out;
        snprintf(title, sizeof title, "product %zu, %zux%zu", s.rows, s.in, s.out);
        line(title, s, CN_LINEAR, run_product, run_blis_product, amount, true);
        snprintf(title, sizeof title, "  sigmoid fused");
        line(title, s, CN_SIGMOID, run_product, NULL, amount, true);
        snprintf(title, sizeof title, "  outer");
        line(title, s, CN_LINEAR, run_outer, run_blis_outer, amount, true);
    }
    heading("ns per element", false);
    line("transpose 784x32", shapes[0], CN_LINEAR, run_transpose, NULL, 784 * 32, false);
    for (cn_activation activation = 0; activation < CN_NACTIVATION; activation++) {
        struct shape s = {100, 250, 1};
        double amount = (double)s.rows * (double)s.in;
        snprintf(title, sizeof title, "%s", cn_activation_names[activation]);
        line(title, s, activation, run_value, NULL, amount, false);
        snprintf(title, sizeof title, "%s slope", cn_activation_names[activation]);
        line(title, s, activation, run_slope, NULL, amount, false);
    }
    return 0;
}
