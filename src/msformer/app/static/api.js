// What the page asks of the program, and whether the program is there.

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

const listeners = [];

/** Call with true when the program answers, with false when it does not, and with the status 401 when it is another. */
export function onConnection(listener) {
  listeners.push(listener);
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    listeners.forEach((listener) => listener(false));
    throw new Refused(0, "msformer does not answer");
  }
  if (answer.status === 401) {
    listeners.forEach((listener) => listener("another"));
    throw new Refused(401, "msformer was started anew");
  }
  listeners.forEach((listener) => listener(true));
  if (answer.ok) return answer;
  let text = `error ${answer.status}`;
  try {
    text = (await answer.json()).error ?? text;
  } catch {
    // no words came with it
  }
  throw new Refused(answer.status, text);
}

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  return new URLSearchParams(given).toString();
}

export const address = (what, values) => `/api/${what}?${query(values)}`;

export async function get(what, values = {}) {
  return (await ask(address(what, values))).json();
}

export async function getBlob(what, values = {}) {
  return (await ask(address(what, values))).blob();
}

export async function getBuffer(what, values = {}) {
  return (await ask(address(what, values))).arrayBuffer();
}

export async function touch(what, values = {}) {
  await ask(address(what, values));
}

export async function post(what, body = {}) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(`/api/${what}`, { method: "POST", headers, body: JSON.stringify(body) })).json();
}
