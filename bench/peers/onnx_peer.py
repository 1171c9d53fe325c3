"""ONNX Runtime: the answers of two nets, whose ONNX files are made here node by node."""
import onnx
import onnxruntime
from onnx import helper, numpy_helper

import works

ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid"}


class Graph:
    """Nodes in a chain from `input` to `output`, each with the tensors that it alone reads."""

    def __init__(self):
        self.nodes, self.tensors, self.last = [], [], "input"

    def add(self, operator, *values, **attributes):
        names = [f"{operator}{len(self.nodes)}_{i}" if value is not None else "" for i, value in enumerate(values)]
        self.tensors += [numpy_helper.from_array(value, name) for value, name in zip(values, names) if name]
        following = f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [self.last, *names], [following], **attributes))
        self.last = following

    def model(self, shape):
        self.nodes[-1].output[0] = "output"
        ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["rows", *shape])
                for name in ("input", "output")]
        graph = helper.make_graph(self.nodes, "net", ends[:1], ends[1:], self.tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return model.SerializeToString()


def dense_model():
    work, graph = works.DENSE["mnist-dense"], Graph()
    for weight, activation in zip(work.weights(), work.activations()):
        graph.add("Gemm", weight, 0 * weight[0])
        graph.add(ACTIVATIONS[activation])
    return graph.model([784])


def conv_model():
    graph = Graph()
    for (_, _, activation, next_), weight in zip(works.CONVOLUTIONS, works.convolution_weights()):
        graph.add("Conv", weight, 0 * weight[:, 0, 0, 0], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        if activation:
            graph.add(ACTIVATIONS[activation])
        if next_ == "pool":
            graph.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        if next_ == "upsample":
            graph.add("Resize", None, works.np.array([1, 1, 2, 2], works.np.float32), mode="nearest",
                      coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    return graph.model([1, 28, 28])


def main():
    arguments = works.arguments()
    if not arguments.work.startswith("row"):
        works.not_for_it()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    bytes_ = conv_model() if arguments.work == "rows-conv" else dense_model()
    session = onnxruntime.InferenceSession(bytes_, options, providers=["CPUExecutionProvider"])
    works.time_answers(f"ONNX Runtime {onnxruntime.__version__}", arguments,
                       lambda rows: session.run(None, {"input": rows})[0])


main()
