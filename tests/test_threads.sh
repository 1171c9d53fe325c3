#!/usr/bin/env bash
# One seed gives the same bits on any number of threads: models, histories, and what a model answers.
. "$(dirname "$0")/common.sh"
make_table 403 > table.csv

same_on_threads() {
    local name=$1 threads why
    shift
    for threads in 1 2 3 8; do
        train "t$threads" "$@" --threads $threads
        why=$?
        if [ $why != 0 ]; then
            judge "$name, $threads threads" "exit $why: $(tail -n 1 "t$threads.said")"
        elif [ $threads != 1 ]; then
            judge "$name, $threads threads" "$(different t1 "t$threads")"
        fi
    done
}

same_on_threads "dropout, shuffle, validation, patience, keep best" --train table.csv --seed 5 --epochs 30 \
    --encoder 'dropout 0.2 | dense 24 relu | dropout 0.1 | dense 3 tanh' \
    --decoder 'dense 24 relu | dense 12' --optimizer 'adam lr=0.02' --batch 37 \
    --shuffle true --validation 0.2 --patience 3 --keep best
same_on_threads "bce, six layers, adadelta" --train "$data/bytes.npy" --epochs 4 --loss bce \
    --optimizer adadelta --encoder 'dense 70 gelu | dense 33 silu | dense 5' \
    --decoder 'mirror sigmoid' --batch 100
same_on_threads "three penalties, nesterov" --train table.csv --epochs 8 --batch 19 --validation 0.1 \
    --encoder 'dense 40 softplus' --optimizer 'sgd lr=0.05 momentum=0.9 nesterov=true' \
    --penalty 'activity_l1 0.001 | weight_l1 0.0001 | weight_l2 0.001'
same_on_threads "one batch of all rows, one unit" --train "$data/bytes.npy" --epochs 5 --batch 5000 \
    --encoder 'dense 1 tanh' --optimizer 'rmsprop lr=0.01' --loss mae
same_on_threads "batches of one row" --train "$data/floats.npy" --epochs 2 --batch 1 --encoder 'dense 6 elu' \
    --scale standard --loss huber
same_on_threads "a wide net" --train "$data/images.npy" --epochs 2 --batch 64 \
    --encoder 'dense 301 selu | dense 150 leaky' --decoder 'dense 301 sigmoid | dense 20 sigmoid'
# Few rows and many weights: several threads share out a layer's units, one does not.
same_on_threads "units shared out: a last batch of one row" --train table.csv --epochs 2 --batch 67 \
    --encoder 'noise gaussian 0.1 | dense 203 gelu | dropout 0.2 | dense 161 relu | dense 5 tanh' --shuffle true \
    --decoder 'dense 161 selu | dense 203 | dense 12' --penalty 'activity_l1 0.001 | weight_l2 1e-4'
same_on_threads "units shared out: tied, one row at a time" --train table.csv --epochs 1 --batch 1 --limit 80 \
    --encoder 'dense 203 tanh | dense 190 sigmoid' --decoder 'tied relu linear' --optimizer 'adam lr=0.01'
same_on_threads "units shared out: contractive" --train "$data/bytes.npy" --epochs 1 --batch 9 --limit 300 \
    --encoder 'dense 210 silu | dense 190 sigmoid' --penalty 'contractive 0.01' --decoder 'mirror sigmoid' --loss bce
same_on_threads "units shared out: variational" --train "$data/bytes.npy" --epochs 1 --batch 9 --limit 300 \
    --encoder 'dense 210 relu | dense 190 relu | variational 17' --decoder 'mirror sigmoid' --loss bce
same_on_threads "tied, a batch's mean code, its validation's" --train table.csv --epochs 6 --batch 70 \
    --encoder 'dropout 0.1 | dense 21 relu | dense 37 sigmoid' --decoder 'tied tanh linear' --validation 0.3 \
    --penalty 'kl_sparsity 0.1 0.01 | weight_l2 0.001' --optimizer 'adam lr=0.01'
same_on_threads "contractive, one layer" --train "$data/bytes.npy" --epochs 3 --batch 100 --validation 0.1 \
    --encoder 'dense 33 silu' --penalty 'contractive 0.01' --decoder 'tied sigmoid' --loss bce
same_on_threads "contractive, three layers, batches of all rows" --train table.csv --epochs 4 --batch 5000 \
    --encoder 'dense 20 tanh | dense 9 gelu | dense 5 sigmoid' --validation 0.2 \
    --penalty 'contractive 0.1 | kl_sparsity 0.2 0.1 | activity_l1 0.001'
same_on_threads "noise of each kind" --train table.csv --epochs 6 --batch 50 --validation 0.2 --seed 3 \
    --encoder 'noise gaussian 0.3 | dense 70 relu | noise mask 0.2 | dense 5 tanh | noise saltpepper 0.1' \
    --decoder 'dense 70 relu | dense 12'
# The last one: t1 is its model.
same_on_threads "variational, bce, validation" --train "$data/bytes.npy" --epochs 4 --batch 90 --loss bce \
    --encoder 'dense 33 relu | variational 17' --decoder 'mirror sigmoid' --validation 0.2 \
    --optimizer 'adam lr=0.003' --penalty 'activity_l1 0.001'

# Images: gradients that are summed as the rows go by, in blocks of eight.
images=(--train "$data/images.npy" --input 4x5x1 --seed 4)
# Many channels: products; of few rows the gradients go by tiles, of more while the rows go by.
for rows in 1 40 90; do
    same_on_threads "many channels, batches of $rows" "${images[@]}" --limit 100 --epochs 1 --batch $rows \
        --encoder 'conv 24 3x3 tanh | conv 40 3x3 relu stride=2 | dense 5' --optimizer 'adam lr=0.01' \
        --decoder 'dense 12 elu | reshape 2x2x3 | deconv 40 3x3 gelu stride=2 | conv 33 3x2 tanh | dense 20'
done
conv='conv 5 3x3 relu | maxpool 2 | conv 3 2x2 tanh'
same_on_threads "conv, batches of 64" "${images[@]}" --epochs 3 --batch 64 --encoder "$conv" --shuffle true \
    --decoder 'upsample 2 | conv 6 3x3 gelu | dense 20 sigmoid' --validation 0.2 --loss bce
same_on_threads "conv, batches of fewer rows than a block" "${images[@]}" --epochs 1 --batch 5 --encoder "$conv" \
    --decoder 'deconv 4 3x3 elu | maxpool 3 | dense 20'
same_on_threads "conv, a last batch of one row" "${images[@]}" --epochs 2 --batch 101 \
    --encoder 'conv 9 5x5 silu stride=2 | avgpool 2' --decoder 'dense 20 tanh | reshape 4x5x1 | conv 1 3x3'
same_on_threads "conv, dense between, noise" "${images[@]}" --epochs 2 --batch 64 \
    --encoder 'noise gaussian 0.2 | conv 4 3x3 relu | dropout 0.2 | dense 33 relu | dense 4' \
    --decoder 'dense 24 relu | reshape 2x3x4 | upsample 2 | conv 3 3x3 relu | dense 20' --penalty 'weight_l2 1e-4'
same_on_threads "conv, a batch's mean code" "${images[@]}" --epochs 2 --batch 70 --encoder "$conv | dense 9 sigmoid" \
    --decoder 'reshape 3x3x1 | upsample 2 | conv 2 3x3 tanh | dense 20' --penalty 'kl_sparsity 0.1 0.01'

# The threads that the environment or the machine gives.
common="--train table.csv --epochs 3 --seed 9"
train plain $common --encoder 'dropout 0.5 | dense 5 relu'
CINCH_THREADS=3 train three $common --encoder 'dropout 0.5 | dense 5 relu'
judge "CINCH_THREADS" "$(different plain three)"

# A test that cannot fail shows nothing: another seed gives other bits.
train other $common --seed 10 --encoder 'dropout 0.5 | dense 5 relu'
judge "another seed gives other bits" "$([ -z "$(different plain other)" ] && echo 'the same bits')"

for verb in encode reconstruct score; do
    why=
    for threads in 1 2 3 8; do
        CINCH_THREADS=$threads "$CINCH" $verb plain/model.safetensors table.csv \
            -o $verb-$threads.npy 2> said || why="exit $?: $(tail -n 1 said);"
    done
    for threads in 2 3 8; do
        cmp -s $verb-1.npy $verb-$threads.npy || why="$why other bits on $threads threads;"
    done
    judge "$verb on 1, 2, 3 and 8 threads" "$why"
done
train drawn --train "$data/bytes.npy" --epochs 1 --encoder 'variational 17' --decoder 'mirror sigmoid' --loss bce
for threads in 1 8; do
    CINCH_THREADS=$threads "$CINCH" score drawn/model.safetensors "$data/bytes.npy" -o drawn-$threads.npy 2> said
done
for threads in 1 3 8; do
    "$CINCH" generate drawn/model.safetensors -n 2500 --seed 3 --threads $threads -o new-$threads.npy 2> said
done
judge "generate on 1, 3 and 8 threads" "$(cmp new-1.npy new-3.npy 2>&1; cmp new-1.npy new-8.npy 2>&1)"
judge "score of a drawn code on 8 threads" "$(cmp drawn-1.npy drawn-8.npy 2>&1)"
"$CINCH" score plain/model.safetensors table.csv --noise -o noise-1.npy 2> said
CINCH_THREADS=8 "$CINCH" score plain/model.safetensors table.csv --noise -o noise-8.npy 2> said
judge "score --noise on 8 threads" "$(cmp noise-1.npy noise-8.npy 2>&1)"
judge "score --noise differs from score" "$(cmp -s noise-1.npy score-1.npy && echo 'the same scores')"
finish
