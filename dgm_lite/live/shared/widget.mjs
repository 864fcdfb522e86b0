// anywidget: the same figure in a notebook with a kernel, which gets the reader's choice back as `value`.
import { Figure } from "./figure.mjs";

export function render({ model, el }) {
  const host = document.createElement("div");
  const models = {};
  for (const [name, bytes] of Object.entries(model.get("models"))) {
    models[name] = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice();
  }
  host.addEventListener("dgm-change", (event) => {
    model.set("value", event.detail);
    model.save_changes();
  });
  el.append(host);
  new Figure(host, { kind: model.get("kind"), spec: model.get("spec"), markup: model.get("markup"), models });
}
