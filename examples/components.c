/* A linear autoencoder beside principal component analysis. The decoder of a net with linear layers comes to
 * span the plane of the first components (Baldi, Hornik: Neural networks and principal component analysis,
 * 1989), but its columns are any two vectors in it. With a little weight decay they are the components up to
 * a rotation of the code and their lengths differ, so that a singular value decomposition of the decoder's
 * weights gives the components themselves (Plaut 2018; Kunin et al. 2019). This prints how near a model
 * comes: the largest angle between the two planes, its loss beside PCA's, and each component beside the one
 * out of the weights. Uses the public header alone.
 *
 *     cc examples/components.c $(pkg-config --cflags --libs cinch) -lm
 *     components [MODEL DATA]        a model of scale = standard; without words it trains one itself
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cinch.h"

enum { MOST = 64, SWEEPS = 60 }; /* columns at most */

typedef struct matrix {
    size_t size;
    double at[MOST][MOST];
} matrix;

/* Eigenvalues of a symmetric matrix, largest first, and its eigenvectors in the columns of `vectors`, by
 * Jacobi's rotations; the matrix is used up. */
static void decompose(matrix *a, double values[MOST], matrix *vectors)
{
    size_t n = a->size;
    *vectors = (matrix){.size = n};
    for (size_t i = 0; i < n; i++)
        vectors->at[i][i] = 1;
    for (size_t sweep = 0; sweep < SWEEPS; sweep++)
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++) {
                if (a->at[p][q] == 0)
                    continue;
                double angle = 0.5 * atan2(2 * a->at[p][q], a->at[q][q] - a->at[p][p]);
                double c = cos(angle), s = sin(angle);
                for (size_t k = 0; k < n; k++) {
                    double x = a->at[k][p], y = a->at[k][q];
                    a->at[k][p] = c * x - s * y;
                    a->at[k][q] = s * x + c * y;
                }
                for (size_t k = 0; k < n; k++) {
                    double x = a->at[p][k], y = a->at[q][k], v = vectors->at[k][p], w = vectors->at[k][q];
                    a->at[p][k] = c * x - s * y;
                    a->at[q][k] = s * x + c * y;
                    vectors->at[k][p] = c * v - s * w;
                    vectors->at[k][q] = s * v + c * w;
                }
            }
    for (size_t i = 0; i < n; i++) {
        size_t largest = i;
        for (size_t j = i + 1; j < n; j++)
            largest = a->at[j][j] > a->at[largest][largest] ? j : largest;
        values[i] = a->at[largest][largest];
        a->at[largest][largest] = a->at[i][i];
        for (size_t k = 0; k < n; k++) {
            double kept = vectors->at[k][i];
            vectors->at[k][i] = vectors->at[k][largest];
            vectors->at[k][largest] = kept;
        }
    }
}

/* Covariances of the columns after each is made to have mean 0 and deviation 1. */
static void correlate(const float *rows, size_t nrow, size_t n, matrix *c)
{
    double mean[MOST] = {0}, deviation[MOST] = {0};
    *c = (matrix){.size = n};
    for (size_t i = 0; i < nrow * n; i++)
        mean[i % n] += (double)rows[i] / (double)nrow;
    for (size_t r = 0; r < nrow; r++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                c->at[i][j] += ((double)rows[r * n + i] - mean[i]) * ((double)rows[r * n + j] - mean[j]);
    for (size_t i = 0; i < n; i++)
        deviation[i] = sqrt(c->at[i][i]);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            c->at[i][j] =
                deviation[i] > 0 && deviation[j] > 0 ? c->at[i][j] / deviation[i] / deviation[j] : 0;
}

/* w [n][k] = left diag(sizes) right': its left singular vectors, in the columns of `left`, out of the
 * eigenvectors of w'w. */
static void decompose_weights(const cinch_parameter *w, double sizes[MOST], matrix *left)
{
    size_t n = w->shape.sizes[0], k = w->shape.sizes[1];
    static matrix square, right;
    square = (matrix){.size = k};
    *left = (matrix){.size = n};
    for (size_t f = 0; f < n; f++)
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < k; j++)
                square.at[i][j] += (double)w->values[f * k + i] * (double)w->values[f * k + j];
    decompose(&square, sizes, &right);
    for (size_t i = 0; i < k; i++) {
        sizes[i] = sqrt(sizes[i] > 0 ? sizes[i] : 0);
        for (size_t f = 0; f < n; f++)
            for (size_t j = 0; j < k && sizes[i] > 0; j++)
                left->at[f][i] += (double)w->values[f * k + j] * right.at[j][i] / sizes[i];
    }
}

static double dot(const matrix *a, size_t i, const matrix *b, size_t j)
{
    double sum = 0;
    for (size_t f = 0; f < a->size; f++)
        sum += a->at[f][i] * b->at[f][j];
    return sum;
}

/* In degrees, between the space of the first k columns of `left` and that of `components`: its sine squared
 * is the largest eigenvalue of what of the one lies outside the other. */
static double largest_angle(const matrix *left, const matrix *components, size_t k)
{
    static matrix outside, square, vectors;
    double values[MOST];
    outside = *left;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++)
            for (size_t f = 0; f < left->size; f++)
                outside.at[f][i] -= dot(left, i, components, j) * components->at[f][j];
    square = (matrix){.size = k};
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++)
            square.at[i][j] = dot(&outside, i, &outside, j);
    decompose(&square, values, &vectors);
    return asin(sqrt(fmin(fmax(values[0], 0), 1))) * 180 / 3.14159265358979323846;
}

static void print_components(const matrix *components, const matrix *left, const double *sizes, size_t k)
{
    printf("%-10s", "column");
    for (size_t i = 0; i < k; i++)
        printf("  %9s %zu  %9s %zu", "PCA", i, "weights", i);
    putchar('\n');
    for (size_t f = 0; f < components->size; f++) {
        printf("%-10zu", f);
        for (size_t i = 0; i < k; i++)
            printf("  %11.6f  %11.6f", components->at[f][i],
                   dot(components, i, left, i) < 0 ? -left->at[f][i] : left->at[f][i]);
        putchar('\n');
    }
    for (size_t i = 0; i < k; i++)
        printf("component_%zu_degrees %.6f, singular value %.6f\n", i,
               acos(fmin(fabs(dot(components, i, left, i)), 1)) * 180 / 3.14159265358979323846, sizes[i]);
}

/* What PCA leaves over is the sum of the other eigenvalues. Returns the largest angle, NaN where the model is
 * not of this kind. */
static double compare(const cinch_model *model, const cinch_data *data, cinch_error *error)
{
    static matrix c, components, left;
    double values[MOST], sizes[MOST], rest = 0, mean = 0, angle = NAN;
    size_t n = cinch_data_features(data), nrow = cinch_data_rows(data);
    cinch_parameter w = {0};
    for (size_t i = 0; i < cinch_model_nparameter(model); i++)
        if (strcmp(cinch_model_parameter(model, i).name, "decoder.0.weight") == 0)
            w = cinch_model_parameter(model, i);
    if (n > MOST || w.shape.rank != 2 || w.shape.sizes[0] != n || w.shape.sizes[1] > n) {
        fprintf(stderr, "a model with one dense layer as its decoder is wanted, of at most %d columns\n",
                MOST);
        return NAN;
    }
    size_t k = w.shape.sizes[1];
    float *rows = calloc(nrow * n, sizeof *rows);
    double *scores = calloc(nrow, sizeof *scores);
    cinch_runner *runner = cinch_runner_new(model, 0, error);
    if (rows && scores && runner && !cinch_runner_score(runner, data, 0, nrow, false, scores, error)) {
        cinch_data_get(data, 0, nrow, rows);
        correlate(rows, nrow, n, &c);
        decompose(&c, values, &components);
        decompose_weights(&w, sizes, &left);
        for (size_t i = k; i < n; i++)
            rest += values[i] / (double)n;
        for (size_t r = 0; r < nrow; r++)
            mean += scores[r] / (double)nrow;
        angle = largest_angle(&left, &components, k);
        printf("largest_angle_degrees %.6f\nloss %.9g\npca_loss %.9g\nloss_over_pca %.6f\n", angle, mean,
               rest, mean / rest);
        print_components(&components, &left, sizes, k);
    }
    cinch_runner_free(runner);
    free(scores);
    free(rows);
    return angle;
}

static cinch_model *train(const cinch_data *data, cinch_error *error)
{
    static const char *const settings[][2] = {
        {"encoder", "dense 2 linear"},
        {"decoder", "dense 4 linear"},
        {"scale", "standard"},
        {"penalty", "weight_l2 0.0004"},
        {"batch", "9000"},
        {"optimizer", "sgd lr=0.02 momentum=0.99 nesterov=true"},
        {"epochs", "2000"},
        {"shuffle", "false"},
        {"init", "normal 0.1"},
    };
    cinch_recipe *recipe = cinch_recipe_new(error);
    for (size_t i = 0; recipe && i < sizeof settings / sizeof *settings; i++)
        cinch_recipe_set(recipe, settings[i][0], settings[i][1], error);
    cinch_trainer *trainer = recipe ? cinch_trainer_new(recipe, data, error) : NULL;
    cinch_model *model = NULL;
    if (trainer && !cinch_trainer_run(trainer, NULL, NULL, error))
        model = cinch_trainer_model(trainer, error);
    cinch_trainer_free(trainer);
    cinch_recipe_free(recipe);
    return model;
}

int main(int argc, char **argv)
{
    cinch_error error = {0};
    cinch_recipe *columns = cinch_recipe_new(&error);
    cinch_recipe_set(columns, "columns", "0-3", &error);
    cinch_model *model = argc > 2 ? cinch_model_load(argv[1], &error) : NULL;
    cinch_data *data =
        cinch_data_load(argc > 2 ? argv[2] : "donut", model ? cinch_model_recipe(model) : columns,
                        error.status ? NULL : &error);
    if (data && argc <= 2)
        model = train(data, &error);
    double angle = model && data ? compare(model, data, &error) : NAN;
    if (error.status)
        fprintf(stderr, "%s\n", error.message);
    cinch_data_free(data);
    cinch_model_free(model);
    cinch_recipe_free(columns);
    return error.status ? (int)error.status : !(angle < 90 && (argc > 2 || angle < 0.1));
}
