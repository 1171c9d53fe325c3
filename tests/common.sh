# What the tests of the command share; sourced by test_*.sh, in bash.
#
# CINCH names the command (default: build/cinch). A test works in a folder of its own, $work, which goes with
# it. It says `ok NAME` or `not ok NAME: why` and ends with `finish`.
set -u
export LC_ALL=C
unset CINCH_DATA CINCH_THREADS CINCH_CPU
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CINCH=$(realpath "${CINCH:-$root/build/cinch}")
data=$root/tests/reference/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

# judge NAME WHY: ok where WHY is empty.
judge() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
        echo "ok $1"
    else
        failed=$((failed + 1))
        echo "not ok $1: $2"
    fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ $failed = 0 ] && [ $passed != 0 ]
    exit
}

# make_table ROWS: a table of 12 columns with three causes, numbers from a linear congruential generator.
make_table() {
    awk -v rows="$1" '
        function draw() { state = (state * 1103515245 + 12345) % 2147483648; return state / 2147483648 }
        BEGIN {
            state = 42
            for (f = 0; f < 12; f++) printf "f%d%s", f, f < 11 ? "," : "\n"
            for (row = 0; row < rows; row++) {
                a = draw(); b = draw(); c = draw()
                for (f = 0; f < 12; f++) {
                    value = a * cos(f) + b * sin(f * f) + c * f / 12 + 0.1 * draw()
                    printf "%.4f%s", value, f < 11 ? "," : "\n"
                }
            }
        }'
}

# train FOLDER FLAG...: a training without a word; what it says anyway is in FOLDER.said.
train() {
    local folder=$1
    shift
    "$CINCH" train "$@" --quiet -o "$folder" > "$folder.said" 2>&1
}

# The history but for its last column, the seconds.
losses() {
    sed 's/,[^,]*$//' "$1/history.csv"
}

# different A B: why two runs are not the same, nothing where they are: the models' bytes and the histories.
different() {
    if ! cmp "$1/model.safetensors" "$2/model.safetensors" > "$work/cmp" 2>&1; then
        head -n 1 "$work/cmp"
    elif [ "$(losses "$1")" != "$(losses "$2")" ]; then
        echo "$1/history.csv and $2/history.csv differ"
    elif [ "$(losses "$1" | wc -l)" -lt 2 ]; then
        echo "$1/history.csv is empty"
    fi
}

# What a folder holds: names and sums.
contents() {
    (cd "$1" && ls -A && cksum -- * 2> /dev/null)
}

# one_line FILE: why what a command said is not one line that begins with its name.
one_line() {
    [ "$(wc -l < "$1")" = 1 ] && grep -q '^cinch: ' "$1" || echo "it said: $(head -n 5 "$1" | tr '\n' '/')"
}

# Milliseconds of the machine's clock.
now() {
    echo $(($(date +%s%N) / 1000000))
}

# pause MILLISECONDS
pause() {
    sleep "$(($1 / 1000)).$(printf '%03d' $(($1 % 1000)))"
}

# interrupt SIGNAL MILLISECONDS COMMAND...: runs it in the background and sends the signal after that time;
# the command's status. Without job control a program in the background would not hear SIGINT.
interrupt() {
    local signal=$1 delay=$2 status
    shift 2
    set -m
    "$@" &
    local id=$!
    pause "$delay"
    kill -"$signal" $id 2> /dev/null
    wait $id 2> /dev/null
    status=$?
    set +m
    return $status
}
