/* The peers: what a user would run instead, each a script of bench/peers in one of two environments that
 * `make peers` makes. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "bench/works/rows.h"
#include "bench/works/settings.h"
#include "bench/works/work.h"

typedef struct bench_peer {
    const char *name;
    const char *environment; /* "torch" or "jax" */
    const char *script;
    const char *mode;
} bench_peer;

extern const bench_peer peers[];
enum { NPEER = 6 };

typedef enum peer_state {
    PEER_ABSENT, /* its environment is not there */
    PEER_IDLE,   /* the work is not for it, or it is not among the fastest */
    PEER_FAILED, /* its script failed */
    PEER_READY
} peer_state;

/* One peer at one work. */
typedef struct bench_outcome {
    peer_state state;
    char version[64];    /* "JAX 0.10.2" */
    bench_measure trial; /* a short run that says whether it is among the fastest */
    bench_measure measure;
} bench_outcome;

/* A short run of each peer, a fifth of nrow rows in trainings; the fastest ones stay PEER_READY. nrow: rows
 * that Cinch trained on. */
void peers_try(const bench_work *work, const bench_settings *settings, const bench_rows *rows, size_t nrow,
               bench_outcome outcomes[NPEER]);

/* One round of each that is ready. */
void peers_measure(const bench_work *work, const bench_settings *settings, const bench_rows *rows,
                   size_t nrow, bench_outcome outcomes[NPEER]);

/* The fastest one measured; NPEER where none was. */
size_t peers_fastest(const bench_outcome outcomes[NPEER]);

/* Whether an environment is there. */
bool peers_present(const bench_settings *settings, const char *environment);

#endif
