'use strict';

// A request whose memory is charged to a budget of its own: the one that `requestArena({ budget:
// (req) => tenant })` returns for it, asked when it takes its first memory. What its windows may
// hand out, and what it adopts, is charged until its end. Buffers of V8's heap are not.

const { budgetOf } = require('../budget/budget.js');
const { budgetOption } = require('../budget/option.js');
const { Part } = require('../budget/share.js');
const { eachWindow } = require('../arena/arena.js');
const { Refusal } = require('../memory/refusal.js');
const { Request } = require('./request.js');

class TenantRequest extends Request {
  #part; // its Part of the budget, from the first memory on; null without a budget
  #bytes = 0;

  #tenant() {
    if (this.#part !== undefined) return this.#part;
    this.#part = null; // in case the user's function allocates
    const { tenantOf } = this.settings;
    try {
      const tenant = tenantOf(this.req) ?? null;
      if (tenant !== null) {
        this.#part = new Part(budgetOf(tenant, 'options.budget()'));
        this.#part.ledger.isTenant = true;
      }
    } catch (error) {
      this.#part = undefined;
      throw error;
    }
    return this.#part;
  }

  get room() {
    const part = this.#tenant();
    return part === null ? super.room : Math.min(super.room, part.room);
  }

  // First the part, which a later call sets right if this one is interrupted there.
  take(count) {
    this.#part?.set(this.#bytes + count);
    this.#bytes += count;
    super.take(count);
  }

  discharge(count) {
    this.#part?.set(this.#bytes - count);
    this.#bytes -= count;
    super.discharge(count);
  }

  /**
   * Returns false if the heap must serve, because the tenant's budget has no room: see
   * Request.refused().
   */
  makeRoom(size) {
    super.makeRoom(size);
    if (size <= this.room) return true;
    eachWindow(this.arena, (window) => window.giveWay());
    if (size <= this.room || this.#part.makeRoom(size)) return true;
    const refusal = new Refusal(this.#part.refusal(size));
    if (this.refused(refusal)) return false;
    throw refusal.error;
  }

  end(finished, mayBeRead) {
    this.#part?.release(); // first, because an interrupted end is repeated
    super.end(finished, mayBeRead);
  }
}

/** The settings of the option `budget`. */
function budgetSettings(value, name) {
  if (typeof value !== 'function')
    return { budget: budgetOption(value, name), tenantOf: null, Tenant: null };
  return { budget: null, tenantOf: value, Tenant: TenantRequest };
}

module.exports = { budgetSettings };
