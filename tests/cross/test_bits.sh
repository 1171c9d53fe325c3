#!/bin/bash
# What AArch64 trains, under qemu: the same bits on 1 and 3 threads by its own kernels, and by the plain ones the
# bits of this machine. scripts/cross runs it; CINCH is that machine's command, NATIVE this one's.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

# on_both NAME FLAG...
on_both() {
    local name=$1 why
    shift
    CINCH_CPU=neon train neon1 "$@" --threads 1 && CINCH_CPU=neon train neon3 "$@" --threads 3
    why=$?
    judge "$name, 3 threads" "$([ $why = 0 ] && different neon1 neon3 || echo "exit $why: $(cat neon?.said)")"
    CINCH_CPU=plain train plain "$@" --threads 2 && CINCH_CPU=plain CINCH=$NATIVE train native "$@" --threads 2
    why=$?
    judge "$name, plain" "$([ $why = 0 ] && different plain native || echo "exit $why: $(tail -n 1 plain.said)")"
    rm -rf neon* plain* native*
}

on_both "dense" --train donut --epochs 3 --batch 100 --seed 5 --encoder 'dense 33 relu | dense 3 tanh' \
    --decoder 'dense 20 gelu | dense 5' --optimizer 'sgd lr=0.05 momentum=0.9' --validation 0.1
on_both "tied, all rows" --train donut --epochs 10 --batch 9000 --encoder 'dense 2 sigmoid' --decoder tied
on_both "conv" --train "$data/images.npy" --input 4x5x1 --epochs 3 --batch 50 --loss bce \
    --encoder 'conv 9 3x3 silu | maxpool 2 | conv 3 2x2 elu' \
    --decoder 'upsample 2 | conv 6 3x3 softplus | dense 20 sigmoid' --optimizer 'sgd lr=0.1'
CINCH_CPU=avx2 train other --train donut --epochs 1 --encoder 'dense 2'
judge "no AVX2 there" "$([ $? = 2 ] && grep -q 'cannot run "avx2"' other.said || cat other.said)"
finish
