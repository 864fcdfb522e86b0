// Reads an ONNX file (a protobuf) as export() of export.py writes it: operator set 18 or later, with axes and
// the like as inputs, and raw tensors.
//
// A tensor is {dims, data}: data is a Float32Array in row-major order. Integers and booleans are kept as
// floats too, which is exact up to 2^24: enough for shapes, indices and pixels.

const decoder = new TextDecoder();

// A message of the file: the bytes from `at` up to `end`.
class Reader {
  constructor(bytes, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  // A whole number of 64 bits, seven to a byte, the lowest first.
  varint() {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.bytes[this.at++];
      value |= BigInt(byte & 127) << shift;
      if (!(byte & 128)) return Number(BigInt.asIntN(64, value));
    }
  }

  // The message's values by field number, each a list.
  fields() {
    const fields = Array.from({ length: 32 }, () => []);
    while (this.at < this.end) {
      const key = this.varint();
      const value = this.value(key & 7);
      fields[key >> 3]?.push(value);
    }
    return fields;
  }

  // One value; what says its own length is a Reader.
  value(wireType) {
    if (wireType === 0) return this.varint();
    const size = wireType === 2 ? this.varint() : { 1: 8, 5: 4 }[wireType];
    if (size === undefined) throw new Error("engine: this is not an ONNX file");
    const start = this.at;
    this.at += size;
    if (wireType === 1) return this.view.getFloat64(start, true);
    if (wireType === 5) return this.view.getFloat32(start, true);
    return new Reader(this.bytes, start, this.at);
  }

  toString() {
    return decoder.decode(this.bytes.subarray(this.at, this.end));
  }
}

// Repeated integers arrive packed (a Reader) or one by one (a number).
function integers(value) {
  if (!(value instanceof Reader)) return value;
  const list = [];
  while (value.at < value.end) list.push(value.varint());
  return list;
}

function float16(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// ONNX element types -> how to read their raw bytes as float32.
const ELEMENTS = {
  1: (raw) => new Float32Array(raw),
  6: (raw) => Float32Array.from(new Int32Array(raw)),
  7: (raw) => Float32Array.from(new BigInt64Array(raw), Number),
  9: (raw) => Float32Array.from(new Uint8Array(raw)),
  10: (raw) => Float32Array.from(new Uint16Array(raw), float16),
  11: (raw) => Float32Array.from(new Float64Array(raw)),
};

function readTensor(reader) {
  const { 1: dims, 2: [type], 8: name, 9: [raw] } = reader.fields();
  if (!raw || !ELEMENTS[type]) {
    const without = raw ? "" : " without raw data";
    throw new Error(`engine: tensor "${name}" is of element type ${type}${without}, which is not supported`);
  }
  const data = ELEMENTS[type](raw.bytes.slice(raw.at, raw.end).buffer);
  return { name: String(name), dims: dims.flatMap(integers), data };
}

function readAttribute(reader) {
  const { 1: name, 2: [float], 3: [integer], 4: [words], 5: [tensor], 8: list } = reader.fields();
  const one = float ?? integer ?? words?.toString() ?? (tensor && readTensor(tensor));
  return [name, one ?? list.flatMap(integers)];
}

function readNode(reader) {
  const { 1: inputs, 2: outputs, 4: operator, 5: attributes } = reader.fields();
  return {
    operator: String(operator),
    inputs: inputs.map(String),
    outputs: outputs.map(String),
    attributes: Object.fromEntries(attributes.map(readAttribute)),
  };
}

// {nodes, constants: tensors by name, names of the inputs, names of the outputs}
export function readGraph(bytes) {
  const [graph] = new Reader(bytes).fields()[7];
  if (!graph) throw new Error("engine: this is not an ONNX model");
  const { 1: nodes, 5: tensors, 11: inputs, 12: outputs } = graph.fields();
  const names = (values) => values.map((value) => String(value.fields()[1]));
  return {
    nodes: nodes.map(readNode),
    constants: new Map(tensors.map(readTensor).map((tensor) => [tensor.name, tensor])),
    inputs: names(inputs),
    outputs: names(outputs),
  };
}
