// The client's half: pays from a wallet of `farthing`, which runs as a child process and is told what to pay on its standard input.

import { spawn } from "node:child_process";

/** The scheme of x402: exactly this amount. */
const SCHEME = "exact";

/** The exit code of a wallet that another process has open. */
const LOCKED = 5;

/** What `x402Client.register("farthing:*", …)` takes. */
export class FarthingClientScheme {
  scheme = SCHEME;

  /** One wallet does one thing at a time. */
  #last = Promise.resolve();

  /**
   * @param {object} options
   * @param {string} options.maxAmount The most that one payment may cost, such as `"0.10"`, in the unit.
   * @param {string} options.unit The unit's code, such as `"EUR"`.
   * @param {number} [options.decimals] The unit's decimals. Two, unless the mint says otherwise.
   * @param {string} [options.command] The program. It is never run through a shell.
   * @param {string[]} [options.args] More options of `farthing wallet`, such as `["--dir", "/home/me/wallet"]`.
   * @param {number} [options.patience] For how many milliseconds to wait for a wallet that is in use.
   */
  constructor({ maxAmount, unit, decimals = 2, command = "farthing", args = [], patience = 10_000 }) {
    if (typeof maxAmount !== "string") throw new TypeError('maxAmount: the most that one payment may cost, such as "0.10"');
    if (typeof unit !== "string") throw new TypeError('unit: the code of a unit, such as "EUR"');
    this.unit = unit;
    this.decimals = decimals;
    this.run = { command, patience, args: ["wallet", ...args, "pay", "--x402", "-", "--json", "--quiet",
      "--max-amount", maxAmount, "--unit", unit] };
  }

  /** Tells the library's spend controls how amounts of the unit are written. Their cap counts in it: `"$1"` is one of the unit. */
  findDefaultAsset(asset, network) {
    const known = asset === this.unit && network.startsWith("farthing:");
    return known ? { asset, decimals: this.decimals, symbol: asset.toUpperCase() } : undefined;
  }

  /** Makes the payment. What becomes of it, the wallet settles with the mint by itself. */
  async createPaymentPayload(x402Version, requirements, context = {}) {
    if (x402Version !== 2) throw new Error("Farthing is paid over x402 version 2");
    const { maxAmountPerPayment } = context;
    if (maxAmountPerPayment !== undefined && BigInt(requirements.amount) > BigInt(maxAmountPerPayment)) {
      throw new Error("the price is above the spend controls' limit");
    }
    const made = this.#last.then(() => pay(this.run, JSON.stringify(requirements)));
    this.#last = made.catch(() => {});
    const { payload } = await made;
    return { x402Version, payload };
  }
}

async function pay({ command, args, patience }, entry) {
  for (const until = Date.now() + patience; ;) {
    const { code, output } = await once(command, args, entry);
    const answer = read(output);
    if (code === 0 && answer.payload) return answer;
    const { code: reason = "failed", message = `it ended with ${code}` } = answer.error ?? {};
    if (code !== LOCKED || reason !== "wallet_in_use" || Date.now() > until) {
      throw new Error(`farthing wallet: ${message} (${reason})`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function read(output) {
  try {
    return JSON.parse(output);
  } catch {
    return {};
  }
}

function once(command, args, input) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], shell: false });
    const chunks = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output: Buffer.concat(chunks).toString("utf8") }));
    // Whoever ends before it has read everything says why with its exit code.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}
