#!/bin/bash
# `make bench` without Python, MNIST and peers: images made by itself stand in for digits, scripts for the peers'
# Pythons.
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"
[ "$(basename "${BUILD:-$root/build/release}")" = release ] || exit 77
export CINCH_DATA=$work/none
make -s -C "$root" bench-programs > built 2>&1
judge "it builds" "$([ $? = 0 ] || tail -n 3 built | tr '\n' '/')"

# bench OPTION...: two epochs of 600 rows, what it says in $work/table and $work/said.
bench() {
    (cd "$root" && build/release/bench/bench_works --cinch "$CINCH" --folder "$work/runs" --quick --limit 600 "$@") \
        > table 2> said
}

bench --peers none --threads 2
judge "all works, without peers" "$([ $? = 0 ] || tail -n 3 said | tr '\n' '/')"
judge "a line for each" "$([ "$(grep -cE ' ([0-9.]+ (s|ms|µs)) .*(not here|none)' table)" = 9 ] || cat table)"
judge "it says whose rows they are" "$(grep -Eq '^Rows: .*(made here|Fashion).*donut \(generated\)' table || cat table)"
judge "and who is not here" "$(grep -q 'make peers.*PyTorch.*JAX' table || cat table)"
judge "every share of the peak is one" "$(grep -oE '[0-9]+ %' table | awk '{ n++; if ($1 > 100) print } END { if (n != 8) print n }')"

bench --peers none --json rows-dense cold-encode mnist-dense
judge "JSON" "$([ "$(head -n 1 table)" = '{' ] && [ "$(tail -n 1 table)" = '}' ] &&
    [ "$(tr -cd '{[' < table | wc -c)" = "$(tr -cd '}]' < table | wc -c)" ] || cat table)"
judge "the works asked for, in their order" "$(
    grep -oE '"name": "[a-z-]*"' table | tr '\n' ' ' | diff - <(printf '"name": "%s" ' rows-dense cold-encode mnist-dense))"
judge "its numbers" "$(for key in seconds peak_bytes gflops share_of_peak whole_seconds operations; do
    grep -Eq "\"$key\": [0-9.e-]*[1-9]" table || echo "no $key"
done)"
# 600 rows, 784 * 32 twice, a multiplication and an addition: two times for the first layer, three for the second.
judge "the arithmetic of an epoch" "$(awk -F'[:,]' '/"operations"/ { last = $2 }
    END { if (last != 600 * 784 * 32 * 2 * 5) print last }' table)"

# Peers that say what they took: JAX is the fastest, Keras does not do it, PyTorch fails.
mkdir -p peers/jax/bin peers/torch/bin
cat > peers/jax/bin/python << 'END_OF_SCRIPT'
#!/bin/sh
case $1 in
-c) exit 0 ;;
*keras*) exit 77 ;;
esac
echo 'something else'
echo '{"peer": "JAX 9", "work": "'$2'", "seconds": 2.0, "epochs": 2, "first_loss": 1.0, "last_loss": 0.5}'
END_OF_SCRIPT
cat > peers/torch/bin/python << 'END_OF_SCRIPT'
#!/bin/sh
case $1 in
-c) exit 0 ;;
*onnx*) echo '{"peer": "ONNX Runtime 9", "work": "", "seconds": 2.8, "epochs": 2, "last_loss": null}' ;;
*) echo no such module >&2; exit 1 ;;
esac
END_OF_SCRIPT
chmod +x peers/*/bin/python
bench --peers "$work/peers" --markdown rows-dense
judge "with peers" "$([ $? = 0 ] || cat said)"
judge "the fastest beside it" "$(grep -Eq '^\| [0-9]+ rows through mnist-dense \|.*\| JAX \| 2.00 s \| [0-9]+ MB \| [0-9.]+ \|$' table ||
    cat table)"
judge "one that fails is named with its log" "$(log=$(sed -n 's/^rows-dense: PyTorch failed: see //p' said)
    grep -q 'no such module' "$log" || cat said)"
judge "the peers seen" "$(grep -q 'JAX 9, ONNX Runtime 9' table || cat table)"

bench --peers none mnist-nothing
judge "an unknown work" "$([ $? = 2 ] && grep -q '"mnist-nothing"' said && grep -q 'works: mnist-dense, ' said || cat said)"
bench --epochs no
judge "not a number" "$([ $? = 2 ] && grep -q '"no"' said || cat said)"

make -s -C "$root" bench JSON=1 BENCH="--quick --limit 200 --peers none --folder $work/runs row-dense" > table 2> said
judge "make bench JSON=1 is one object" "$([ $? = 0 ] && [ "$(head -c 1 table)" = '{' ] || cat table said)"

judge "the peers' folder" "$(CINCH_PEERS=/here "$root/scripts/peers" --where | diff - <(echo /here))"
judge "the peers' usual folder" "$(
    env -u CINCH_PEERS XDG_CACHE_HOME=/there "$root/scripts/peers" --where | diff - <(echo /there/cinch/peers))"
CINCH_PEERS=$work/peers "$root/scripts/peers" > said 2>&1
judge "peers that are ready are left alone" "$([ $? = 0 ] && [ "$(grep -c 'is ready$' said)" = 2 ] || cat said)"
finish
