#!/usr/bin/env bash
# Twenty SIGKILLs at random moments, each followed by --resume: the bits are those of a run that nobody
# disturbed, and nothing is left behind.
. "$(dirname "$0")/common.sh"
RANDOM=${SEED:-1}
kills_wanted=20
make_table 600 > table.csv
recipe=(--train table.csv --encoder 'dropout 0.1 | dense 32 relu | dense 3 tanh'
    --decoder 'dense 32 relu | dense 12' --validation 0.1 --keep best --epochs 150 --checkpoint 1 --seed 4)

start=$(now)
train whole "${recipe[@]}"
status=$?
took=$(($(now) - start))
judge "a checkpoint an epoch" "$([ $status = 0 ] || echo "exit $status: $(tail -n 1 whole.said)")"
[ $status = 0 ] || finish

# Goes on with the run in the folder, or starts it where no checkpoint was written yet. Becomes the command.
live() {
    exec > killed.said 2>&1
    if [ -e "$1/checkpoint.safetensors" ]; then
        exec "$CINCH" train --resume "$1" --quiet
    else
        exec "$CINCH" train "${recipe[@]}" --quiet -o "$1"
    fi
}

# A life lasts up to a sixth of the whole run's time. A run that comes through is judged, and another begins.
kills=0 runs=1 lives=0
while [ $kills -lt $kills_wanted ] && [ $lives -lt 500 ]; do
    lives=$((lives + 1))
    live run$runs &
    id=$!
    pause $((RANDOM % (took / 6 + 2)))
    kill -KILL $id 2> /dev/null
    wait $id 2> /dev/null
    status=$?
    case $status in
    137) kills=$((kills + 1)) ;;
    0)
        judge "run $runs, through after $kills kills in all" "$(different whole run$runs)"
        runs=$((runs + 1))
        ;;
    *)
        judge "a life after $kills kills" "exit $status: $(tail -n 1 killed.said)"
        runs=$((runs + 1))
        ;;
    esac
    # What stands is whole: a model that is there opens.
    if [ -e run$runs/model.safetensors ] && ! "$CINCH" info run$runs/model.safetensors > said 2>&1; then
        judge "the model after $kills kills" "$(tail -n 1 said)"
    fi
done
judge "$kills_wanted kills" "$([ $kills = $kills_wanted ] || echo "only $kills in $lives lives")"
(live run$runs)
status=$?
judge "run $runs to its end" "$([ $status = 0 ] || echo "exit $status: $(tail -n 1 killed.said)"
    different whole run$runs)"
for folder in run*; do
    judge "$folder holds what an undisturbed run holds" "$(diff <(ls -A whole) <(ls -A $folder))"
done

# A run that replaces an earlier one is killed: the model that stands is the old one or the new one, whole.
old=$(cksum < whole/model.safetensors)
short=(--train table.csv --encoder 'dense 2 tanh' --epochs 5)
train new "${short[@]}"
new=$(cksum < new/model.safetensors)
why=
for delay in 1 2 3 4 6 8 12 16 24 32; do
    cp -r whole over
    (exec "$CINCH" train "${short[@]}" --quiet -o over > said 2>&1) &
    id=$!
    pause $delay
    kill -KILL $id 2> /dev/null
    wait $id 2> /dev/null
    model=$(cksum < over/model.safetensors)
    [ "$model" = "$old" ] || [ "$model" = "$new" ] || why="$why after $delay ms it is neither;"
    train over "${short[@]}" || why="$why after $delay ms: $(tail -n 1 over.said);"
    why=$why$(different new over)
    rm -rf over
done
judge "a run over an earlier one, killed and repeated" "$why"
finish
