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
const wallsOf = ({ walls }) => walls.map((ends, n) => ({ id: String(n + 1), ends }));

export class Refused extends Error {}

export class Plan {
  constructor({ store, csrf, plan, zones, gateways, fixtures }, changed, say) {
    this.store = store;
    this.size = { width_m: plan.width_m, height_m: plan.height_m };
    this.etag = plan.etag;
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
    this._takeWalls(plan);
  }

  get path() {
    return `/v1/stores/${this.store.id}/plan`;
  }

  get hasSize() {
    return this.etag !== null;
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
    return this.inTurn(() => this._save(key, value));
  }

  // Whether the floor is so large now; the server knows what would lie outside.
  async resize(size) {
    let isSaved = false;
    await this.inTurn(async () => {
      try {
        await this._send({ ...size, walls: this._walls() });
        this.size = size;
        isSaved = true;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        this._say(error.message);
      }
    });
    return isSaved;
  }

  // After whatever is on its way: what is sent last is what stands.
  inTurn(work) {
    this.waiting += 1;
    this._changed();
    this._last = this._last.then(work).finally(() => {
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
    if (item.kind === "wall") return void (await this._saveWall(key, item, value));
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

  // ---- walls: each is a thing of its own here, and all of them together are part of the plan there ----

  _walls(changed, value) {
    const all = [...this.items].filter(([, { kind }]) => kind === "wall");
    return all.map(([key, { saved }]) => (key === changed ? value : saved)).filter(Boolean).map(({ ends }) => ends);
  }

  _takeWalls(plan) {
    for (const [key, { kind }] of this.items) if (kind === "wall") this.items.delete(key);
    for (const value of wallsOf(plan)) this.items.set(`wall:${value.id}`, { kind: "wall", value, saved: value });
  }

  async _send(floor) {
    const held = this.hasSize ? { "If-Match": this.etag } : { "If-None-Match": "*" };
    const answer = await this.send("PUT", this.path, JSON.stringify(floor), held);
    this.etag = answer.headers.get("ETag");
  }

  async _saveWall(key, item, value) {
    try {
      await this._send({ ...this.size, walls: this._walls(key, value) });
      if (value === null) this.items.delete(key);
      else item.saved = value;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 412) return void (await this._othersWalls(error));
      await this._back(key, item, this.path, error);
    }
  }

  async _othersWalls(error) {
    const answer = await this.send("GET", this.path).catch(() => null);
    if (answer) {
      const { plan } = await answer.json();
      this.etag = answer.headers.get("ETag");
      this.size = { width_m: plan.width_m, height_m: plan.height_m };
      this._takeWalls(plan);
    }
    for (const steps of ["undoable", "redoable"]) this[steps] = this[steps].filter(({ key }) => !key.startsWith("wall:"));
    this._say(`${error.message} The floor as it is now is shown: do yours again if it still fits.`);
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
