// What stands on the plan, and the way to the server: every gesture is saved at once, in order, and can be undone.

const KINDS = {
  zone: { path: (store, id) => `/v1/stores/${store}/zones/${id}`, body: (value) => value, of: ({ zone }) => zone },
  gateway: {
    path: (store, id) => `/v1/stores/${store}/gateways/${id}`,
    body: (value) => ({ gateway: value }),
    of: ({ gateway }) => gateway,
  },
  fixture: { path: (_, id) => `/v1/beacons/${id}`, body: (value) => ({ beacon: value }), of: ({ beacon }) => beacon },
};

export class Refused extends Error {}

export class Plan {
  constructor({ store, csrf, zones, gateways, fixtures }, changed, say) {
    this.store = store;
    this.items = new Map();
    this.undoable = [];
    this.redoable = [];
    this.waiting = 0;
    this._csrf = csrf;
    this._changed = changed;
    this._say = say;
    this._last = Promise.resolve();
    for (const [kind, all] of Object.entries({ zone: zones, gateway: gateways, fixture: fixtures })) {
      for (const { value, etag } of all) this.items.set(`${kind}:${value.id}`, { kind, value, saved: value, etag });
    }
  }

  zones() {
    return [...this.items.values()].filter(({ kind, value }) => kind === "zone" && value.polygon_m.length > 2);
  }

  // Takes over `value` (null: nothing of that name any more) now, and tells the server; whatever it refuses is put back.
  change(key, value, remember = true) {
    const before = this.items.get(key)?.value ?? null;
    if (remember) {
      this.undoable.push({ key, before, after: value });
      this.redoable.length = 0;
    }
    this._take(key, value);
    this.waiting += 1;
    this._changed();
    this._last = this._last.then(() => this._save(key, value)).finally(() => {
      this.waiting -= 1;
      this._changed();
    });
    return this._last;
  }

  undo() {
    this._step(this.undoable, this.redoable, "before");
  }

  redo() {
    this._step(this.redoable, this.undoable, "after");
  }

  async send(method, path, body, headers = {}) {
    let answer;
    try {
      answer = await fetch(path, { method, body, headers: { "X-Footfall-CSRF": this._csrf, ...headers } });
    } catch {
      throw new Refused("The server does not answer. What you see is not saved; try again in a moment.");
    }
    if (answer.ok) return answer;
    if (answer.status === 401) throw new Refused("You were signed out meanwhile. Sign in in another tab, then go on here.");
    const told = await answer.json().catch(() => ({}));
    const refused = new Refused(told.detail ?? `The server refused it (${answer.status}).`);
    refused.status = answer.status;
    throw refused;
  }

  _step(from, to, side) {
    const step = from.pop();
    if (!step) return;
    to.push(step);
    this.change(step.key, step[side], false);
  }

  _take(key, value) {
    const kind = key.slice(0, key.indexOf(":"));
    const item = this.items.get(key) ?? { kind, saved: null, etag: null };
    if (value === null) item.gone = true;
    else Object.assign(item, { value, gone: false });
    if (value === null && item.saved === null) this.items.delete(key);
    else this.items.set(key, item);
  }

  async _save(key, value) {
    const item = this.items.get(key);
    if (!item) return;
    const path = KINDS[item.kind].path(this.store.id, key.slice(key.indexOf(":") + 1));
    const held = item.etag ? { "If-Match": item.etag } : { "If-None-Match": "*" };
    try {
      if (value === null) {
        await this.send("DELETE", path, undefined, held);
        this.items.delete(key);
      } else {
        const answer = await this.send("PUT", path, JSON.stringify(KINDS[item.kind].body(value)), held);
        Object.assign(item, { saved: value, etag: answer.headers.get("ETag") });
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await this._back(key, item, path, error);
    }
  }

  async _back(key, item, path, error) {
    this.undoable = this.undoable.filter((step) => step.key !== key);
    this.redoable = this.redoable.filter((step) => step.key !== key);
    const now = error.status === 412 ? await this._now(item, path) : item.saved;
    if (now === null) this.items.delete(key);
    else Object.assign(item, { value: now, saved: now, gone: false });
    this._say(error.status === 412 ? `${error.message} What stands there now is shown: do yours again if it still fits.` : error.message);
  }

  async _now(item, path) {
    try {
      const answer = await this.send("GET", path);
      item.etag = answer.headers.get("ETag");
      return KINDS[item.kind].of(await answer.json());
    } catch {
      return null;
    }
  }
}
