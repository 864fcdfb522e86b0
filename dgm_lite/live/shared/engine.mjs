// Runs a model that export() of export.py wrote, in float32, one operator after another.
import { readGraph } from "./onnx_file.mjs";
import { OPERATORS } from "./operators.mjs";
import { reuse } from "./tensors.mjs";

export const operators = Object.keys(OPERATORS);

// const model = new Model(bytes); model.run({x: {dims: [1, 2], data: [0.5, -1]}}).log_prob.data[0]
export class Model {
  constructor(bytes) {
    const { nodes, constants, inputs, outputs } = readGraph(bytes);
    const missing = new Set(nodes.map(({ operator }) => operator).filter((name) => !OPERATORS[name]));
    if (missing.size) throw new Error(`engine: unsupported operator ${[...missing].join(", ")}`);
    this.values = constants;
    this.inputs = inputs.filter((name) => !constants.has(name));
    this.outputs = outputs;
    this.nodes = nodes.filter((node) => !this.isConstant(node));
  }

  // What depends on constants only is computed once, when the model is read.
  isConstant(node) {
    const constant = node.inputs.every((name) => name === "" || this.values.has(name));
    if (constant) this.step(node);
    return constant;
  }

  step(node) {
    reuse((node.arrays ??= []));
    const inputs = node.inputs.map((name) => this.values.get(name));
    const outputs = OPERATORS[node.operator](node.attributes, inputs, node.outputs.length);
    [outputs].flat().forEach((tensor, i) => this.values.set(node.outputs[i], tensor));
  }

  run(feeds) {
    for (const name of this.inputs) {
      const got = Object.keys(feeds);
      if (!feeds[name]) throw new Error(`engine: the model needs an input "${name}", got ${got}`);
      const { dims, data } = feeds[name];
      this.values.set(name, { dims, data: Float32Array.from(data) });
    }
    for (const node of this.nodes) this.step(node);
    return Object.fromEntries(this.outputs.map((name) => {
      const { dims, data } = this.values.get(name);
      return [name, { dims, data: data.slice() }];
    }));
  }
}
