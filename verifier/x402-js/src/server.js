// The server's half: prices in a mint's unit, for any server built on `x402ResourceServer`.

/** The scheme of x402: exactly this amount. */
const SCHEME = "exact";

/** The largest amount of Farthing, in smallest units. */
const MOST = 2n ** 63n - 1n;

/**
 * Asks a verifier which payments it settles.
 *
 * @param {string} facilitator Its address, such as `http://127.0.0.1:3339/x402`.
 * @returns {Promise<{network: string, payTo: string, asset: string, decimals: number}>}
 */
export async function discover(facilitator) {
  const answer = await fetch(`${facilitator.replace(/\/+$/, "")}/supported`, { redirect: "error" });
  if (!answer.ok) throw new Error(`the verifier answered with status ${answer.status}`);
  const { kinds } = await answer.json();
  const kind = kinds.find(({ x402Version, scheme, network }) =>
    x402Version === 2 && scheme === SCHEME && network.startsWith("farthing:"));
  if (!kind) throw new Error("this is not the facilitator of a Farthing verifier");
  const { payTo, asset, decimals } = kind.extra;
  return { network: kind.network, payTo, asset, decimals };
}

/** What `x402ResourceServer.register(network, …)` takes. */
export class FarthingServerScheme {
  scheme = SCHEME;
  defaultAssetTransferMethod = "default";

  /**
   * Settled first, served then: nobody can make a handler run twice for one payment. A route may choose otherwise with
   * `extra: { paymentFlow: "authorization" }`: then a payment stays spendable when its handler fails.
   */
  paymentFlows = { default: { supported: ["upfront", "authorization"], default: "upfront" } };

  /** @param {{asset: string, decimals: number}} unit The mint's unit, as `discover` tells it. */
  constructor({ asset, decimals }) {
    if (!/^[A-Za-z0-9_-]{1,16}$/.test(asset)) throw new TypeError("asset: the code of a unit, such as EUR");
    if (!Number.isInteger(decimals) || decimals < 0) throw new TypeError("decimals: a whole number");
    this.asset = asset;
    this.decimals = decimals;
  }

  /** `0.05`, `"0.05"`, `"0.05 EUR"`, or smallest units: `{ amount: "5", asset: "EUR" }`. Nothing is ever rounded. */
  async parsePrice(price, network) {
    const { amount, asset, extra = {} } = typeof price === "object"
      ? price
      : { amount: this.#units(String(price).trim()), asset: this.asset };
    if (asset !== this.asset) throw new Error(`the price is not in ${this.asset}, which is what ${network} is here`);
    if (!/^[1-9][0-9]{0,18}$/.test(amount) || BigInt(amount) > MOST) throw new Error("the price is zero, or no amount");
    return { amount, asset, extra };
  }

  /** Decimals, for whoever shows amounts. */
  getAssetDecimals(asset) {
    return asset === this.asset ? this.decimals : undefined;
  }

  /** Says at the start what would be refused later. */
  validateFacilitatorSupport(network, { extra = {} }) {
    if (extra.asset !== this.asset || extra.decimals !== this.decimals) {
      return `the verifier is paid in ${extra.asset} with ${extra.decimals} decimals, not in ${this.asset} with ${this.decimals}`;
    }
  }

  /** Refuses to ask for payments that the verifier would refuse. */
  async enhancePaymentRequirements(requirements, { extra = {} }) {
    const payTo = requirements.payTo.trim() || extra.payTo;
    if (payTo !== extra.payTo) throw new Error("payTo is not the payee of the verifier");
    return { ...requirements, payTo };
  }

  #units(price) {
    const match = /^(\$?)([0-9]+)(?:\.([0-9]+))?(?: +([A-Za-z0-9_-]+))?$/.exec(price);
    if (!match) throw new Error(`${price} is no price, such as "0.05 ${this.asset}"`);
    const [, dollar, whole, part = "", code = dollar ? "USD" : this.asset] = match;
    if (code !== this.asset) throw new Error(`${price} is not in ${this.asset}`);
    if (part.length > this.decimals) throw new Error(`${price} is finer than ${this.asset}, which has ${this.decimals} decimals`);
    return (whole + part.padEnd(this.decimals, "0")).replace(/^0+/, "");
  }
}
