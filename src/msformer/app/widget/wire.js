// The questions that the page asks over HTTP, as messages of the notebook.

import { inflated } from "../static/bits.js";

class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export class Wire {
  /** model: what the notebook shares with Python. Several views of one model hear all answers: each has its own ids. */
  constructor(model) {
    this.model = model;
    this.own = Math.random().toString(36).slice(2);
    this.count = 0;
    this.asked = new Map();
    this.hear = (said, buffers) => this.heard(said, buffers);
    model.on("msg:custom", this.hear);
  }

  end() {
    this.model.off("msg:custom", this.hear);
  }

  ask(what, values) {
    const id = `${this.own}-${++this.count}`;
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.model.send({ id, what, values });
    });
  }

  heard(said, buffers) {
    const one = this.asked.get(said.id);
    if (!one) return;
    this.asked.delete(said.id);
    if (said.error) one.reject(new Refused(said.status, said.error));
    else one.resolve(buffers?.length ? buffers[0] : said.answer);
  }

  get(what, values = {}) {
    return this.ask(what, values);
  }

  post(what, body = {}) {
    return this.ask(what, body);
  }

  touch(what, values = {}) {
    return this.ask(what, values);
  }

  async getBlob(what, values = {}) {
    return new Blob([await this.ask(what, values)]);
  }

  /** Numbers of 16 bits, which come deflated. */
  async getBuffer(what, values = {}) {
    const data = await this.ask(what, values);
    return (await inflated(data)).buffer;
  }
}
