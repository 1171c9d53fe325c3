"""The sweep: Cinch beside PyTorch over 100 drawn nets and 16 corners (sweep_nets.py), two threads each.

  bench/sweep.py RESULTS [--nets 0-9,100] [--json] [--table] [--list]

Ours are whole `cinch train` epochs as history.csv has them, theirs (peers/sweep_torch.py, one process for all)
the same rows in the same batches; both in turn, the best epoch of each. RESULTS has one JSON line a net, which
a net measured again replaces. --table measures nothing, --list names the nets, --json prints the lines for
the table. CINCH names the command (build/cinch).
"""
import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np

from sweep_nets import all_nets

HERE = os.path.dirname(os.path.abspath(__file__))
CINCH = os.environ.get("CINCH", os.path.join(HERE, "..", "build", "cinch"))
THREADS, ROUNDS = 2, 2
EPOCH_SECONDS, SIDE_SECONDS = 0.15, 1.2   # of theirs: of an epoch, of a round
MOST_EPOCHS, MOST_BYTES = 8, 256 << 20

# ---- Both sides --------------------------------------------------------------------------------------------


class Peer:
    def __init__(self):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "peers", "sweep_torch.py"),
                                         str(THREADS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, do, **more):
        """What it answers; the sweep ends where it does not."""
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"sweep: the peer ended with {self.process.wait()}, asked for {do} {more}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def write_rows(path, net, rows):
    np.save(path, np.random.default_rng(1).random((rows, *net.shape), dtype=np.float32))


def cinch_command(net, data, epochs, folder):
    return [CINCH, "train", "--train", data, "--scale", "none", "--encoder", net.encoder, "--decoder",
            net.decoder, "--loss", "mse", "--optimizer", f"{net.optimizer} lr=0.001", "--batch", str(net.batch),
            "--shuffle", "false", "--threads", str(THREADS), "--epochs", str(epochs), "--quiet", "-o", folder]


def cinch_epochs(command, folder):
    """Seconds of each epoch."""
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"sweep: {' '.join(command)}\n{run.stderr}")
    with open(os.path.join(folder, "history.csv"), encoding="utf-8") as lines:
        return [float(line["seconds"]) for line in csv.DictReader(lines)]


def measure(peer, number, net):
    made = peer.ask("net", shape=net.shape, encoder=net.encoder, decoder=net.decoder, batch=net.batch,
                    optimizer=net.optimizer)
    if made["parameters"] != net.weights:
        sys.exit(f"sweep: net {number} has {net.weights} weights, the peer's {made['parameters']}")
    step = made["step"]
    most_steps = max(1, MOST_BYTES // (4 * net.batch * math.prod(net.shape)))
    steps = min(most_steps, max(1, round(EPOCH_SECONDS / step)))
    epochs = min(MOST_EPOCHS, max(1, round(SIDE_SECONDS / (steps * step))))
    rounds = ROUNDS if step < 5 else 1
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="cinch-sweep-") as folder:
        data, run = os.path.join(folder, "rows.npy"), os.path.join(folder, "run")
        write_rows(data, net, steps * net.batch)
        peer.ask("data", path=data)
        for _ in range(rounds):
            theirs += peer.ask("epochs", count=epochs)["seconds"]
            ours += cinch_epochs(cinch_command(net, data, epochs, run), run)
    return {"net": number, "kind": net.kind, "title": net.title, "shape": net.shape, "encoder": net.encoder, "decoder": net.decoder,
            "batch": net.batch, "optimizer": net.optimizer, "steps": steps, "work": net.work,
            "weights": net.weights, "cinch_us": min(ours) / steps * 1e6, "torch_us": min(theirs) / steps * 1e6,
            "ratio": min(theirs) / min(ours)}


# ---- The table ---------------------------------------------------------------------------------------------


def print_line(line):
    print(f"{line['net']:4} {line['cinch_us']:12.1f} {line['torch_us']:12.1f} {line['ratio']:8.2f} "
          f"{line['work'] / line['cinch_us'] / 1e3:8.1f}  {line['title']}", flush=True)


def print_heading():
    print(f"{'net':>4} {'cinch, us':>12} {'PyTorch, us':>12} {'ratio':>8} {'GFLOP/s':>8}  what it is")


def print_sums(lines):
    for kind, of in (("all", lines), *((kind, [line for line in lines if line["kind"] == kind])
                                       for kind in ("dense", "conv"))):
        ratios = sorted(line["ratio"] for line in of)
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            print(f"{kind}: {len(ratios)} nets, geometric mean {mean:.2f}, least {ratios[0]:.2f}, "
                  f"{sum(ratio < 0.9 for ratio in ratios)} below 0.9")
    print("the worst five:")
    for line in sorted(lines, key=lambda line: line["ratio"])[:5]:
        print_line(line)


# ---- What is asked -----------------------------------------------------------------------------------------


def read_numbers(text, count):
    numbers = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return [number for number in numbers if number < count]


def read_results(path):
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as lines:
        return {line["net"]: line for line in map(json.loads, lines)}


def write_results(path, results):
    with open(path + ".tmp", "w", encoding="utf-8") as lines:
        for number in sorted(results):
            lines.write(json.dumps(results[number]) + "\n")
    os.replace(path + ".tmp", path)


def main():
    parser = argparse.ArgumentParser(prog="sweep", description="Cinch beside PyTorch over 116 nets")
    parser.add_argument("results")
    parser.add_argument("--nets", help="numbers and ranges, as 0-9,100 (all)")
    parser.add_argument("--json", action="store_true", help="JSON lines for the table")
    parser.add_argument("--table", action="store_true", help="measures nothing")
    parser.add_argument("--list", action="store_true", help="names the nets")
    options = parser.parse_args()
    nets, results = all_nets(), read_results(options.results)
    numbers = read_numbers(options.nets or f"0-{len(nets) - 1}", len(nets))
    if options.list:
        for number in numbers:
            print(f"{number:4} {nets[number].work / 1e6:12.3f} M  {nets[number].title}")
        return
    if not options.json:
        print_heading()
    if options.table:
        shown = [results[number] for number in numbers if number in results]
    else:
        peer, shown = Peer(), []
    for number in numbers if not options.table else []:
        results[number] = measure(peer, number, nets[number])
        write_results(options.results, results)
        shown.append(results[number])
        if not options.json:
            print_line(results[number])
    if not options.table:
        peer.close()
    if options.json:
        for line in shown:
            print(json.dumps(line))
        return
    if options.table:
        for line in shown:
            print_line(line)
    print_sums(shown)


main()
